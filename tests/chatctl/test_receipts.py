"""What a receiver of callbacks makes of what it gets: tries, gaps, doubles, signatures, bodies, and
the digest over what it was told."""

import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chatctl.input import secret_files
from chatctl.shell.failures import Failure
from chatctl.show import callback_bodies
from chatctl.webhooks import histories
from chatctl.webhooks.histories import Budget
from chatctl.webhooks.receipts import Callback, Receipt, Receipts
from chatctl_server.domain import signatures
from chatctl_server.storage import messages, room_sessions
from chatctl_server.views.rooms import callbacks as views
from chatctl_server.views.rooms.objects import chat_entry, session_entry

ROOM = "7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11"
AT = 1_767_225_600
SECOND = 1_000_000
KEY = b"0123456789abcdef0123456789abcdef"
OTHER = b"another secret of thirty-two byte"


def message(seq: int, content: str = "hi", at: int | None = None) -> messages.Message:
    """At its own second, unless told."""
    created_at = (AT + seq if at is None else at) * SECOND
    return messages.Message(
        id=seq, event_offset=seq, conversation=1, seq=seq, kind="text", sender="anna",
        sender_kind="user", nickname="Anna", is_admin=0, content=content, reply_to=None,
        attachments=None, client_msg_id=None, created_at=created_at, edited_at=None,
        deleted_at=None, erased_at=None, changed_offset=None,
    )  # fmt: skip


SAID = [message(seq, f"text {seq} 你好") for seq in range(1, 1301)]


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
        """What is found of it: ``equal``, ``different`` or ``unknown``."""
        found = next(code for code in codes_of(self.get(body)) if code.startswith("digest_"))
        return found.removeprefix("digest_")


def codes_of(receipt: Receipt) -> list[str]:
    return [finding.code for finding in receipt.findings]


# Tries and duplicates


def test_what_failed_comes_again_and_what_arrived_is_a_duplicate() -> None:
    desk = Desk()
    body = {"event_type": "UserJoined", "room_id": ROOM, "user_id": "anna", "timestamp": AT}
    got = [desk.get(body, status, webhook_id="one") for status in (500, None, 200, 200)]
    assert [(each.attempt, each.is_duplicate) for each in got] == [
        (1, False), (2, False), (3, False), (4, True),
    ]  # fmt: skip
    total = desk.receipts.total()
    assert (total.callbacks, total.retries, total.duplicates, total.unanswered) == (4, 2, 1, 1)
    assert total.events == {"user_joined": 4}


def test_a_batch_under_another_id_is_the_same_batch() -> None:
    desk = Desk()
    body = chat([message(1)], 1)
    assert not desk.get(body).is_duplicate
    again = desk.get(body)
    assert (again.is_duplicate, codes_of(again)) == (True, ["same_batch"])
    assert desk.receipts.total().double_records == 0
    assert desk.digest(periodic([message(1)])) == "equal"


def test_another_body_than_at_the_first_try_has_to_say_so() -> None:
    """What arrives a second time takes the place of the first."""
    desk = Desk()
    said, erased = chat([message(1), message(2)], 1), chat([message(1), message(2, "")], 1)
    told = {"x-chatctl-changed": "true"}
    desk.get(said, 500, webhook_id="one")
    assert codes_of(desk.get(erased, 500, webhook_id="one")) == ["changed"]
    (found,) = desk.get(said, webhook_id="one", **told).findings
    assert (found.code, found.is_trouble) == ("changed_since", False)
    assert codes_of(desk.get(said, webhook_id="one")) == []
    assert desk.get(erased, webhook_id="one", **told).is_duplicate
    assert desk.digest(periodic([message(1), message(2, "")])) == "equal"


def test_ids_that_are_too_many_are_forgotten_the_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatctl.webhooks.receipts.MOST_IDS", 2)
    desk = Desk()
    for name in ("a", "b", "c", "d", "d", "a"):
        got = desk.get({}, webhook_id=name)
        assert got.is_duplicate == (name == "d" and got.attempt == 2)


