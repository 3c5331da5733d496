"""``watch --since`` beyond what a room has: a mistyped number must not look like a quiet room."""

import json
import re

import pytest
from prepared_server import Answer, Asked, Prepared
from same_process import Here

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
AT = "2026-01-02T03:04:05.000006Z"
CONFLICT = 5


def _fact(offset: int, kind: str, /, **data: object) -> dict[str, object]:
    return {
        "offset": offset, "event_id": f"id-{offset}", "type": kind, "at": AT, "room_id": ROOM_ID,
        "actor": "alice", "credential": "key", "address": None, "data": data,
    }  # fmt: skip


def _said(offset: int, seq: int) -> dict[str, object]:
    return _fact(
        offset, "message.posted", seq=seq, kind="text", sender="alice", nickname="A", content="x"
    )


def _follow(server: Prepared, *log: dict[str, object]) -> None:
    """The room's log, in pages and as a stream that never shows more."""

    def page(asked: Asked) -> Answer:
        after, limit = int(asked.query.get("after", 0)), int(asked.query.get("limit", 100))
        wanted = asked.query.get("type", "*")
        found = [
            fact
            for fact in log
            if int(str(fact["offset"])) > after and wanted in ("*", fact["type"])
        ]
        return Answer(found[-limit:] if "tail" in asked.query else found[:limit])

    def stream(asked: Asked) -> Answer:
        after = int(asked.query["after"])
        later = (fact for fact in log if int(str(fact["offset"])) > after)
        text = "".join(json.dumps(fact) + "\n" for fact in later)
        return Answer(text.encode(), 200, {"Content-Type": "application/x-ndjson"})

    server.answers = {
        f"GET /management/rooms/{ROOM_ID}": Answer({"room_id": ROOM_ID, "room_name": "lobby"}),
        "GET /management/status": Answer({"last_offset": log[-1]["offset"]}),
        "GET /management/events": page,
        "GET /management/events/stream": stream,
    }


QUIET = (_fact(1, "room.created", name="lobby"), _fact(2, "ban.set", user_id="bob"))
TALK = (*QUIET, _said(3, 1), _said(4, 2), _fact(5, "session.joined", user_id="bob"))


@pytest.mark.parametrize(
    ("log", "since", "newest"), [(TALK, "3", "2"), (TALK, "99", "2"), (QUIET, "1", "0")]
)
def test_beyond_the_newest_message_is_refused(
    here: Here, server: Prepared, log: tuple[dict[str, object], ...], since: str, newest: str
) -> None:
    _follow(server, *log)
    args = ("watch", ROOM_ID, "--since", since, "--timeout", "10", "--server", server.url)
    done = here(*args)
    assert (done.stdout, done.exit) == ("", CONFLICT), done
    assert newest in re.findall(r"\b\d+\b", done.stderr.split("\n")[0].replace(ROOM_ID, ""))
    done = here(*args, "--json")
    assert (done.stdout, done.exit) == ("", CONFLICT)
    assert json.loads(done.stderr)["error"]["code"] == "resync_required"


@pytest.mark.parametrize(("since", "offsets"), [("2", [5]), ("1", [4, 5]), ("0", [2, 3, 4, 5])])
def test_up_to_the_newest_message_is_followed(
    here: Here, server: Prepared, since: str, offsets: list[int]
) -> None:
    _follow(server, *TALK)
    count = str(len(offsets))
    args = ("watch", ROOM_ID, "--since", since, "--count", count, "--json")
    done = here(*args, "--server", server.url)
    found = [json.loads(line)["offset"] for line in done.stdout.splitlines()]
    assert (found, done.stderr, done.exit) == (offsets, "", 0)
