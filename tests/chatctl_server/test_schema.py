"""The API against its own description: whatever is asked, no 5xx, and every answer is one that
the OpenAPI document declares. ``CHATCTL_PROOF=1`` runs the long form."""

import functools
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import declared
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from world import KEY, Server, running

PROOF = os.environ.get("CHATCTL_PROOF") == "1"
STREAMS = [
    "/management/events/stream",
    "/management/callbacks/tries",
    "/events/rooms/{room_id}",
]
# They never end; test_event_routes.py, test_try_stream.py and test_room_streams.py read from them.
LABELS = [
    f"{method.upper()} {path}"
    for path, methods in declared.description()["paths"].items()
    if path not in STREAMS
    for method in methods
]
# What the description cannot say, such as which room ids exist, may be refused all the same.
JUNK = st.text(min_size=1).filter(lambda text: text not in (".", ".."))


@functools.cache
def operations() -> dict[str, Any]:
    """By their labels. To import what reads them takes a second, which every worker would need."""
    import schemathesis

    described = schemathesis.openapi.from_dict(declared.description())
    found = described.exclude(path=STREAMS).get_all_operations()
    return {each.ok().label: each.ok() for each in found}


def checks() -> list[Any]:
    import schemathesis

    of_openapi = schemathesis.specs.openapi.checks
    return [
        schemathesis.checks.not_a_server_error,
        of_openapi.status_code_conformance,
        of_openapi.content_type_conformance,
        of_openapi.response_schema_conformance,
        of_openapi.response_headers_conformance,
    ]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("described")
    with running(directory, API_KEY_FAILURES_PER_MINUTE="0", LOG_LEVEL="error") as server:
        yield server
        assert "Traceback" not in server.log.read_text()


def test_every_route_is_described(described: Server) -> None:
    served = described.http.get("/schema/openapi.json").json()
    assert served["paths"].keys() == declared.description()["paths"].keys()
    assert "/management/events/stream" in served["paths"]
    assert sorted(operations()) == sorted(LABELS)


@pytest.mark.parametrize("label", LABELS)
@settings(
    max_examples=300 if PROOF else 6,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_answer_is_a_described_one(described: Server, label: str, data: Any) -> None:
    case = data.draw(operations()[label].as_strategy())
    if "room_id" in case.path_parameters:
        match data.draw(st.sampled_from(["described", "there", "junk"])):
            case "there":
                case.path_parameters["room_id"] = described.create_room().id
            case "junk":
                case.path_parameters["room_id"] = quote(data.draw(JUNK), safe="")
    answer = case.call(base_url=described.url, headers={"X-Api-Key": KEY})
    case.validate_response(answer, checks=checks())
