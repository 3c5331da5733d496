"""``chatctl callbacks deliveries|show|retry|test``: what was sent, and once more."""

import itertools
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prepared_server import Answer, Prepared, problem
from receivers import Receiver, answer, hang, receiver, refusing
from same_process import Here, without_colours
from world import KEY, Room, Server, eventually, running

from chatctl.input import endpoints
from chatctl_server.domain import event_id

USAGE, NOT_FOUND, CONFLICT, TIMED_OUT, PARTLY = 2, 3, 5, 8, 9
_numbers = itertools.count()


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def product() -> Iterator[Receiver]:
    """Where the settings' callbacks go."""
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, product: Receiver) -> Iterator[Server]:
    """Nothing is tried a second time."""
    settings = {
        "CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
        "ROOM_EVENT_CALLBACK_URL": f"{product.origin}/api/room-events",
        "CALLBACK_MAX_RETRIES": "0",
        "CALLBACK_BACKOFF": "fixed",
    }
    with running(tmp_path_factory.mktemp("server"), **settings) as started:
        yield started


@pytest.fixture(autouse=True)
def answering(hook: Receiver, product: Receiver) -> None:
    hook.behave(answer())
    product.behave(answer())


@pytest.fixture
def endpoint(served: Here, hook: Receiver) -> Iterator[str]:
    """The URL of the only one that hears of bans; it hears of nothing else."""
    url = f"{hook.origin}/{next(_numbers)}"
    served.json("callbacks", "add", url, "--events", "ban.set")
    yield url
    served.json("callbacks", "rm", url)


def listed(served: Here, *words: str) -> list[dict[str, Any]]:
    return list(served.json("callbacks", "deliveries", *words))


def finished(served: Here, endpoint: str, count: int) -> list[dict[str, Any]]:
    """So many deliveries to it, none of them on its way."""

    def found() -> list[dict[str, Any]] | None:
        all_of_them = listed(served, "--endpoint", endpoint)
        done = all(each["status"] != "pending" for each in all_of_them)
        return all_of_them if done and len(all_of_them) == count else None

    return list(eventually(found))


# What was sent


def test_deliveries_are_filtered(
    here: Here, served: Here, shared_server: Server, hook: Receiver, endpoint: str
) -> None:
    """A person reads a room's name instead of its id."""
    room = shared_server.create_room("the lobby")
    room.ban("one")
    (good,) = finished(served, endpoint, 1)
    hook.behave(answer(500, b"no"))
    room.ban("two")
    bad, _ = finished(served, endpoint, 2)
    assert (good["status"], good["last_status"], bad["last_status"]) == ("delivered", 200, 500)
    assert bad["planned_at"].endswith("Z")
    of_it = ("--endpoint", endpoint)
    for words, found in (
        (("--status", "failed"), [bad]),
        (("--event", "ban.*", "--room", room.id, "--since", "1h"), [bad, good]),
        (("--event", "mute.*"), []),
        (("--until", "1h"), []),
        (("--since", "1h", "--until", "2999-01-01"), [bad, good]),
    ):  # fmt: skip
        assert listed(served, *of_it, *words) == found, words
    words = ("callbacks", "deliveries", *of_it)
    row = served(*words, "--limit", "1").stdout.rstrip("\n").split("\t")
    assert row[:8] == [bad["delivery_id"], "ban.set", room.id, "failed", "1", "1", "500", ""]
    named = {"CHATCTL_SERVER": shared_server.url, "ADMIN_API_KEY": KEY}
    shown = without_colours(here.as_terminal(90, *words, **named).stdout)
    assert "  ban.set  the lobby  failed: 500  " in shown


