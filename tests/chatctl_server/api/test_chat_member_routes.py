"""Who is in a chat, over HTTP: added, removed, made its owner or admin."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from chats import Office, problem, working

INVALID = (400, "invalid_input")
NOT_ALLOWED = (403, "not_allowed")
_names = (f"chat {number}" for number in count(1))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with working(tmp_path_factory.mktemp("office")) as found:
        yield found


@pytest.fixture
def chat(office: Office) -> int:
    """Anna's, with Bert and Carl."""
    return office.make(office.anna, next(_names), "Group", office.bert, office.carl)


def test_members_are_listed_in_the_order_in_which_they_came(office: Office, chat: int) -> None:
    office.ask(office.anna, "DELETE", f"/api/chat/{chat}/members/{office.bert.id}")
    added = office.ask(office.anna, "POST", f"/api/chats/{chat}/members", [office.bert.id])
    listed = office.ask(office.carl, "GET", f"/api/chats/{chat}/members").json()
    assert [each["user_id"] for each in listed] == [office.anna.id, office.carl.id, office.bert.id]
    assert added.json() == [listed[2]]
    times = [each["joined_at"] for each in listed]
    assert times == sorted(times)
    assert listed[2] == {
        "chat_id": chat,
        "user_id": office.bert.id,
        "role": "member",
        "joined_at": times[2],
        "created_at": times[2],
    }


@pytest.mark.parametrize("form", ["array", "members", "member_ids", "user_id"])
def test_people_are_named_in_four_ways(office: Office, chat: int, form: str) -> None:
    dora = office.dora.id
    body: Any = {"array": [dora], "user_id": {"user_id": dora}}.get(form, {form: [dora]})
    path = f"/api/chat/{chat}/members"
    added = office.ask(office.anna, "POST", path, body)
    assert (added.status_code, [each["user_id"] for each in added.json()]) == (201, [dora])
    assert office.ask(office.anna, "DELETE", path, body).status_code == 204
    assert dora not in office.roles(office.anna, chat)


def test_only_who_is_new_is_told_and_only_people_of_the_workspace_are_added(
    office: Office, chat: int
) -> None:
    path = f"/api/chat/{chat}/members"
    people = [office.bert.id, office.dora.id, office.dora.id]
    added = office.ask(office.anna, "POST", path, people).json()
    assert [each["user_id"] for each in added] == [office.dora.id]
    assert office.ask(office.anna, "POST", path, people).json() == []
    for stranger in (office.eve.id, 999):
        refused = office.ask(office.anna, "POST", path, [office.dora.id, stranger])
        assert problem(refused) == (404, "user_not_found")
    for nobody in ([], {}, {"members": []}, {"user_id": None}, "2", [0], [1.5]):
        assert problem(office.ask(office.anna, "POST", path, nobody)) == INVALID


def test_the_owner_and_admins_add_and_remove_and_members_do_not(office: Office, chat: int) -> None:
    path = f"/api/chat/{chat}/members"
    assert problem(office.ask(office.bert, "POST", path, [office.dora.id])) == NOT_ALLOWED
    assert problem(office.ask(office.bert, "DELETE", path, [office.carl.id])) == NOT_ALLOWED
    both = [office.bert.id, office.carl.id]
    assert problem(office.ask(office.bert, "DELETE", path, both)) == NOT_ALLOWED
    refused = office.ask(office.dora, "POST", path, [office.dora.id])
    assert problem(refused) == (403, "not_a_participant")
    office.ask(office.anna, "PATCH", f"{path}/{office.bert.id}", {"role": "admin"})
    assert office.ask(office.bert, "POST", path, [office.dora.id]).status_code == 201
    assert office.ask(office.bert, "DELETE", f"{path}/{office.carl.id}").status_code == 204
    assert office.roles(office.anna, chat) == {
        office.anna.id: "owner",
        office.bert.id: "admin",
        office.dora.id: "member",
    }


