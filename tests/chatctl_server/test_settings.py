"""Settings as an operator meets them: files, precedence, and what a wrong value is told."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from io import StringIO
from ipaddress import ip_network
from pathlib import Path

import pytest
from rich.console import Console

from chatctl_server.errors import InvalidSetting, NotFound
from chatctl_server.settings import sources
from chatctl_server.settings.sources import (
    SECRET_FILES,
    SETTINGS,
    Address,
    Loaded,
    Settings,
    database_path,
)
from chatctl_server.settings.table import as_text

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"
LOGGED = sorted(  # the areas that something is logged in
    {
        area
        for each in (ROOT / "chatctl_server").rglob("*.py")
        for area in re.findall(r'getLogger\("chatctl\.(\w+)"\)', each.read_text())
    }
)
SECRET = "correct-horse-battery-staple-0123456789"


class Place:
    """A directory in which chatctl is started."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def dotenv(self, text: str) -> None:
        (self.path / ".env").write_text(text, encoding="utf-8")

    def toml(self, text: str, name: str = "chatctl.toml") -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def load(
        self, config: str | None = None, environ: Mapping[str, str] | None = None, **flags: str
    ) -> Loaded:
        return sources.load(flags, config=config, environ=environ or {}, cwd=self.path)

    def refusal(self, **flags: str) -> InvalidSetting:
        with pytest.raises(InvalidSetting) as caught:
            self.load(**flags)
        return caught.value

    def value(self, name: str, text: str) -> object:
        loaded = self.load(environ={name: text})
        return getattr(loaded.settings, name.lower())

    def refused(self, name: str, text: str) -> InvalidSetting:
        with pytest.raises(InvalidSetting) as caught:
            self.load(environ={name: text})
        assert caught.value.field == name
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_nothing_configured_gives_the_defaults(place: Place) -> None:
    loaded = place.load()
    assert loaded.settings == Settings()
    assert set(loaded.origin.values()) == {"default"}
    assert loaded.config_path is None
    assert loaded.settings.database_url == "sqlite::memory:"
    assert loaded.settings.bind_address == (Address("127.0.0.1", 3000),)


def test_each_source_wins_over_the_ones_behind_it(place: Place) -> None:
    place.toml('\n# first\nLOG_LEVEL = "debug"\nMAX_CONNECTIONS = 1\nRESUME_LIMIT = 1\n')
    place.dotenv("\n\nLOG_LEVEL=warning\nMAX_CONNECTIONS=2\n")
    environ = {"LOG_LEVEL": "error", "PATH": "/bin"}

    loaded = place.load(environ=environ)
    assert loaded.settings.resume_limit == 1
    assert loaded.settings.max_connections == 2
    assert loaded.settings.log_level == "error"
    assert loaded.origin["RESUME_LIMIT"] == "chatctl.toml line 5"
    assert loaded.origin["MAX_CONNECTIONS"] == ".env line 4"
    assert loaded.origin["LOG_LEVEL"] == "environment"
    assert loaded.config_path == place.path / "chatctl.toml"

    flagged = place.load(environ=environ, LOG_LEVEL="info", BIND_ADDRESS="localhost:0")
    assert flagged.settings.log_level == "info"
    assert flagged.origin["LOG_LEVEL"] == "flag --log-level"
    assert flagged.origin["BIND_ADDRESS"] == "flag --bind"


@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_value_counts_as_unset(place: Place, empty: str) -> None:
    place.toml(f'MAX_CONNECTIONS = "7"\nRESUME_LIMIT = "{empty}"\n')
    place.dotenv(f"MAX_CONNECTIONS={empty}\nADMIN_API_KEY=\n")
    loaded = place.load(environ={"MAX_CONNECTIONS": empty}, DATABASE_URL=empty)
    assert loaded.settings.max_connections == 7
    assert loaded.settings.resume_limit == 10_000
    assert loaded.settings.admin_api_key == ()
    assert loaded.origin["DATABASE_URL"] == "default"


