"""Every problem that an operation of rooms or of the operator's declares is provoked, so none is
declared for nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import declared
import httpx
import pytest
from application import in_process
from provoked import MAX_BODY_BYTES, OF_THE_STORE, Asked, met_of_the_store, operations, surprises
from world import KEY, Room, Server, running

from chatctl_server.domain import tokens

UNKNOWN = "00000000-0000-4000-8000-000000000000"
DECLARED = operations(lambda path: not path.startswith(declared.OF_OTHERS))
Ids = dict[str, str]  # by the parameter's name
ENDPOINT = "/management/callbacks"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
ROOM_SECRET = "a-secret-of-at-least-32-bytes-for-hs256"
# They never end, and ask the store as list_events and a WebSocket do.
STREAMS = ("follow_events", "follow_room")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "API_KEY_FAILURES_PER_MINUTE": "1",
        "METRICS_KEY": "the-metrics-key",
        "ROOM_IDENTITY": "token",
        "ROOM_TOKEN_SECRET": ROOM_SECRET,
        "CORS_ORIGINS": "https://chat.example",
        "MAX_CONNECTIONS": "1",
        "MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        "CHAT_HISTORY_CALLBACK_URL": "http://no-such-host.invalid/",
        "CHAT_HISTORY_BATCH_INTERVAL_SECONDS": "0",
    }
    with running(tmp_path_factory.mktemp("strict"), **settings) as server:
        yield server


@pytest.fixture(scope="module")
def client(strict: Server) -> Iterator[httpx.Client]:
    """Without a key of its own. After a body that is too large the server closes the connection."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=strict.url, trust_env=False, limits=limits) as found:
        yield found


@pytest.fixture(scope="module")
def lobby(strict: Server) -> Room:
    room = strict.create_room()
    room.ban("mallory")
    return room


@pytest.fixture(scope="module")
def ids(strict: Server, lobby: Room) -> Ids:
    endpoint_id, delivery_id = add_endpoint(strict.http)
    return {
        "key_id": make_key(strict.http, "of the examples")["id"],
        "room_id": lobby.id,
        "room": lobby.id,
        "endpoint_id": endpoint_id,
        "delivery_id": delivery_id,
    }


def make_key(http: httpx.Client, name: str) -> dict[str, Any]:
    made = http.post("/management/keys", json={"name": name, "scopes": ["support"], "workspace": 0})
    return dict(made.json())


def add_endpoint(http: httpx.Client, **others: str) -> tuple[str, str]:
    """That of the examples, and a sample for it."""
    hook = {**(body("add_endpoint") or {}), **others}
    made = http.post(ENDPOINT, json=hook).json()["endpoint_id"]
    (sample,) = http.post(f"{ENDPOINT}/{made}/test").json()["delivery_ids"]
    return made, sample


def asked(name: str, ids: Ids) -> Asked:
    """As the description shows it."""
    given = DECLARED[name].asked({"X-Api-Key": KEY}, **ids)
    if name == "follow_room":
        given.query["token"] = token(given.query["user_id"])
    return given


def body(name: str) -> Any:
    return DECLARED[name].body()


def token(user_id: str) -> str:
    return tokens.mint(tokens.TokenClaims(user_id, expires_at=2**32), ROOM_SECRET, 0.0)


