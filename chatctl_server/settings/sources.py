"""The settings in force: each from the strongest source that names it.

A source wins over those behind it: flag, environment, ``.env``, TOML or YAML file, systemd's
credentials, default. An empty value counts as unset. The only module that reads the environment.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

import msgspec

from chatctl_server.errors import InvalidSetting
from chatctl_server.settings import secret_files, spelling, values, yaml_files
from chatctl_server.settings.files import (
    FoundSetting,
    ReadFile,
    config_file,
    read_dotenv,
    read_toml,
    refuse_misspelt,
)
from chatctl_server.settings.table import (
    FLAGS,
    SECRET_FILES,
    SETTINGS,
    Setting,
    Settings,
    as_text,
    masked,
)
from chatctl_server.settings.values import Address, ValueRefused

__all__ = [
    "FLAGS",
    "SECRET_FILES",
    "SETTINGS",
    "Address",
    "Loaded",
    "Setting",
    "Settings",
    "database_path",
    "load",
    "misspelt_in_environment",
    "parse",
    "secret_values",
]

KNOWN = (*SETTINGS, *SECRET_FILES)


class Loaded(msgspec.Struct, frozen=True):
    """``origin`` says for every NAME where its value is from: ``.env line 4``, ``default``.

    ``unknown``: what stands in ``.env`` and is no setting. ``warnings``: files with secrets that
    others may read, and what a YAML file has beside settings.
    """

    settings: Settings
    origin: dict[str, str]
    config_path: Path | None
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def load(
    flags: Mapping[str, str | None] = MappingProxyType({}),
    *,
    config: str | None = None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path = Path(),
) -> Loaded:
    """``flags`` maps setting names to what the command line said; ``config`` is ``--config``."""
    dotenv = read_dotenv(cwd / ".env", (*KNOWN, "CHAT_CONFIG", "RUST_LOG"))
    named = config or environ.get("CHAT_CONFIG") or _text(dotenv.found, "CHAT_CONFIG")
    file = config_file(named, cwd)
    written = _read_file(*file) if file else ReadFile({}, {})
    refuse_misspelt(dotenv.unknown, written.unknown, KNOWN)
    found = secret_files.credentials(environ.get("CREDENTIALS_DIRECTORY"), SECRET_FILES, cwd)
    for source in (written.found, dotenv.found, _from_environment(environ), _from_flags(flags)):
        found |= secret_files.merged(source, SECRET_FILES)
    warnings = [*written.warnings, *_read_secrets(found, cwd)]
    if "LOG_LEVEL" not in found and "RUST_LOG" in found:
        found["LOG_LEVEL"] = _from_rust_log(found["RUST_LOG"])
    settings = _parsed(found)
    origin = {name: found[name].origin if name in found else "default" for name in SETTINGS}
    _check_together(settings, origin)
    unknown = tuple(f"{name} ({place})" for name, place in dotenv.unknown.items())
    path = file[0].absolute() if file else None
    return Loaded(settings, origin, path, unknown, tuple(warnings))


def _read_file(path: Path, called: str) -> ReadFile:
    is_yaml = path.suffix in yaml_files.SUFFIXES
    return yaml_files.read(path, called, KNOWN) if is_yaml else read_toml(path, called, KNOWN)


def _read_secrets(found: dict[str, FoundSetting], cwd: Path) -> list[str]:
    """Puts the secrets into the place of their files' names; what is to be warned of."""
    warnings = []
    for name, one in found.items():
        if one.file_setting:
            found[name], warning = secret_files.read(one, cwd)
            warnings += [warning] if warning else []
    return warnings


def _text(source: Mapping[str, FoundSetting], name: str) -> str | None:
    return source[name].text.strip() if name in source else None


def _from_environment(environ: Mapping[str, str]) -> dict[str, FoundSetting]:
    names = (*KNOWN, "RUST_LOG")
    found = {name: FoundSetting(environ[name], "environment") for name in names if name in environ}
    if "LANGUAGE" in found and _is_of_a_terminal(found["LANGUAGE"].text):
        del found["LANGUAGE"]
    return found


def _is_of_a_terminal(language: str) -> bool:
    """gettext's variable has the same name, and desktops set it to the likes of ``en_US:en``."""
    try:
        SETTINGS["LANGUAGE"].value_type.parse(language.strip())
    except ValueRefused:
        return True
    return False


