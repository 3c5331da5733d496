"""The API against its own description: whatever is asked, no 5xx, and every answer is one that
the OpenAPI document declares. ``CHATCTL_PROOF=1`` runs the long form."""

import functools
import itertools
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import declared
import provoked
import pytest
from filing import FORM, form
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from people import PASSWORD, bearer, email
from provoked import Asked
from team import SECRET, SETTINGS, Town
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
LABELS = sorted(
    f"{method.upper()} {path}"
    for path, methods in declared.description()["paths"].items()
    if path not in STREAMS
    for method in methods
)
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
        made = self._post("/api/visitors", json={"site": "default"})
        self._visitor = {"X-Site-Key": "default", "X-Visitor-Token": made["visitor_token"]}

    def headers(self, path: str) -> dict[str, str]:
        """Of somebody whom no other call can sign out."""
        if not path.startswith(("/api/", "/files/")):
            return {"X-Api-Key": KEY}
        village = self.village
        if path.endswith("/rating"):
            return self._visitor
        if "logout" in path:
            return bearer(self.sign_in("Carl")["token"])
        who = village.bert if path.endswith("/leave") else village.anna  # who owns all chats
        return bearer(who.token_of(f"login-{next(self._numbers)}"))

    def sign_in(self, name: str) -> dict[str, Any]:
        body = {"email": email(name), "password": PASSWORD}
        return dict(self._post("/api/signin", json=body))

    def there(self, path: str) -> dict[str, Any]:
        """By the names of the parameters."""
        is_desk = path.startswith(declared.OF_DESK)
        return self._at_desk(path) if is_desk else self._in_team(path)

    def _in_team(self, path: str) -> dict[str, Any]:
        if path.startswith(("/files", "/api/files")):
            names = "workspace_id", "first", "second", "name"
            return dict(zip(names, self._url.removeprefix("/files/").split("/"), strict=True))
        if "{room_id}" in path:
            return {"room_id": self.server.create_room().id}
        if "{chat_id}" in path or "{message_id}" in path:
            return self._talk()
        if "{sid}" in path:
            self.sign_in("Anna")
            return {"sid": self._ask("GET", "/api/users/me/sessions")[-1]["sid"]}
        if path.endswith("/workspaces/{workspace_id}"):
            made = self._post("/api/workspaces", json={"name": f"{next(self._numbers)}"})
            return {"workspace_id": made["id"]}
        found: dict[str, Any] = {"workspace_id": self.village.acme.number}
        if "{code}" in path:
            found["code"] = self._invite()
        if "{user_id}" in path:
            found["user_id"] = self._newcomer()
        return found

    def filled(self, path: str, given: Asked) -> Asked:
        """The request of an example, with a body of what is there."""
        is_desk = path.startswith(declared.OF_DESK)
        return self._filled_at_desk(path, given) if is_desk else self._filled_in_team(path, given)

    def _filled_at_desk(self, path: str, given: Asked) -> Asked:
        if path == "/api/canned-responses":
            return given._replace(headers=given.headers | {"X-Workspace-Id": "0"})
        if path == "/api/visitors":
            return given._replace(body={"site": "default"})
        if path.endswith("/status"):
            return given._replace(body={"status": "closed"})
        if path.endswith("/assignee"):
            return given.saying(assignee_id=f"u{self.village.anna.id}")
        if path.endswith("/files"):
            headers = {**given.headers, "Content-Type": FORM}
            return given._replace(content=form([("a.txt", b"hello")]), headers=headers)
        return given

    def _filled_in_team(self, path: str, given: Asked) -> Asked:
        village, number = self.village, next(self._numbers)
        if path == "/api/upload":
            headers = {**given.headers, "Content-Type": FORM}
            return given._replace(content=form([("a.txt", b"hello")]), headers=headers)
        if "refresh" in path:
            return given.saying(refresh_token=self.sign_in("Anna")["refresh_token"])
        if path.endswith("/workspaces/{workspace_id}"):
            given = given._replace(query={"force": "true"})
        if given.body is None:
            return given
        found: dict[str, Any] = {
            "name": f"new {number}",
            "owner": village.anna.id,
            "members": [village.bert.id, village.dora.id],
            "user_id": village.dora.id,
        }
        if "signin" not in path:
            found["email"] = email(f"new-{number}")
        if "code" in given.body:
            is_reset = path == "/api/password-reset"
            found["code"] = village.reset_code if is_reset else self._invite()
        return given.saying(**{each: found[each] for each in given.body.keys() & found.keys()})

    def _at_desk(self, path: str) -> dict[str, Any]:
        """A conversation of a new site; to be rated, one of the visitor's that is closed."""
        site = self._post("/api/sites", json={"name": "shop", "workspace_id": 0})
        if path.endswith("/rating"):
            opened = self._post("/api/conversations", headers=self._visitor, json={})
            closing = f"/api/conversations/{opened['id']}/status"
            self._ask("PUT", closing, headers=self._visitor, json={"status": "closed"})
        else:
            opened = self._post("/api/conversations", json={"site_id": site["id"]})
        one = f"/api/conversations/{opened['id']}"
        found = {
            "conversation_id": opened["id"],
            "customer_id": opened["customer_id"],
            "site_id": site["id"],
            "site": site["key"],
        }
        if "/messages" in path:
            said = self._post(f"{one}/messages", json={"content": "hello"})
            found["message_id"] = found["before"] = said["id"]
        if "{canned_id}" in path:
            canned = {"title": "hello", "content": "hello", "workspace_id": 0}
            found["canned_id"] = self._post("/api/canned-responses", json=canned)["id"]
        if path.startswith("/files/"):
            sent = {"files": [("file", ("a.txt", b"hello"))]}
            (url,) = self._post(f"{one}/files", **sent)
            _, found["first"], found["second"], found["name"] = url.rsplit("/", 3)
        return found

    def _invite(self) -> str:
        path = f"/api/workspaces/{self.village.acme.number}/invites"
        return str(self._post(path, json={})["code"])

    def _newcomer(self) -> int:
        """In acme."""
        name = f"new-{next(self._numbers)}"
        body = {"fullname": name, "email": email(name), "password": PASSWORD}
        made = self._post("/api/signup", json={**body, "invite_code": self._invite()})
        return int(made["user"]["id"])

    def _talk(self) -> dict[str, int]:
        """A new chat of Anna's with a message, where Bert is, too."""
        bert = self.village.bert
        body = {"name": f"{next(self._numbers)}", "type": "PublicChannel"}
        chat = self._post("/api/chat", json=body)["id"]
        self._post(f"/api/chat/{chat}/members", json=[bert.id])
        said = self._post(f"/api/chat/{chat}/messages", json={"content": "hello"})
        return {"chat_id": chat, "message_id": said["id"], "member_id": bert.id}

    def _post(self, path: str, **sent: Any) -> Any:
        return self._ask("POST", path, **sent)

    def _ask(self, method: str, path: str, **sent: Any) -> Any:
        own = self._from_elsewhere() if path == "/api/signin" else self.headers(path)
        headers = sent.pop("headers", own)
        answer = self.server.http.request(method, path, headers=headers, **sent)
        assert answer.is_success, answer.text
        return answer.json()

    def _from_elsewhere(self) -> dict[str, str]:
        """From where no example has failed to sign in."""
        high, low = divmod(next(self._numbers), 250)
        return {"X-Forwarded-For": f"10.0.{high}.{low + 1}"}


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
    rooms = {"ROOM_TOKEN_SECRET": SECRET, "TRUSTED_PROXIES": "127.0.0.1"}
    settings = {**SETTINGS, **rooms, "API_KEY_FAILURES_PER_MINUTE": "0", "LOG_LEVEL": "error"}
    settings |= {"VISITORS_PER_MINUTE": "0"}
    with running(directory, **settings) as server:
        yield Scene(server, village)
        assert "Traceback" not in server.log.read_text()


def test_every_route_is_described(scene: Scene) -> None:
    served = scene.server.http.get("/schema/openapi.json").json()
    assert served["paths"].keys() == declared.description()["paths"].keys()
    assert set(STREAMS) < served["paths"].keys()
    assert sorted(operations()) == sorted(LABELS)


def test_what_an_example_shows_succeeds_as_described(scene: Scene) -> None:
    """Of team chat. Those of rooms are the ones that test_declared_problems.py spoils."""
    wrong = []
    for asked in provoked.operations(lambda path: path.startswith(declared.OF_TEAM)).values():
        if asked.path in STREAMS:
            continue
        given = asked.asked(scene.headers(asked.path), **scene.there(asked.path))
        given = scene.filled(asked.path, given)
        answer = scene.server.http.request(**asked.sent(given))
        if not answer.is_success:
            wrong.append((asked.name, answer.status_code, answer.text))
        operations()[f"{asked.method} {asked.path}"].validate_response(answer)
    assert wrong == []


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
