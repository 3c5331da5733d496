"""The consumers in docs/support.md run: over kills of the server they hear each event once."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, chromium
from documents import blocks
from sites import Site, site
from team import SETTINGS, Person, Town
from world import Server, eventually

PYTHON, JAVASCRIPT = (
    next(each.text for each in blocks("docs/support.md") if each.language == language)
    for language in ("python", "js")
)
KILLS, A_TIME = 3, 5


class Scene:
    def __init__(self, directory: Path) -> None:
        town = Town(directory / "chat.db")
        self.anna: Person = town.person("Anna", role="agent")
        town.close()
        self.server = Server(directory, **SETTINGS)
        self.server.start()
        self.conversation = self.ask("POST", "/api/conversations")["id"]

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.server.http.request(method, path, headers=self.anna.headers, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def talk(self) -> list[str]:
        """Texts, between which the server is killed."""
        said: list[str] = []
        for number in range(KILLS * A_TIME):
            if number and number % A_TIME == 0:
                self.server.kill()
                self.server.start()
            body = {"content": str(number)}
            self.ask("POST", f"/api/conversations/{self.conversation}/messages", json=body)
            said.append(str(number))
        return said

    @property
    def socket_url(self) -> str:
        return self.server.url.replace("http", "ws", 1)

    def first(self) -> str:
        """The id of the event behind which everything is."""
        (opened,) = self.ask("GET", "/api/events/replay")["events"]
        return str(opened["event_id"])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    with contextlib.closing(made.server):
        yield made


def texts(told: list[str]) -> list[str]:
    return [json.loads(each)["data"]["message"]["content"] for each in told]


def test_the_one_in_python(scene: Scene, tmp_path: Path) -> None:
    program, heard = tmp_path / "consumer.py", tmp_path / "heard"
    program.write_text(PYTHON)
    command = [sys.executable, str(program), scene.socket_url, scene.anna.token, scene.first()]
    with heard.open("w") as output, subprocess.Popen(command, stdout=output) as running:
        try:
            said = scene.talk()
            eventually(lambda: len(heard.read_text().splitlines()) >= len(said))
        finally:
            running.send_signal(signal.SIGTERM)
    assert texts(heard.read_text().splitlines()) == said


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "browser") as found:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with site() as found:
        yield found


def test_the_one_in_a_page(scene: Scene, browser: Browser, elsewhere: Site) -> None:
    arguments = json.dumps([scene.socket_url, scene.anna.token, scene.first()])
    module = f"""window.heard = [];
const [url, token, since] = {arguments};
follow(url, token, (envelope) => heard.push(JSON.stringify(envelope)), since);"""
    browser.open(elsewhere.page(f"<script type=module>{JAVASCRIPT}{module}</script>"))
    said = scene.talk()
    eventually(lambda: browser.value("heard.length") >= len(said))
    assert texts(browser.value("heard")) == said
