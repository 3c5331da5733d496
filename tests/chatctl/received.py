"""Callbacks as the server would send them, and a desk that receives them."""

import json
from collections.abc import Sequence
from typing import Any

from chatctl.webhooks.histories import Budget
from chatctl.webhooks.receipts import Callback, Receipt, Receipts
from chatctl_server.storage import messages, room_sessions
from chatctl_server.views.rooms import callbacks as views
from chatctl_server.views.rooms.objects import chat_entry, session_entry

ROOM = "7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11"
AT = 1_767_225_600
SECOND = 1_000_000


def message(seq: int, content: str = "hi", at: int | None = None) -> messages.Message:
    """At its own second, unless told."""
    created_at = (AT + seq if at is None else at) * SECOND
    return messages.Message(
        id=seq, event_offset=seq, conversation=1, seq=seq, kind="text", sender="anna",
        sender_kind="user", nickname="Anna", is_admin=0, content=content, reply_to=None,
        attachments=None, client_msg_id=None, created_at=created_at, edited_at=None,
        deleted_at=None, erased_at=None, changed_offset=None,
    )  # fmt: skip


def session(number: int, join: int, leave: int, user: str = "anna") -> room_sessions.Session:
    """Times in seconds after AT; sessions of a second begin one after the other."""
    began, ended = (AT + join) * SECOND + number, (AT + leave) * SECOND
    return room_sessions.Session(number, 1, user, user, began, ended)


def chat(rows: Sequence[messages.Message], number: int, *, is_last: bool = True) -> Any:
    entries = [vars_of(chat_entry(row)) for row in rows]
    return {
        "event_type": "ChatHistoryBatch", "room_id": ROOM, "messages": entries,
        "batch_id": f"chat_{ROOM}_{number}", "is_last_batch": is_last, "timestamp": AT,
    }  # fmt: skip


def ended(rows: Sequence[room_sessions.Session], number: int) -> Any:
    entries = [vars_of(session_entry(row)) for row in rows]
    return {
        "event_type": "SessionHistoryBatch", "room_id": ROOM, "sessions": entries,
        "batch_id": f"session_{ROOM}_{number}", "is_last_batch": True, "timestamp": AT,
    }  # fmt: skip


def vars_of(entry: Any) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__struct_fields__}


def periodic(said: Sequence[messages.Message], left: Sequence[room_sessions.Session] = ()) -> Any:
    """As the server computes it: the newest of both, sessions by when they began."""
    newest = sorted(left, key=lambda row: row.join_time)[-views.DIGEST_RECORDS :]
    counted = {"message_count": len(said), "session_count": len(left), "last_message_at": None}
    digest = views.digest(said[-views.DIGEST_RECORDS :], newest)
    return {
        "event_type": "PeriodicSync", "room_id": ROOM, "consistency": {**counted, "digest": digest},
    }  # fmt: skip


class Desk:
    def __init__(self, *keys: bytes, budget: Budget | None = None) -> None:
        self.receipts = Receipts(keys, budget)
        self._next = 0

    def get(self, body: Any, status: int | None = 200, **headers: str) -> Receipt:
        """Under an id of its own, unless ``webhook_id`` is given."""
        self._next += 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        whole = {"webhook-id": f"id-{self._next}", **named}
        opened = self.receipts.open(Callback(AT, "/", whole, content))
        return self.receipts.finish(opened, opened.refusal[0] if opened.refusal else status)

    def digest(self, body: Any) -> str:
        codes = codes_of(self.get(body))
        return next(code for code in codes if code.startswith("digest_"))


def codes_of(receipt: Receipt) -> list[str]:
    return [finding.code for finding in receipt.findings]
