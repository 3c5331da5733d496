"""The API against its own description: whatever is asked, no 5xx, and every answer is one that
the OpenAPI document declares. ``CHATCTL_PROOF=1`` runs the long form."""

import functools
import itertools
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import declared
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from team import SETTINGS, Town
from village import Village
from world import KEY, Server, running

PROOF = os.environ.get("CHATCTL_PROOF") == "1"
STREAMS = [
    "/management/events/stream",
    "/management/callbacks/tries",
    "/events/rooms/{room_id}",
    "/api/notifications/events",
]
# They never end; test_event_routes.py, test_try_stream.py, test_room_streams.py and
# test_live_chats.py read from them.
LABELS = [
    f"{method.upper()} {path}"
    for path, methods in declared.description()["paths"].items()
    if path not in STREAMS
    for method in methods
]
# What the description cannot say, such as which ids there are, may be refused all the same.
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


class Scene:
    """The village on a server, for whoever may do most in it. What an operation may take away is
    made anew for it."""

    def __init__(self, server: Server, village: Village) -> None:
        self.server, self.village = server, village
        self._numbers = itertools.count()
        sent = {"files": [("file", ("a.txt", b"hello"))]}
        (self._url,) = self._post("/api/upload", **sent)

    def headers(self, path: str) -> dict[str, str]:
        """Of somebody whom no other call can sign out."""
        if not path.startswith(declared.OF_TEAM):
            return {"X-Api-Key": KEY}
        village = self.village
        who = village.carl if path in ("/api/logout-all", "/api/logout_all") else village.anna
        token = who.token_of(f"login-{next(self._numbers)}")
        return {"Authorization": f"Bearer {token}"}

    def there(self, path: str) -> dict[str, Any]:
        """By the names of the parameters."""
        if path.startswith(("/files", "/api/files")):
            names = "workspace_id", "first", "second", "name"
            return dict(zip(names, self._url.removeprefix("/files/").split("/"), strict=True))
        if "{room_id}" in path:
            return {"room_id": self.server.create_room().id}
        if "{chat_id}" in path or "{message_id}" in path:
            return self._talk()
        if path == "/api/workspaces/{workspace_id}":
            made = self._post("/api/workspaces", json={"name": f"{next(self._numbers)}"})
            return {"workspace_id": made["id"]}
        village = self.village
        return {"workspace_id": village.acme.number, "user_id": village.dora.id}

    def _talk(self) -> dict[str, int]:
        """A new chat with a message."""
        body = {"name": f"{next(self._numbers)}", "type": "PrivateChannel"}
        chat = self._post("/api/chat", json=body)["id"]
        said = self._post(f"/api/chat/{chat}/messages", json={"content": "hello"})
        return {"chat_id": chat, "message_id": said["id"], "member_id": self.village.bert.id}

    def _post(self, path: str, **sent: Any) -> Any:
        answer = self.server.http.post(path, headers=self.headers(path), **sent)
        assert answer.is_success, answer.text
        return answer.json()


def _skip_numbers(tx: Any, _: Any) -> None:
    """Those that chance finds are nobody's: it deletes no account that the test needs."""
    for _ in range(1000):
        tx.take("account")
        tx.take("workspace")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("described")
    town = Town(directory / "chat.db")
    town.scene.run(_skip_numbers)
    village = Village(town)
    town.close()
    settings = {**SETTINGS, "API_KEY_FAILURES_PER_MINUTE": "0", "LOG_LEVEL": "error"}
    with running(directory, **settings) as server:
        yield Scene(server, village)
        assert "Traceback" not in server.log.read_text()


def test_every_route_is_described(scene: Scene) -> None:
    served = scene.server.http.get("/schema/openapi.json").json()
    assert served["paths"].keys() == declared.description()["paths"].keys()
    assert set(STREAMS) < served["paths"].keys()
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
def test_every_answer_is_a_described_one(scene: Scene, label: str, data: Any) -> None:
    operation = operations()[label]
    case = data.draw(operation.as_strategy())
    match data.draw(st.sampled_from(["described", "there", "junk"])):
        case "there":
            found = scene.there(operation.path)
            case.path_parameters |= {
                name: found.get(name, value) for name, value in case.path_parameters.items()
            }
        case "junk":
            names = case.path_parameters
            case.path_parameters = {name: quote(data.draw(JUNK), safe="") for name in names}
    headers = scene.headers(operation.path)
    answer = case.call(base_url=scene.server.url, headers=headers)
    case.validate_response(answer, checks=checks())
