"""What a receiver of callbacks makes of what it gets: tries, gaps, doubles, signatures, bodies."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from received import AT, ROOM, Desk, chat, codes_of, ended, message, periodic, session, vars_of

from chatctl.input import secret_files
from chatctl.shell.failures import Failure
from chatctl.show import callback_bodies
from chatctl.webhooks.receipts import Callback
from chatctl_server.domain import signatures
from chatctl_server.views.rooms.objects import chat_entry

KEY = b"0123456789abcdef0123456789abcdef"

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
    assert desk.digest(periodic([message(1)])) == "digest_equal"


def test_a_retry_with_another_body_says_so() -> None:
    desk = Desk()
    desk.get(chat([message(1)], 1), 500, webhook_id="one")
    erased = chat([message(1, "")], 1)
    assert codes_of(desk.get(erased, 500, webhook_id="one")) == ["changed"]
    said = desk.get(
        chat([message(1, "x")], 1), 500, webhook_id="one", **{"x-chatctl-changed": "true"}
    )
    assert [(each.code, each.text, each.is_trouble) for each in said.findings] == [
        ("changed_since", "changed since the first try", False)
    ]
    assert codes_of(desk.get(chat([message(1, "x")], 1), 500, webhook_id="one")) == []


def test_a_repeat_with_erased_text_takes_the_place_of_the_first() -> None:
    desk = Desk()
    desk.get(chat([message(1), message(2)], 1), webhook_id="one")
    told = {"x-chatctl-changed": "true"}
    assert desk.get(chat([message(1), message(2, "")], 1), webhook_id="one", **told).is_duplicate
    assert desk.digest(periodic([message(1), message(2, "")])) == "digest_equal"


def test_ids_that_are_too_many_are_forgotten_the_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatctl.webhooks.receipts.MOST_IDS", 2)
    desk = Desk()
    for name in ("a", "b", "c", "d", "d", "a"):
        got = desk.get({}, webhook_id=name)
        assert got.is_duplicate == (name == "d" and got.attempt == 2)


# Gaps and doubles


@pytest.mark.parametrize(
    ("numbers", "found", "missing"),
    [
        ((1, 2, 3), [], []),
        ((7, 8), [], []),  # it began to listen late
        ((1, 3), ["gap"], ["2"]),
        ((1, 5, 7), ["gap", "gap"], ["2-4", "6"]),
        ((1, 3, 2), ["gap", "late"], []),
    ],
)
def test_a_missing_batch_is_a_gap_until_it_comes(
    numbers: tuple[int, ...], found: list[str], missing: list[str]
) -> None:
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
    bodies_of = [chat([message(1)], 1), ended([session(1, 0, 1)], 5), other, chat([message(2)], 2)]
    assert [codes_of(desk.get(body)) for body in bodies_of] == [[], [], [], []]
    assert desk.receipts.total().gaps == []


@pytest.mark.parametrize("mark", ["test", "replay"])
def test_samples_and_replays_say_nothing_about_the_history(mark: str) -> None:
    desk = Desk()
    desk.get(chat([message(1)], 1))
    marked = {"x-chatctl-mark": mark}
    for body in (chat([message(1)], 1), chat([message(9)], 9), periodic([message(5)])):
        assert desk.get(body, **marked).findings == []
    assert desk.digest(periodic([message(1)])) == "digest_equal"


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
    assert desk.digest(periodic(said)) == "digest_equal"


# Signatures


def signed(body: bytes, key: bytes = KEY, at: int = AT, webhook_id: str = "one") -> dict[str, str]:
    return dict(signatures.headers(webhook_id, at, body, [key]))


OTHER = b"another secret of thirty-two byte"


@pytest.mark.parametrize(
    ("keys", "headers", "verdict"),
    [
        ([KEY], signed(b"{}"), "ok"),
        ([OTHER, KEY], signed(b"{}"), "ok"),
        ([KEY], dict(signatures.headers("one", AT, b"{}", [OTHER, KEY])), "ok"),
        ([KEY], signed(b"{}", at=AT - 299), "ok"),
        ([KEY], signed(b"{}", at=AT + 299), "ok"),
        ([KEY], signed(b"{}", at=AT - 301), "bad"),
        ([KEY], signed(b"{}", at=AT + 301), "bad"),
        ([KEY], signed(b"{ }"), "bad"),
        ([KEY], signed(b"{}", OTHER), "bad"),
        ([KEY], {**signed(b"{}"), "webhook-id": "two"}, "bad"),
        ([KEY], {**signed(b"{}"), "webhook-timestamp": "x"}, "bad"),
        ([KEY], {**signed(b"{}"), "webhook-signature": "v2,x é v1"}, "bad"),
        ([KEY], {}, "none"),
        ([], {}, "none"),
        ([], signed(b"{}", OTHER), "unchecked"),
    ],
)
def test_a_signature(keys: list[bytes], headers: dict[str, str], verdict: str) -> None:
    assert signatures.judge(keys, headers, b"{}", AT).verdict == verdict
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


SECRET = b64encode(KEY).decode()


def test_secrets_stand_a_line_each(tmp_path: Path) -> None:
    file = tmp_path / "secrets.txt"
    file.write_text(f"whsec_{SECRET}\r\n\n {b64encode(OTHER).decode()} ")
    assert secret_files.keys(str(file)) == [KEY, OTHER]


@pytest.mark.parametrize("text", ["", "\n", "no-base64!", f"{SECRET}\nc2hvcnQ=", SECRET * 3])
def test_what_is_no_secret_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets.txt"
    file.write_text(text)
    with pytest.raises(Failure) as refusal:
        secret_files.keys(str(file))
    assert refusal.value.code == "usage"
    assert "secrets.txt" in refusal.value.message
    assert not any(line in refusal.value.message for line in text.split() if line)


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
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
    ],
    ids=str,
)
def test_a_bad_body_is_refused_with_a_sentence(body: Any) -> None:
    desk = Desk()
    got = desk.get(body)
    assert (got.answer, codes_of(got)) == (400, ["bad_request"])
    assert got.findings[0].text
    assert desk.receipts.total().bad_requests == 1


ODD = [None, 1, "x", [], {}, [{}], {"data": {}}, {"data": 1}, {"final_stats": 1, "stats": []}]


@pytest.mark.parametrize(
    "event", [*callback_bodies._WORDS, "message.posted", "room.admins_set", "odd"]
)
@pytest.mark.parametrize("body", ODD, ids=str)
def test_words_are_found_for_any_body(event: str, body: Any) -> None:
    assert isinstance(callback_bodies.told(event, body), str)
    assert callback_bodies.room_name(body) is None
    assert Desk().get(body, **{"x-chatctl-event": event}).opened.event == event


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ({"event_type": "RoomCreated"}, "room_created"),
        ({"event_type": "SessionHistoryBatch", "sessions": [], "batch_id": "s_1"},
         "session_history_batch"),
        ({"room_id": ROOM, "chat_history": []}, "data_sync"),
        ({"event_type": 5}, "unknown"),
        ([], "unknown"),
    ],
)  # fmt: skip
def test_without_our_header_the_body_says_what_it_is(body: Any, event: str) -> None:
    assert Desk().get(body).opened.event == event


def test_a_digest_of_an_odd_shape_is_not_compared() -> None:
    whole = periodic([])
    for said in (None, {}, {"digest": 1}, whole["consistency"] | {"message_count": -1}):
        assert Desk().get(whole | {"consistency": said}).findings == []
