"""Input that does not fit is refused by its field, in words that are no library's, and does
nothing."""

from typing import Any, NamedTuple

import pytest
from people import sign_up
from world import Room, Server

from chatctl_server.api.validation_words import in_words

UNKNOWN = "callbacks/00000000-0000-4000-8000-000000000000"
MISSING = object()
LONG = "x" * 256
BELOW_ONE = [0, -1, "-" + "9" * 30]
NO_NUMBER = ["x", "", "1.5", "0x10", "true", "1 2"]
SCOPES = ["", "room", "rooms:0", "workspace", "workspace:", "workspace:1", "workspace:07", "site:x"]
SANCTION = {"expires_in": [0, -1, "1h", 1.5, 10**30], "reason": [1, "\0"]}
HISTORY = {
    **dict.fromkeys(("page", "limit"), NO_NUMBER + BELOW_ONE),
    **dict.fromkeys(("from", "to"), NO_NUMBER),
}


class Route(NamedTuple):
    asked: str
    fits: dict[str, Any]
    wrong: dict[str, list[Any]]  # by field, in a query or a body that fits but for it


ROUTES = [
    Route(
        "GET rooms",
        {},
        {
            "status": ["gone"],
            "match": ["x" * 1001],
            "limit": [0, "x"],
            "cursor": [-1, "x", "99999999999999999999"],
        },
    ),
    Route(
        "POST rooms",
        {"room_name": "x"},
        {
            "room_name": [MISSING, None, 5, "", LONG, "a\0b"],
            "admin_user_ids": ["boss", [1], [""], ["a\0b"]],
        },
    ),
    Route("PATCH rooms/{room}", {}, {"room_name": [""]}),
    Route("PUT rooms/{room}/admins", {}, {"admin_user_ids": [MISSING]}),
    Route(
        "PATCH rooms/{room}/admins",
        {"add": ["anna"]},
        {"add": ["anna", [1], [""], ["a\0b"]], "remove": [[LONG], ["bert", "anna"]]},
    ),
    Route(
        "POST rooms/{room}/messages",
        {"content": "x", "user_id": "u"},
        {
            "content": [MISSING, "", 1, "a\0b"],
            "user_id": ["a\0b", "", LONG],
            "nickname": ["\0", LONG],
            "client_msg_id": ["\0"],
        },
    ),
    Route(
        "GET rooms/{room}/messages",
        {},
        {
            **{name: [*NO_NUMBER, 0] for name in ("before", "limit")},
            **dict.fromkeys(("from", "to"), NO_NUMBER),
        },
    ),
    *(Route(f"PUT rooms/{{room}}/{kind}/anna", {}, SANCTION) for kind in ("bans", "mutes")),
    *(Route(f"PUT room-users/anna/{kind}", {}, SANCTION) for kind in ("ban", "mute")),
    Route(
        "DELETE room-users/eve/messages",
        {},
        {"room": ["lobby"], "since": [-1], "dry_run": ["perhaps"]},
    ),
    Route(
        "GET events",
        {},
        {
            "limit": [0, 1001, "x"],
            "after": ["x", "", "0189d3c1-0000-7000-8000-00000fffffff"],
            "until": ["x"],
            "until_time": ["x"],
            "room": ["x", ""],
            "since_time": ["x", -1],
            "after_seq": ["x", -1],
            "tail": ["x"],
            "type": [30_000 * "a"],
        },
    ),
    Route("GET events/stream", {}, {"tail": [-1, "x"], "after": ["x"]}),
    *(Route(f"GET sync/{kind}-history/{{room}}", {}, HISTORY) for kind in ("chat", "session")),
    Route(
        "POST sync",
        {"to": 1},
        {
            "kinds": [["everything"], "data"],
            "room_id": ["no-uuid"],
            "from": ["yesterday", 2],
            "to": [-1],
            "full": ["yes"],
        },
    ),
    Route(
        "GET sync/status",
        {},
        {"room": ["no-uuid"], "kind": ["events"], "limit": [0], "cursor": [-1]},
    ),
    Route(
        "POST callbacks",
        {"url": "https://hooks.example/", "events": ["ban.*"]},
        {"scope": [*SCOPES, 1]},
    ),
    Route(
        "GET callbacks/deliveries",
        {},
        {
            "endpoint_id": ["no-uuid"],
            "room": ["no-uuid"],
            "status": ["lost"],
            "since": [-1],
            "until": ["then"],
            "before": ["that one"],
            "limit": [1001],
            "event": [LONG],
        },
    ),
    Route(
        "POST callbacks/recover",
        {"since": 0},
        {
            "since": [MISSING, -1, "now"],
            "until": [-1],
            "only": ["some"],
            "endpoint_id": ["no-uuid"],
            "after": ["there"],
            "limit": [0, 1001],
            "dry_run": ["yes"],
        },
    ),
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.asked)
def test_by_its_field(room: Room, route: Route) -> None:
    method, path = route.asked.split()
    url = f"/management/{path.format(room=room.id)}"
    before, surprises = newest(room.server), []
    for field, value in ((field, each) for field, wrong in route.wrong.items() for each in wrong):
        given = {
            name: each for name, each in {**route.fits, field: value}.items() if each is not MISSING
        }
        in_query = method in ("GET", "DELETE")
        more = {"params": given} if in_query else {"json": given}
        answer = room.server.http.request(method, url, **more)
        problem = answer.json() if answer.is_error else {}
        code = "bad_text" if "\\x00" in repr(value) else "invalid_input"
        told = answer.status_code, problem.get("code"), problem.get("field", "").split("[")[0]
        if told != (400, code, field) or field not in problem["detail"]:
            surprises.append((field, str(value)[:50], told, problem.get("detail")))
    assert surprises == []
    assert newest(room.server) == before


