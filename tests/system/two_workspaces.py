"""Two workspaces, of ants and of bees, with everything in them that a request can name; and those
who ask for what is not theirs. The numbers of each begin apart from the others', so that an answer
shows whose they are, and so do all texts."""

import re
import uuid
from pathlib import Path
from typing import Any, Literal, NamedTuple

from offline import reading
from team import SETTINGS, Person, Town
from world import KEY

from chatctl_server.actions import (
    chat_messages,
    invites,
    logins,
    messages,
    participants,
    workspaces,
)
from chatctl_server.actions import keys as key_actions
from chatctl_server.domain import account_events, codes, events, keys, tokens
from chatctl_server.domain.references import ChatRef
from chatctl_server.domain.stored_files import FileName
from chatctl_server.storage import counters, passwords
from chatctl_server.storage.transaction import Tx

ROOM_SECRET = "the-secret-of-the-room-tokens-of-the-tests"
SERVED = {
    **SETTINGS,
    "ROOM_IDENTITY": "token",
    "ROOM_TOKEN_SECRET": ROOM_SECRET,
    "METRICS_KEY": "the-metrics-key",
}
HASH = "of no password"
NUMBERED = ("account", "workspace", "conversation", "message", "invite")
SAID = "hello, all"  # what everybody has said, with the name of their workspace before it
ADMIN = "admin key"
OPENS = {
    ADMIN: ("/management/", "/metrics", "/debug/"),
    "key of rooms": tuple(
        f"/management/{each}"
        for each in ("rooms", "room-users", "bans", "mutes", "connections", "sync", "events")
    ),
    "refresh token": ("/api/refresh", "/api/auth/refresh"),
}
Face = Literal["team", "operators"]
FIRST = {"ants": 30_000, "bees": 70_000}
NOBODYS = 5_001  # behind that
BOTHS = 50_000  # who was known to both
NEW = 100_000  # what is made by the server
ABSENT = {
    "file": FileName(NOBODYS, codes.hashed("nobody's").hex(), "png").url,
    "session": str(uuid.UUID(int=1)),
    "code": codes.new(),
    "refresh": codes.new(),
    "room": str(uuid.UUID(int=2)),
}
Ids = dict[str, list[Any]]  # by what they are of


