"""Every try, live."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from admin import LOCAL, Admin
from receivers import Receiver, answer, refusing
from world import Server, running

PATH = "/management/callbacks/tries"


@contextlib.contextmanager
def tries(server: Server) -> Iterator[Iterator[dict[str, Any]]]:
    """Listens when the block begins."""
    with server.http.stream("GET", PATH) as answered:
        assert answered.headers["content-type"] == "application/x-ndjson"
        lines = answered.iter_lines()
        assert next(lines) == ""
        yield (json.loads(line) for line in lines if line)


def test_a_try_is_told_when_it_begins_and_when_it_ends(late_admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(500), answer(200))
    endpoint = late_admin.add(f"{hook.url}?token=1")
    room = late_admin.server.create_room("hall")
    with tries(late_admin.server) as lines:
        room.ban("anna")
        sent, failed = next(lines), next(lines)
        late_admin.resend(sent)
        again, arrived = next(lines), next(lines)
    same = {
        "delivery_id": hook.requests[0].headers["webhook-id"],
        "endpoint_id": endpoint["endpoint_id"],
        "url": f"{hook.url}?…",
        "kind": "events",
        "event": "ban.set",
        "room_id": room.id,
        "room_name": "hall",
        "mark": None,
    }
    assert all(same.items() <= each.items() for each in (sent, failed, again, arrived))
    assert [each["number"] for each in (sent, failed, again, arrived)] == [1, 1, 2, 2]
    outcome = ("state", "status", "error", "next", "retry_in_seconds")
    assert [sent[name] for name in outcome] == ["sent", None, None, None, None]
    assert [failed[name] for name in outcome] == ["answered", 500, None, "retry", 3600.0]
    assert [arrived[name] for name in outcome] == ["answered", 200, None, "delivered", None]
    assert failed["latency_ms"] > 0
    assert sent["at"] < failed["at"] < again["at"] < arrived["at"]


def test_without_an_answer_there_is_the_reason(admin: Admin) -> None:
    with refusing() as url:
        admin.add(url)
        with tries(admin.server) as lines:
            admin.server.create_room().ban("anna")
            assert next(lines)["state"] == "sent"
            told = next(lines)
    assert (told["status"], told["error"], told["next"]) == (None, "refused", "failed")


def test_it_ends_when_the_server_stops(tmp_path: Path) -> None:
    with running(tmp_path, **LOCAL) as server:
        with tries(server) as lines:
            assert server.process is not None
            server.process.terminate()
            with contextlib.suppress(httpx.RemoteProtocolError):
                assert list(lines) == []
        assert server.process.wait(30) == 0
