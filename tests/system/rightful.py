"""Operations by those whose it is, with what was made for each of them."""

from typing import Any

import wire
from filing import FORM, form
from probes import Caller, Operation, Probe, request
from two_workspaces import Actor, TwoWorkspaces
from world import Server

# It was found, and has a rule: the owner cannot leave, and others are in the workspace.
RULED = {"leave_chat": 400, "delete_workspace": 409}
SUCCESS = (200, 201, 204)


class Rightful:
    """The owner of the bees."""

    def __init__(self, server: Server, caller: Caller, made: TwoWorkspaces) -> None:
        side, owner = made.bees, made.bees.owner
        self._side = side
        self._removed = made.suspended.id
        self._actor = Actor("owner", owner.headers, side, side, "team", owner)
        self._caller = caller
        self._http = server.http

    def complaint(self, operation: Operation) -> str | None:
        answer = self._ask(operation)
        expected = RULED.get(operation.base)
        if answer.status == expected or (expected is None and answer.status in SUCCESS):
            return None
        return f"{operation.name} answers {answer.status}: {answer.body!r}"

    def _ask(self, operation: Operation) -> wire.Answer:
        """With its ids in the path and the header, and where the body has some first."""
        body = [each for each in operation.places if each.where == "body"][:1]
        places = [each for each in operation.places if each.where in ("path", "header")]
        made = self._made(operation, {each.sort for each in (*places, *body)})
        values = {each: made[each.sort] for each in (*places, *body)}
        return self._caller.send(request(self._actor, Probe(operation, values)))

    def _made(self, operation: Operation, sorts: set[str]) -> dict[str, Any]:
        """By their sorts."""
        side = self._side
        made: dict[str, Any] = {
            "workspace": side.ref.number,
            "account": self._account(operation.base),
            "session": side.login.login_id,
            "room": side.ids["room"][0],
        }
        if sorts & {"chat", "message"}:
            made["chat"], made["message"] = self._chat(operation.name)
        if "code" in sorts:
            made["code"] = self._post(f"/api/workspaces/{side.ref.number}/invites", json={})["code"]
        if "file" in sorts:
            content, headers = form([("ten.txt", b"0123456789")]), {"Content-Type": FORM}
            (made["file"],) = self._post("/api/upload", content=content, headers=headers)
        return made

    def _chat(self, name: str) -> tuple[int, int]:
        """A public one, where the admin and the member are, too; and a message there."""
        side = self._side
        chat = self._post("/api/chat", json={"name": name, "type": "PublicChannel"})["id"]
        self._post(f"/api/chat/{chat}/members", json=[side.admin.id, side.member.id])
        said = self._post(f"/api/chat/{chat}/messages", json={"content": side.text})
        return chat, said["id"]

    def _account(self, base: str) -> int:
        if base == "remove_member":
            return self._removed
        side = self._side
        return side.outsider.id if base == "add_chat_members" else side.member.id

    def _post(self, path: str, **sent: Any) -> Any:
        headers = {**self._actor.headers, **sent.pop("headers", {})}
        answer = self._http.post(path, headers=headers, **sent)
        assert answer.status_code in SUCCESS, answer.text
        return answer.json()
