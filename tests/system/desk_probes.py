"""What can be asked at the desk with an id that is not one's own: made of the API's description, so
that no operation, parameter or field is left out."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import declared
import probes
import proof
import wire
from filing import FORM, form
from probes import Answer, Place
from two_desks import DeskActor, absent
from world import Server

TAGS = {"desk", "sites", "desk-operator"}
FILE_PATH = "{conversation_id}/{first}/{second}/{name}"
# What stands there, or there of that operation, is an id of that sort; or None: it is none, and
# leads to nothing.
SORTS: dict[tuple[str, str], str | None] = {
    **dict.fromkeys([("path", "conversation_id"), ("body", "conversation_id")], "conversation"),
    ("query", "conversation_id"): "conversation",
    **dict.fromkeys([("path", "message_id"), ("query", "before")], "message"),
    **dict.fromkeys([(each, "customer_id") for each in ("path", "query", "body")], "customer"),
    **dict.fromkeys(
        [(each, name) for each in ("query", "body") for name in ("site_id", "shop_id")], "site"
    ),
    ("path", "site_id"): "site",
    ("path", "canned_id"): "canned",
    **dict.fromkeys(
        [("query", "assignee"), ("body", "assignee_id"), ("body", "assignee"), ("body", "as_user")],
        "agent",
    ),
    **dict.fromkeys(
        [("header", "X-Workspace-Id"), ("body", "workspace_id"), ("query", "workspace")],
        "workspace",
    ),
    **dict.fromkeys([("path", FILE_PATH), ("body", "file")], "file"),
    # A position in the log of all: nobody's.
    ("query", "since_event_id"): None,
    # Who it is, for SUPPORT_ACCESS=open alone; whom a site of one's own blocks, known or not.
    **dict.fromkeys([("body", "sender_id"), ("body", "blocked_visitors")]),
    **dict.fromkeys(
        [
            ("query", name)
            for name in ("status", "q", "cursor", "limit", "type", "from", "to", "hard")
        ]
        + [
            ("body", name)
            for name in (
                *("allowed_origins", "asks", "assignment", "away_message", "business_hours"),
                *("client_msg_id", "color", "comment", "content", "customer_name", "greeting"),
                *("is_private", "labels", "locale", "message_type", "name", "priority", "score"),
                *("secret", "sender_type", "status", "title", "until"),
            )
        ]
    ),
    ("upload_desk_files", "file"): None,  # a part of the form
}
# What the operation needs beside ids.
BODIES: dict[str, Any] = {
    "open_conversation": {},
    "post_desk_message": {"content": "hello"},
    "post_to_conversation": {"content": "hello"},
    "set_conversation_status": {"status": "closed"},
    "rate_conversation": {"score": 5},
    "assign_conversation": {"assignee_id": None},
    "change_any_conversation": {"status": "closed"},
}


class DeskOperation(NamedTuple):
    name: str
    method: str
    path: str
    places: tuple[Place, ...]
    body: Any
    is_form: bool


class DeskProbe(NamedTuple):
    """What stands in which place; in the others stands the actor's own."""

    operation: DeskOperation
    values: Mapping[Place, Any]

    def absent(self, actor: DeskActor) -> "DeskProbe":
        """The same with ids that nothing has."""
        values = {place: absent(actor, place.sort, each) for place, each in self.values.items()}
        return self._replace(values=values)


def operations() -> list[DeskOperation]:
    """Those that ask for a credential: the widget's are for all who know a site."""
    return [
        _operation(path, method.upper(), described)
        for path, methods in declared.description()["paths"].items()
        for method, described in methods.items()
        if set(described.get("tags", ())) & TAGS and described.get("security")
    ]


def _operation(path: str, method: str, described: Mapping[str, Any]) -> DeskOperation:
    name: str = described["operationId"]
    contents = described.get("requestBody", {}).get("content", {})
    example = next((each["example"] for each in contents.values() if "example" in each), None)
    places = tuple(_places(name, path, described))
    body = BODIES.get(name, example)
    if isinstance(body, dict) and name not in BODIES:
        body = {key: each for key, each in body.items() if _sort(name, "body", key) is None}
    is_form = "multipart/form-data" in contents
    return DeskOperation(name, method, path, places, body, is_form)


