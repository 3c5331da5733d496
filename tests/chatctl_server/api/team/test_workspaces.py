"""Workspaces: who may change them, who is in them, and what becomes of the chats of who leaves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from people import ask, bearer, page, sign_up
from team import DEFAULT, SETTINGS, Person, Town
from world import Server, running

from chatctl_server import errors
from chatctl_server.actions import participants, workspaces
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.events import Actor
from chatctl_server.storage import maintenance
from chatctl_server.storage import participants as stays
from chatctl_server.storage.workspaces import WorkspaceRef

BEYOND = (Person(2**70, ""), Person(-(2**70), ""))  # the integers of the database


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, **SETTINGS) as started:
        yield started


def met(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "") if answer.content else ""


class Staff(NamedTuple):
    """Of a workspace, one of each role, and somebody who is not in it."""

    ref: WorkspaceRef
    owner: Person
    admin: Person
    agent: Person
    member: Person
    stranger: Person

    @property
    def path(self) -> str:
        return f"/api/workspaces/{self.ref.number}"


def staff(town: Town, number: int = 0) -> Staff:
    ref = town.workspace(f"acme {number}" if number else "acme")
    roles: tuple[Role, ...] = ("owner", "admin", "agent", "member")
    people = [town.person(f"{role.title()}-{number}", ref, role=role) for role in roles]
    return Staff(ref, *people, town.person(f"Stranger-{number}"))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path / "chat.db")


@pytest.fixture(scope="module")
def acmes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Iterator[Staff]]]:
    """Workspaces on one server: what becomes of them breaks no rule, and is what the log tells."""
    directory = tmp_path_factory.mktemp("acmes")
    town = Town(directory / "chat.db")
    found = [staff(town, number) for number in range(1, 10)]
    town.close()
    with running(directory, **SETTINGS, PUBLIC_URL="https://chat.example") as started:
        yield started, iter(found)
        started.stop()
    assert maintenance.check(town.scene.path) == maintenance.verify(town.scene.path) == []


@pytest.fixture
def acme(acmes: tuple[Server, Iterator[Staff]]) -> tuple[Server, Staff]:
    """A workspace of the test's own."""
    server, unused = acmes
    return server, next(unused)


def test_the_default_workspace_is_as_old_as_its_database(server: Server) -> None:
    (default,) = server.http.get("/management/workspaces").json()
    made_at = datetime.fromisoformat(default["created_at"])
    assert datetime.now(UTC) - made_at < timedelta(minutes=1)
    assert default["updated_at"] == default["created_at"]
    anna = sign_up(server, "Anna")["token"]
    changed = ask(server, "PUT", "/api/workspaces/0", anna, json={"name": "Home"}).json()
    assert changed["created_at"] == default["created_at"] < changed["updated_at"]
    assert maintenance.verify(server.database) == []


def test_who_makes_a_workspace_owns_it_and_nobody_else_sees_it(server: Server) -> None:
    anna, bob = sign_up(server, "Anna")["token"], sign_up(server, "Bob")["token"]
    body = {"name": "Acme", "description": "Anvils"}
    made = ask(server, "POST", "/api/workspaces", anna, json=body)
    assert made.status_code == 201
    shown = made.json()
    assert (shown["id"], shown["owner_id"], shown["is_open"]) == (1, 1, False)
    assert (shown["name"], shown["description"]) == ("Acme", "Anvils")
    again = ask(server, "POST", "/api/workspaces", bob, json={"name": "ACME"})
    assert met(again) == (409, "name_taken")
    names = [each["name"] for each in ask(server, "GET", "/api/workspaces", anna).json()]
    assert names == ["default", "Acme"]
    assert [each["id"] for each in ask(server, "GET", "/api/workspaces", bob).json()] == [0]
    assert ask(server, "GET", "/api/workspaces/1", anna).json() == shown
    for number in (1, 99, 2**63):
        answer = ask(server, "GET", f"/api/workspaces/{number}", bob)
        assert met(answer) == (404, "workspace_not_found")
    for bad in ("", " ", "W" * 101):
        answer = ask(server, "POST", "/api/workspaces", bob, json={"name": bad})
        assert met(answer) == (400, "invalid_input")


