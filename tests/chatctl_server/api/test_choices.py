"""What is refused because it is none of some words is told which words there are."""

from typing import Any

import pytest
from world import Server

HERE = "/management"
UNKNOWN = f"{HERE}/callbacks/00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "allowed"),
    [
        ("GET", f"{HERE}/rooms?status=lost", None, "status", "all, closed, open"),
        (
            "GET",
            f"{HERE}/callbacks/deliveries?status=lost",
            None,
            "status",
            "delivered, failed, pending, skipped",
        ),
        (
            "GET",
            f"{HERE}/sync/status?kind=lost",
            None,
            "kind",
            "chat_history, data, periodic, room_event, session_history",
        ),
        ("PATCH", UNKNOWN, {"status": "lost"}, "status", "disabled, enabled"),
        (
            "POST",
            f"{HERE}/callbacks/recover",
            {"since": 0, "only": "lost"},
            "only",
            "all, failed, missing",
        ),
        (
            "POST",
            f"{HERE}/sync",
            {"kinds": ["data", "lost"]},
            "kinds[1]",
            "chat_history, data, periodic, session_history",
        ),
    ],
)
def test_the_words_that_are_allowed_are_named(
    shared_server: Server, method: str, path: str, body: Any, field: str, allowed: str
) -> None:
    refused = shared_server.http.request(method, path, json=body)
    assert refused.status_code == 400
    assert refused.json()["field"] == field
    assert refused.json()["detail"].endswith(f"value 'lost'; allowed: {allowed}")
