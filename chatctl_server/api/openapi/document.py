"""The OpenAPI document: what the framework knows of the routes, and what only we know.

Added are the problems that each operation may answer (``refusals``), and an example of each call
(``examples``).
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg
from litestar.routes import HTTPRoute
from msgspec import Meta

from chatctl_server import errors
from chatctl_server.api import refusals
from chatctl_server.api.authentication import Guard
from chatctl_server.api.openapi.examples import Examples
from chatctl_server.api.openapi.problem_words import ENGLISH
from chatctl_server.api.openapi.prose import INFO, TAGS
from chatctl_server.api.problems import MEDIA_TYPE, Problem

Schema = dict[str, Any]  # free JSON

SECURITY = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "The value of `ADMIN_API_KEY`, or a named key, also as a bearer token",
    },
    "AccessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `token` of a sign-in or a refresh",
    },
    "VisitorToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Visitor-Token",
        "description": "What `POST /api/visitors` answers, beside the site's key in `X-Site-Key`",
    },
    "MetricsKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "The value of the setting `METRICS_KEY`, when it is set",
    },
}
HEADERS = {
    "RetryAfter": {"description": "Seconds to wait", "schema": {"type": "integer"}},
    "Authenticate": {"description": "Where the key belongs", "schema": {"type": "string"}},
}
_HEADERS_OF_STATUS = {
    401: {"WWW-Authenticate": {"$ref": "#/components/headers/Authenticate"}},
    429: {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
    503: {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
    507: {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
}
TEAM = (
    "/api/",
    *(f"/management/{each}" for each in ("users", "workspaces", "chats", "messages")),
)
# Names that mean something else there, and texts of which none is wrong.
OTHERWISE_IN_TEAM = {"user_id", "room_id", "sid", "code"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNIONS = ("oneOf", "allOf")
_NOISE = ("deprecated", "allowEmptyValue", "allowReserved")


def build(app: Litestar) -> Schema:
    document: Schema = app.openapi_schema.to_schema()
    document["info"]["description"] = INFO
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    components = document["components"]
    components["schemas"] = {
        title: _described(schema) for title, schema in sorted(components["schemas"].items())
    }
    made = Examples(components["schemas"])
    refused: set[type[errors.ChatctlError]] = set()
    for path, method, handler in _handlers(app):
        operation = document["paths"][path][method]
        _complete(operation, handler, made)
        mine = _refusals(operation, path, method, handler, components["schemas"])
        operation["responses"].update(_problem_answers(mine))
        operation["responses"] = dict(sorted(operation["responses"].items()))
        refused |= mine
    document["paths"] = _in_order(document["paths"], app)
    _complete_components(components, refused)
    return document


def _handlers(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Path, method in lower case, handler."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if handler.resolve_include_in_schema():
                    yield route.path_format, method.lower(), handler


def _in_order(paths: Schema, app: Litestar) -> Schema:
    """By their subjects, as the faces name them; what names one thing goes before what names
    something of it. Of the paths of one handler the shortest has the subject: the framework has
    them in any order."""
    shortest = {
        path: min([path, *_shown_paths(handler)], key=lambda each: (len(each), each))
        for path, _, handler in _handlers(app)
    }
    subjects = [_subject(path) for path in shortest.values()]

    def place(path: str) -> tuple[int, str]:
        return subjects.index(_subject(shortest[path])), path.replace("{", " ")

    return {path: paths[path] for path in sorted(paths, key=place)}


def _shown_paths(handler: HTTPRouteHandler) -> list[str]:
    """All of a handler that has several, without the types of their parameters."""
    shown = [re.sub(r":\w+}", "}", each) for each in handler.paths]
    return shown if len(shown) > 1 else []


def _subject(path: str) -> list[str]:
    return path.split("/")[1:3]


def _refusals(
    operation: Schema, path: str, method: str, handler: HTTPRouteHandler, schemas: Schema
) -> set[type[errors.ChatctlError]]:
    found = {errors.ChatctlError, *handler.opt.get("refuses", ())}
    guards = _guards(handler)
    for guard in guards:
        found.update(guard.refuses)
    if handler.opt.get("asks_store", bool(guards)):
        parameters, fields = _parameters(operation), _fields(operation, schemas)
        if path.startswith(TEAM):
            parameters -= OTHERWISE_IN_TEAM
            fields = fields and fields - OTHERWISE_IN_TEAM
        found |= refusals.of(method, parameters, fields)
    if path.startswith("/management"):  # where the edge compares versions
        found.add(errors.VersionMismatch)
    return found.difference(handler.opt.get("never", ()))


def _parameters(operation: Schema) -> set[str]:
    """Without a room that is looked for, and need not be there."""
    return {
        each["name"]
        for each in operation.get("parameters", ())
        if each["name"] != "room" or "format" in each["schema"]
    }


def _fields(operation: Schema, schemas: Schema) -> set[str] | None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        whole = content["schema"].get("anyOf", [content["schema"]])[0]
        if "$ref" not in whole:  # a form
            return set()
        return set(schemas[whole["$ref"].rpartition("/")[2]]["properties"])
    return None


def _guards(handler: HTTPRouteHandler) -> list[Guard]:
    guards = (guard for layer in handler.ownership_layers for guard in layer.guards or ())
    return [guard for guard in guards if isinstance(guard, Guard)]


def _complete(operation: Schema, handler: HTTPRouteHandler, made: Examples) -> None:
    meanings = _meanings(handler)
    for parameter in operation.get("parameters", ()):
        _complete_parameter(parameter, meanings.get(parameter["name"], Meta()))
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = _simple(content["schema"])
        content["example"] = made.body(content["schema"])
    if "form" in handler.opt:
        operation["requestBody"] = handler.opt["form"]
    answers = operation["responses"]
    answers.pop("400", None)  # the framework's own words for a wrong request
    for status, answer in answers.items():
        _complete_answer(answer, handler, made, is_shown=status == str(handler.status_code))
    _drop_noise(operation)


def _meanings(handler: HTTPRouteHandler) -> dict[str, Meta]:
    """Of its parameters, and of those that its dependencies ask for, by their names outside."""
    asked = [each.parsed_fn_signature for each in handler.resolve_dependencies().values()]
    return {
        (isinstance(each.kwarg_definition, ParameterKwarg) and each.kwarg_definition.name)
        or name: meta
        for signature in (handler.parsed_fn_signature, *asked)
        for name, each in signature.parameters.items()
        for meta in each.metadata
        if isinstance(meta, Meta)
    }


def _complete_parameter(parameter: Schema, meaning: Meta) -> None:
    schema = _simple(parameter["schema"])
    if isinstance(schema.get("type"), list):  # no query can say null
        (schema["type"],) = (each for each in schema["type"] if each != "null")
        if "enum" in schema:
            schema["enum"] = [each for each in schema["enum"] if each is not None]
    parameter["description"] = meaning.description
    parameter["example"] = (meaning.examples or [None])[0]
    parameter["schema"] = _with_format(schema, parameter["example"])
    _drop_noise(parameter)


def _with_format(schema: Schema, example: Any = None) -> Schema:
    is_uuid = schema.get("type") == "string" and _UUID.fullmatch(str(example))
    return {**schema, "format": "uuid"} if is_uuid else schema


def _complete_answer(
    answer: Schema, handler: HTTPRouteHandler, made: Examples, *, is_shown: bool
) -> None:
    _drop_noise(answer)
    for content in answer.get("content", {}).values():
        content["schema"] = _simple(content["schema"])
        example = _shown(content["schema"], handler, made) if is_shown else None
        if example is not None:
            content["example"] = example
    if not answer.get("headers"):
        answer.pop("headers", None)


def _shown(schema: Schema, handler: HTTPRouteHandler, made: Examples) -> Any:
    """As the schema makes it, but for what the route says itself: a text, a list, or some of the
    fields."""
    said = handler.opt.get("example")
    if schema == {"type": "string"} or isinstance(said, list):
        return said
    found = made.answer(schema, changes="GET" not in handler.http_methods)
    return {**found, **said} if said else found


def _problem_answers(mine: set[type[errors.ChatctlError]]) -> Iterator[tuple[str, Schema]]:
    """By status."""
    for status in sorted({each.status for each in mine}):
        codes = sorted(each.code for each in mine if each.status == status)
        answer: Schema = {
            "description": "\n\n".join(
                f"`{code}`: {ENGLISH[code].meaning} {ENGLISH[code].fix}" for code in codes
            ),
            "content": {
                MEDIA_TYPE: {
                    "schema": {
                        "allOf": [
                            {"$ref": "#/components/schemas/Problem"},
                            {"properties": {"code": {"enum": codes}}},
                        ]
                    },
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
                }
            },
        }
        if status in _HEADERS_OF_STATUS:
            answer["headers"] = _HEADERS_OF_STATUS[status]
        yield str(status), answer


def _problem_example(refusal: type[errors.ChatctlError]) -> Schema:
    """As it is sent; ``detail`` says more about the case."""
    detail = ENGLISH[refusal.code].meaning
    return {
        "summary": refusal.title,
        "value": {
            "type": "about:blank",
            "title": refusal.title,
            "status": refusal.status,
            "code": refusal.code,
            "detail": detail,
            "error": detail,
            "request_id": "0198c1a0-7e2b-7c3d-9f4e-5a6b7c8d9e0f",
        },
    }


def _problem_schema() -> Schema:
    """What it does not have is left out, and never null."""
    schema: Schema = msgspec.json.schema(Problem)["$defs"]["Problem"]
    for each in schema["properties"].values():
        each.pop("default", None)
        each.update(each.pop("anyOf", [{}])[0])
    return schema


def _complete_components(components: Schema, refused: set[type[errors.ChatctlError]]) -> None:
    components["securitySchemes"] = SECURITY
    components["headers"] = HEADERS
    components["examples"] = {
        each.code: _problem_example(each) for each in sorted(refused, key=lambda each: each.code)
    }
    components["schemas"]["Problem"] = _problem_schema()


def _described(schema: Schema) -> Schema:
    simple = {name: _simple(each) for name, each in schema["properties"].items()}
    properties = {
        name: _with_format(each, *each.get("examples", ())) for name, each in simple.items()
    }
    return {
        **{name: value for name, value in schema.items() if name != "description"},
        "properties": properties,
    }


def _simple(schema: Schema) -> Schema:
    """Without the framework's unions of one, and of a type with the empty schema."""
    found = {name: _whole(value) for name, value in schema.items() if name not in _UNIONS}
    for part in ("items", "additionalProperties"):
        if isinstance(found.get(part), dict):
            found[part] = _simple(found[part])
    choices = [_simple(each) for union in _UNIONS for each in schema.get(union, ()) if each]
    real = [each for each in choices if each != {"type": "null"}]
    if len(real) == 1:
        found = {**real[0], **found}
        if len(choices) > 1:
            found |= _or_null(found)
    elif choices:
        found["anyOf"] = choices
    return found


def _or_null(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"anyOf": [{"$ref": schema.pop("$ref")}, {"type": "null"}]}
    return {"type": [schema["type"], "null"]}


def _whole(value: Any) -> Any:
    """Limits of integers come as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _drop_noise(part: Schema) -> None:
    for name in _NOISE:
        if part.get(name) is False:
            del part[name]
