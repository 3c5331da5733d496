"""``chatctl callbacks ls|add|show|rm|enable|disable|rotate-secret``: the endpoints."""

import json
import re
import stat
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from as_terminal import as_terminal, without_colours
from offline import Offline
from prepared_server import Answer, Prepared, problem
from receivers import Receiver, receiver
from same_process import Here
from served import Served
from standardwebhooks.webhooks import Webhook
from world import KEY, Server, running

from chatctl.input import endpoints
from chatctl_server.actions import scopes

USAGE, NOT_FOUND, NOT_ALLOWED, CONFLICT = 2, 3, 4, 5
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
    return f"{hook.origin}/{request.node.name.replace('[', '-').replace(']', '')}"


def add(served: Served, url: str, events: str = "message.*", *more: str) -> str:
    return str(served.json("callbacks", "add", url, "--events", events, *more)["endpoint_id"])


def test_an_endpoint_is_added_once(served: Served, url: str) -> None:
    args = ("callbacks", "add", url, "--events", "room.*,message.*")
    done = served(*args)
    endpoint_id, changed = done.stdout.rstrip("\n").split("\t")
    assert (changed, done.stderr, done.exit) == ("changed", "", 0)
    assert served(*args).stdout == f"{endpoint_id}\tunchanged\n"
    shown = served.json("callbacks", "show", endpoint_id)
    assert (shown["url"], shown["events"]) == (url, ["room.*", "message.*"])
    assert shown["created_at"].endswith("Z")
    (row,) = [
        line.split("\t")
        for line in served("callbacks").stdout.splitlines()
        if line.startswith(endpoint_id)
    ]
    known = [endpoint_id, "events", url, "room.*,message.*", "enabled", "0", "", "", "rooms"]
    assert row == [*known, "0", ""]
    assert shown in served.json("callbacks", "ls")


def test_the_settings_endpoints_are_listed_and_changed_there(served: Served) -> None:
    (found,) = [each for each in served.json("callbacks") if each["origin"] == "settings"]
    assert "hidden" not in json.dumps(found)
    for named in ("room_event", "room-event", found["endpoint_id"], found["url"]):
        assert served.json("callbacks", "show", named) == found
    for words in (("rm",), ("disable",), ("rotate-secret", "--out", "never")):
        assert served.refused("callbacks", words[0], "room_event", *words[1:]) == (
            "conflict",
            CONFLICT,
        )
    assert not list(Path.cwd().glob("never"))


def test_an_endpoint_is_disabled_enabled_and_removed(served: Served, url: str) -> None:
    endpoint_id = add(served, url)
    for verb, status in (("disable", "disabled"), ("enable", "enabled")):
        for changed in (True, False):
            done = served.json("callbacks", verb, url)
            assert (done["status"], done["changed"]) == (status, changed)
    assert served("callbacks", "disable", url).stdout == f"{endpoint_id}\tchanged\n"
    assert served.json("callbacks", "rm", url) == {
        "endpoint_id": endpoint_id,
        "url": url,
        "changed": True,
    }
    for verb in ("rm", "enable", "show", "test"):
        assert served.refused("callbacks", verb, endpoint_id)[1] == NOT_FOUND


def test_a_person_reads_sentences(here: Here, served: Served, hook: Receiver, url: str) -> None:
    def shown(*words: str, columns: int = 200) -> str:
        named = {"CHATCTL_SERVER": shared(served), "ADMIN_API_KEY": KEY}
        done = as_terminal(here, columns, "callbacks", *words, **named)
        assert (done.stderr, done.exit) == ("", 0)
        return without_colours(done.stdout)

    endpoint_id = add(served, url)
    assert shown("add", url, "--events", "message.*") == f"{endpoint_id}\n"
    assert shown("disable", url) == f"{url} is disabled\n"
    assert shown("disable", url) == f"{url} was already disabled\n"
    for columns in (60, 200):
        assert url in shown("ls", columns=columns)
    assert "disabled because  -" in shown("show", url)
    assert shown("rm", url) == f"{url} is removed\n"


