"""A REST client whose file of requests was written for the original of team chat, by either
document: each line of it is sent, in its order, to a server that was just started."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from people import page
from world import Server

Json = dict[str, Any]
PEOPLE = ("Alice", "Bob", "Charlie")  # with the ids 1, 2 and 3
PASSWORD = "123456789"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
USER = {"id": int, "fullname": str, "email": str, "status": str, "created_at": str, "role": str}
CHAT = {
    "id": int, "workspace_id": int, "name": str, "type": str, "chat_type": str,
    "chat_members": list, "description": str, "created_by": int, "created_at": str,
    "updated_at": str,
}  # fmt: skip
MEMBER = {"chat_id": int, "user_id": int, "role": str, "joined_at": str, "created_at": str}
MESSAGE = {
    "id": int, "chat_id": int, "sender_id": int, "sender_name": str, "content": str, "files": list,
    "created_at": str, "idempotency_key": str, "mentions": list, "reactions": list,
}  # fmt: skip


class Paths(NamedTuple):
    """How a document names them."""

    auth: str
    chats: str


RFC = Paths("/api/auth", "/api/chats")
GUIDE = Paths("/api", "/api/chat")


class Rest:
    """It keeps cookies, as a browser does, and always says that it sends JSON."""

    def __init__(self, http: httpx.Client, paths: Paths) -> None:
        self.http = http
        self._paths = paths._asdict()
        self.tokens: dict[str, str] = {}

    def send(
        self, line: str, who: str = "", body: Any = None, status: int = 200, **more: Any
    ) -> Any:
        """``who``: whose access token is shown. The answer's body."""
        method, _, path = line.format_map(self._paths).partition(" ")
        headers = {"Content-Type": "application/json", "Accept": "*/*", **more.pop("headers", {})}
        if who:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        content = {} if body is None else {"content": json.dumps(body, ensure_ascii=False)}
        answer = self.http.request(method, path, headers=headers, **content, **more)
        assert answer.status_code == status, f"{line}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def refused(
        self, line: str, who: str = "", body: Any = None, status: int = 400, **more: Any
    ) -> str:
        """The ``error``."""
        found = self.send(line, who, body, status, **more)
        assert isinstance(found["code"], str)
        return str(found["error"])

    def make_chat(self, kind: str, name: str, *members: int) -> Json:
        """Alice's."""
        body = {"name": name, "chat_type": kind, "members": members}
        return shaped(self.send("POST {chats}", "Alice", body, 201), CHAT)

    def members(self, chat: int) -> list[int]:
        found = self.send(f"GET {{chats}}/{chat}/members", "Alice")
        return [shaped(each, MEMBER)["user_id"] for each in found]


@pytest.fixture(params=[RFC, GUIDE], ids=["rfc", "guide"])
def rest(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rest]:
    """Of a server that has the documents' configuration file, and a file that is new."""
    server = Server(tmp_path)
    del server.environment["BIND_ADDRESS"]
    (tmp_path / "app.yaml").write_text(f"server:\n  port: {server.port}\n")
    try:
        with page(server.start()) as http:
            yield Rest(http, request.param)
    finally:
        server.close()


def shaped(found: Json, shape: dict[str, type]) -> Json:
    assert {name: type(found.get(name)) for name in shape} == shape
    return found


def email(name: str) -> str:
    return f"{name.lower()}@acme.org"


def test_every_line_is_answered_as_the_documents_say(rest: Rest) -> None:
    sign_up(rest)
    sign_in(rest)
    refresh(rest)
    list_users(rest)
    make_chats(rest)
    change_chats(rest)
    change_members(rest)
    come_and_go(rest)
    talk(rest)
    send_files(rest)
    delete_a_chat(rest)
    sign_out(rest)
    look_at_the_server(rest)


def sign_up(rest: Rest) -> None:
    utf_8 = {"Content-Type": "application/json; charset=utf-8"}
    for number, name in enumerate(PEOPLE, 1):
        body = {"fullname": name, "email": email(name), "password": PASSWORD, "workspace": "Acme"}
        made = rest.send("POST {auth}/signup", "", body, 201, headers=utf_8)
        assert made["token"] == made["access_token"]
        assert (made["user"]["id"], made["user"]["workspace_id"]) == (number, 1)
        rest.tokens[name] = made["token"]
    error = rest.refused("POST {auth}/signup", "", body, 409)
    assert error == "User with email charlie@acme.org already exists"
    assert "email" in rest.refused("POST {auth}/signup", "", {**body, "email": "charlie"})
    short = {**body, "email": email("Dave"), "password": "1234567"}
    assert "password" in rest.refused("POST {auth}/signup", "", short)