def test_owners_and_admins_change_it(acme: tuple[Server, Staff]) -> None:
    server, found = acme
    for person, status in (
        (found.stranger, 404),
        (found.member, 403),
        (found.agent, 403),
        (found.admin, 200),
        (found.owner, 200),
    ):
        body = {"description": person.email}
        assert ask(server, "PUT", found.path, person.token, json=body).status_code == status
    body = {"name": "Acme & Sons", "is_open": True}
    changed = ask(server, "PUT", found.path, found.owner.token, json=body).json()
    assert (changed["name"], changed["is_open"]) == ("Acme & Sons", True)
    assert changed["description"] == found.owner.email
    assert sign_up(server, "Carl", workspace="acme & sons")["user"]["role"] == "member"
    taken = ask(server, "PUT", found.path, found.owner.token, json={"name": "Default"})
    assert met(taken) == (409, "name_taken")


def test_roles_are_given_by_who_stands_above_them(acme: tuple[Server, Staff]) -> None:
    server, found = acme

    def give(by: Person, to: Person, role: str) -> tuple[int, str]:
        path = f"{found.path}/members/{to.id}"
        answer = ask(server, "PATCH", path, by.token, json={"role": role})
        return (200, answer.json()["role"]) if answer.status_code == 200 else met(answer)

    assert give(found.admin, found.member, "agent") == (200, "agent")
    assert give(found.admin, found.member, "member") == (200, "member")
    not_allowed = (403, "not_allowed")
    assert give(found.admin, found.member, "admin") == not_allowed
    assert give(found.admin, found.owner, "member") == not_allowed
    assert give(found.admin, found.admin, "member") == not_allowed
    assert give(found.agent, found.member, "agent") == not_allowed
    assert give(found.stranger, found.member, "agent") == (404, "workspace_not_found")
    for nobody in (found.stranger, *BEYOND):
        assert give(found.owner, nobody, "agent") == (404, "user_not_found")
    assert give(found.owner, found.owner, "admin") == (400, "last_owner")
    assert give(found.owner, found.member, "boss") == (400, "invalid_input")
    assert give(found.owner, found.admin, "owner") == (200, "owner")
    shown = ask(server, "GET", found.path, found.member.token).json()
    assert shown["owner_id"] == found.owner.id  # who has owned it longest
    assert give(found.owner, found.owner, "member") == (200, "member")
    assert give(found.owner, found.member, "agent") == not_allowed


def test_members_leave_and_are_removed_but_the_last_owner_stays(
    acme: tuple[Server, Staff],
) -> None:
    server, found = acme

    def remove(by: Person, whom: Person) -> tuple[int, str]:
        return met(ask(server, "DELETE", f"{found.path}/members/{whom.id}", by.token))

    assert remove(found.member, found.agent) == (403, "not_allowed")
    assert remove(found.admin, found.owner) == (403, "not_allowed")
    assert remove(found.owner, found.owner) == (400, "last_owner")
    assert remove(found.stranger, found.member) == (404, "workspace_not_found")
    for nobody in (found.stranger, *BEYOND):
        assert remove(found.owner, nobody) == (404, "user_not_found")
    assert remove(found.admin, found.agent) == (204, "")
    assert remove(found.member, found.member) == (204, "")
    left = ask(server, "GET", f"{found.path}/members", found.owner.token).json()
    assert [each["role"] for each in left] == ["owner", "admin"]
    assert met(ask(server, "GET", found.path, found.member.token)) == (404, "workspace_not_found")
    assert met(ask(server, "GET", "/api/users", found.member.token)) == (403, "no_workspace")


def test_a_home_passes_to_the_workspace_that_one_has_been_in_longest(
    town: Town, tmp_path: Path
) -> None:
    first, second = town.workspace("first"), town.workspace("second")
    boss = town.person("Boss", first, second, role="owner")
    anna = town.person("Anna", first, second)
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        shown = ask(server, "GET", "/api/users/me", anna.token).json()
        assert shown["workspace_id"] == first.number
        path = f"/api/workspaces/{first.number}/members/{anna.id}"
        assert ask(server, "DELETE", path, boss.token).status_code == 204
        shown = ask(server, "GET", "/api/users/me", anna.token).json()
        assert shown["workspace_id"] == second.number


