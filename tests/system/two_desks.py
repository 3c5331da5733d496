"""Two workspaces with a site each, of ants and of bees, and whoever asks at the desk for what is
not theirs. All that is said on a side has its name in it, and so has what a customer says."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import desk_scene
from filing import FORM, form
from offline import reading
from team import Town
from two_workspaces import ROOM_SECRET, SERVED
from world import KEY, Server

from chatctl_server.actions import keys as key_actions
from chatctl_server.domain import codes, keys, support, tokens
from chatctl_server.domain.stored_files import FileName
from chatctl_server.storage import counters

Headers = dict[str, str]
Ids = dict[str, list[Any]]
"""By what they are of, see ``desk_probes.SORTS``: the first is what one would use of one's own."""
OF_STAFF = ("site", "canned", "agent", "workspace", "customer")  # what no visitor has
SETTINGS = {**SERVED, "VISITORS_PER_MINUTE": "0", "SUPPORT_ACCESS": "token"}
ABSENT: dict[str, Any] = {
    "conversation": support.new_id("conv"),
    "message": support.new_id("msg"),
    "customer": support.new_id("cus"),
    "site": support.new_id("site"),
    "canned": 99_999,
    "agent": "u99999",
    "workspace": 99_999,
}
_NO_FILE = FileName(0, codes.hashed("nobody's").hex(), "txt")
NUMBERED = {"ants": 30_000, "bees": 70_000}  # from where accounts, workspaces … have numbers


def absent(actor: "DeskActor", sort: str, value: Any) -> Any:
    """What nobody has in that one's place; a file in the conversation that is named with it, if
    that is the actor's."""
    if sort != "file":
        return ABSENT[sort]
    own = actor.own["conversation"][0]
    return _NO_FILE.conversation_url(own if own in value else ABSENT["conversation"])


class DeskSide:
    """The owner, an admin, an agent, and a member, who has no role at the desk; Bo and Zoe are
    customers. ``ids``: everything that an agent sees; ``of_bo``, ``of_zoe``: what they see."""

    def __init__(self, town: Town, name: str) -> None:
        self.name = name
        numbers = dict.fromkeys(("account", "workspace", "canned_response"), NUMBERED[name])
        town.scene.run(lambda tx, _: counters.save(tx.db, numbers))
        town.scene.restart()  # it remembers them
        self.ref = town.workspace(f"the {name}")
        roles = ("owner", "admin", "agent", "member")
        self.owner, self.admin, self.agent, self.member = (
            town.person(f"{name}-{role}", self.ref, role=role) for role in roles
        )
        self.site = desk_scene.site(town, f"{name} shop", self.ref)
        self.bo, self.zoe = (
            desk_scene.customer(town, self.site, f"{name}-{each}") for each in ("Bo", "Zoe")
        )
        self.keys = {each: keys.new() for each in ("support", "team")}
        for scope, key in self.keys.items():
            made = f"{scope}-{name[0]}", [scope], self.ref.number, None, keys.hashed(key)
            town.scene.run(key_actions.create, *made)

    def fill(self, server: Server) -> None:
        self._server = server
        self.of_bo, self.of_zoe = self._talk(self.bo), self._talk(self.zoe)
        title = {"title": f"{self.name} say", "content": "hello"}
        canned = self.ask("POST", "/api/canned-responses", json=title)["id"]
        self.ids: Ids = {
            each: self.of_bo[each] + self.of_zoe[each]
            for each in ("conversation", "message", "note", "file", "customer")
        }
        self.ids["message"] = self.ids["message"] + self.ids.pop("note")
        self.ids |= {
            "site": [self.site.id],
            "canned": [canned],
            "agent": [f"u{self.agent.id}"],
            "workspace": [self.ref.number],
        }

    def ask(self, method: str, path: str, who: Headers | None = None, **sent: Any) -> Any:
        """By the agent unless somebody is named."""
        headers = {**(who or self.agent.headers), **sent.pop("headers", {})}
        answer = self._server.http.request(method, path, headers=headers, **sent)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def _talk(self, customer: desk_scene.Customer) -> Ids:
        """A message, one that was deleted, a file and a note."""
        path = f"/api/conversations/{customer.id}"
        text = f"{customer.person.name}: hello"
        said, gone = (
            self.ask("POST", f"{path}/messages", customer.headers, json={"content": text})["id"]
            for _ in range(2)
        )
        self.ask("DELETE", f"{path}/messages/{gone}", customer.headers)
        content, headers = form([("file.txt", text.encode())]), {"Content-Type": FORM}
        sent = {"content": content, "headers": headers}
        file = self.ask("POST", f"{path}/files", customer.headers, **sent)
        body = {"content": f"{text}, a note", "is_private": True}
        note = self.ask("POST", f"{path}/messages", json=body)["id"]
        return {
            "conversation": [customer.id],
            "message": [said, gone],
            "note": [note],
            "file": file,
            "customer": [customer.person.id],
        }


class DeskActor(NamedTuple):
    """Who asks: with ids of their ``own``, and ``foreign`` ones. ``marks``: what no answer may
    show. ``is_known``: at the desk."""

    name: str
    headers: Headers
    own: Ids
    foreign: Ids
    marks: tuple[bytes, ...]
    is_known: bool = True
    opens: tuple[str, ...] = ()


