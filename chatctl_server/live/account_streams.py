"""Whose live streams are open, and an account's presence: a lease that they hold."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

from chatctl_server import errors
from chatctl_server.live.presence import Slot
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.live.trailing_edge import TrailingEdge

Status = Literal["online", "away", "busy", "offline"]
MAX_STREAMS = 20  # of one account: tabs and devices
RETRY_SECONDS = 5


def of_account(account: int) -> Hashable:
    """The channel of what concerns an account alone."""
    return "account", account


def of_workspace(number: int) -> Hashable:
    """The channel of whoever is in a workspace."""
    return "workspace", number


class AccountStream(Slot):
    """Over all chats of an account. ``workspaces``: numbers of those that it is in, by their
    scopes; they follow what was committed. ``subscriber``: made when it is let in."""

    __slots__ = ("_holds", "account", "login_id", "subscriber", "workspaces")
    subscriber: Subscriber

    def __init__(self, account: int, login_id: str, address: str) -> None:
        super().__init__(f"\0{account}", address)  # no user of a room is called so
        self.account = account
        self.login_id = login_id
        self.workspaces: dict[int, int] = {}
        self._holds = 0

    def hold(self) -> None:
        """What happens waits until as many ``go_on`` have followed: before it comes what is read
        from the database."""
        self._holds += 1
        self.subscriber.is_catching_up = True

    def go_on(self) -> None:
        self._holds -= 1
        if not self._holds:
            self.subscriber.caught_up()


class AccountStreams:
    """Those that are open, and what their accounts want to be seen as: that is kept as long as the
    server runs, so that who loads a page again stays busy. ``presence_due``: the workspaces that
    are to be told of ``changes``: when whose presence has changed last, and whose own streams are
    not told."""

    def __init__(self) -> None:
        self.presence_due: TrailingEdge[int] = TrailingEdge()
        self.changes: defaultdict[int, dict[int, tuple[int, int | None]]] = defaultdict(dict)
        self._open: defaultdict[int, dict[AccountStream, None]] = defaultdict(dict)
        self._slots: Counter[int] = Counter()
        self._chosen: dict[int, Status] = {}

    # Slots: taken before the answer, given back at the end

    def check_slot(self, account: int) -> None:
        """Raises ConnectionLimit."""
        if self._slots[account] >= MAX_STREAMS:
            raise errors.ConnectionLimit(
                f"You have {MAX_STREAMS} streams open: close one", retry_after=RETRY_SECONDS
            )

    def take_slot(self, account: int) -> None:
        """Raises ConnectionLimit."""
        self.check_slot(account)
        self._slots[account] += 1

    def free_slot(self, account: int) -> None:
        self._slots[account] -= 1
        if not self._slots[account]:
            del self._slots[account]

    # Who is there

    def add(self, stream: AccountStream) -> None:
        self._open[stream.account][stream] = None

    def remove(self, stream: AccountStream) -> None:
        streams = self._open.get(stream.account, {})
        streams.pop(stream, None)
        if not streams:
            self._open.pop(stream.account, None)

    def of(self, account: int) -> Sequence[AccountStream]:
        return list(self._open.get(account, ()))

    def everybody(self) -> Sequence[AccountStream]:
        return [each for streams in self._open.values() for each in streams]

    def workspaces(self, account: int) -> Mapping[int, int]:
        """Of who has a stream."""
        return next((each.workspaces for each in self._open.get(account, ())), {})

    # Presence

    def status(self, account: int) -> Status:
        """As others see it: without a stream one is offline."""
        return self._chosen.get(account, "online") if account in self._open else "offline"

    def choose(self, account: int, status: Status) -> None:
        if status == "online":
            self._chosen.pop(account, None)
        else:
            self._chosen[account] = status