def test_one_removes_oneself_and_who_is_not_in_it_is_passed_over(office: Office, chat: int) -> None:
    path = f"/api/chat/{chat}/members"
    assert office.ask(office.carl, "DELETE", path, [office.carl.id]).status_code == 204
    others = [office.carl.id, office.bert.id, 999]
    assert office.ask(office.anna, "DELETE", path, others).status_code == 204
    assert office.roles(office.anna, chat) == {office.anna.id: "owner"}


def test_the_owner_stays_until_another_is(office: Office, chat: int) -> None:
    path = f"/api/chat/{chat}/members"
    office.ask(office.anna, "PATCH", f"{path}/{office.bert.id}", {"role": "admin"})
    must_transfer = (400, "owner_must_transfer")
    for who in (office.anna, office.bert):
        leaving = office.ask(who, "DELETE", path, [office.carl.id, office.anna.id])
        assert problem(leaving) == must_transfer
    own = f"{path}/{office.anna.id}"
    assert problem(office.ask(office.anna, "DELETE", own)) == must_transfer
    assert problem(office.ask(office.anna, "PATCH", own, {"role": "member"})) == must_transfer
    assert office.roles(office.anna, chat)[office.carl.id] == "member"


@pytest.mark.parametrize("body", [None, {"operation": "transfer_ownership"}, {"role": "owner"}, {}])
def test_the_ownership_passes_to_a_member(office: Office, chat: int, body: Any) -> None:
    path = f"/api/chat/{chat}/members"
    passed = office.ask(office.anna, "PATCH", f"{path}/{office.carl.id}", body)
    assert (passed.status_code, passed.json()["id"]) == (200, chat)
    assert office.roles(office.bert, chat) == {
        office.anna.id: "member",
        office.bert.id: "member",
        office.carl.id: "owner",
    }
    again = office.ask(office.anna, "PATCH", f"{path}/{office.bert.id}", body)
    assert problem(again) == NOT_ALLOWED


def test_roles_are_given_by_the_owner_to_members(office: Office, chat: int) -> None:
    path = f"/api/chat/{chat}/members"
    for stranger in (office.dora.id, office.eve.id, 10**30):
        refused = office.ask(office.anna, "PATCH", f"{path}/{stranger}")
        assert problem(refused) == INVALID
        assert refused.json()["field"] == "member_id"
    before = office.ask(office.anna, "GET", f"/api/chat/{chat}").json()
    for _ in range(2):
        named = office.ask(office.anna, "PATCH", f"{path}/{office.bert.id}", {"role": "admin"})
        assert named.json()["updated_at"] > before["updated_at"]
    assert office.roles(office.anna, chat)[office.bert.id] == "admin"
    by_admin = office.ask(office.bert, "PATCH", f"{path}/{office.carl.id}", {"role": "admin"})
    assert problem(by_admin) == NOT_ALLOWED
    for wrong in ({"role": "agent"}, {"operation": "promote"}):
        assert problem(office.ask(office.anna, "PATCH", f"{path}/2", wrong)) == INVALID


def test_a_single_stays_as_it_is(office: Office) -> None:
    single = office.make(office.anna, "hi", "Single", office.dora)
    path = f"/api/chat/{single}/members"
    assert problem(office.ask(office.anna, "POST", path, [office.bert.id])) == INVALID
    assert problem(office.ask(office.dora, "DELETE", path, [office.dora.id])) == INVALID
    assert problem(office.ask(office.anna, "DELETE", f"{path}/{office.dora.id}")) == INVALID
    assert len(office.roles(office.anna, single)) == 2


def test_a_new_owner_decides_what_happens_at_once(office: Office, chat: int) -> None:
    """The action decides by the roles of that moment."""
    path = f"/api/chat/{chat}"
    office.ask(office.anna, "PATCH", f"{path}/members/{office.bert.id}")
    assert problem(office.ask(office.anna, "DELETE", path)) == NOT_ALLOWED
    assert office.ask(office.bert, "DELETE", f"{path}/members/{office.anna.id}").status_code == 204
    refused = office.ask(office.anna, "GET", path)
    assert problem(refused) == (403, "not_a_participant")
    assert office.ask(office.bert, "DELETE", path).status_code == 204
