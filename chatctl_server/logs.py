"""One line per event: text for people, JSON for programs.

Loggers are named ``chatctl.<area>``; ``extra={"room_id": …}`` becomes key=value. Whatever a
user wrote passes ``visible`` here, and known secrets are masked, before it reaches a line.
"""

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO, TypeAlias
from urllib.parse import quote

import msgspec

from chatctl_server.domain.visible import visible

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

Plain: TypeAlias = str | int | float | bool | None

MASK = "********"

# Where the text of an error holds an address.
_SECRET_QUERY = re.compile(r"(?i)([?&](?:token|access_token|api_key|key)=)[^&\s\"']+")

_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_EVENT_FIELDS = frozenset({"time", "level", "area", "message", "traceback"})
_COLORS = {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}


class Masker:
    """Replaces known secrets, also where they stand quoted in an address or in a repr."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        self._forms |= {form for secret in secrets if secret for form in _forms(secret)}
        longest_first = sorted(self._forms, key=len, reverse=True)
        if longest_first:
            self._known = re.compile("|".join(map(_pattern, longest_first)))

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _SECRET_QUERY.sub(rf"\1{MASK}", text)


def _forms(secret: str) -> tuple[str, ...]:
    return secret, quote(secret, safe=""), repr(secret)[1:-1]


def _pattern(form: str) -> str:
    """A short secret such as ``dev`` is masked as a word only, or /dev would be masked, too."""
    exact = re.escape(form)
    return exact if len(form) >= 8 else rf"(?<!\w){exact}(?!\w)"


class LogLine(msgspec.Struct, omit_defaults=True):
    """A log record, masked and escaped."""

    time: str
    level: str
    area: str
    message: str
    fields: dict[str, Plain]
    traceback: list[str]


class LogHandler(logging.Handler):
    """Never raises: a full disk or a closed terminal costs log lines, not the call that logs."""

    def __init__(
        self, form: Literal["text", "json"], stream: TextIO | None, color: bool, mask: Masker
    ) -> None:
        super().__init__()
        self._form = form
        self._stream = stream
        self._fd = _descriptor(stream)
        self._color = color
        self._mask = mask

    def add_secret(self, secret: str) -> None:
        self._mask.add([secret])

    def emit(self, record: logging.LogRecord) -> None:
        event = self._event(record)
        line = _as_json(event) if self._form == "json" else _as_text(event, self._color)
        self._write(line + "\n")

    def _event(self, record: logging.LogRecord) -> LogLine:
        return LogLine(
            datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6]
            + "Z",
            record.levelname.lower(),
            visible(_area(record.name)),
            self._clean(_message(record)),
            self._fields(record),
            [visible(line) for line in self._mask(_traceback(record)).split("\n") if line],
        )

    def _fields(self, record: logging.LogRecord) -> dict[str, Plain]:
        fields = {
            self._key(name): self._plain(value)
            for name, value in vars(record).items()
            if name not in _RECORD_FIELDS
        }
        current = request_id.get()
        if current is not None:
            fields.setdefault("request_id", self._clean(current))
        return fields

    def _key(self, name: str) -> str:
        return f"{name}_" if name in _EVENT_FIELDS else self._clean(name)

    def _plain(self, value: object) -> Plain:
        match value:
            case None | bool() | float():
                return value
            case int() if -(2**63) <= value < 2**63:
                return int(value)
        return self._clean(_shown(value))

    def _clean(self, text: str) -> str:
        return visible(self._mask(text))

    def _write(self, line: str) -> None:
        stream = self._stream
        try:
            if stream is None or stream.closed:
                return
            if self._fd is None:
                stream.write(line)
                stream.flush()
            else:
                _write_all(self._fd, line.encode(stream.encoding, "backslashreplace"))
        except (OSError, ValueError):
            pass


def _descriptor(stream: TextIO | None) -> int | None:
    """A line that a Python stream could not write stays in its buffer and spoils the exit code."""
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _write_all(fd: int, line: bytes) -> None:
    while line:
        line = line[os.write(fd, line) :]


def _area(name: str) -> str:
    first, _, rest = name.partition(".")
    if first == "uvicorn":
        return "server"
    return rest if first == "chatctl" and rest else first


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # whatever an argument's __str__ raises; the event itself matters
        return f"{_shown(record.msg)} (arguments not shown: {type(error).__name__})"


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # as above
        return f"<{type(value).__name__}>"


def _traceback(record: logging.LogRecord) -> str:
    text = ""
    if record.exc_info and record.exc_info[1] is not None:
        text = "".join(traceback.format_exception(record.exc_info[1]))
    return f"{text}{record.stack_info}" if record.stack_info else text


def _as_json(event: LogLine) -> str:
    row: dict[str, Plain] = {
        "time": event.time,
        "level": event.level,
        "area": event.area,
        "message": event.message,
        **event.fields,
    }
    if event.traceback:
        row["traceback"] = "\n".join(event.traceback)
    return msgspec.json.encode(row).decode()


def _as_text(event: LogLine, color: bool) -> str:
    level = f"{event.level.upper():<7}"
    if color and event.level in _COLORS:
        level = f"{_COLORS[event.level]}{level}\x1b[0m"
    parts = [event.time, level, f"{event.area:<9}", event.message]
    parts += [f"{name}={_quoted(value)}" for name, value in event.fields.items()]
    return "\n".join([" ".join(parts), *(f"    | {line}" for line in event.traceback)])


def _quoted(value: Plain) -> str:
    """A raw quote never stands inside: the end of a value cannot be forged."""
    if not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    if value and not re.search(r"""[\s"'=]""", value):
        return value
    return '"' + value.replace('"', "\\x22") + '"'


