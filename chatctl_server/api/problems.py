"""Errors as RFC 9457 problem bodies. The one place where they get their HTTP form."""

import logging
import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from litestar.utils.scope.state import ScopeState

from chatctl_server import errors, logs
from chatctl_server.api import access_log, caller, choices, lone_surrogates
from chatctl_server.api.validation_words import in_words
from chatctl_server.views.fields import means

logger = logging.getLogger("chatctl.api")
MEDIA_TYPE = "application/problem+json"
_WITHOUT_NULL = ("query", "header")  # what may be left out there is null to the framework alone
_OF_ADDRESS = re.compile("[\udc00-\udcff]")  # a slash, and bytes that are no UTF-8
_MISSING_PARAMETER = re.compile(r"Missing required query parameter '(\w+)'")
_MISSING_FIELD = re.compile(r"required field `(\w+)`")


class Problem(msgspec.Struct, omit_defaults=True):
    """RFC 9457. `code` is stable; `error` repeats the detail."""

    type: Annotated[str, means("Always `about:blank`")]
    title: Annotated[str, means("The code in words")]
    status: Annotated[int, means("The HTTP status")]
    code: Annotated[str, means("Stable, for programs")]
    detail: Annotated[str, means("One sentence for people")]
    error: Annotated[str, means("The detail again, for older clients")]
    request_id: Annotated[str, means("Also in the header `X-Request-Id` and in the log")]
    field: Annotated[str, means("The input at fault")] | None = None
    hint: Annotated[str, means("What to try")] | None = None
    retry_after: (
        Annotated[int, means("Seconds to wait; also in the header `Retry-After`")] | None
    ) = None


def body(error: errors.ChatctlError) -> bytes:
    detail = _encodable(error.detail)
    problem = Problem(
        type="about:blank",
        title=error.title,
        status=error.status,
        code=error.code,
        detail=detail,
        error=detail,
        request_id=logs.request_id.get() or "",
        field=error.field,
        hint=error.hint,
        retry_after=error.retry_after,
    )
    return msgspec.json.encode(problem)


def _encodable(text: str) -> str:
    """What a caller sent may stand in a sentence: what the edge has escaped of an address, as
    there."""
    shown = _OF_ADDRESS.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", text)
    return shown.encode("utf-8", "backslashreplace").decode()


def headers(error: errors.ChatctlError, path: str) -> dict[str, str]:
    found = {"content-type": MEDIA_TYPE, "cache-control": "no-store"}
    if error.retry_after is not None:
        found["retry-after"] = str(error.retry_after)
    if error.status == 401:
        # The metrics' key and a room's token are bearer tokens (RFC 6750).
        found["www-authenticate"] = "X-Api-Key" if path.startswith("/management") else "Bearer"
    return found


def response(request: Request[Any, Any, Any], error: errors.ChatctlError) -> Response[bytes]:
    lines = headers(error, request.scope["path"])
    return Response(body(error), status_code=error.status, headers=lines, media_type=MEDIA_TYPE)


def of_ours(request: Request[Any, Any, Any], error: errors.ChatctlError) -> Response[bytes]:
    """With a line in the log."""
    is_trouble = error.status >= 500 and not isinstance(error, errors.Stopping)
    level = logging.ERROR if is_trouble else logging.INFO
    _log_refusal(level, request, error.detail)
    return response(request, error)


def handlers_in_words(
    translate: Callable[[errors.ChatctlError], errors.ChatctlError],
) -> ExceptionHandlersMap:
    """For the routes of a face that has words of its own."""

    def handle(request: Request[Any, Any, Any], error: errors.ChatctlError) -> Response[bytes]:
        return of_ours(request, translate(error))

    return {errors.ChatctlError: handle}


def _log_refusal(level: int, request: Request[Any, Any, Any], reason: str) -> None:
    """With the caller's address: that is what a firewall is told to ban for a wrong key."""
    address = access_log.shown_address(caller.of(request.scope).address)
    logger.log(
        level,
        "%s %s%s refused: %s",
        request.method,
        access_log.shown_path(request.scope),
        f" from {address}" if address else "",
        reason,
        extra={"address": address} if address else None,
    )


