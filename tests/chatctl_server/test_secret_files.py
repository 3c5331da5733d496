"""Secrets in files of their own: NAME_FILE from every source, and systemd's credentials."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from world import KEY, running

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


def test_every_secret_may_stand_in_a_file(home: Home) -> None:
    for file_setting, name in SECRET_FILES.items():
        secret = SIGNING if "SIGNING" in file_setting else SECRET
        path = home.write("secret", f"{secret}\n")
        loaded = home.load({file_setting: "secret"})
        value = getattr(loaded.settings, name.lower())
        assert value == (secret if name == "METRICS_KEY" else (secret,))
        assert (loaded.origin[name], loaded.warnings) == (f"file {path}", ())
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

    def test_a_text_and_a_file_of_two_sources(self, home: Home) -> None:
        """The stronger wins, and the other file is not read; an empty name is none."""
        home.write("chatctl.toml", 'ADMIN_API_KEY_FILE = "./gone"\n')
        loaded = home.load({"ADMIN_API_KEY": "typed"})
        assert loaded.settings.admin_api_key == ("typed",)
        assert loaded.origin["ADMIN_API_KEY"] == "environment"
        home.write("chatctl.toml", 'ADMIN_API_KEY = "typed"\n')
        home.write("key")
        found = [home.key({"ADMIN_API_KEY_FILE": name}) for name in ("key", "", "  ")]
        assert found == [SECRET, "typed", "typed"]

    def test_both_in_one_source_are_refused(self, home: Home) -> None:
        error = home.refused(ADMIN_API_KEY="typed", ADMIN_API_KEY_FILE="key")
        assert error.field == "ADMIN_API_KEY"
        assert "typed" not in f"{error.detail}{error.hint}"
        for name in (".env", "chatctl.toml"):
            path = home.write(name, 'ADMIN_API_KEY_FILE = "key"\nADMIN_API_KEY = "typed"\n')
            error = home.refused()
            assert error.detail == (
                f"ADMIN_API_KEY (from {name} line 2) and "
                f"ADMIN_API_KEY_FILE (from {name} line 1) are both set"
            )
            assert str(error.hint).startswith("leave out one of them")
            path.unlink()

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

    def test_a_missing_file_whose_name_may_be_the_secret_itself(self, home: Home) -> None:
        error = home.refused(CALLBACK_SIGNING_SECRET_FILE="./secrets/gone")
        path = home.path / "secrets/gone"
        assert error.detail == (
            f"CALLBACK_SIGNING_SECRET_FILE (from environment): there is no file {path}"
        )
        assert "-base64 32" in str(error.hint)
        error = home.refused(ADMIN_API_KEY_FILE=SECRET)
        assert SECRET not in f"{error.detail}{error.hint}"
        assert str(home.path) in error.detail

    def test_what_is_no_plain_file(self, home: Home) -> None:
        (home.path / "directory").mkdir()
        for name in ("directory", "/dev/zero", "./a\0b"):
            assert "is no plain file" in home.refused(ADMIN_API_KEY_FILE=name).detail

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
        path = Home(tmp_path).write("key", KEY, 0o644)
        with running(tmp_path, ADMIN_API_KEY="", ADMIN_API_KEY_FILE=str(path)) as server:
            assert "may read" in server.log.read_text()
            answered = server.http.get("/management/rooms", headers={"X-Api-Key": KEY})
            assert answered.status_code == 200


class TestCredentials:
    def test_a_credential_counts_as_a_file(self, home: Home) -> None:
        """All that is written down wins over it."""
        environ = {"CREDENTIALS_DIRECTORY": str(home.path / "credentials")}
        for name in ("admin-api-key", "ADMIN_API_KEY"):
            path = home.write(f"credentials/{name}", f"{SECRET}\n", 0o400)
            loaded = home.load(environ)
            assert loaded.settings.admin_api_key == (SECRET,)
            assert loaded.origin["ADMIN_API_KEY"] == f"file {path}"
            path.unlink()
        home.write("credentials/admin-api-key", "from systemd")
        home.write("key")
        for line, key in (('KEY = "typed"', "typed"), ('KEY_FILE = "key"', SECRET)):
            home.write("chatctl.toml", f"ADMIN_API_{line}\n")
            assert home.key(environ) == key

    def test_others_credentials_are_not_looked_at(self, home: Home) -> None:
        home.write("credentials/database-url", "sqlite:./x.db")
        home.write("credentials/tls-key", b"\xff")
        loaded = home.load({"CREDENTIALS_DIRECTORY": str(home.path / "credentials")})
        assert set(loaded.origin.values()) == {"default"}

    def test_two_names_of_one_setting_and_a_bad_one_are_refused(self, home: Home) -> None:
        directory = str(home.path / "credentials")
        path = home.write("credentials/room-token-secret", "")
        assert home.refused(CREDENTIALS_DIRECTORY=directory).detail == (
            f"ROOM_TOKEN_SECRET_FILE (from CREDENTIALS_DIRECTORY): {path} is empty"
        )
        for name in ("admin-api-key", "ADMIN_API_KEY"):
            home.write(f"credentials/{name}")
        error = home.refused(CREDENTIALS_DIRECTORY=directory)
        assert error.detail.endswith("are the same setting")
