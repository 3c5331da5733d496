"""``chatctl config``: what is in force and where it is from, and what is risky about it."""

import json
import os
from pathlib import Path

from prepared_server import Chatctl, lines
from same_process import Here

from chatctl_server.settings.sources import SETTINGS

SECRET = "correct-horse-battery-staple-0123456789"
SOUND = 'DATABASE_URL = "sqlite:./chat.db"\n'


RISKY = {
    'BIND_ADDRESS = "127.0.0.1:1,0.0.0.0:3000"\nMETRICS_KEY = "m"\n': (
        "anybody who reaches 0.0.0.0:3000 may join as any user: set ROOM_IDENTITY=token"
    ),
    f'BIND_ADDRESS = "[::]:3000"\nROOM_IDENTITY = "token"\nROOM_TOKEN_SECRET = "{SECRET}"\n': (
        "anybody who reaches [::]:3000 may read /metrics: set METRICS_KEY_FILE"
    ),
    'SUPPORT_ACCESS = "open"\n': (
        "SUPPORT_ACCESS=open: through a proxy here that adds no X-Forwarded-For everybody is an "
        "agent of the support desk"
    ),
    f'ROOM_TOKEN_SECRET = "{SECRET}"\n': (
        "ROOM_TOKEN_SECRET is set, but with ROOM_IDENTITY=open nobody needs a token"
    ),
    "MAX_CONNECTIONS_PER_ADDRESS = 5\n": (
        "MAX_CONNECTIONS_PER_ADDRESS without TRUSTED_PROXIES: behind a proxy all users "
        "are one address"
    ),
    "RATE_LIMIT_PER_MINUTE = 5\n": (
        "RATE_LIMIT_PER_MINUTE without TRUSTED_PROXIES: behind a proxy all users are one address"
    ),
    'TRUSTED_PROXIES = "0.0.0.0/0"\n': (
        "TRUSTED_PROXIES names every address: any client may say it is another one"
    ),
}


def _write(here: Here, name: str, text: str, mode: int = 0o600) -> Path:
    path = here.directory / name
    path.write_text(text)
    path.chmod(mode)
    return path


class TestShow:
    def test_every_setting_with_its_value(self, here: Here) -> None:
        done = here("config", "show")
        shown = dict(line.split("\t") for line in done.stdout.splitlines())
        assert list(shown) == list(SETTINGS)
        assert (shown["BIND_ADDRESS"], shown["ADMIN_API_KEY"]) == ("127.0.0.1:3000", "")
        assert (done.stderr, done.exit) == ("", 0)

    def test_where_each_is_from(self, here: Here) -> None:
        _write(here, "chatctl.toml", f"\n{SOUND}MAX_CONNECTIONS = 5\n")
        _write(here, ".env", "MAX_CONNECTIONS=6\n")
        key = _write(here, "key", SECRET)
        done = here("config", "show", "--origin", ADMIN_API_KEY_FILE="key", ROOM_IDENTITY="open")
        shown = {line.split("\t")[0]: line.split("\t")[1:] for line in done.stdout.splitlines()}
        assert shown["DATABASE_URL"] == ["sqlite:./chat.db", "chatctl.toml line 2"]
        assert shown["MAX_CONNECTIONS"] == ["6", ".env line 1"]
        assert shown["ADMIN_API_KEY"] == ["********", f"file {key}"]
        assert shown["ROOM_IDENTITY"] == ["open", "environment"]
        assert shown["LOG_LEVEL"] == ["info", "default"]

    def test_as_json(self, here: Here) -> None:
        _write(here, "chatctl.toml", f'ADMIN_API_KEY = "{SECRET}"\n')
        done = here("config", "show", "--json", "--db", "sqlite:./my.db")
        found = json.loads(done.stdout)
        assert [each["name"] for each in found] == list(SETTINGS)
        by_name = {each.pop("name"): each for each in found}
        assert by_name["DATABASE_URL"] == {"value": "sqlite:./my.db", "origin": "flag --db"}
        assert by_name["ADMIN_API_KEY"] == {"value": "********", "origin": "chatctl.toml line 1"}
        assert by_name["METRICS_KEY"] == {"value": None, "origin": "default"}
        assert by_name["MAX_CONNECTIONS"] == {"value": "100000", "origin": "default"}

    def test_no_secret_and_no_password_is_shown(self, here: Here) -> None:
        environ = {
            "ADMIN_API_KEY": SECRET,
            "DATA_CALLBACK_URL": f"http://user:{SECRET}@127.0.0.1/hook?token={SECRET}",
        }
        for form in ((), ("--json",), ("--origin",)):
            done = here("config", "show", *form, **environ)
            assert SECRET not in done.stdout + done.stderr
            assert "http://…@127.0.0.1/hook?…" in done.stdout

    def test_a_wrong_setting_is_exit_2(self, here: Here) -> None:
        _write(here, "chatctl.toml", "MAX_CONECTIONS = 5\n")
        expected = lines(
            "chatctl: chatctl.toml line 1: there is no setting 'MAX_CONECTIONS'",
            "  try: did you mean MAX_CONNECTIONS?",
        )
        for verb in ("show", "check"):
            assert here("config", verb) == ("", expected, 2)

    def test_a_reader_that_goes_away_is_no_trouble(self, chatctl: Chatctl) -> None:
        """As ``config show | grep -q X`` does."""
        reading, writing = os.pipe()
        os.close(reading)
        running = chatctl.start("config", "show", stdout=writing)
        os.close(writing)
        assert running.communicate(timeout=30)[1] == b""
        assert running.returncode == 141


