"""``chatctl init``: a production configuration, its secrets and its database.

While it works, ``.chatctl-init`` lies in the directory. What is found beside it is an interrupted
run's: the next one completes it. Without it, whatever is there already is somebody's own.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from chatctl.link import connection
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, arg, verb
from chatctl.show import output
from chatctl.show.visible import visible

MARK = ".chatctl-init"
# For the service's user to read, whatever root's umask: the configuration holds no secret.
OPEN = 0o644
_WRITTEN = output.columns(
    "configuration configuration id; database database id; admin_api_key_file admin API key id; "
    "room_token_secret_file room token secret id; jwt_secret_file JWT secret id"
)
_FIRST = (
    "chatctl serve",
    "chatctl rooms create lobby",
    "chatctl users create Anna anna@example.org",
)
_TEXT = """\
# Written by chatctl init. All settings, and what is in force: chatctl config show --origin

# Everything is stored here.
DATABASE_URL = {database}

# This machine only. For a network put a proxy with TLS in front, and name it in TRUSTED_PROXIES.
#BIND_ADDRESS = "127.0.0.1:3000"
#TRUSTED_PROXIES = "127.0.0.1/32,::1/128"

# Where links of invites and new passwords lead.
#PUBLIC_URL = "https://chat.example.com"

# The key of the management API (header X-Api-Key).
ADMIN_API_KEY_FILE = {admin_api_key}

# Users join with a token that your product, or chatctl token mint, signs with this secret.
ROOM_IDENTITY = "token"
ROOM_TOKEN_SECRET_FILE = {room_token_secret}

# Accounts are made by you, or with an invite; this secret signs their access tokens.
OPEN_SIGNUP = false
JWT_SECRET_FILE = {jwt_secret}

# At the support desk agents and visitors show who they are, also on this machine.
SUPPORT_ACCESS = "token"

# A callback that fails is tried again for up to three days, at growing delays.
CALLBACK_BACKOFF = "exponential"

