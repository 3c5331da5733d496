"""Chats: made, changed, deleted; who is in them, and as what.

An account may do what its role in the chat lets it; an operator, who has none, may do anything.
What would change nothing records nothing.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server import errors
from chatctl_server.actions import conversations, participants
from chatctl_server.domain import accounts, chat_events, events
from chatctl_server.domain import chats as rules
from chatctl_server.domain.references import ChatRef, Kind
from chatctl_server.storage import chat_projection, chats
from chatctl_server.storage import conversations as stored
from chatctl_server.storage import participants as stays
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import WorkspaceRef


class OpenedChat(NamedTuple):
    ref: ChatRef
    is_new: bool


class _Acting(NamedTuple):
    """A chat, and who does something to it: with what role."""

    kind: Kind
    role: events.Role | None

    def check(self, *allowed: events.Role) -> None:
        if self.role not in allowed:
            needed = " or ".join(allowed)
            raise errors.NotAllowed(f"Only its {needed} may do that to the chat")


def open_chat(
    tx: Tx,
    actor: events.Actor,
    workspace: WorkspaceRef,
    kind: Kind,
    name: str,
    creator: int,
    members: Sequence[int] = (),
    description: str = "",
) -> OpenedChat:
    """A new chat, or the Single that the two have already. Raises InvalidInput, BadText, TooLarge,
    AccountNotFound or NameTaken."""
    name, description = rules.check_name(name), rules.check_description(description)
    everybody = rules.members_of_new(kind, creator, members)
    chats.check_known(tx.db, workspace.scope, everybody, "members")
    if kind == "single":
        pair = chat_projection.pair([accounts.user_id(each) for each in everybody])
        known = chats.single_of(tx.db, workspace, pair)
        if known is not None:
            return OpenedChat(known, is_new=False)
    else:
        _check_free(tx, workspace.scope, name)
    ref = create(tx, actor, workspace, kind, name, creator, everybody, description)
    return OpenedChat(ref, is_new=True)


def create(
    tx: Tx,
    actor: events.Actor,
    workspace: WorkspaceRef,
    kind: Kind,
    name: str,
    creator: int,
    members: Sequence[int] = (),
    description: str = "",
) -> ChatRef:
    """With its creator, who owns it, and the members. Checks nothing: see ``open_chat``."""
    ref = ChatRef(tx.take("conversation"), workspace.scope)
    payload = events.ConversationCreated(
        kind=kind,
        public_id=str(uuid.uuid4()),
        name=name,
        admins=(),
        created_by=accounts.user_id(creator),
        description=description,
        members=tuple(map(accounts.user_id, sorted({creator, *members}))),
    )
    tx.record(payload, actor, ref)
    return ref


def change(
    tx: Tx,
    actor: events.Actor,
    ref: ChatRef,
    name: str | None = None,
    description: str | None = None,
) -> events.Event | None:
    """What is None stays. Raises NotAllowed, NotAParticipant, InvalidInput, BadText, TooLarge or
    NameTaken."""
    acting = _acting(tx, actor, ref)
    acting.check("owner", "admin")
    found = chats.get(tx.db, ref)
    name = found.name if name is None else rules.check_name(name)
    if description is None:
        description = found.description
    rules.check_description(description)
    if (name, description) == (found.name, found.description):
        return None
    if name != found.name and acting.kind != "single":
        _check_free(tx, ref.scope, name)
    changed = msgspec.structs.replace(found, name=name, description=description)
    return _record_change(tx, actor, ref, changed)


def delete(tx: Tx, actor: events.Actor, ref: ChatRef) -> events.Event:
    """For good: nobody finds it any more."""
    _acting(tx, actor, ref).check("owner")
    return conversations.close(tx, actor, ref)


def add(tx: Tx, actor: events.Actor, ref: ChatRef, people: Iterable[int]) -> list[int]:
    """Who was not in it before. Raises NotAllowed, NotAParticipant, AccountNotFound, and
    InvalidInput for a Single."""
    acting = _acting(tx, actor, ref)
    acting.check("owner", "admin")
    rules.check_may_grow(acting.kind)
    wanted = tuple(dict.fromkeys(people))
    chats.check_known(tx.db, ref.scope, wanted, "members")
    added = participants.add(tx, actor, ref, list(map(accounts.user_id, wanted)))
    return [accounts.account_id(each) for each in added]


def join(tx: Tx, actor: events.Actor, ref: ChatRef, account: int) -> bool:
    """Of one's own accord; false for who is in it. Raises NotAllowed but for a PublicChannel."""
    found = chats.find(tx.db, account, ref.id)
    rules.check_may_join(found.kind)
    return bool(participants.add(tx, actor, ref, [accounts.user_id(account)]))


