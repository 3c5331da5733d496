"""A workspace with a chat in which Anna, Bert and Carl talk, on a real server. Dora is in their
workspace, but not in the chat; Eve is in a workspace of her own, with a chat of her own. Frank is
in none, and Greta is suspended."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from team import DEFAULT, SETTINGS, Person, Town
from world import Server, running

from chatctl_server.domain.account_events import AccountSuspended, FileStored, WorkspaceMemberLeft

Json = dict[str, Any]


class Talk:
    _numbers = itertools.count(1)

    def __init__(self, town: Town) -> None:
        self._town = town
        self.anna, self.bert, self.carl, self.dora = map(
            town.person, ("Anna", "Bert", "Carl", "Dora")
        )
        self.elsewhere = town.workspace("Elsewhere")
        self.eve = town.person("Eve", self.elsewhere)
        self.frank, self.greta = town.person("Frank"), town.person("Greta")
        town.scene.run(_send_away, self.frank.id, self.greta.id)
        self.chat = town.chat("group", "all", self.anna, self.bert, self.carl).id
        self.other = town.chat("private", "two", self.anna, self.bert).id
        self.foreign = town.chat("private", "hers", self.eve, workspace=self.elsewhere).id
        self.server: Server

    def ask(self, who: Person | None, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {} if who is None else who.headers
        return self.server.http.request(method, path, headers=headers, **more)

    def chat_of(self, owner: Person, *others: Person) -> int:
        """A new one, in which nothing was said."""
        members = [each.id for each in others]
        body = {"name": f"chat {next(self._numbers)}", "type": "PrivateChannel", "members": members}
        answer = self.ask(owner, "POST", "/api/chat", json=body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def post(self, who: Person, content: str = "", chat: int = 0, **more: Any) -> httpx.Response:
        path = f"/api/chat/{chat or self.chat}/messages"
        return self.ask(who, "POST", path, json={"content": content, **more})

    def said(self, who: Person, content: str, chat: int = 0, **more: Any) -> Json:
        """A message that was posted."""
        answer = self.post(who, content, chat, **more)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def shown(self, who: Person, path: str, **query: Any) -> Any:
        answer = self.ask(who, "GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def listed(self, who: Person, chat: int = 0, **query: Any) -> list[Json]:
        return list(self.shown(who, f"/api/chat/{chat or self.chat}/messages", **query))


@contextlib.contextmanager
def talking(directory: Path, **settings: str) -> Iterator[Talk]:
    town = Town(directory / "chat.db")
    talk = Talk(town)
    town.scene.run(_store_file)
    town.close()
    with running(directory, **SETTINGS, **settings) as server:
        talk.server = server
        yield talk


def _send_away(tx: Any, actor: Any, leaver: int, suspended: int) -> None:
    tx.record(WorkspaceMemberLeft(0, leaver), actor, scope=DEFAULT.scope)
    tx.record(AccountSuspended(suspended), actor)


FILE = f"/files/0/{'a' * 3}/{'a' * 3}/{'a' * 58}.png"


def _store_file(tx: Any, actor: Any) -> None:
    """Known in workspace 0."""
    tx.record(FileStored(0, "a" * 64, "png", "image/png", 3), actor, scope=DEFAULT.scope)


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field."""
    found = answer.json()
    return answer.status_code, found["code"], found.get("field")
