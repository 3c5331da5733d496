"""Log lines as an operator reads them, and what may never stand in one."""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Any, Literal

import pytest

from chatctl_server import logs
from chatctl_server.api import access_log
from chatctl_server.domain.visible import visible

ROOT = Path(__file__).parents[2]
SECRET = "correct-horse/battery+staple"
HOSTILE = "a\x1b[31m\nb\r\tc\x7f\x9b\u202ed\u2028\u200be\udc80\U000e0041"


class Lines:
    """What the log wrote so far."""

    def __init__(self, stream: StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def all(self) -> list[str]:
        return self.text.split("\n")[:-1]

    @property
    def one(self) -> str:
        (line,) = self.all
        return line

    @property
    def json(self) -> dict[str, Any]:
        (line,) = self.all
        row: dict[str, Any] = json.loads(line)
        return row


@pytest.fixture
def log() -> Iterator[Callable[..., Lines]]:
    """Configures the log of this process and puts everything back afterwards."""
    root = logging.getLogger()
    level = root.level
    levels = {
        name: logger.level
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }

    def configure(
        form: Literal["auto", "text", "json"],
        level: str = "info",
        *secrets: str,
        color: bool = False,
    ) -> Lines:
        # pytest's own raise on calls with wrong arguments; it adds them again for each phase.
        root.handlers.clear()
        stream = StringIO()
        logs.configure(form, level, stream, color, secrets=secrets)
        return Lines(stream)

    yield configure
    logging.captureWarnings(False)
    root.setLevel(level)
    root.handlers[:] = [one for one in root.handlers if not isinstance(one, logs.LogHandler)]
    for name, logger in logging.Logger.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.setLevel(levels.get(name, logging.NOTSET))


rooms = logging.getLogger("chatctl.rooms")
sync = logging.getLogger("chatctl.sync")


def test_no_control_separator_or_direction_mark_passes() -> None:
    harmful = {
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(chr(code))
        in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    assert len(harmful) > 2000
    assert {each for each in harmful if visible(each) == each} == set()


class TestText:
    def test_one_event_is_one_line(self, log: Callable[..., Lines]) -> None:
        out = log("text")
        rooms.info("room created", extra={"room_id": "r1", "users": 3, "by": "Ann B", "x": ""})
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    rooms     room created "
            r'room_id=r1 users=3 by="Ann B" x=""',
            out.one,
        )

    def test_values_cannot_forge_others(self, log: Callable[..., Lines]) -> None:
        out = log("text")
        rooms.info("joined", extra={"user": 'x" admin="true', "list": ['a" b'], "ok": True})
        user, several = r'"x\x22 admin=\x22true"', r'''"['a\x22 b']"'''
        assert out.one.endswith(f"joined user={user} list={several} ok=true")

    def test_hostile_text_stays_on_its_line(self, log: Callable[..., Lines]) -> None:
        out = log("text")
        rooms.warning("said %s", HOSTILE, extra={"by": HOSTILE, "in\nside": 1})
        assert out.one.count(visible(HOSTILE)) == 2
        assert r"in\nside=1" in out.one

    def test_a_traceback_is_indented_and_marked(self, log: Callable[..., Lines]) -> None:
        out = log("text")
        try:
            raise ValueError("first\n2025-01-01T00:00:00.000Z INFO forged\x1b[2J")
        except ValueError:
            rooms.exception("it broke")
        head, *rest = out.all
        assert head.endswith("it broke")
        assert rest[0] == "    | Traceback (most recent call last):"
        assert rest[-1] == r"    | 2025-01-01T00:00:00.000Z INFO forged\x1b[2J"
        assert all(line.startswith("    | ") for line in rest)

    def test_colour_marks_the_level_only(self, log: Callable[..., Lines]) -> None:
        out = log("text", color=True)
        rooms.warning("careful")
        assert "\x1b[33mWARNING\x1b[0m rooms     careful" in out.one
        out = log("text", color=False)
        rooms.warning("careful")
        assert "\x1b" not in out.one


class TestJson:
    def test_one_event_is_one_object(self, log: Callable[..., Lines]) -> None:
        out = log("json")
        rooms.info(
            "房间 %s", "r1", extra={"n": 1, "big": 2**70, "f": 0.5, "none": None, "ok": True}
        )
        row = out.json
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row.pop("time"))
        assert row == {
            "level": "info",
            "area": "rooms",
            "message": "房间 r1",
            "n": 1,
            "big": str(2**70),
            "f": 0.5,
            "none": None,
            "ok": True,
        }
        assert "房间" in out.text

    def test_hostile_text_is_escaped_for_whoever_prints_the_decoded_value(
        self, log: Callable[..., Lines]
    ) -> None:
        out = log("json")
        rooms.info("said %s", HOSTILE, extra={"by": HOSTILE, "deep": {HOSTILE: [HOSTILE]}})
        expected = visible(HOSTILE)
        row = out.json
        assert row["message"] == f"said {expected}"
        assert row["by"] == expected
        assert row["deep"] == visible(str({HOSTILE: [HOSTILE]}))

    def test_a_traceback_is_one_field_of_the_line(self, log: Callable[..., Lines]) -> None:
        out = log("json")
        try:
            raise ValueError("bad\x1b[2J")
        except ValueError:
            rooms.exception("it broke")
        traceback = out.json["traceback"].split("\n")
        assert traceback[0] == "Traceback (most recent call last):"
        assert traceback[-1] == r"ValueError: bad\x1b[2J"

    def test_fields_do_not_replace_those_of_the_event(self, log: Callable[..., Lines]) -> None:
        out = log("json")
        rooms.info("real", extra={"level": "forged", "area": "forged", "time": "forged"})
        row = out.json
        assert (row["level"], row["area"], row["message"]) == ("info", "rooms", "real")
        assert row["level_"] == "forged"

    def test_anything_may_be_a_value_or_an_argument(self, log: Callable[..., Lines]) -> None:
        class Broken:
            def __str__(self) -> str:
                raise RuntimeError("no text")

        endless: list[object] = []
        endless.append(endless)
        out = log("json")
        rooms.info("odd", extra={"a": Broken(), "b": endless, "c": b"\xff", "d": {1, 2} - {2}})
        row = out.json
        assert (row["a"], row["c"], row["d"]) == ("<Broken>", r"b'\xff'", "{1}")
        assert "..." in row["b"]
        for text, arguments, error in (
            ("%d users", ("many",), "TypeError"),
            ("%d users", (1, 2), "TypeError"),
            ("by %s", (Broken(),), "RuntimeError"),
        ):
            out = log("json")
            rooms.info(text, *arguments)
            assert out.json["message"] == f"{text} (arguments not shown: {error})"