def newest(server: Server) -> object:
    return server.http.get("/management/events", params={"tail": True, "limit": 1}).json()


def test_the_words_that_are_allowed_are_named(shared_server: Server) -> None:
    for asked, given, field, allowed in (
        ("GET rooms?status=lost", None, "status", "all, closed, open"),
        (f"PATCH {UNKNOWN}", {"status": "lost"}, "status", "disabled, enabled"),
        (
            "POST sync",
            {"kinds": ["data", "lost"]},
            "kinds[1]",
            "chat_history, data, periodic, session_history",
        ),
    ):
        method, path = asked.split()
        refused = shared_server.http.request(method, f"/management/{path}", json=given)
        assert (refused.status_code, refused.json()["field"]) == (400, field)
        assert refused.json()["detail"].endswith(f"value 'lost'; allowed: {allowed}")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Object missing required field `url`", "is missing"),
        ("Expected `str | null`, got `int` - at `$.a`", "must be a string or null, not an integer"),
        ("Expected `bool`, got `array` - at `$.a[0]`", "must be true or false, not an array"),
        ("Expected `int` >= 0", "must be an integer, at least 0"),
        ("Expected `float` < 1.5", "must be a number, below 1.5"),
        ("Expected `str` of length <= 3 - at `$.s`", "must have at most 3 characters"),
        ("Expected `array` of length >= 2", "must have at least 2 items"),
        (
            "Invalid RFC3339 encoded datetime - at `$.a`",
            "must be a time of RFC 3339, such as 2026-11-21T08:12:45Z",
        ),
        ("Input data was truncated", "Input data was truncated"),
    ],
)
def test_words(said: str, words: str) -> None:
    assert in_words(said) == words


@pytest.mark.parametrize(
    ("body", "detail", "field"),
    [
        ("{}", "url: is missing", "url"),
        ('{"url": 5}', "url: must be a string, not an integer", "url"),
        ('{"url": "x", "events": [5]}', "events[0]: must be a string, not an integer", "events[0]"),
        ("[]", "body: must be an object, not an array", "body"),
        ("null", "body: must be an object, not null", "body"),
        ("", "The request has no body; JSON is expected", "body"),
        ("{", "The request cannot be read: ", "body"),
        ('{"url": "\\ud800"}', "url contains a lone surrogate, which is no valid Unicode", "url"),
        ('{"events": ["a", "\\udfff!"]}', "events[1] contains a lone surrogate", "events[1]"),
        ('{"\\ud83d": "\\ud83d\\ude00"}', "body contains a lone surrogate", "body"),
        (f'{{"{"x" * 200}": "\\ud800"}}', "body contains a lone surrogate", "body"),
        ('{"url": "\\ud83d\\ude00", "events": 5}', "events: must be an array", "events"),
        ('{"url": "\\ud8', "The request cannot be read: ", "body"),
    ],
)
def test_a_body(shared_server: Server, body: str, detail: str, field: str) -> None:
    answer = shared_server.http.post("/management/callbacks", content=body)
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (400, field)
    assert problem["detail"].startswith(detail)


def test_a_query(shared_server: Server) -> None:
    answer = shared_server.http.get("/management/events", params={"limit": "x"})
    assert answer.json()["detail"] == "limit: must be an integer, not a string"


def test_a_query_and_a_header_are_refused_in_words_of_their_own(shared_server: Server) -> None:
    """What is left out there is no null, and a parameter that is missing is named."""
    wendy = {"Authorization": f"Bearer {sign_up(shared_server, 'Wendy')['token']}"}
    for path, headers, field, detail in (
        ("/api/presence", {}, "user_ids", "user_ids is missing: name it in the query"),
        (
            "/api/users",
            {"X-Workspace-Id": "Acme"},
            "X-Workspace-Id",
            "X-Workspace-Id: must be an integer, not a string",
        ),
        (
            "/api/chat?scope=all",
            {},
            "scope",
            "scope: Invalid enum value 'all'; allowed: mine, public",
        ),
    ):
        answer = shared_server.http.get(path, headers=wendy | headers)
        problem = answer.json()
        assert (answer.status_code, problem["field"], problem["detail"]) == (400, field, detail)


def test_what_is_too_long_is_not_repeated(shared_server: Server) -> None:
    for changed, said in (
        ({"url": f"http://127.0.0.1/{'a' * 2048}"}, "url is longer than 2048 characters"),
        ({"events": ["X" * 100_000]}, f"events: '{'X' * 80}…' is no pattern of an event's type"),
    ):
        body = {"url": "https://hooks.example/", "events": ["*"]} | changed
        answer = shared_server.http.post("/management/callbacks", json=body)
        assert (answer.status_code, answer.json()["detail"]) == (400, said)