def test_a_cut_list_says_so(served: Here, room: Room, endpoint: str) -> None:
    """And how to go on behind what it shows, which what comes meanwhile does not shift."""
    for user in ("one", "two", "three"):
        room.ban(user)
    whole = finished(served, endpoint, 3)
    words = ("callbacks", "deliveries", "--endpoint", endpoint)
    assert "the newest 2 are shown" in served(*words, "--limit", "2").stderr
    done = served(*words, "--limit", "1", "--json")
    assert json.loads(done.stdout) == whole[:1]
    assert done.stderr.startswith("chatctl: the newest 1 is shown; the older ones, 1 at a time or ")
    command = done.stderr.rstrip("\n").split(": chatctl ")[1].split()
    assert command[-4:] == ["--before", whole[0]["delivery_id"], "--limit", "1"]
    behind = served(*command, "--json")
    assert json.loads(behind.stdout) == whole[1:2]
    assert behind.stderr.startswith("chatctl: 1 is shown; the older ones, ")
    assert served.json(*command[:-2], "--all") == whole[1:]
    for more in (("--limit", "3"), ("--all",)):
        done = served(*words, *more)
        assert (done.stdout.count("\n"), done.stderr) == (3, "")


def test_what_is_not_there_is_refused(served: Here) -> None:
    for words in (("--status", "lost"), ("--limit", "0"), ("--before", "the-last")):
        assert served.refused("callbacks", "deliveries", *words) == ("usage", USAGE)
    done = served("callbacks", "deliveries", "--status", "lost")
    allowed = "'pending', 'delivered', 'failed', 'skipped'"
    assert done.stderr.splitlines()[0].endswith(f"is not one of {allowed}.")
    for words in (("deliveries", "--endpoint", "feed"), ("show", "999999"), ("retry", "999999")):
        assert served.refused("callbacks", *words)[1] == NOT_FOUND


def test_a_delivery_shows_request_and_every_answer(
    served: Here, room: Room, hook: Receiver, endpoint: str
) -> None:
    hook.behave(answer(500, b"first no"), answer(404, b"second no\n"))
    room.ban("mallory", reason="spam")
    (made,) = finished(served, endpoint, 1)
    served.json("callbacks", "retry", made["delivery_id"])
    eventually(lambda: finished(served, endpoint, 1)[0]["tries"] == 2)
    shown = served.json("callbacks", "show", made["delivery_id"])
    number = event_id.offset_of(UUID(made["delivery_id"]))
    assert served.json("callbacks", "show", str(number)) == shown
    assert shown["request"]["url"] == endpoint
    assert shown["request"]["headers"]["webhook-id"] == made["delivery_id"]
    assert shown["request"]["body"]["data"]["user_id"] == "mallory"
    assert [(each["number"], each["status"], each["answer"]) for each in shown["attempts"]] == [
        (1, 500, "first no"),
        (2, 404, "second no\n"),
    ]
    assert all(each["at"].endswith("Z") for each in shown["attempts"])
    lines = served("callbacks", "show", made["delivery_id"]).stdout.splitlines()
    assert f"POST\t{endpoint}" in lines
    assert f"header\twebhook-id: {made['delivery_id']}" in lines
    assert "answer 2\tsecond no\\n" in lines
    assert any(line.startswith("body\t{") and '"mallory"' in line for line in lines)
    (second,) = [line for line in lines if line.startswith("try 2\t")]
    assert " 404 in " in second


def test_a_delivery_by_the_beginning_of_its_id(served: Here, room: Room, endpoint: str) -> None:
    for user in ("one", "two"):
        room.ban(user)
    second, first = (each["delivery_id"] for each in finished(served, endpoint, 2))
    shown = served.json("callbacks", "show", second)
    assert served.json("callbacks", "show", second[:-1].upper()) == shown
    assert served.json("callbacks", "retry", second[:-1])["delivery_id"] == second
    behind = listed(served, "--endpoint", endpoint, "--before", second[:-1])
    assert [each["delivery_id"] for each in behind] == [first]
    for words in (("retry", first[:8]), ("deliveries", "--before", first[:8])):
        assert served.refused("callbacks", *words) == ("ambiguous", CONFLICT)
    for words in (("show", "0000000a"), ("retry", f"{second[:14]}4")):
        assert served.refused("callbacks", *words) == ("delivery_not_found", NOT_FOUND)


