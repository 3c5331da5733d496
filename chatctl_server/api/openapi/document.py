"""The OpenAPI document: what the framework knows of the routes, and what only we know.

Added are the problems that each operation may answer (said beside the route, derived from its
guard and body), one real call of each (``examples``), and the meaning of each name
(``descriptions``).
"""

from collections.abc import Iterator
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from chatctl_server import errors
from chatctl_server.api import refusals
from chatctl_server.api.authentication import Guard
from chatctl_server.api.openapi import descriptions, examples
from chatctl_server.api.openapi.problem_words import ENGLISH
from chatctl_server.api.openapi.prose import INFO, TAGS
from chatctl_server.api.problems import MEDIA_TYPE

Schema = dict[str, Any]  # free JSON

SECURITY = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "The value of the setting `ADMIN_API_KEY`",
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
_OPTIONAL = ("field", "hint", "retry_after")
_FORMATS = {"room_id": "uuid", "room": "uuid", "event_id": "uuid", "endpoint_id": "uuid"}
_ANY_TEXT = {"list_rooms.room"}  # an id, the beginning of one, or a name
_NOISE = ("deprecated", "allowEmptyValue", "allowReserved")


def build(app: Litestar) -> Schema:
    document: Schema = app.openapi_schema.to_schema()
    document["info"]["description"] = INFO
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    refused: set[type[errors.ChatctlError]] = set()
    for path, method, handler in _handlers(app):
        operation = document["paths"][path][method]
        mine = _refusals(operation, path, handler)
        _complete(operation, handler, mine)
        refused |= mine
    document["paths"] = _in_order(document["paths"])
    _complete_components(document["components"], refused)
    return document


def _handlers(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Path, method in lower case, handler."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if handler.resolve_include_in_schema():
                    yield route.path_format, method.lower(), handler


def _in_order(paths: Schema) -> Schema:
    """As the examples are: what belongs together stands together."""

    def place(operation: Schema) -> int:
        name = operation["operationId"]
        return examples.ORDER.index(name) if name in examples.OF else len(examples.ORDER)

    ordered = {
        path: dict(sorted(methods.items(), key=lambda each: place(each[1])))
        for path, methods in paths.items()
    }
    return dict(sorted(ordered.items(), key=lambda each: min(map(place, each[1].values()))))


def _refusals(
    operation: Schema, path: str, handler: HTTPRouteHandler
) -> set[type[errors.ChatctlError]]:
    found = {errors.ChatctlError, *handler.opt.get(refusals.OPTION, ())}
    if _is_guarded(handler):
        found.update(refusals.GUARD)
    if "requestBody" in operation:
        found.update(refusals.BODY)
    if path.startswith("/management"):  # where the edge compares versions
        found.add(errors.VersionMismatch)
    return found


def _is_guarded(handler: HTTPRouteHandler) -> bool:
    guards = (guard for layer in handler.ownership_layers for guard in layer.guards or ())
    return any(isinstance(guard, Guard) for guard in guards)


def _complete(
    operation: Schema, handler: HTTPRouteHandler, mine: set[type[errors.ChatctlError]]
) -> None:
    name = operation["operationId"]
    example = examples.OF.get(name, examples.Example(name))
    for parameter in operation.get("parameters", ()):
        _complete_parameter(parameter, example)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = _simple(content["schema"])
        content["example"] = example.body
    answers = operation["responses"]
    answers.pop("400", None)  # the framework's own words for a wrong request
    for status, answer in answers.items():
        _complete_answer(answer, example, is_shown=status == str(example.status))
    answers.update(_problem_answers(mine))
    operation["responses"] = dict(sorted(answers.items()))
    _drop_noise(operation)


def _complete_parameter(parameter: Schema, example: examples.Example) -> None:
    name, owner = parameter["name"], example.operation
    schema = parameter["schema"] = _simple(parameter["schema"])
    if isinstance(schema.get("type"), list):  # no query can say null
        (schema["type"],) = (each for each in schema["type"] if each != "null")
        if "enum" in schema:
            schema["enum"] = [each for each in schema["enum"] if each is not None]
    if name in _FORMATS and f"{owner}.{name}" not in _ANY_TEXT:
        schema["format"] = _FORMATS[name]
    parameter.setdefault("description", descriptions.meaning(owner, name))
    given = {**example.path, **example.query}
    parameter["example"] = given.get(name, descriptions.sample(owner, name))
    _drop_noise(parameter)


def _complete_answer(answer: Schema, example: examples.Example, *, is_shown: bool) -> None:
    _drop_noise(answer)
    for media_type, content in answer.get("content", {}).items():
        content["schema"] = _simple(content["schema"])
        if is_shown and example.answer is not None:
            content["example"] = example.answer
        if media_type == "application/x-ndjson" and "$ref" not in content["schema"]:
            content["schema"]["description"] = "Each line: #/components/schemas/EventObject"
    if not answer.get("headers"):
        answer.pop("headers", None)


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
    properties = dict.fromkeys(
        ("type", "title", "status", "code", "detail", "error", "request_id", *_OPTIONAL), "string"
    )
    properties |= {"status": "integer", "retry_after": "integer"}
    return {
        "title": "Problem",
        "description": "RFC 9457. `code` is stable; `error` repeats the detail.",
        "type": "object",
        "required": [name for name in properties if name not in _OPTIONAL],
        "properties": {name: {"type": kind} for name, kind in properties.items()},
    }


def _complete_components(components: Schema, refused: set[type[errors.ChatctlError]]) -> None:
    components["securitySchemes"] = SECURITY
    components["headers"] = HEADERS
    components["examples"] = {
        each.code: _problem_example(each) for each in sorted(refused, key=lambda each: each.code)
    }
    components["schemas"]["Problem"] = _problem_schema()
    components["schemas"] = {
        title: _described(title, schema) for title, schema in sorted(components["schemas"].items())
    }


def _described(title: str, schema: Schema) -> Schema:
    properties = {name: _simple(each) for name, each in schema["properties"].items()}
    for name, each in properties.items():
        each["description"] = descriptions.meaning(title, name)
        if name in _FORMATS and each.get("type") == "string":
            each["format"] = _FORMATS[name]
    return {**schema, "properties": properties}


def _simple(schema: Schema) -> Schema:
    """Without the framework's unions of one, and of a type with the empty schema."""
    found = {name: _whole(value) for name, value in schema.items() if name != "oneOf"}
    for part in ("items", "additionalProperties"):
        if isinstance(found.get(part), dict):
            found[part] = _simple(found[part])
    choices = [_simple(each) for each in schema.get("oneOf", ()) if each]
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