class Side:
    """A workspace: the owner, an admin and a member, who are in its chats, and an outsider, who is
    in none. In ``secret`` only the member and the admin are."""

    def __init__(self, town: Town, name: str) -> None:
        self.name = name
        self._town = town
        _begin_at(town, FIRST[name])
        self.ref = town.workspace(f"the {name}")
        self.owner = town.person(f"{name}-owner", self.ref, role="owner")
        self.admin = town.person(f"{name}-admin", self.ref, role="admin")
        self.member = town.person(f"{name}-member", self.ref)
        self.outsider = town.person(f"{name}-outsider", self.ref)
        people = (self.owner, self.admin, self.member)
        self.private = town.chat("private", f"{name} private", *people, workspace=self.ref)
        self.secret = town.chat("private", f"{name} secret", *people[1:], workspace=self.ref)
        self.others = (
            town.chat("public", f"{name} public", *people[:2], workspace=self.ref),
            town.chat("group", f"{name} group", *people, workspace=self.ref),
            town.chat("single", "", *people[:2], workspace=self.ref),
        )
        self.login = _sign_in(town, self.owner)
        self.file = FileName(self.ref.number, codes.hashed(name).hex(), "png")
        self.said = {each.id: self._say(self.private, each) for each in people}
        self.said_in_secret = self._say(self.secret, self.member)
        self.invite, self.ended_code = self._invite(), self._ended_code()
        self.ids = self._ids()

    @property
    def text(self) -> str:
        return f"{self.name}: {SAID}"

    def _say(self, chat: ChatRef, person: Person, **more: Any) -> int:
        """Read, reacted to and pinned by the one who says it; the message's id."""
        run, who = self._town.scene.run, _acting(person)
        post = messages.Post(
            chat, who, f"u{person.id}", f"{self.name} {person.id}", self.text, **more
        )
        message: int = self._town.scene.call(messages.POST, post).message_id
        for action, *rest in (
            (chat_messages.edit, f"{self.text}!"),
            (chat_messages.edit, self.text),
            (chat_messages.react, "👍"),
            (chat_messages.pin,),
            (chat_messages.read,),
        ):
            run(action, chat, message, *rest, actor=who)
        return message

    def _ids(self) -> Ids:
        """What somebody elsewhere could try."""
        run, who = self._town.scene.run, _acting(self.owner)
        run(_store, self.file, self.ref.scope)
        first = self.said[self.owner.id]
        answer = self._say(
            self.private,
            self.member,
            reply_to=first,
            attachments=(self.file.url,),
            mentions=(self.owner.id,),
        )
        said = [self._say(each, self.admin) for each in self.others]
        gone = self._say(self.private, self.owner)
        run(chat_messages.delete, self.private, gone, actor=who)
        return {
            "chat": [each.id for each in (self.private, *self.others)],
            "message": [first, answer, said[0], gone],
            "workspace": [self.ref.number],
            "account": [self.owner.id, self.outsider.id],
            "file": [self.file.url],
            "session": [self.login.login_id],
            "code": [str(self.invite), self.ended_code],
        }

    def _invite(self) -> int:
        arguments = self.ref, "member", None, 3600, 1
        made: invites.Made = self._town.scene.run(
            invites.create, *arguments, actor=_acting(self.owner)
        )
        return made.invite.id

    def _ended_code(self) -> str:
        run, who = self._town.scene.run, _acting(self.owner)
        made: invites.Made = run(invites.create, self.ref, "member", None, 3600, 1, actor=who)
        run(invites.revoke, self.ref, made.code, actor=who)
        return made.code


class Actor(NamedTuple):
    """Who asks with ids of ``theirs``, and ids of ``ours`` beside them. ``known_to``: the face by
    which the credential counts, so that what is not theirs is 404; any other refuses them, but
    what it ``opens`` is theirs."""

    name: str
    headers: dict[str, str]
    ours: Side
    theirs: Side
    known_to: Face | None
    person: Person | None = None
    opens: tuple[str, ...] = ()

    def own(self, kind: str) -> Any:
        """One's own message, which one may edit; else the first that there is."""
        if kind == "message" and self.person is not None:
            return self.ours.said.get(self.person.id, self.ours.ids["message"][0])
        return self.ours.ids[kind][0]