class TestSecrets:
    def test_a_known_secret_stands_nowhere(self, log: Callable[..., Lines]) -> None:
        odd = 'it\'s \\ "quoted"'
        for form in ("text", "json"):
            out = log(form, "info", SECRET, "dev", odd)
            try:
                raise ValueError(f"wrong key {SECRET}")
            except ValueError:
                more = {"key": SECRET, "in": [SECRET], SECRET: 1}
                rooms.exception("key %s, %r, %r %s", SECRET, {"k": SECRET}, odd, odd, extra=more)
            rooms.info("http://u:correct-horse%2Fbattery%2Bstaple@host/dev and /device dev:dev")
            assert "battery" not in out.text
            assert "quoted" not in out.text
            assert "u:********@host/******** and /device ********:********" in out.text

    def test_a_token_in_an_address_is_masked(self, log: Callable[..., Lines]) -> None:
        for name in ("token", "api_key", "key", "access_token", "TOKEN"):
            out = log("text")
            rooms.info('"WebSocket /ws/rooms/r?user_id=u&%s=abc.def-1&x=1" [accepted]', name)
            assert "abc" not in out.one
            assert "&x=1" in out.one

    def test_a_secret_that_is_made_later(self, log: Callable[..., Lines]) -> None:
        out = log("text", "info", "configured-key", "")
        logs.add_secret(SECRET)
        rooms.info("%s configured-key", SECRET)
        assert out.one.endswith(" ******** ********")


class TestRequestId:
    def test_it_is_that_of_the_running_task(self, log: Callable[..., Lines]) -> None:
        out = log("json")

        async def request(name: str) -> None:
            logs.request_id.set(name)
            await asyncio.to_thread(rooms.info, "handled")

        async def both() -> None:
            await asyncio.gather(request("q1"), request("q\n2"))
            rooms.info("outside")

        asyncio.run(both())
        rows = [json.loads(line) for line in out.all]
        assert sorted(row.get("request_id", "") for row in rows) == ["", "q1", r"q\n2"]


