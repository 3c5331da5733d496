"""Files of workspace 0, which Anna owns and Bert is in, on a real server; Eve is elsewhere."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from team import SETTINGS, Person, Town
from world import Server

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
BOUNDARY = "the-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
Upload = tuple[str | bytes, bytes]  # what the client calls it, and what is in it


class Filing:
    def __init__(self, directory: Path, **settings: str) -> None:
        town = Town(directory / "chat.db")
        self.anna = town.person("Anna", role="owner")
        self.bert = town.person("Bert")
        self.eve = town.person("Eve", town.workspace("elsewhere"), role="owner")
        town.close()
        self.server = Server(directory, **SETTINGS, **settings)
        self.directory = directory / "chat.db.files"

    def ask(self, who: Person, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**who.headers, **more.pop("headers", {})}
        return self.server.http.request(method, path, headers=headers, **more)

    def get(self, who: Person, url: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(who, "GET", url, headers=named)

    def send(self, who: Person, *files: Upload, **headers: str) -> httpx.Response:
        return self.send_body(who, form(files), **headers)

    def send_body(self, who: Person, body: bytes, **headers: str) -> httpx.Response:
        """Over a connection of its own: after an early refusal the server closes it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": FORM, "Connection": "close", **named}
        return self.ask(who, "POST", "/api/upload", content=body, headers=sent)

    def stored(self, who: Person, *files: Upload) -> list[str]:
        """Their addresses."""
        answer = self.send(who, *files)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def on_disk(self) -> list[str]:
        """Everything in the directory of files, but for directories."""
        found = (each for each in self.directory.rglob("*") if not each.is_dir())
        return sorted(str(each.relative_to(self.directory)) for each in found)


def form(files: Sequence[Upload]) -> bytes:
    """A multipart body; filenames go into it as they are."""
    parts = [part(name, content) for name, content in files]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def part(name: str | bytes, content: bytes) -> bytes:
    named = name if isinstance(name, bytes) else name.encode("utf-8", "surrogatepass")
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="'.encode()
    return head + named + b'"\r\nContent-Type: text/html\r\n\r\n' + content + b"\r\n"


@contextlib.contextmanager
def filing(directory: Path, **settings: str) -> Iterator[Filing]:
    found = Filing(directory, **settings)
    try:
        found.server.start()
        yield found
    finally:
        found.server.close()