def sign_in(rest: Rest) -> None:
    right = {"email": email("Alice"), "password": PASSWORD}
    rest.tokens["Alice"] = rest.send("POST {auth}/signin", "", right)["token"]
    for wrong in ({**right, "password": "wrong"}, {**right, "email": email("Nobody")}):
        assert rest.refused("POST {auth}/signin", "", wrong, 403) == "Invalid credentials"


def refresh(rest: Rest) -> None:
    """By the cookie, the header and the body; then by none, and by one that is none."""
    line = "POST {auth}/refresh"
    first = rest.send(line)
    by_header = {"Authorization": f"Bearer {first['refresh_token']}"}
    second = rest.send(line, headers=by_header)
    third = rest.send(line, "", {"refresh_token": second["refresh_token"]})
    assert len({each["refresh_token"] for each in (first, second, third)}) == 3
    rest.tokens["Alice"] = third["access_token"]
    untyped = {"Content-Type": "application/x-www-form-urlencoded"}
    rest.http.cookies.clear()
    shown = {"refresh_token": third["refresh_token"]}
    rest.tokens["Alice"] = rest.send(line, "", shown, headers=untyped)["access_token"]
    rest.http.cookies.clear()
    assert rest.refused(line, "", status=401) == "No refresh token provided"
    bad = {"refresh_token": "invalid"}
    assert rest.refused(line, "", bad, 401) == "Invalid or expired refresh token"


def list_users(rest: Rest) -> None:
    found = rest.send("GET /api/users", "Bob")
    assert [shaped(each, USER)["fullname"] for each in found] == [*PEOPLE]
    assert [each["role"] for each in found] == ["owner", "member", "member"]
    rest.refused("GET /api/users", status=401)
    invalid = {"Authorization": "Bearer invalid"}
    rest.refused("GET /api/users", status=401, headers=invalid)
    (acme,) = rest.send("GET /api/workspaces", "Bob")
    assert (acme["id"], acme["name"], acme["owner_id"]) == (1, "Acme", 1)


def make_chats(rest: Rest) -> None:
    assert rest.make_chat("Single", "Alice and Bob", 2)["chat_members"] == [1, 2]
    assert rest.make_chat("Group", "团队", 1, 2, 3)["id"] == 2
    assert rest.make_chat("PrivateChannel", "plans", 2)["chat_members"] == [1, 2]
    nobody = {"name": "news", "type": "PublicChannel", "members": None, "description": None}
    news = rest.send("POST {chats}", "Alice", nobody, 201)
    assert (news["chat_members"], news["description"]) == ([1], "")
    again = {"name": "again", "type": "Single", "members": [1, 2]}
    assert rest.send("POST {chats}", "Bob", again)["id"] == 1
    for kind, members in (("Single", [1]), ("Single", [2, 3]), ("Group", [2]), ("Party", [2])):
        rest.refused("POST {chats}", "Alice", {"name": "no", "type": kind, "members": members})
    rest.refused("POST {chats}", "Alice", {"name": " ", "type": "Group", "members": [2, 3]})
    taken = {"name": "团队", "type": "Group", "members": [2, 3]}
    rest.refused("POST {chats}", "Alice", taken, 409)
    unknown = {"name": "who", "type": "Group", "members": [2, 99]}
    rest.refused("POST {chats}", "Alice", unknown, 404)


def change_chats(rest: Rest) -> None:
    renamed = {"name": "team", "description": "All of us"}
    for method in ("PATCH", "PUT"):
        changed = rest.send(f"{method} {{chats}}/2", "Alice", renamed)
        assert shaped(changed, CHAT)["description"] == "All of us"
        rest.refused(f"{method} {{chats}}/2", "Bob", renamed, 403)
    listed = rest.send("GET {chats}", "Bob")
    assert {each["name"]: each["is_creator"] for each in listed} == {
        "team": False,
        "plans": False,
        "Alice and Bob": False,
    }
    assert all(shaped(each, CHAT)["last_message"] is None for each in listed)
    assert [each["id"] for each in rest.send("GET {chats}/?scope=public", "Bob")] == [4]