@pytest.mark.parametrize("scope", ["all", "workspace:7"])
def test_a_scope_is_shown_where_it_is_not_that_of_rooms(
    here: Here, served: Served, hook: Receiver, url: str, scope: str
) -> None:
    def shown(*words: str) -> str:
        named = {"CHATCTL_SERVER": shared(served), "ADMIN_API_KEY": KEY}
        return without_colours(as_terminal(here, 200, "callbacks", *words, **named).stdout)

    of_rooms = add(served, url, "message.*", "--scope", "rooms")
    assert add(served, url) == of_rooms
    assert "SCOPE" not in shown("ls")
    assert "\nscope" not in shown("show", of_rooms)
    endpoint_id = add(served, url, "message.*", "--scope", scope)
    assert endpoint_id != of_rooms
    assert served.json("callbacks", "show", endpoint_id)["scope"] == scope
    title, *rows = shown("ls").splitlines()
    assert title.split()[-1] == "SCOPE"
    assert {row.split()[0]: row.split()[-1] for row in rows}[endpoint_id] == scope
    assert re.search(rf"^scope +{scope}$", shown("show", endpoint_id), re.M)
    cells = [line.split("\t") for line in served("callbacks").stdout.splitlines()]
    assert {row[0]: row[-3] for row in cells}[endpoint_id] == scope
    for each in (of_rooms, endpoint_id):
        served.json("callbacks", "rm", each)


def test_a_scope_that_is_not_there(served: Served, url: str) -> None:
    args = ("callbacks", "add", url, "--events", "*", "--scope", "workspace:8")
    assert served.refused(*args)[1] == USAGE
    assert "workspace:8" in served(*args).stderr


def shared(served: Served) -> str:
    return served._server.url


@pytest.mark.parametrize(
    "words",
    [
        ("add", "<url>", "--events", "mesage.posted"),
        ("add", "<url>", "--events", "message.*,"),
        ("add", "<url>"),
        ("add", "ftp://127.0.0.1/", "--events", "*"),
        ("add", "<url>", "--events", "*", "--scope", "workspace"),
        ("add", "<url>", "--events", "*", "--scope", "site:0"),
        ("add", "<url>", "--events", "*", "--scope", ""),
        ("add", "http://me:secret@127.0.0.1/", "--events", "*"),
        ("add", "-", "--events", "*", "--secret-file", "-"),
        ("rotate-secret", "<url>"),
        ("rotate-secret", "<url>", "--out", "x", "--secret-file", "y"),
        ("test",),
        ("test", "<url>", "--all"),
    ],
)
def test_slips_are_refused(served: Served, url: str, words: tuple[str, ...]) -> None:
    given = [url if word == "<url>" else word for word in words]
    assert served.refused("callbacks", *given) == ("usage", USAGE)


def test_a_glob_that_nothing_fits_is_answered_with_what_would(served: Served, url: str) -> None:
    done = served("callbacks", "add", url, "--events", "mesage.posted")
    assert "message.posted" in done.stderr


def test_a_guarded_url_leads_to_no_private_network(served: Served) -> None:
    args = ("callbacks", "add", "http://10.0.0.1/hook", "--events", "*")
    assert served.refused(*args) == ("invalid_input", USAGE)


def test_an_at_in_a_path_or_a_query_is_no_password(served: Served, hook: Receiver) -> None:
    for rest in ("/to/@me", "?to=@me"):
        assert add(served, f"{hook.origin}{rest}")


def test_a_url_with_a_secret_comes_from_stdin(served: Served, hook: Receiver) -> None:
    secret_url = f"{hook.origin}/stdin?key=password"
    added = served.json("callbacks", "add", "-", "--events", "room.*", stdin=f"{secret_url}\n")
    assert "password" not in json.dumps(added)
    for named in (secret_url, added["url"]):
        found = served.json("callbacks", "show", named)
        assert found["endpoint_id"] == added["endpoint_id"]
    done = served("callbacks", "add", "-", "--events", "room.*", stdin="nothing of the kind")
    assert (done.stderr, done.exit) == ("chatctl: stdin holds no URL\n", USAGE)


@pytest.mark.parametrize("url", ["ftp://x/", "localhost:8080/hook", "http:/x", "HTTPX://x", "x"])
def test_what_is_no_url_is_said(here: Here, url: str) -> None:
    """No server is asked."""
    done = here("callbacks", "add", url, "--events", "*", "--server", "http://127.0.0.1:1")
    assert done == (
        "",
        "chatctl: the URL must begin with http:// or https://\n"
        "  try: such as http://localhost:8080/hook\n",
        USAGE,
    )


