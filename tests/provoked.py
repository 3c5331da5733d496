"""Requests made of the API's description, which succeed, and what they answer when a test has
spoiled them: each operation declares exactly the problems that it answers.

That none is met which is not declared, ``declared.check`` sees to in all tests.
"""

import contextlib
from collections.abc import Callable, Mapping, Set
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import declared
import httpx

from chatctl_server.api import refusals
from chatctl_server.api.openapi import examples
from chatctl_server.app import Application

MAX_BODY_BYTES = 4096  # what is above it still arrives in one piece, before the server closes
OF_THE_STORE = {each.code for each in refusals.WRITE}
JSON = {"content-type": "application/json"}


class Asked(NamedTuple):
    """A request that succeeds, and that a provocation spoils."""

    path: dict[str, Any]
    query: dict[str, Any]
    body: Any
    headers: dict[str, str]
    content: bytes | None = None

    def within(self, **named: Any) -> "Asked":
        """The same with other values in its path and in its body, where they are there."""
        path = {name: named.get(name, value) for name, value in self.path.items()}
        if not isinstance(self.body, dict):
            return self._replace(path=path)
        body = {name: named.get(name, value) for name, value in self.body.items()}
        return self._replace(path=path, body=body)

    def saying(self, **fields: Any) -> "Asked":
        """The same with these in its body."""
        return self._replace(body={**(self.body or {}), **fields})

    def unreadable(self) -> "Asked":
        return self._replace(content=b"{", headers=self.headers | JSON)

    def too_large(self) -> "Asked":
        content = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'
        return self._replace(content=content, headers=self.headers | JSON)


class Operation(NamedTuple):
    name: str
    path: str
    method: str
    described: dict[str, Any]

    def body(self) -> Any:
        contents = self.described.get("requestBody", {}).get("content", {}).values()
        shown = next((each["example"] for each in contents), None)
        return dict(shown) if isinstance(shown, dict) else shown

    def asked(self, headers: dict[str, str], **ids: Any) -> Asked:
        """As the description shows it, with those ids in place of the examples'."""
        parameters = self.described.get("parameters", ())
        path = {each["name"]: each["example"] for each in parameters if each["in"] == "path"}
        shown = urlsplit(examples.address(self.path, self.described)).query
        query = {name: ids.get(name, value) for name, value in parse_qsl(shown)}
        return Asked(path, query, self.body(), headers).within(**ids)

    def codes(self, without: Set[str] = frozenset()) -> list[tuple[int, str]]:
        """That it declares."""
        return sorted(each for each in declared.codes(self.described) if each[1] not in without)

    def sent(self, given: Asked) -> dict[str, Any]:
        """What a client's ``request`` is called with."""
        content = {} if given.body is None else {"json": given.body}
        return {
            "method": self.method,
            "url": self.path.format_map(given.path),
            "params": given.query,
            "headers": given.headers,
            **(content if given.content is None else {"content": given.content}),
        }


def operations(is_wanted: Callable[[str], bool]) -> dict[str, Operation]:
    """By their names; ``is_wanted`` is asked for their paths."""
    return {
        each["operationId"]: Operation(each["operationId"], path, method.upper(), each)
        for path, methods in declared.description()["paths"].items()
        if is_wanted(path)
        for method, each in methods.items()
    }


def surprises(
    client: httpx.Client,
    operation: Operation,
    provoke: Callable[[str], Asked],
    without: Set[str] = frozenset(),
) -> list[tuple[str, str, int, str]]:
    """The codes that it declares and does not answer, as their examples show them. After a body
    that is too large the server closes the connection: ``client`` keeps none."""
    found = []
    for status, code in operation.codes(OF_THE_STORE | {"internal"} | without):
        answer = client.request(**operation.sent(provoke(code)))
        if answer.status_code != status or not _is_as_shown(code, answer):
            found.append((operation.name, code, answer.status_code, answer.text))
    return found


def _is_as_shown(code: str, answer: httpx.Response) -> bool:
    shown = declared.description()["components"]["examples"][code]["value"]
    found = answer.json()
    if not isinstance(found, Mapping) or shown.keys() - found.keys():
        return False
    return all(found[key] == shown[key] for key in ("type", "title", "status", "code"))


async def met_of_the_store(
    app: Application, client: httpx.AsyncClient, operation: Operation, given: Asked
) -> set[str]:
    """The codes that it answers when the store refuses to write, then when it refuses to read."""
    met = set()
    writing, reading = ("write", "write_urgent"), ("read", "read_live")
    for parts, raised in ((writing, refusals.WRITE), (reading, refusals.READ)):
        for refusal in raised:
            with contextlib.ExitStack() as patched:
                for part in parts:
                    broken = patch.object(app.context.store, part, side_effect=refusal("broken"))
                    patched.enter_context(broken)
                answer = await client.request(**operation.sent(given))
            if answer.headers.get("content-type") == declared.PROBLEM:
                met.add(answer.json()["code"])
    return met & OF_THE_STORE
