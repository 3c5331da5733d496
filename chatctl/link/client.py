"""Requests to one server: paths, the total time limit, and refusals as ``Failure``."""

import json
import math
import time
import types
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import httpx

import chatctl
from chatctl.link import answers, versions
from chatctl.link.answers import LostContact
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options
from chatctl.show import output, progress

Json = Any
"""The server's JSON: its shapes are the API's, the command line only shows them."""

Params = Mapping[str, str | int]

_MOST_ERROR_BYTES = 65_536
_RETRY_SECONDS = 0.05
_ENDPOINTS = "/management/callbacks"  # what is changed there says itself what waits
CALLBACKS_WAIT = "callbacks wait for the next start of the server, or: chatctl sync"


class Link:
    """One way to one server. ``name`` is how messages call it; ``is_served``: it is a server, and
    not the application in this process. ``is_heard``: what is changed through it has callbacks,
    which wait; None: when an endpoint is enabled. ``streaming``: the same way for endless answers,
    which a file has not."""

    def __init__(
        self,
        name: str,
        transport: httpx.BaseTransport,
        streaming: Callable[[], httpx.AsyncBaseTransport] | None = None,
        *,
        base_url: str = "http://localhost",
        api_key: str | None = None,
        is_served: bool = True,
        is_heard: bool | None = False,
    ) -> None:
        self.name = name
        self.is_served = is_served
        self.is_heard = is_heard
        self._streaming = streaming
        headers = {versions.HEADER.encode(): chatctl.__version__.encode()}
        if api_key is not None:
            headers[b"x-api-key"] = api_key.encode()
        self.http = httpx.Client(
            transport=transport,
            base_url=base_url,
            headers=headers,
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> "Link":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """A signal may have come while the pool of connections was locked: then closing it would
        wait for ever, and the end of the process closes a socket as well."""
        if kind is None or issubclass(kind, Exception) or not self.is_served:
            self.http.close()

    def send(
        self, method: str, path: str, params: Params, body: Json, deadline: float
    ) -> httpx.Response:
        """The whole answer. Raises LostContact, or Failure ``timed_out`` at the deadline."""
        with answers.told(self.name, method):
            request = self.http.build_request(
                method,
                path,
                params=dict(params),
                timeout=_remaining(deadline, self.name, method),
                **_json(body),
            )
            response = self.http.send(request, stream=True)
            try:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    _remaining(deadline, self.name, method)
            finally:
                response.close()
        return httpx.Response(
            response.status_code,
            headers=_without_encoding(response.headers),
            content=bytes(content),
            request=request,
        )

    async def follow(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        """Lines of an endless answer, as they come together; the blank ones keep it alive."""
        from chatctl.client.http import STREAM_TIMEOUT
        from chatctl.client.lines import lines

        assert self._streaming is not None, "a server has it, and no one else is followed"
        with answers.told(self.name, "GET", silence=True):
            async with (
                httpx.AsyncClient(
                    transport=self._streaming(),
                    base_url=self.http.base_url,
                    headers=self.http.headers,
                    trust_env=False,
                ) as http,
                http.stream("GET", path, params=dict(params), timeout=STREAM_TIMEOUT) as response,
                aclosing(lines(response.aiter_bytes())) as together,
            ):
                if response.status_code != 200:
                    raise answers.refusal(self.name, response, await _some(response))
                async for each in together:
                    yield each
        raise LostContact(f"{self.name} ended the stream", sent=True)


class Client:
    """What commands talk to. A server that restarts meanwhile is looked for again.

    ``relink`` gives another way to the server, or None where one was named: then it is that one.
    """

    def __init__(
        self, link: Link, options: Options, relink: Callable[[], Link] | None = None
    ) -> None:
        self._link = link
        self._options = options
        self._relink = relink
        self._is_version_told = False
        self._is_waiting_told = False
        self.renew()

    def renew(self, more_seconds: float = 0) -> None:
        """The time limit begins anew, and so much longer: for verbs that ask often and get on, or
        ask for what takes all of it."""
        self._deadline = time.monotonic() + self._options.timeout_seconds + more_seconds

    @property
    def name(self) -> str:
        return self._link.name

    @property
    def is_served(self) -> bool:
        return self._link.is_served

    def note_waiting(self) -> None:
        """Says once, and of a file alone, that callbacks wait."""
        if not (self.is_served or self._is_waiting_told):
            self._is_waiting_told = True
            output.note(self._options, CALLBACKS_WAIT)

    def get(self, path: str, params: Params = types.MappingProxyType({})) -> Json:
        return _parsed(self.name, self.answer("GET", path, params))

    def put(self, path: str, body: Json) -> Json:
        return self._changed("PUT", path, body)

    def patch(self, path: str, body: Json) -> Json:
        return self._changed("PATCH", path, body)

    def post(self, path: str, body: Json = None, **params: str) -> Json:
        return self._changed("POST", path, body, params)

    def delete(self, path: str, **params: str | int) -> Json:
        return self._changed("DELETE", path, params=params)

    def _changed(
        self, method: str, path: str, body: Json = None, params: Params = types.MappingProxyType({})
    ) -> Json:
        """What is refused, or done already, has no callbacks that wait."""
        found = _parsed(self.name, self.answer(method, path, params, body))
        is_elsewhere = self._link.is_heard is False or path.startswith(_ENDPOINTS)
        if not is_elsewhere and found.get("changed", True) and self._is_heard():
            self.note_waiting()
        return found

    def _is_heard(self) -> bool:
        if self._link.is_heard is None:
            known = self.get(_ENDPOINTS)
            self._link.is_heard = any(each["status"] == "enabled" for each in known)
        return self._link.is_heard

    def pages(self, path: str, params: Params) -> Iterator[list[Json]]:
        """Every page of a list, by the answers' ``Link: rel="next"``."""
        query: Params = params
        while True:
            response = self.answer("GET", path, query)
            yield _parsed(self.name, response)
            following = response.links.get("next")
            if following is None:
                return
            try:
                query = dict(httpx.URL(following["url"]).params)
            except httpx.InvalidURL:
                raise answers.not_chatctl(self.name, response) from None

    def follow(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        """Lines of a stream. Raises LostContact when it ends: none ends by itself."""
        return self._link.follow(path, params)

    def followed(self, line: bytes) -> Json | None:
        """The object in it; None for a heartbeat."""
        self.renew()  # what is asked beside an endless answer has its own time each
        try:
            return loads(line) if line.strip() else None
        except ValueError:
            raise Failure("not_chatctl", f"{self.name} sent a line that is no JSON") from None

    def reconnect(self) -> None:
        """Looks for the server again, as after a restart."""
        if self._relink is not None:
            self._link = self._relink()

    def answer(
        self, method: str, path: str, params: Params = types.MappingProxyType({}), body: Json = None
    ) -> httpx.Response:
        with progress.shown(self._options, f"waiting for {self.name}"):
            response = self._sent(method, path, params, body)
        versions.check(self.name, response.headers.get(versions.HEADER), self._tell_version)
        if not response.is_success:
            raise answers.refusal(self.name, response, response.content)
        return response

    def _tell_version(self, text: str) -> None:
        if not self._is_version_told:
            self._is_version_told = True
            output.note(self._options, text)

    def _sent(self, method: str, path: str, params: Params, body: Json) -> httpx.Response:
        while True:
            try:
                return self._link.send(method, path, params, body, self._deadline)
            except LostContact as lost:
                unreachable = answers.unreachable(lost, method)
                again = method == "GET" or not lost.sent
            if self._relink is None or not again:
                raise unreachable
            # A stopping server releases its lock in a moment; relink waits for what takes longer.
            time.sleep(_RETRY_SECONDS)
            self._link = self._relink()
            if time.monotonic() + _RETRY_SECONDS > self._deadline:
                raise unreachable


def loads(document: bytes | str) -> Json:
    """JSON; a number beyond what a float holds stays the text it was, or we would print
    ``Infinity``, which is no JSON."""
    return json.loads(document, parse_float=_float)


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def segment(text: str, name: str) -> str:
    """User text as one segment of a path; ``..`` is escaped, too, because it would climb."""
    if not text:
        raise failures.usage(f"{name} is empty")
    try:
        quoted = quote(text, safe="")
    except UnicodeEncodeError:
        raise Failure("bad_text", f"{name} is no valid Unicode: {text}") from None
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def _remaining(deadline: float, name: str, method: str) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise answers.timed_out(name, method)
    return left


def _parsed(name: str, response: httpx.Response) -> Json:
    if not response.content:
        return {}
    try:
        return loads(response.content)
    except ValueError:
        raise answers.not_chatctl(name, response) from None


def _json(body: Json) -> dict[str, Any]:
    if body is None:
        return {}
    # ASCII: a lone surrogate arrives as an escape, and the server says what is wrong with it.
    content = json.dumps(body).encode()
    return {"content": content, "headers": {"content-type": "application/json"}}


async def _some(response: httpx.Response) -> bytes:
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _MOST_ERROR_BYTES:
            break
    return content


def _without_encoding(headers: httpx.Headers) -> httpx.Headers:
    """The content was decoded on the way in."""
    return httpx.Headers(
        [(name, value) for name, value in headers.raw if name.lower() != b"content-encoding"]
    )
