"""Team chat over HTTP, beside a plain Litestar service with the same routes, in one run: what a
post costs, how long posts and events take, also beside wrong sign-ins, and lists of a user with
many chats.

python bench/team.py [--posts 6400] [--seconds 30] [--repeat 3]

The plain service wants the packages of the extra ``bench``; without them it is left out.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import report
import scene
import served
from team_load import (
    Browser,
    Guesses,
    Service,
    Talk,
    answer_times,
    at_full_speed,
    lags,
    sign_in_seconds,
)

from chatctl_server.actions import accounts, chats, messages, workspaces
from chatctl_server.domain import accounts as rules
from chatctl_server.domain import events, times
from chatctl_server.domain.access_tokens import AccessTokens
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import engine, maintenance
from chatctl_server.storage.workspaces import WorkspaceRef
from chatctl_server.storage.writer import Call, Writer

USERS, OF_A_CHAT, A_MINUTE = 200, 20, 21.0
AT_ONCE = 64
MANY_CHATS, IN_EACH = 1000, 5
GUESSES = 200
SECRET = "the-secret-of-the-access-tokens-of-the-benches"
DEFAULT = WorkspaceRef(0, 2)
PLAIN = Path(__file__).with_name("servers") / "plain_litestar.py"


class Town:
    """Users and chats, made on the file. ``crowd``: chats of 20 of the users; with ``many`` the
    first user is in so many chats of 20 besides, in which something was said."""

    def __init__(self, path: Path) -> None:
        maintenance.prepare(path, durable=False)
        self._writing = Writer(lambda: engine.writing(path, durable=False), times.now)
        self.tokens = [self._user(number) for number in range(USERS)]

    def _call(self, *call: object) -> object:
        action, *arguments = call
        (done,) = self._writing.run([Call(action, tuple(arguments), scene._ignore, 0)])
        if isinstance(done.outcome, BaseException):
            raise done.outcome
        return done.outcome

    def _user(self, number: int) -> str:
        name = f"user{number}"
        made = self._call(accounts.create, scene.ACTOR, name, f"{name}@example.org", None)
        self._call(workspaces.add_member, scene.ACTOR, DEFAULT, made.id, "member")
        tokens = AccessTokens([SECRET], "fechatter-server", "fechatter-web")
        return tokens.mint(made.id, f"login-of-{number}", {}, time.time())

    def chat(self, name: str, users: range | list[int]) -> ChatRef:
        creator, *others = (each + 1 for each in users)
        made = chats.create, scene.ACTOR, DEFAULT, "group", name, creator, others
        return self._call(*made)

    def crowd(self) -> dict[int, range]:
        spans = [range(first, first + OF_A_CHAT) for first in range(0, USERS, OF_A_CHAT)]
        return {self.chat(f"crowd {each.start}", each).id: each for each in spans}

    def many(self) -> None:
        for number in range(MANY_CHATS):
            others = [1 + (number * 7 + each) % (USERS - 1) for each in range(OF_A_CHAT - 1)]
            chat = self.chat(f"chat {number}", [0, *others])
            for each in range(IN_EACH):
                user = rules.user_id(others[each] + 1)
                actor = events.Actor(user, "account")
                post = messages.Post(chat, actor, user, "name", scene.TEXT[:80])
                self._call(messages.POST, post)

    def close(self) -> None:
        self._writing.close()


@contextlib.contextmanager
def chatctl(folder: Path, *, many: bool = False) -> Iterator[Service]:
    town = Town(folder / "chat.db")
    crowd = town.crowd()
    if many:
        town.many()
    town.close()
    with served.server(folder / "chat.db", served.SERVER_CORE, JWT_SECRET=SECRET) as server:
        yield Service(server.port, server.pid, town.tokens, crowd)


@contextlib.contextmanager
def plain(folder: Path) -> Iterator[Service]:
    port = served.free_port()
    command = [sys.executable, str(PLAIN), str(folder / "plain.db"), str(port)]
    process = served.on_core(served.SERVER_CORE, command, stdout=subprocess.DEVNULL)
    try:
        tokens = [str(number) for number in range(1, USERS + 1)]
        yield Service(port, process.pid, tokens, _plain_chats(port))
    finally:
        process.kill()
        process.wait()


def _plain_chats(port: int) -> dict[int, range]:
    found = {}
    transport = httpx.HTTPTransport(retries=20)  # until it listens
    with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
        for first in range(0, USERS, OF_A_CHAT):
            span = range(first, first + OF_A_CHAT)
            body = {"name": f"crowd {first}", "members": [each + 1 for each in span]}
            headers = {"Authorization": f"Bearer {first + 1}"}
            answer = client.post("/api/chats", json=body, headers=headers)
            answer.raise_for_status()
            found[answer.json()["id"]] = span
    return found


def has_plain() -> bool:
    missing = [
        each for each in ("sqlalchemy", "aiosqlite") if importlib.util.find_spec(each) is None
    ]
    if missing:
        print(
            f"the plain service is left out: {' and '.join(missing)} missing (pip install .[bench])"
        )
    return not missing


def posting(posts: int, repeat: int) -> None:
    """Of one after the other, so that a busy machine is busy for both."""
    peers = {"chatctl": chatctl} | ({"plain Litestar": plain} if has_plain() else {})
    found: dict[str, list[float]] = {name: [] for name in peers}
    rates: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(repeat):
        for name, start in peers.items():
            with scene.directory() as folder, start(folder) as service:
                a_cpu_second, a_second = asyncio.run(at_full_speed(service, AT_ONCE, posts))
            found[name].append(a_cpu_second)
            rates[name].append(a_second)
    for name, values in found.items():
        report.median(f"{name}: posts a CPU second", values, "posts")
        report.line(f"{name}: CPU of a post", 1e6 / statistics.median(values), "µs")
        report.median(f"{name}: posts a second, {AT_ONCE} at once", rates[name], "posts")
    if len(peers) == 2:
        ours, theirs = (statistics.median(each) for each in found.values())
        report.line("chatctl, in posts a CPU second of the plain service", ours / theirs, "times")


def talking(seconds: float) -> None:
    with scene.directory() as folder, chatctl(folder) as service:
        talk = Talk(service, A_MINUTE)
        asyncio.run(talk.run(seconds))
    said = f"{USERS} users, {A_MINUTE:g} messages a minute each"
    _p95(f"{said}: send", talk.sent, 100)
    if talk.arrived:
        _p95(f"{said}: event at a follower", talk.arrived, 50)
    else:
        print(f"{said}: no streams at /events")


def guessing(seconds: float) -> None:
    """What wrong sign-ins cost everybody else."""
    with scene.directory() as folder, chatctl(folder) as service:
        asyncio.run(_guessing(service, seconds))


async def _guessing(service: Service, seconds: float) -> None:
    person = {"fullname": "Right", "email": "right@example.org", "password": "the right password"}
    browser = Browser(service.port, "none", "127.0.2.1")
    status, _ = await browser.ask("POST", "/api/signup", person)
    assert status == 201
    browser.close()
    alone, beside = Talk(service, A_MINUTE), Talk(service, A_MINUTE)
    unhurried, _ = await asyncio.gather(lags(service, seconds), alone.run(seconds))
    guesses, signed_in, seen = Guesses(service.port, GUESSES, USERS), [], []

    async def others() -> None:
        for _ in range(5):
            await asyncio.sleep(seconds / 6)
            sign_in = sign_in_seconds(service.port, person["email"], person["password"])
            signed_in.append(await sign_in)

    async def watch() -> None:
        seen.extend(await lags(service, seconds))

    await asyncio.gather(guesses.run(seconds), beside.run(seconds), others(), watch())
    said = f"{GUESSES} wrong sign-ins a second"
    print(f"{said}: answered with {guesses.answers}")
    grown = report.percentile(beside.sent, 99) - report.percentile(alone.sent, 99)
    report.line(f"{said}: p99 of posts grows by", grown * 1000, "ms", at_most=50)
    report.line("loop lag without them, p99", report.percentile(unhurried, 99) * 1000, "ms")
    report.line(f"{said}: loop lag, p99", report.percentile(seen, 99) * 1000, "ms", at_most=50)
    report.line(f"{said}: a right one, the longest of 5", max(signed_in), "s", at_most=2)


def lists() -> None:
    with scene.directory() as folder, chatctl(folder, many=True) as service:
        asyncio.run(_lists(service))


async def _lists(service: Service) -> None:
    browser, other = (Browser(service.port, service.tokens[each]) for each in (0, 1))
    chat = next(iter(service.chats))
    for name, path in (("chat list", "/api/chats"), ("unread counts", "/api/unread-counts")):
        found = await answer_times(browser, path, 100)
        if found is None:
            print(f"{name}: nothing at {path}")
            continue
        _p95(f"{name} of a user with {MANY_CHATS} chats", found, 10)
        changed = []
        for number in range(50):
            await other.post(chat, f"{number}", f"changed-{path}-{number}")
            changed += await answer_times(browser, path, 1) or ()
        _p95(f"{name}, after a message in one of them", changed, 50)


def _p95(name: str, values: list[float], at_most: float) -> None:
    report.line(f"{name}, p95", report.percentile(values, 95) * 1000, "ms", at_most=at_most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=6400)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    report.machine()
    posting(given.posts, given.repeat)
    talking(given.seconds)
    guessing(given.seconds)
    lists()
    report.end()


if __name__ == "__main__":
    main()
