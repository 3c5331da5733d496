"""The API against its own description: whatever is asked, no 5xx, and every answer is one that
the OpenAPI document declares. ``CHATCTL_PROOF=1`` runs the long form."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import declared
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from world import KEY, Server, running

PROOF = os.environ.get("CHATCTL_PROOF") == "1"
DESCRIPTION = schemathesis.openapi.from_dict(declared.description())
STREAMS = [
    "/management/events/stream",
    "/management/callbacks/tries",
    "/events/rooms/{room_id}",
]
# They never end; test_event_routes.py, test_try_stream.py and test_room_streams.py read from them.
OPERATIONS = {
    found.ok().label: found.ok() for found in DESCRIPTION.exclude(path=STREAMS).get_all_operations()
}
# What the description cannot say, such as which room ids exist, may be refused all the same.
JUNK = st.text(min_size=1).filter(lambda text: text not in (".", ".."))
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.specs.openapi.checks.status_code_conformance,
    schemathesis.specs.openapi.checks.content_type_conformance,
    schemathesis.specs.openapi.checks.response_schema_conformance,
    schemathesis.specs.openapi.checks.response_headers_conformance,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("described")
    with running(directory, API_KEY_FAILURES_PER_MINUTE="0", LOG_LEVEL="error") as server:
        yield server
        assert "Traceback" not in server.log.read_text()


def test_every_route_is_described(described: Server) -> None:
    served = described.http.get("/schema/openapi.json").json()
    assert served["paths"].keys() == DESCRIPTION.raw_schema["paths"].keys()
    assert "/management/events/stream" in served["paths"]


@pytest.mark.parametrize("label", OPERATIONS)
@settings(
    max_examples=300 if PROOF else 12,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_answer_is_a_described_one(described: Server, label: str, data: Any) -> None:
    case = data.draw(OPERATIONS[label].as_strategy())
    if "room_id" in case.path_parameters:
        match data.draw(st.sampled_from(["described", "there", "junk"])):
            case "there":
                case.path_parameters["room_id"] = described.create_room().id
            case "junk":
                case.path_parameters["room_id"] = quote(data.draw(JUNK), safe="")
    answer = case.call(base_url=described.url, headers={"X-Api-Key": KEY})
    case.validate_response(answer, checks=CHECKS)
