"""A shop with a support desk on a real server: Olga owns it, Anna is its agent. Visitors come by
its pages, which are on whatever site of this machine."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from team import DEFAULT, SETTINGS, Town
from world import Server

from chatctl_server.actions import sites
from chatctl_server.domain.support_events import SiteSettings

NAME = "The shop"
NO_LIMITS = {"VISITORS_PER_MINUTE": "0", "VISITOR_MESSAGES_PER_MINUTE": "0"}
Json = dict[str, Any]


class Shop:
    def __init__(self, directory: Path, **settings: str) -> None:
        town = Town(directory / "chat.db")
        self.olga = town.person("Olga", role="owner")
        self.anna = town.person("Anna", role="agent")
        made = town.scene.run(sites.create, DEFAULT, SiteSettings(NAME))
        town.close()
        self.id, self.key = made.id, made.key
        self.server = Server(directory, **SETTINGS, **NO_LIMITS, **settings)

    def ask(self, method: str, path: str, body: Json | None = None, **query: str | int) -> Any:
        """Of Olga, who may do anything at the desk."""
        answer = self.server.http.request(
            method, path, json=body, params=query, headers=self.olga.headers
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def set(self, **settings: Any) -> None:
        self.ask("PATCH", f"/api/sites/{self.id}", settings)

    def become_default(self) -> None:
        """From here on it is the site ``default``, whose agent everybody of this machine is under
        SUPPORT_ACCESS=open."""
        self.id = "default"
        self.key = self.ask("GET", "/api/sites/default")["key"]

    def hash_of(self, user_id: str) -> str:
        """The host product's word for who that is."""
        secret = self.ask("GET", f"/api/sites/{self.id}")["secret"]
        return hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()

    def conversations(self) -> list[Json]:
        """Of the shop, the newest activity first."""
        return list(self.ask("GET", "/api/conversations", site_id=self.id))

    def happened(self, name: str) -> bool:
        found = self.ask("GET", "/api/events/replay", type=name)
        return bool(found["events"])

    @property
    def newest(self) -> str:
        """The id of the conversation in which something happened last."""
        return str(self.conversations()[0]["id"])

    def say(self, content: str, **more: Any) -> Json:
        """Anna's, in that one."""
        body = {"content": content, **more}
        answer = self.server.http.post(
            f"/api/conversations/{self.newest}/messages", json=body, headers=self.anna.headers
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def messages(self) -> list[Json]:
        """Of that one, oldest first."""
        path, found = f"/api/conversations/{self.newest}/messages", list[Json]()
        while True:
            before = {"before": found[-1]["id"]} if found else {}
            page = self.ask("GET", path, limit=100, **before)
            found += page
            if len(page) < 100:
                return found[::-1]

    def texts(self) -> list[str]:
        return [each["content"] for each in self.messages()]


@contextmanager
def open_shop(directory: Path, **settings: str) -> Iterator[Shop]:
    found = Shop(directory, **settings)
    try:
        found.server.start()
        yield found
    finally:
        found.server.close()
