"""The OpenAPI document is complete, and its examples run, as the commands that the page shows, and
are answered as it says."""

import itertools
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import declared
import httpx
import jsonschema_rs
import pytest
from litestar.routes import HTTPRoute
from world import KEY, Server, eventually, running

from chatctl_server.api.openapi import page, prose, routes
from chatctl_server.api.openapi import routes as openapi_routes
from chatctl_server.api.routes import whole
from chatctl_server.app import FACES, create_app
from chatctl_server.settings.sources import Settings
from chatctl_server.views import fields, keys

DOCUMENT = declared.description()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    operation["operationId"]: (path, method.upper(), operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
OF_THE_OPERATOR = [name for name, (path, *_) in OPERATIONS.items() if not path.startswith("/api/")]
OWN = {*routes.SCHEMA_PATHS, "/schema/{path}", "/docs", "/docs/style.css", "/docs/icon.svg"}
OTHER_NAMES = {"/events"}
FILES = {"/static/{path}", "/embed/{path}"}
# A command calls it in its own process; a server refuses it.
OF_COMMANDS = {"/management/sync/due"}
SETTINGS = {
    "CHAT_HISTORY_CALLBACK_URL": "https://host.example/api/chat-history",
    "CHAT_HISTORY_BATCH_INTERVAL_SECONDS": "0",
    "DEBUG_PPROF": "true",
}
# After the others, which need what they end.
LAST = ["remove_endpoint", "remove_key", "close_room"]


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
    app = create_app(Settings(database_url="sqlite:/nowhere/chat.db"))
    routed = {
        route.path_format
        for route in whole(app.context, FACES, app.broadcasters).routes
        if isinstance(route, HTTPRoute) and set(route.route_handler_map) != {"OPTIONS"}
    }
    assert routed == set(DOCUMENT["paths"]) | OWN | OTHER_NAMES | FILES | OF_COMMANDS


def test_an_operation_says_what_it_is() -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        assert operation["summary"], name
        assert operation["description"], name
        (tag,) = operation["tags"]
        assert tag in prose.TAGS, name
        for answer in operation["responses"].values():
            assert not answer["description"].startswith("Request fulfilled"), name
        shown = [content for status, _, content in answers(operation) if status < "300"]
        is_shown = any("example" in content for content in shown)
        assert not shown or is_shown or name == "request_sync", name


def test_every_name_has_its_meaning_and_every_parameter_an_example() -> None:
    for owner, parameter in parameters():
        assert parameter["description"], (owner, parameter)
        assert parameter["example"] is not None, (owner, parameter)
        validate(parameter["schema"], parameter["example"])
    for title, schema in SCHEMAS.items():
        for name, each in schema["properties"].items():
            assert each["description"], (title, name)
            for example in each.get("examples", ()):
                validate(each, example)


def test_times_say_their_unit() -> None:
    for title, schema in SCHEMAS.items():
        for name, each in schema["properties"].items():
            is_time = re.search(r"_(at|time)$|^(from|to|last_activity)$", name)
            if is_time and "integer" in each["type"]:
                assert "Unix seconds" in each["description"], (title, name)


def test_the_examples_fit_their_schemas() -> None:
    for _, _, operation in OPERATIONS.values():
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
    """One after the other, in a room where anna is and has said something."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        there = create(server)
        for name in sorted(OF_THE_OPERATOR, key=lambda each: each in LAST):
            path, method, operation = OPERATIONS[name]
            if path.startswith(declared.OF_OTHERS):
                continue
            command = page.curl(path, method, operation, openapi_routes.EXAMPLE)
            for shown, real in there.items():
                command = command.replace(shown, real)
            if name in ("list_members", "kick_user"):
                server.join(there[fields.ROOM], "anna").receive("WelcomeInfo")
            answer = run(client, command, lambda: sample(server, there))
            compare(operation, answer, name)


def create(server: Server) -> dict[str, str]:
    """The real ids, by those of the examples."""
    room = server.create_room("lobby", ("anna", "boss"))
    room.join("anna", nickname="Anna").say("hello")
    hook = {"url": "https://hooks.example/other", "events": ["ban.*"]}
    made = server.http.post("/management/callbacks", json=hook).json()["endpoint_id"]
    there = {fields.ROOM: room.id, fields.ENDPOINT: made}
    delivery = sample(server, there)
    path = f"/management/callbacks/deliveries/{delivery}"
    eventually(lambda: server.http.get(path).json()["status"] == "failed")
    wanted = {"name": "of the examples", "scopes": ["rooms"]}
    key = server.http.post("/management/keys", json=wanted).json()["id"]
    return {**there, fields.DELIVERY: delivery, keys.KEY: key}


def sample(server: Server, there: dict[str, str]) -> str:
    answer = server.http.post(f"/management/callbacks/{there[fields.ENDPOINT]}/test")
    return str(answer.json()["delivery_ids"][0])


def compare(operation: dict[str, Any], answer: httpx.Response, name: str) -> None:
    """As the schema says, and with the fields that the example has."""
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    answered = operation["responses"].get(str(answer.status_code), {})
    assert answer.is_success, f"{name}: {answer.text}"
    content = answered.get("content", {}).get(media_type, {})
    shown = content.get("example")
    if "json" in media_type:
        found = json.loads(answer.text)
        validate(content["schema"], found)
        assert not isinstance(shown, dict) or shown.keys() == found.keys(), name
    elif media_type == "text/plain" and shown is not None and name != "profile":
        assert shown.splitlines()[0] in answer.text, name


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