def remove(tx: Tx, actor: events.Actor, ref: ChatRef, people: Iterable[int]) -> list[events.Event]:
    """Others, for which one is owner or admin, or oneself; who is not in it is passed over. Raises
    NotAllowed, NotAParticipant, InvalidInput for a Single, or OwnerMustTransfer."""
    wanted = tuple(dict.fromkeys(people))
    acting = _acting(tx, actor, ref)
    if tuple(map(accounts.user_id, wanted)) != (actor.user_id,):
        acting.check("owner", "admin")
    rules.check_may_leave(acting.kind, chats.owner(tx.db, ref), wanted)
    left = (participants.leave(tx, actor, ref, accounts.user_id(each)) for each in wanted)
    return [each for each in left if each is not None]


def set_role(
    tx: Tx, actor: events.Actor, ref: ChatRef, account: int, role: events.Role
) -> events.Event | None:
    """A new owner takes the place of the old one, who stays as a member. Raises NotAllowed,
    NotAParticipant, InvalidInput for who is not in it, and OwnerMustTransfer."""
    _acting(tx, actor, ref).check("owner")
    user_id = accounts.user_id(account)
    present = stays.role(tx.db, ref, user_id)
    if present is None:
        raise errors.InvalidInput(f"user {account} is not in the chat", field="member_id")
    if present == role:
        return None
    owner = chats.owner(tx.db, ref)
    if account == owner:
        raise errors.OwnerMustTransfer(
            "The owner stays it until another member is made the owner", field="role"
        )
    tx.record(chat_events.ParticipantRoleChanged(user_id, role), actor, ref)
    if role == "owner" and owner:
        demoted = chat_events.ParticipantRoleChanged(accounts.user_id(owner), "member")
        tx.record(demoted, actor, ref)
    return _record_change(tx, actor, ref, chats.get(tx.db, ref))


def pass_on(tx: Tx, actor: events.Actor, ref: ChatRef, heir: str) -> events.Event:
    """To the member ``heir``, of a chat that its owner has left."""
    tx.record(chat_events.ParticipantRoleChanged(heir, "owner"), actor, ref)
    return _record_change(tx, actor, ref, chats.get(tx.db, ref))


def set_preferences(
    tx: Tx,
    actor: events.Actor,
    ref: ChatRef,
    account: int,
    notify: chat_events.Notify | UnsetType,
    muted_until: int | UnsetType | None,
) -> chats.Preferences:
    """Of what the account is notified, as it is then; what is UNSET stays. Raises
    NotAParticipant."""
    chats.find_mine(tx.db, account, ref.id)
    before = chats.preferences(tx.db, ref, account)
    after = chats.Preferences(
        before.notify if notify is UNSET else notify,
        before.muted_until if muted_until is UNSET else muted_until,
    )
    if after != before:
        payload = chat_events.PreferencesSet(accounts.user_id(account), *after)
        tx.record(payload, actor, ref)
    return after


def _acting(tx: Tx, actor: events.Actor, ref: ChatRef) -> _Acting:
    """Raises ConversationNotFound or NotAParticipant."""
    if actor.is_account:
        account = accounts.account_id(actor.user_id or "")
        found = chats.find_mine(tx.db, account, ref.id)
        return _Acting(found.kind, found.role)
    return _Acting(stored.get_open(tx.db, ref).kind, "owner")


def _check_free(tx: Tx, scope: int, name: str) -> None:
    if chats.named(tx.db, scope, name) is not None:
        raise errors.NameTaken(f"There is a chat {name} already", field="name")


def _record_change(
    tx: Tx, actor: events.Actor, ref: ChatRef, changed: chat_events.ChatSnapshot
) -> events.Event:
    changed = msgspec.structs.replace(changed, updated_at=tx.at)
    return tx.record(chat_events.ChatUpdated(changed), actor, ref)
