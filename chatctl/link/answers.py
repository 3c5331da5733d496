"""What comes of a request that was no success, as ``Failure`` or as ``LostContact``."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from chatctl.shell import failures
from chatctl.shell.failures import Failure

_UNKNOWN = "whether it did what was asked is not known"
_LOOK = "look whether it is done, before the same command again"  # which would do it twice


class LostContact(Exception):
    """The server went away, or was not there. ``sent`` is False when no request reached it."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


def refusal(name: str, response: httpx.Response, content: bytes) -> Failure:
    """The problem body (RFC 9457) of an answer as a failure."""
    if "problem+json" not in response.headers.get("content-type", ""):
        return not_chatctl(name, response)
    try:
        problem = json.loads(content)
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return not_chatctl(name, response)
    hint = problem.get("hint")
    if hint is None and response.status_code == 401:
        hint = "--api-key-file FILE, or ADMIN_API_KEY in the environment"
    return Failure(code, detail, None if hint is None else str(hint), response.status_code)


def not_chatctl(name: str, response: httpx.Response) -> Failure:
    location = response.headers.get("location", "")
    where = f" and points to {location}" if location else ""
    said = f"{name} answered {response.status_code}{where}, but not as a chatctl server does"
    server, path, _ = location.partition("/management/")
    return Failure("not_chatctl", said, f"--server {server}" if server and path else None)


def unreachable(lost: LostContact, method: str) -> Failure:
    if not lost.sent:
        return Failure("unreachable", lost.reason)
    again = "the same command again: what is done already stays as it is"
    hint = _LOOK if method == "POST" else again
    return Failure("unreachable", f"{lost.reason}; {_UNKNOWN}", hint)


@contextmanager
def told(name: str, method: str, *, silence: bool = False) -> Iterator[None]:
    """httpx's errors in our words; ``silence`` is a lost contact where a stream went quiet."""
    try:
        yield
    except httpx.InvalidURL:
        raise Failure("too_large", "an argument is too long for a request") from None
    except httpx.TimeoutException:
        if silence:
            raise LostContact(f"{name} went silent", sent=True) from None
        raise timed_out(name, method) from None
    except httpx.ConnectError as error:
        if "WRONG_VERSION_NUMBER" in str(error) or "RECORD_LAYER_FAILURE" in str(error):
            plain = name.replace("https://", "http://", 1)
            raise Failure(
                "unreachable", f"{name} does not speak TLS there", f"--server {plain}"
            ) from None
        said = str(_root(error))
        reason = said.partition("] ")[2] or said  # without its number
        raise LostContact(f"{name} cannot be reached: {reason}", sent=False) from None
    except httpx.UnsupportedProtocol as error:
        raise failures.usage(f"{name}: {error}") from None
    except httpx.TransportError:
        raise LostContact(f"{name} went away before it answered", sent=True) from None


def _root(error: BaseException) -> BaseException:
    """What the libraries between us and the system were told."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def timed_out(name: str, method: str) -> Failure:
    unknown = "" if method == "GET" else f"; {_UNKNOWN}"
    hint = _LOOK if method == "POST" else "--timeout 2m"
    return Failure("timed_out", f"{name} did not answer in time{unknown}", hint)
