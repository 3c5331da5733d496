"""The configuration file of the documents: where it is looked for, and what it means here."""

import sys
from pathlib import Path

import pytest

from chatctl_server.errors import InvalidSetting
from chatctl_server.settings import files, sources
from chatctl_server.settings.sources import Address, Loaded

SECRET = "correct-horse-battery-staple-0123456789"
WHOLE = f"""\
# as in the documents
server:
  port: 6688
  host: 0.0.0.0
  db_url: sqlite:./fechatter.db
  base_dir: /srv/fechatter
auth:
  sk: |
    {SECRET}
search:
  async_indexing:
    batch_size: 10
messaging: {{nats: {{url: nats://127.0.0.1, jetstream: {{stream: chat, more: {{deep: 1}}}}}}}}
OPEN_SIGNUP: false
JWT_SECRET: {SECRET}
RESUME_LIMIT: 5
"""


def load(directory: Path, config: str | None = None, **environ: str) -> Loaded:
    return sources.load(config=config, environ=environ, cwd=directory)


def refusal(directory: Path, text: str) -> InvalidSetting:
    (directory / "app.yaml").write_text(text)
    with pytest.raises(InvalidSetting) as caught:
        load(directory)
    return caught.value


def test_the_documents_file_starts_the_server_at_its_port(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text("server:\n  port: 6688\n")
    loaded = load(tmp_path)
    assert loaded.settings.bind_address == (Address("127.0.0.1", 6688),)
    assert loaded.origin["BIND_ADDRESS"] == "app.yaml line 2"
    assert (loaded.config_path, loaded.warnings) == (tmp_path / "app.yaml", ())


def test_its_nested_keys_are_settings_and_the_others_are_named(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(WHOLE)
    loaded = load(tmp_path)
    settings = loaded.settings
    assert settings.bind_address == (Address("0.0.0.0", 6688),)
    assert (settings.database_url, settings.upload_dir) == (
        "sqlite:./fechatter.db",
        "/srv/fechatter",
    )
    assert (settings.open_signup, settings.jwt_secret) == (False, (SECRET,))
    assert (settings.resume_limit, loaded.origin["RESUME_LIMIT"]) == (5, "app.yaml line 16")
    assert loaded.warnings == (
        "app.yaml line 8: auth.sk is no setting, and not used",
        "app.yaml line 12: search.async_indexing.batch_size is not used by this version",
        "app.yaml line 13: messaging.nats.url is not used by this version",
        "app.yaml line 13: messaging.nats.jetstream.stream is not used by this version",
        "app.yaml line 13: messaging.nats.jetstream.more is no setting, and not used",
    )


def test_it_comes_after_the_toml_files_and_before_one_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("chatctl.toml", "/etc/chatctl/chatctl.toml", "app.yaml", "/etc/config/app.yaml")
    assert names == files.DEFAULT_FILES
    here = [str(tmp_path / name.strip("/")) for name in names]
    monkeypatch.setattr(files, "DEFAULT_FILES", here)
    for number, name in reversed(list(enumerate(here, 1))):
        sign = " =" if name.endswith("toml") else ":"
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"MAX_CONNECTIONS{sign} {number}\n")
        assert load(tmp_path).settings.max_connections == number


def test_a_file_that_is_named_is_read_by_its_ending(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("server: {host: '::1', port: 1}\n")
    (tmp_path / "mine.yaml").write_text("server:\n  host: chat.example\n")
    one = load(tmp_path, CHAT_CONFIG="mine.yml")
    assert one.settings.bind_address == (Address("::1", 1),)
    other = load(tmp_path, config="mine.yaml", CHAT_CONFIG="mine.yml")
    assert other.settings.bind_address == (Address("chat.example", 3000),)
    flat = "BIND_ADDRESS: 127.0.0.1:7\nserver: {port: 8}\n"
    (tmp_path / "mine.yaml").write_text(flat)
    assert load(tmp_path, config="mine.yaml").settings.bind_address == (Address("127.0.0.1", 7),)


def test_an_empty_one_says_nothing(tmp_path: Path) -> None:
    for text in ("", "# nothing\n", "server:\n", "RESUME_LIMIT:\n", "server: {}\n"):
        (tmp_path / "app.yaml").write_text(text)
        assert set(load(tmp_path).origin.values()) == {"default"}, text


def test_what_is_wrong_in_it_is_said(tmp_path: Path) -> None:
    for text, sentence in (
        ("server: {port: 1", "app.yaml is not valid YAML: expected ',' or '}', but got"),
        (f"a: 1\n{SECRET}\nb", "app.yaml is not valid YAML: "),
        ("a: 1\n---\nb: 2\n", "app.yaml is not valid YAML: "),
        ("- server\n", "app.yaml holds no keys with values"),
        ("server:\n  port: http\n", "BIND_ADDRESS (from app.yaml line 2): '127.0.0.1:http' names"),
        ("server:\n  port: 1.5\n", "server.port (from app.yaml line 2): the value is neither a"),
        ("server:\n  port: [1]\n", "server.port (from app.yaml line 2): the value is neither a"),
        ("\nOPEN_SINGUP: true\n", "app.yaml line 2: there is no setting 'OPEN_SINGUP'"),
        ("server: {db_url: 'postgres://u:hunter2@db/c'}", "DATABASE_URL (from app.yaml line 1): "),
    ):
        error = refusal(tmp_path, text)
        assert error.detail.startswith(sentence), error.detail
        assert SECRET not in error.detail
        assert "hunter2" not in error.detail
    assert refusal(tmp_path, "OPEN_SINGUP: true\n").hint == "did you mean OPEN_SIGNUP?"


def test_without_the_extra_a_file_that_is_there_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert set(load(tmp_path).origin.values()) == {"default"}
    error = refusal(tmp_path, "server:\n  port: 6688\n")
    assert error.detail == "app.yaml is YAML, and what reads it is not installed"
    assert error.hint is not None
    assert "chatctl[yaml]" in error.hint