def test_stdin_is_one_thing(here: Here) -> None:
    args = ("callbacks", "add", "-", "--events", "*", "--server", "http://127.0.0.1:1")
    done = here(*args, "--secret-file", "-", stdin=f"{SECRET}\n")
    assert done.stderr.startswith("chatctl: stdin is the URL or the secret, not both\n")
    for text in (f"http://x/{'y' * 9000}", "no URL", ""):
        assert here(*args, stdin=text) == ("", "chatctl: stdin holds no URL\n", USAGE)
    assert here(*args, stdin="https://me:secret@x/\n").exit == 6


def test_what_fails_says_since_when(here: Here, server: Prepared) -> None:
    failing = {
        **KNOWN, "events": ["*"], "status": "enabled", "disabled_reason": None, "pending": 3,
        "oldest_pending_at": None, "failing_since": time.time() - 7300, "failed": 0,
        "oldest_failed_at": None,
    }  # fmt: skip
    server.answers[f"GET {endpoints.PATH}"] = Answer(
        [failing, {**failing, "status": "disabled", "disabled_reason": "gone"}]
    )
    shown = without_colours(as_terminal(here, 120, "callbacks", "--server", server.url).stdout)
    assert "enabled, failing since 2h ago " in shown
    assert "disabled: gone " in shown
    cells = here("callbacks", "--server", server.url).stdout.splitlines()[0].split("\t")
    assert cells[-4].endswith("Z")


def test_who_changed_nothing_left_nothing_that_waits(here: Here) -> None:
    """On the file, of which a setting has a URL."""

    def run(*words: str) -> tuple[str, int]:
        url = "http://127.0.0.1:1/hook"
        done = here(*words, "--db", "sqlite:./chat.db", ROOM_EVENT_CALLBACK_URL=url)
        notes = [line for line in done.stderr.splitlines() if "using the file directly" not in line]
        return "\n".join(notes), done.exit

    waits = "chatctl: callbacks wait for the next start of the server, or: chatctl sync"
    assert run("db", "migrate")[1] == 0
    for key in "ab":
        add = ("callbacks", "add", f"http://x.test/hook?key={key}", "--events", "*")
        assert run(*add) == (waits, 0)
    refused, code = run("callbacks", "disable", "http://x.test/hook?key=c")
    assert (refused.splitlines()[0].split(":")[1], code) == (" http", CONFLICT)
    assert "may be any of 2 endpoints" in refused
    assert waits not in refused
    created, code = run("rooms", "create", "lobby")
    assert (created, code) == (waits, 0)
    assert run("rooms", "close", "lobby", "--yes") == (waits, 0)
    assert run("rooms", "close", "lobby", "--yes") == ("", 0)
    assert run("ban", "nowhere", "bob")[1] == NOT_FOUND
    assert waits not in run("ban", "nowhere", "bob")[0]
    assert run("callbacks", "recover", "--since", "1h") == ("", 0)


def test_a_new_secret_is_put_into_a_file(served: Served, here: Here, url: str) -> None:
    add(served, url)
    (here.directory / "dir").mkdir()
    args = ("callbacks", "rotate-secret", url, "--out")
    assert served(*args, "dir").stderr.startswith("chatctl: --out: 'dir' is a directory")
    assert served(*args, "no/x").stderr.startswith("chatctl: --out: 'no/x' cannot be written: ")
    assert served.json("callbacks", "show", url)["has_secret"] is False


def _secret_in(path: Path) -> str:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text().strip()


def test_a_secret_is_made_and_signs(here: Here, served: Served, hook: Receiver, url: str) -> None:
    endpoint_id = add(served, url)
    done = served("callbacks", "rotate-secret", url, "--out", "made")
    secret = _secret_in(here.directory / "made")
    assert len(b64decode(secret.removeprefix("whsec_"))) == 32
    assert (done.stdout, done.stderr) == (f"{endpoint_id}\tchanged\n", "")
    assert served.refused("callbacks", "rotate-secret", url, "--out", "made") == (
        "file_exists",
        CONFLICT,
    )
    assert _secret_in(here.directory / "made") == secret
    before = len(hook.requests)
    served.json("callbacks", "test", url)
    request = hook.wait_for(before + 1)[before]
    Webhook(secret).verify(request.body, request.headers)


def test_a_secret_goes_to_stdout_when_that_is_asked_for(served: Served, url: str) -> None:
    add(served, url)
    secret = served("callbacks", "rotate-secret", url, "--out", "-").stdout
    assert secret.startswith("whsec_")
    assert secret.count("\n") == 1
    done = served.json("callbacks", "rotate-secret", url, "--out", "-")
    assert (done["changed"], done["secret"] == secret.strip()) == (True, False)


