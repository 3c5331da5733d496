"""``chatctl callbacks ls|add|show|rm|enable|disable|rotate-secret``: the endpoints."""

import json
import stat
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import Offline
from prepared_server import Answer, Prepared, problem
from receivers import Receiver, receiver
from same_process import Here, without_colours
from standardwebhooks.webhooks import Webhook
from world import KEY, Server, running

from chatctl.input import endpoints
from chatctl_server.actions import scopes

USAGE, NOT_FOUND, CONFLICT = 2, 3, 5
SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> Iterator[Server]:
    """There is a workspace 7."""
    settings = {
        "CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
        "ROOM_EVENT_CALLBACK_URL": f"{hook.origin}/api/room-events?key=hidden",
    }
    directory = tmp_path_factory.mktemp("server")
    desk = Offline(directory / "chat.db")
    desk.run(scopes.create, "workspace", 7)
    desk.close()
    with running(directory, **settings) as started:
        yield started


@pytest.fixture
def url(request: pytest.FixtureRequest, hook: Receiver) -> str:
    return f"{hook.origin}/{request.node.name}"


def add(served: Here, url: str, *more: str) -> str:
    added = served.json("callbacks", "add", url, "--events", "message.*", *more)
    return str(added["endpoint_id"])


def test_an_endpoint_is_added_once(served: Here, url: str) -> None:
    args = ("callbacks", "add", url, "--events", "room.*,message.*")
    done = served(*args)
    endpoint_id, changed = done.stdout.rstrip("\n").split("\t")
    assert (changed, done.stderr, done.exit) == ("changed", "", 0)
    assert served(*args).stdout == f"{endpoint_id}\tunchanged\n"
    shown = served.json("callbacks", "show", endpoint_id)
    assert (shown["url"], shown["events"]) == (url, ["room.*", "message.*"])
    assert shown["created_at"].endswith("Z")
    rows = [line.split("\t") for line in served("callbacks").stdout.splitlines()]
    known = [endpoint_id, "events", url, "room.*,message.*", "enabled", "0", "", "", "rooms"]
    assert [*known, "0", ""] in rows
    assert shown in served.json("callbacks", "ls")


def test_the_settings_endpoints_are_listed_and_changed_there(served: Here) -> None:
    (found,) = [each for each in served.json("callbacks") if each["origin"] == "settings"]
    assert "hidden" not in json.dumps(found)
    for named in ("room_event", "room-event", found["endpoint_id"], found["url"]):
        assert served.json("callbacks", "show", named) == found
    for verb, *more in (("rm",), ("disable",), ("rotate-secret", "--out", "never")):
        assert served.refused("callbacks", verb, "room_event", *more) == ("conflict", CONFLICT)
    assert not list(Path.cwd().glob("never"))


def test_an_endpoint_is_disabled_enabled_and_removed(served: Here, url: str) -> None:
    endpoint_id = add(served, url)
    for verb, status in (("disable", "disabled"), ("enable", "enabled")):
        for changed in (True, False):
            done = served.json("callbacks", verb, url)
            assert (done["status"], done["changed"]) == (status, changed)
    assert served("callbacks", "disable", url).stdout == f"{endpoint_id}\tchanged\n"
    removed = {"endpoint_id": endpoint_id, "url": url, "changed": True}
    assert served.json("callbacks", "rm", url) == removed
    assert served.refused("callbacks", "rm", endpoint_id) == ("endpoint_not_found", NOT_FOUND)


