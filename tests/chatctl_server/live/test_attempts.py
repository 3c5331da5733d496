"""A listener that is too slow misses lines, and is told how many; nobody waits for it."""

from chatctl_server.live.attempts import MOST_LINES, Attempts


def test_a_slow_listener_is_told_what_it_missed() -> None:
    tries = Attempts()
    with tries.listener() as slow, tries.listener() as quick:
        for number in range(MOST_LINES + 3):
            tries.publish(b"%d\n" % number)
            assert quick.take() == b"%d\n" % number
        *lines, last = slow.take().splitlines()
        assert lines == [b"%d" % number for number in range(MOST_LINES)]
        assert last == b'{"skipped":3}'
        tries.publish(b"again\n")
        assert slow.take() == b"again\n"
        assert slow.take() == b""


def test_whoever_has_gone_hears_nothing() -> None:
    tries = Attempts()
    assert not tries.has_listeners
    with tries.listener() as gone:
        assert tries.has_listeners
    assert not tries.has_listeners
    tries.publish(b"line\n")
    assert gone.take() == b""
