"""A link to a server is closed, but for a signal, which may come in the middle of its own work."""

import httpx
import pytest

from chatctl.link.client import Link


class Noted(httpx.BaseTransport):
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_it_is_closed_but_for_a_signal() -> None:
    for error in (ValueError, KeyboardInterrupt, SystemExit):
        for is_served in (True, False):
            transport = Noted()
            with pytest.raises(error), Link("the server", transport, is_served=is_served):
                raise error
            assert transport.is_closed == (error is ValueError or not is_served)
