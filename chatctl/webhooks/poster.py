"""Events posted to a receiver, one after the other, with the headers of callbacks."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import httpx

import chatctl
from chatctl.input import secret_files
from chatctl.link.client import Json
from chatctl.shell.failures import usage
from chatctl.show import ndjson
from chatctl_server.domain import signatures

_MOST_ANSWER_BYTES = 65_536


class PostOutcome(NamedTuple):
    """``error``: why there is no ``status``: ``timeout``, ``unreachable``, ``reset`` or
    ``network``; ``detail`` says more."""

    status: int | None
    error: str | None
    detail: str
    latency_ms: float

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class PostReceiver:
    """``mark``: why it is not the server itself that posts. ``timeout_seconds`` are for a try."""

    def __init__(
        self, url: str, mark: str, secret_file: str | None, timeout_seconds: float
    ) -> None:
        """Reads the secrets, one a line. Raises Failure for a URL that cannot be posted to."""
        self.url = _checked(url)
        self._mark = mark
        self._keys = secret_files.keys(secret_file)
        self._timeout_seconds = timeout_seconds
        self._http = httpx.Client(trust_env=False, follow_redirects=False)

    def close(self) -> None:
        self._http.close()

    def post(self, event: Json) -> PostOutcome:
        body = ndjson.encoded(event)
        began = time.monotonic()
        status, error, detail = None, None, ""
        try:
            status = self._sent(_headers(event, self._mark, self._keys, body), body)
            detail = f"answered {status}"
        except httpx.ConnectTimeout:
            error, detail = "unreachable", f"cannot be reached in {self._timeout_seconds:g} s"
        except httpx.TimeoutException:
            error, detail = "timeout", f"did not answer in {self._timeout_seconds:g} s"
        except httpx.ConnectError as failed:
            error, detail = "unreachable", f"cannot be reached: {failed}"
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as failed:
            error, detail = "reset", f"went away before it answered: {failed}"
        except httpx.TransportError as failed:
            error, detail = "network", f"cannot be posted to: {failed}"
        return PostOutcome(status, error, detail, (time.monotonic() - began) * 1000)

    def _sent(self, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
        """What of the answer is not read closes the connection."""
        deadline = time.monotonic() + self._timeout_seconds
        timeout = httpx.Timeout(self._timeout_seconds)
        with self._http.stream(
            "POST", self.url, content=body, headers=headers, timeout=timeout
        ) as response:
            read = 0
            for chunk in response.iter_raw():
                read += len(chunk)
                if read > _MOST_ANSWER_BYTES:
                    break
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("", request=response.request)
            return response.status_code


def _headers(
    event: Json, mark: str, keys: Sequence[bytes], body: bytes
) -> list[tuple[bytes, bytes]]:
    named = {
        "content-type": "application/json",
        "user-agent": f"chatctl/{chatctl.__version__}",
        "x-chatctl-event": str(event["type"]),
        "x-chatctl-mark": mark,
        **dict(signatures.headers(str(event["event_id"]), int(time.time()), body, keys)),
    }
    return [(name.encode(), value.encode()) for name, value in named.items()]


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise usage(f"--to: {error}", "--to http://localhost:8080/hook") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise usage(f"--to: '{url}' is no http:// or https:// URL", "--to http://localhost:8080")
    if parsed.userinfo:
        raise usage("--to: a URL with a password in it is seen by everybody on this machine")
    return url