# Gaps and doubles


def test_a_missing_batch_is_a_gap_until_it_comes() -> None:
    for numbers, found, missing in (
        ((7, 8), [], []),  # it began to listen late
        ((1, 5, 7), ["gap", "gap"], ["2-4", "6"]),
        ((1, 3, 2), ["gap", "late"], []),
    ):
        desk = Desk()
        got = [desk.get(chat([message(number)], number)) for number in numbers]
        assert [code for each in got for code in codes_of(each)] == found
        gaps = [("chat_history", ROOM, missing)] if missing else []
        assert desk.receipts.total().gaps == gaps


def test_a_batch_that_was_refused_has_not_come() -> None:
    desk = Desk()
    desk.get(chat([message(1)], 1))
    desk.get(chat([message(2)], 2), 500)
    assert codes_of(desk.get(chat([message(3)], 3))) == ["gap"]


def test_numbers_are_counted_by_room_and_kind() -> None:
    desk = Desk()
    other = json.loads(json.dumps(chat([message(1)], 9)).replace(ROOM, ROOM[::-1]))
    for body in (chat([message(1)], 1), ended([session(1, 0, 1)], 5), other, chat([SAID[1]], 2)):
        assert codes_of(desk.get(body)) == []
    assert desk.receipts.total().gaps == []


def test_samples_and_replays_say_nothing_about_the_history() -> None:
    desk = Desk()
    desk.get(chat([message(1)], 1))
    for mark in ("test", "replay"):
        for body in (chat([message(1)], 1), chat([message(9)], 9), periodic([message(5)])):
            assert desk.get(body, **{"x-chatctl-mark": mark}).findings == []
    assert desk.digest(periodic([message(1)])) == "equal"


def test_a_record_of_an_earlier_batch_came_twice() -> None:
    desk = Desk()
    desk.get(chat([message(1), message(2), message(3)], 1))
    got = desk.get(chat([message(2), message(3), message(4)], 2))
    assert codes_of(got) == ["double_records"]
    assert desk.receipts.total().double_records == 1  # 3 is of the second in which batch 1 ended


def test_the_same_words_within_a_second_are_no_doubles() -> None:
    desk = Desk()
    said = [message(seq, at=AT) for seq in range(1, 5)]
    assert codes_of(desk.get(chat(said[:2], 1))) == codes_of(desk.get(chat(said[2:], 2))) == []
    assert desk.digest(periodic(said)) == "equal"


# Signatures


def signed(body: bytes, key: bytes = KEY, at: int = AT) -> dict[str, str]:
    return dict(signatures.headers("one", at, body, [key]))


def test_a_signature() -> None:
    good = signed(b"{}")
    for keys, headers, verdict in (
        ([OTHER, KEY], good, "ok"),
        ([KEY], dict(signatures.headers("one", AT, b"{}", [OTHER, KEY])), "ok"),
        ([KEY], signed(b"{}", at=AT - 299), "ok"),
        ([KEY], signed(b"{}", at=AT + 299), "ok"),
        ([KEY], signed(b"{}", at=AT - 301), "bad"),
        ([KEY], signed(b"{}", at=AT + 301), "bad"),
        ([KEY], signed(b"{ }"), "bad"),
        ([KEY], signed(b"{}", OTHER), "bad"),
        ([KEY], {**good, "webhook-id": "two"}, "bad"),
        ([KEY], {**good, "webhook-timestamp": "x"}, "bad"),
        ([KEY], {**good, "webhook-signature": "v2,x é v1"}, "bad"),
        ([KEY], {}, "none"),
        ([], {}, "none"),
        ([], signed(b"{}", OTHER), "unchecked"),
    ):
        assert signatures.judge(keys, headers, b"{}", AT).verdict == verdict, headers
        desk = Desk(*keys)
        opened = desk.receipts.open(Callback(AT, "/", headers, b"{}"))
        is_refused = bool(keys) and verdict != "ok"
        assert (opened.refusal is not None and opened.refusal[0] == 401) == is_refused
        desk.receipts.finish(opened, 401 if is_refused else 200)
        assert desk.receipts.total().bad_signatures == is_refused


