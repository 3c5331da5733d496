"""``chatctl token``: made here, taken by a server, and read without showing it to anybody."""

import json
import time
from typing import Any

import httpx
import jwt
import pytest
from prepared_server import Answer, Chatctl, Prepared
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

    def test_all_claims(self, signing: Signing) -> None:
        claims = signing.claims(
            "-R", ROOM.upper(), "--name", "安娜 ✨", "--admin", "--ttl", "1h30m"
        )
        assert (claims["room"], claims["name"], claims["admin"]) == (ROOM, "安娜 ✨", True)
        assert claims["exp"] == claims["iat"] + 5400

    def test_only_the_token_is_on_stdout(self, signing: Signing) -> None:
        done = signing(*MINT, "--admin")
        assert done.stdout.count("\n") == 1
        assert done.stdout.count(".") == 2
        assert "an admin of every room; --room limits it to one" in done.stderr

    def test_as_json(self, signing: Signing) -> None:
        done = json.loads(signing(*MINT, "--room", ROOM, "--json").stdout)
        claims = jwt.decode(done.pop("token"), SECRET, algorithms=["HS256"])
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(claims["exp"]))
        assert done == {
            "expires_at": moment,
            "user_id": "anna",
            "room_id": ROOM,
            "name": None,
            "admin": False,
        }

    def test_a_name_is_looked_up_at_the_server(self, signing: Signing, server: Prepared) -> None:
        room = {"room_id": ROOM, "room_name": "lobby"}
        server.answers["GET /management/rooms"] = Answer([room])
        claims = signing.claims(
            "--room", "lobby", "--server", server.url, "--quiet", ADMIN_API_KEY="k"
        )
        assert claims["room"] == ROOM
        assert server.asked[0].query["room"] == "lobby"

    def test_an_unknown_or_an_ambiguous_name(self, signing: Signing, server: Prepared) -> None:
        named = ("--room", "lobby", "--server", server.url)
        server.answers["GET /management/rooms"] = Answer([])
        assert signing(*MINT, *named, ADMIN_API_KEY="k").exit == 3
        rooms = [{"room_id": ROOM.replace("7", each), "room_name": "lobby"} for each in "12"]
        server.answers["GET /management/rooms"] = Answer(rooms)
        done = signing(*MINT, *named, ADMIN_API_KEY="k")
        assert (done.stdout, done.exit) == ("", 5)

    @pytest.mark.parametrize(
        ("args", "problem"),
        [
            (("--user", "system"), "user_id system is reserved"),
            (("--user", ""), "user_id is empty"),
            (("--user", "x" * 256), "user_id has 256 characters"),
            (("--user", "a", "--name", ""), "name is empty"),
            (("--user", "a", "--name", "x" * 256), "name has 256 characters"),
            (("--user", "a", "--ttl", "60"), "--ttl: 60 of what?"),
            (("--user", "a", "--ttl", "0s"), "--ttl: '0s' is not a duration"),
            (("--user", "a", "--ttl", "3651d"), "--ttl: 3651d is longer than ten years"),
            (("--user", "a", "--room", ""), "ROOM is empty"),
            ((), "Missing option '--user'"),
        ],
    )
    def test_what_a_server_would_refuse(
        self, signing: Signing, args: tuple[str, ...], problem: str
    ) -> None:
        done = signing("token", "mint", *args)
        assert (done.stdout, done.exit) == ("", 2)
        assert problem in done.stderr

    @pytest.mark.parametrize("args", [MINT, ("token", "inspect", "-")])
    def test_without_a_secret_is_exit_2_with_the_fix(
        self, here: Here, args: tuple[str, ...]
    ) -> None:
        done = here(*args, stdin=sign())
        assert (done.stdout, done.exit) == ("", 2)
        assert "no ROOM_TOKEN_SECRET is set" in done.stderr
        assert "chatctl init writes one" in done.stderr

    def test_where_nobody_asks_for_tokens_that_is_said(self, signing: Signing) -> None:
        done = signing(*MINT, ROOM_IDENTITY="open")
        assert "ROOM_IDENTITY is open" in done.stderr
        assert done.exit == 0


class TestInspect:
    def test_a_good_one(self, signing: Signing) -> None:
        token = signing(*MINT, "--room", ROOM, "--name", "Anna").stdout
        done = signing.inspect(token)
        shown = dict(line.split("\t") for line in done.stdout.splitlines())
        expiry = shown.pop("expires"), shown.pop("issued")
        assert all(each.endswith("Z") for each in expiry)
        assert shown == {
            "user": "anna",
            "room": ROOM,
            "name": "Anna",
            "admin": "no",
            "signature": "good",
        }
        assert (done.stderr, done.exit) == ("", 0)

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

    @pytest.mark.parametrize(
        ("token", "reason"),
        [
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
            (jwt.encode({"sub": "anna", "exp": 4e9}, "", algorithm="none"), "it is not signed"),
        ],
    )
    def test_what_a_server_would_refuse_is_exit_10(
        self, signing: Signing, token: str, reason: str
    ) -> None:
        done = signing.inspect(token)
        assert (done.stdout, done.exit) == ("", 10)
        assert "chatctl: a server would refuse this token: " in done.stderr
        assert reason in done.stderr
        as_json = signing.inspect(token, "--json")
        assert (as_json.stdout, as_json.exit) == ("", 10)
        assert json.loads(as_json.stderr)["error"]["code"] == "check_failed"

    def test_a_time_that_no_calendar_has(self, signing: Signing) -> None:
        for end in (10**30, 10**400):
            done = signing.inspect(sign(exp=end))
            assert (done.stdout, done.exit) == ("", 10)
            assert "ends after the year 9999" in done.stderr

    def test_a_refused_one_says_what_it_claims(self, signing: Signing) -> None:
        done = signing.inspect(sign(exp=1_700_000_000, name="Anna\x1b[2J"))
        assert done.stderr.splitlines()[:3] == [
            "chatctl: user anna",
            "chatctl: name Anna\\x1b[2J",
            "chatctl: admin no",
        ]
        assert "chatctl: expires 2023-11-14T22:13:20Z" in done.stderr
        assert "chatctl: signature good" in done.stderr

    @pytest.mark.parametrize("text", ["", "nothing", "a.b", "é", "a.b.c", "x" * 70_000])
    def test_what_is_no_token_is_exit_2(self, signing: Signing, text: str) -> None:
        done = signing.inspect(text)
        assert (done.stdout, done.exit) == ("", 2)

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


def test_a_server_takes_them_for_their_room_and_no_other(chatctl: Chatctl) -> None:
    settings = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": SECRET, "ADMIN_API_KEY": "the-key"}
    chatctl.environ |= settings
    with Serving(chatctl, "--db", "sqlite:./chat.db") as serving:
        chatctl.environ["DATABASE_URL"] = "sqlite:./chat.db"
        with httpx.Client(base_url=serving.url, headers={"X-Api-Key": "the-key"}) as http:
            here, there = (
                http.post("/management/rooms", json={"room_name": name}).json()["room_id"]
                for name in ("here", "there")
            )
        token = chatctl(*MINT, "--room", "here", "--name", "Anna", "--admin").stdout.strip()
        address = f"{serving.url.replace('http', 'ws', 1)}/ws/rooms"
        with connect(f"{address}/{here}?token={token}", proxy=None) as anna:
            welcome = json.loads(anna.recv(timeout=15))["payload"]
        assert (welcome["nickname"], welcome["is_admin"]) == ("Anna", True)
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{address}/{there}?token={token}", proxy=None)
        assert refused.value.response.status_code == 401
