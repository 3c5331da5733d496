"""What holds for every route: problem bodies, request ids, CORS, HEAD; and the server's own."""

import asyncio
import uuid
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import wire
from world import PATIENCE_SECONDS, Room, Server, running

from chatctl_server.api.heads import without_body


@pytest.fixture
def stranger(shared_server: Server) -> httpx.Client:
    """A client without a key."""
    return httpx.Client(base_url=shared_server.url, trust_env=False)


def test_health_needs_no_key(stranger: httpx.Client) -> None:
    with stranger:
        for path in ("/management/health", "/health/simple"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.text) == (200, "OK")
            assert answer.headers["content-type"].startswith("text/plain")
        health = stranger.get("/health")
    assert health.status_code == 200
    report = health.json()
    assert set(report) == {"status", "services", "version", "timestamp"}
    assert report["status"] == "healthy"
    (database,) = report["services"]
    assert set(database) == {"name", "status", "latency_ms", "error"}
    assert (database["name"], database["status"], database["error"]) == (
        "database",
        "healthy",
        None,
    )


def test_metrics(room: Room) -> None:
    http, figure = room.server.http, room.server.figure
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE process_resident_memory_bytes gauge" in answer.text
    names = ("chatctl_messages_total", "chatctl_connections", "chatctl_frames_total")
    messages, connections, deliveries = map(figure, names)
    anna, bert = room.join("anna"), room.join("bert")
    anna.say("hello")
    bert.receive("Message")
    http.post(f"{room.path}/messages", json={"content": "x", "user_id": "anna"})
    bert.receive("Message")
    assert figure("chatctl_messages_total") == messages + 2
    assert figure("chatctl_connections") == connections + 2
    assert figure("chatctl_frames_total") >= deliveries + 4
    assert figure("chatctl_active_users") >= 2
    assert figure("chatctl_commit_batch_size_count") == figure("chatctl_commit_seconds_count") >= 4
    assert figure("chatctl_loop_lag_seconds") >= 0


def test_metrics_can_ask_for_a_key(tmp_path: Path) -> None:
    """The same server answers only the web origin that it was told."""
    settings = {"METRICS_KEY": "the-metrics-key", "CORS_ORIGINS": "https://chat.example"}
    with running(tmp_path, **settings) as server:
        with httpx.Client(base_url=server.url, trust_env=False) as http:
            unasked = http.get("/metrics")
            assert (unasked.status_code, unasked.headers["www-authenticate"]) == (401, "Bearer")
            for wrong in (b"Bearer wrong", b"Bearer \xff", b"the-metrics-key"):
                answer = http.get("/metrics", headers={b"Authorization": wrong})
                assert answer.status_code == 401
            right = {"Authorization": "Bearer the-metrics-key"}
            assert http.get("/metrics", headers=right).status_code == 200
        _check_origins(server)


