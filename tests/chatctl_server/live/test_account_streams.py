"""Streams of accounts among all that takes connections."""

import pytest

from chatctl_server import errors
from chatctl_server.domain import text
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.live.account_streams import AccountStream
from chatctl_server.live.presence import Connection, Limits, Presence


def test_no_user_of_a_room_takes_an_accounts_connections() -> None:
    presence = Presence(Limits(10, per_user=1))
    stream = AccountStream(5, "desk", "")
    for name in ("5", "u5", "account 5"):
        presence.take_slot(Connection(RoomRef(1, ROOMS), name, name, ""))
    presence.take_slot(stream)
    with pytest.raises(errors.ConnectionLimit):
        presence.take_slot(AccountStream(5, "phone", ""))
    with pytest.raises(errors.BadText):
        text.check_user_id(stream.user_id)
