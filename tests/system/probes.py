"""What can be asked with an id that is not one's own: made of the API's description, so that no
operation, parameter or field is left out."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import declared
import proof
import wire
from filing import FORM, form
from two_workspaces import SAID, Actor, Face, absent
from world import Server

from chatctl_server.api.team.operator.face import TEAM_OPERATORS

WORKSPACE = "X-Workspace-Id"
FILE_PATH = "{workspace_id}/{first}/{second}/{name}"
# What stands there, or there of that operation, is an id of that sort; or None: it is none, and
# leads to nothing.
SORTS: dict[tuple[str, str], str | None] = {
    **dict.fromkeys(
        [
            ("body", name)
            for name in ("members", "member_ids", "mentions", "user_id", "owner", "as_user", "")
        ]
        + [("path", "member_id"), ("path", "user_id")]
        + [("query", name) for name in ("user_ids", "user_id", "after")],
        "account",
    ),
    **dict.fromkeys([("query", name) for name in ("before_id", "last_id", "after_id")], "message"),
    ("body", "reply_to"): "message",
    ("path", "message_id"): "message",
    ("path", "chat_id"): "chat",
    ("path", "workspace_id"): "workspace",
    ("header", WORKSPACE): "workspace",
    ("query", "workspace"): "workspace",
    ("body", "workspace"): "workspace",
    ("path", FILE_PATH): "file",
    ("body", "files"): "file",
    ("path", "sid"): "session",
    ("path", "code"): "code",
    ("body", "code"): "code",
    ("body", "invite_code"): "code",
    ("body", "refresh_token"): "refresh",
    ("body", "room_id"): "room",
    **dict.fromkeys(
        [
            ("query", name)
            for name in (
                "limit",
                "offset",
                "scope",
                "force",
                "emoji",
                "q",
                "status",
                "dry_run",
                "erase",
            )
        ]
        + [
            ("body", name)
            for name in (
                *("name", "type", "chat_type", "description", "is_open", "fullname", "avatar"),
                *("current_password", "new_password", "password", "status", "role", "operation"),
                *("email", "expires_in", "max_uses", "content", "idempotency_key", "emoji"),
                *("notify", "muted_until", "file", "operator"),
            )
        ],
        None,
    ),
    ("sign_up", "workspace"): None,  # its name: that it is taken is told, by contract
}
LISTS = ("members", "member_ids", "mentions", "files")
# Of the operation, or of every one: what is not there is passed over, and what is foreign alike.
PASSED_OVER = {
    *("before_id", "last_id", "after_id", "after", "user_ids"),
    *("remove_chat_members", "remove_chat_member", "remove_member_of_chat"),
    *("edit_message.mentions", "list_all_chats.user_id", "list_all_messages.user_id"),
    "create_room_token",  # a token opens a room if there is one
}
APART = ("post_chat_message.mentions",)  # it posts: see test_who_is_elsewhere_is_passed_over
DESK = {"desk", "sites"}  # tags of what has probes of its own: see desk_probes.py
STREAMS = ("follow_chats", "follow_room")  # they never end: see test_isolation_of_streams.py
BODIES: dict[str, Any] = {
    "create_chat": {"name": "new", "type": "Single"},
    "change_chat": {"description": "changed"},
    "post_chat_message": {"content": SAID},
    "edit_message": {},  # its text is that of the actor's own message
    "change_workspace": {"description": "changed"},
    "make_chat": {"name": "new", "type": "PrivateChannel"},
    "change_any_chat": {"description": "changed"},
    "change_any_workspace": {"description": "changed"},
}


class Place(NamedTuple):
    """Where an id of that sort stands: in the ``path``, ``query``, ``header`` or ``body``, where
    the empty name is that of the whole body, an array."""

    where: str
    name: str
    sort: str


class Operation(NamedTuple):
    """``base``: its name but for which of its paths and methods it is."""

    name: str
    base: str
    method: str
    path: str
    places: tuple[Place, ...]
    body: dict[str, Any] | None
    is_guarded: bool
    is_form: bool
    face: Face | None

    @property
    def is_of_members(self) -> bool:
        """It names something, and asks for an access token."""
        return bool(self.places) and self.is_guarded and self.face == "team"

    def knows(self, actor: Actor) -> bool:
        return not self.is_guarded or self.face == actor.known_to is not None


class Probe(NamedTuple):
    """What stands in which place; in the others stands the actor's own."""

    operation: Operation
    values: Mapping[Place, Any]
    headers: Mapping[str, str] = {}

    @property
    def is_passed_over(self) -> bool:
        """May be answered with success, if with the same as what is not there."""
        base = self.operation.base
        return all(
            {each.name, f"{base}.{each.name}"} & PASSED_OVER
            or (base in PASSED_OVER and each.name != "chat_id")
            for each in self.values
        )

    def absent(self, actor: Actor) -> "Probe":
        """The same with ids that nothing has."""
        values = {place: absent(actor, place.sort) for place in self.values}
        named = {WORKSPACE: str(absent(actor, "workspace"))} if self.headers else {}
        return self._replace(values=values, headers=named)


