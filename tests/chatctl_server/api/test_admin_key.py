"""The admin key: the right one always opens, wrong ones are counted, no file of it is empty."""

import itertools
import stat
from pathlib import Path

import pytest
from limits import read_only
from world import KEY, Server, running

from chatctl_server import errors
from chatctl_server.process.paths import Paths

FAILURES_A_MINUTE = 100  # API_KEY_FAILURES_PER_MINUTE, as it is without a word of the operator's
WRONG = [b"", b"wrong", KEY[:-1].encode(), KEY.encode() + b"x", "ключ".encode(), b"\xff\xfe"]


def test_the_right_key_opens_whatever_was_tried_from_its_address(shared_server: Server) -> None:
    """Behind a proxy everybody has one address: who guesses must not lock the operator out."""
    http, keys = shared_server.http, itertools.cycle(WRONG)

    def guess() -> int:
        answer = http.get("/management/rooms", headers={b"X-Api-Key": next(keys)})
        assert KEY not in answer.text
        assert answer.headers.get("www-authenticate", "X-Api-Key") == "X-Api-Key"
        return answer.status_code

    assert [guess() for _ in range(FAILURES_A_MINUTE)] == [401] * FAILURES_A_MINUTE
    assert guess() == 429
    for _ in range(2):
        assert http.get("/management/rooms").status_code == 200
        assert guess() == 429  # the right key in between gives no further guesses
    missing = http.get("/management/rooms", headers={b"X-Api-Key": b""})
    assert missing.status_code == 429


def test_while_it_is_changed_both_are_good_and_few_wrong_ones_heard(tmp_path: Path) -> None:
    settings = {"ADMIN_API_KEY": "пароль-密码, the old one", "API_KEY_FAILURES_PER_MINUTE": "2"}
    with running(tmp_path, **settings) as server:
        for key, status in (
            ("пароль-密码", 200),
            ("the old one", 200),
            ("the", 401),
            ("пароль-密码, the old one", 401),
            ("", 429),
        ):
            headers = {b"X-Api-Key": key.encode()}
            answer = server.http.get("/management/rooms", headers=headers)
            assert answer.status_code == status, key
        assert answer.json()["code"] == "throttled"
        assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_an_empty_key_file_is_written_anew(tmp_path: Path) -> None:
    """What a crash can leave where the file system orders nothing."""
    place = place_in(tmp_path)
    for found in ("", "\n", "  \n"):
        place.key_file.write_text(found)
        key, is_new = place.admin_key()
        assert is_new
        assert len(key) >= 32
        assert place.key_file.read_text() == key + "\n"
        assert place.admin_key() == (key, False)


def test_a_written_key_is_for_its_owner_only(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    place.key_file.touch(mode=0o644)
    place.key_file.with_name("chat.db.admin-key.part").write_text("half a k")
    place.admin_key()
    assert stat.S_IMODE(place.key_file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["chat.db.admin-key"]


def test_a_key_that_somebody_wrote_is_kept_as_it_is(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    place.key_file.write_text("  a key of the operator's own \n")
    place.key_file.chmod(0o640)
    assert place.admin_key() == ("a key of the operator's own", False)
    assert stat.S_IMODE(place.key_file.stat().st_mode) == 0o640
    assert place.warnings == [
        f"others may read the API key, and commands refuse it: chmod 600 {place.key_file}"
    ]


def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    with read_only(tmp_path), pytest.raises(errors.StorageUnavailable, match="admin-key"):
        place.admin_key()
    place.key_file.write_bytes(b"\xff\xfe")
    with pytest.raises(errors.StorageUnavailable, match="admin-key"):
        place.admin_key()
    place.key_file.unlink()
    place.key_file.mkdir()
    with pytest.raises(errors.StorageUnavailable, match="admin-key"):
        place.admin_key()
    assert [each.name for each in tmp_path.iterdir()] == ["chat.db.admin-key"]


def place_in(directory: Path) -> Paths:
    database = directory / "chat.db"
    return Paths(
        database=database,
        lock_path=directory / "chat.db.lock",
        socket_path=directory / "chat.db.admin.sock",
        key_file=directory / "chat.db.admin-key",
        is_temporary=False,
    )
