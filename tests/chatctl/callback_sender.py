"""Senders of callbacks to ``chatctl callbacks listen``, which runs here or as a process."""

import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from forks import Process
from prepared_server import Chatctl, Finished
from same_process import Here
from world import eventually, free_port

ROOM = "7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11"
AT = 1_767_225_600
CREATED = {
    "event_type": "RoomCreated", "room_id": ROOM, "room_name": "lobby", "admin_ids": ["anna"],
    "timestamp": AT,
}  # fmt: skip
Send = Callable[[int], Any]


def post(port: int, body: Any, path: str = "/api/room-events", **headers: str) -> int:
    """The status of the answer. Header names have ``_`` for ``-``."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as sender:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sender.request("POST", path, content, named)
        answer = sender.getresponse()
        answer.read()
        return answer.status


def sent(body: Any, **headers: str) -> Send:
    return lambda port: post(port, body, **headers)


def raw(*parts: bytes) -> Send:
    """Sends these bytes; the statuses of all that comes back until the connection ends."""

    def send(port: int) -> list[int]:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sender:
            for part in parts:
                sender.sendall(part)
            found = b""
            while chunk := sender.recv(65_536):
                found += chunk
        return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", found)]

    return send


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Listen:
    """The command in this process, while another thread sends; ``answers`` is what that got."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self.answers: list[Any] = []

    def __call__(
        self, *args: str, send: Sequence[Send], columns: int | None = None, stdin: str = ""
    ) -> Finished:
        """``columns``: of a terminal."""
        port = free_port()
        sending = threading.Thread(target=self._send, args=(port, send))
        sending.start()
        words = ("callbacks", "listen", "--port", str(port), *args)
        try:
            if columns is None:
                return self._here(*words, stdin=stdin)
            return self._here.as_terminal(columns, *words)
        finally:
            sending.join()

    def _send(self, port: int, send: Sequence[Send]) -> None:
        eventually(lambda: is_open(port))
        for each in send:
            self.answers.append(each(port))


@contextlib.contextmanager
def listening(chatctl: Chatctl, *args: str) -> Iterator[tuple[Process, int]]:
    """The real command, and its port."""
    port = free_port()
    process = chatctl.start("callbacks", "listen", "--port", str(port), *args)
    try:
        eventually(lambda: is_open(port) or process.poll() is not None)
        yield process, port
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
