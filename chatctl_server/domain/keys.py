"""Named keys, which an operator makes: what they are called, and what they open."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from chatctl_server import errors
from chatctl_server.domain import text

Part = Literal["rooms", "team", "support", "metrics"]
PARTS: tuple[Part, ...] = get_args(Part)
READ = ":read"  # behind a part: nothing is changed with the key
SCOPES = tuple(f"{part}{way}" for part in PARTS for way in ("", READ))
PREFIX = "ck_"
_OF_WORKSPACE = ("team", "support")
_MAX_NAME_CHARACTERS = 100
_ID = re.compile("key_[0-9a-f]{16}")


class Grant(msgspec.Struct, frozen=True):
    """What a key lets its holder do; ``workspace``: the number of the only one that it reaches."""

    name: str
    scopes: tuple[str, ...]
    workspace: int | None

    def check(self, part: Part | None, *, is_reading: bool) -> None:
        """Raises NotAllowed; None is what the admin key alone opens."""
        if part is None:
            raise errors.NotAllowed("No named key opens this: it takes the admin key")
        opening = (part, f"{part}{READ}") if is_reading else (part,)
        if not any(each in self.scopes for each in opening):
            raise errors.NotAllowed(
                f"The key {self.name} does not open this: it takes the scope {opening[-1]}"
            )


def new_id() -> str:
    return f"key_{secrets.token_hex(8)}"


def check_id(key_id: str) -> str:
    """Raises InvalidInput."""
    if not _ID.fullmatch(key_id):
        raise errors.InvalidInput("key_id is no key's id: key_ and 16 digits", field="key_id")
    return key_id


def new() -> str:
    return f"{PREFIX}{secrets.token_urlsafe(32)}"


def hashed(key: str) -> bytes:
    """What is stored of it; 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def check_name(name: str) -> str:
    """Trimmed, 1 to 100 characters. Raises InvalidInput or BadText."""
    found = name.strip()
    if not 1 <= len(found) <= _MAX_NAME_CHARACTERS:
        raise errors.InvalidInput(
            f"name must have 1 to {_MAX_NAME_CHARACTERS} characters", field="name"
        )
    return text.check(found, "name", max_bytes=4 * _MAX_NAME_CHARACTERS)


def check_scopes(scopes: Sequence[str], workspace: int | None) -> tuple[str, ...]:
    """Each once, in the order of ``SCOPES``. Raises InvalidInput."""
    for each in scopes:
        if each not in SCOPES:
            raise errors.InvalidInput(
                f"scopes: {each[:40]!r} is no scope",
                field="scopes",
                hint="rooms, team, support or metrics, each also with :read",
            )
    needs = any(each.partition(":")[0] in _OF_WORKSPACE for each in scopes)
    if needs and workspace is None:
        raise errors.InvalidInput(
            "workspace is missing: the scopes team and support need one", field="workspace"
        )
    if workspace is not None and not needs:
        raise errors.InvalidInput(
            "workspace is for the scopes team and support", field="workspace", hint="leave it out"
        )
    return tuple(each for each in SCOPES if each in scopes)
