"""Users of a workspace, and one's own account, password and sessions."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import people
import pytest
from people import PASSWORD, ask, sign_in, sign_up
from team import SETTINGS, Person, Town
from world import Server, running

from chatctl_server.actions import accounts, workspaces

NEW = "another horse battery"
ROOM = "7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), **SETTINGS) as started:
        yield started


def me(server: Server, token: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    answer = ask(server, method, "/api/users/me", token, **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def code_of(answer: Any) -> tuple[int, str, str | None]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem.get("field")


def test_users_are_those_of_the_workspace_that_is_asked(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    acme = town.workspace("acme")
    anna = town.person("Anna", acme, role="admin")
    bob, eve = town.person("Bob"), town.person("Eve")
    town.scene.run(workspaces.add_member, acme, bob.id, "agent")
    town.close()

    with running(tmp_path, **SETTINGS) as server:

        def users(person: Person, workspace: int | None = None) -> Any:
            headers = {} if workspace is None else {"X-Workspace-Id": str(workspace)}
            return ask(server, "GET", "/api/users", person.token, headers=headers)

        def roles(*asked: Any) -> list[tuple[int, int, str]]:
            return [
                (each["id"], each["workspace_id"], each["role"]) for each in users(*asked).json()
            ]

        of_acme = [(anna.id, 1, "admin"), (bob.id, 1, "agent")]
        of_default = [(bob.id, 0, "member"), (eve.id, 0, "member")]
        assert roles(anna) == of_acme
        assert roles(bob) == of_default
        assert roles(bob, 1) == of_acme
        assert roles(eve, 0) == of_default
        for number in (1, 99, 2**61):  # one that she is not in is as one that there is not
            answer = users(eve, number)
            assert code_of(answer) == (404, "workspace_not_found", "workspace")
            assert answer.json()["detail"] == f"There is no workspace {number}"
        headers = {"X-Workspace-Id": "acme"}
        answer = ask(server, "GET", "/api/users", eve.token, headers=headers)
        assert code_of(answer) == (400, "invalid_input", "X-Workspace-Id")
        headers = {"X-Workspace-Id": "1"}
        assert me(server, bob.token, headers=headers)["role"] == "agent"
        assert me(server, bob.token)["role"] == "member"


def test_who_is_in_no_workspace_is_told_so(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    made = town.scene.run(accounts.create, "Anna", "anna@example.org", None)
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        token = Person(made.id, "").token
        answer = ask(server, "GET", "/api/users", token)
        assert (answer.status_code, answer.json()["code"]) == (403, "no_workspace")
        shown = me(server, token)
        assert (shown["workspace_id"], shown["role"]) == (None, None)


def test_one_changes_ones_name_and_picture(server: Server) -> None:
    anna = sign_up(server, "Anna")
    changed = me(server, anna["token"], "PATCH", json={"fullname": " Anna Asher "})
    assert changed["fullname"] == "Anna Asher"
    assert changed["updated_at"] > anna["user"]["updated_at"]
    url = "https://pictures.example/anna.png"
    assert me(server, anna["token"], "PATCH", json={"avatar": url})["avatar"] == url
    worn = me(server, anna["token"])
    assert worn["avatar"] == url
    assert me(server, anna["token"], "PATCH", json={}) == worn
    assert me(server, anna["token"], "PATCH", json={"avatar": None})["avatar"] is None
    assert me(server, anna["token"])["fullname"] == "Anna Asher"
    for body, field in (
        ({"fullname": ""}, "fullname"),
        ({"fullname": "A" * 129}, "fullname"),
        ({"avatar": "javascript:alert(1)"}, "avatar"),
        ({"avatar": f"https://{'a' * 2048}"}, "avatar"),
    ):
        answer = ask(server, "PATCH", "/api/users/me", anna["token"], json=body)
        assert code_of(answer) == (400, "invalid_input", field)


def test_a_new_password_ends_the_other_sessions(server: Server) -> None:
    anna, other = sign_up(server, "Berta"), sign_in(server, "Berta").json()

    def change(current: str, new: str) -> Any:
        body = {"current_password": current, "new_password": new}
        return ask(server, "POST", "/api/users/me/password", anna["token"], json=body)

    assert code_of(change(PASSWORD, "short")) == (400, "invalid_input", "new_password")
    assert code_of(change("wrong", NEW)) == (403, "invalid_credentials", None)
    assert change(PASSWORD, NEW).status_code == 204
    assert me(server, anna["token"])
    assert code_of(ask(server, "GET", "/api/users/me", other["token"]))[:2] == (
        401,
        "token_revoked",
    )
    assert ask(server, "POST", "/api/refresh", other["refresh_token"]).status_code == 401
    assert ask(server, "POST", "/api/refresh", anna["refresh_token"]).status_code == 200
    assert sign_in(server, "Berta").status_code == 403
    assert sign_in(server, "Berta", NEW).status_code == 200


def test_a_reset_link_sets_a_password_once_and_ends_all_sessions(tmp_path: Path) -> None:
    with running(tmp_path, **SETTINGS) as server:
        anna = sign_up(server, "Anna")
        server.stop()
        town = Town(tmp_path / "chat.db")
        make = accounts.make_reset_link
        first, second = (town.scene.run(make, anna["user"]["id"], 3600) for _ in range(2))
        town.close()
        server.start()

        def reset(code: str, new: str = NEW) -> Any:
            body = {"code": code, "new_password": new}
            return ask(server, "POST", "/api/password-reset", json=body)

        assert code_of(reset(first)) == (404, "code_not_found", "code")  # there is a newer one
        assert code_of(reset(second, "short")) == (400, "invalid_input", "new_password")
        assert reset(second).status_code == 204
        assert code_of(reset(second)) == (404, "code_not_found", "code")
        assert ask(server, "GET", "/api/users/me", anna["token"]).status_code == 401
        assert ask(server, "POST", "/api/refresh", anna["refresh_token"]).status_code == 401
        assert sign_in(server, "Anna", NEW).status_code == 200


def test_one_sees_ones_sessions_and_ends_any(server: Server) -> None:
    anna, bob = sign_up(server, "Carla"), sign_up(server, "Bob")
    phone = sign_in(server, "Carla", **{"User-Agent": "phone"}).json()
    path = "/api/users/me/sessions"
    first, second = ask(server, "GET", path, anna["token"]).json()
    assert [first["is_current"], second["is_current"]] == [True, False]
    assert (second["user_agent"], second["address"]) == ("phone", "127.0.0.1")
    for token, sid in ((bob["token"], second["sid"]), (anna["token"], "no-such")):
        answer = ask(server, "DELETE", f"{path}/{sid}", token)
        assert code_of(answer) == (404, "session_not_found", "sid")
    assert ask(server, "DELETE", f"{path}/{second['sid']}", anna["token"]).status_code == 204
    assert ask(server, "GET", path, phone["token"]).status_code == 401
    assert [each["sid"] for each in ask(server, "GET", path, anna["token"]).json()] == [
        first["sid"]
    ]


def test_a_room_token_lets_the_account_into_that_room(tmp_path: Path) -> None:
    secret = "a-secret-of-at-least-32-bytes-for-hs256"
    settings = {**SETTINGS, "ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": secret}
    with running(tmp_path, **settings) as server:
        anna = sign_up(server, "Anna")
        room = server.create_room()
        body = {"room_id": room.id}
        made = ask(server, "POST", "/api/room-tokens", anna["token"], json=body).json()
        assert made["user_id"] == "u1"
        claims = jwt.decode(made["token"], secret, algorithms=["HS256"])
        assert (claims["room"], claims["name"], claims.get("admin")) == (room.id, "Anna", None)
        assert 3500 < claims["exp"] - time.time() <= 3600
        assert room.join("u1", token=made["token"]).welcome
        server.http.patch("/management/users/1", json={"operator": True})
        again = ask(server, "POST", "/api/room-tokens", anna["token"], json=body).json()
        assert jwt.decode(again["token"], secret, algorithms=["HS256"])["admin"] is True
        bad = ask(server, "POST", "/api/room-tokens", anna["token"], json={"room_id": "lobby"})
        assert code_of(bad) == (400, "invalid_input", "room_id")
        assert ask(server, "GET", "/api/users/me", made["token"]).status_code == 401


def test_without_their_secret_there_are_no_room_tokens(server: Server) -> None:
    anna = sign_up(server, "Dora")
    answer = ask(server, "POST", "/api/room-tokens", anna["token"], json={"room_id": ROOM})
    assert code_of(answer)[:2] == (409, "conflict")
    assert people.ask(server, "POST", "/api/room-tokens", json={"room_id": ROOM}).status_code == 401