# Seconds between two messages of one user in a room; room admins are exempt.
USER_MESSAGE_INTERVAL_SECS = 3
"""


@dataclass
class InitTarget:
    """Where the parts go. ``made`` are those that this run has made, to be undone if it fails."""

    directory: Path
    database: Path
    made: list[Path] = field(default_factory=list)

    @property
    def configuration(self) -> Path:
        return self.directory / "chatctl.toml"

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets"

    @property
    def admin_api_key(self) -> Path:
        return self.secrets / "admin-api-key"

    @property
    def room_token_secret(self) -> Path:
        return self.secrets / "room-token-secret"

    @property
    def jwt_secret(self) -> Path:
        return self.secrets / "jwt-secret"

    def parts(self) -> tuple[Path, ...]:
        secrets = self.admin_api_key, self.room_token_secret, self.jwt_secret
        return self.configuration, *secrets, self.database


@verb(
    "init",
    "chatctl init",
    "chatctl init /etc/chatctl --db sqlite:///var/lib/chatctl/chat.db",
    exits=(3, 5),
    because={5: "something is there already, as after a first init"},
    changes=True,
)
def init(options: Options, directory: Annotated[Path | None, arg("[DIR]")] = None) -> None:
    """Write a production configuration: file database, generated secrets, joining by token."""
    connection.acts_on_a_file(options)
    if options.config is not None:
        raise failures.usage("init writes DIR/chatctl.toml; --config is not for it", "chatctl init")
    place = _place(options, directory or Path())
    with (
        connection.server_errors(),
        _begun(place),
        connection.alone(options, place.database),
        _undone(place),
    ):
        _make(place)
    _tell(options, place)


def _place(options: Options, directory: Path) -> InitTarget:
    home = Path(os.path.realpath(directory))
    if not str(home).isprintable():
        raise failures.usage(f"{home} has a name that no configuration can hold")
    if options.db is None:
        return InitTarget(home, home / "chat.db")
    with connection.server_errors():
        from chatctl_server.settings.sources import database_path

        path = database_path(options.db)
    if path is None:
        raise failures.usage("a production database is a file", "--db sqlite:///var/lib/chat.db")
    found = InitTarget(home, Path(os.path.realpath(path)))
    if not found.database.parent.is_dir() and found.database.parent != home:
        parent = found.database.parent
        raise Failure(
            "file_not_found",
            f"there is no directory {parent}",
            shlex.join(("mkdir", "-p", str(parent))),
        )
    return found


@contextlib.contextmanager
def _begun(place: InitTarget) -> Iterator[None]:
    """The mark is there, and nobody else holds it. Of a failing run no mark and directory stay."""
    new = [each for each in (place.directory, *place.directory.parents) if not each.exists()]
    place.directory.mkdir(parents=True, exist_ok=True)
    for each in new:
        each.chmod(OPEN | 0o111)
    mark = place.directory / MARK
    descriptor, is_new = _held(mark)
    try:
        if is_new:
            _refuse_existing(place)
        yield
    except BaseException:
        if is_new:
            mark.unlink()
            for each in new:
                each.rmdir()
        raise
    finally:
        os.close(descriptor)
    mark.unlink()


@contextlib.contextmanager
def _undone(place: InitTarget) -> Iterator[None]:
    """What a failing run has made goes before its lock, which no database keeps there then."""
    try:
        yield
    except BaseException:
        for each in reversed(place.made):
            _undo(each)
        raise


def _held(mark: Path) -> tuple[int, bool]:
    """Its descriptor, and whether it was made now. Raises Failure beside another init."""
    while True:
        is_new = not mark.exists()
        descriptor = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor, is_new
        except BlockingIOError:
            os.close(descriptor)
            raise Failure("lock_held", f"another chatctl init works in {mark.parent}") from None
        os.close(descriptor)


def _refuse_existing(place: InitTarget) -> None:
    for each in place.parts():
        if os.path.lexists(each):
            raise Failure(
                "file_exists",
                f"{each} exists already; nothing was changed",
                f"{_shown(place)}another directory: chatctl init DIR",
            )


def _shown(place: InitTarget) -> str:
    if not place.configuration.exists():
        return ""
    return f"{shlex.join(('chatctl', 'config', 'show', '--config', str(place.configuration)))}, or "


def _undo(made: Path) -> None:
    if made.is_dir():
        made.rmdir()
    else:
        for suffix in ("", "-wal", "-shm", "-journal"):
            made.with_name(made.name + suffix).unlink(missing_ok=True)


def _make(place: InitTarget) -> None:
    """The configuration last: with it everything else is there."""
    from chatctl_server.storage import files, maintenance

    if not os.path.lexists(place.secrets):
        place.secrets.mkdir(mode=0o700)
        place.made.append(place.secrets)
        files.hand_over(place.secrets, place.directory)
    _write(place, place.admin_api_key, secrets.token_urlsafe(32) + "\n")
    _write(place, place.room_token_secret, secrets.token_hex(32) + "\n")
    _write(place, place.jwt_secret, secrets.token_hex(32) + "\n")
    if not place.database.exists():
        place.made.append(place.database)
    maintenance.migrate(place.database)
    files.hand_over(place.database, place.database.parent)
    _write(place, place.configuration, _configuration(place), OPEN)
    files.sync(place.directory)


def _write(place: InitTarget, path: Path, text: str, mode: int = 0o600) -> None:
    """Whole or not at all, and on the disk. One that an interrupted run has made stays."""
    from chatctl_server.storage import files

    if path.exists():
        if mode == OPEN and path.read_text(encoding="utf-8") != text:
            raise Failure(
                "file_exists",
                f"{path} is of a run that was given something else",
                f"rm {shlex.quote(str(path))}, and chatctl init again",
            )
        return
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with files.failures(path):
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(descriptor, mode)
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            files.hand_over(part, path.parent)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        place.made.append(path)
        files.sync(path.parent)


def _configuration(place: InitTarget) -> str:
    return _TEXT.format(
        database=_quoted(f"sqlite://{place.database}"),
        admin_api_key=_quoted(str(place.admin_api_key)),
        room_token_secret=_quoted(str(place.room_token_secret)),
        jwt_secret=_quoted(str(place.jwt_secret)),
    )


def _quoted(text: str) -> str:
    """A TOML string: for what is printable, that of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _tell(options: Options, place: InitTarget) -> None:
    written = {
        "configuration": str(place.configuration),
        "database": str(place.database),
        "admin_api_key_file": str(place.admin_api_key),
        "room_token_secret_file": str(place.room_token_secret),
        "jwt_secret_file": str(place.jwt_secret),
    }
    commands = _next(place)
    _warn_of_others(options, place)
    if options.json:
        output.document({"changed": True, **written, "next": commands})
        return
    output.record(options, _WRITTEN, written)
    if not options.quiet:
        sys.stderr.write(
            "\nUsers join with a token, and may send a message every 3 seconds. The secrets\n"
            "are readable by their owner only; keep a copy of them in a safe place.\n"
            "Start the server, and in a second terminal create a room,\n"
            "or an account of team chat:\n\n"
            + "".join(f"  {visible(command)}\n" for command in commands)
        )


def _next(place: InitTarget) -> list[str]:
    if Path.cwd() == place.directory or place.directory == Path("/etc/chatctl"):
        return list(_FIRST)
    config = f"--config {shlex.quote(str(place.configuration))}"
    return [f"{command} {config}" for command in _FIRST]


def _warn_of_others(options: Options, place: InitTarget) -> None:
    """The environment and ``.env`` win over what was written."""
    from chatctl_server.errors import InvalidSetting
    from chatctl_server.settings import sources

    try:
        loaded = sources.load(config=str(place.configuration))
    except InvalidSetting as error:
        output.note(options, f"before the first start, mend this: {error}")
        return
    ours = {
        "DATABASE_URL": str(place.configuration),
        "ADMIN_API_KEY": f"file {place.admin_api_key}",
        "ROOM_IDENTITY": str(place.configuration),
        "ROOM_TOKEN_SECRET": f"file {place.room_token_secret}",
        "OPEN_SIGNUP": str(place.configuration),
        "JWT_SECRET": f"file {place.jwt_secret}",
    }
    for name, expected in ours.items():
        origin = loaded.origin[name]
        if not origin.startswith(expected):
            output.note(options, f"{name} from {origin} wins over {place.configuration}")