def test_what_is_badly_signed_counts_as_nothing() -> None:
    desk = Desk(KEY)
    for number in (1, 3):
        assert codes_of(desk.get(chat([message(1)], number))) == ["bad_signature"]
    assert (desk.receipts.total().gaps, desk.receipts.total().retries) == ([], 0)


def test_secrets_stand_a_line_each_and_what_is_none_is_not_shown(tmp_path: Path) -> None:
    file, secret = tmp_path / "secrets.txt", b64encode(KEY).decode()
    file.write_text(f"whsec_{secret}\r\n\n {b64encode(OTHER).decode()} ")
    assert secret_files.keys(str(file)) == [KEY, OTHER]
    for text in ("", "\n", "no-base64!", f"{secret}\nc2hvcnQ=", secret * 3):
        file.write_text(text)
        with pytest.raises(Failure, match=r"secrets\.txt") as refusal:
            secret_files.keys(str(file))
        assert refusal.value.code == "usage"
        assert not any(line in refusal.value.message for line in text.split())


# Bodies


def test_a_bad_body_is_refused_with_a_sentence() -> None:
    for body in (
        b"",
        b"\xff{}",
        b"[" * 100_000,
        b'{"room_id": NaN}',
        b'"\\ud800"',
        chat([], 1) | {"messages": None},
        chat([], 1) | {"messages": [1]},
        chat([], 1) | {"messages": [{"user_id": "a"}]},
        chat([], 1) | {"messages": [vars_of(chat_entry(message(1))) | {"created_at": True}]},
        chat([], 1) | {"batch_id": "chat"},
        chat([], 1) | {"batch_id": None},
        ended([], 1) | {"sessions": {}},
    ):
        desk = Desk()
        got = desk.get(body)
        assert (got.answer, codes_of(got)) == (400, ["bad_request"]), body
        assert got.findings[0].text
        assert desk.receipts.total().bad_requests == 1


def test_words_are_found_for_any_body() -> None:
    odd = [None, 1, "x", [], {}, [{}], {"data": {}}, {"data": 1}, {"final_stats": 1, "stats": []}]
    for event in (*callback_bodies._WORDS, "message.posted", "room.admins_set", "odd"):
        for body in odd:
            assert isinstance(callback_bodies.told(event, body), str)
            assert callback_bodies.room_name(body) is None
            assert Desk().get(body, **{"x-chatctl-event": event}).opened.event == event


def test_without_our_header_the_body_says_what_it_is() -> None:
    for body, event in (
        (ended([], 1), "session_history_batch"),
        ({"room_id": ROOM, "chat_history": []}, "data_sync"),
        ({"event_type": 5}, "unknown"),
        ([], "unknown"),
    ):
        assert Desk().get(body).opened.event == event


# The digest


def test_the_digest_is_that_of_all_batches() -> None:
    desk = Desk()
    left = [session(2, 3, 5), session(1, 0, 9, "bert"), session(3, 6, 9)]
    assert desk.digest(periodic([])) == "equal"
    desk.get(chat(SAID[:700], 1, is_last=False))
    assert desk.digest(periodic(SAID, left)) == "unknown"
    desk.get(chat(SAID[700:], 2))
    desk.get(ended(left, 1))
    assert desk.digest(periodic(SAID, left)) == "equal"
    assert desk.digest(periodic([*SAID[:-1], message(1300, "other")], left)) == "different"
    assert desk.digest(periodic(SAID, left[:2])) == "equal"  # told before the last came
    assert desk.receipts.total().digests == {"equal": 3, "unknown": 1, "different": 1}


def test_a_digest_of_an_odd_shape_is_not_compared() -> None:
    whole = periodic([])
    for said in (None, {}, {"digest": 1}, whole["consistency"] | {"message_count": -1}):
        assert Desk().get(whole | {"consistency": said}).findings == []