def test_a_slip_is_refused_with_what_was_meant(place: Place) -> None:
    for key, meant in (
        ("ROOM_IDENTTY", "ROOM_IDENTITY"),
        ("ROOM_IDNETITY", "ROOM_IDENTITY"),
        ("room_identity", "ROOM_IDENTITY"),
        ("ROOM_IDENTITY_MODE", "ROOM_IDENTITY"),
        ("CALLBACK_TIMEOUT", "CALLBACK_TIMEOUT_SECONDS"),
        ("BINDADRESS", "BIND_ADDRESS"),
        ("ADMIN_API_KEY_FLIE", "ADMIN_API_KEY_FILE"),
    ):
        place.dotenv(f"# mine\n{key}=token\n")
        error = place.refusal()
        assert error.detail == f".env line 2: there is no setting '{key}'"
        assert (error.field, error.hint) == (key, f"did you mean {meant}?")


def test_what_is_another_programs_in_dotenv_is_named(place: Place) -> None:
    for key in ("BIND_ADDR_X9", "ADMIN", "LOG", "RUST_LOG_STYLE", "COMPOSE_PROJECT_NAME"):
        place.dotenv(f"{key}=1\nMAX_CONNECTIONS=2\n")
        loaded = place.load()
        assert loaded.settings.max_connections == 2
        assert loaded.unknown == (f"{key} (.env line 1)",)


def test_a_terminals_language_is_not_the_servers(place: Place) -> None:
    """gettext's LANGUAGE is set on many desktops, and sudo passes it on."""
    for text in ("en_US:en", "de", "zh_CN:zh"):
        loaded = place.load(environ={"LANGUAGE": text})
        assert (loaded.settings.language, loaded.origin["LANGUAGE"]) == ("zh", "default")
    assert place.load(environ={"LANGUAGE": "en"}).settings.language == "en"
    place.dotenv("LANGUAGE=en\n")
    assert place.load(environ={"LANGUAGE": "de_DE:de"}).settings.language == "en"
    place.dotenv("LANGUAGE=en_US:en\n")
    assert place.refusal().field == "LANGUAGE"


def test_a_slip_in_the_environment_is_warned_of() -> None:
    environ = {"ROOM_IDENTTY": "token", "ROOM_IDENTITY": "open", "API_KEY": "x", "PATH": "/bin"}
    assert sources.misspelt_in_environment(environ) == [
        "there is no setting ROOM_IDENTTY (environment): did you mean ROOM_IDENTITY?"
    ]


class TestConfigFile:
    def test_config_wins_over_chat_config_over_the_one_in_the_directory(self, place: Place) -> None:
        for number, name in enumerate(["chatctl.toml", "env.toml", "flag.toml"], start=1):
            place.toml(f"MAX_CONNECTIONS = {number}\n", name)
        named = {"CHAT_CONFIG": "env.toml"}
        assert place.load().settings.max_connections == 1
        assert place.load(environ=named).settings.max_connections == 2
        place.dotenv("CHAT_CONFIG=env.toml\n")
        assert place.load().settings.max_connections == 2
        chosen = place.load(config="flag.toml", environ=named)
        assert chosen.settings.max_connections == 3
        assert chosen.origin["MAX_CONNECTIONS"] == "flag.toml line 1"

    def test_a_named_file_that_is_missing_is_an_error(self, place: Place) -> None:
        for how in ({"config": "gone.toml"}, {"environ": {"CHAT_CONFIG": "gone.toml"}}):
            with pytest.raises(NotFound, match=r"gone\.toml does not exist"):
                place.load(**how)  # type: ignore[arg-type]

    def test_what_is_wrong_in_it_is_said(self, place: Place) -> None:
        is_table = "line 2: [rooms] is a table, but the file is flat"
        for text, problem in (
            ("# top\n[rooms]\nX = 1\n", is_table),
            ("\nrooms.X = 1\n", is_table),
            ("\nrooms = { X = 1 }\n", is_table),
            ("TRUSTED_PROXIES = 1.5\n", "neither a text nor a whole number"),
            ('TRUSTED_PROXIES = ["a"]\n', "neither a text nor a whole number"),
            ("TRUSTED_PROXIES = 2024-01-01\n", "neither a text nor a whole number"),
            ("MAX_CONNECTIONS = true\n", "'true' cannot be used; allowed: a whole"),
            ("X = 1\nLOG_LEVEL = debug\n", "chatctl.toml is not valid TOML: "),
            ("\udcff\udcfe\0", "is not UTF-8 text"),
        ):
            content = text.encode(errors="surrogateescape")
            (place.path / "chatctl.toml").write_bytes(content)
            assert problem in place.refusal().detail
        (place.path / "chatctl.toml").unlink()
        (place.path / "chatctl.toml").mkdir()
        assert "cannot be read: Is a directory" in place.refusal().detail

    def test_a_byte_order_mark_does_no_harm(self, place: Place) -> None:
        place.toml("\ufeffMAX_CONNECTIONS = 5\n")
        place.dotenv("\ufeffRESUME_LIMIT=6\n")
        loaded = place.load()
        assert (loaded.settings.max_connections, loaded.settings.resume_limit) == (5, 6)


