"""docs/rooms.md runs: its examples, in their order, against one server that starts empty.

An ``http`` block is a request and, after an empty line, its answer. The first line is the
request line, or the status. Lines like ``Name: value`` are headers (of an answer: those that
are shown are compared), and the JSON after them is the body. An answer without one has none.
The tests send the header X-Api-Key; a block that shows ``X-Api-Key:`` sends what it shows.

A ``websocket`` block has a line for each step:

    anna connects PATH       opens a connection that is called anna
    anna refused STATUS PATH is refused before the upgrade
    anna > FRAME             sends it
    anna < FRAME             is sent it; frames of other types before it are passed over
    anna closed CODE         the server closes it, maybe after other frames

An ``events`` block is a request and, after an empty line, the first events of the stream that it
opens, as they are sent; their ids may be others.

A ``python`` block is a program that runs, with the token secret in its environment. What stands
for something else in an example: ``documents.py``.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import exchanges
import pytest
from documents import Block, Examples, blocks
from websockets.exceptions import InvalidStatus
from world import KEY, Client, Server, running

from chatctl_server.api.rooms.identity import identify
from chatctl_server.settings.sources import Settings

DOCUMENT = "docs/rooms.md"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = {
        "USER_MESSAGE_INTERVAL_SECS": "0",
        "CHAT_HISTORY_CALLBACK_URL": "http://no-such-host.invalid/api/chat-history",
        "CHAT_HISTORY_BATCH_INTERVAL_SECONDS": "0",
    }
    with running(tmp_path, **settings) as started:
        yield started


def test_the_examples_run(server: Server) -> None:
    scene = Scene(server)
    runs = {
        "http": scene.http,
        "websocket": scene.websocket,
        "events": scene.events,
        "python": scene.python,
    }
    ran = dict.fromkeys(runs, 0)
    for block in blocks(DOCUMENT):
        assert block.language in runs, f"{block.place}: nothing runs a block of {block.language!r}"
        runs[block.language](block)
        ran[block.language] += 1
    assert all(ran.values()), ran


class Scene:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.examples = Examples()
        self.clients: dict[str, Client] = {}

    def http(self, block: Block) -> None:
        exchanges.run(self.server, self.examples, block, {"X-Api-Key": KEY})

    def websocket(self, block: Block) -> None:
        for line in block.text.splitlines():
            who, verb, rest = self.examples.real(line).split(" ", 2)
            match verb:
                case "connects":
                    self.clients[who] = self._connect(rest)
                case "refused":
                    status, target = rest.split(" ")
                    with pytest.raises(InvalidStatus) as refusal:
                        self._connect(target)
                    assert str(refusal.value.response.status_code) == status, block.place
                case ">":
                    self.clients[who].socket.send(rest)
                case "<":
                    shown = json.loads(rest)
                    found = self.clients[who].receive(shown["type"])
                    assert self.examples.is_like(shown, found), f"{block.place}: {line}\n{found}"
                case "closed":
                    code = self.clients.pop(who).close_code()
                    assert str(code) == rest, f"{block.place}: {line}: {code}"
                case _:
                    raise AssertionError(f"{block.place}: {line}")

    def _connect(self, target: str) -> Client:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        user_id = query.pop("user_id")
        return self.server.join(parts.path.rpartition("/")[2], user_id, **query)

    def events(self, block: Block) -> None:
        """Those that are shown, from the begin of the stream."""
        asked, _, shown = self.examples.real(block.text).partition("\n\n")
        method, target = asked.split(" ")
        with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as connection:
            connection.request(method, target)
            with connection.getresponse() as answer:
                for line in (*shown.split("\n"), ""):
                    name, _, value = line.partition(": ")
                    found_name, _, found = answer.readline().decode().rstrip("\n").partition(": ")
                    assert name == found_name, f"{block.place}: {line}\n{found}"
                    if name == "data":
                        exchanges.compare(self.examples, value, found, block.place)

    def python(self, block: Block) -> None:
        """The program that makes a token: the server would let its bearer in."""
        done = subprocess.run(
            [sys.executable, "-c", block.text],
            env={"ROOM_TOKEN_SECRET": SECRET},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert not done.stderr, f"{block.place}: {done.stderr}"
        settings = Settings(room_identity="token", room_token_secret=(SECRET,))
        joiner = identify(f"token={done.stdout.strip()}".encode(), "any", settings)
        assert (joiner.user_id, joiner.nickname) == ("anna", "Anna A.")
