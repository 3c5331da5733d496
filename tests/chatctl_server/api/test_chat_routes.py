"""Chats over HTTP: made by the rules of their types, shown, changed, joined, deleted."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from chats import Office, problem, working

_names = (f"chat {number}" for number in count(1))
INVALID = (400, "invalid_input")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with working(tmp_path_factory.mktemp("office")) as found:
        yield found


@pytest.fixture
def name() -> str:
    return next(_names)


def test_a_chat_is_made_and_shown_as_it_was_made(office: Office, name: str) -> None:
    members = [office.carl.id, office.bert.id, office.bert.id]
    body = {"name": f"  {name} ", "type": "Group", "members": members, "description": "Where?"}
    answer = office.ask(office.anna, "POST", "/api/chats", body)
    assert answer.status_code == 201
    made = answer.json()
    assert TIME.fullmatch(made["created_at"])
    assert made == {
        "id": made["id"],
        "workspace_id": 0,
        "name": name,
        "type": "Group",
        "chat_type": "Group",
        "chat_members": [office.anna.id, office.bert.id, office.carl.id],
        "description": "Where?",
        "created_by": office.anna.id,
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    for path in ("/api/chat", "/api/chats"):
        assert office.ask(office.bert, "GET", f"{path}/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("chat_type", "others", "members"),
    [
        ("Single", ["bert"], ["anna", "bert"]),
        ("Group", ["anna", "bert", "carl"], ["anna", "bert", "carl"]),
        ("PrivateChannel", [], ["anna"]),
        ("PrivateChannel", ["dora"], ["anna", "dora"]),
        ("PublicChannel", ["dora"], ["anna"]),
    ],
)
def test_each_type_has_its_members(
    office: Office, name: str, chat_type: str, others: list[str], members: list[str]
) -> None:
    listed = [getattr(office, each) for each in others]
    chat = office.make(office.anna, name, chat_type, *listed)
    roles = {getattr(office, each).id: "member" for each in members}
    assert office.roles(office.anna, chat) == {**roles, office.anna.id: "owner"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 129},
        {"name": None},
        {"type": "Channel"},
        {"type": None},
        {"type": "Single", "members": [1]},
        {"type": "Single", "members": []},
        {"type": "Single", "members": [1, 2, 3]},
        {"type": "Group", "members": [1, 2, 2]},
        {"members": ["2"]},
        {"members": 2},
        {"members": [0]},
        {"description": 5},
    ],
)
def test_what_is_against_the_rules_is_refused(
    office: Office, name: str, wrong: dict[str, Any]
) -> None:
    fits = {"name": name, "type": "Group", "members": [2, 3]}
    answer = office.ask(office.anna, "POST", "/api/chat", {**fits, **wrong})
    assert problem(answer) == INVALID
    fields = {*wrong} if "type" not in wrong or wrong["type"] is None else {"type", "members"}
    assert answer.json()["field"].partition("[")[0] in fields


def test_an_unknown_member_is_not_found_nor_is_one_of_another_workspace(
    office: Office, name: str
) -> None:
    for stranger in (office.eve.id, 999, 2**61):
        body = {"name": name, "type": "PrivateChannel", "members": [stranger]}
        answer = office.ask(office.anna, "POST", "/api/chat", body)
        assert problem(answer) == (404, "user_not_found")


def test_chat_type_is_another_name_of_type(office: Office, name: str) -> None:
    body = {"name": name, "chat_type": "PublicChannel"}
    assert office.ask(office.anna, "POST", "/api/chat", body).json()["type"] == "PublicChannel"


def test_a_name_is_taken_in_its_workspace_but_by_a_single(office: Office, name: str) -> None:
    office.make(office.bert, name, "Single", office.carl)
    office.make(office.anna, name, "PrivateChannel")
    body = {"name": name, "type": "PublicChannel"}
    assert problem(office.ask(office.bert, "POST", "/api/chat", body)) == (409, "name_taken")
    other = office.make(office.bert, next(_names), "PublicChannel")
    change = office.ask(office.bert, "PATCH", f"/api/chat/{other}", {"name": name})
    assert problem(change) == (409, "name_taken")
    assert office.ask(office.eve, "POST", "/api/chat", body).status_code == 201


def test_the_single_of_the_same_two_is_there_already(office: Office) -> None:
    made = office.make(office.carl, "hi", "Single", office.dora)
    body = {"name": "hello", "type": "Single", "members": [office.carl.id, office.dora.id]}
    again = office.ask(office.dora, "POST", "/api/chat", body)
    assert (again.status_code, again.json()["id"], again.json()["name"]) == (200, made, "hi")
    office.ask(office.carl, "DELETE", f"/api/chat/{made}")
    assert office.ask(office.dora, "POST", "/api/chat", body).status_code == 201


def test_the_owner_and_admins_change_it(office: Office, name: str) -> None:
    chat = office.make(office.anna, name, "Group", office.bert, office.carl)
    path = f"/api/chats/{chat}"
    before = office.ask(office.anna, "GET", path).json()
    refused = office.ask(office.bert, "PATCH", path, {"name": "x"})
    assert problem(refused) == (403, "not_allowed")
    office.ask(office.anna, "PATCH", f"{path}/members/{office.bert.id}", {"role": "admin"})
    assert problem(office.ask(office.bert, "DELETE", path)) == (403, "not_allowed")
    new = next(_names)
    changed = office.ask(office.bert, "PATCH", path, {"name": new})
    assert changed.status_code == 200
    assert changed.json()["updated_at"] > before["updated_at"]
    assert (changed.json()["name"], changed.json()["description"]) == (new, "")
    described = office.ask(office.anna, "PUT", path, {"description": "for lunch"}).json()
    assert (described["name"], described["description"]) == (new, "for lunch")
    same = office.ask(office.anna, "PUT", path, {"description": "for lunch", "name": new}).json()
    assert same == described
    assert problem(office.ask(office.anna, "PATCH", path, {"name": ""})) == INVALID


def test_who_is_not_in_it_sees_it_only_if_it_is_public(office: Office, name: str) -> None:
    hidden = office.make(office.anna, name, "PrivateChannel")
    shown = office.make(office.anna, next(_names), "PublicChannel")
    for path in (f"/api/chat/{hidden}", f"/api/chat/{hidden}/members"):
        assert problem(office.ask(office.dora, "GET", path)) == (403, "not_a_participant")
    assert office.ask(office.dora, "GET", f"/api/chat/{shown}").json()["id"] == shown
    assert office.roles(office.dora, shown) == {office.anna.id: "owner"}


def test_a_chat_of_another_workspace_is_as_unknown_as_none(office: Office) -> None:
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PATCH", "", {"name": "mine"}),
        ("DELETE", "", None),
        ("GET", "/members", None),
        ("POST", "/members", [office.anna.id]),
        ("DELETE", "/members", [office.anna.id]),
        ("DELETE", f"/members/{office.eve.id}", None),
        ("PATCH", f"/members/{office.anna.id}", None),
        ("POST", "/join", None),
        ("POST", "/leave", None),
        ("PATCH", "/preferences", {"notify": "none"}),
    ]
    for method, rest, body in requests:
        for number in (office.theirs, 999, 10**30):
            answer = office.ask(office.anna, method, f"/api/chat/{number}{rest}", body)
            assert problem(answer) == (404, "conversation_not_found"), (method, rest, number)
            assert answer.json()["detail"] == f"There is no chat {number}"


def test_a_deleted_chat_is_gone_for_everybody(office: Office, name: str) -> None:
    chat = office.make(office.anna, name, "PublicChannel")
    office.ask(office.bert, "POST", f"/api/chat/{chat}/join")
    path = f"/api/chat/{chat}"
    assert problem(office.ask(office.bert, "DELETE", path)) == (403, "not_allowed")
    assert office.ask(office.anna, "DELETE", path).status_code == 204
    for who in (office.anna, office.bert, office.dora):
        assert problem(office.ask(who, "GET", path)) == (404, "conversation_not_found")
        assert chat not in [each["id"] for each in office.listed(who)]
        assert chat not in [each["id"] for each in office.listed(who, "public")]
    assert problem(office.ask(office.dora, "POST", f"{path}/join"))[0] == 404
    assert office.make(office.bert, name, "PublicChannel") > chat


def test_a_public_channel_is_joined_and_a_private_one_is_not(office: Office, name: str) -> None:
    chat = office.make(office.anna, name, "PublicChannel")
    for _ in range(2):
        joined = office.ask(office.bert, "POST", f"/api/chat/{chat}/join")
        assert joined.status_code == 200
        assert joined.json()["chat_members"] == [office.anna.id, office.bert.id]
    assert office.ask(office.anna, "POST", f"/api/chat/{chat}/join").status_code == 200  # hers
    assert chat not in [each["id"] for each in office.listed(office.bert, "public")]
    office.ask(office.bert, "POST", f"/api/chat/{chat}/leave")
    newer = office.make(office.anna, next(_names), "PublicChannel")
    assert [each["id"] for each in office.listed(office.bert, "public")][:2] == [newer, chat]
    office.ask(office.anna, "POST", f"/api/chat/{chat}/messages", {"content": "anybody here?"})
    listed = office.listed(office.bert, "public")
    assert office.theirs not in [each["id"] for each in listed]
    first, second = listed[:2]
    assert (first["id"], second["id"]) == (chat, newer)  # newest activity first
    assert (first["member_count"], first["last_message"]) == (1, None)
    hidden = office.make(office.anna, next(_names), "PrivateChannel")
    refused = office.ask(office.bert, "POST", f"/api/chat/{hidden}/join")
    assert problem(refused) == (403, "not_allowed")


def test_a_member_leaves_and_the_owner_does_not(office: Office, name: str) -> None:
    chat = office.make(office.anna, name, "Group", office.bert, office.carl)
    assert office.ask(office.bert, "POST", f"/api/chat/{chat}/leave").status_code == 204
    assert office.roles(office.anna, chat) == {office.anna.id: "owner", office.carl.id: "member"}
    again = office.ask(office.bert, "POST", f"/api/chat/{chat}/leave")
    assert problem(again) == (403, "not_a_participant")
    leaving = office.ask(office.anna, "POST", f"/api/chat/{chat}/leave")
    assert problem(leaving) == (400, "owner_must_transfer")
    single = office.make(office.bert, name, "Single", office.dora)
    assert problem(office.ask(office.dora, "POST", f"/api/chat/{single}/leave")) == INVALID


def test_what_one_is_notified_of_is_ones_own(office: Office, name: str) -> None:
    chat = office.make(office.anna, name, "PrivateChannel", office.bert)
    path = f"/api/chat/{chat}/preferences"
    until = "2030-01-01T12:00:00+02:00"
    both = office.ask(office.anna, "PATCH", path, {"notify": "mentions", "muted_until": until})
    shown = {"chat_id": chat, "notify": "mentions", "muted_until": "2030-01-01T10:00:00.000000Z"}
    assert (both.status_code, both.json()) == (200, shown)
    assert office.ask(office.anna, "PATCH", path, {}).json() == shown
    one = office.ask(office.anna, "PATCH", path, {"muted_until": None}).json()
    assert one == {**shown, "muted_until": None}
    other = office.ask(office.bert, "PATCH", path, {}).json()
    assert other == {"chat_id": chat, "notify": "all", "muted_until": None}
    for wrong in (
        {"notify": "never"},
        {"muted_until": "soon"},
        {"muted_until": "2030-01-01"},
        {"muted_until": "0001-01-01T00:00:00+14:00"},
        {"muted_until": "9999-12-31T23:59:59-14:00"},
    ):
        assert problem(office.ask(office.anna, "PATCH", path, wrong)) == INVALID
    refused = office.ask(office.dora, "PATCH", path, {"notify": "all"})
    assert problem(refused) == (403, "not_a_participant")


def test_the_asked_workspace_says_where_a_chat_is_made(office: Office, name: str) -> None:
    body = {"name": name, "type": "PublicChannel"}
    there = {"X-Workspace-Id": str(office.elsewhere.number)}
    refused = office.ask(office.anna, "POST", "/api/chat", body, headers=there)
    assert problem(refused) == (404, "workspace_not_found")
    made = office.ask(office.eve, "POST", "/api/chat", body, headers=there).json()
    assert made["workspace_id"] == office.elsewhere.number
    wrong = office.ask(office.eve, "POST", "/api/chat", body, headers={"X-Workspace-Id": "x"})
    assert problem(wrong) == INVALID
