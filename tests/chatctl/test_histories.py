"""The digest over what a receiver was told: of all batches, or of those that it has."""

from received import AT, Desk, chat, codes_of, ended, message, periodic, session, vars_of

from chatctl.webhooks import histories
from chatctl.webhooks.histories import Budget
from chatctl_server.views.rooms import callbacks as views
from chatctl_server.views.rooms.objects import chat_entry, session_entry

SAID = [message(seq, f"text {seq} 你好") for seq in range(1, 1301)]


def test_the_digest_is_that_of_all_batches() -> None:
    desk = Desk()
    left = [session(2, 3, 5), session(1, 0, 9, "bert"), session(3, 6, 9)]
    assert desk.digest(periodic([])) == "digest_equal"
    desk.get(chat(SAID[:700], 1, is_last=False))
    assert desk.digest(periodic(SAID, left)) == "digest_unknown"
    desk.get(chat(SAID[700:], 2))
    desk.get(ended(left, 1))
    assert desk.digest(periodic(SAID, left)) == "digest_equal"
    assert desk.digest(periodic([*SAID[:-1], message(1300, "other")], left)) == "digest_different"
    assert desk.digest(periodic(SAID, left[:2])) == "digest_equal"  # told before the last came
    assert desk.receipts.total().digests == {"equal": 3, "unknown": 1, "different": 1}


def test_the_newest_thousand_are_enough() -> None:
    desk = Desk()
    desk.get(chat(SAID[299:], 4))
    assert desk.digest(periodic(SAID)) == "digest_equal"
    assert desk.digest(periodic(SAID[:-1])) == "digest_unknown"


def test_the_order_of_sessions_is_nothing_to_a_digest() -> None:
    desk = Desk()
    left = [session(number, 7, 30 - number, f"user {number}") for number in range(1, 10)]
    desk.get(ended(left[::-1], 1))
    assert desk.digest(periodic([], left)) == "digest_equal"
    wrong = [*left[:8], session(9, 7, 21, "somebody else")]
    assert desk.digest(periodic([], wrong)) == "digest_different"


def test_which_of_a_second_are_among_the_newest_cannot_be_told() -> None:
    desk = Desk()
    left = [session(number, 7, 3000 - number, f"user {number}") for number in range(1, 1002)]
    desk.get(ended(left[::-1], 1))
    assert desk.digest(periodic([], left)) == "digest_unknown"
    later = [left[0], *(session(number, 8, 9, "anna") for number in range(2, 1002))]
    desk = Desk()
    desk.get(ended(later, 1))
    assert desk.digest(periodic([], later)) == "digest_equal"
    wrong = [*later[:-1], session(1001, 8, 9, "bert")]
    assert desk.digest(periodic([], wrong)) == "digest_different"


def test_what_is_sent_again_takes_the_place_of_what_came() -> None:
    """With the message that was deleted since, and with what came before it listened."""
    desk = Desk()
    again = {"x-chatctl-mark": "again"}
    left = [session(1, 0, 2), session(2, 4, 5)]
    desk.get(chat(SAID[2:5], 3))
    desk.get(ended(left[1:], 2))
    now = [*SAID[:3], message(4, ""), *SAID[4:7]]
    assert desk.digest(periodic(now[:5], left)) == "digest_unknown"
    desk.get(chat(now[:2], 4, is_last=False), **again)
    desk.get(chat(now[2:5], 5), **again)
    desk.get(ended(left, 3), **again)
    assert desk.digest(periodic(now[:5], left)) == "digest_equal"
    desk.get(chat(now[5:7], 6))
    assert desk.digest(periodic(now, left)) == "digest_equal"
    assert desk.receipts.total().double_records == 0


def test_a_part_that_is_sent_again_ends_within_a_second() -> None:
    desk = Desk()
    said = [message(1, "a", AT), message(2, "b", AT), message(3, "c", AT), message(4, "d")]
    desk.get(chat(said, 1))
    now = [message(1, "a", AT), message(2, "", AT), *said[2:]]
    desk.get(chat(now[:2], 2), **{"x-chatctl-mark": "again"})
    assert desk.digest(periodic(now)) == "digest_equal"


def test_a_run_that_broke_off_is_forgotten() -> None:
    desk = Desk()
    again = {"x-chatctl-mark": "again"}
    desk.get(chat(SAID[:3], 1, is_last=False), **again)
    desk.get(chat(SAID[:2], 2, is_last=False), **again)
    desk.get(chat(SAID[2:4], 3), **again)
    assert desk.digest(periodic(SAID[:4])) == "digest_equal"


def test_beyond_its_memory_nothing_is_told() -> None:
    desk = Desk(budget=Budget(2_000))
    desk.get(chat(SAID[:4], 1))
    assert desk.digest(periodic(SAID[:4])) == "digest_equal"
    desk.get(chat(SAID[4:6], 2))
    got = desk.get(periodic(SAID[:6]))
    assert codes_of(got) == ["digest_unknown"]
    assert "no more history is kept" in got.findings[0].text


def test_the_definition_is_the_servers() -> None:
    assert histories.DIGEST_RECORDS == views.DIGEST_RECORDS
    chat_keys, session_keys = (histories.SHAPES[kind].keys for kind in histories.SHAPES)
    assert chat_keys == tuple(vars_of(chat_entry(message(1))))
    assert session_keys == tuple(vars_of(session_entry(session(1, 0, 1))))
