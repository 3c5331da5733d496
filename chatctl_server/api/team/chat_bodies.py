"""What the routes of chats take. Rules that need the database are the actions'."""

import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server import errors
from chatctl_server.domain import chats, times
from chatctl_server.domain.references import Kind
from chatctl_server.storage.history_pages import LATEST
from chatctl_server.views.fields import means
from chatctl_server.views.team import chats as views

MOST_PEOPLE = 1000  # of one call
Person = Annotated[int, msgspec.Meta(ge=1, le=LATEST)]
Moment = Annotated[datetime.datetime, msgspec.Meta(tz=True)]
People = tuple[Person, ...]


class CreateChat(msgspec.Struct, frozen=True):
    """``type`` or ``chat_type``."""

    name: views.ChatName
    type: views.TypeOfChat | None = None
    chat_type: Annotated[chats.ChatType, means("In place of `type`, for older clients")] | None = (
        None
    )
    members: (
        Annotated[
            People,
            means("Who is in it, with or without its creator", [2, 3], max_length=MOST_PEOPLE),
        ]
        | None
    ) = None
    description: views.Description | None = None

    @property
    def kind(self) -> Kind:
        """Raises InvalidInput."""
        return chats.kind_of(self.type or self.chat_type)


class ChangeChat(msgspec.Struct, frozen=True):
    name: views.ChatName | None = None
    description: Annotated[str, means("What it is for, at most 4,096 bytes")] | None = None


class NamePeople(msgspec.Struct, frozen=True):
    """One of the three; or the numbers alone, as an array."""

    members: Annotated[People, means("Users' numbers", [3], max_length=MOST_PEOPLE)] | None = None
    member_ids: Annotated[People, means("In place of `members`", max_length=MOST_PEOPLE)] | None = (
        None
    )
    user_id: Annotated[int, means("One user's number", ge=1, le=LATEST)] | None = None


Named = NamePeople | People
RoleInChat = Annotated[
    Literal["owner", "admin", "member"],
    means("The member's role; `owner` makes the old owner a member", "owner"),
]


def people(named: Named) -> People:
    """Raises InvalidInput for none."""
    if isinstance(named, NamePeople):
        one = () if named.user_id is None else (named.user_id,)
        found = (*(named.members or ()), *(named.member_ids or ()), *one)
    else:
        found = named
    if not 0 < len(found) <= MOST_PEOPLE:
        detail = f"members must have 1 to {MOST_PEOPLE} numbers of users"
        raise errors.InvalidInput(detail, field="members")
    return found


class ChangeMember(msgspec.Struct, frozen=True):
    """Without either, or without a body: the member becomes the owner."""

    operation: (
        Annotated[Literal["transfer_ownership"], means("The member becomes the owner")] | None
    ) = None
    role: RoleInChat | None = None


class SetPreferences(msgspec.Struct, frozen=True):
    """What is left out stays."""

    notify: views.Notified | UnsetType = UNSET
    muted_until: (
        Annotated[Moment | None, means("Until when nothing is notified, RFC 3339; null: not muted")]
        | UnsetType
    ) = UNSET

    @property
    def until(self) -> int | UnsetType | None:
        """In microseconds. Raises InvalidInput for a time that cannot be shown."""
        moment = self.muted_until
        if not isinstance(moment, datetime.datetime):
            return moment
        found = times.microseconds(moment)
        if not 0 <= found <= times.LAST:
            raise errors.InvalidInput(
                "muted_until must be a time between 1970 and 9999", field="muted_until"
            )
        return found