class TwoWorkspaces:
    def __init__(self, path: Path) -> None:
        town = Town(path)
        room = town.scene.create_room("ants and bees may come")
        run = town.scene.run
        self.ants = Side(town, "ants")
        _begin_at(town, BOTHS)
        self.former = town.person("ants-former", self.ants.ref)
        self.operator = town.person("ants-operator", self.ants.ref)
        run(_be_operator, self.operator, self.ants)
        self.bees = Side(town, "bees")
        run(_be_in_and_leave, self.bees, self.former)
        self.suspended = town.person("bees-suspended", self.bees.ref, role="owner")
        run(_record, account_events.AccountSuspended(self.suspended.id))
        ended = _sign_in(town, self.bees.owner)
        run(logins.end, self.bees.owner.id, ended.login_id)
        self._ended = ended.login_id
        self.keys = {"team": keys.new(), "rooms": keys.new()}
        for part, workspace in (("team", self.ants.ref.number), ("rooms", None)):
            hashed = keys.hashed(self.keys[part])
            run(key_actions.create, part, [part], workspace, None, hashed)
        for side in (self.ants, self.bees):
            side.ids["refresh"] = [ended.refresh_token]
            side.ids["room"] = [
                town.scene.call(_public_id, each.id) for each in (room, side.private)
            ]
        _begin_at(town, NEW)
        town.close()

    def actors(self) -> list[Actor]:
        ants, bees = self.ants, self.bees
        known = [
            Actor(name, person.headers, ours, theirs, "team", person)
            for name, person, ours, theirs in (
                ("member", ants.member, ants, bees),
                ("outsider", ants.outsider, ants, bees),
                ("admin", ants.admin, ants, bees),
                ("owner", ants.owner, ants, bees),
                ("owner of the other", bees.owner, bees, ants),
                ("former member", self.former, ants, bees),
                ("operator's account", self.operator, ants, bees),
            )
        ]
        key = Actor("key of the other", {"X-Api-Key": self.keys["team"]}, ants, bees, "operators")
        known.append(key)
        return known + [
            Actor(name, headers, ants, bees, None, opens=OPENS.get(name, ()))
            for name, headers in self._nobodies().items()
        ]

    def _nobodies(self) -> dict[str, dict[str, str]]:
        """What would open the bees' workspace if it counted."""
        owner = self.bees.owner
        guest = tokens.TokenClaims(f"u{owner.id}", expires_at=2**32, is_admin=True)
        return {
            "anonymous": {},
            "room guest": _bearer(tokens.mint(guest, ROOM_SECRET, 0.0)),
            "suspended": self.suspended.headers,
            "token that is over": _bearer(owner.token_of(self.bees.login.login_id, -3600)),
            "session that was revoked": _bearer(owner.token_of(self._ended)),
            "refresh token": _bearer(self.bees.login.refresh_token),
            ADMIN: {"X-Api-Key": KEY},
            "key of rooms": {"X-Api-Key": self.keys["rooms"]},
        }


def absent(actor: Actor, sort: str) -> Any:
    """What nobody has; a number stands among all others where theirs do."""
    return ABSENT.get(sort, FIRST[actor.theirs.name] + NOBODYS)


def shown_of(side: Side, found: bytes) -> list[bytes]:
    """Its name, which all its texts have, and its numbers."""
    name, digit = side.name.encode(), str(FIRST[side.name])[0].encode()
    return re.findall(rb"\b%b\b|\b%b\d{4}\b" % (name, digit), found)


def newest(database: Path) -> int:
    """The offset of the newest event."""
    with reading(database) as db:
        found: int = db.execute_sql("SELECT max(id) FROM event").fetchone()[0]
        return found


def _sign_in(town: Town, person: Person) -> logins.IssuedTokens:
    """By a password that nobody has."""
    town.scene.run(lambda tx, _: passwords.save(tx.db, person.id, HASH))
    signed_in: logins.IssuedTokens = town.scene.run(logins.start, person.id, HASH, "browser")
    return signed_in


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _acting(person: Person) -> events.Actor:
    return events.Actor(f"u{person.id}", "account")


def _begin_at(town: Town, first: int) -> None:
    town.scene.run(lambda tx, _: counters.save(tx.db, dict.fromkeys(NUMBERED, first)))
    town.scene.restart()  # it remembers them


def _record(tx: Tx, actor: events.Actor, payload: Any) -> None:
    tx.record(payload, actor)


def _store(tx: Tx, actor: events.Actor, file: FileName, scope: int) -> None:
    tx.record(account_events.FileStored(*file, "image/png", 3), actor, scope=scope)


def _be_in_and_leave(tx: Tx, actor: events.Actor, side: Side, person: Person) -> None:
    """The private chat, and then the workspace."""
    workspaces.add_member(tx, actor, side.ref, person.id, "admin")
    participants.join(tx, actor, side.private, f"u{person.id}")
    workspaces.leave_workspace(tx, actor, side.ref, person.id)


def _be_operator(tx: Tx, actor: events.Actor, person: Person, side: Side) -> None:
    home = side.ref.number
    payload = account_events.AccountChanged(
        person.id, person.email, "ants-operator", None, home, True
    )
    tx.record(payload, actor)


def _public_id(tx: Tx, conversation: int) -> str:
    found: str = tx.db.execute_sql(
        "SELECT public_id FROM conversation WHERE id = ?", (conversation,)
    ).fetchone()[0]
    return found
