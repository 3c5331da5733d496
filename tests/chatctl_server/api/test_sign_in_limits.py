"""How often somebody may be wrong about a password, by a clock that the test sets."""

import pytest

from chatctl_server import errors
from chatctl_server.api.request_limits import RequestLimits
from chatctl_server.settings.sources import Settings


class Desk:
    """Where people sign in, at the second that it is."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.limits = RequestLimits(Settings(), lambda: self.now).sign_ins

    def fails(self, email: str, address: str = "here") -> bool:
        """Whether the attempt was taken."""
        try:
            self.limits.spend(email, address)
        except errors.Throttled:
            return False
        return True

    def succeeds(self, email: str) -> bool:
        taken = self.fails(email)
        if taken:
            self.limits.give_back(email, "here")
        return taken


def test_ten_at_once_then_one_in_six_seconds() -> None:
    desk = Desk()
    assert [desk.fails("anna") for _ in range(11)] == [True] * 10 + [False]
    desk.now += 5.9
    assert not desk.fails("anna")
    desk.now += 0.2
    assert desk.fails(" ANNA")
    assert not desk.fails("anna")
    assert desk.fails("anna", "elsewhere")
    assert desk.fails("bob")


def test_who_is_refused_is_told_when_to_come_again() -> None:
    desk = Desk()
    for _ in range(10):
        desk.fails("anna")
    desk.now += 2.5
    with pytest.raises(errors.Throttled) as refusal:
        desk.limits.spend("anna", "here")
    assert refusal.value.retry_after == 4
    desk.now += refusal.value.retry_after
    assert desk.fails("anna")


def test_a_right_one_costs_nothing() -> None:
    desk = Desk()
    assert all(desk.succeeds("anna") for _ in range(300))
    assert [desk.fails("anna") for _ in range(11)] == [True] * 10 + [False]


def test_an_address_has_a_hundred_a_minute() -> None:
    desk = Desk()
    assert all(desk.fails(f"nobody{number}") for number in range(100))
    assert not desk.fails("anna")
    assert desk.fails("anna", "elsewhere")
    desk.now += 60
    assert all(desk.fails(f"nobody{number}") for number in range(100))
    assert not desk.fails("anna")
    assert desk.limits.refused == 2
