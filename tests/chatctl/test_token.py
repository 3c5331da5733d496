"""``chatctl token``: made here, taken by a server, and read without showing it to anybody."""

import json
import time
from typing import Any

import jwt
import pytest
from prepared_server import Chatctl
from real_server import Serving
from same_process import Here
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

SECRET = "correct-horse-battery-staple-0123456789"
ROOM = "7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11"
MINT = ("token", "mint", "--user", "anna")


class Signing:
    """Commands with ROOM_TOKEN_SECRET set."""

    def __init__(self, here: Here) -> None:
        self._here = here

    def __call__(self, *args: str, stdin: str = "", **environ: str) -> Any:
        settings = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": SECRET, **environ}
        return self._here(*args, stdin=stdin, **settings)

    def claims(self, *args: str, **environ: str) -> dict[str, Any]:
        done = self(*MINT, *args, **environ)
        assert (done.stderr, done.exit) == ("", 0)
        return dict(jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"]))

    def inspect(self, token: str, *args: str) -> Any:
        return self("token", "inspect", "-", *args, stdin=token)


@pytest.fixture
def signing(here: Here) -> Signing:
    return Signing(here)


def sign(secret: str = SECRET, **claims: object) -> str:
    """Anybody's token, with any claims. ``None`` leaves one out."""
    given = {"sub": "anna", "exp": int(time.time()) + 86_400, **claims}
    return jwt.encode({key: each for key, each in given.items() if each is not None}, secret)


class TestMint:
    def test_the_claims(self, signing: Signing) -> None:
        before = int(time.time())
        claims = signing.claims()
        assert claims.keys() == {"sub", "iat", "exp"}
        assert claims["sub"] == "anna"
        assert before <= claims["iat"] <= time.time()
        assert claims["exp"] == claims["iat"] + 3600

    def test_all_that_may_be_granted(self, signing: Signing) -> None:
        wanted = ("-R", ROOM.upper(), "--name", "安娜 ✨", "--admin", "--ttl", "1h30m")
        done = json.loads(signing(*MINT, *wanted, "--json").stdout)
        claims = jwt.decode(done.pop("token"), SECRET, algorithms=["HS256"])
        assert (claims["room"], claims["name"], claims["admin"]) == (ROOM, "安娜 ✨", True)
        assert claims["exp"] == claims["iat"] + 5400
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(claims["exp"]))
        about = {"user_id": "anna", "room_id": ROOM, "name": "安娜 ✨", "admin": True}
        assert done == {"expires_at": moment, **about}

    def test_only_the_token_is_on_stdout(self, signing: Signing) -> None:
        done = signing(*MINT, "--admin", ROOM_IDENTITY="open")
        assert (done.stdout.count("\n"), done.stdout.count("."), done.exit) == (1, 2, 0)
        assert "an admin of every room; --room limits it to one" in done.stderr
        assert "ROOM_IDENTITY is open" in done.stderr

    def test_what_a_server_would_refuse(self, signing: Signing) -> None:
        for words, problem in (
            ("--user system", "user_id system is reserved"),
            (f"--user {'x' * 256}", "user_id has 256 characters"),
            (f"--user a --name {'x' * 256}", "name has 256 characters"),
            ("--user a --ttl 60", "--ttl: 60 of what?"),
            ("--user a --ttl 3651d", "--ttl: 3651d is longer than ten years"),
            ("--user a --room=", "ROOM is empty"),
            ("", "Missing option '--user'"),
        ):
            done = signing("token", "mint", *words.split())
            assert (done.stdout, done.exit, problem in done.stderr) == ("", 2, True), words


# What anybody may show, and why a server would refuse it.
REFUSED = (
    (sign(exp=1_700_000_000), "The token has expired"),
    (sign("another-secret-of-at-least-32-bytes!"), "it is not signed with this"),
    (sign(exp=None), 'missing the "exp" claim'),
    (sign(sub=None), 'missing the "sub" claim'),
    (sign(sub=""), "The token names no user"),
    (sign(sub="system"), "user_id system is reserved"),
    (sign(sub=5), "Subject must be a string"),
    (sign(name="x" * 300), "name has 300 characters"),
    (sign(nbf=4_000_000_000), "not yet valid"),
    (sign(exp="soon"), "must be an integer"),
    (sign(exp=10**30), "ends after the year 9999"),
    (sign(exp=10**400), "ends after the year 9999"),
    (jwt.encode({"sub": "anna", "exp": 4e9}, "", algorithm="none"), "it is not signed"),
)