class TestDotenv:
    def test_ways_to_write_a_value(self, place: Place) -> None:
        for line, key in (
            ('ADMIN_API_KEY="a#b #c"  # comment', ("a#b #c",)),
            ("ADMIN_API_KEY='a #b'", ("a #b",)),
            ("ADMIN_API_KEY=a#b", ("a#b",)),
            ("ADMIN_API_KEY=pa${HOME}$$x", ("pa${HOME}$$x",)),
            ("export ADMIN_API_KEY=abc", ("abc",)),
            ("ADMIN_API_KEY = 'abc'", ("abc",)),
            ("ADMIN_API_KEY", ()),
            ("ADMIN_API_KEY= # nothing", ()),
            ("ADMIN_API_KEY=abc  # 定时同步间隔（秒）", ("abc",)),
        ):
            place.dotenv(f"{line}\n")
            assert place.load(environ={"HOME": "/root"}).settings.admin_api_key == key

    def test_other_programs_lines_are_skipped(self, place: Place) -> None:
        place.dotenv("POSTGRES_PASSWORD=x\n!! no setting at all 'x\n")
        assert place.load(environ={"MAX_CONECTIONS": "1"}).settings == Settings()

    def test_a_line_of_ours_that_cannot_be_read_is_refused_without_its_value(
        self, place: Place
    ) -> None:
        for text, detail in (
            (f"\n\nADMIN_API_KEY='{SECRET}\nMAX_CONNECTIONS=5\n", "3): the line cannot be read"),
            (f"ADMIN_API_KEY {SECRET}\n", "1): the line has no =, as in ADMIN_API_KEY=value"),
            (f"ADMIN_API_KEY='{SECRET}\nLOG_LEVEL='\n", "1): the value holds a line break"),
        ):
            place.dotenv(text)
            told = place.refusal().detail
            assert told.startswith(f"ADMIN_API_KEY (from .env line {detail}")
            assert SECRET not in told

    def test_every_unknown_name_of_both_files_is_told_at_once(self, place: Place) -> None:
        place.dotenv("ROOM_IDENTITI=token\nFOO=1\n")
        place.toml("BIND_ADRESS = '127.0.0.1:1'\nBAR = 1\n")
        error = place.refusal()
        assert error.detail == (
            ".env line 1: there is no setting 'ROOM_IDENTITI'; .env line 2: there is no setting "
            "'FOO'; chatctl.toml line 1: there is no setting 'BIND_ADRESS'; chatctl.toml line 2: "
            "there is no setting 'BAR'"
        )
        assert error.hint == "did you mean ROOM_IDENTITY, BIND_ADDRESS?"

    def test_a_virtual_environment_called_dotenv_is_no_file(self, place: Place) -> None:
        (place.path / ".env").mkdir()
        assert place.load().settings == Settings()


