"""The token bucket of INBOUND_FRAMES_PER_SECOND and NEW_CONNECTIONS_PER_SECOND."""

from chatctl_server.domain import token_bucket
from chatctl_server.domain.times import SECOND

START = 5 * SECOND


def passed(frames: list[int], per_second: int = 100) -> list[bool]:
    """Which of the frames at these times pass."""
    full_at, found = 0, []
    for now in frames:
        after = token_bucket.full_again(full_at, now, per_second)
        found.append(after is not None)
        full_at = full_at if after is None else after
    return found


def test_a_burst_of_three_seconds_passes() -> None:
    assert passed([START] * 302) == [True] * 300 + [False] * 2


def test_after_the_burst_one_passes_for_each_token() -> None:
    burst = [START] * 300
    assert passed([*burst, START + SECOND // 100 - 1])[-1] is False
    assert passed([*burst, START + SECOND // 100, START + SECOND // 100])[-2:] == [True, False]
    assert passed([*burst, *[START + SECOND] * 101])[-2:] == [True, False]


def test_who_keeps_to_the_rate_is_never_refused() -> None:
    assert all(passed([START + number * SECOND // 100 for number in range(10_000)]))


def test_silence_saves_no_more_than_a_burst() -> None:
    assert passed([START, *[START + 3600 * SECOND] * 301]) == [True] * 301 + [False]


def test_a_low_limit_has_a_burst_of_its_own() -> None:
    assert passed([START] * 4, per_second=1) == [True] * 3 + [False]
