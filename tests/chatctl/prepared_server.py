"""The real command in a subprocess, against a real local server that gives prepared answers."""

import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import forks
import hints

ROOT = Path(__file__).resolve().parents[2]
KEY = "kéy-of-the-tests"


class Finished(NamedTuple):
    stdout: str
    stderr: str
    exit: int


class Asked(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    body: object
    key: str | None


class Answer(NamedTuple):
    body: object = None
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - read only


def problem(status: int, code: str, detail: str, **more: object) -> Answer:
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return Answer(body, status, {"Content-Type": "application/problem+json"})


class Chatctl:
    """Runs commands with nothing configured but what a test gives."""

    def __init__(self, directory: Path, runtime: Path) -> None:
        self.directory = directory
        self.runtime = runtime
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(directory),
            "XDG_RUNTIME_DIR": str(self.runtime),
        }

    def __call__(self, *args: str, stdin: str = "", **environ: str) -> Finished:
        done = forks.run(args, {**self.environ, **environ}, self.directory, stdin)
        hints.check(args, done.stderr)
        return Finished(done.stdout, done.stderr, done.returncode)

    def start(
        self,
        *args: str,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        **environ: str,
    ) -> forks.Process:
        return forks.start(
            args, {**self.environ, **environ}, self.directory,
            stdin=stdin, stdout=stdout, stderr=stderr,
        )  # fmt: skip

    def on_terminal(
        self, *args: str, columns: int = 80, rows: int = 24, typed: str = "", **environ: str
    ) -> tuple[str, int]:
        """Everything that a real pseudo-terminal was shown, and the exit code."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        given = {"TERM": "xterm", **self.environ, **environ}
        running = self.start(*args, stdin=slave, stdout=slave, stderr=slave, **given)
        os.close(slave)
        os.write(master, typed.encode())
        shown = b""
        # The other end is closed when the command has ended.
        while chunk := _read(master):
            shown += chunk
        os.close(master)
        return shown.decode().replace("\r\n", "\n"), running.wait(30)

    @staticmethod
    def command(*args: str) -> list[str]:
        """For those that want an interpreter of its own."""
        return [sys.executable, "-m", "chatctl", *args]


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


class Prepared:
    """A server with prepared answers: ``answers["GET /path"]`` is one, a list of them that is
    used up, or a function of what was asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.answers: dict[str, Answer | list[Answer] | Callable[[Asked], Answer]] = {}
        self.asked: list[Asked] = []
        self.server = server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        prepared = self.answers.get(f"{asked.method} {asked.path}")
        if prepared is None:
            return problem(404, "not_found", f"nothing at {asked.path}")
        if isinstance(prepared, list):
            return prepared.pop(0) if len(prepared) > 1 else prepared[0]
        return prepared if isinstance(prepared, Answer) else prepared(asked)


class UnixServer(HTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        return self.socket.accept()[0], ("unix", 0)


def _handler(prepared: Callable[[], Prepared]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            key = self.headers.get("X-Api-Key")
            asked = Asked(
                self.command,
                url.path,
                dict(parse_qsl(url.query, keep_blank_values=True)),
                json.loads(text) if text else None,
                None if key is None else key.encode("latin-1").decode(),
            )
            answer = prepared().answer(asked)
            body = answer.body
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if answer.status != 204:
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *args: object) -> None:
            return

    return Handler


def serving(make: Callable[[type[BaseHTTPRequestHandler]], HTTPServer]) -> Iterator[Prepared]:
    made: list[Prepared] = []
    server = make(_handler(lambda: made[0]))
    made.append(Prepared(server))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in texts)


def rows(*cells: Sequence[str]) -> str:
    return lines(*("\t".join(row) for row in cells))
