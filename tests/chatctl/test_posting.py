"""One event posted to a receiver: what counts as an answer, and how long it may take."""

from collections.abc import Iterator
from unittest import mock

import httpx
import pytest
import receivers

from chatctl.show import ndjson
from chatctl.webhooks.poster import PostReceiver

FACT = {"offset": 1, "event_id": "id-1", "type": "ban.set", "data": {"reason": "spam"}}


@pytest.fixture
def hook() -> Iterator[receivers.Receiver]:
    with receivers.receiver() as made:
        yield made


def test_what_is_an_answer(hook: receivers.Receiver) -> None:
    for behaviour, error in (
        (receivers.answer(204), None),
        (receivers.endless(), None),  # the status says it all
        (receivers.hang(), "timeout"),
        (receivers.drip_body(), "timeout"),
        (receivers.reset(), "reset"),
        (receivers.close(), "reset"),
    ):
        hook.behave(behaviour)
        receiver = PostReceiver(hook.url, "replay", None, 0.2)
        outcome = receiver.post(FACT)
        receiver.close()
        assert (outcome.is_taken, outcome.error) == (error is None, error)


def test_who_cannot_even_be_connected_to_has_heard_of_nothing() -> None:
    """A connection that times out needs a network that swallows packets."""
    receiver = PostReceiver("http://192.0.2.1/", "replay", None, 0.2)
    with mock.patch.object(receiver, "_sent", side_effect=httpx.ConnectTimeout("")):
        outcome = receiver.post(FACT)
    receiver.close()
    assert (outcome.error, outcome.detail) == ("unreachable", "cannot be reached in 0.2 s")


def test_half_a_surrogate_pair_is_an_escape() -> None:
    assert ndjson.encoded({"content": "\ud800 二"}) == b'{"content":"\\ud800 \\u4e8c"}'
    assert ndjson.encoded({"content": "二"}) == '{"content":"二"}'.encode()
