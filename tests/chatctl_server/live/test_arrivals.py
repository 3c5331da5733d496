"""Who may connect now, and when the others may."""

from collections import Counter

from chatctl_server.domain.times import SECOND
from chatctl_server.live.arrivals import LONGEST_WAIT_SECONDS, Arrivals
from chatctl_server.settings.sources import SETTINGS

START = 5 * SECOND


def test_who_is_refused_gets_a_turn_and_is_let_in_then() -> None:
    arrivals = Arrivals(100)
    told = Counter(arrivals.seconds_to_wait(START) for _ in range(1000))
    assert told == {0: 300, **dict.fromkeys(range(1, 8), 100)}
    for seconds in range(1, 8):
        again = [arrivals.seconds_to_wait(START + seconds * SECOND) for _ in range(100)]
        assert again == [0] * 100


def test_who_comes_later_is_not_told_to_wait_for_those_before() -> None:
    arrivals = Arrivals(100)
    for _ in range(1000):
        arrivals.seconds_to_wait(START)
    later = START + 10 * SECOND
    told = [arrivals.seconds_to_wait(later) for _ in range(301)]
    assert told == [0] * 300 + [1]


def test_nobody_is_told_to_wait_for_long() -> None:
    arrivals = Arrivals(1)
    told = [arrivals.seconds_to_wait(START) for _ in range(1000)]
    assert max(told) == LONGEST_WAIT_SECONDS


def test_without_a_limit_nobody_waits() -> None:
    arrivals = Arrivals(0)
    assert {arrivals.seconds_to_wait(START) for _ in range(10_000)} == {0}


def test_two_thousand_at_once_are_no_storm() -> None:
    arrivals = Arrivals(int(SETTINGS["NEW_CONNECTIONS_PER_SECOND"].default))
    assert {arrivals.seconds_to_wait(START) for _ in range(2000)} == {0}
