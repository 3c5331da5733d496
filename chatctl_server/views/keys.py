"""Named keys as operators see them: without what opens anything."""

from typing import Annotated

import msgspec

from chatctl_server.domain import times
from chatctl_server.storage.keys import Key
from chatctl_server.views import fields
from chatctl_server.views.fields import means

KEY = "key_3f9a0c52d1e84b67"
_CK = "ck_Jm0dPq6nWfYk3sV9xT2bRz8aLh5cEu1oGi7wNy4tKQA"

KeyId = Annotated[str, means("The key's id, which opens nothing", KEY)]
Name = Annotated[str, means("The actor of what is done with it; 1 to 100 characters", "reports")]
Scopes = Annotated[
    tuple[str, ...],
    means(
        "What it opens: `rooms`, `team`, `support`, `metrics`, each also with `:read` behind it",
        ["rooms:read", "metrics"],
        min_length=1,
        max_length=8,
    ),
]


class KeyObject(msgspec.Struct, frozen=True):
    id: KeyId
    name: Name
    scopes: Scopes
    workspace: Annotated[int | None, means("The only workspace that it reaches; null: it has none")]
    created_by: Annotated[
        str | None, means("Who made it: `uid:…` of the command line; null: the admin key")
    ]
    created_at: fields.At
    expires_at: Annotated[str | None, means("When it ends, RFC 3339; null: it has no end")]
    old_until: Annotated[
        str | None, means("Until when the key before it opens, too, RFC 3339; null: it does not")
    ]


class NewKey(KeyObject, frozen=True):
    key: Annotated[str, means("What opens: it is shown here alone", _CK)]


def key_object(key: Key, now: int) -> KeyObject:
    return KeyObject(*_values(key, now))


def new_key(key: Key, now: int, secret: str) -> NewKey:
    return NewKey(*_values(key, now), key=secret)


def _values(
    key: Key, now: int
) -> tuple[str, str, tuple[str, ...], int | None, str | None, str, str | None, str | None]:
    old_until = key.previous_until
    is_over = old_until is None or old_until <= now
    return (
        key.id,
        key.name,
        key.scopes,
        key.workspace,
        key.created_by,
        times.rfc3339(key.created_at),
        None if key.expires_at is None else times.rfc3339(key.expires_at),
        None if is_over or old_until is None else times.rfc3339(old_until),
    )