class Answer(NamedTuple):
    status: int
    headers: frozenset[tuple[str, str]]
    body: bytes


def operations() -> list[Operation]:
    return [_operation(*each) for each in _described()]


def of_rooms(message_id: int) -> list[Operation]:
    """The operator's that name a room, with a message's id where one belongs."""
    ids = {"room_id": "{room_id}", "message_id": message_id}
    return [
        _operation(path, method, described)._replace(
            path=_filled(path, described, ids), places=(Place("path", "room_id", "room"),)
        )
        for path, method, described in _described()
        if path.startswith("/management/") and "{room_id}" in path
    ]


def _described() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, method and the rest, but for streams and the desk."""
    for path, methods in declared.description()["paths"].items():
        for method, described in methods.items():
            if described["operationId"] not in STREAMS and not DESK & {*described.get("tags", ())}:
                yield path, method.upper(), described


def _operation(path: str, method: str, described: Mapping[str, Any]) -> Operation:
    name: str = described["operationId"]
    base = name.partition("_at_")[0].partition("_by_put")[0]
    contents = described.get("requestBody", {}).get("content", {})
    example = next((each["example"] for each in contents.values()), None)
    face = _face(path)
    return Operation(
        name,
        base,
        method,
        _filled(path, described, {}) if face is None else path,
        () if face is None else tuple(_places(base, path, described)),
        example if face is None else _body(base, example),
        is_guarded=bool(described.get("security")),
        is_form="multipart/form-data" in contents,
        face=face,
    )


def _face(path: str) -> Face | None:
    """Of those that know workspaces."""
    if path.startswith(tuple(TEAM_OPERATORS.parts)):
        return "operators"
    return "team" if path.startswith(declared.OF_TEAM) else None


def _filled(path: str, described: Mapping[str, Any], ids: Mapping[str, Any]) -> str:
    """With these ids, else those of the examples."""
    named = (each for each in described.get("parameters", ()) if each["in"] == "path")
    return path.format_map({each["name"]: each["example"] for each in named} | ids)


def _places(base: str, path: str, described: Mapping[str, Any]) -> Iterator[Place]:
    """Fails for what ``SORTS`` does not know."""
    named = [(each["in"], each["name"]) for each in described.get("parameters", ())]
    if FILE_PATH in path:
        named = [("path", FILE_PATH)]
    for content in described.get("requestBody", {}).get("content", {}).values():
        named += [("body", each) for each in fields(content["schema"])]
    for where, name in named:
        assert (where, name) in SORTS, f"{path}: is {name} ({where}) an id? Say it in SORTS"
        sort = _sort(base, where, name)
        if sort is not None:
            yield Place(where, name, sort)


def _sort(base: str, where: str, name: str) -> str | None:
    return SORTS.get((base, name), SORTS[where, name])


def fields(schema: Mapping[str, Any]) -> list[str]:
    """Of all alternatives; the empty one stands for an array."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = declared.description()["components"]["schemas"][name]
    found = list(schema.get("properties", ()))
    for each in schema.get("anyOf", ()):
        found += fields(each)
    return [*found, ""] if schema.get("type") == "array" else found


def _body(base: str, example: dict[str, Any] | None) -> dict[str, Any] | None:
    """Without ids."""
    if example is None:
        return None
    body = BODIES.get(base, example)
    return {name: value for name, value in body.items() if _sort(base, "body", name) is None}