class Provocation:
    """How a request that would succeed gets each code: a method for each."""

    def __init__(self, name: str, server: Server, ids: Ids) -> None:
        self._name = name
        self._server = server
        self._given = asked(name, ids)

    def unauthorized(self) -> Asked:
        return self._given._replace(headers={}, query={})

    def not_allowed(self) -> Asked:
        key = make_key(self._server.http, f"not for {self._name}")["key"]
        return self._given._replace(headers={"X-Api-Key": key})

    def name_taken(self) -> Asked:
        make_key(self._server.http, "taken")
        return self._given._replace(body={**(self._given.body or {}), "name": "taken"})

    def workspace_not_found(self) -> Asked:
        wanted = {"scopes": ["team"], "workspace": 404}
        return self._given._replace(body={**(self._given.body or {}), **wanted})

    def key_not_found(self) -> Asked:
        return self._elsewhere("key_0000000000000000", "key_id")

    def forbidden(self) -> Asked:
        return self._given._replace(headers={"Origin": "https://elsewhere.example"})

    def connection_limit(self) -> Asked:
        self._server.join(self._given.path["room_id"], "first", token=token("first"))
        return self._given

    def throttled(self) -> Asked:
        """The one failure of this minute comes before it."""
        self._server.http.get("/management/rooms", headers={"X-Api-Key": "wrong"})
        return self._given._replace(headers={"X-Api-Key": "wrong"})

    def version_mismatch(self) -> Asked:
        return self._given._replace(headers={**self._given.headers, "X-Chatctl-Version": "999.0.0"})

    def too_large(self) -> Asked:
        return self._given.too_large()

    def room_not_found(self) -> Asked:
        return self._elsewhere(UNKNOWN)

    def room_closed(self) -> Asked:
        closed = self._server.create_room()
        self._server.http.delete(closed.path)
        return self._elsewhere(closed.id)

    def resync_required(self) -> Asked:
        query = {"room": self._server.create_room().id, "after_seq": 1}
        return self._given._replace(query=query)

    def invalid_input(self) -> Asked:
        if self._given.body is not None:
            return self._given.unreadable()
        for name in self._given.path.keys() & {"room_id", "endpoint_id", "delivery_id", "key_id"}:
            return self._elsewhere("no-uuid", name)
        if "user_id" in self._given.path:
            return self._elsewhere("x" * 256, "user_id")
        return self._given._replace(query=dict.fromkeys(("limit", "after", "seconds"), "many"))

    def bad_text(self) -> Asked:
        if self._name == "follow_room":
            return self._given._replace(query={**self._given.query, "nickname": "\0"})
        if self._name == "list_messages":
            return self._given._replace(query={**self._given.query, "user_id": "\0"})
        if self._given.body is None:
            return self._given._replace(path={**self._given.path, "user_id": "%FF"})
        name, value = next(iter(self._given.body.items()), ("reason", ""))
        bad = ["\0"] if isinstance(value, list) else "\0"
        return self._given._replace(body={**self._given.body, name: bad})

    def banned(self) -> Asked:
        return self._given._replace(body={**(self._given.body or {}), "user_id": "mallory"})

    def not_found(self) -> Asked:
        return self._given._replace(path={**self._given.path, "message_id": "no-number"})

    def message_not_found(self) -> Asked:
        return self._given._replace(path={**self._given.path, "message_id": 999})

    def endpoint_not_found(self) -> Asked:
        return self._elsewhere(UNKNOWN, "endpoint_id")

    def ambiguous(self) -> Asked:
        path, key, name = f"{ENDPOINT}/deliveries", "delivery_id", "before"
        if self._name in ("list_events", "follow_events"):
            path, key, name = "/management/events", "event_id", "after"
        else:
            add_endpoint(self._server.http, url=f"https://hooks.example/{self._name}")
        found = self._server.http.get(path, params={"limit": 1, "tail": "true"}).json()
        return self._elsewhere(found[0][key][:8], key if key in self._given.path else name)

    def delivery_not_found(self) -> Asked:
        if self._name == "list_deliveries":
            return self._elsewhere(UNKNOWN[:8], "before")
        return self._elsewhere(UNKNOWN, "delivery_id")

    def conflict(self) -> Asked:
        http = self._server.http
        if self._name == "close_room":
            return self._given._replace(query={"purge": "true"})
        if self._name == "add_endpoint":
            return self._given._replace(body={**(self._given.body or {}), "secret": SECRET})
        if self._name in ("change_endpoint", "remove_endpoint"):
            return self._elsewhere(http.get(ENDPOINT).json()[0]["endpoint_id"], "endpoint_id")
        endpoint_id, delivery_id = add_endpoint(http, url=f"https://hooks.example/{self._name}")
        if self._name == "test_endpoint":
            http.patch(f"{ENDPOINT}/{endpoint_id}", json={"status": "disabled"})
            return self._elsewhere(endpoint_id, "endpoint_id")
        http.delete(f"{ENDPOINT}/{endpoint_id}")
        return self._elsewhere(delivery_id, "delivery_id")

    def _elsewhere(self, other: str, name: str = "room_id") -> Asked:
        given = self._given
        if name in given.path:
            return given._replace(path={**given.path, name: other})
        if given.body and (name in given.body or self._name == "recover_deliveries"):
            return given._replace(body={**given.body, name: other})
        query = "room" if name == "room_id" else name
        return given._replace(query={**given.query, query: other})


@pytest.mark.parametrize("name", DECLARED)
def test_what_an_operation_declares_is_answered(
    strict: Server, client: httpx.Client, ids: Ids, name: str
) -> None:
    """As the example of the problem shows it."""

    def provoke(code: str) -> Asked:
        found: Asked = getattr(Provocation(name, strict, ids), code)()
        return found

    assert surprises(client, DECLARED[name], provoke) == []


async def test_the_problems_of_the_store_are_those_of_what_the_route_asks_it(
    tmp_path: Path,
) -> None:
    """Whether it reads or writes is seen here; that the store raises them, in its own tests."""
    async with in_process(tmp_path) as (app, client):
        for name, operation in DECLARED.items():
            if name in STREAMS:
                continue
            met = await met_of_the_store(app, client, operation, asked(name, await made(client)))
            codes = {code for _, code in operation.codes()}
            assert met == codes & OF_THE_STORE, name


async def made(client: httpx.AsyncClient) -> Ids:
    room = (await client.post("/management/rooms", json={"room_name": "lobby"})).json()["room_id"]
    said = {"content": "hello", "user_id": "anna"}
    messages = f"/management/rooms/{room}/messages"
    await client.post(messages, json=said)  # refused while an example has them banned everywhere
    added = await client.post(ENDPOINT, json=body("add_endpoint"))
    endpoint_id = added.json()["endpoint_id"]
    sample = await client.post(f"{ENDPOINT}/{endpoint_id}/test")
    (delivery_id,) = sample.json()["delivery_ids"]
    wanted = {"name": f"of {room}", "scopes": ["rooms"]}
    key = await client.post("/management/keys", json=wanted)
    return {
        "key_id": key.json()["id"],
        "room_id": room,
        "room": room,
        "endpoint_id": endpoint_id,
        "delivery_id": delivery_id,
    }
