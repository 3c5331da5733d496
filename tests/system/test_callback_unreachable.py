"""Receivers that no try reaches: a certificate for another name, a name that does not exist."""

from collections import Counter
from pathlib import Path

from hooks import PATHS, QUIET, at, finished, stored, wait_at
from receivers import Certificate, certificate, receiver
from world import Server, eventually, running

EVENTS = "ROOM_EVENT_CALLBACK_URL"
DATA = "DATA_CALLBACK_URL"
NOWHERE = "http://nowhere.invalid"
PATIENT = {**QUIET, "CALLBACK_RETRY_DELAY_SECONDS": "1", "CALLBACK_MAX_RETRIES": "50"}
TRIES = """SELECT endpoint.kind, attempt.error FROM attempt
    JOIN delivery ON delivery.id = attempt.delivery JOIN endpoint ON endpoint.id = delivery.endpoint
    ORDER BY attempt.delivery, attempt.number"""


def tries(server: Server) -> Counter[str]:
    """Of each kind's first delivery."""
    question = """SELECT kind, tries FROM delivery JOIN endpoint ON endpoint.id = endpoint
        WHERE delivery.id IN (SELECT min(id) FROM delivery GROUP BY endpoint)"""
    return Counter(dict(stored(server, question)))


def wait_for_tries(server: Server, least: Counter[str]) -> None:
    eventually(lambda: tries(server) >= least)


def both(directory: Path, *certificates: Certificate) -> Path:
    """A file that trusts them."""
    trusted = directory / "trusted.pem"
    trusted.write_text("".join(each.path.read_text() for each in certificates))
    return trusted


def test_what_cannot_be_reached_is_tried_again_over_a_kill_and_arrives_in_order(
    tmp_path: Path,
) -> None:
    """The tries begin again after kill -9, and go through when the operator has mended both."""
    wrong, right = certificate("hooks.example"), certificate()
    trust = {"SSL_CERT_FILE": str(both(tmp_path, wrong, right))}
    with receiver(tls=wrong) as secure, receiver() as plain:
        urls = {EVENTS: secure.origin + PATHS[EVENTS], DATA: NOWHERE + PATHS[DATA]}
        with running(tmp_path, **PATIENT, **trust, **urls) as server:
            room = server.create_room("lobby")
            server.http.delete(room.path)
            wait_for_tries(server, Counter(room_event=2, data=2))
            server.kill()
            before = tries(server)
            server.start()
            wait_for_tries(server, before + Counter(room_event=1, data=1))
            assert set(stored(server, TRIES)) == {("room_event", "tls"), ("data", "dns")}
            assert secure.requests == plain.requests == []
            server.kill()
            secure.present(right)
            server.environment[DATA] = plain.origin + PATHS[DATA]
            server.start()
            events = wait_at(secure, EVENTS, 2)
            states = wait_at(plain, DATA, 2)
            assert {status for *_, status in finished(server, 4)} == {"delivered"}
        assert [each.json["event_type"] for each in events] == ["RoomCreated", "RoomClosed"]
        assert [each.json["room_id"] for each in states] == [room.id] * 2
        assert len(at(secure, EVENTS)) == len(at(plain, DATA)) == 2
