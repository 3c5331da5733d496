"""Examples of calls, made of the schemas: each field has its own beside it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

Schema = dict[str, Any]  # free JSON


class Examples:
    def __init__(self, schemas: Schema) -> None:
        """``schemas``: those that are referred to, complete."""
        self._schemas = schemas

    def body(self, schema: Schema) -> Any:
        """What may be left out is, unless it has an example; the body itself is there."""
        whole = schema.get("anyOf", [schema])[0]
        return self._made(whole, lambda each: "examples" in each)

    def answer(self, schema: Schema, *, changes: bool) -> Any:
        """What may be null is always there. Of a call that ``changes`` something, also what only
        such a call tells."""

        def is_told(each: Schema) -> bool:
            return _may_be_null(each) or (changes and "examples" in each)

        return self._made(schema, is_told)

    def _made(self, schema: Schema, is_shown: Callable[[Schema], bool]) -> Any:
        match schema:
            case {"examples": [first, *_]}:
                return first
            case {"$ref": str(reference)}:
                return self._made(self._schemas[reference.rpartition("/")[2]], is_shown)
            case {"properties": dict(properties)}:
                return {
                    name: self._made(each, is_shown)
                    for name, each in properties.items()
                    if name in schema.get("required", ()) or is_shown(each)
                }
            case {"type": "array", "items": dict(items)}:
                return [self._made(items, is_shown)]
            case {"type": "string", "enum": [first, *_]}:
                return first
        return None


def _may_be_null(schema: Schema) -> bool:
    return {"type": "null"} in schema.get("anyOf", ()) or "null" in schema.get("type", ())


def address(path: str, operation: Schema) -> str:
    """With the first parameter of the query that says something else than its absence."""
    asked = operation.get("parameters", ())
    filled = {each["name"]: quote(str(each["example"]), safe="") for each in asked}
    query = (each for each in asked if each["in"] == "query" and "default" not in each["schema"])
    shown = {each["name"]: each["example"] for each in [*query][:1]}
    return path.format_map(filled) + (f"?{urlencode(shown)}" if shown else "")