def probes(operation: Operation, actor: Actor) -> Iterator[Probe]:
    """Each place with each foreign id, alone; all of the path at once; and with the foreign
    workspace named, also where no id stands. Who is known may do what names nobody's."""
    theirs = {place: _tried(operation, actor, place.sort) for place in operation.places}
    for place, values in theirs.items():
        if f"{operation.base}.{place.name}" not in APART:
            yield from (Probe(operation, {place: value}) for value in values)
    paths = {place: values[0] for place, values in theirs.items() if place.where == "path"}
    if len(paths) > 1:
        yield Probe(operation, paths)
    if paths or (
        operation.is_guarded and (operation.method == "GET" or not operation.knows(actor))
    ):
        yield Probe(operation, paths, {WORKSPACE: str(actor.theirs.ref.number)})


def _tried(operation: Operation, actor: Actor, sort: str) -> list[Any]:
    """By whom the face does not know, who is refused before anything is read, in the short form
    only one."""
    found = actor.theirs.ids[sort]
    return found if proof.IS_LONG or operation.knows(actor) else found[:1]


def inside(operation: Operation, chat: int, message: int) -> Probe | None:
    """For the chat and a message of one's own workspace, where one is not in the chat."""
    values = {"chat": chat, "message": message}
    paths = [each for each in operation.places if each.where == "path" and each.sort in values]
    found = {each: values[each.sort] for each in paths}
    return Probe(operation, found) if found and operation.face == "team" else None


class Caller:
    """One connection that is kept."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._line = wire.dial(server)

    def ask(self, actor: Actor, probe: Probe) -> Answer:
        """What is the same whenever it is asked: without the request's id and the ids that were
        sent."""
        answer = self.send(request(actor, probe))
        sent = [str(each).encode() for each in (*probe.values.values(), *probe.headers.values())]
        kept = frozenset(
            (name, _without(value.encode(), sent).decode())
            for name, value in answer.headers.items()
            if name not in ("date", "x-request-id", "content-length")
        )
        return Answer(answer.status, kept, _without(answer.body, sent))

    def send(self, asked: bytes) -> wire.Answer:
        """After a refusal that leaves a body unread the server closes the connection: in one piece
        with its head, it is read."""
        self._line.sendall(asked)
        return wire.read_answer(self._line)

    def close(self) -> None:
        self._line.close()


def request(actor: Actor, probe: Probe) -> bytes:
    content, headers = _content(actor, probe)
    named = {**actor.headers, **headers, **_named(probe, "header"), **probe.headers}
    head = [
        f"{probe.operation.method} {_address(actor, probe)} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in named.items()),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


_REQUEST_ID = re.compile(rb'"(request_id|token|expires_at)":"[^"]*"')


def _without(body: bytes, sent: list[bytes]) -> bytes:
    body = _REQUEST_ID.sub(b"", body)
    for each in sent:
        body = body.replace(each, "…".encode())
    return body


def _named(probe: Probe, where: str) -> dict[str, str]:
    return {each.name: str(value) for each, value in probe.values.items() if each.where == where}


def _address(actor: Actor, probe: Probe) -> str:
    path, query = probe.operation.path, _named(probe, "query")
    for place in probe.operation.places:
        if place.where == "path":
            value = probe.values.get(place)
            sent = str(actor.own(place.sort) if value is None else value)
            if place.name == FILE_PATH:
                path = path.replace(FILE_PATH, sent.removeprefix("/files/"))
            path = path.replace(f"{{{place.name}}}", quote(sent, safe=""))
        elif place.name == "user_ids" and place not in probe.values:
            query["user_ids"] = str(actor.own(place.sort))
    return path + (f"?{urlencode(query)}" if query else "")


def _content(actor: Actor, probe: Probe) -> tuple[bytes, dict[str, str]]:
    operation = probe.operation
    if operation.is_form:
        return form([("hello.txt", b"hello")]), {"Content-Type": FORM}
    if operation.body is None:
        return b"", {}
    body: Any = dict(operation.body)
    if operation.base == "edit_message":
        body["content"] = actor.ours.text
    for place, value in _ids_of_body(actor, probe):
        body[place.name] = [value] if place.name in LISTS else value
    if "" in body:
        body = [body[""]]
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


def _ids_of_body(actor: Actor, probe: Probe) -> Iterator[tuple[Place, Any]]:
    """Those of the probe; without any, what the operation cannot do without."""
    places = [each for each in probe.operation.places if each.where == "body"]
    named = [each for each in places if each in probe.values]
    yield from ((each, probe.values[each]) for each in named)
    needed = () if named else ("members", "code", "room_id", "user_id")
    if probe.operation.base == "make_chat":
        needed = ("owner",)
    for each in places:
        if each not in named and each.name in needed:
            yield each, actor.own(each.sort)