def test_the_chats_of_who_leaves_pass_on(town: Town, tmp_path: Path) -> None:
    acme = town.workspace("acme")
    boss = town.person("Boss", acme, role="owner")
    anna, bob, carl = (town.person(name, acme) for name in ("Anna", "Bob", "Carl"))
    town.scene.run(workspaces.add_member, DEFAULT, anna.id, "member")
    to_member = town.chat("group", "lunch", anna, bob, carl, workspace=acme)
    to_admin = town.chat("public", "all", anna, bob, workspace=acme)
    town.scene.run(participants.join, to_admin, f"u{carl.id}", "admin")
    to_oldest = town.chat("private", "old", anna, carl, workspace=acme)
    town.scene.run(participants.join, to_oldest, f"u{bob.id}", "member")
    of_bob = town.chat("group", "plans", bob, anna, carl, workspace=acme)
    alone = town.chat("private", "notes", anna, workspace=acme)
    elsewhere = town.chat("private", "home", anna)
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        path = f"/api/workspaces/{acme.number}/members/{anna.id}"
        assert ask(server, "DELETE", path, boss.token).status_code == 204
        log = server.http.get("/management/events", params={"type": "chat.closed"}).json()
        left = server.http.get("/management/events", params={"type": "participant.left"}).json()
        told = server.http.get("/management/events", params={"type": "chat.updated"}).json()
        server.stop()
    roles = {
        (chat, person): town.scene.ask(stays.role, chat, f"u{person.id}")
        for chat in (to_member, to_admin, to_oldest, of_bob, alone, elsewhere)
        for person in (anna, bob, carl)
    }
    assert {each: role for each, role in roles.items() if role is not None} == {
        (to_member, bob): "owner",
        (to_member, carl): "member",
        (to_admin, carl): "owner",
        (to_admin, bob): "member",
        (to_oldest, carl): "owner",
        (to_oldest, bob): "member",
        (of_bob, bob): "owner",
        (of_bob, carl): "member",
        (elsewhere, anna): "owner",
    }
    assert len(log) == 1  # the one in which nobody was left
    assert len(left) == 5
    assert [set(each["data"]["chat"]["members"]) for each in told] == [
        {f"u{bob.id}", f"u{carl.id}"}  # those that have another owner, with who is left
    ] * 3
    assert all(each["data"]["joined_at"] for each in left)
    path = tmp_path / "chat.db"
    assert maintenance.check(path) == maintenance.verify(path) == []


def test_a_workspace_with_others_in_it_is_deleted_by_force(town: Town, tmp_path: Path) -> None:
    found = staff(town)
    town.chat("group", "lunch", found.owner, found.admin, found.member, workspace=found.ref)
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        for person, refusal in (
            (found.stranger, (404, "workspace_not_found")),
            (found.admin, (403, "not_allowed")),
            (found.owner, (409, "conflict")),
        ):
            assert met(ask(server, "DELETE", found.path, person.token)) == refusal
        done = ask(server, "DELETE", f"{found.path}?force=true", found.owner.token)
        assert done.status_code == 204
        for person in (found.owner, found.member):
            gone = met(ask(server, "GET", found.path, person.token))
            assert gone == (404, "workspace_not_found")
        log = server.http.get("/management/events", params={"type": "chat.closed"}).json()
        assert len(log) == 1
        made = ask(server, "POST", "/api/workspaces", found.stranger.token, json={"name": "Acme"})
        assert made.json()["id"] == 2  # the name is free again, the number is not
    path = tmp_path / "chat.db"
    assert maintenance.check(path) == maintenance.verify(path) == []


def test_a_key_that_is_called_like_a_member_is_somebody_else(town: Town) -> None:
    acme = town.workspace("acme")
    boss = town.person("Boss", acme, role="owner")
    name = f"u{boss.id}"
    with pytest.raises(errors.Conflict):
        town.scene.run(workspaces.delete, acme, actor=Actor(name, "key_1"))
    assert town.scene.run(workspaces.delete, acme, actor=Actor(name, "account"))
    town.close()


def test_the_workspace_from_the_beginning_stays(server: Server) -> None:
    anna = sign_up(server, "Anna")["token"]
    answer = ask(server, "DELETE", "/api/workspaces/0?force=true", anna)
    assert met(answer) == (400, "invalid_input")
    made = ask(server, "POST", "/api/workspaces", anna, json={"name": "mine"}).json()["id"]
    assert ask(server, "DELETE", f"/api/workspaces/{made}", anna).status_code == 204