class TestLevels:
    def test_each_area_may_have_its_own(self, log: Callable[..., Lines]) -> None:
        out = log("json", "warning,sync=debug")
        rooms.info("hidden")
        sync.debug("shown")
        rooms.warning("shown, too")
        assert [json.loads(line)["area"] for line in out.all] == ["sync", "rooms"]

    def test_a_second_configuration_replaces_the_first(self, log: Callable[..., Lines]) -> None:
        first = log("json", "info,sync=debug")
        second = log("json", "debug")
        logging.getLogger("httpx").info("hidden: other libraries speak from warning on")
        rooms.info("shown")
        assert first.text == ""
        assert second.json["message"] == "shown"

    def test_python_warnings_are_events(self, log: Callable[..., Lines]) -> None:
        out = log("json")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("old\nthing", RuntimeWarning, stacklevel=1)
        assert r"RuntimeWarning: old\nthing" in out.json["message"]


def test_requests_are_logged_when_the_area_is_named_or_all_is_debug(
    log: Callable[..., Lines],
) -> None:
    shown = ["info,access=info", "warning,access=info", "error,access=debug", "debug"]
    for level in (*shown, "info", "info,api=debug", "debug,access=warning"):
        out = log("json", level)
        logging.getLogger("chatctl.access").info("a request")
        assert access_log.is_on() is bool(out.text) is (level in shown)
        assert level not in shown or out.json["area"] == "access"


class TestUvicorn:
    def test_its_errors_are_shown_its_news_on_request_and_its_upgrades_never(
        self, log: Callable[..., Lines]
    ) -> None:
        """Those hold the query, and the proxy's address."""
        uvicorn = logging.getLogger("uvicorn.error")
        for level, shown in (("debug", ["it began", "it broke"]), ("info", ["it broke"])):
            out = log("json", level)
            uvicorn.info('%s - "WebSocket %s" [accepted]', "127.0.0.1:1", "/ws?token=abc")
            uvicorn.info('%s - "WebSocket %s" %d', "127.0.0.1:1", "/ws?token=abc", 401)
            uvicorn.info("it began")
            uvicorn.error("it broke")
            told = [json.loads(line) for line in out.all]
            assert [each["message"] for each in told] == shown
            assert {each["area"] for each in told} == {"server"}

    def test_handlers_that_uvicorn_brought_are_removed(self, log: Callable[..., Lines]) -> None:
        uvicorn = logging.getLogger("uvicorn.error")
        own = StringIO()
        uvicorn.addHandler(logging.StreamHandler(own))
        uvicorn.propagate = False
        out = log("json")
        uvicorn.error("once")
        assert out.json["message"] == "once"
        assert own.getvalue() == ""


class TestStreams:
    def test_auto_is_json_without_a_terminal(self, log: Callable[..., Lines]) -> None:
        out = log("auto")
        rooms.info("hello")
        assert out.json["message"] == "hello"

    @pytest.mark.usefixtures("log")
    def test_auto_is_text_on_a_terminal(self) -> None:
        master, slave = os.openpty()
        with os.fdopen(slave, "w") as terminal, os.fdopen(master, "rb", buffering=0) as screen:
            logs.configure("auto", "info", terminal)
            rooms.info("hello")
            assert screen.read(1000).endswith(b"INFO    rooms     hello\r\n")

    @pytest.mark.usefixtures("log")
    def test_a_stream_that_cannot_encode_the_text(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        with TextIOWrapper(path.open("wb"), encoding="ascii") as stream:
            logs.configure("text", "info", stream)
            rooms.info("房间")
        assert path.read_bytes().endswith(rb"\u623f\u95f4" + b"\n")

    @pytest.mark.usefixtures("log")
    def test_a_lost_stream_does_not_disturb_the_caller(self, tmp_path: Path) -> None:
        class Broken(StringIO):
            def write(self, text: str) -> int:
                raise OSError("gone")

        for stream in (StringIO(), (tmp_path / "log").open("w"), Broken(), None):
            logs.configure("json", "info", stream)
            if stream is not None and not isinstance(stream, Broken):
                stream.close()
            rooms.info("lost")

    def test_a_server_goes_on_and_stops_well_without_its_stderr(self) -> None:
        script = (
            "import logging\nfrom chatctl_server import logs\nlogs.configure('json')\n"
            "for n in range(3000):\n    logging.getLogger('chatctl.rooms').info('line %d', n)\n"
            "print('went on', flush=True)\n"
        )
        reader, writer = os.pipe()
        os.close(reader)
        with Path("/dev/full").open("w") as full, os.fdopen(writer, "w") as closed:
            for stderr, before in ((full, ""), (closed, ""), (closed, "exec 2>&-; ")):
                run = subprocess.run(
                    ["sh", "-c", f'{before}exec "$@"', "sh", sys.executable, "-c", script],
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env={"PYTHONPATH": str(ROOT)},
                    check=False,
                )
                assert (run.stdout, run.returncode) == (b"went on\n", 0), (stderr, before)
