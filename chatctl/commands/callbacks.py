"""``chatctl callbacks``."""

import ipaddress
import itertools
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from chatctl.input import times
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, opt, verb
from chatctl.show import output, progress
from chatctl.show.visible import visible
from chatctl.webhooks import receipt_lines
from chatctl.webhooks.received_rooms import JSON, ReceivedRooms

if TYPE_CHECKING:
    from chatctl.webhooks.receipts import Receipts
    from chatctl.webhooks.receiver import ReceivedRequest, ReceiverServer, Reply

# The documents' variables, with the documents' paths.
_PATHS = {
    "DATA_CALLBACK_URL": "/sync/room",
    "ROOM_EVENT_CALLBACK_URL": "/api/room-events",
    "CHAT_HISTORY_CALLBACK_URL": "/api/chat-history",
    "SESSION_HISTORY_CALLBACK_URL": "/api/session-history",
    "PERIODIC_SYNC_CALLBACK_URL": "/api/periodic-sync",
}
_LONGEST_DELAY_SECONDS = 3600
_TLS_HANDSHAKE = b"\x16\x03"


@verb(
    "listen",
    "chatctl callbacks listen",
    "chatctl callbacks listen --port 9000 --secret-file secret.txt --fail 500,500,200",
    exits=(3, 141),
    columns=receipt_lines.COLUMNS,
)
def listen(
    options: Options,
    port: Annotated[int, opt("--port", "8080; 0 is a free one.", "PORT", min=0, max=65535)] = 8080,
    host: Annotated[
        str, opt("--host", "Listen there; 127.0.0.1 unless given.", "HOST")
    ] = "127.0.0.1",
    source: Annotated[
        str | None, opt("--secret-file", "Its secrets, one a line, check the signatures.", "FILE")
    ] = None,
    fail: Annotated[
        str | None, opt("--fail", "Answer with these in turn, not with 200.", "STATUS,…")
    ] = None,
    delay: Annotated[str | None, opt("--delay", "Wait before each answer.", "TIME")] = None,
    count: Annotated[int | None, opt("--count", "End after this many.", "N", min=1)] = None,
) -> None:
    """Receive callbacks: show each, check signatures, order and digests; Ctrl-C sums up.

    GET /health, /rooms, /rooms/ID and /stats say what has come.
    """
    from chatctl.input import secret_files
    from chatctl.webhooks import receiver
    from chatctl.webhooks.receipts import Receipts

    receipts = Receipts(secret_files.keys(source))
    desk = Desk(options, receipts, _statuses(fail), count)
    listening = receiver.Listening(host, port, _seconds(delay), desk.judge, desk.garbage)
    desk.receiver = receiver.ReceiverServer(listening)
    try:
        desk.receiver.run(desk.ready)
    except receiver.CannotListen as error:
        raise Failure(
            "address_unavailable",
            f"{host} port {port} cannot be listened on: {error}",
            "chatctl callbacks listen --port 0, which takes a free one",
            503,
        ) from None
    desk.sum_up()


class Desk:
    """Judges what comes, and tells of it. ``statuses`` are answered in turn."""

    receiver: "ReceiverServer"

    def __init__(
        self, options: Options, receipts: "Receipts", statuses: list[int], count: int | None
    ) -> None:
        self._options = options
        self._receipts = receipts
        self._statuses = itertools.cycle(statuses)
        self._count = count
        self._lines = receipt_lines.ReceiptLines(options)
        self._rooms = ReceivedRooms()

    def ready(self, url: str) -> None:
        self._note(f"listens for callbacks on {url}; Ctrl-C ends it and sums up")
        host = url.removeprefix("http://").rpartition(":")[0].strip("[]")
        if not ipaddress.ip_address(host).is_loopback:
            self._note(f"{host} is open to a network: whoever reaches it can send callbacks")
        if not self._options.quiet and not self._options.json:
            settings = (f"  {name}={visible(url)}{path}\n" for name, path in _PATHS.items())
            progress.say(f"The server's settings for it:\n{''.join(settings)}")

    def judge(self, request: "ReceivedRequest") -> "Reply":
        from chatctl.webhooks.receipts import Callback
        from chatctl.webhooks.receiver import Reply

        if request.method != "POST" and request.refusal is None:
            found = self._asked(request)
            if found is not None:
                return Reply(*found, lambda _: None, JSON)
            self._note(f"{request.method} {request.path} is no callback")
            return Reply(HTTPStatus.METHOD_NOT_ALLOWED, "POST callbacks here", lambda _: None)
        callback = Callback(request.at, request.path, request.headers, request.body)
        opened = self._receipts.open(callback)
        if request.refusal is not None:
            phrase = HTTPStatus(request.refusal).phrase
            opened = opened._replace(refusal=(request.refusal, phrase))
        if opened.refusal is not None:
            status, text = opened.refusal
        else:
            status, text = next(self._statuses), ""

        def finish(is_heard: bool) -> None:
            receipt = self._receipts.finish(opened, status if is_heard else None)
            if opened.refusal is None:
                self._rooms.take(opened)
            self._lines.show(receipt)
            if self._receipts.count == self._count:
                self.receiver.stop()

        return Reply(status, text, finish)

    def _asked(self, request: "ReceivedRequest") -> tuple[int, str] | None:
        if request.method != "GET":
            return None
        path = request.path.partition("?")[0]
        return self._rooms.answer(path, self._receipts.total().events)

    def garbage(self, data: bytes) -> None:
        if data.startswith(_TLS_HANDSHAKE):
            self._note("somebody speaks TLS: https:// in the URL where http:// is meant?")
        else:
            self._note("what came is no HTTP/1.1 request")

    def sum_up(self) -> None:
        """Raises Failure ``check_failed`` for what no receiver should see."""
        total = self._receipts.total()
        self._lines.sum_up(total)
        wrong = receipt_lines.wrong(total)
        if wrong:
            raise Failure("check_failed", ", ".join(wrong))

    def _note(self, text: str) -> None:
        output.note(self._options, text)


def _statuses(fail: str | None) -> list[int]:
    words = ["200"] if fail is None else fail.split(",")
    if not all(re.fullmatch("[2-5][0-9][0-9]", word) for word in words):
        raise failures.usage(
            f"--fail: '{fail}' is no list of statuses from 200 to 599", "--fail 500,500,200"
        )
    return [int(word) for word in words]


def _seconds(delay: str | None) -> float:
    seconds = 0.0 if delay is None else times.duration(delay, "--delay")
    if seconds > _LONGEST_DELAY_SECONDS:
        raise failures.usage(f"--delay: {delay} is longer than an hour", "--delay 2s")
    return seconds