def invite(server: Server, found: Staff, by: Person, **body: Any) -> httpx.Response:
    return ask(server, "POST", f"{found.path}/invites", by.token, json=body)


def accept(server: Server, person: Person, code: str) -> httpx.Response:
    return ask(server, "POST", "/api/invites/accept", person.token, json={"code": code})


def test_an_invite_leads_somebody_in_once(acme: tuple[Server, Staff]) -> None:
    server, found = acme
    made = invite(server, found, found.admin)
    assert made.status_code == 201
    code = made.json()["code"]
    assert made.json()["url"] == f"https://chat.example/#invite={code}"
    assert len(code) >= 43
    server.http.post("/management/workspaces/0/invites")  # is no affair of theirs
    (listed,) = ask(server, "GET", f"{found.path}/invites", found.owner.token).json()
    assert code not in str(listed)
    assert (listed["role"], listed["max_uses"], listed["uses"]) == ("member", 1, 0)
    assert listed["created_by"] == found.admin.id
    assert accept(server, found.member, code).status_code == 200  # is in it: nothing is used up
    joined = accept(server, found.stranger, code)
    assert (joined.status_code, joined.json()["id"]) == (200, found.ref.number)
    assert ask(server, "GET", found.path, found.stranger.token).status_code == 200
    assert met(accept(server, found.stranger, code)) == (404, "code_not_found")
    assert ask(server, "GET", f"{found.path}/invites", found.owner.token).json() == []


def test_an_invite_with_nothing_special_takes_no_body(acme: tuple[Server, Staff]) -> None:
    server, found = acme
    theirs = ask(server, "POST", f"{found.path}/invites", found.admin.token)
    operators = server.http.post(f"/management/workspaces/{found.ref.number}/invites")
    assert (theirs.status_code, operators.status_code) == (201, 201)
    listed = ask(server, "GET", f"{found.path}/invites", found.owner.token).json()
    assert [(each["role"], each["max_uses"]) for each in listed] == [("member", 1)] * 2


def test_who_may_invite_and_as_what(acme: tuple[Server, Staff]) -> None:
    server, found = acme
    not_allowed = (403, "not_allowed")
    assert met(invite(server, found, found.member)) == not_allowed
    assert met(invite(server, found, found.agent)) == not_allowed
    assert met(invite(server, found, found.stranger)) == (404, "workspace_not_found")
    assert met(invite(server, found, found.admin, role="admin")) == not_allowed
    assert invite(server, found, found.admin, role="agent").status_code == 201
    assert invite(server, found, found.owner, role="owner").status_code == 201
    assert met(invite(server, found, found.owner, expires_in=0)) == (400, "invalid_input")
    assert met(invite(server, found, found.owner, email="nobody")) == (400, "invalid_input")
    path = f"{found.path}/invites"
    assert met(ask(server, "GET", path, found.member.token)) == not_allowed
    assert met(ask(server, "DELETE", f"{path}/1", found.member.token)) == not_allowed


def test_an_invite_may_be_for_one_alone_and_is_revoked(acme: tuple[Server, Staff]) -> None:
    server, found = acme
    email = found.stranger.email.upper()
    mine = invite(server, found, found.owner, email=email, role="admin").json()["code"]
    many = invite(server, found, found.owner, max_uses=2).json()["code"]
    other = invite(server, found, found.owner, email="other@example.org").json()["code"]
    assert met(accept(server, found.stranger, other)) == (403, "not_allowed")
    numbers = [
        each["id"] for each in ask(server, "GET", f"{found.path}/invites", found.owner.token).json()
    ]
    for revoked in (many, str(numbers[2])):
        path = f"{found.path}/invites/{revoked}"
        assert ask(server, "DELETE", path, found.admin.token).status_code == 204
        assert met(ask(server, "DELETE", path, found.admin.token)) == (404, "code_not_found")
    assert met(accept(server, found.stranger, many)) == (404, "code_not_found")
    assert accept(server, found.stranger, mine).status_code == 200
    with page(server, **bearer(found.stranger.token)) as client:
        roles = {each["id"]: each["role"] for each in client.get(f"{found.path}/members").json()}
    assert roles[found.stranger.id] == "admin"