class TestInspect:
    def test_a_good_one(self, signing: Signing) -> None:
        token = signing(*MINT, "--room", ROOM, "--name", "Anna").stdout
        done = signing.inspect(token)
        shown = dict(line.split("\t") for line in done.stdout.splitlines())
        assert shown.pop("expires").endswith("Z")
        assert shown.pop("issued").endswith("Z")
        about = {"user": "anna", "room": ROOM, "name": "Anna", "admin": "no", "signature": "good"}
        assert (shown, done.stderr, done.exit) == (about, "", 0)

    def test_a_good_one_as_json(self, signing: Signing) -> None:
        found = json.loads(signing.inspect(sign(exp=2_000_000_000), "--json").stdout)
        assert found == {
            "user_id": "anna",
            "room_id": None,
            "name": None,
            "admin": False,
            "issued_at": None,
            "expires_at": "2033-05-18T03:33:20Z",
            "signature": "good",
        }

    def test_what_a_server_would_refuse_is_exit_10(self, signing: Signing) -> None:
        for token, reason in REFUSED:
            done = signing.inspect(token, "--json")
            assert (done.stdout, done.exit) == ("", 10), reason
            error = json.loads(done.stderr)["error"]
            assert error["code"] == "check_failed"
            assert "a server would refuse this token: " in error["message"]
            assert reason in error["message"]

    def test_a_refused_one_says_what_it_claims(self, signing: Signing) -> None:
        done = signing.inspect(sign(exp=1_700_000_000, name="Anna\x1b[2J"))
        assert (done.stdout, done.exit) == ("", 10)
        assert done.stderr.splitlines()[:3] == [
            "chatctl: user anna",
            "chatctl: name Anna\\x1b[2J",
            "chatctl: admin no",
        ]
        assert "chatctl: expires 2023-11-14T22:13:20Z" in done.stderr
        assert "chatctl: signature good" in done.stderr

    def test_what_is_no_token_is_exit_2(self, signing: Signing) -> None:
        for text in ("", "nothing", "a.b", "é", "a.b.c", "x" * 70_000):
            done = signing.inspect(text)
            assert (done.stdout, done.exit) == ("", 2), text[:9]

    def test_from_a_file(self, signing: Signing, here: Here) -> None:
        (here.directory / "token.txt").write_text(sign() + "\n")
        assert signing("token", "inspect", "token.txt").exit == 0
        assert signing("token", "inspect", "gone.txt").exit == 3

    def test_never_as_an_argument_and_never_repeated(self, signing: Signing) -> None:
        token = sign()
        done = signing("token", "inspect", token)
        assert (done.stdout, done.exit) == ("", 2)
        assert token not in done.stderr
        assert "visible to everyone" in done.stderr


def test_while_the_secret_is_changed_both_are_good(signing: Signing) -> None:
    old = "an-old-secret-that-is-long-enough-0123"
    both = {"ROOM_TOKEN_SECRET": f"{SECRET}, {old}"}
    assert signing.claims(**both)["sub"] == "anna"  # signed with the first
    for secret in (SECRET, old):
        token = sign(secret, sub="anna", exp=time.time() + 60)
        done = signing("token", "inspect", "-", stdin=token, **both)
        assert ("signature\tgood" in done.stdout, done.exit) == (True, 0)
        over = signing("token", "inspect", "-", stdin=sign(secret, sub="a", exp=1), **both)
        assert ("The token has expired" in over.stderr, over.exit) == (True, 10)
    strange = sign("a-strange-secret-that-is-long-enough-0", sub="anna", exp=time.time() + 60)
    assert signing("token", "inspect", "-", stdin=strange, **both).exit == 10


def test_a_server_takes_them_for_their_room_and_no_other(chatctl: Chatctl, here: Here) -> None:
    settings = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": SECRET, "ADMIN_API_KEY": "the-key"}
    chatctl.environ |= {**settings, "DATABASE_URL": "sqlite:./chat.db"}
    with Serving(chatctl) as serving:
        lobby, attic = (
            here("rooms", "create", name).stdout.split("\t")[0] for name in ("lobby", "attic")
        )
        token = here(*MINT, "--room", "lobby", "--name", "Anna", "--admin").stdout.strip()
        address = f"{serving.url.replace('http', 'ws', 1)}/ws/rooms"
        with connect(f"{address}/{lobby}?token={token}", proxy=None) as anna:
            welcome = json.loads(anna.recv(timeout=15))["payload"]
        assert (welcome["nickname"], welcome["is_admin"]) == ("Anna", True)
        # A host that leaves the room empty by mistake has not opened all of them.
        claims = {"sub": "anna", "exp": int(time.time()) + 60}
        nowhere = [jwt.encode({**claims, "room": each}, SECRET) for each in ("", None, "x", 5)]
        for room, refused in ((attic, token), *((lobby, each) for each in nowhere)):
            with pytest.raises(InvalidStatus) as refusal:
                connect(f"{address}/{room}?token={refused}", proxy=None)
            assert refusal.value.response.status_code == 401
