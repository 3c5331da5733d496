"""``chatctl db seed --demo``: rooms as they look after two days, for people who try things out."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.actions import conversations, messages, moderation, sessions
from chatctl_server.domain import events
from chatctl_server.domain.references import RoomRef
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import engine, log
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.writer import Call, Writer

HOST = events.Actor(None, "demo")
MINUTE = 60 * SECOND
# The newest line is minutes old and the oldest one days, whenever one tries this.
AGE = 2 * 24 * 60 * MINUTE


class Seeded(msgspec.Struct, frozen=True):
    database: str
    rooms: int
    messages: int
    users: int
    bans: int
    changed: bool


class Talk(NamedTuple):
    """``lines``: who says what, each a while after the one before it. The last field is the
    message that a moderator takes away, counted from 1."""

    name: str
    admins: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    deleted: int | None = None


NICKNAMES = {
    "anna": "Anna Berg",
    "bert": "Bert",
    "chen-wei": "陈伟",
    "li-mei": "李梅",
    "zoe": "Zoë Martin",
    "omar": "عمر",
    "wang-xm": "王小明",
    "coins4u": "FREE COINS",
}
ADDRESSES = {user: f"192.0.2.{number}" for number, user in enumerate(NICKNAMES, 10)}
TALKS = (
    Talk(
        "lobby",
        ("anna",),
        (
            ("anna", "Good morning! Release 2.4 goes out today."),
            ("bert", "Morning. Is the migration tested?"),
            ("anna", "Twice, on a copy of production. 40 seconds."),
            ("coins4u", "!!! FREE COINS → http://coins.example/?r=4471 !!!"),
            ("zoe", "Somebody please …"),
            ("anna", "Gone, sorry about that."),
            ("bert", "Thanks 👍"),
            ("wang-xm", "大家好，我是新来的。"),
            ("anna", "Welcome! 欢迎！"),
            ("zoe", "Does the export still break on names like O'Brien <ob@example.com>?"),
            ("bert", "Fixed since 2.3.1."),
            ("omar", "مرحبا، هل التحديث متاح الآن؟"),
            ("anna", "In ten minutes, after the backup."),
            ("system", "Release 2.4 is live."),
            ("bert", "🎉"),
            ("zoe", "Works for me, and it is faster."),
        ),
        deleted=4,
    ),
    Talk(
        "客服大厅",
        ("li-mei",),
        (
            ("li-mei", "您好，请问有什么可以帮您？"),
            ("wang-xm", "你好，我的订单 20260117-0042 还没有发货。"),
            ("li-mei", "请稍等，我帮您查一下。"),
            ("chen-wei", "仓库说今天下午出库。"),
            ("li-mei", "王先生，您的包裹今天下午发出，大约两天到。"),
            ("wang-xm", "好的，谢谢！可以改地址吗？"),
            ("li-mei", "可以，请把新地址发到您的账户页面。"),
            ("wang-xm", "已经改好了。"),
            ("chen-wei", "收到，标签重新打印了。"),
            ("li-mei", "还有别的问题吗？"),
            ("wang-xm", "没有了，非常感谢 🙏"),
        ),
    ),
    Talk(
        "design review",
        ("zoe", "anna"),
        (
            ("zoe", "Two drafts are in the shared folder: dense and airy."),
            ("anna", "Airy reads better, but on a phone I see three messages."),
            ("chen-wei", "紧凑版在手机上更好。"),
            ("zoe", "Then dense below 480 px, airy above?"),
            ("anna", "Yes. And the timestamps only on hover."),
            ("chen-wei", "同意。"),
        ),
    ),
    Talk(
        "office move",
        ("bert",),
        (
            ("bert", "Boxes are on the second floor, labels in the drawer."),
            ("anna", "Mine are packed."),
            ("bert", "All done. I close this room, see you on the new floor."),
        ),
    ),
)


def seed(path: Path, now: int) -> Seeded:
    """All of it or nothing; the caller holds the lock. ``now`` in microseconds.

    Raises Conflict when the database is not empty.
    """
    writing = Writer(lambda: engine.writing(path, durable=True), lambda: now)
    try:
        (finished,) = writing.run([Call(_fill, (), lambda _: None, 0)])
    finally:
        writing.close()
    if isinstance(finished.outcome, BaseException):
        raise finished.outcome
    return Seeded(
        database=str(path),
        rooms=len(TALKS),
        messages=sum(len(talk.lines) for talk in TALKS),
        users=len(NICKNAMES),
        bans=1,
        changed=True,
    )


def _fill(tx: Tx) -> None:
    if log.newest_offset(tx.db):
        raise errors.Conflict(
            "the database is not empty: something has happened in it",
            hint="a new one: chatctl db migrate --db sqlite:./demo.db",
        )
    end = tx.now
    made: dict[str, RoomRef] = {}
    tx.now = tx.at = end - AGE
    for talk in TALKS:
        created = conversations.create_room(tx, HOST, talk.name, talk.admins)
        made[talk.name] = RoomRef(created.ref.id, created.ref.scope)
    steps = sum(len(talk.lines) for talk in TALKS) + 1
    for talk in TALKS:
        _hold(tx, talk, made[talk.name], AGE // steps)
    tx.now = tx.at = end - 5 * MINUTE
    moderation.mute(tx, _actor("zoe"), made["design review"], "bert", "not his topic", 86_400)
    conversations.close(tx, HOST, made["office move"])


def _hold(tx: Tx, talk: Talk, room: RoomRef, pause: int) -> None:
    """Everybody comes before their first word and goes after the last one of all."""
    inside: dict[str, int] = {}
    for number, (user, content) in enumerate(talk.lines, 1):
        # Uneven pauses, as people make them.
        _wait(tx, pause * (number % 3 + 1) // 2)
        if user in NICKNAMES and user not in inside:
            joined = sessions.join(tx, _actor(user), room, user, NICKNAMES[user])
            inside[user] = joined.session_id
            _wait(tx, 20 * SECOND)
        posted = messages.post_one(tx, _post(room, user, content))
        if number == talk.deleted:
            _wait(tx, MINUTE)
            moderation.ban(tx, _actor(talk.admins[0]), room, user, "advertising", None)
            messages.erase(tx, _actor(talk.admins[0]), room, posted.message_id)
    for user, session_id in inside.items():
        _wait(tx, 5 * SECOND)
        sessions.leave(tx, _actor(user), room, session_id, "left")


def _wait(tx: Tx, microseconds: int) -> None:
    tx.now += microseconds
    tx.at += microseconds


def _post(room: RoomRef, user: str, content: str) -> messages.Post:
    if user == messages.SYSTEM:
        return messages.Post(
            room,
            HOST,
            user,
            user,
            content,
            kind="system",
            sender_kind="system",
            is_guarded=False,
        )
    return messages.Post(room, _actor(user), user, NICKNAMES[user], content)


def _actor(user: str) -> events.Actor:
    return events.Actor(user, "room:open", ADDRESSES[user])
