"""What unwell receivers do, by name, and how many tries a delivery takes that meets it once."""

from datetime import UTC, datetime, timedelta

from receivers import (
    Behaviour,
    answer,
    answer_and_close,
    answer_then_reset,
    busy,
    close,
    drip,
    drip_body,
    endless,
    gzip_bomb,
    hang,
    hang_in_body,
    huge,
    redirect,
    reset,
    reset_in_answer,
    say,
)

SOON = datetime.now(UTC) + timedelta(seconds=30)
TAKEN = {1}
REFUSED = {2}
# A connection that was used before and ends without a word is replaced within the same try.
REUSED = {1, 2}
QUICK: dict[str, tuple[Behaviour, set[int]]] = {
    "resets before the head": (reset(), REUSED),
    "closes before the head": (close(), REUSED),
    "says no HTTP": (say(b"hello\r\n\r\n", "close"), REFUSED),
    "resets in a refusal": (reset_in_answer(500), REFUSED),
    "answers and resets": (answer_then_reset(200), TAKEN),
    "resets in the body of its yes": (reset_in_answer(200), TAKEN),
    "answers and closes": (answer_and_close(204), TAKEN),
    "fails": (answer(500), REFUSED),
    "knows no such path": (answer(404), REFUSED),
    "is gone": (answer(410), REFUSED),
    "is busy for 30 seconds": (busy(30), REFUSED),
    "is busy until a date": (busy(SOON, 429), REFUSED),
    "is busy for minus 5 seconds": (busy("-5"), REFUSED),
    "is busy for ten years": (busy(315_360_000), REFUSED),
    "redirects to loopback": (redirect("http://127.0.0.1:1/"), REFUSED),
}
SLOW: dict[str, tuple[Behaviour, set[int]]] = {
    "hangs before the head": (hang(), REFUSED),
    "drips its head": (drip(every_seconds=0.5), REFUSED),
    "hangs in the body of its yes": (hang_in_body(200), TAKEN),
    "drips the body of its yes": (drip_body(200, every_seconds=0.5), TAKEN),
    "answers two gigabytes": (huge(), TAKEN),
    "never ends its body": (endless(), TAKEN),
    "answers a gzip bomb": (gzip_bomb(), TAKEN),
}
FAULTS = QUICK | SLOW
