"""Secrets in files of their own: NAME_FILE from every source, and systemd's credentials."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from world import Server, running

from chatctl_server.errors import InvalidSetting
from chatctl_server.settings import sources
from chatctl_server.settings.sources import SECRET_FILES, Loaded

SECRET = "correct-horse-battery-staple-0123456789"
SIGNING = "A" * 32


class Home:
    """A directory in which chatctl is started, with files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: str | bytes = SECRET, mode: int = 0o600) -> Path:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def load(self, environ: Mapping[str, str] | None = None) -> Loaded:
        return sources.load(environ=environ or {}, cwd=self.path)

    def key(self, environ: Mapping[str, str] | None = None) -> str:
        (key,) = self.load(environ).settings.admin_api_key
        return key

    def refused(self, **environ: str) -> InvalidSetting:
        with pytest.raises(InvalidSetting) as caught:
            self.load(environ)
        return caught.value


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("file_setting", SECRET_FILES)
def test_every_secret_may_stand_in_a_file(home: Home, file_setting: str) -> None:
    secret = SIGNING if "SIGNING" in file_setting else SECRET
    path = home.write("secret", f"{secret}\n")
    loaded = home.load({file_setting: "secret"})
    name = SECRET_FILES[file_setting]
    value = getattr(loaded.settings, name.lower())
    assert value == (secret if name == "METRICS_KEY" else (secret,))
    assert loaded.origin[name] == f"file {path}"
    assert loaded.warnings == ()
    assert set(sources.secret_values(loaded.settings)) == {secret}


def test_the_text_is_taken_as_it_stands(home: Home) -> None:
    for content, secret in (
        (SECRET, SECRET),
        (f"{SECRET}\r\n", SECRET),
        (f"{SECRET}\n\n", SECRET),
        (f"\ufeff{SECRET}\n", SECRET),
        ("ключ-聊天-0123456789-0123456789\n", "ключ-聊天-0123456789-0123456789"),
        ("# no comment\n", "# no comment"),
        ('"quoted"\n', '"quoted"'),
        ("x" * 4096, "x" * 4096),
    ):
        home.write("key", content)
        assert home.key({"ADMIN_API_KEY_FILE": "key"}) == secret


class TestSources:
    def test_every_source_names_files_and_the_stronger_one_wins(self, home: Home) -> None:
        for name in ("toml", "dotenv", "environ"):
            home.write(f"key-{name}", f"key of {name}")
        home.write("chatctl.toml", 'ADMIN_API_KEY_FILE = "./key-toml"\n')
        assert home.key() == "key of toml"
        home.write(".env", "ADMIN_API_KEY_FILE=key-dotenv\n")
        assert home.key() == "key of dotenv"
        stronger = {"ADMIN_API_KEY_FILE": str(home.path / "key-environ")}
        assert home.key(stronger) == "key of environ"

    def test_a_stronger_text_wins_and_the_file_is_not_read(self, home: Home) -> None:
        home.write("chatctl.toml", 'ADMIN_API_KEY_FILE = "./gone"\n')
        loaded = home.load({"ADMIN_API_KEY": "typed"})
        assert loaded.settings.admin_api_key == ("typed",)
        assert loaded.origin["ADMIN_API_KEY"] == "environment"

    def test_a_stronger_file_wins_over_a_text_and_an_empty_name_does_not(self, home: Home) -> None:
        home.write("chatctl.toml", 'ADMIN_API_KEY = "typed"\n')
        home.write("key")
        found = [home.key({"ADMIN_API_KEY_FILE": name}) for name in ("key", "", "  ")]
        assert found == [SECRET, "typed", "typed"]

    @pytest.mark.parametrize("name", [".env", "chatctl.toml"])
    def test_both_in_one_source_are_refused(self, home: Home, name: str) -> None:
        home.write(name, 'ADMIN_API_KEY_FILE = "key"\nADMIN_API_KEY = "typed"\n')
        error = home.refused()
        assert error.detail == (
            f"ADMIN_API_KEY (from {name} line 2) and "
            f"ADMIN_API_KEY_FILE (from {name} line 1) are both set"
        )
        assert str(error.hint).startswith("leave out one of them")

    def test_both_in_the_environment_are_refused(self, home: Home) -> None:
        error = home.refused(ADMIN_API_KEY="typed", ADMIN_API_KEY_FILE="key")
        assert error.field == "ADMIN_API_KEY"
        assert "typed" not in f"{error.detail}{error.hint}"

    def test_the_home_directory(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(home.path))
        home.write("key")
        assert home.key({"ADMIN_API_KEY_FILE": "~/key"}) == SECRET


