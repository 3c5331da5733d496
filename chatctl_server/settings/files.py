"""The files that settings come from: ``.env``, and a flat TOML file or one of ``yaml_files``."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from chatctl_server.errors import InvalidSetting, NotFound
from chatctl_server.settings import spelling

DEFAULT_FILES = (
    "chatctl.toml",
    "/etc/chatctl/chatctl.toml",
    "app.yaml",
    "/etc/config/app.yaml",
)


class FoundSetting(NamedTuple):
    """One setting as it was written. ``origin`` continues "from": ``.env line 4``.

    ``file_setting`` is the NAME_FILE whose text this is: the name of a file with the secret.
    """

    text: str
    origin: str
    file_setting: str = ""


class ReadFile(NamedTuple):
    """``unknown``: the names of no setting, and where they stand."""

    found: dict[str, FoundSetting]
    unknown: dict[str, str]
    warnings: tuple[str, ...] = ()


def read_dotenv(path: Path, known: Collection[str]) -> ReadFile:
    # A virtual environment is a directory that is often called .env.
    if not path.is_file():
        return ReadFile({}, {})
    from dotenv.parser import parse_stream  # 0.07 s, and most directories have no such file

    found: dict[str, FoundSetting] = {}
    unknown: dict[str, str] = {}
    for binding in parse_stream(StringIO(read_text(path))):
        written = binding.original.string
        blank = written[: len(written) - len(written.lstrip())]
        line = binding.original.line + len(re.findall(r"\r\n|\n|\r", blank))
        origin = f"{path.name} line {line}"
        if binding.error:
            _refuse_broken_line(written, origin, known)
        elif binding.key is not None and binding.key in known:
            found[binding.key] = FoundSetting(binding.value or "", origin)
        elif binding.key is not None:
            unknown[binding.key] = origin
    return ReadFile(found, unknown)


def refuse_misspelt(
    dotenv: Mapping[str, str], toml: Mapping[str, str], settings: Collection[str]
) -> None:
    """Raises InvalidSetting, which names every unknown one. ``.env`` may belong to several
    programs: of its names only those are refused that are written like a setting's."""
    meant = {name: spelling.meant(name.upper(), settings) for name in (*dotenv, *toml)}
    if not toml and not any(meant.values()):
        return
    for name in toml:
        meant[name] = meant[name] or next(
            iter(get_close_matches(name.upper(), settings, n=1)), None
        )
    unknown = [*dotenv.items(), *toml.items()]
    near = ", ".join(each for each in meant.values() if each)
    raise InvalidSetting(
        "; ".join(f"{origin}: there is no setting {name!r}" for name, origin in unknown),
        field=unknown[0][0],
        hint=f"did you mean {near}?" if near else None,
    )


def _refuse_broken_line(written: str, origin: str, known: Collection[str]) -> None:
    match = re.match(r"\s*(?:export\s+)?['\"]?(\w+)", written)
    if match and match[1] in known:
        if "=" not in written:
            raise InvalidSetting(
                f"{match[1]} (from {origin}): the line has no =, as in {match[1]}=value",
                field=match[1],
            )
        raise InvalidSetting(
            f"{match[1]} (from {origin}): the line cannot be read",
            field=match[1],
            hint="look for a quote that is not closed, or text behind the closing one",
        )


def config_file(named: str | None, cwd: Path) -> tuple[Path, str] | None:
    """The file and what to call it. A file that somebody named has to be there."""
    for name in [named] if named else DEFAULT_FILES:
        path = cwd / name
        if path.exists():
            return path, name
    if named:
        raise NotFound(f"the configuration file {(cwd / named).absolute()} does not exist")
    return None


def read_toml(path: Path, called: str, known: Collection[str]) -> ReadFile:
    import tomllib  # 0.02 s

    text = read_text(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{called} is not valid TOML: {error}") from None
    lines = _line_numbers(text)
    origins = {name: f"{called} line {lines[name]}" if name in lines else called for name in table}
    found = {name: found_setting(name, value, origins[name]) for name, value in table.items()}
    return ReadFile(
        {name: each for name, each in found.items() if name in known},
        {name: origin for name, origin in origins.items() if name not in known},
    )


def found_setting(name: str, value: object, origin: str) -> FoundSetting:
    """Raises InvalidSetting for a value that is neither a text nor a whole number."""
    if isinstance(value, dict):
        raise InvalidSetting(
            f"{origin}: [{name}] is a table, but the file is flat",
            field=name,
            hint='write every setting at the top as NAME = "value"',
        )
    if isinstance(value, bool):
        return FoundSetting("true" if value else "false", origin)
    if not isinstance(value, str | int):
        raise InvalidSetting(
            f"{name} (from {origin}): the value is neither a text nor a whole number",
            field=name,
            hint=f'write {name} = "…", several values with commas between them',
        )
    return FoundSetting(str(value), origin)


def _line_numbers(text: str) -> dict[str, int]:
    """Where each key stands; tomllib does not tell."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.match(r"""\s*\[*\s*["']?([\w-]+)["']?\s*[].=]""", line)
        if match:
            lines.setdefault(match[1], number)
    return lines


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidSetting(f"{path} is not UTF-8 text") from None
