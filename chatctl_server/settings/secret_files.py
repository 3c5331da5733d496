"""Secrets that stand in files of their own: ``NAME_FILE`` names one, systemd hands one over.

A secret in a file is in no environment that a child process inherits and in no configuration
that is copied around.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from chatctl_server.errors import InvalidSetting
from chatctl_server.settings.files import FoundSetting

MOST_BYTES = 4096
_NEWLINES = "\r\n"


def merged(source: Mapping[str, FoundSetting], files: Mapping[str, str]) -> dict[str, FoundSetting]:
    """One source by the settings' own names, each with its text or with the name of its file.

    ``files`` maps ``NAME_FILE`` to ``NAME``. Raises InvalidSetting when both are given.
    """
    given = {name: found for name, found in source.items() if found.text.strip()}
    chosen = {name: found for name, found in given.items() if name not in files}
    for file_name, name in files.items():
        if file_name not in given:
            continue
        if name in chosen:
            raise InvalidSetting(
                f"{name} (from {chosen[name].origin}) and {file_name} "
                f"(from {given[file_name].origin}) are both set",
                field=name,
                hint=f"leave out one of them; {file_name} keeps the secret out of sight",
            )
        chosen[name] = given[file_name]._replace(file_setting=file_name)
    return chosen


def credentials(
    directory: str | None, names: Mapping[str, str], cwd: Path
) -> dict[str, FoundSetting]:
    """The files that systemd put into ``$CREDENTIALS_DIRECTORY``, see systemd.exec(5).

    ``names`` maps ``NAME_FILE`` to ``NAME``; a credential is called ``admin-api-key`` or
    ``ADMIN_API_KEY``.
    """
    found: dict[str, FoundSetting] = {}
    if not directory:
        return found
    for file_name, name in names.items():
        possible = [cwd / directory / each for each in (name.lower().replace("_", "-"), name)]
        there = [path for path in possible if path.exists()]
        if len(there) > 1:
            raise InvalidSetting(
                f"{name}: the credentials {there[0]} and {there[1]} are the same setting",
                field=name,
                hint="leave out one of them",
            )
        for path in there:
            found[name] = FoundSetting(str(path), "CREDENTIALS_DIRECTORY", file_name)
    return found


def read(named: FoundSetting, cwd: Path) -> tuple[FoundSetting, str | None]:
    """The secret in the file, and a warning when others may read it.

    The text is without the newline at its end. Raises InvalidSetting, which names the file.
    """
    who = f"{named.file_setting} (from {named.origin})"
    name = named.file_setting.removesuffix("_FILE")
    text = named.text.strip()
    path = Path.home() / text[2:] if text.startswith("~/") else (cwd / text).absolute()
    try:
        content, mode = _content(path)
    except (OSError, ValueError) as error:
        raise _unreadable(who, name, text, path, error) from None
    secret = _checked(who, name, path, content)
    warning = None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        doing = "read" if mode & stat.S_IROTH else "change"
        warning = f"everybody on this machine may {doing} {path}: chmod 600 {path}"
    return FoundSetting(secret, f"file {path}"), warning


def _content(path: Path) -> tuple[bytes, int]:
    """At most one byte above the limit, and the mode. A pipe could wait for ever, or be empty
    for the second reader."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise IsADirectoryError if stat.S_ISDIR(mode) else ValueError
        return os.read(descriptor, MOST_BYTES + 1), mode
    finally:
        os.close(descriptor)


def _unreadable(
    who: str, name: str, text: str, path: Path, error: OSError | ValueError
) -> InvalidSetting:
    if isinstance(error, FileNotFoundError) and "/" not in text:
        # Perhaps the secret itself, written into the wrong setting: it is not repeated.
        problem = f"what it names is no file in {path.parent}"
    elif isinstance(error, FileNotFoundError):
        problem = f"there is no file {path}"
    elif isinstance(error, PermissionError):
        return InvalidSetting(
            f"{who}: {path} is not for this user to read",
            field=name,
            hint=f"run this as the owner of {path}",
        )
    elif isinstance(error, OSError) and error.strerror:
        problem = f"{path} cannot be read: {error.strerror}"
    else:
        problem = f"{path} is no plain file"
    return InvalidSetting(f"{who}: {problem}", field=name, hint=_how_to_write(name))


def _checked(who: str, name: str, path: Path, content: bytes) -> str:
    if len(content) > MOST_BYTES:
        problem = f"{path} is larger than {MOST_BYTES} bytes, which no secret is"
        raise InvalidSetting(f"{who}: {problem}", field=name, hint=_how_to_write(name))
    try:
        secret = content.decode("utf-8-sig").rstrip(_NEWLINES)
    except UnicodeDecodeError:
        raise InvalidSetting(
            f"{who}: {path} is not UTF-8 text", field=name, hint=_how_to_write(name)
        ) from None
    if not secret.strip():
        raise InvalidSetting(f"{who}: {path} is empty", field=name, hint=_how_to_write(name))
    return secret


def _how_to_write(name: str) -> str:
    encoding = "-base64" if name == "CALLBACK_SIGNING_SECRET" else "-hex"
    return f"umask 077; openssl rand {encoding} 32 > FILE, and FILE as {name}_FILE"
