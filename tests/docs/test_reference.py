"""The OpenAPI document is complete, and its examples are real: they run, in their order, against
a server that starts empty, as the commands that the page shows."""

import itertools
import json
import re
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import declared
import httpx
import jsonschema_rs
import pytest
from documents import Examples
from litestar import Litestar
from litestar.routes import HTTPRoute
from world import KEY, Server, eventually, running

from chatctl_server.api.openapi import descriptions, examples, page, prose, routes
from chatctl_server.api.openapi import routes as openapi_routes
from chatctl_server.app import create_app
from chatctl_server.settings.sources import Settings

DOCUMENT = declared.description()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    operation["operationId"]: (path, method.upper(), operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
OWN = {*routes.SCHEMA_PATHS, "/schema/{path}", "/docs", "/docs/style.css", "/docs/icon.svg"}
# A command calls it in its own process; a server refuses it.
OF_COMMANDS = {"/management/sync/due"}
# What another server says differently.
OTHERS = {"event_id", "version", "address", "database", "schema", "user-agent"}
# Callbacks to names that lead nowhere; the batches of the first are never due.
SETTINGS = {
    "CHAT_HISTORY_CALLBACK_URL": "https://host.example/api/chat-history",
    "CHAT_HISTORY_BATCH_INTERVAL_SECONDS": "0",
}


def parameters() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, (_, _, operation) in OPERATIONS.items():
        for parameter in operation.get("parameters", ()):
            yield name, parameter


def answers(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Status, media type and content."""
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            yield status, media_type, content


def validate(schema: dict[str, Any], value: Any) -> None:
    """With the document's components at hand. Raises what says where it does not fit."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(value)


def test_every_route_is_described_but_those_of_the_description() -> None:
    app = create_app(Settings(database_url="sqlite:/nowhere/chat.db")).edge._app
    assert isinstance(app, Litestar)
    routed = {
        route.path_format
        for route in app.routes
        if isinstance(route, HTTPRoute) and set(route.route_handler_map) != {"OPTIONS"}
    }
    assert routed == set(DOCUMENT["paths"]) | OWN | OF_COMMANDS


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_is(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    (tag,) = operation["tags"]
    assert tag in prose.TAGS
    for answer in operation["responses"].values():
        assert not answer["description"].startswith("Request fulfilled")
    shown = [content for status, _, content in answers(operation) if status < "300"]
    assert not shown or any("example" in content for content in shown) or name == "request_sync"


def test_every_name_has_its_meaning_and_every_parameter_an_example() -> None:
    for owner, parameter in parameters():
        assert parameter["description"], (owner, parameter)
        assert parameter["example"] is not None, (owner, parameter)
        validate(parameter["schema"], parameter["example"])
    for title, schema in SCHEMAS.items():
        for name, each in schema["properties"].items():
            assert each["description"], (title, name)


def test_no_meaning_is_left_over() -> None:
    used = set()
    for title, schema in SCHEMAS.items():
        used |= {_source(title, name) for name in schema["properties"]}
    used |= {_source(owner, each["name"]) for owner, each in parameters()}
    assert set(descriptions.MEANINGS) - used == set()


def _source(owner: str, name: str) -> str:
    return own if (own := f"{owner}.{name}") in descriptions.MEANINGS else name


def test_times_say_their_unit() -> None:
    for title, schema in SCHEMAS.items():
        for name, each in schema["properties"].items():
            is_time = re.search(r"_(at|time)$|^(from|to|last_activity)$", name)
            if is_time and "integer" in each["type"]:
                assert "Unix seconds" in each["description"], (title, name)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_examples_fit_their_schemas(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        validate(content["schema"], content["example"])
    for _, media_type, content in answers(operation):
        if "example" in content and media_type != "application/x-ndjson":
            validate(content["schema"], content["example"])
        for code in content.get("examples", ()):
            validate(content["schema"], DOCUMENT["components"]["examples"][code]["value"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, **SETTINGS) as started:
        yield started


def test_the_examples_run(server: Server) -> None:
    """The story: users join after the room is made; one of them says what is deleted later."""
    met = Examples()
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        for example in examples.STORY:
            path, method, operation = OPERATIONS[example.operation]
            command = met.real(page.curl(path, method, operation, openapi_routes.EXAMPLE))
            answer = run(client, command, partial(during, server, example.operation, met.real))
            assert answer.status_code == example.status, f"{example.operation}: {answer.text}"
            media_type = answer.headers.get("content-type", "").partition(";")[0]
            found: Any = answer.text.strip() or None
            if media_type in ("application/json", "application/x-ndjson"):
                found = json.loads(answer.text)
            assert is_like(met, example.answer, found), f"{example.operation}: {answer.text}"
            after(server, example.operation, met.real)


def during(server: Server, operation: str, real: Callable[[str], str]) -> None:
    """When a stream is open."""
    if operation == "follow_tries":
        post(server, f"/management/callbacks/{real(descriptions.ENDPOINT_ID)}/test")


def post(server: Server, path: str, **body: str) -> None:
    answer = server.http.post(path, json=body or None)
    assert answer.is_success, answer.text


def after(server: Server, operation: str, real: Callable[[str], str]) -> None:
    room_id = real(descriptions.ROOM_ID)
    if operation == "create_room":
        server.join(room_id, "anna", nickname="Anna").receive("WelcomeInfo")
        server.join(room_id, "boss").receive("WelcomeInfo")
    if operation == "list_messages":
        path = f"/management/rooms/{room_id}/messages"
        post(server, path, content="away with it", user_id="trudy")
    if operation in ("test_endpoint", "resend_delivery"):
        path = f"/management/callbacks/deliveries/{real(descriptions.DELIVERY_ID)}"
        eventually(lambda: server.http.get(path).json()["status"] == "failed")


def run(client: httpx.Client, command: str, when_open: Callable[[], None]) -> httpx.Response:
    """What curl would do; of a stream, the first line that is not empty, or the first event."""
    words = iter(shlex.split(command.replace("\\\n", "")))
    assert next(words) == "curl"
    method, address, headers, body = "GET", "", {}, None
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case _:
                address = word
    assert headers.get("X-Api-Key") in (None, page.KEY)
    assert address.startswith(openapi_routes.EXAMPLE)
    target = urlsplit(address)._replace(scheme="", netloc="").geturl()
    if "X-Api-Key" in headers:
        headers["X-Api-Key"] = KEY
    with client.stream(method, target, headers=headers, content=body) as answer:
        if answer.headers.get("content-type", "").startswith("application/x-ndjson"):
            lines = answer.iter_lines()
            first = next(lines)  # empty when nothing has happened yet
            when_open()
            answer._content = (first or next(filter(None, lines))).encode()
        elif answer.headers.get("content-type") == "text/event-stream":
            lines = itertools.takewhile(bool, answer.iter_lines())
            answer._content = "\n".join(lines).encode()
        else:
            answer.read()
        return answer


def is_like(met: Examples, shown: Any, found: Any) -> bool:
    """Keys, texts and truth values as shown; of a number, that it is one."""
    match shown:
        case dict():
            return (
                isinstance(found, dict)
                and shown.keys() == found.keys()
                and all(
                    isinstance(found[name], str)
                    if name in OTHERS and shown[name] is not None
                    else is_like(met, shown[name], found[name])
                    for name in shown
                )
            )
        case list():
            return (
                isinstance(found, list)
                and len(shown) == len(found)
                and all(is_like(met, *pair) for pair in zip(shown, found, strict=True))
            )
        case bool() | None:
            return shown is found
        case int() | float():
            return isinstance(found, int | float)
        case _ if "\n" in shown:  # the figures: these are among them
            return isinstance(found, str) and shown.splitlines()[0] in found
        case _:
            return met.is_like(shown, found)
