"""Sign-up: what an account needs, and the workspace that it leads to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import people
import pytest
from people import PASSWORD, sign_up
from team import SECRET, SETTINGS, Town
from world import Server, running

from chatctl_server.actions import invites
from chatctl_server.domain import codes
from chatctl_server.storage import maintenance


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What its tests leave breaks no rule, and is what its log tells."""
    with running(tmp_path_factory.mktemp("server"), **SETTINGS) as started:
        yield started
        started.stop()
    assert maintenance.check(started.database) == maintenance.verify(started.database) == []


def refused(server: Server, name: str, **more: Any) -> tuple[int, str, str | None]:
    body = {"fullname": name, "email": people.email(name), "password": PASSWORD, **more}
    answer = people.ask(server, "POST", "/api/signup", json=body)
    problem = answer.json()
    assert problem["error"] == problem["detail"]
    return answer.status_code, problem["code"], problem.get("field")


def test_the_first_account_owns_the_workspace_that_is_there_from_the_beginning(
    server: Server,
) -> None:
    anna = sign_up(server, "Anna")
    assert anna["token"] == anna["access_token"]
    assert anna["expires_in"] == 1800
    user = anna["user"]
    assert (user["id"], user["workspace_id"], user["role"]) == (1, 0, "owner")
    assert (user["status"], user["is_bot"], user["avatar"]) == ("Active", False, None)
    assert user["email"] == "anna@example.org"
    bob = sign_up(server, "Bob")["user"]
    assert (bob["id"], bob["workspace_id"], bob["role"]) == (2, 0, "member")


def test_a_workspace_that_nobody_knows_is_made_and_open_to_the_next(server: Server) -> None:
    anna = sign_up(server, "Berta", workspace=" Acme ")["user"]
    assert (anna["workspace_id"], anna["role"]) == (1, "owner")
    bob = sign_up(server, "Bert", workspace="ACME")["user"]
    assert (bob["workspace_id"], bob["role"]) == (1, "member")
    assert sign_up(server, "Bodo", workspace="other")["user"]["workspace_id"] == 2
    server.http.post("/management/workspaces", json={"name": "lobby", "is_open": True})
    assert sign_up(server, "Benno", workspace="lobby")["user"]["role"] == "member"


def test_what_an_account_must_have_is_said_by_its_field(server: Server) -> None:
    assert sign_up(server, "C" * 128)["user"]["fullname"] == "C" * 128
    for more, field in (
        ({"fullname": " "}, "fullname"),
        ({"fullname": "A" * 129}, "fullname"),
        ({"email": "nobody"}, "email"),
        ({"email": "two@at@example.org"}, "email"),
        ({"email": "a space@example.org"}, "email"),
        ({"email": f"{'a' * 250}@example.org"}, "email"),
        ({"password": "seven77"}, "password"),
        ({"password": "é" * 513}, "password"),
        ({"workspace": "W" * 101}, "workspace"),
        ({"workspace": ""}, "workspace"),
    ):
        assert refused(server, "Carla", **more) == (400, "invalid_input", field), more
    assert refused(server, "Car\0la") == (400, "bad_text", "fullname")
    assert refused(server, "Eve", password=7)[::2] == (400, "password")
    assert sign_up(server, "Carla", password="é" * 4)
    assert sign_up(server, "Conrad", password="b" * 1024)


def test_an_email_is_taken_whatever_its_case(server: Server) -> None:
    sign_up(server, "Dora")
    body = {"fullname": "Dora", "email": " DORA@Example.org", "password": PASSWORD}
    answer = people.ask(server, "POST", "/api/auth/signup", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert answer.json()["error"] == "User with email DORA@Example.org already exists"


def test_the_access_token_says_who_it_is_to_older_readers_too(server: Server) -> None:
    anna = sign_up(server, "Emma")
    claims = jwt.decode(
        anna["token"],
        SECRET,
        algorithms=["HS256"],
        issuer="fechatter-server",
        audience="fechatter-web",
    )
    assert claims["sub"] == str(anna["user"]["id"])
    assert claims["exp"] - claims["iat"] == 1800
    names = {"id", "workspace_id", "fullname", "email", "status", "created_at"}
    assert claims["user"] == {name: anna["user"][name] for name in names}
    assert {"kid", "alg"} <= jwt.get_unverified_header(anna["token"]).keys()


def test_an_invite_decides_workspace_role_and_email(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    acme = town.workspace("acme")
    town.person("Anna", acme, role="owner")
    week = 7 * 24 * 3600
    code = town.scene.run(invites.create, acme, "admin", "Bob@Example.org", week, 1).code
    over = town.scene.run(invites.create, acme, "member", None, -1, 1).code
    twice = town.scene.run(invites.create, acme, "member", None, week, 2).code
    town.close()
    with running(tmp_path, OPEN_SIGNUP="false", **SETTINGS) as server:
        assert refused(server, "Bob") == (403, "invite_required", "invite_code")
        assert refused(server, "Bob", workspace="mine") == (403, "invite_required", "invite_code")
        assert refused(server, "Eve", invite_code=code) == (403, "not_allowed", "email")
        gone = (404, "code_not_found", "invite_code")
        assert refused(server, "Bob", invite_code=over) == gone
        assert refused(server, "Bob", invite_code=codes.new()) == gone
        bob = sign_up(server, "Bob", invite_code=code, workspace="mine")["user"]
        assert (bob["workspace_id"], bob["role"]) == (acme.number, "admin")
        assert refused(server, "Carl", invite_code=code) == gone
        assert sign_up(server, "Carl", invite_code=twice)["user"]["role"] == "member"
        assert sign_up(server, "Dora", invite_code=twice)["user"]["role"] == "member"
        assert refused(server, "Emil", invite_code=twice) == gone


def test_a_workspace_that_was_not_made_by_sign_up_takes_members_by_invite(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    town.person("Anna", town.workspace("acme"), role="owner")
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        refusal = refused(server, "Bob", workspace="Acme")
        assert refusal == (403, "invite_required", "invite_code")
        assert sign_up(server, "Bob")["user"]["role"] == "owner"  # of workspace 0, which was empty
