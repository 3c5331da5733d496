"""The examples in docs/team.md run, in their order, against a server that starts empty.

``ANNA`` stands there for the access token that Anna had last, and ``ANNA-REFRESH`` for her refresh
token.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import exchanges
from documents import Examples, blocks
from people import PASSWORD, ask, email, sign_up
from world import KEY, Server, eventually, running

DOCUMENT = "docs/team.md"


def test_the_examples_run(tmp_path: Path) -> None:
    examples, tokens = Examples(), dict[str, str]()
    with running(tmp_path) as server:
        for block in blocks(DOCUMENT):
            if block.language == "http":
                text = _with_real(block.text, tokens)
                key = {"X-Api-Key": KEY} if " /management/" in text else {}
                found = exchanges.run(server, examples, block._replace(text=text), key)
                tokens |= _tokens(found)
    assert tokens


def _with_real(text: str, tokens: dict[str, str]) -> str:
    return re.sub(r"\b[A-Z]+(-REFRESH)?\b", lambda it: tokens.get(it[0], it[0]), text)


def _tokens(content: str) -> dict[str, str]:
    """Those that an answer hands out."""
    found = json.loads(content or "null")
    if not isinstance(found, dict) or "refresh_token" not in found:
        return {}
    name = found["user"]["fullname"].upper()
    return {name: found["token"], f"{name}-REFRESH": found["refresh_token"]}


def test_the_client_hears_each_message_once_and_misses_none(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        anna, bert = (sign_up(server, name) for name in ("Anna", "Bert"))
        body = {"name": "lunch", "type": "PrivateChannel", "members": [bert["user"]["id"]]}
        path = (
            f"/api/chat/{ask(server, 'POST', '/api/chat', anna['token'], json=body).json()['id']}"
        )

        def say(text: str) -> None:
            message = {"content": text}
            ask(server, "POST", f"{path}/messages", anna["token"], json=message)

        with client_of_bert(server) as client:
            assert client.stdout is not None
            eventually(lambda: server.figure('chatctl_streams{kind="team"}') == 1)
            say("one")
            assert client.stdout.readline() == "Anna: one\n"
            client.send_signal(signal.SIGSTOP)
            server.kill()
            server.start()
            say("while bert was away")
            client.send_signal(signal.SIGCONT)
            assert client.stdout.readline() == "Anna: while bert was away\n"
            say("ping")
            assert client.stdout.readline() == "Bert: pong\n"
            say("the end\u2028of it")
            assert client.stdout.readline() == "Anna: the end\u2028of it\n"


@contextmanager
def client_of_bert(server: Server) -> Iterator[subprocess.Popen[str]]:
    (program,) = (block.text for block in blocks(DOCUMENT) if block.language == "python")
    file = server.directory / "client.py"
    file.write_text(program.replace("http://127.0.0.1:3000", server.url))
    with subprocess.Popen(
        [sys.executable, str(file), email("Bert"), PASSWORD],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
    ) as client:
        try:
            yield client
        finally:
            client.kill()