def test_a_person_reads_sentences(
    here: Here, served: Here, shared_server: Server, url: str
) -> None:
    """And of a scope only where one is not that of rooms."""

    def shown(*words: str, columns: int = 200) -> str:
        named = {"CHATCTL_SERVER": shared_server.url, "ADMIN_API_KEY": KEY}
        done = here.as_terminal(columns, "callbacks", *words, **named)
        assert (done.stderr, done.exit) == ("", 0)
        return without_colours(done.stdout)

    endpoint_id = add(served, url, "--scope", "rooms")
    assert shown("add", url, "--events", "message.*") == f"{endpoint_id}\n"
    assert shown("disable", url) == f"{url} is disabled\n"
    assert shown("disable", url) == f"{url} was already disabled\n"
    for columns in (60, 200):
        assert url in shown("ls", columns=columns)
    record = shown("show", url)
    assert "disabled because  -" in record
    assert "SCOPE" not in shown("ls")
    assert "\nscope" not in record
    scoped = add(served, url, "--scope", "workspace:7")
    title, *rows = shown("ls").splitlines()
    assert title.split()[-1] == "SCOPE"
    assert {row.split()[0]: row.split()[-1] for row in rows}[scoped] == "workspace:7"
    assert "\nscope             workspace:7\n" in shown("show", scoped)
    assert shown("rm", endpoint_id) == shown("rm", scoped) == f"{url} is removed\n"


def test_what_fails_says_since_when(here: Here, server: Prepared) -> None:
    failing = {
        **KNOWN, "events": ["*"], "status": "enabled", "disabled_reason": None, "pending": 3,
        "oldest_pending_at": None, "failing_since": time.time() - 7300, "failed": 0,
        "oldest_failed_at": None,
    }  # fmt: skip
    server.answers[f"GET {endpoints.PATH}"] = Answer(
        [failing, {**failing, "status": "disabled", "disabled_reason": "gone"}]
    )
    shown = without_colours(here.as_terminal(120, "callbacks", "--server", server.url).stdout)
    assert "enabled, failing since 2h ago " in shown
    assert "disabled: gone " in shown
    cells = here("callbacks", "--server", server.url).stdout.splitlines()[0].split("\t")
    assert cells[-4].endswith("Z")


# What is typed


def test_slips_are_refused_before_a_server_is_asked(here: Here) -> None:
    """There is none, which would be another error."""
    add = ("add", "http://x", "--events", "*")
    for words, said in (
        ((*add, "--scope", "workspace"), "--scope: 'workspace' is no scope"),
        ((*add, "--scope", "site:A"), "--scope: 'site:A' is no scope"),
        ((*add, "--scope", ""), "--scope: '' is no scope"),
        (("add", "localhost:8080/hook", "--events", "*"), "the URL must begin with http:// or "),
        (("add", "HTTPX://x", "--events", "*"), "the URL must begin with http:// or https://"),
        (("rotate-secret", "x", "--out", "x", "--secret-file", "y"), "rotate-secret needs one of"),
    ):
        done = here("callbacks", *words, "--server", "http://127.0.0.1:1")
        assert (done.stdout, done.exit) == ("", USAGE), words
        assert done.stderr.startswith(f"chatctl: {said}")


def test_a_url_with_a_secret_comes_from_stdin(served: Here, hook: Receiver) -> None:
    """An @ in a path or a query is no password."""
    for rest in ("/to/@me", "?to=@me"):
        assert add(served, f"{hook.origin}{rest}")
    secret_url = f"{hook.origin}/stdin?key=password"
    args = ("callbacks", "add", "-", "--events", "room.*")
    added = served.json(*args, stdin=f"{secret_url}\n")
    assert "password" not in json.dumps(added)
    for named in (secret_url, added["url"]):
        assert served.json("callbacks", "show", named)["endpoint_id"] == added["endpoint_id"]
    for text in ("nothing of the kind", f"http://x/{'y' * 9000}", ""):
        assert served(*args, stdin=text) == ("", "chatctl: stdin holds no URL\n", USAGE)


ID = "01a2b3c4-0000-7000-8000-000000000001"
KNOWN = {"endpoint_id": ID, "url": "http://hook.example/", "origin": "added", "kind": "events"}


def _endpoint(number: str, url: str, kind: str = "events") -> dict[str, str]:
    origin = "added" if kind == "events" else "settings"
    return {"endpoint_id": number, "url": url, "kind": kind, "origin": origin}


FOUR = [
    _endpoint("01a2b3c4-0000", "http://one.example/hook"),
    _endpoint("01a2b3c4-1111", "http://one.example/hook"),
    _endpoint("da7a0000-2222", "https://…@two.example/hook?…"),
    _endpoint("feed0000-3333", "http://one.example/data", "data"),
]