def _check_origins(server: Server) -> None:
    allowed = server.http.get("/management/rooms", headers={"Origin": "https://chat.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://chat.example"
    foreign = server.http.get("/management/rooms", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers
    room = server.create_room()
    path = f"/ws/rooms/{room.id}?user_id=anna"
    assert wire.ask(server, wire.upgrade(path, "Origin: https://chat.example")).status == 101
    assert wire.ask(server, wire.upgrade(path)).status == 101
    refused = wire.ask(server, wire.upgrade(path, "Origin: https://evil.example"))
    assert (refused.status, refused.json()["code"]) == (403, "forbidden")


def test_status(room: Room) -> None:
    def status() -> dict[str, object]:
        answer = room.server.http.get("/management/status")
        assert answer.status_code == 200
        return dict(answer.json())

    before = status()
    assert room.server.process is not None
    assert before["pid"] == room.server.process.pid
    assert before["address"] == room.server.url
    assert before["database"] == str(room.server.database)
    assert (before["durable"], before["health"]) == (True, "healthy")
    assert isinstance(before["backlog"], dict)
    assert set(before["backlog"]) == {"writer", "followers"}
    room.join("anna").say("hello")
    after = status()
    assert int(str(after["connections"])) == int(str(before["connections"])) + 1
    assert int(str(after["messages"])) == int(str(before["messages"])) + 1
    assert int(str(after["last_offset"])) == int(str(before["last_offset"])) + 2


PROBLEM_KEYS = {"type", "title", "status", "code", "detail", "error", "request_id"}


def test_a_problem_body(shared_server: Server) -> None:
    for method, path, status, code, more in (
        ("GET", "/nope", 404, "not_found", set()),
        ("PATCH", "/management/rooms", 405, "method_not_allowed", set()),
        ("GET", f"/management/rooms/{uuid.UUID(int=1)}", 404, "room_not_found", {"field"}),
        ("GET", "/management/rooms/x", 400, "invalid_input", {"field"}),
        ("POST", "/management/rooms", 400, "invalid_input", set()),
    ):
        answer = shared_server.http.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        problem = answer.json()
        assert set(problem) - {"field"} == PROBLEM_KEYS
        assert more <= set(problem)
        told = problem["type"], problem["status"], problem["code"]
        assert told == ("about:blank", status, code)
        assert problem["error"] == problem["detail"]
        assert problem["request_id"] == answer.headers["x-request-id"]


def test_a_wrong_method_is_told_the_right_ones(shared_server: Server) -> None:
    answer = shared_server.http.patch("/management/rooms")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST", "OPTIONS"}


def test_a_request_id_is_echoed_or_made(shared_server: Server) -> None:
    http = shared_server.http
    given = http.get("/management/rooms/x", headers={"X-Request-Id": "trace:1.a_b-C"})
    assert given.headers["x-request-id"] == given.json()["request_id"] == "trace:1.a_b-C"
    for wrong in (b"", b"a b", b"x" * 129, b"\xff", b'"><script>'):
        answer = http.get("/management/health", headers={b"X-Request-Id": wrong})
        assert uuid.UUID(answer.headers["x-request-id"]).version == 7
    two = {http.get("/management/health").headers["x-request-id"] for _ in range(2)}
    assert len(two) == 2


ORIGIN = {"Origin": "https://somewhere.example"}


def test_a_web_page_may_ask_from_anywhere_but_without_credentials(shared_server: Server) -> None:
    http = shared_server.http
    answers = [
        http.get("/management/rooms", headers=ORIGIN),
        http.get("/management/rooms", headers={**ORIGIN, "X-Api-Key": "wrong"}),
        http.get("/management/rooms/x", headers=ORIGIN),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 400]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        exposed = answer.headers["access-control-expose-headers"]
        assert set(exposed.split(", ")) == {"ETag", "Link", "Retry-After", "X-Request-Id"}


def test_a_preflight_needs_no_key(stranger: httpx.Client) -> None:
    with stranger:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            asked = {
                **ORIGIN,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "x-api-key,content-type",
            }
            answer = stranger.options("/management/rooms", headers=asked)
            assert answer.status_code in {200, 204}
            assert method in answer.headers["access-control-allow-methods"]
            assert "x-api-key" in answer.headers["access-control-allow-headers"].lower()
            assert answer.headers["access-control-allow-origin"] == "*"


def test_a_page_may_send_these_headers_and_no_others(stranger: httpx.Client) -> None:
    allowed = (
        "Authorization, Content-Type, X-Api-Key, X-Workspace-Id, X-Request-Id, X-Site-Key, "
        "X-Visitor-Token, X-CSRF-Token, Last-Event-ID"
    )
    with stranger:
        for names, status in ((allowed, 204), (allowed.lower(), 204), ("X-Anything", 400)):
            asked = {
                **ORIGIN,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": names,
            }
            for path in ("/management/rooms", "/events/rooms/x"):
                answer = stranger.options(path, headers=asked)
                assert answer.status_code == status, names


def test_a_host_that_is_none_is_400(shared_server: Server) -> None:
    for path, host in product(("/management/rooms", "/docs"), ("x<script>", "a/b", "a b", "a\\b")):
        answer = shared_server.http.get(path, headers={b"Host": host.encode()})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert "Traceback" not in shared_server.log.read_text()


ROUTES = [
    "/",
    "/management/health",
    "/management/status",
    "/management/rooms",
    "{room}",
    "{room}/messages",
    "{room}/bans",
    "/management/events",
    "/management/sync",
    "/management/callbacks",
    "/metrics",
    "/openapi.json",
    "/nothing/is/here",
    "/management/rooms/no-id",
    "/management/rooms?limit=0",
    "/ws/rooms/no-socket",
]
NOT_COMPARED = {"date", "x-request-id", "content-length", "transfer-encoding"}


@pytest.mark.parametrize("with_key", [True, False])
def test_head_answers_as_get(shared_server: Server, with_key: bool) -> None:
    room = shared_server.create_room("lobby")
    headers = dict(shared_server.http.headers) if with_key else {}
    for route in ROUTES:
        path = route.format(room=room.path)
        with httpx.Client(base_url=shared_server.url, headers=headers, trust_env=False) as client:
            got, headed = client.get(path), client.head(path)
            again = client.get(path)  # over the same connection
        assert headed.status_code == got.status_code == again.status_code
        assert headed.content == b""
        fixed = [
            {name: value for name, value in each.headers.items() if name not in NOT_COMPARED}
            for each in (got, headed)
        ]
        assert fixed[0] == fixed[1]
        assert headed.headers.get("content-length", "") != "0" or got.content == b""


def test_the_head_of_a_stream_is_over_at_its_beginning(shared_server: Server) -> None:
    stream = "/management/events/stream"
    headed = shared_server.http.head(stream)
    assert (headed.status_code, headed.content) == (200, b"")
    with shared_server.http.stream("GET", stream) as got:
        assert headed.headers["content-type"] == got.headers["content-type"]


async def test_whoever_streams_to_a_head_is_told_to_end() -> None:
    ended = asyncio.Event()

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        assert scope["method"] == "GET"
        await send({"type": "http.response.start", "status": 200})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"one", "more_body": True})
                await asyncio.sleep(0)
        finally:
            ended.set()

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await without_body(stream)({"method": "HEAD", "headers": []}, None, send)
    assert ended.is_set()
    assert sent == [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}]