def change_members(rest: Rest) -> None:
    (added,) = rest.send("POST {chats}/3/members", "Alice", [2, 3], 201)
    assert shaped(added, MEMBER)["user_id"] == 3
    rest.send("DELETE {chats}/3/members", "Alice", [3], 204)
    assert rest.members(3) == [1, 2]
    rest.refused("POST {chats}/1/members", "Alice", [3])
    rest.refused("POST {chats}/3/members", "Bob", [3], 403)
    rest.refused("DELETE {chats}/3/members", "Alice", [1])
    rest.send("DELETE {chats}/2/members/3", "Alice", status=204)
    rest.send("POST {chats}/2/members", "Alice", {"user_id": 3}, 201)
    untyped = {"Content-Type": "application/x-www-form-urlencoded"}
    rest.send("PATCH {chats}/2/members/3", "Alice", {"role": "admin"}, headers=untyped)
    assert shaped(rest.send("PATCH {chats}/3/members/2", "Alice"), CHAT)["created_by"] == 1
    rest.refused("PATCH {chats}/3/members/1", "Alice", status=403)
    rest.refused("PATCH {chats}/3/members/3", "Bob")
    roles = {each["user_id"]: each["role"] for each in rest.send("GET {chats}/2/members", "Bob")}
    assert roles == {1: "owner", 2: "member", 3: "admin"}


def come_and_go(rest: Rest) -> None:
    for _ in range(2):
        assert rest.send("POST {chats}/4/join", "Bob")["chat_members"] == [1, 2]
    rest.refused("POST {chats}/3/join", "Charlie", status=403)
    rest.send("POST {chats}/4/leave", "Bob", status=204)
    rest.refused("POST {chats}/4/leave", "Alice")
    assert rest.members(4) == [1]


def talk(rest: Rest) -> None:
    line, key = "POST {chats}/2/messages", str(uuid4())
    body = {"content": "你好", "files": [], "idempotency_key": key}
    first, repeat = (rest.send(line, "Alice", body, 201) for _ in range(2))
    assert shaped(first, MESSAGE) == repeat
    assert (first["id"], first["sender_id"], first["idempotency_key"]) == (1, 1, key)
    for number in range(2, 6):
        rest.send(line, "Bob", {"content": f"{number}"}, 201)
    page = rest.send("GET {chats}/2/messages?limit=2", "Charlie")
    assert [each["id"] for each in page] == [5, 4]
    page = rest.send("GET {chats}/2/messages?last_id=4&limit=10", "Charlie")
    assert [each["content"] for each in page] == ["3", "2", "你好"]
    rest.refused(line, "Alice", {"content": ""})
    rest.refused("POST {chats}/3/messages", "Charlie", body, 403)
    rest.refused("GET {chats}/3/messages", "Charlie", status=403)
    rest.refused("POST {chats}/99/messages", "Alice", body, 404)


def send_files(rest: Rest) -> None:
    shown = {"Authorization": f"Bearer {rest.tokens['Alice']}"}
    form = [("file", ("a.png", PNG, "image/png")), ("file", ("b.txt", b"hello", "text/plain"))]
    stored = rest.http.post("/api/upload", files=form, headers=shown)
    assert stored.status_code == 200
    picture, text = stored.json()
    assert picture.startswith("/files/1/")
    sent = {"content": "", "files": [picture, text]}
    assert rest.send("POST {chats}/2/messages", "Alice", sent, 201)["files"] == [picture, text]
    for path in (picture, f"/api{picture}"):
        assert rest.http.get(path, headers=shown).content == PNG
        rest.refused(f"GET {path}", status=401)
    rest.refused("POST {chats}/2/messages", "Bob", {"content": "", "files": ["/files/1/a.png"]})
    checked = rest.send("POST /api/fix-files/1", "Alice")
    assert (checked["status"], checked["stats"]["scanned"]) == ("success", 2)
    rest.refused("POST /api/fix-files/1", "Bob", status=403)


def delete_a_chat(rest: Rest) -> None:
    rest.refused("DELETE {chats}/3", "Alice", status=403)
    rest.send("DELETE {chats}/3", "Bob", status=204)
    rest.refused("GET {chats}/3", "Bob", status=404)


def sign_out(rest: Rest) -> None:
    right = {"email": email("Charlie"), "password": PASSWORD}
    rest.tokens["Charlie"] = rest.send("POST {auth}/signin", "", right)["token"]
    out = {"message": "Logged out successfully"}
    for _ in range(2):
        assert rest.send("POST /api/logout", "Charlie") == out
    assert not rest.http.cookies
    rest.refused("GET {chats}", "Charlie", status=401)
    rest.refused("POST {auth}/refresh", status=401)
    everywhere = {"message": "Logged out from all sessions successfully"}
    assert rest.send("POST /api/logout-all", "Bob", {}) == everywhere
    assert rest.send("POST /api/logout_all", "Alice") == everywhere
    rest.refused("GET /api/users", "Alice", status=401)


def look_at_the_server(rest: Rest) -> None:
    health = rest.send("GET /health")
    assert health["status"] == "healthy"
    assert [each["name"] for each in health["services"]] == ["database"]
    assert rest.http.get("/health/simple").status_code == 200
    assert "chatctl_messages_total 6.0" in rest.http.get("/metrics").text
