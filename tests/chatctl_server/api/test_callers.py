"""Who calls: by which header, from which address, over the admin socket, after how many guesses;
and the admin key, of which no file is empty."""

import itertools
import os
import stat
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
import wire
from limits import read_only
from world import KEY, Server, running

from chatctl_server import errors
from chatctl_server.api import caller, minute_limit
from chatctl_server.api.edge import PEER
from chatctl_server.api.minute_limit import MinuteLimit
from chatctl_server.app import create_app
from chatctl_server.process.paths import Paths, upload_dir
from chatctl_server.settings.sources import Settings

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_the_address_is_what_trusted_proxies_wrote() -> None:
    for peer, forwarded, address in (
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["8.8.8.8"], "8.8.8.8"),
        ("10.0.0.1", ["1.1.1.1, 8.8.8.8"], "8.8.8.8"),  # the first is the client's own word
        ("10.0.0.1", ["1.1.1.1", "8.8.8.8, 10.0.0.2"], "8.8.8.8"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["8.8.8.8, nobody"], "nobody"),
        ("fd00::1", ["8.8.8.8"], "8.8.8.8"),
        ("::ffff:10.0.0.1", ["8.8.8.8"], "8.8.8.8"),
        ("9.9.9.9", ["8.8.8.8"], "9.9.9.9"),  # no proxy of ours: not believed
    ):
        headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
        scope = {"client": (peer, 1), "headers": headers}
        assert caller.address(scope, PROXIES) == address
        assert caller.address(scope, ()) == peer


@pytest.fixture
def operator(shared_server: Server) -> Iterator[httpx.Client]:
    """On the admin socket, without a key."""
    transport = httpx.HTTPTransport(uds=f"{shared_server.database}.admin.sock")
    with httpx.Client(transport=transport, base_url="http://here") as client:
        yield client


def test_the_admin_socket_serves_the_management_without_a_key(operator: httpx.Client) -> None:
    assert operator.get("/management/rooms").status_code == 200
    for path in ("/metrics", "/health", "/schema", "/managements"):
        answer = operator.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_admin_socket_is_not_for_proxies(operator: httpx.Client) -> None:
    for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host"):
        answer = operator.get("/management/rooms", headers={name: "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_the_admin_socket_is_for_the_servers_own_user_and_root() -> None:
    app, peer = create_app(Settings(database_url="sqlite:/nowhere/chat.db")), {"uid": 0}

    async def from_socket(scope: object, receive: object, send: object) -> None:
        assert isinstance(scope, dict)
        await app({**scope, "extensions": {PEER: peer}}, receive, send)

    transport = httpx.ASGITransport(app=from_socket)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        for uid, status in ((0, 200), (os.getuid(), 200), (os.getuid() + 1, 403)):
            peer["uid"] = uid
            assert (await client.get("/management/health")).status_code == status


class Guesses:
    """Wrong keys, three of which an address has a minute, at the time that the test sets."""

    def __init__(self, per_minute: int = 3) -> None:
        self.now = 1000.0
        self._failures = MinuteLimit(per_minute, "Too many guesses", lambda: self.now)

    def guess(self, address: str = "a") -> int | None:
        """How long to wait, or None when the guess was heard."""
        try:
            self._failures.check(address)
        except errors.Throttled as refusal:
            return refusal.retry_after
        self._failures.add(address)
        return None


def test_guesses_are_counted_by_the_minute() -> None:
    guesses = Guesses()
    assert [guesses.guess() for _ in range(4)] == [None, None, None, 60]
    guesses.now += 59.5
    assert (guesses.guess(), guesses.guess("another address")) == (1, None)
    for _ in range(2):
        guesses.now += 60
        assert [guesses.guess() for _ in range(4)] == [None, None, None, 60]


def test_guesses_need_not_be_limited() -> None:
    guesses = Guesses(per_minute=0)
    assert {guesses.guess() for _ in range(100)} == {None}


def test_the_oldest_address_is_forgotten_first() -> None:
    """Whoever has many addresses fills no memory."""
    guesses = Guesses(per_minute=1)
    for number in range(minute_limit.KEYS + 1):
        assert guesses.guess(f"{number}") is None
    assert guesses.guess(f"{minute_limit.KEYS}") == 60
    assert guesses.guess("1") == 60
    assert guesses.guess("0") is None


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


def test_of_two_keys_the_last_counts(shared_server: Server) -> None:
    """A proxy adds behind what the client sent."""
    path = "/management/rooms"
    assert wire.ask(shared_server, wire.request(shared_server, "GET", path)).status == 200
    wrong = wire.request(shared_server, "GET", path, "X-Api-Key: wrong")
    assert wire.ask(shared_server, wrong).status in (401, 429)  # after all the guesses above


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
    with read_only(tmp_path), pytest.raises(errors.StorageUnavailable, match="for this user"):
        place.admin_key()
    place.key_file.write_bytes(b"\xff\xfe")
    with pytest.raises(errors.StorageUnavailable, match="admin-key"):
        place.admin_key()
    place.key_file.unlink()
    place.key_file.mkdir()
    with pytest.raises(errors.StorageUnavailable, match="admin-key"):
        place.admin_key()
    assert [each.name for each in tmp_path.iterdir()] == ["chat.db.admin-key"]


def test_a_start_without_a_jwt_secret_writes_one_that_stays(tmp_path: Path) -> None:
    file = tmp_path / "chat.db.jwt-secret"
    for _ in range(2):
        with running(tmp_path) as server:
            assert server.stop() == 0
            written = file.read_text()
        assert len(written) > 40
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == written
    assert written.strip() not in (tmp_path / "server.log").read_text()
    file.write_text("too short\n")
    server = Server(tmp_path)
    assert server.chatctl("serve").returncode != 0
    told = server.chatctl("serve").stderr
    assert f"JWT_SECRET (from file {file}): the value is shorter than 32 bytes" in told
    server.close()


def test_with_a_jwt_secret_none_is_written(tmp_path: Path) -> None:
    with running(tmp_path, JWT_SECRET="s" * 32):
        assert not (tmp_path / "chat.db.jwt-secret").exists()


def test_files_lie_beside_the_database_or_where_the_setting_says(tmp_path: Path) -> None:
    database = tmp_path / "chat.db"
    assert upload_dir(Settings(), database) == tmp_path / "chat.db.files"
    assert upload_dir(Settings(upload_dir="/srv/files"), database) == Path("/srv/files")
    assert upload_dir(Settings(upload_dir="~/files"), database) == Path.home() / "files"


def place_in(directory: Path) -> Paths:
    database = directory / "chat.db"
    return Paths(
        database=database,
        lock_path=directory / "chat.db.lock",
        socket_path=directory / "chat.db.admin.sock",
        key_file=directory / "chat.db.admin-key",
        is_temporary=False,
    )