VALUES: list[tuple[str, str, object]] = [
    # What starts the original starts us.
    ("CHAT_HISTORY_BATCH_SIZE", "20000", 20_000),
    ("CALLBACK_MAX_RETRIES", "1000", 1000),
    ("MAX_CONNECTIONS", "4000000000", 4_000_000_000),
    *(("MAX_CONNECTIONS", text, 5) for text in (" 5 ", "+5", "05", "5.0")),
    ("LOG_FORMAT", "JSON", "json"),
    ("LOG_LEVEL", "debug", "debug"),
    ("LOG_LEVEL", "INFO,Sync=Debug", "info,sync=debug"),
    ("LOG_LEVEL", "sync=debug,warn", "warning,sync=debug"),
    ("LOG_LEVEL", "storage=error,api=debug", "info,api=debug,storage=error"),
    *(("LOG_LEVEL", f"info,{area}=debug", f"info,{area}=debug") for area in LOGGED),
    ("LOG_LEVEL", "trace", "debug"),
    ("CALLBACK_SIGNING_SECRET", "whsec_" + "A" * 32, ("whsec_" + "A" * 32,)),
    ("CALLBACK_SIGNING_SECRET", f"{'A' * 32}  {'B' * 32} {'A' * 32}", ("A" * 32, "B" * 32)),
    ("BIND_ADDRESS", "127.0.0.1:3000", (Address("127.0.0.1", 3000),)),
    ("BIND_ADDRESS", "[::1]:3000", (Address("::1", 3000),)),
    ("BIND_ADDRESS", "localhost:0", (Address("localhost", 0),)),
    ("BIND_ADDRESS", " a.example:1 , [::]:2,", (Address("a.example", 1), Address("::", 2))),
    ("BIND_ADDRESS", "127.0.0.1:0,127.0.0.1:0", (Address("127.0.0.1", 0),) * 2),
    ("BIND_ADDRESS", "[fe80::1%eth0]:80", (Address("fe80::1%eth0", 80),)),
    (
        "TRUSTED_PROXIES",
        "10.0.0.0/8,127.0.0.1, fd00::/8,10.0.0.0/8",
        (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"), ip_network("fd00::/8")),
    ),
    ("CORS_ORIGINS", "*", ("*",)),
    (
        "CORS_ORIGINS",
        "https://A.example:443, http://b:8080",
        ("https://a.example", "http://b:8080"),
    ),
    *(
        ("DATA_CALLBACK_URL", url, url)
        for url in ("http://127.0.0.1:8000/hook?a=b", "https://u:p@example.com", "http://[::1]/x")
    ),
    *(("OPEN_SIGNUP", text, text == "true") for text in ("true", "false")),
    ("DEBUG_PPROF", " TRUE ", True),
    ("PUBLIC_URL", "https://chat.example.com/team/", "https://chat.example.com/team"),
    ("JWT_ISSUER", "chat.example.com", "chat.example.com"),
]
NUMBER = "cannot be used; allowed: a whole number, "
MANY = "1 or more, of 18 digits at most"
ORIGIN = "an origin looks like https://chat.example.com"
BASE = "write it whole, as in https://chat.example.com"
ANY_URL = "allowed: an http:// or https:// address"
# The setting, its value, a part of the sentence, and the hint, where it matters.
REFUSED: list[tuple[str, str, str, str | None]] = [
    *(
        ("MAX_CONNECTIONS", text, NUMBER + MANY, None)
        for text in ("1.5", "1_000", "٣", "0x10", "5s", "--1", "9" * 5000, "0", "1" + 18 * "0")
    ),
    ("MAX_CONNECTIONS_PER_USER", "-1", f"'-1' {NUMBER}0 (off) or more, of 18 digits at", None),
    ("SYNC_INTERVAL_SECONDS", "31536001", f"'31536001' {NUMBER}0 (off) to 31536000", None),
    ("HISTORY_PAGE_LIMIT", "100001", f"'100001' {NUMBER}1 to 100000", None),
    ("MAX_FRAME_BYTES", "1", f"'1' {NUMBER}1024 to 16777216", None),
    (
        "ROOM_IDENTITY",
        "tokens",
        "'tokens' is not one of them; allowed: open, token",
        "did you mean token?",
    ),
    ("LOG_LEVEL", "info,synk=debug", "", "did you mean sync?"),
    ("LOG_LEVEL", "debugg", "", "did you mean debug?"),
    # What cannot be printed is escaped.
    ("BIND_ADDRESS", "a\u202eb", r"'a\u202eb'", None),
    ("LOG_LEVEL", "a\x1bb", r"'a\x1bb' holds a line break or another", None),
    ("LOG_LEVEL", "a\udcff", "is not valid UTF-8", None),
    ("BIND_ADDRESS", "3000", "names no host and port", "write 127.0.0.1:3000"),
    ("BIND_ADDRESS", ":8080", "names no host and port", "write 127.0.0.1:8080"),
    ("BIND_ADDRESS", "localhost", "names no host and port", "write localhost:3000"),
    (
        "BIND_ADDRESS",
        "::1:3000",
        "needs brackets around the IPv6 address",
        "write it as in [::1]:3000",
    ),
    ("BIND_ADDRESS", "127.0.0.1:65536", "names no port", "a port is 0 (any free one) to 65535"),
    ("BIND_ADDRESS", "127.0.0.1:http", "names no port", "a port is 0 (any free one) to 65535"),
    ("BIND_ADDRESS", "999.0.0.1:80", "holds no valid IPv4 address", None),
    ("BIND_ADDRESS", "[::zz]:80", "holds no IPv6 address between the brackets", None),
    ("BIND_ADDRESS", "-a:80", "holds no valid host name", None),
    ("BIND_ADDRESS", "a:80,a:80", "names one address twice", None),
    ("TRUSTED_PROXIES", "10.0.0.1/8", "", "write 10.0.0.0/8"),
    ("CALLBACK_ALLOW_NETWORKS", "proxy", "holds 'proxy', which is no network", None),
    ("CORS_ORIGINS", "https://a.example/", "", "write https://a.example"),
    ("CORS_ORIGINS", "a.example", "", ORIGIN),
    ("CORS_ORIGINS", "*,https://a", "", "leave out either"),
    ("CORS_ORIGINS", "https://u:p@a", "", ORIGIN),
    *(
        ("ROOM_EVENT_CALLBACK_URL", url, ANY_URL, None)
        for url in (
            "a.com/hook",
            "ftp://a/",
            "http://",
            "http://a b/",
            "http://a/#x",
            "http://[::1",
        )
    ),
    ("OPEN_SIGNUP", "no", "'no' is not one of them; allowed: true, false", "write true or false"),
    ("PASSWORD_MIN_BYTES", "1025", f"{NUMBER}1 to 1024", None),
    ("MAX_UPLOAD_BYTES", "0", f"{NUMBER}1 to 1099511627776", None),
    *(("PUBLIC_URL", url, "is not an http address", BASE) for url in ("a.com", "https://u:p@a")),
    ("PUBLIC_URL", "https://a/?b", "holds a space, a ?query or a #fragment", None),
]


class TestValues:
    def test_those_that_are_taken(self, place: Place) -> None:
        for name, text, value in VALUES:
            assert place.value(name, text) == value, (name, text)
        assert [str(Address("::1", 1)), str(Address("a", 2))] == ["[::1]:1", "a:2"]

    def test_those_that_are_refused(self, place: Place) -> None:
        wrong = []
        for name, text, sentence, hint in REFUSED:
            error = place.refused(name, text)
            if sentence not in error.detail or hint not in (None, error.hint):
                wrong.append((name, text, error.detail, error.hint))
        assert wrong == []
        assert place.refused("LOG_LEVEL", "sync=").hint is None
        assert len(place.refused("LOG_LEVEL", "x" * 10_000).detail) < 400


class TestSecrets:
    def test_an_error_never_holds_the_secret(self, place: Place) -> None:
        for name, text in (
            ("ROOM_TOKEN_SECRET", "short-secret"),
            ("CALLBACK_SIGNING_SECRET", "not base64 at all!"),
            ("CALLBACK_SIGNING_SECRET", "c2hvcnQ="),
            ("CALLBACK_SIGNING_SECRET", f"{'A' * 32} c2hvcnQ="),
            ("ADMIN_API_KEY", "line\nbreak-secret"),
            ("ADMIN_API_KEY", "bad-\udcff-secret"),
        ):
            error = place.refused(name, text)
            assert f"{name} (from environment): the value " in error.detail
            assert text not in f"{error.detail}{error.hint}"
            assert error.__cause__ is None

    def test_nor_the_password_of_an_address(self, place: Place) -> None:
        for name, url in (
            ("DATABASE_URL", "postgresql://chat:hunter2@db:5432/chat"),
            ("DATABASE_URL", "mysql://chat:hun/ter2@db/chat?password=hunter2"),
            ("DATA_CALLBACK_URL", "ftp://user:hunter2@host/"),
            ("DATA_CALLBACK_URL", "user:hunter2@host"),
            ("DATA_CALLBACK_URL", "http://host:port/?token=hunter2"),
        ):
            error = place.refused(name, url)
            assert "ter2" not in f"{error.detail}{error.hint}"

    def test_settings_show_no_secret_when_printed(self, place: Place) -> None:
        loaded = place.load(
            environ={
                "ADMIN_API_KEY": SECRET,
                "DATA_CALLBACK_URL": "http://u:hunter2@host/hook?token=hunter3",
            }
        )
        out = StringIO()
        Console(file=out, width=10_000).print(loaded.settings)
        for text in (repr(loaded), str(loaded.settings), out.getvalue()):
            assert SECRET not in text
            assert "hunter" not in text
            assert "********" in text
            assert "http://…@host/hook?…" in text
            assert "metrics_key=''" in text

    def test_secret_values_are_what_a_log_has_to_mask(self, place: Place) -> None:
        loaded = place.load(
            environ={
                "ADMIN_API_KEY": SECRET,
                "METRICS_KEY": "m-key",
                "DATA_CALLBACK_URL": "http://u:hunt%20er2@host/hook",
            }
        )
        assert sources.secret_values(loaded.settings) == [
            SECRET,
            "m-key",
            "hunt%20er2",
            "hunt er2",
        ]

    def test_token_identity_needs_a_secret_of_32_bytes(self, place: Place) -> None:
        with pytest.raises(InvalidSetting) as caught:
            place.load(environ={"ROOM_IDENTITY": "token"})
        assert caught.value.field == "ROOM_TOKEN_SECRET"
        assert caught.value.detail == (
            "ROOM_IDENTITY (from environment): 'token' needs ROOM_TOKEN_SECRET; "
            "allowed: text of 32 bytes or more; several, the newest first, with commas between them"
        )
        second = place.refused("ROOM_TOKEN_SECRET", f"{'x' * 32},short").detail
        assert "the value (number 2 of 2) is shorter than 32 bytes" in second
        for text in ("x" * 31, "é" * 15):
            assert "is shorter than 32 bytes" in place.refused("ROOM_TOKEN_SECRET", text).detail
        both = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": "é" * 16}
        assert place.load(environ=both).settings.room_token_secret == ("é" * 16,)

    def test_which_of_several_signing_secrets_is_wrong(self, place: Place) -> None:
        new, old = "whsec_" + "A" * 32, "B" * 32
        for between in (" ", ",", " , "):
            text = f"{new}{between}{old}{between}{new}"
            assert place.value("CALLBACK_SIGNING_SECRET", text) == (new, old)
        loaded = place.load(environ={"CALLBACK_SIGNING_SECRET": f"{new} {old}"})
        assert sources.secret_values(loaded.settings) == [new, old]
        for text, problem in ((f"{new} {old} ?", "(number 3 of 3) is not base64"),
                              (f"c2hvcnQ= {old}", "(number 1 of 2) holds 5 bytes")):  # fmt: skip
            refused = place.refused("CALLBACK_SIGNING_SECRET", text)
            assert refused.detail.startswith(
                f"CALLBACK_SIGNING_SECRET (from environment): the value {problem}; allowed: base64"
            )


def test_rust_log_is_understood(place: Place) -> None:
    for text, level in (
        ("info", "info"),
        ("chat_server::sync=debug", "info,sync=debug,callbacks=debug"),
        ("chat_server::callback=debug", "info,callbacks=debug"),
        ("chat_server=debug", "debug"),
        ("warn,hyper=info,chat_server::storage=trace", "warning,storage=debug"),
        ("sqlx::query[x]=off,/regex,tokio", "info"),
        ("sync", "info,sync=debug,callbacks=debug"),
    ):
        loaded = place.load(environ={"RUST_LOG": text})
        assert loaded.settings.log_level == level
        assert loaded.origin["LOG_LEVEL"] == "RUST_LOG, environment"
    place.toml('LOG_LEVEL = "error"\n')
    assert place.load(environ={"RUST_LOG": "debug"}).settings.log_level == "error"


class TestDatabasePath:
    def test_files(self) -> None:
        for url, path in (
            ("sqlite:./f.db", "f.db"),
            ("sqlite:f.db", "f.db"),
            ("sqlite:../x/f.db", "../x/f.db"),
            ("sqlite:/abs/f.db", "/abs/f.db"),
            ("sqlite:///abs/f.db", "/abs/f.db"),
            ("sqlite:////abs/f.db", "/abs/f.db"),
            ("SQLite:./f.db", "f.db"),
            ("sqlite:./f.db?mode=rwc", "f.db"),
            ("sqlite:///what?/f.db", "/what?/f.db"),
            ("sqlite:./with space%20.db", "with space%20.db"),
            ("sqlite:./聊天.db", "聊天.db"),
        ):
            assert database_path(url) == Path(path)
        for url in ("sqlite::memory:", "sqlite://:memory:", "sqlite:///:memory:"):
            assert database_path(url) is None
        assert database_path("sqlite:~/f.db") == Path.home() / "f.db"

    def test_refused_ones_say_what_to_write(self) -> None:
        either = "write sqlite:./f.db (this directory) or sqlite:///f.db (from the root)"
        for url, hint in (
            ("./chat.db", "write sqlite:./chat.db"),
            ("chat.db", "write sqlite:chat.db"),
            ("/abs/chat.db", "write sqlite:/abs/chat.db"),
            ("sqlite", "write sqlite:sqlite"),
            ("mysql://h/db", None),
            ("sqlite://f.db", either),
            ("sqlite://./f.db", either),
            ("sqlite:", "write sqlite:./chat.db"),
            ("sqlite:./dir/", "write sqlite:./chat.db"),
            ("sqlite:..", "write sqlite:./chat.db"),
            ("sqlite:f.db?cache=shared", "leave them out"),
            ("postgresql://chat:hunter2@db/chat", "use a file, as in sqlite:./chat.db"),
        ):
            with pytest.raises(InvalidSetting) as caught:
                database_path(url)
            assert (caught.value.field, caught.value.hint) == ("DATABASE_URL", hint)
            assert "hunter2" not in caught.value.detail


class TestExample:
    """config.example.toml is the documentation of the settings."""

    NAME = re.compile(r"^#([A-Z_]+) = (.*)$", re.MULTILINE)

    def test_it_holds_every_setting_once_with_its_default(self) -> None:
        written = self.NAME.findall(EXAMPLE.read_text())
        defaults = {name: as_text(tomllib.loads(f"v = {text}")["v"]) for name, text in written}
        assert sorted(name for name, _ in written) == sorted([*SETTINGS, *SECRET_FILES])
        files = dict.fromkeys(SECRET_FILES, "")
        settings = {setting.name: setting.default for setting in SETTINGS.values()}
        assert defaults == settings | files

    @pytest.mark.parametrize("name", ["chatctl.toml", ".env"])
    def test_it_loads_as_it_is_and_with_every_line_in_force(self, place: Place, name: str) -> None:
        shutil.copy(EXAMPLE, place.path / name)
        loaded = place.load()
        assert loaded.settings == Settings()
        assert set(loaded.origin.values()) == {"default"}
        (place.path / name).write_text(self.NAME.sub(r"\1 = \2", EXAMPLE.read_text()))
        loaded = place.load()
        assert loaded.settings == Settings()
        with_default = {setting.name for setting in SETTINGS.values() if setting.default}
        read = {key for key, origin in loaded.origin.items() if origin.startswith(name)}
        assert read == with_default


def test_every_setting_has_a_sentence_for_config_show() -> None:
    for setting in SETTINGS.values():
        assert re.fullmatch(r"[A-Za-z].{15,90}\.", setting.sentence), setting.name
        assert setting.field == setting.name.lower()
    assert {name for name, setting in SETTINGS.items() if setting.secret} == {
        "ADMIN_API_KEY",
        "METRICS_KEY",
        "ROOM_TOKEN_SECRET",
        "JWT_SECRET",
        "CALLBACK_SIGNING_SECRET",
    }


def test_a_process_loads_its_own_environment_and_directory_and_nothing_heavy(
    tmp_path: Path,
) -> None:
    """Every command pays for these imports."""
    (tmp_path / ".env").write_text("RESUME_LIMIT=3\n")
    script = (
        "import sys\nfrom chatctl_server.process import lock\n"
        "from pathlib import Path\nfrom chatctl_server.settings import sources\n"
        "sources.load(cwd=Path('/'))\n"
        "print(sorted({'pydantic', 'litestar', 'peewee', 'apsw', 'uvicorn', 'httpx', 'asyncio',"
        " 'dotenv', 'tomllib', 'yaml'} & set(sys.modules)))\n"
        "s = sources.load().settings\nprint(s.resume_limit, s.max_connections)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"MAX_CONNECTIONS": "4", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[]\n3 4\n"