def misspelt_in_environment(environ: Mapping[str, str] = os.environ) -> list[str]:
    """What is to be warned of: the environment is also other programs', so a slip is not refused.
    Not part of ``load``, since few commands have the time for it."""
    others = sorted(environ.keys() - set(KNOWN))
    slips = {name: spelling.slip_of(name.upper(), KNOWN) for name in others}
    return [
        f"there is no setting {name} (environment): did you mean {meant}?"
        for name, meant in slips.items()
        if meant is not None
    ]


def _from_flags(flags: Mapping[str, str | None]) -> dict[str, FoundSetting]:
    return {name: FoundSetting(text, f"flag {FLAGS[name]}") for name, text in flags.items() if text}


def _from_rust_log(found: FoundSetting) -> FoundSetting:
    return FoundSetting(values.rust_log(found.text), f"RUST_LOG, {found.origin}")


def _parsed(found: Mapping[str, FoundSetting]) -> Settings:
    """Raises InvalidSetting, which says all that is wrong; its field and hint are the first's."""
    fields: dict[str, object] = {}
    wrong: list[InvalidSetting] = []
    for name, setting in SETTINGS.items():
        if name in found:
            try:
                fields[setting.field] = _value(setting, found[name])
            except InvalidSetting as refused:
                wrong.append(refused)
    if wrong:
        said = "; ".join(each.detail for each in wrong)
        raise InvalidSetting(said, field=wrong[0].field, hint=wrong[0].hint)
    return Settings(**fields)  # type: ignore[arg-type]  # each kind parses to its field's type


def parse(name: str, text: str, origin: str) -> object:
    """Of one setting, that stands elsewhere. Raises InvalidSetting, which names the origin."""
    return _value(SETTINGS[name], FoundSetting(text, origin))


def _value(setting: Setting, found: FoundSetting) -> object:
    text = found.text.strip()
    try:
        _refuse_unwritable(text)
        return setting.value_type.parse(text)
    except ValueRefused as refused:
        raise _invalid(setting, found.origin, setting.shown(text), refused) from None


def _refuse_unwritable(text: str) -> None:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueRefused("holds a line break or another control character")
    if re.search(r"[\ud800-\udfff]", text):
        raise ValueRefused("is not valid UTF-8")


def _invalid(setting: Setting, origin: str, shown: str, refused: ValueRefused) -> InvalidSetting:
    value = "the value" if setting.secret else repr(shown if len(shown) < 80 else shown[:79] + "…")
    return InvalidSetting(
        f"{setting.name} (from {origin}): {value} {refused.problem}; allowed: {setting.allowed}",
        field=setting.name,
        hint=refused.hint,
    )


def _check_together(settings: Settings, origin: Mapping[str, str]) -> None:
    if settings.room_identity == "token" and not settings.room_token_secret:
        raise InvalidSetting(
            f"ROOM_IDENTITY (from {origin['ROOM_IDENTITY']}): 'token' needs ROOM_TOKEN_SECRET; "
            f"allowed: {SETTINGS['ROOM_TOKEN_SECRET'].allowed}",
            field="ROOM_TOKEN_SECRET",
            hint="openssl rand -hex 32 writes a good one",
        )


def database_path(url: str) -> Path | None:
    """The file of a DATABASE_URL, relative as written; None for the database in memory."""
    try:
        return values.parse_database(url.strip())
    except ValueRefused as refused:
        setting = SETTINGS["DATABASE_URL"]
        detail = f"{masked(url)!r} {refused.problem}; allowed: {setting.allowed}"
        raise InvalidSetting(detail, field="DATABASE_URL", hint=refused.hint) from None


def secret_values(settings: Settings) -> list[str]:
    """What must never appear in a log: secrets, and the passwords inside addresses."""
    found: list[str] = []
    for setting in SETTINGS.values():
        value = getattr(settings, setting.field)
        text = as_text(value)
        if setting.secret:
            found += value if isinstance(value, tuple) else [text]
        elif setting.name.endswith("_URL") and (match := re.search(r"//[^/@:]*:([^/@]*)@", text)):
            found += [match[1], unquote(match[1])]
    return [text for text in dict.fromkeys(found) if text]
