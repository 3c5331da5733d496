"""The support desk: how long a visitor's message takes to an agent, with 500 widgets connected and
50 of them talking, and what 10,000 idle widgets take of memory.

python bench/desk.py [--seconds 20] [--widgets 500] [--idle 10000] [--repeat 3]
"""

import argparse
import asyncio
import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import report
import scene
import served
from desk_load import DeskSocket, all_come, close_all, talk

from chatctl_server.actions import accounts, customers, workspaces
from chatctl_server.domain import times
from chatctl_server.domain.access_tokens import AccessTokens
from chatctl_server.storage import engine, maintenance, sites
from chatctl_server.storage.workspaces import WorkspaceRef
from chatctl_server.storage.writer import Call, Writer

ACTIVE, A_SECOND, AGENTS = 50, 25.0, 5
SILENT_SECONDS = 5
SECRET = "the-secret-of-the-access-tokens-of-the-benches"
DEFAULT = WorkspaceRef(0, 2)
SERVED = {
    "JWT_SECRET": SECRET,
    "SUPPORT_ACCESS": "token",
    "VISITORS_PER_MINUTE": "0",
    "VISITOR_MESSAGES_PER_MINUTE": "0",
}


class Desk(NamedTuple):
    """``agents``: their tokens; ``visitors``: those of customers who have no conversation yet."""

    server: served.Server
    site_key: str
    agents: list[str]
    visitors: list[str]

    def widget(self, visitor: str) -> DeskSocket:
        return DeskSocket(self.server.port, {"site": self.site_key, "visitor": visitor})

    def agent(self, token: str) -> DeskSocket:
        return DeskSocket(self.server.port, headers=f"Authorization: Bearer {token}\r\n")


@contextlib.contextmanager
def desk(folder: Path, visitors: int = 0) -> Iterator[Desk]:
    """Agents of the site ``default``, and so many visitors, made on the file."""
    path = folder / "chat.db"
    maintenance.prepare(path, durable=False)
    writing = Writer(lambda: engine.writing(path, durable=False), times.now)

    def call(action: Any, *arguments: Any) -> Any:
        (done,) = writing.run([Call(action, (scene.ACTOR, *arguments), scene._ignore, 0)])
        if isinstance(done.outcome, BaseException):
            raise done.outcome
        return done.outcome

    def agent(number: int) -> str:
        made = call(accounts.create, f"Agent {number}", f"agent{number}@example.org", None)
        call(workspaces.add_member, DEFAULT, made.id, "agent")
        tokens = AccessTokens([SECRET], "fechatter-server", "fechatter-web")
        return tokens.mint(made.id, f"login-of-{number}", {}, time.time())

    tokens = [agent(number) for number in range(AGENTS)]
    site = call(lambda tx, _: sites.get(tx.db, sites.DEFAULT))
    who = customers.VisitorIdentity
    shown = [call(customers.welcome, site.ref, who(f"V{n}")).token for n in range(visitors)]
    writing.close()
    with served.server(path, served.SERVER_CORE, **SERVED) as server:
        yield Desk(server, site.key, tokens, shown)


async def visit(made: Desk, count: int) -> list[tuple[DeskSocket, str]]:
    """As a widget does it: a token, a conversation, a socket; the socket with the conversation."""
    found = []
    async with httpx.AsyncClient(base_url=made.server.url, timeout=60, trust_env=False) as http:
        for number in range(count):
            body = {"site": made.site_key, "name": f"Visitor {number}"}
            token = (await http.post("/api/visitors", json=body)).json()["visitor_token"]
            headers = {"X-Site-Key": made.site_key, "X-Visitor-Token": token}
            opened = (await http.post("/api/conversations", headers=headers)).json()
            found.append((made.widget(token), opened["id"]))
    await all_come([each for each, _ in found])
    return found


async def talking(made: Desk, widgets: int, seconds: float) -> tuple[list[float], float]:
    """Seconds from each visitor's message to the agents, and the server's CPU a message, in µs,
    without that of a server at which nobody says anything."""
    came = await visit(made, widgets)
    agents = [made.agent(each) for each in made.agents]
    await all_come(agents)
    silent = await _cpu_a_second(made)
    cpu, began = served.cpu_seconds_of(made.server.pid), time.perf_counter()
    said = await talk(came[:ACTIVE], A_SECOND, seconds, scene.TEXT[:80])
    spent = served.cpu_seconds_of(made.server.pid) - cpu
    spent -= silent * (time.perf_counter() - began)
    answered = sum(each.answered for each, _ in came)
    arrived = [each for agent in agents for each in agent.arrived]
    if answered != said or len(arrived) != said * len(agents):
        raise RuntimeError(f"{said} said, {answered} answered, {len(arrived)} arrived")
    close_all([*agents, *(each for each, _ in came)])
    return arrived, 1e6 * spent / said


async def _cpu_a_second(made: Desk) -> float:
    before = served.cpu_seconds_of(made.server.pid)
    await asyncio.sleep(SILENT_SECONDS)
    return (served.cpu_seconds_of(made.server.pid) - before) / SILENT_SECONDS


def fast(widgets: int, seconds: float, repeat: int) -> None:
    p95, p50, cpu = [], [], []
    for _ in range(repeat):
        with scene.directory() as folder, desk(folder) as made:
            arrived, spent = asyncio.run(talking(made, widgets, seconds))
        p95.append(report.percentile(arrived, 95) * 1000)
        p50.append(report.percentile(arrived, 50) * 1000)
        cpu.append(spent)
    said = f"{widgets} widgets, {ACTIVE} talk, {A_SECOND:g} a second: to {AGENTS} agents"
    report.median(f"{said}, p50", p50, "ms")
    report.median(f"{said}, p95", p95, "ms", at_most=50)
    report.median("the server's CPU for a message", cpu, "µs")


async def idle(made: Desk) -> float:
    """Bytes a connection, in the memory of the process."""
    first = [made.widget(each) for each in made.visitors[:100]]
    await all_come(first)  # what the first ones bring about is no connection's
    before = served.resident_kb(made.server.pid)
    others = [made.widget(each) for each in made.visitors[100:]]
    await all_come(others)
    grown = served.resident_kb(made.server.pid) - before
    close_all([*first, *others])
    return grown * 1024 / len(others)


def small(widgets: int) -> None:
    with scene.directory() as folder, desk(folder, widgets + 100) as made:
        taken = asyncio.run(idle(made))
    report.line(f"{widgets} idle widgets: memory of each", taken / 1000, "KB", at_most=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--widgets", type=int, default=500)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    report.machine()
    fast(given.widgets, given.seconds, given.repeat)
    small(given.idle)
    report.end()


if __name__ == "__main__":
    main()
