"""What an operator does with accounts, workspaces, chats; what a key of one workspace may."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from event_streams import EventSource
from people import PASSWORD, ask, email, sign_in, sign_up
from world import Server, eventually, running

from chatctl_server.storage import maintenance

USERS = "/management/users"
WORKSPACES = "/management/workspaces"
CHATS = "/management/chats"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Where nobody signs up."""
    with running(tmp_path_factory.mktemp("town"), OPEN_SIGNUP="false") as server:
        yield server


def create(server: Server, name: str, **more: Any) -> dict[str, Any]:
    body = {"fullname": name, "email": email(name), "password": PASSWORD, **more}
    answer = server.http.post(USERS, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def token(server: Server, name: str) -> str:
    answer = sign_in(server, name)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_account_is_made_where_nobody_signs_up(town: Server) -> None:
    made = create(town, "Maya", role="admin")
    assert (made["status"], made["workspace_id"], made["role"]) == ("Active", 0, "admin")
    assert ask(town, "GET", "/api/users/me", token(town, "Maya")).json()["id"] == made["id"]
    again = town.http.post(USERS, json={"fullname": "Maya", "email": "MAYA@example.org"})
    assert code(again) == (409, "email_taken")
    listed = town.http.get(USERS, params={"q": "maya@"}).json()
    assert [each["id"] for each in listed] == [made["id"]]
    (event,) = town.http.get("/management/events?type=account.created&tail=true&limit=1").json()
    assert (event["actor"], event["credential"]) == (None, "api-key")


def test_a_number_beyond_all_is_nobody(town: Server) -> None:
    for number in (10**30, -(10**30)):
        for path in (f"{USERS}/{number}", f"{WORKSPACES}/{number}", f"{CHATS}/{number}"):
            assert town.http.get(path).status_code == 404, path
        gone = town.http.delete(f"{WORKSPACES}/0/members/{number}")
        assert code(gone) == (404, "user_not_found")
        made = town.http.post(WORKSPACES, json={"name": "far", "owner": number})
        assert (*code(made), made.json()["field"]) == (400, "invalid_input", "owner")
        for path in (USERS, CHATS, "/management/messages"):
            far, unknown = (town.http.get(f"{path}?workspace={each}") for each in (number, 999))
            assert far.status_code == unknown.status_code == 200
            assert far.json() == unknown.json() == []


def test_lists_go_on_page_by_page(town: Server) -> None:
    for name in ("Page1", "Page2", "Page3"):
        create(town, name)
    first = town.http.get(USERS, params={"q": "page", "limit": 2})
    rest = town.http.get(first.links["next"]["url"])
    assert [each["fullname"] for each in first.json()] == ["Page1", "Page2"]
    assert [each["fullname"] for each in rest.json()] == ["Page3"]
    assert "next" not in rest.links


def test_a_suspended_account_is_out_until_it_is_reactivated(town: Server) -> None:
    made = create(town, "Sam")
    shown = token(town, "Sam")
    path = f"{USERS}/{made['id']}"
    assert town.http.patch(path, json={"status": "suspended"}).json()["status"] == "Suspended"
    assert code(ask(town, "GET", "/api/users/me", shown)) == (401, "token_revoked")
    assert code(sign_in(town, "Sam")) == (403, "account_suspended")
    for word in ("suspended", "Suspended"):
        found = town.http.get(USERS, params={"status": word}).json()
        assert [each["id"] for each in found] == [made["id"]]
    assert town.http.patch(path, json={"status": "Active"}).json()["status"] == "Active"
    assert code(ask(town, "GET", "/api/users/me", shown)) == (401, "token_revoked")  # is over
    assert ask(town, "GET", "/api/users/me", token(town, "Sam")).status_code == 200


def test_an_operator_sees_who_is_there(town: Server) -> None:
    made = create(town, "Nora")
    paths = [f"{USERS}/{made['id']}", f"{USERS}?q=nora", f"{WORKSPACES}/0/members"]

    def presences() -> list[str]:
        answers = [town.http.get(path).json() for path in paths]
        lists = [each if isinstance(each, list) else [each] for each in answers]
        return [user["presence"] for each in lists for user in each if user["id"] == made["id"]]

    assert presences() == ["offline"] * 3
    stream = EventSource(town, "/events", access_token=token(town, "Nora"))
    stream.next()
    eventually(lambda: presences() == ["online"] * 3)
    stream.close()
    eventually(lambda: presences() == ["offline"] * 3)


def test_a_password_is_given_or_chosen_by_a_link(town: Server) -> None:
    made = create(town, "Rita", password=None)
    assert sign_in(town, "Rita").status_code == 403
    path = f"{USERS}/{made['id']}"
    link = town.http.post(f"{path}/reset-link").json()
    assert link["url"].endswith(f"#reset={link['code']}")
    body = {"code": link["code"], "new_password": "chosen by Rita"}
    assert ask(town, "POST", "/api/password-reset", json=body).status_code == 204
    assert sign_in(town, "Rita", "chosen by Rita").status_code == 200
    for asked, body in (
        (f"{path}/password", {"password": "short"}),
        (USERS, {"fullname": "Short", "email": email("Short"), "password": "short"}),
    ):
        assert code(town.http.post(asked, json=body)) == (400, "invalid_input")
    given = {"password": "given by the operator"}
    assert town.http.post(f"{path}/password", json=given).json() == {"changed": True}
    assert sign_in(town, "Rita", "given by the operator").status_code == 200
    assert len(town.http.get(f"{path}/sessions").json()) == 1
    assert town.http.delete(f"{path}/sessions").json() == {"changed": True, "sessions": 1}
    assert town.http.get(f"{path}/sessions").json() == []


def test_workspaces_their_members_and_invites(town: Server) -> None:
    owner, member = create(town, "Olga"), create(town, "Mark")
    body = {"name": "Anvils", "owner": owner["id"]}
    made = town.http.post(WORKSPACES, json=body).json()
    path = f"{WORKSPACES}/{made['id']}"
    assert made["owner_id"] == owner["id"]
    assert made["id"] in [each["id"] for each in town.http.get(WORKSPACES).json()]
    assert town.http.patch(path, json={"name": "Acme"}).json()["name"] == "Acme"
    added = town.http.post(f"{path}/members", json={"user_id": member["id"], "role": "agent"})
    assert added.json()["role"] == "agent"
    promoted = town.http.patch(f"{path}/members/{member['id']}", json={"role": "owner"})
    assert promoted.json()["role"] == "owner"
    assert town.http.delete(f"{path}/members/{owner['id']}").status_code == 204
    refused = town.http.delete(f"{path}/members/{member['id']}")
    assert code(refused) == (400, "last_owner")
    invite = town.http.post(f"{path}/invites", json={"email": email("Ivan")}).json()
    signing_up = {"fullname": "Ivan", "email": email("Ivan"), "password": PASSWORD}
    joined = ask(town, "POST", "/api/signup", json={**signing_up, "invite_code": invite["code"]})
    assert joined.json()["user"]["workspace_id"] == made["id"]
    assert code(town.http.delete(path)) == (409, "conflict")
    assert town.http.delete(path, params={"force": "true"}).status_code == 204
    assert code(town.http.get(path)) == (404, "workspace_not_found")


def test_a_chat_is_made_changed_and_taken_over(town: Server) -> None:
    ann, bob, cid = (create(town, name)["id"] for name in ("Ann", "Bob", "Cid"))
    body = {"name": "lunch", "type": "Group", "owner": ann, "members": [bob, cid]}
    chat = town.http.post(CHATS, json=body).json()
    assert (chat["chat_members"], chat["created_by"]) == ([ann, bob, cid], ann)
    path = f"{CHATS}/{chat['id']}"
    assert town.http.patch(path, json={"name": "dinner", "owner": bob}).json()["name"] == "dinner"
    roles = {each["user_id"]: each["role"] for each in town.http.get(f"{path}/members").json()}
    assert roles == {ann: "member", bob: "owner", cid: "member"}
    agent = town.http.patch(f"{path}/members/{cid}", json={"role": "agent"})
    assert (*code(agent), agent.json()["field"]) == (400, "invalid_input", "role")
    assert code(town.http.delete(f"{path}/members/{bob}")) == (400, "owner_must_transfer")
    assert town.http.delete(f"{path}/members/{cid}").status_code == 204
    listed = town.http.get(CHATS, params={"q": "DINNER"}).json()
    assert [each["chat_members"] for each in listed] == [[ann, bob]]
    assert town.http.delete(path).status_code == 204
    assert code(town.http.get(path)) == (404, "conversation_not_found")


def test_messages_are_posted_found_and_taken_back(town: Server) -> None:
    dora, emil = (create(town, name)["id"] for name in ("Dora", "Emil"))
    stranger = create(town, "Stranger")["id"]
    body = {"name": "pair", "type": "Single", "owner": dora, "members": [emil]}
    chat = town.http.post(CHATS, json=body).json()["id"]
    path = f"{CHATS}/{chat}/messages"
    told = town.http.post(path, json={"content": "The office closes at noon"}).json()
    said = town.http.post(path, json={"content": "Then we go", "as_user": dora}).json()
    assert (told["sender_id"], said["sender_id"], said["sender_name"]) == (0, dora, "Dora")
    assert told["idempotency_key"] != said["idempotency_key"]
    refused = town.http.post(path, json={"content": "Me too", "as_user": stranger})
    assert code(refused) == (403, "not_a_participant")
    assert code(town.http.post(path, json={"content": " "})) == (400, "invalid_input")
    seen = ask(town, "GET", f"/api/chat/{chat}/messages", token(town, "Emil")).json()
    assert [each["content"] for each in seen] == ["Then we go", "The office closes at noon"]
    assert town.http.get(path, params={"limit": 1}).links["next"]["url"].startswith(path)
    found = town.http.get("/management/messages", params={"q": "OFFICE"}).json()
    assert [each["id"] for each in found] == [told["id"]]
    one = f"/management/messages/{told['id']}"
    assert town.http.delete(one).json() == {"changed": True}
    assert town.http.delete(one).json() == {"changed": False}
    assert town.http.get(one).json()["content"] == ""
    assert town.http.get("/management/messages", params={"q": "office"}).json() == []
    erased = town.http.post(path, json={"content": "For nobody"}).json()["id"]
    gone = town.http.delete(f"/management/messages/{erased}", params={"erase": "true"})
    assert gone.json() == {"changed": True}
    log = town.http.get("/management/events", params={"type": "message.posted"}).text
    assert ("office closes" in log, "For nobody" in log) == (True, False)


def test_a_key_of_one_workspace_reaches_no_other(town: Server) -> None:
    owner = create(town, "Keyes")
    made = town.http.post(WORKSPACES, json={"name": "Keyed", "owner": owner["id"]}).json()["id"]
    body = {"name": "inside", "type": "PublicChannel", "owner": owner["id"], "workspace": made}
    inside = town.http.post(CHATS, json=body).json()["id"]
    outside = town.http.post(CHATS, json={**body, "name": "outside", "workspace": 0}).json()["id"]
    for chat in (inside, outside):
        town.http.post(f"{CHATS}/{chat}/messages", json={"content": "hello"})
    wanted = {"name": "team", "scopes": ["team"], "workspace": made}
    key = {"X-Api-Key": town.http.post("/management/keys", json=wanted).json()["key"]}
    with httpx.Client(base_url=town.url, headers=key, trust_env=False) as http:
        assert [each["id"] for each in http.get(USERS).json()] == [owner["id"]]
        assert [each["id"] for each in http.get(WORKSPACES).json()] == [made]
        assert [each["id"] for each in http.get(CHATS).json()] == [inside]
        said = http.get("/management/messages").json()
        assert [each["chat_id"] for each in said] == [inside]
        assert http.patch(f"{CHATS}/{inside}", json={"name": "within"}).status_code == 200
        for path in (f"{CHATS}/{outside}", f"{CHATS}/{outside}/messages", f"{WORKSPACES}/0"):
            assert http.get(path).status_code == 404, path
        assert code(http.get(USERS, params={"workspace": 0})) == (404, "workspace_not_found")
        posted = http.post(f"{CHATS}/{inside}/messages", json={"content": "posts nothing"})
        assert code(posted) == (403, "not_allowed")
        assert code(http.delete(f"{USERS}/{owner['id']}")) == (403, "not_allowed")
        assert code(http.get("/management/rooms")) == (403, "not_allowed")
        town.http.delete(f"{WORKSPACES}/{made}", params={"force": "true"})
        assert code(http.get(WORKSPACES)) == (401, "unauthorized")


def test_nothing_of_an_erased_account_is_left(tmp_path: Path) -> None:
    secrets = ("Wilhelmina", "wilhelmina@example.org", "my diary", "my old diary", "avatars/w.png")
    with running(tmp_path) as server:
        boss = sign_up(server, "Boss")
        gone = sign_up(server, "Wilhelmina")
        me, own = gone["user"]["id"], gone["token"]
        avatar = {"avatar": "https://example.org/avatars/w.png"}
        ask(server, "PATCH", "/api/users/me", own, json=avatar)
        body = {"name": "club", "type": "PrivateChannel", "members": [boss["user"]["id"]]}
        chat = ask(server, "POST", "/api/chat", own, json=body).json()["id"]
        messages = f"/api/chat/{chat}/messages"
        said = ask(server, "POST", messages, own, json={"content": "my old diary"}).json()
        ask(server, "PATCH", f"/api/messages/{said['id']}", own, json={"content": "my diary"})
        kept = ask(server, "POST", messages, boss["token"], json={"content": "kept"}).json()
        path = f"{USERS}/{me}"
        counted = server.http.delete(path, params={"dry_run": "true"}).json()
        assert counted == {
            "changed": False, "messages": 1, "chats": 1, "workspaces": 1, "sessions": 1
        }  # fmt: skip
        phone = {"User-Agent": "the phone of Wilhelmina"}
        assert sign_in(server, "Wilhelmina", **phone).status_code == 200
        done = server.http.delete(path).json()
        assert (done["changed"], done["messages"]) == (True, 1)
        assert server.http.delete(path).json()["changed"] is False
        assert sign_in(server, "Wilhelmina").status_code == 403
        assert ask(server, "GET", "/api/users/me", own).status_code == 401
        (left,) = ask(server, "GET", messages, boss["token"]).json()
        assert left["id"] == kept["id"]
        members = ask(server, "GET", f"/api/chat/{chat}/members", boss["token"]).json()
        assert [(each["user_id"], each["role"]) for each in members] == [
            (boss["user"]["id"], "owner")
        ]
        shown = server.http.get(path).json()
        assert (shown["fullname"], shown["email"], shown["is_erased"]) == ("", None, True)
        assert me not in [each["id"] for each in server.http.get(USERS).json()]
        eventually(lambda: not _found(tmp_path, secrets))
        server.stop()
    assert _found(tmp_path, secrets) == []
    assert maintenance.verify(tmp_path / "chat.db") == []


def _found(directory: Path, secrets: tuple[str, ...]) -> list[str]:
    files = [each for each in directory.glob("chat.db*") if each.is_file()]
    kept = b"".join(each.read_bytes() for each in files)
    return [each for each in secrets if each.encode() in kept]
