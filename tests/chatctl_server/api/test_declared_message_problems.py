"""Each operation on a chat's messages declares exactly the problems that it answers: here every
declared one is provoked. That none is met which is not declared, ``declared.check`` sees to."""

from collections.abc import Callable, Iterator
from typing import Any

import declared
import httpx
import pytest
from talk import Talk, talking

from chatctl_server.api import refusals

OPERATIONS = {
    operation["operationId"]: (path, method.upper(), operation)
    for path, methods in declared.description()["paths"].items()
    for method, operation in methods.items()
    if operation["tags"] == ["chat-messages"]
}
NOT_HERE = {each.code for each in refusals.WRITE} | {"internal", "throttled"}
MAX_BODY_BYTES = 4096


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """Bert is muted in the chat, and Carl banned; Anna has answered them."""
    directory = tmp_path_factory.mktemp("talk")
    with talking(directory, restricted=True, MAX_BODY_BYTES=str(MAX_BODY_BYTES)) as found:
        found.said(found.anna, "hello")
        yield found


class Provocation:
    """How a call that would succeed gets each code: a method for each."""

    def __init__(self, talk: Talk, name: str) -> None:
        self.talk = talk
        self.path, self.method, operation = OPERATIONS[name]
        self.ids: dict[str, Any] = {"chat_id": talk.chat, "message_id": 3}
        contents = operation.get("requestBody", {}).get("content", {}).values()
        self.body = next((dict(each["example"]) for each in contents), None)

    def send(self, headers: dict[str, str], **more: Any) -> httpx.Response:
        path = self.path.format_map(self.ids)
        sent = {"json": self.body, **more}
        if "content" in sent:
            del sent["json"]
        alone = {**headers, "connection": "close"}  # a refusal leaves a body unread
        return self.talk.server.http.request(self.method, path, headers=alone, **sent)

    def unauthorized(self) -> httpx.Response:
        return self.send({})

    def token_revoked(self) -> httpx.Response:
        return self.send(self.talk.greta.headers)

    def no_workspace(self) -> httpx.Response:
        return self.send(self.talk.frank.headers)

    def not_a_participant(self) -> httpx.Response:
        return self.send(self.talk.dora.headers)

    def conversation_not_found(self) -> httpx.Response:
        return self.send(self.talk.eve.headers)

    def message_not_found(self) -> httpx.Response:
        self.ids["message_id"] = 999
        return self.send(self.talk.anna.headers)

    def workspace_not_found(self) -> httpx.Response:
        return self.send({**self.talk.anna.headers, "X-Workspace-Id": "9"})

    def not_found(self) -> httpx.Response:
        self.ids = dict.fromkeys(self.ids, "no-number")
        return self.send(self.talk.anna.headers)

    def not_allowed(self) -> httpx.Response:
        return self.send(self.talk.bert.headers)

    def muted(self) -> httpx.Response:
        self.ids["message_id"] = 1
        return self.send(self.talk.bert.headers)

    def banned(self) -> httpx.Response:
        self.ids["message_id"] = 2
        return self.send(self.talk.carl.headers)

    def bad_text(self) -> httpx.Response:
        assert self.body is not None
        self.body["content"] = "\0"
        return self.send(self.talk.anna.headers)

    def too_large(self) -> httpx.Response:
        content = b'{"content": "' + b"x" * MAX_BODY_BYTES + b'"}'
        says_json = {"content-type": "application/json"}
        return self.send(self.talk.anna.headers | says_json, content=content)

    def invalid_input(self) -> httpx.Response:
        headers = {**self.talk.anna.headers, "content-type": "application/json"}
        if self.body is not None:
            return self.send(headers, content=b"{")
        if "message_id" in self.path and self.method != "GET":
            pytest.skip("it takes nothing that could be wrong")
        return self.send({**headers, "X-Workspace-Id": "x"}, params={"limit": "x", "after_id": "x"})

    def conflict(self) -> httpx.Response:
        """Of the 51st emoji, and of the 101st pin."""
        for number in range(101):
            if "/pin" in self.path:
                self.ids["message_id"] = self.talk.said(self.talk.anna, f"{number}")["id"]
            else:
                self.body = {"emoji": chr(0x1F600 + number)}
            answer = self.send(self.talk.anna.headers)
        return answer


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_an_operation_declares_is_answered(talk: Talk, name: str) -> None:
    met, wanted = set(), declared.codes(OPERATIONS[name][2])
    wanted = {each for each in wanted if each[1] not in NOT_HERE}
    for _, code in wanted:
        ask: Callable[[], httpx.Response] = getattr(Provocation(talk, name), code)
        answer = ask()
        met.add((answer.status_code, answer.json()["code"]))
    assert met == wanted
