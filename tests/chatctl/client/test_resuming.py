"""When a client comes back, and how it reads a stream that comes in pieces."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatctl.client import Event, close_codes, event_buffer, resume
from chatctl.client.errors import Lost, Refused
from chatctl.client.lines import ServerSentEvent, server_sent_events


def test_pauses_grow_up_to_a_limit_and_begin_anew_after_a_good_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()  # the impatience of these tests
    now = 0.0
    backoff = resume.Backoff(clock=lambda: now, chance=lambda: 1.0)
    pauses = [backoff.lost(Lost("away")) for _ in range(9)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    backoff.made()
    now += resume.STEADY_SECONDS - 1
    assert backoff.lost(Lost("away again")) == 30.0
    backoff.made()
    now += resume.STEADY_SECONDS
    backoff.made()
    assert backoff.lost(Lost("away")) == 0.5
    assert backoff.lost(Lost("as the server asked", 20.0)) == 21.0


def test_pauses_are_jittered_over_their_whole_length() -> None:
    pauses = [resume.Backoff().lost(Lost("away")) for _ in range(200)]
    limit = resume.FIRST_SECONDS
    assert 0 <= min(pauses) < limit / 4 < limit * 3 / 4 < max(pauses) <= limit


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 1013, 4008, 4009])
def test_after_these_a_client_comes_back(code: int) -> None:
    lost = close_codes.ending(code)
    assert isinstance(lost, Lost)
    assert lost.pause_seconds == 0


@pytest.mark.parametrize("code", [1007, 1009, *range(4501, 4510), 4999])
def test_after_these_it_does_not(code: int) -> None:
    refused = close_codes.ending(code, "why")
    assert isinstance(refused, Refused)
    assert refused.status == code
    assert refused.detail.endswith(f"{code}: why")


def test_who_was_too_fast_waits_a_second() -> None:
    lost = close_codes.ending(4029)
    assert isinstance(lost, Lost)
    assert lost.pause_seconds == 1


async def test_what_is_dropped_is_not_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what was under way on the connection that is given up for it."""
    monkeypatch.setattr(event_buffer, "LIMIT", 2)
    given_up: list[str] = []
    box = event_buffer.EventBuffer(lambda: given_up.append("the connection"))
    assert [box.put(Event(str(number), {})) for number in range(3)] == [True, True, False]
    taking = box.take()
    assert [(await anext(taking)).type for _ in range(2)] == ["0", "1"]
    waiting = asyncio.ensure_future(anext(taking))
    await asyncio.sleep(0)
    assert given_up == ["the connection"]
    assert not box.put(Event("3", {}))
    box.begin()
    assert box.put(Event("2", {}))
    assert (await waiting).type == "2"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_events_come_in_pieces_of_any_size(size: int) -> None:
    stream = (
        'retry: 3000\nevent: one\nid: 7\ndata: {"a":1}\n\n'
        ":\n\n"
        'data: {"text":"x\u2028\\u0085: y"}\n\n'
        "data: two\ndata: lines\n\n"
        "data: cut o"
    ).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(stream), size):
            yield stream[start : start + size]

    assert [each async for each in server_sent_events(pieces())] == [
        ServerSentEvent("one", "7", '{"a":1}'),
        ServerSentEvent(),
        ServerSentEvent(data='{"text":"x\u2028\\u0085: y"}'),
        ServerSentEvent(data="two\nlines"),
    ]
