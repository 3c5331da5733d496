"""A room in plain Python: what the actions must do, written without looking at how they do it.

Every act returns what the action's caller must see, or the code of the refusal as a Refusal.
Times in microseconds.
"""

import dataclasses
from typing import NamedTuple

SECOND = 1_000_000


class Refusal(NamedTuple):
    code: str


@dataclasses.dataclass
class Message:
    seq: int
    kind: str
    sender: str
    content: str
    is_admin: bool
    client_id: str | None
    created_at: int
    is_deleted: bool = False
    is_erased: bool = False


@dataclasses.dataclass
class Stay:
    user_id: str
    join_time: int
    leave_time: int | None = None
    reason: str | None = None


class Sanction(NamedTuple):
    reason: str | None
    created_at: int
    expires_at: int | None

    def holds(self, now: int) -> bool:
        return self.expires_at is None or self.expires_at > now


class ExpectedRoom:
    """``events`` are the types of what the log must hold for this room, in order."""

    def __init__(self, name: str, admins: set[str], now: int, interval_seconds: int) -> None:
        self.name = name
        self.admins = admins
        self.created_at = now
        self.interval_seconds = interval_seconds
        self.is_open = True
        self.messages: list[Message] = []
        self.stays: list[Stay] = []
        self.bans: dict[str, Sanction] = {}
        self.mutes: dict[str, Sanction] = {}
        self.peak_users = 0
        self.events = ["room.created"]

    # What is

    @property
    def current(self) -> list[Stay]:
        return [stay for stay in self.stays if stay.leave_time is None]

    def stay_of(self, user_id: str) -> Stay | None:
        return next((stay for stay in self.current if stay.user_id == user_id), None)

    def banned(self, now: int) -> list[str]:
        return sorted(user for user, ban in self.bans.items() if ban.holds(now))

    def muted(self, now: int) -> list[str]:
        return sorted(user for user, mute in self.mutes.items() if mute.holds(now))

    def is_room_admin(self, user_id: str, now: int) -> bool:
        return user_id in self.admins and user_id not in self.banned(now)

    # Messages

    def post(
        self, now: int, sender: str, content: str, client_id: str | None, kind: str, guarded: bool
    ) -> tuple[int, bool] | Refusal:
        """The seq, and whether it is a repeat."""
        for message in self.messages:
            same = (message.sender, message.client_id) == (sender, client_id)
            if client_id is not None and same:
                return message.seq, True
        if kind == "text" and (refusal := self._refused(now, sender, guarded)):
            return refusal
        if not self.is_open:
            return Refusal("conversation_closed")
        newest = self.messages[-1].created_at if self.messages else 0
        is_admin = kind == "text" and sender in self.admins
        seq = len(self.messages) + 1
        self.messages.append(
            Message(seq, kind, sender, content, is_admin, client_id, max(now, newest))
        )
        self.events.append("message.posted")
        return seq, False

    def _refused(self, now: int, sender: str, guarded: bool) -> Refusal | None:
        if sender in self.banned(now):
            return Refusal("banned")
        if not guarded:
            return None
        if sender in self.muted(now):
            return Refusal("muted")
        texts = [each for each in self.messages if each.kind == "text" and each.sender == sender]
        is_early = bool(texts) and now < texts[-1].created_at + self.interval_seconds * SECOND
        return Refusal("throttled") if is_early and sender not in self.admins else None

    def delete(self, seq: int) -> bool | Refusal:
        """A soft one: the text stays."""
        if not self.is_open:
            return Refusal("conversation_closed")
        if not 1 <= seq <= len(self.messages):
            return Refusal("message_not_found")
        message = self.messages[seq - 1]
        if message.is_deleted:
            return False
        message.is_deleted = True
        self.events.append("message.deleted")
        return True

    def erase(self, seq: int) -> bool | Refusal:
        """Also in a closed room."""
        if not 1 <= seq <= len(self.messages):
            return Refusal("message_not_found")
        message = self.messages[seq - 1]
        if message.is_erased:
            return False
        message.is_deleted = message.is_erased = True
        message.content = ""
        self.events.append("message.erased")
        return True

    # Sessions

    def join(self, now: int, user_id: str) -> bool | Refusal:
        """Whether the user is an admin."""
        if not self.is_open:
            return Refusal("conversation_closed")
        if user_id in self.banned(now):
            return Refusal("banned")
        self.end(user_id, now, "replaced")
        self.stays.append(Stay(user_id, now))
        self.peak_users = max(self.peak_users, len(self.current))
        self.events.append("session.joined")
        return user_id in self.admins

    def end(self, user_id: str, now: int, reason: str) -> bool:
        stay = self.stay_of(user_id)
        if stay is None:
            return False
        stay.leave_time, stay.reason = max(now, stay.join_time), reason
        self.events.append("session.left")
        return True

    def crash(self, alive_at: int) -> None:
        """What the next start does with the sessions that a crash left open."""
        for stay in self.current:
            said = [each.created_at for each in self.messages if each.sender == stay.user_id]
            self.end(stay.user_id, max([stay.join_time, alive_at, *said]), "crashed")

    # Administration

    def sanction(
        self, kind: str, now: int, user_id: str, reason: str | None, seconds: int | None
    ) -> bool | Refusal:
        if not self.is_open:
            return Refusal("conversation_closed")
        held = self.bans if kind == "ban" else self.mutes
        earlier = held.get(user_id)
        if earlier is not None and earlier.holds(now):
            is_same = reason is None or reason == earlier.reason
            if is_same and seconds is None and earlier.expires_at is None:
                return False
        expires_at = None if seconds is None else now + seconds * SECOND
        held[user_id] = Sanction(reason, now, expires_at)
        self.events.append(f"{kind}.set")
        if kind == "ban":
            self.end(user_id, now, "banned")
        return True

    def lift(self, kind: str, now: int, user_id: str) -> bool | Refusal:
        if not self.is_open:
            return Refusal("conversation_closed")
        held = self.bans if kind == "ban" else self.mutes
        earlier = held.get(user_id)
        if earlier is None or not earlier.holds(now):
            return False
        del held[user_id]
        self.events.append(f"{kind}.lifted")
        return True

    def kick(self, now: int, user_id: str) -> bool | Refusal:
        if not self.is_open:
            return Refusal("conversation_closed")
        if self.stay_of(user_id) is None:
            return False
        self.events.append("user.kicked")
        return self.end(user_id, now, "kicked")

    def set_admins(self, admins: set[str]) -> bool | Refusal:
        if not self.is_open:
            return Refusal("conversation_closed")
        if admins == self.admins:
            return False
        self.admins = set(admins)
        self.events.append("room.admins_set")
        return True

    def change_admins(self, add: set[str], remove: set[str]) -> bool | Refusal:
        if add & remove:
            return Refusal("invalid_input")
        return self.set_admins((self.admins | add) - remove)

    def rename(self, name: str) -> bool | Refusal:
        if not self.is_open:
            return Refusal("conversation_closed")
        if name == self.name:
            return False
        self.name = name
        self.events.append("room.renamed")
        return True

    def close(self, now: int) -> bool | Refusal:
        if not self.is_open:
            return Refusal("conversation_closed")
        self.is_open = False
        for stay in self.current:
            self.end(stay.user_id, now, "closed")
        self.events.append("room.closed")
        return True