def test_an_endpoint_is_named_by_id_prefix_url_or_kind(here: Here, server: Prepared) -> None:
    for named, found in {
        "01a2b3c4-0000": [0],
        "01A2B3C4-0": [0],
        "01a2": [0, 1],
        "01a": [],
        "data": [3],
        "da7a": [2],
        "periodic-sync": [],
        "events": [],
        "http://one.example/hook": [0, 1],
        "http://one.example/hook/": [],
        "https://me:secret@two.example/hook?key=1": [2],
        "https://two.example/hook": [],
        "0000-3333": [],
        "": [],
        "%": [],
    }.items():
        assert endpoints.meant(FOUR, named) == [FOUR[each] for each in found], named
    server.answers[f"GET {endpoints.PATH}"] = Answer(FOUR)
    assert here("callbacks", "rm", "01a2", "--server", server.url) == (
        "",
        "chatctl: 01a2 may be any of 2 endpoints: 01a2b3c4-0000, 01a2b3c4-1111\n"
        "  try: the whole id of one of them\n",
        CONFLICT,
    )


# Secrets


def _secret_in(path: Path) -> str:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text().strip()


def test_a_secret_is_made_and_signs(here: Here, served: Here, hook: Receiver, url: str) -> None:
    endpoint_id = add(served, url)
    args = ("callbacks", "rotate-secret", url, "--out")
    assert served(*args, "no/x").stderr.startswith("chatctl: --out: 'no/x' cannot be written: ")
    assert served.json("callbacks", "show", url)["has_secret"] is False
    done = served(*args, "made")
    assert (done.stdout, done.stderr) == (f"{endpoint_id}\tchanged\n", "")
    secret = _secret_in(here.directory / "made")
    assert len(b64decode(secret.removeprefix("whsec_"))) == 32
    assert served.refused(*args, "made") == ("file_exists", CONFLICT)
    assert _secret_in(here.directory / "made") == secret
    before = len(hook.requests)
    served.json("callbacks", "test", url)
    request = hook.wait_for(before + 1)[before]
    Webhook(secret).verify(request.body, request.headers)
    printed = served(*args, "-").stdout
    assert printed.startswith("whsec_")
    assert printed.count("\n") == 1
    again = served.json(*args, "-")
    assert (again["changed"], again["secret"] == printed.strip()) == (True, False)


def test_a_secret_of_ones_own(here: Here, served: Here, url: str) -> None:
    """There is one, which is never shown."""
    (here.directory / "secret").write_text(f"{SECRET}\n")
    add(served, url, "--secret-file", "secret")
    args = ("callbacks", "rotate-secret", url, "--secret-file")
    done = served.json(*args, "secret")
    assert (done["changed"], done["has_secret"]) == (False, True)
    assert done["secret_overlap_until"] is None
    done = served.json(*args, "-", stdin=b64encode(bytes(24)).decode())
    assert done["changed"]
    assert done["secret_overlap_until"] > done["created_at"]
    refused = served(*args, "-", stdin=f"{SECRET}\n{SECRET}\n")
    assert (refused.stdout, refused.exit) == ("", USAGE)
    assert refused.stderr.startswith("chatctl: stdin holds several secrets")
    assert SECRET not in refused.stderr


def test_a_made_secret_stays_as_long_as_it_may_be_in_force(here: Here, server: Prepared) -> None:
    """Not when it is refused; but when the answer is lost."""

    def lost(_: object) -> Answer:
        raise ConnectionAbortedError

    server.answers[f"GET {endpoints.PATH}"] = Answer([KNOWN])
    for name, answer, stays in (
        ("refused", problem(409, "conflict", "not this one"), False),
        ("broken", problem(503, "unknown", "?"), True),
        ("garbled", Answer(b"{", 200), True),
        ("lost", lost, True),
    ):
        server.answers[f"PATCH {endpoints.PATH}/{ID}"] = answer
        assert here("callbacks", "rotate-secret", ID, "--out", name, "--server", server.url).exit
        assert (here.directory / name).exists() == stays, name
