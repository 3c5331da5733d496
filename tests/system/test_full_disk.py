"""A running server whose files may not grow any more, and then may again."""

import resource
from typing import Any

from world import Client, Room, Server, eventually

KEPT_BYTES = 256 * 1024
REFUSALS = {"not_stored", "unknown", "storage_full"}


def test_the_disk_has_no_room_for_a_while(server: Server) -> None:
    room = server.create_room()
    anna, bert = room.join("anna"), room.join("bert")
    acked = _outcomes(anna, [f"before-{number}" for number in range(150)], size=4000)
    assert len(acked) == 150
    _limit_files(server, KEPT_BYTES)
    refused = _outcomes(anna, [f"full-{number}" for number in range(40)], size=4000)
    assert {code for code in refused.values() if isinstance(code, str)} <= REFUSALS
    assert any(isinstance(code, str) for code in refused.values())
    health = server.http.get("/health").json()
    assert health["status"] == "degraded"
    told = server.chatctl("status")
    assert "health\tdegraded\n" in told.stdout
    assert told.stderr.startswith("chatctl: the last change failed: ")
    _limit_files(server, resource.RLIM_INFINITY)
    eventually(lambda: server.http.get("/health").json()["status"] == "healthy")
    assert server.http.get("/management/status").json()["database_error"] is None
    acked |= {name: seq for name, seq in refused.items() if isinstance(seq, int)}
    repeated = [name for name, outcome in refused.items() if isinstance(outcome, str)]
    acked |= _outcomes(anna, repeated, size=4000)
    _is_whole(room, acked)
    seen = [frame["payload"]["seq"] for frame in bert.frames_until_pong() if _is_message(frame)]
    assert seen == list(range(1, len(acked) + 1))
    for verb in ("check", "verify"):
        done = server.chatctl("db", verb)
        assert done.returncode == 0, done.stderr


def _limit_files(server: Server, size: int) -> None:
    assert server.process is not None
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def _outcomes(client: Client, names: list[str], size: int) -> dict[str, Any]:
    """Posts one message per name; its seq, or the code of its Error."""
    for name in names:
        client.send("SendMessage", {"content": name.ljust(size, "."), "client_msg_id": name})
    found: dict[str, Any] = {}
    while len(found) < len(names):
        frame = client.next()
        payload = frame.get("payload", {})
        if frame["type"] == "Ack":
            found[payload["client_msg_id"]] = payload["seq"]
        elif frame["type"] == "Error":
            found[payload["client_msg_id"]] = payload["code"]
    return found


def _is_whole(room: Room, acked: dict[str, Any]) -> None:
    """What is stored is what was acknowledged, each once."""
    records = room.history(limit=1000)[::-1]
    by_seq = {seq: name for name, seq in acked.items()}
    assert sorted(by_seq) == list(range(1, len(acked) + 1))
    assert [record["content"].rstrip(".") for record in records] == [
        by_seq[seq] for seq in sorted(by_seq)
    ]


def _is_message(frame: dict[str, Any]) -> bool:
    return frame["type"] == "Message"