def _places(name: str, path: str, described: Mapping[str, Any]) -> Iterator[Place]:
    """Fails for what ``SORTS`` does not know."""
    named = [(each["in"], each["name"]) for each in described.get("parameters", ())]
    if FILE_PATH in path:
        named = [("path", FILE_PATH)]
    for content in described.get("requestBody", {}).get("content", {}).values():
        named += [("body", each) for each in probes.fields(content["schema"])]
    for where, each in named:
        assert (where, each) in SORTS, f"{path}: is {each} ({where}) an id? Say it in SORTS"
        sort = _sort(name, where, each)
        if sort is not None:
            yield Place(where, each, sort)


def _sort(name: str, where: str, field: str) -> str | None:
    return SORTS.get((name, field), SORTS[where, field])


def probed(operation: DeskOperation, actor: DeskActor) -> Iterator[DeskProbe]:
    """Each place with each foreign id, alone; and all of the path at once. By whom the desk does
    not know, who is refused before anything is read, in the short form with one."""
    everything = proof.IS_LONG or actor.is_known
    for place in operation.places:
        found = actor.foreign[place.sort]
        for value in found if everything else found[:1]:
            yield DeskProbe(operation, {place: value})
    paths = {each: actor.foreign[each.sort][0] for each in operation.places if each.where == "path"}
    if len(paths) > 1:
        yield DeskProbe(operation, paths)
    if not (operation.places or actor.is_known):
        yield DeskProbe(operation, {})


class DeskCaller:
    """One connection that is kept."""

    def __init__(self, server: Server) -> None:
        self._line = wire.dial(server)

    def ask(self, actor: DeskActor, probe: DeskProbe) -> Answer:
        """What is the same whenever it is asked: without the request's id and the ids that were
        sent."""
        answer = self.send(request(actor, probe))
        sent = [each.encode() for value in probe.values.values() for each in _parts(str(value))]
        kept = frozenset(
            (name, _without(value.encode(), sent).decode())
            for name, value in answer.headers.items()
            if name not in ("date", "x-request-id", "content-length")
        )
        return Answer(answer.status, kept, _without(answer.body, sent))

    def send(self, asked: bytes) -> wire.Answer:
        self._line.sendall(asked)
        return wire.read_answer(self._line)

    def close(self) -> None:
        self._line.close()


_REQUEST_ID = re.compile(rb'"request_id":"[^"]*"')


def _parts(value: str) -> list[str]:
    """It, and the conversation in a file's address."""
    return [value, *value.removeprefix("/files/c/").split("/")[:1]]


def _without(body: bytes, sent: list[bytes]) -> bytes:
    """A number only where it stands alone."""
    body = _REQUEST_ID.sub(b"", body)
    for each in sent:
        body = re.sub(rb"(?<![\w.])%b(?![\w.])" % re.escape(each), b"*", body)
    return body


def request(actor: DeskActor, probe: DeskProbe) -> bytes:
    content, headers = _content(actor, probe)
    named = {**actor.headers, **headers, **_named(probe, "header")}
    head = [
        f"{probe.operation.method} {_address(actor, probe)} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in named.items()),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


def _named(probe: DeskProbe, where: str) -> dict[str, str]:
    return {each.name: str(value) for each, value in probe.values.items() if each.where == where}


def _address(actor: DeskActor, probe: DeskProbe) -> str:
    path, query = probe.operation.path, _named(probe, "query")
    for place in probe.operation.places:
        if place.where == "path":
            value = str(probe.values.get(place, actor.own[place.sort][0]))
            if place.name == FILE_PATH:
                path = path.replace(FILE_PATH, value.removeprefix("/files/c/"))
            path = path.replace(f"{{{place.name}}}", quote(value, safe=""))
    return path + (f"?{urlencode(query)}" if query else "")


def _content(actor: DeskActor, probe: DeskProbe) -> tuple[bytes, dict[str, str]]:
    if probe.operation.is_form:
        return form([("hello.txt", b"hello")]), {"Content-Type": FORM}
    if probe.operation.body is None:
        return b"", {}
    body = {**probe.operation.body}
    body |= {each.name: value for each, value in probe.values.items() if each.where == "body"}
    return json.dumps(body).encode(), {"Content-Type": "application/json"}
