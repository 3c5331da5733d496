"""The answer to a callback, read as it arrives (HTTP/1.1, RFC 9112)."""

from typing import Literal

import httptools
import msgspec

MOST_HEAD_BYTES = 64 * 1024
MOST_BODY_BYTES = 64 * 1024
# What the body's framing may add to it: tiny chunks, their extensions, trailers.
MOST_BYTES = 1024 * 1024
_FRAMING = (b"content-length", b"transfer-encoding")

Reason = Literal[
    "timeout", "refused", "reset", "dns", "tls", "bad_answer", "not_allowed", "network"
]


class Answer(msgspec.Struct, frozen=True):
    """``body``: its first 64 KiB, as sent: not decompressed. ``is_cut``: it did not end, or not
    within these 64 KiB, or not in time."""

    status: int
    retry_after: str | None
    body: bytes
    is_cut: bool
    location: str | None = None


class SendFailed(Exception):
    """There is no answer. ``detail``: one sentence; it names no more of the URL than its origin."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class BadAnswer(Exception):
    """What came is no head of an answer. The text continues the server's name."""


class Reading:
    """One answer after the other, from one connection. ``status`` is 0 until the final head is
    there; from then on nothing that follows takes the answer back."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.restart()

    def restart(self) -> None:
        self.status = 0
        self.is_complete = False
        self.is_over = False  # too much, or damaged: what follows is not worth waiting for
        self.can_go_on = False  # the connection can take another request
        self.ends_with_the_connection = True
        self._retry_after: str | None = None
        self._location: str | None = None
        self._is_interim = False
        self._problem = ""
        self._fed = self._head_bytes = self._body_bytes = 0
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Raises BadAnswer, but not after the final head."""
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.status:
                raise BadAnswer(self._problem or f"sent no HTTP answer ({error})") from None
            self.is_over = not self.is_complete
            self.can_go_on = False
        if self._problem:
            raise BadAnswer(self._problem)
        if not self.status and self._fed > MOST_HEAD_BYTES:
            raise BadAnswer("sent a head of more than 64 KiB")
        if self._body_bytes > MOST_BODY_BYTES or self._fed > MOST_BYTES:
            self.is_over = True

    def answer(self, *, is_cut: bool) -> Answer:
        body = b"".join(self._parts)[:MOST_BODY_BYTES]
        return Answer(self.status, self._retry_after, body, is_cut, self._location)

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self.is_complete:
            self.can_go_on = False  # nobody asked for a second one

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > MOST_HEAD_BYTES:
            self._problem = "sent a head of more than 64 KiB"
        name = name.lower()
        if name in _FRAMING:
            self.ends_with_the_connection = False
        elif name == b"retry-after" and self._retry_after is None:
            self._retry_after = value.decode("latin-1").strip()
        elif name == b"location" and self._location is None:
            self._location = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        if self.status:
            return
        status = self._parser.get_status_code()
        if status < 100 or status == 101:
            self._problem = f"answered with status {status:03}, which is none to this request"
        elif status < 200:
            self._is_interim = True
            self._retry_after = self._location = None
            self.ends_with_the_connection = True
        else:
            self.status = status

    def on_body(self, data: bytes) -> None:
        if self._body_bytes < MOST_BODY_BYTES and not self.is_complete:
            self._parts.append(data)
        self._body_bytes += len(data)

    def on_message_complete(self) -> None:
        if self._is_interim:
            self._is_interim = False
        elif not self.is_complete:
            self.is_complete = True
            self.can_go_on = self._parser.should_keep_alive()