def _of_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    answer = response(request, _translated(request, error))
    for name, value in (error.headers or {}).items():
        answer.headers.setdefault(name, value)
    return answer


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    logger.exception("%s %s failed", request.method, request.scope["path"], exc_info=error)
    return response(request, errors.ChatctlError("Something unexpected happened; it is in the log"))


def _unreadable(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What leaves the JSON decoder as it is: bytes that are no UTF-8, nesting without end."""
    _log_refusal(logging.INFO, request, type(error).__name__)
    return response(request, errors.InvalidInput("The body is no readable JSON", field="body"))


DISCONNECTED = "client disconnected prematurely"  # Litestar's words; nobody reads the answer
HANDLERS: ExceptionHandlersMap = {
    UnicodeDecodeError: _unreadable,
    RecursionError: _unreadable,
    errors.ChatctlError: of_ours,
    HTTPException: _of_framework,
    Exception: _unexpected,
}


def _translated(request: Request[Any, Any, Any], error: HTTPException) -> errors.ChatctlError:
    match error.status_code:
        case 404:
            return errors.NotFound(f"There is nothing at {request.scope['path']}")
        case 405:
            return errors.MethodNotAllowed(f"{request.method} is not for {request.scope['path']}")
        case 413:
            return errors.TooLarge("The request's body is too large (MAX_BODY_BYTES)")
        case 400:
            handler = request.scope.get("route_handler")  # none yet, where the Host is refused
            if handler is None:
                return errors.InvalidInput("The header Host names no host", field="Host")
            return _no_text(request) or choices.added(handler, _invalid(error))
        case _:
            return _with_status(error)


def _with_status(error: HTTPException) -> errors.ChatctlError:
    if error.detail == DISCONNECTED:
        logger.debug("a client went away before the end of its request")
        return errors.InvalidInput(error.detail)
    if error.status_code >= 500:
        logger.error("the framework failed: %s", error.detail)
        return errors.ChatctlError("Something unexpected happened; it is in the log")
    return errors.InvalidInput(error.detail)


def _no_text(request: Request[Any, Any, Any]) -> errors.InvalidInput | None:
    body = ScopeState.from_scope(request.scope).body
    field = lone_surrogates.field_of(body) if isinstance(body, bytes) else None
    if field is None:
        return None
    detail = f"{field} contains a lone surrogate, which is no valid Unicode"
    return errors.InvalidInput(detail, field=field)


def _invalid(error: HTTPException) -> errors.InvalidInput:
    """Litestar's words for a wrong parameter or body, as one sentence that names the field."""
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        first = error.extra[0]
        if isinstance(first, dict):
            message = str(first.get("message", "is wrong"))
            if first.get("source") in _WITHOUT_NULL:
                message = message.replace(" | null`", "`")
            key = str(first.get("key", ""))
            if first.get("source") == "body":
                return _of_body(key, message)
            return _named(choices.CLIENT_NAMES.get(key, key), message)
    if found := _MISSING_PARAMETER.match(error.detail):
        return errors.InvalidInput(f"{found[1]} is missing: name it in the query", field=found[1])
    sentence = f"The request cannot be read: {in_words(error.detail)}"
    return errors.InvalidInput(sentence, field=_field_of(error.detail) or "body")


def _of_body(key: str, message: str) -> errors.InvalidInput:
    """What is missing is missing in what is named."""
    inner = _MISSING_FIELD.search(message)
    return _named(f"{key}.{inner[1]}" if inner and key not in ("", "data") else key, message)


def _named(key: str, message: str) -> errors.InvalidInput:
    if key in ("", "data"):
        if message == "'data'":
            return errors.InvalidInput("The request has no body; JSON is expected", field="body")
        field = _field_of(message) or "body"
    else:
        field = key
    return errors.InvalidInput(f"{field}: {in_words(message)}", field=field)


def _field_of(detail: str) -> str | None:
    found = re.search(r"`\$\.([\w.\[\]]+)`|required field `(\w+)`", detail)
    return (found[1] or found[2]) if found else None
