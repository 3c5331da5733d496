"""Questions over HTTP: asked again after a loss, and with another token after a 401."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import httpx

from chatctl.client import close_codes
from chatctl.client.errors import Lost, Refused
from chatctl.client.events import Json
from chatctl.client.resume import until_answered
from chatctl.client.tokens import Token

# The server says something every 15 s on a stream; two missed ones are a lost contact.
SILENCE_SECONDS = 40.0
ANSWER_SECONDS = 30.0
STREAM_TIMEOUT = httpx.Timeout(10.0, read=SILENCE_SECONDS)
# What is worth the same question again, by its status and by its code (docs/rooms.md, error codes).
_PASSING = (429, 502, 503, 504, 507)
_UNKNOWN = (502, 504)  # a proxy lost the server: before or after it did what was asked
_PASSING_CODES = ("busy", "not_stored", "storage_full", "unknown", "storage_unavailable")
NO_PROBLEM = "no_problem"
"""The code of a refusal that was not said as chatctl says it: by what stands between, perhaps."""


class Http:
    """``shown``: headers beside the token's."""

    def __init__(self, url: str, token: Token, shown: Mapping[str, str] | None = None) -> None:
        self._token = token
        self._http = httpx.AsyncClient(base_url=url, headers=shown, timeout=ANSWER_SECONDS)

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        again: bool = False,
        query: Mapping[str, Json] = MappingProxyType({}),
    ) -> Json:
        """The answer's JSON; None for an empty one. ``again``: it may be asked twice, as what only
        reads may. Raises Refused, and ConnectionError for what may be done or not."""
        may_repeat = again or method in ("GET", "HEAD")
        asked: dict[str, Any] = {"params": dict(query)} | ({} if body is None else {"json": body})

        async def once() -> Json:
            try:
                return await self._once(method, path, asked)
            except Lost as lost:
                if lost.is_known or may_repeat:
                    raise
                raise ConnectionError(f"whether it was done is not known: {lost}") from lost

        return await until_answered(once)

    async def _once(self, method: str, path: str, asked: dict[str, Any]) -> Json:
        async with showing(self._token) as token:
            try:
                answer = await self._http.request(method, path, headers=bearer(token), **asked)
            except httpx.TransportError as error:
                raise _lost(error) from None
            _check(answer)
        return answer.json() if answer.content else None

    @asynccontextmanager
    async def stream(
        self, path: str, shown: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """An endless answer. Raises Lost, at its end as well, and Refused."""
        try:
            async with (
                showing(self._token) as token,
                self._http.stream(
                    "GET",
                    path,
                    headers={**shown, **bearer(token)},
                    timeout=STREAM_TIMEOUT,
                ) as answer,
            ):
                if not answer.is_success:
                    await answer.aread()
                _check(answer)
                self._token.accepted()
                yield answer.aiter_bytes()
        except httpx.TransportError as error:
            raise _lost(error) from None
        raise Lost("the stream ended")


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def showing(token: Token) -> AsyncIterator[str | None]:
    """Where it is refused and can be replaced, that is Lost: the next attempt shows another."""
    shown = await token.current()
    try:
        yield shown
    except Refused as refused:
        is_about_token = refused.status in (401, close_codes.TOKEN_EXPIRED)
        if is_about_token and shown is not None and await token.renew(shown):
            raise Lost(str(refused)) from None
        raise
    token.accepted()


def _check(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise refusal(answer.status_code, answer.headers, answer.content)


def refusal(status: int, headers: Mapping[str, str], content: bytes) -> Lost | Refused:
    """The problem (RFC 9457) of an answer."""
    try:
        problem = json.loads(content)
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = NO_PROBLEM, f"the server answered {status}, but not as chatctl does"
    if status in _PASSING or code in _PASSING_CODES:
        is_known = status not in _UNKNOWN and code != "unknown"
        return Lost(detail, _seconds(headers.get("Retry-After", "")), is_known=is_known)
    return Refused(code, detail, status)


def frame_refusal(code: str, message: str, retry_after: float | None) -> Lost | Refused:
    """The same of a frame."""
    if code in _PASSING_CODES:
        return Lost(message, retry_after or 0.0)
    return Refused(code, message)


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _lost(error: httpx.TransportError) -> Lost:
    is_known = isinstance(error, httpx.ConnectError)
    return Lost(str(error) or type(error).__name__, is_known=is_known)
