"""Input that does not fit is refused in words, not in those of the library that has found it."""

from typing import Any

import pytest
from world import Server

from chatctl_server.api.validation_words import in_words


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
        ("{", "The request cannot be read: ", "body"),
        ('{"url": "\\ud800"}', "The request cannot be read: ", "body"),
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


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"url": f"http://127.0.0.1/{'a' * 2048}"}, "url is longer than 2048 characters"),
        ({"events": ["X" * 100_000]}, f"events: '{'X' * 80}…' is no pattern of an event's type"),
    ],
)
def test_what_is_too_long_is_not_repeated(
    shared_server: Server, changed: dict[str, Any], said: str
) -> None:
    body = {"url": "https://hooks.example/", "events": ["*"]} | changed
    answer = shared_server.http.post("/management/callbacks", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (400, said)