def test_a_secret_of_ones_own(here: Here, served: Served, url: str) -> None:
    (here.directory / "secret").write_text(f"{SECRET}\n")
    add(served, url, "message.*", "--secret-file", "secret")
    done = served.json("callbacks", "rotate-secret", url, "--secret-file", "secret")
    assert (done["changed"], done["has_secret"]) == (False, True)
    assert done["secret_overlap_until"] is None
    other = b64encode(bytes(24)).decode()
    done = served.json("callbacks", "rotate-secret", url, "--secret-file", "-", stdin=other)
    assert done["changed"]
    assert done["secret_overlap_until"] > done["created_at"]
    args = ("callbacks", "add", url, "--events", "message.*", "--secret-file", "secret")
    assert served.refused(*args) == ("conflict", CONFLICT)


@pytest.mark.parametrize("text", ["", "short", "not base64!", f"{SECRET}\n{SECRET}\n"])
def test_what_is_no_secret_is_not_shown(served: Served, url: str, text: str) -> None:
    args = ("callbacks", "add", url, "--events", "*", "--secret-file", "-")
    done = served(*args, stdin=text)
    assert (done.stdout, done.exit) == ("", USAGE)
    assert "stdin" in done.stderr
    assert not text or text.splitlines()[0] not in done.stderr


ID = "01a2b3c4-0000-7000-8000-000000000001"
KNOWN = {"endpoint_id": ID, "url": "http://hook.example/", "origin": "added", "kind": "events"}


@pytest.mark.parametrize(
    ("answer", "stays"),
    [(problem(409, "conflict", "not this one"), False), (problem(503, "unknown", "?"), True),
     (Answer(b"{", 200), True), (None, True)],
)  # fmt: skip
def test_a_made_secret_stays_as_long_as_it_may_be_in_force(
    here: Here, server: Prepared, answer: Answer | None, stays: bool
) -> None:
    """Not when it is refused; but when the answer is lost."""
    server.answers[f"GET {endpoints.PATH}"] = Answer([KNOWN])

    def lost(_: object) -> Answer:
        raise ConnectionAbortedError

    server.answers[f"PATCH {endpoints.PATH}/{ID}"] = answer or lost
    done = here("callbacks", "rotate-secret", ID, "--out", "made", "--server", server.url)
    assert done.exit
    assert (here.directory / "made").exists() == stays


def _endpoint(number: str, url: str, kind: str = "events") -> dict[str, str]:
    origin = "added" if kind == "events" else "settings"
    return {"endpoint_id": number, "url": url, "kind": kind, "origin": origin}


FOUR = [
    _endpoint("01a2b3c4-0000", "http://one.example/hook"),
    _endpoint("01a2b3c4-1111", "http://one.example/hook"),
    _endpoint("da7a0000-2222", "https://…@two.example/hook?…"),
    _endpoint("feed0000-3333", "http://one.example/data", "data"),
]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("01a2b3c4-0000", [0]),
        ("01A2B3C4-0", [0]),
        ("01a2", [0, 1]),
        ("01a", []),
        ("data", [3]),
        ("da7a", [2]),
        ("periodic-sync", []),
        ("events", []),
        ("http://one.example/hook", [0, 1]),
        ("http://one.example/hook/", []),
        ("https://me:secret@two.example/hook?key=1", [2]),
        ("https://two.example/hook", []),
        ("https://…@two.example/hook?…", [2]),
        ("http://one.example/data", [3]),
        ("0000-3333", []),
        ("", []),
        ("%", []),
    ],
)
def test_an_endpoint_is_named_by_id_prefix_url_or_kind(named: str, found: list[int]) -> None:
    assert endpoints.meant(FOUR, named) == [FOUR[each] for each in found]


def test_an_ambiguous_name_is_told_with_what_it_may_be(here: Here, server: Prepared) -> None:
    server.answers[f"GET {endpoints.PATH}"] = Answer(FOUR)
    assert here("callbacks", "rm", "01a2", "--server", server.url) == (
        "",
        "chatctl: 01a2 may be any of 2 endpoints: 01a2b3c4-0000, 01a2b3c4-1111\n"
        "  try: the whole id of one of them\n",
        CONFLICT,
    )