def test_a_beginning_of_two_ids_is_ambiguous(here: Here, server: Prepared) -> None:
    """Ids begin with their time, and an endpoint may have its first delivery at once."""
    start, of_endpoint, of_delivery = "01a2b3c4", "01a2b3c4-1111", "01a2b3c4-2222"
    added = {"endpoint_id": of_endpoint, "url": "http://one/", "origin": "added", "kind": "events"}
    server.answers[f"GET {endpoints.PATH}"] = Answer([added])
    delivery = f"GET {endpoints.PATH}/deliveries/{start}"
    args = ("callbacks", "show", start, "--json", "--server", server.url)
    server.answers[delivery] = problem(404, "delivery_not_found", "no such delivery")
    assert json.loads(here(*args).stdout)["endpoint_id"] == of_endpoint
    server.answers[delivery] = Answer({"delivery_id": of_delivery})
    done = here(*args)
    error = json.loads(done.stderr)["error"]
    assert (error["code"], done.exit) == ("ambiguous", CONFLICT)
    may_be = f"{start} may be the endpoint {of_endpoint} or the delivery {of_delivery}"
    assert error["message"] == may_be


# Once more


def test_no_answer_is_told_with_its_reason(served: Here, room: Room) -> None:
    """What an endpoint that is gone has not heard cannot be sent again."""
    with refusing() as url:
        served.json("callbacks", "add", url, "--events", "ban.set")
        room.ban("mallory")
        (made,) = finished(served, url, 1)
        assert (made["last_status"], made["last_error"]) == (None, "refused")
        assert " refused (" in served("callbacks", "show", made["delivery_id"]).stdout
        served.json("callbacks", "rm", url)
    assert served.refused("callbacks", "retry", made["delivery_id"]) == ("conflict", CONFLICT)


def test_what_failed_goes_again_from_a_list(
    served: Here, room: Room, hook: Receiver, endpoint: str
) -> None:
    hook.behave(answer(500))
    for user in ("one", "two"):
        room.ban(user)
    failed = [each["delivery_id"] for each in finished(served, endpoint, 2)]
    hook.behave(answer(200))
    piped = served("callbacks", "deliveries", "--endpoint", endpoint, "--status", "failed").stdout
    done = served("callbacks", "retry", "--from", "-", stdin=piped)
    assert done.stdout.splitlines() == [f"{each}\tchanged" for each in failed]
    assert {each["status"] for each in finished(served, endpoint, 2)} == {"delivered"}
    again = served("callbacks", "retry", *failed, "999999", "--json")
    *sent, missing = json.loads(again.stdout)
    assert [(each["changed"], each["event"]) for each in sent] == [(True, "ban.set")] * 2
    assert missing["error"]["code"] == "delivery_not_found"
    assert json.loads(again.stderr)["error"]["message"] == "2 of 3 deliveries sent again, 1 failed"
    assert again.exit == PARTLY


# Samples


def test_all_are_sent_to_and_refusals_are_exit_9(
    here: Here, served: Here, hook: Receiver, product: Receiver, endpoint: str,
    shared_server: Server,
) -> None:  # fmt: skip
    for each in (hook, product):
        each.behave(answer(503, b"later"))
    done = served("callbacks", "test", "--all")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    (own,) = [row for row in rows if row[1] == endpoint]
    assert (own[0], own[2], own[3], own[6]) == ("test", "failed", "503", "later")
    assert {row[0] for row in rows if row[1] != endpoint} >= {
        "room_created", "room_closed", "user_joined", "user_left",
    }  # fmt: skip
    assert done.stderr.startswith(f"chatctl: {len(rows)} of {len(rows)} samples were not taken\n")
    assert done.exit == PARTLY
    named = {"CHATCTL_SERVER": shared_server.url, "ADMIN_API_KEY": KEY}
    shown = here.as_terminal(100, "callbacks", "test", endpoint, **named)
    assert "test   503 " in without_colours(shown.stdout)
    served.json("callbacks", "disable", endpoint)
    left = served("callbacks", "test", "--all", "--json")
    assert endpoint not in {each["url"] for each in json.loads(left.stdout)}
    assert "disabled endpoints are left out" in left.stderr


def test_who_does_not_answer_in_time_is_exit_8(served: Here, hook: Receiver, endpoint: str) -> None:
    hook.behave(hang())
    done = served("callbacks", "test", endpoint, "--timeout", "0.5")
    assert done.exit == TIMED_OUT
    assert done.stdout.startswith(f"test\t{endpoint}\tpending\t")
    assert done.stderr.startswith("chatctl: 1 of 1 samples are not answered yet\n")
    hook.behave(answer())
    hook.shut()
    hook.reopen()
    finished(served, endpoint, 1)