class TestWrongFiles:
    def test_the_error_names_setting_source_file_and_fix(self, home: Home) -> None:
        for content, problem in (
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"  \n", "is empty"),
            (b"\xff\xfe", "is not UTF-8 text"),
            (b"x" * 4097, "is larger than 4096 bytes, which no secret is"),
        ):
            path = home.write("key", content)
            home.write(".env", f"\nADMIN_API_KEY_FILE={path}\n")
            error = home.refused()
            assert error.detail == f"ADMIN_API_KEY_FILE (from .env line 2): {path} {problem}"
            assert error.hint == (
                "umask 077; openssl rand -hex 32 > FILE, and FILE as ADMIN_API_KEY_FILE"
            )
            assert error.field == "ADMIN_API_KEY"

    def test_a_missing_file(self, home: Home) -> None:
        error = home.refused(CALLBACK_SIGNING_SECRET_FILE="./secrets/gone")
        path = home.path / "secrets/gone"
        assert error.detail == (
            f"CALLBACK_SIGNING_SECRET_FILE (from environment): there is no file {path}"
        )
        assert "-base64 32" in str(error.hint)

    def test_a_secret_in_the_place_of_the_file_name_is_not_repeated(self, home: Home) -> None:
        error = home.refused(ADMIN_API_KEY_FILE=SECRET)
        assert SECRET not in f"{error.detail}{error.hint}"
        assert str(home.path) in error.detail

    def test_what_is_no_plain_file(self, home: Home) -> None:
        (home.path / "directory").mkdir()
        for name in ("directory", "/dev/zero"):
            assert "is no plain file" in home.refused(ADMIN_API_KEY_FILE=name).detail
        assert "is no plain file" in home.refused(ADMIN_API_KEY_FILE="./a\0b").detail

    def test_the_text_is_checked_as_everywhere(self, home: Home) -> None:
        path = home.write("key", "short-secret\n")
        error = home.refused(ROOM_TOKEN_SECRET_FILE="key")
        assert error.detail.startswith(
            f"ROOM_TOKEN_SECRET (from file {path}): the value is shorter than 32 bytes"
        )
        home.write("key", "two\nlines")
        error = home.refused(ADMIN_API_KEY_FILE="key")
        assert "holds a line break" in error.detail
        assert "two" not in error.detail

    def test_a_typing_mistake_says_what_was_meant(self, home: Home) -> None:
        home.write("chatctl.toml", 'ADMIN_API_KEYFILE = "x"\n')
        assert home.refused().hint == "did you mean ADMIN_API_KEY_FILE?"
        home.write("chatctl.toml", 'DATABASE_URL_FILE = "x"\n')
        assert "there is no setting 'DATABASE_URL_FILE'" in home.refused().detail


class TestReadByOthers:
    def test_a_warning_and_no_error(self, home: Home) -> None:
        """Containers are given their secrets with mode 0444: an error would keep them out."""
        modes = {0o644: "read", 0o604: "read", 0o602: "change", 0o640: "", 0o400: ""}
        for number, (mode, doing) in enumerate(modes.items()):
            path = home.write(f"key{number}", mode=mode)
            loaded = home.load({"ADMIN_API_KEY_FILE": path.name})
            assert loaded.settings.admin_api_key == (SECRET,)
            warning = f"everybody on this machine may {doing} {path}: chmod 600 {path}"
            assert loaded.warnings == ((warning,) if doing else ())

    def test_the_server_says_it_at_the_start(self, tmp_path: Path) -> None:
        path = Home(tmp_path).write("key", "the-admin-key-of-the-tests\n", 0o644)
        with running(tmp_path, ADMIN_API_KEY="", ADMIN_API_KEY_FILE=str(path)) as server:
            assert "may read" in server.log.read_text()
            assert _asked(server, "the-admin-key-of-the-tests") == 200
            assert _asked(server, "another") == 401


def _asked(server: Server, key: str) -> int:
    return server.http.get("/management/rooms", headers={"X-Api-Key": key}).status_code


class TestCredentials:
    @pytest.mark.parametrize("name", ["admin-api-key", "ADMIN_API_KEY"])
    def test_a_credential_counts_as_a_file(self, home: Home, name: str) -> None:
        path = home.write(f"credentials/{name}", f"{SECRET}\n", 0o400)
        loaded = home.load({"CREDENTIALS_DIRECTORY": str(home.path / "credentials")})
        assert loaded.settings.admin_api_key == (SECRET,)
        assert loaded.origin["ADMIN_API_KEY"] == f"file {path}"

    def test_all_that_is_written_down_wins_over_it(self, home: Home) -> None:
        home.write("credentials/admin-api-key", "from systemd")
        home.write("key")
        environ = {"CREDENTIALS_DIRECTORY": str(home.path / "credentials")}
        for line, key in (('KEY = "typed"', "typed"), ('KEY_FILE = "key"', SECRET)):
            home.write("chatctl.toml", f"ADMIN_API_{line}\n")
            assert home.key(environ) == key

    def test_others_credentials_are_not_looked_at(self, home: Home) -> None:
        home.write("credentials/database-url", "sqlite:./x.db")
        home.write("credentials/tls-key", b"\xff")
        loaded = home.load({"CREDENTIALS_DIRECTORY": str(home.path / "credentials")})
        assert set(loaded.origin.values()) == {"default"}

    def test_two_names_of_one_setting_are_refused(self, home: Home) -> None:
        for name in ("admin-api-key", "ADMIN_API_KEY"):
            home.write(f"credentials/{name}")
        error = home.refused(CREDENTIALS_DIRECTORY=str(home.path / "credentials"))
        assert error.detail.endswith("are the same setting")

    def test_a_bad_one_is_named(self, home: Home) -> None:
        path = home.write("credentials/room-token-secret", "")
        error = home.refused(CREDENTIALS_DIRECTORY=str(home.path / "credentials"))
        assert error.detail == (
            f"ROOM_TOKEN_SECRET_FILE (from CREDENTIALS_DIRECTORY): {path} is empty"
        )

    def test_a_directory_that_is_gone_is_no_error(self, home: Home) -> None:
        assert home.load({"CREDENTIALS_DIRECTORY": "/nowhere/at/all"}).warnings == ()