class TwoDesks:
    def __init__(self, town: Town) -> None:
        self.ants, self.bees = DeskSide(town, "ants"), DeskSide(town, "bees")

    def fill(self, server: Server) -> None:
        for each in (self.ants, self.bees):
            each.fill(server)
        self.stranger, self.of_stranger = self._sign_up(server)

    def _sign_up(self, server: Server) -> tuple[Headers, Ids]:
        """Who has a workspace, a site and a conversation since then."""
        body = {
            "fullname": "Stranger",
            "email": "stranger@example.org",
            "password": "correct horse battery",
            "workspace": "of a stranger",
        }
        made = server.http.post("/api/signup", json=body).json()
        headers = {"Authorization": f"Bearer {made['token']}"}

        def post(path: str, **sent: Any) -> Any:
            answer = server.http.post(path, headers={**headers, **sent.pop("more", {})}, **sent)
            assert answer.is_success, answer.text
            return answer.json()

        site = post("/api/sites", json={"name": "mine"})["id"]
        chat = post("/api/conversations", json={"site_id": site})
        path = f"/api/conversations/{chat['id']}"
        said = post(f"{path}/messages", json={"content": "mine"})
        content = form([("file.txt", b"mine")])
        file = post(f"{path}/files", content=content, more={"Content-Type": FORM})
        canned = post("/api/canned-responses", json={"title": "mine", "content": "mine"})
        return headers, {
            "conversation": [chat["id"]],
            "message": [said["id"]],
            "file": file,
            "customer": [chat["customer_id"]],
            "site": [site],
            "canned": [canned["id"]],
            "agent": [f"u{made['user']['id']}"],
            "workspace": [made["user"]["workspace_id"]],
        }

    def actors(self) -> Iterator[DeskActor]:
        ants, bees = self.ants, self.bees
        yield from self._visitors()
        file = _also_in(ants.ids["conversation"][0], bees.ids["file"])
        of_bees = bees.ids | {"file": file}, (b"bees",)
        for person in (ants.agent, ants.admin, ants.owner):
            yield DeskActor(person.email, person.headers, ants.ids, *of_bees)
        key = {"X-Api-Key": ants.keys["support"]}
        yield DeskActor("key of the ants", key, ants.ids, *of_bees)
        yield DeskActor("owner of the bees", bees.owner.headers, bees.ids, ants.ids, (b"ants",))
        both = {sort: ants.ids[sort] + bees.ids[sort] for sort in ants.ids}
        both["site"].append("default")
        both["workspace"].append(0)
        marks = b"ants", b"bees"
        yield DeskActor("stranger", self.stranger, self.of_stranger, both, marks)
        for name, headers, opens in self._nobodies(ants, bees):
            yield DeskActor(name, headers, ants.ids, bees.ids, marks, False, opens)

    def _visitors(self) -> Iterator[DeskActor]:
        """To whom a note of their own conversation is foreign, and so is all of the staff's."""
        ants, bees = self.ants, self.bees
        for customer, own, other, mark in (
            (ants.bo, ants.of_bo, ants.of_zoe, b"ants-Zoe"),
            (ants.zoe, ants.of_zoe, ants.of_bo, b"ants-Bo"),
            (bees.bo, bees.of_bo, bees.of_zoe, b"bees-Zoe"),
        ):
            side, elsewhere = (ants, bees) if customer.site is ants.site else (bees, ants)
            foreign = {sort: [*other.get(sort, ()), *elsewhere.ids[sort]] for sort in elsewhere.ids}
            foreign["file"] = _also_in(own["conversation"][0], foreign["file"])
            foreign["message"] = [*own["note"], *other["note"], *foreign["message"]]
            marks = mark, elsewhere.name.encode(), b"a note"
            mine = own | {sort: side.ids[sort] for sort in OF_STAFF if sort != "customer"}
            yield DeskActor(customer.person.name, customer.headers, mine, foreign, marks)

    def _nobodies(
        self, ants: DeskSide, bees: DeskSide
    ) -> Iterator[tuple[str, Headers, tuple[str, ...]]]:
        """What would open the bees' desk if it counted, and what that opens."""
        yield "anonymous", {}, ()
        yield "member of the bees", bees.member.headers, ()
        guest = tokens.TokenClaims(f"u{bees.owner.id}", expires_at=2**32, is_admin=True)
        yield "room guest", _bearer(tokens.mint(guest, ROOM_SECRET, 0.0)), ()
        yield "admin key", {"X-Api-Key": KEY}, ("/management/",)
        yield "key of team chat", {"X-Api-Key": bees.keys["team"]}, ()
        crossed = {"X-Site-Key": ants.site.key, "X-Visitor-Token": bees.bo.token}
        yield "visitor elsewhere", crossed, ()
        yield "token that is over", _bearer(bees.owner.token_of("gone", -3600)), ()
        yield "wrong token", {**bees.bo.headers, "X-Visitor-Token": codes.new()}, ()
        over = {"X-Site-Key": bees.site.key, "Authorization": f"Bearer {bees.bo.token}"}
        yield "token in another place", over, ()


def _also_in(conversation: str, urls: list[str]) -> list[str]:
    """Each file as if it were one of that conversation, too."""
    rest = (each.removeprefix("/files/c/").partition("/")[2] for each in urls)
    return [*urls, *(f"/files/c/{conversation}/{each}" for each in rest)]


def contents(server: Server, without: tuple[str, ...]) -> dict[str, list[Any]]:
    """All rows of each table."""
    with reading(server.database) as db:
        return {
            name: db.execute_sql(f"SELECT * FROM {name}").fetchall()
            for name in db.get_tables()
            if name not in without
        }


def made(path: Any) -> TwoDesks:
    town = Town(path)
    town.scene.now = int(time.time() * 1_000_000)
    desks = TwoDesks(town)
    town.close()
    return desks


def _bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}
