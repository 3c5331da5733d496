"""A ban while a room of 1,000 is under full load: from the request to the victim's close.

python bench/admin.py [--receivers 1000] [--in-flight 32]

Contract rooms, section 2, rule 5: an admin action takes effect within 50 ms under full load.
"""

import threading
import time

import httpx
import load
import report
import scene
import served
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

VICTIMS = 100
LOAD_SECONDS = 18.0
BUSY_AFTER_SECONDS = 2.0


class Victim:
    """Reads until it is closed, and notes when that was."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.closed_at = 0.0
        self._url = f"{url}?user_id={name}"
        self._thread = threading.Thread(target=self._read)

    def join(self) -> None:
        joined = threading.Event()
        self._joined = joined
        self._thread.start()
        joined.wait(30)

    def _read(self) -> None:
        with connect(self._url, compression=None, proxy=None) as socket:
            self._joined.set()
            try:
                while True:
                    socket.recv()
            except ConnectionClosed:
                self.closed_at = time.perf_counter()

    def wait(self) -> None:
        self._thread.join(30)


def ban_all(client: httpx.Client, room: str, victims: list[Victim]) -> tuple[list[float], ...]:
    """Milliseconds to the answers, and to the closed sockets. The victims are in a room that is
    not busy, on the server that is: they read what they are sent at once."""
    answers, closes = [], []
    for victim in victims:
        started = time.perf_counter()
        client.put(f"/management/rooms/{room}/bans/{victim.name}", json={})
        answers.append((time.perf_counter() - started) * 1000)
        victim.wait()
        closes.append((victim.closed_at - started) * 1000)
        time.sleep(0.05)
    return answers, closes


def main() -> None:
    parser = scene.arguments(__doc__)
    parser.add_argument("--receivers", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=32)
    given = parser.parse_args()
    report.machine()
    with (
        load.generator() as generator,
        scene.directory() as folder,
        served.server(folder / "chat.db", served.SERVER_CORE) as server,
        server.client() as client,
    ):
        busy, quiet = server.create_room(), server.create_room()
        url = f"ws://127.0.0.1:{server.port}/ws/rooms/{quiet}"
        victims = [Victim(url, f"victim-{number}") for number in range(VICTIMS)]
        for victim in victims:
            victim.join()
        target = load.Target("rooms", server.port, server.pid, [f"/ws/rooms/{busy}"])
        amount = ("-n", given.receivers, "-w", given.in_flight, "-d", LOAD_SECONDS)
        sending = threading.Thread(target=generator.run, args=("send", target, *amount))
        sending.start()
        time.sleep(BUSY_AFTER_SECONDS)
        answers, closes = ban_all(client, quiet, victims)
        is_busy = sending.is_alive()
        sending.join()
    report.line("the load lasted as long as the bans", "yes" if is_busy else "NO", "")
    for name, values in (("ban answered", answers), ("victim closed", closes)):
        report.line(f"{name}, p50", report.percentile(values, 50), "ms")
        report.line(f"{name}, p95", report.percentile(values, 95), "ms", at_most=50)
        report.line(f"{name}, greatest", max(values), "ms")
    report.end()


if __name__ == "__main__":
    main()
