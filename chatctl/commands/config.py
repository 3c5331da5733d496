"""``chatctl config``: the settings in force, and what is risky about them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from chatctl.link import connection, mismatches
from chatctl.shell.options import Options, opt, verb
from chatctl.show import output

if TYPE_CHECKING:
    from chatctl_server.settings.sources import Loaded, Settings

_SHOWN = output.columns("name SETTING id; value VALUE id; origin FROM id")
_CHECKED = output.columns("ok ok; configuration configuration id; warnings warnings")
ONE_ADDRESS = "behind a proxy all users are one address"
_OTHERS_READ = 0o004


@verb("show", "chatctl config show --origin", "chatctl config show --config chatctl.toml --json")
def show(
    options: Options,
    origin: Annotated[bool, opt("--origin", "Also where each value is from.")] = False,
) -> None:
    """List every setting with its value; secrets are masked."""
    from chatctl_server.settings.sources import SETTINGS

    loaded = _loaded(options)
    mismatches.note_others(options, loaded)
    found = [
        {
            "name": name,
            "value": setting.shown(getattr(loaded.settings, setting.field)) or None,
            "origin": loaded.origin[name],
        }
        for name, setting in SETTINGS.items()
    ]
    output.rows(options, _SHOWN if origin or options.json else _SHOWN[:2], found)


@verb("check", "chatctl config check", "chatctl config check --config chatctl.toml --json")
def check(options: Options) -> None:
    """Check every setting, and warn of combinations that are risky."""
    loaded = _loaded(options)
    warnings = [*loaded.warnings, *_risks(loaded), *mismatches.other_settings(loaded)]
    for warning in warnings:
        output.note(options, f"warning: {warning}")
    path = _configuration(loaded)
    if options.json:
        output.document({"ok": True, "configuration": path, "warnings": warnings})
        return
    found = {"ok": True, "configuration": path, "warnings": len(warnings)}
    output.record(options, _CHECKED, found)
    if sys.stdout.isatty() and not warnings:
        output.note(options, "nothing is risky")


def _configuration(loaded: "Loaded") -> str | None:
    """The TOML or YAML file, or else the .env that settings come from."""
    if loaded.config_path is not None:
        return str(loaded.config_path)
    path = Path(".env").absolute()
    return str(path) if any(_is_from(each, path) for each in loaded.origin.values()) else None


def _loaded(options: Options) -> "Loaded":
    connection.acts_on_a_file(options)
    with connection.server_errors():
        loaded = connection.load(options)
        mismatches.note(options, connection.database_file(loaded), loaded.config_path)
    return loaded


def _risks(loaded: "Loaded") -> Iterator[str]:
    from chatctl_server.settings.sources import misspelt_in_environment

    settings = loaded.settings
    yield from _open_to_the_network(settings)
    if settings.room_identity == "open" and settings.room_token_secret:
        yield "ROOM_TOKEN_SECRET is set, but with ROOM_IDENTITY=open nobody needs a token"
    if settings.max_connections_per_address and not settings.trusted_proxies:
        yield f"MAX_CONNECTIONS_PER_ADDRESS without TRUSTED_PROXIES: {ONE_ADDRESS}"
    if settings.rate_limit_per_minute and not settings.trusted_proxies:
        yield f"RATE_LIMIT_PER_MINUTE without TRUSTED_PROXIES: {ONE_ADDRESS}"
    if any(network.prefixlen == 0 for network in settings.trusted_proxies):
        yield "TRUSTED_PROXIES names every address: any client may say it is another one"
    for name in loaded.unknown:
        yield f"there is no setting {name}: is it another program's?"
    yield from misspelt_in_environment()
    yield from _of_database(settings)
    yield from _secrets_in_readable_files(loaded)


def _open_to_the_network(settings: "Settings") -> Iterator[str]:
    from chatctl_server.process.sockets import is_loopback, joins_as_anybody

    public = [each for each in settings.bind_address if not is_loopback(each.host)]
    if public and settings.room_identity == "open":
        yield joins_as_anybody(public[0])
    if public and settings.metrics_key is None:
        yield f"anybody who reaches {public[0]} may read /metrics: set METRICS_KEY_FILE"
    if settings.support_access == "open":
        yield (
            "SUPPORT_ACCESS=open: through a proxy here that adds no X-Forwarded-For everybody is "
            "an agent of the support desk"
        )


def _of_database(settings: "Settings") -> Iterator[str]:
    from chatctl_server.settings.sources import database_path

    path = database_path(settings.database_url)
    if path is None:
        yield "the database is in memory and lost at the stop: set DATABASE_URL=sqlite:./chat.db"
    elif not path.absolute().parent.is_dir():
        yield f"there is no directory {path.absolute().parent} for the database"


def _secrets_in_readable_files(loaded: "Loaded") -> list[str]:
    """A secret that stands in the configuration itself, which others may read."""
    from chatctl_server.settings.sources import SETTINGS

    secret = [loaded.origin[name] for name, setting in SETTINGS.items() if setting.secret]
    return [
        f"everybody on this machine may read the secrets in {path}: chmod 600 {path}"
        for path in filter(None, (Path(".env").absolute(), loaded.config_path))
        if any(_is_from(origin, path) for origin in secret) and path.stat().st_mode & _OTHERS_READ
    ]


def _is_from(origin: str, path: Path) -> bool:
    """Origins name the file as it was named, as in ``.env line 4``."""
    name, found, _ = origin.rpartition(" line ")
    return bool(found) and Path(name).absolute() == path