def configure(
    format: Literal["auto", "text", "json"],  # noqa: A002 - what --log-format is called
    level: str = "info",
    stream: TextIO | None = None,
    color: bool = False,
    *,
    secrets: Iterable[str] = (),
) -> None:
    """``level`` is a checked LOG_LEVEL: ``info,sync=debug``. May be called again.

    ``stream`` is stderr when left out. ``auto`` is text on a terminal and JSON otherwise. Other
    libraries log from warning on, and uvicorn's own news from ``server=debug`` on. ``access``,
    whose lines are of level info, is at warning unless it is named or the general level is debug.
    """
    stream = stream if stream is not None else sys.stderr
    form = format if format != "auto" else ("text" if _is_terminal(stream) else "json")
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, LogHandler)]:
        root.removeHandler(old)
    root.addHandler(LogHandler(form, stream, color, Masker(secrets)))
    logging.captureWarnings(True)
    _set_levels(*_parse_level(level))


def add_secret(secret: str) -> None:
    """From here on it is masked, too: a key that is generated after ``configure``."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogHandler):
            handler.add_secret(secret)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _parse_level(level: str) -> tuple[str, dict[str, str]]:
    general, *areas = level.split(",")
    return general, dict(part.split("=", 1) for part in areas)


def _set_levels(general: str, areas: dict[str, str]) -> None:
    for name, logger in logging.Logger.manager.loggerDict.items():
        if name.startswith("chatctl.") and isinstance(logger, logging.Logger):
            logger.setLevel(logging.NOTSET)
    logging.getLogger().setLevel(_at_least_warning(general))
    logging.getLogger("chatctl").setLevel(general.upper())
    access = {"access": "info" if general == "debug" else "warning"}
    for area, level in {**access, **areas}.items():
        logging.getLogger(f"chatctl.{area}").setLevel(level.upper())
    server = areas.get("server", general)
    _set_uvicorn("uvicorn.error", "INFO" if server == "debug" else _at_least_warning(server))
    _set_uvicorn("uvicorn.asgi", _at_least_warning(server))


def _at_least_warning(level: str) -> str:
    return "ERROR" if level == "error" else "WARNING"


def _is_no_upgrade(record: logging.LogRecord) -> bool:
    """The access log tells of upgrades; uvicorn would with the query, and its tokens."""
    return '"WebSocket ' not in str(record.msg)


def _set_uvicorn(name: str, level: str) -> None:
    """uvicorn must be started with ``log_config=None``, or it takes its loggers back."""
    logger = logging.getLogger(name)
    logger.handlers.clear()
    logger.propagate = True
    logger.addFilter(_is_no_upgrade)  # a second time changes nothing
    logger.setLevel(level.upper())
