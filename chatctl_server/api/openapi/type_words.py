"""A JSON schema as a few words: its type, its limits, its default."""

import json
from typing import Any

from chatctl_server.api.openapi.html import Html, element, together
from chatctl_server.api.openapi.page_words import PageWords

Schema = dict[str, Any]


def of(schema: Schema, words: PageWords) -> Html:
    parts = [_kind(schema, words)]
    if limits := _limits(schema):
        parts.append(together(", ", limits))
    if "default" in schema:
        default = json.dumps(schema["default"])
        parts.append(together(f", {words.default} ", element("code", default)))
    return together(*parts)


def objects_in(schema: Schema) -> set[str]:
    """The names of the objects that it refers to."""
    found = {_name(schema["$ref"])} if "$ref" in schema else set()
    for part in (schema.get("items"), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        if isinstance(part, dict):
            found |= objects_in(part)
    return found


def _kind(schema: Schema, words: PageWords) -> Html:
    if "$ref" in schema:
        name = _name(schema["$ref"])
        return element("a", name, href=f"#object-{name}")
    if "enum" in schema:
        first, *others = (
            element("code", "null" if value is None else str(value)) for value in schema["enum"]
        )
        return together(first, *(together(", ", each) for each in others))
    if "anyOf" in schema:
        real = next(each for each in schema["anyOf"] if each.get("type") != "null")
        return together(_kind(real, words), f" {words.or_null}")
    kind = schema.get("type", "JSON")
    if isinstance(kind, list):
        return together(_kind({**schema, "type": kind[0]}, words), f" {words.or_null}")
    if kind == "array":
        return together(f"{words.array_of} ", _kind(schema["items"], words))
    return together("UUID" if schema.get("format") == "uuid" else str(kind))


def _limits(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return ""
    if high is None:
        return f"≥ {low:,}"
    if low is None:
        return f"≤ {high:,}"
    return f"{low:,} – {high:,}"


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
