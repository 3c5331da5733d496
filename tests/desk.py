"""A support desk: two workspaces with their agents, a site each, and visitors of both; made on the
file before its server starts, and spoken to in this process."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from application import Socket, in_process, reached, socket_scope
from team import DEFAULT, SECRET, Person, Town

from chatctl_server.actions import customers, keys, sites
from chatctl_server.app import Application
from chatctl_server.domain import keys as key_rules
from chatctl_server.domain import times
from chatctl_server.domain.support_events import SiteSettings
from chatctl_server.storage.sites import Site
from chatctl_server.storage.workspaces import WorkspaceRef

Headers = dict[str, str]
Form = list[tuple[str, tuple[str, bytes]]]


class Visitor(NamedTuple):
    """Of a site; ``id`` is the customer's."""

    id: str
    key: str
    token: str

    @property
    def headers(self) -> Headers:
        return {"X-Site-Key": self.key, "X-Visitor-Token": self.token}


class Program(NamedTuple):
    """A named key with the scope ``support`` of a workspace."""

    id: str
    key: str

    @property
    def headers(self) -> Headers:
        return {"X-Api-Key": self.key}


Who = Person | Visitor | Program | None
"""Who asks; None shows nothing."""


class Clock:
    """The server's wall clock, ahead of ours by ``ahead`` microseconds: put in the place of
    ``times.now`` before the server is made. Access tokens go by our own."""

    def __init__(self) -> None:
        self.ahead = 0
        self._now = times.now

    def __call__(self) -> int:
        return self._now() + self.ahead

    def pass_(self, *, days: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        self.ahead += int((days * 86_400 + minutes * 60 + seconds) * times.SECOND)


class Desk:
    """Olga owns workspace 0 and Adam is its admin, Anna and Bert are agents, Mia is a member; the
    shop is a site of it, whose visitors are Bo and Zoe. Eve owns another workspace, Emil is an
    agent there, and Ida visits its site. ``program`` is a key of workspace 0, ``stranger`` one of
    the other."""

    def __init__(self, path: Path, **settings: Any) -> None:
        """``settings``: of the shop."""
        self.town = town = Town(path)
        town.scene.now = times.now()
        self.other = town.workspace("elsewhere")
        self.olga = town.person("Olga", role="owner")
        self.adam = town.person("Adam", role="admin")
        self.anna, self.bert = (town.person(each, role="agent") for each in ("Anna", "Bert"))
        self.mia = town.person("Mia")
        self.eve = town.person("Eve", self.other, role="owner")
        self.emil = town.person("Emil", self.other, role="agent")
        self.shop = self.site(DEFAULT, name="The shop", **settings)
        self.kiosk = self.site(self.other, name="The kiosk")
        self.bo, self.zoe = (self.visitor(self.shop, each) for each in ("Bo", "Zoe"))
        self.ida = self.visitor(self.kiosk, "Ida")
        self.program = self._key("program", DEFAULT)
        self.stranger = self._key("stranger", self.other)
        self._sockets: list[DeskSocket] = []

    def site(self, workspace: WorkspaceRef, **settings: Any) -> Site:
        made: Site = self.town.scene.run(sites.create, workspace, SiteSettings(**settings))
        return made

    def visitor(self, site: Site, name: str) -> Visitor:
        identity = customers.VisitorIdentity(name)
        made = self.town.scene.run(customers.welcome, site.ref, identity)
        return Visitor(made.customer.id, site.key, made.token)

    def _key(self, name: str, workspace: WorkspaceRef) -> Program:
        key = key_rules.new()
        wanted = name, ["support"], workspace.number, None, key_rules.hashed(key)
        return Program(self.town.scene.run(keys.create, *wanted).id, key)

    def serve(self, app: Application, client: httpx.AsyncClient) -> "Desk":
        self.app, self.client, self.store = app, client, app.context.store
        return self

    # Over HTTP

    async def ask(self, who: Who, method: str, path: str, **more: Any) -> httpx.Response:
        """``json``, ``params``, ``files``, ``content``; ``headers`` beside those of ``who``."""
        shown = {} if who is None else who.headers
        headers = {**shown, **more.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **more)

    async def told(self, who: Who, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The answer to what is done."""
        asked = more if body is None else {"json": body, **more}
        answer = await self.ask(who, method, path, **asked)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def refused(
        self, who: Who, method: str, path: str, body: Any = None, **more: Any
    ) -> tuple[int, str]:
        """Status and code."""
        asked = more if body is None else {"json": body, **more}
        answer = await self.ask(who, method, path, **asked)
        return answer.status_code, answer.json()["code"]

    async def open(self, who: Who, **body: Any) -> str:
        """A conversation's id; of the shop unless an agent says otherwise."""
        if not isinstance(who, Visitor):
            body = {"site_id": self.shop.id, **body}
        return str((await self.told(who, "POST", "/api/conversations", body))["id"])

    async def say(self, who: Who, conversation: str, content: str, **more: Any) -> dict[str, Any]:
        path = f"/api/conversations/{conversation}/messages"
        return dict(await self.told(who, "POST", path, {"content": content, **more}))

    async def texts(self, who: Who, conversation: str) -> list[str]:
        """Oldest first."""
        found = await self.told(who, "GET", f"/api/conversations/{conversation}/messages")
        return [each["content"] for each in reversed(found)]

    # Over /ws

    async def dial(self, who: Who, query: str = "", **headers: str) -> "DeskSocket":
        """Welcomed, refused or closed. A name's ``_`` in ``headers`` is a ``-``."""
        made = DeskSocket(self.app, {} if who is None else who.headers, query, headers)
        self._sockets.append(made)
        await reached(lambda: made.frames or made.refused or made.code)
        return made

    async def close(self) -> None:
        for each in self._sockets:
            await each.leave()


class DeskSocket(Socket):
    """``/ws`` of somebody at the desk."""

    def __init__(self, app: Application, shown: Headers, query: str, others: Headers) -> None:
        named = {name.replace("_", "-"): value for name, value in others.items()}
        lines = {"host": "127.0.0.1:3000", **shown, **named}
        headers = ((name.lower().encode(), value.encode()) for name, value in lines.items())
        super().__init__(app, socket_scope("/ws", query, *headers))

    def sends(self, name: str, **payload: Any) -> None:
        self.arrives("receive", text=json.dumps({"type": name, "payload": payload}))

    def named(self, name: str) -> list[dict[str, Any]]:
        """Payloads of answers and signals."""
        return [each["payload"] for each in self.frames if each["type"] == name]

    def told(self, name: str) -> list[dict[str, Any]]:
        """Data of envelopes, by their short names."""
        return [each["data"] for each in self.frames if each["type"] == f"domain.event.{name}"]

    async def got(self, name: str, count: int = 1) -> dict[str, Any]:
        """The last of so many answers, signals or envelopes of that name."""
        await reached(lambda: len(self.named(name) + self.told(name)) >= count)
        return (self.named(name) + self.told(name))[count - 1]

    async def closed(self) -> int:
        await reached(lambda: self.code)
        assert self.code is not None
        return self.code


def files(*named: tuple[str, bytes]) -> Form:
    """A form of httpx."""
    return [("file", each) for each in named]


SETTINGS: dict[str, Any] = {"jwt_secret": (SECRET,)}


@asynccontextmanager
async def serving(
    directory: Path, shop: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Desk]:
    """``shop``: its site's settings; ``settings``: the server's."""
    made = Desk(directory / "chat.db", **(shop or {}))
    made.town.close()
    async with in_process(directory, "server", **{**SETTINGS, **settings}) as (app, client):
        yield made.serve(app, client)
        await made.close()


def ids(found: Sequence[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in found]
