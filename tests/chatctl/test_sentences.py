"""Every event as a line for a person: whatever its values are, it reads as a sentence."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from chatctl.show import sentences
from chatctl_server.domain import events, times
from chatctl_server.domain.chat_events import ChatSnapshot
from chatctl_server.domain.support_events import SiteSettings
from chatctl_server.storage.whereabouts import NOWHERE
from chatctl_server.views.events import event_object

AT = 1_767_225_600_000_000
# By the name of the field: all that it may plausibly hold.
VALUES: dict[str, tuple[Any, ...]] = {
    "admins": ((), ("anna",), ("anna", "bert")),
    "attachments": ((), ("cat.png", "dog.png")),
    "changed": (("url",), ("status",), ("events", "secret")),
    "content": ("hello", "", "{who} {0} None []"),
    "events": (("*",), ("room.*", "message.*")),
    "expires_at": (None, AT),
    "is_admin": (False, True),
    "kinds": (("data",), ("data", "periodic")),
    "nickname": ("Anna",),
    "reason": (None, "spam", "left", "crashed"),
    "status": ("enabled", "disabled"),
    # Of chats and accounts: no sentence shows them.
    "chat": (ChatSnapshot("group", "lunch", "", "u1", AT, ("u1", "u2")),),
    "support": (None,),
    "settings": (SiteSettings("shop"),),
    "labels": ((), ("billing", "vip")),
    "login_ids": (("some-id",),),
    "members": ((), ("u1", "u2")),
    "edited_offsets": ((), (7,)),
    "mentions": ((), (7,)),
    "reactions": ((),),
    "scopes": (("rooms",), ("rooms", "metrics:read")),
    "values": (msgspec.Raw(b'{"a": null}'), msgspec.Raw(b"null"), msgspec.Raw(b"[1]")),
    "payload": (msgspec.Raw(b'{"a": null}'), msgspec.Raw(b"[]")),
    "url": ("https://example.org/hook",),
}


def samples(each: events.EventType) -> Iterator[events.Payload]:
    """With every combination of the values that its sentence may show."""
    names = each.payload.__struct_fields__
    kinds = [kind for kind, family in events.FAMILIES.items() if each.name.startswith(family + ".")]
    hints = {field.name: field for field in msgspec.structs.fields(each.payload)}
    values = []
    for name in names:
        if name == "kind" and kinds:
            values.append(tuple(kinds))
        elif name in VALUES and not (name == "reason" and each.name == "session.left"):
            values.append(VALUES[name])
        else:
            values.append(_of_type(hints[name].type))
    for combined in itertools.product(*values):
        yield each.payload(**dict(zip(names, combined, strict=True)))


def _of_type(hint: Any) -> tuple[Any, ...]:
    described = msgspec.inspect.type_info(hint)
    if isinstance(described, msgspec.inspect.LiteralType):
        return tuple(described.values)
    if isinstance(described, msgspec.inspect.UnionType):
        parts = (each for each in described.types if not isinstance(each, msgspec.inspect.NoneType))
        return (None, *(value for part in parts for value in _of_type(_PLAIN[type(part)])))
    return {str: ("some-id",), int: (7,), bool: (False, True)}[hint]


_PLAIN: dict[type, type] = {msgspec.inspect.StrType: str, msgspec.inspect.IntType: int}


def shown(payload: events.Payload) -> str:
    """By way of the API and its JSON."""
    entry = events.Event(1, AT, None, None, events.SERVER, payload)
    found = msgspec.json.decode(msgspec.json.encode(event_object(entry, NOWHERE)))
    return sentences.of(found["type"], found["data"])


def test_every_type_reads_well() -> None:
    for each in events.TYPES:
        found = list(samples(each))
        assert found, each.name
        for payload in found:
            said = shown(payload)
            text = getattr(payload, "content", None)
            said = said.removesuffix(text) + "text" if text else said
            assert not re.search(r"\bNone\b|\bnull\b|[\[\]{}\"]|\( *\)|  |, *$|[: ]$", said), said
            assert re.match(r"\* .|Anna: .", said), said


SAID: dict[events.Payload, str] = {
    events.AdminsSet("room", ()): "* the room's admins are nobody",
    events.AdminsSet("group", ("a", "b")): "* the chat's admins are a, b",
    events.ParticipantJoined("anna", "agent"): "* anna is a participant (agent)",
    events.SessionLeft(1, "anna", "A", 1, 2, "left", 0): "* anna left",
    events.SessionLeft(1, "anna", "A", 1, 2, "banned", 0): "* anna left (banned)",
    events.BanSet("anna", None, None, None): "* anna was banned",
    events.BanSet("anna", "spam", "boss", AT + 250_313): (
        f"* anna was banned until {times.rfc3339(AT)[:19]}Z (spam)"
    ),
    events.MessageErased(9, 3, 4): "* message 9 was erased",
    events.MessagePosted(9, 3, "text", "a", "Anna", "", AT): "Anna: (erased)",
    events.MessagePosted(9, 3, "system", "system", "", "hi", AT): "* hi",
    events.MessagePosted(9, 3, "text", "a", "Anna", "", AT, attachments=("1.png", "2.png")): (
        "Anna: (1.png, 2.png)"
    ),
    events.EndpointChanged("id", "http://h", ("*",), "disabled", ("status",), "gone"): (
        "* callbacks to http://h changed: disabled (gone)"
    ),
    events.CallbacksRecovered(None, "all", 1): "* deliveries that are pending again: 1",
}


def test_what_they_say() -> None:
    assert {payload: shown(payload) for payload in SAID} == SAID


def test_a_type_of_a_newer_version_is_shown_as_such() -> None:
    for values in ('{"a": null}', "null", "[1]", '"text"'):
        assert shown(events.decode("poll.opened", values)) == "* poll.opened, of a newer version"


def test_what_a_newer_version_left_out_is_no_crash() -> None:
    for each in events.TYPES:
        assert sentences.of(each.name, {})
