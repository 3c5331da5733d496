"""HTTP as bytes on a socket: for what a well-behaved client would never send."""

import json
import socket
from typing import Any, NamedTuple

from world import PATIENCE_SECONDS, Server

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def dial(server: Server, *, receive_buffer: int | None = None) -> socket.socket:
    """A connection on which every wait ends."""
    line = socket.socket()
    if receive_buffer is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    line.settimeout(PATIENCE_SECONDS)
    line.connect(("127.0.0.1", server.port))
    return line


def request(server: Server, method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """The bytes of a request with the admin key."""
    head = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"X-Api-Key: {server.environment['ADMIN_API_KEY']}",
        f"Content-Length: {len(body)}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def upgrade(path: str, *lines: str) -> bytes:
    head = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *UPGRADE, *lines)
    return "\r\n".join(head).encode() + b"\r\n\r\n"


def ask(server: Server, sent: bytes) -> Answer:
    """Sends the bytes on a connection of their own and reads one answer."""
    with dial(server) as line:
        line.sendall(sent)
        return read_answer(line)


def read_answer(line: socket.socket) -> Answer:
    with line.makefile("rb") as reader:
        status = int(reader.readline().split()[1])
        headers = {}
        while (header := reader.readline().strip()) != b"":
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers, reader.read(int(headers.get("content-length", 0))))


def read_to_end(line: socket.socket) -> bytes:
    """What comes until the server closes; a reset counts as a close."""
    found = b""
    try:
        while part := line.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found