def test_the_newest_thousand_are_enough() -> None:
    desk = Desk()
    desk.get(chat(SAID[299:], 4))
    assert desk.digest(periodic(SAID)) == "equal"
    assert desk.digest(periodic(SAID[:-1])) == "unknown"


def test_the_order_of_sessions_is_nothing_to_a_digest() -> None:
    desk = Desk()
    left = [session(number, 7, 30 - number, f"user {number}") for number in range(1, 10)]
    desk.get(ended(left[::-1], 1))
    assert desk.digest(periodic([], left)) == "equal"
    wrong = [*left[:8], session(9, 7, 21, "somebody else")]
    assert desk.digest(periodic([], wrong)) == "different"


def test_which_of_a_second_are_among_the_newest_cannot_be_told() -> None:
    desk = Desk()
    left = [session(number, 7, 3000 - number, f"user {number}") for number in range(1, 1002)]
    desk.get(ended(left[::-1], 1))
    assert desk.digest(periodic([], left)) == "unknown"
    later = [left[0], *(session(number, 8, 9, "anna") for number in range(2, 1002))]
    desk = Desk()
    desk.get(ended(later, 1))
    assert desk.digest(periodic([], later)) == "equal"
    wrong = [*later[:-1], session(1001, 8, 9, "bert")]
    assert desk.digest(periodic([], wrong)) == "different"


def test_what_is_sent_again_takes_the_place_of_what_came() -> None:
    """With the message that was deleted since, and with what came before it listened."""
    desk = Desk()
    again = {"x-chatctl-mark": "again"}
    left = [session(1, 0, 2), session(2, 4, 5)]
    desk.get(chat(SAID[2:5], 3))
    desk.get(ended(left[1:], 2))
    now = [*SAID[:3], message(4, ""), *SAID[4:7]]
    assert desk.digest(periodic(now[:5], left)) == "unknown"
    desk.get(chat(now[:2], 4, is_last=False), **again)
    desk.get(chat(now[2:5], 5), **again)
    desk.get(ended(left, 3), **again)
    assert desk.digest(periodic(now[:5], left)) == "equal"
    desk.get(chat(now[5:7], 6))
    assert desk.digest(periodic(now, left)) == "equal"
    assert desk.receipts.total().double_records == 0


def test_a_part_that_is_sent_again_ends_within_a_second() -> None:
    desk = Desk()
    said = [message(1, "a", AT), message(2, "b", AT), message(3, "c", AT), message(4, "d")]
    desk.get(chat(said, 1))
    now = [message(1, "a", AT), message(2, "", AT), *said[2:]]
    desk.get(chat(now[:2], 2), **{"x-chatctl-mark": "again"})
    assert desk.digest(periodic(now)) == "equal"


def test_a_run_that_broke_off_is_forgotten() -> None:
    desk = Desk()
    again = {"x-chatctl-mark": "again"}
    desk.get(chat(SAID[:3], 1, is_last=False), **again)
    desk.get(chat(SAID[:2], 2, is_last=False), **again)
    desk.get(chat(SAID[2:4], 3), **again)
    assert desk.digest(periodic(SAID[:4])) == "equal"


def test_beyond_its_memory_nothing_is_told() -> None:
    desk = Desk(budget=Budget(2_000))
    desk.get(chat(SAID[:4], 1))
    assert desk.digest(periodic(SAID[:4])) == "equal"
    desk.get(chat(SAID[4:6], 2))
    got = desk.get(periodic(SAID[:6]))
    assert codes_of(got) == ["digest_unknown"]
    assert "no more history is kept" in got.findings[0].text


def test_the_definition_is_the_servers() -> None:
    assert histories.DIGEST_RECORDS == views.DIGEST_RECORDS
    chat_keys, session_keys = (histories.SHAPES[kind].keys for kind in histories.SHAPES)
    assert chat_keys == tuple(vars_of(chat_entry(message(1))))
    assert session_keys == tuple(vars_of(session_entry(session(1, 0, 1))))
