"""A workspace on a real server, and people in it who make chats and are told of them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from team import SETTINGS, Person, Town
from world import Server, running

Json = dict[str, Any]


class Office:
    """Anna, Bert, Carl and Dora work in workspace 0; Eve has one of her own."""

    def __init__(self, town: Town) -> None:
        self.people = [town.person(name) for name in ("Anna", "Bert", "Carl", "Dora")]
        self.anna, self.bert, self.carl, self.dora = self.people
        self.elsewhere = town.workspace("Elsewhere")
        self.eve = town.person("Eve", self.elsewhere)
        self.theirs = town.chat("public", "theirs", self.eve, workspace=self.elsewhere).id
        self.server: Server

    def ask(
        self, who: Person, method: str, path: str, body: Any = None, **more: Any
    ) -> httpx.Response:
        headers = {**who.headers, **more.pop("headers", {})}
        content = {} if body is None else {"json": body}
        return self.server.http.request(method, path, headers=headers, **content, **more)

    def make(self, who: Person, name: str, chat_type: str, *members: Person) -> int:
        """The new chat's number."""
        body = {"name": name, "type": chat_type, "members": [each.id for each in members]}
        answer = self.ask(who, "POST", "/api/chat", body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def listed(self, who: Person, scope: str = "mine") -> list[Json]:
        answer = self.ask(who, "GET", "/api/chat", params={"scope": scope})
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def roles(self, who: Person, chat: int) -> dict[int, str]:
        answer = self.ask(who, "GET", f"/api/chat/{chat}/members")
        assert answer.status_code == 200, answer.text
        return {each["user_id"]: each["role"] for each in answer.json()}


@contextlib.contextmanager
def working(directory: Path, **settings: str) -> Iterator[Office]:
    town = Town(directory / "chat.db")
    office = Office(town)
    town.close()
    with running(directory, **SETTINGS, **settings) as server:
        office.server = server
        yield office


def problem(answer: httpx.Response) -> tuple[int, str]:
    found = answer.json()
    assert found["error"] == found["detail"]
    return answer.status_code, found["code"]