class TestCheck:
    def test_a_sound_configuration(self, here: Here) -> None:
        path = _write(here, "chatctl.toml", SOUND)
        expected = f"ok\tyes\nconfiguration\t{path}\nwarnings\t0\n"
        assert here("config", "check") == (expected, "", 0)

    def test_names_of_nobody_are_told(self, here: Here) -> None:
        _write(here, "chatctl.toml", SOUND)
        _write(here, ".env", "COMPOSE_PROJECT_NAME=chat\n")
        done = here("config", "check")
        assert done.stderr == (
            "chatctl: warning: there is no setting COMPOSE_PROJECT_NAME (.env line 1): "
            "is it another program's?\n"
        )
        assert done.exit == 0

    def test_a_slip_in_the_environment_is_told(self, here: Here) -> None:
        _write(here, "chatctl.toml", SOUND)
        done = here("config", "check", ROOM_IDENTTY="token")
        assert (done.stderr, done.exit) == (
            "chatctl: warning: there is no setting ROOM_IDENTTY (environment): "
            "did you mean ROOM_IDENTITY?\n", 0,
        )  # fmt: skip

    def test_settings_in_env_are_a_configuration(self, here: Here) -> None:
        path = _write(here, ".env", "DATABASE_URL=sqlite:./chat.db\n")
        assert json.loads(here("config", "check", "--json").stdout)["configuration"] == str(path)

    def test_what_init_writes_is_sound(self, here: Here) -> None:
        assert here("init", "--quiet").exit == 0
        done = here("config", "check", "--json")
        assert json.loads(done.stdout)["warnings"] == []

    def test_what_is_risky(self, here: Here) -> None:
        for text, warning in RISKY.items():
            _write(here, "chatctl.toml", SOUND + text)
            done = here("config", "check", "--json")
            assert json.loads(done.stdout)["warnings"] == [warning]
            assert (done.stderr, done.exit) == (f"chatctl: warning: {warning}\n", 0)

    def test_a_database_in_memory_or_nowhere(self, here: Here) -> None:
        assert "the database is in memory" in here("config", "check").stderr
        done = here("config", "check", "--db", "sqlite:./gone/chat.db")
        assert f"there is no directory {here.directory}/gone" in done.stderr

    def test_secrets_that_others_may_read(self, here: Here) -> None:
        """In either file of settings, or in one of their own."""

        def warned() -> list[str]:
            return list(json.loads(here("config", "check", "--json").stdout)["warnings"])

        _write(here, "chatctl.toml", SOUND, 0o644)  # without a secret it may be read
        assert warned() == []
        for name in ("chatctl.toml", ".env"):
            for mode in (0o644, 0o640, 0o600):
                path = _write(here, name, f'{SOUND}ADMIN_API_KEY = "{SECRET}"\n', mode)
                said = f"everybody on this machine may read the secrets in {path}: chmod 600 {path}"
                assert warned() == ([said] if mode == 0o644 else []), (name, mode)
        (here.directory / ".env").unlink()
        _write(here, "chatctl.toml", SOUND + 'ADMIN_API_KEY_FILE = "key"\n', 0o644)
        for mode in (0o644, 0o600):
            key = _write(here, "key", SECRET, mode)
            said = f"everybody on this machine may read {key}: chmod 600 {key}"
            assert warned() == ([said] if mode == 0o644 else []), mode

    def test_quiet_says_nothing_beside_the_result(self, here: Here) -> None:
        done = here("config", "check", "--quiet")
        assert (done.stderr, done.exit) == ("", 0)
        assert "warnings\t1" in done.stdout


def test_all_that_is_wrong_is_told_at_once(here: Here) -> None:
    _write(here, ".env", "MAX_CONNECTIONS=none\nRESUME_LIMIT=-1\nLOG_FORMAT=xml\nLANGUAGE=en\n")
    done = here("config", "check", "--json")
    error = json.loads(done.stderr)["error"]
    assert (done.stdout, done.exit) == ("", 2)
    for number, name in enumerate(("MAX_CONNECTIONS", "RESUME_LIMIT", "LOG_FORMAT"), 1):
        assert f"{name} (from .env line {number})" in error["message"]
    assert "LANGUAGE" not in error["message"]
