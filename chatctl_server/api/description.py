"""The OpenAPI description: what the framework knows of the routes, and the problems of them all."""

from typing import Any

from litestar.connection import Request
from litestar.openapi.plugins import JsonRenderPlugin

_TEXT = {"type": "string"}
PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457. `code` is stable; `error` repeats the detail for older clients.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "error", "request_id"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": _TEXT,
        "detail": _TEXT,
        "error": _TEXT,
        "request_id": _TEXT,
        "field": {"type": "string", "description": "The input at fault"},
        "hint": _TEXT,
        "retry_after": {"type": "integer", "description": "Seconds"},
    },
}
_ANSWER = {
    "description": "A problem",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class Described(JsonRenderPlugin):
    """Every operation may answer with a problem; the framework's own words for it are taken out."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        openapi_schema["components"].setdefault("schemas", {})["Problem"] = PROBLEM
        for path in openapi_schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("400", None)
                operation["responses"]["default"] = _ANSWER
        return super().render(request, openapi_schema)
