"""``chatctl inbox``: the open conversations of the support desk, live, to be answered here."""

import contextlib
import os
import queue
import selectors
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from chatctl.commands import conversations
from chatctl.commands.conversations import OnlySite
from chatctl.input import desk, keys
from chatctl.input.keys import Keyboard, LineEditor
from chatctl.link import connection, streams
from chatctl.link.client import Client, Json, Params
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, opt, verb
from chatctl.show import output
from chatctl.show.full_screen import FullScreen
from chatctl.show.visible import visible

if TYPE_CHECKING:
    from rich.live import Live


_MOST = 100  # conversations
_MESSAGES = 100
_PAUSE_SECONDS = 0.5  # between two readings of the list, whatever happens
_RETRY_SECONDS = 2.0  # after a reading that failed
_REDRAW_SECONDS = 15.0  # for what is told as an age
_PATIENCE = "5s"  # for the server: nobody can do anything meanwhile
_OF_THE_DESK = "site:"
_SCROLLED = {"page up": 10, "page down": -10}
_MOVED = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -_MOST, "end": _MOST}


@verb(
    "inbox",
    "chatctl inbox",
    "chatctl inbox --site 'The shop' --mine anna@example.org",
    exits=(3, 4, 5, 130, 143),
    because={2: "usage, or no terminal to show it on"},
)
def inbox(
    options: Options,
    site: OnlySite = None,
    mine: Annotated[
        str | None, opt("--mine", "Only this agent's; the answers are theirs.", "ACCOUNT")
    ] = None,
) -> None:
    """Show the open conversations and what is said, live; Enter opens one, Enter again answers."""
    is_dumb = os.environ.get("TERM", "dumb") == "dumb"
    if options.json or is_dumb or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise failures.usage("the inbox is for a person at a terminal", "chatctl conversations ls")
    quiet = replace(options, quiet=True)
    with connection.open(options, only_served=connection.NOT_FOLLOWED) as server:
        query = conversations.wanted(server, "open", site)
        user = None if mine is None else conversations.agent(server, mine)
        if user is not None:
            query["assignee"] = user
        after = streams.newest_offset(server)
    with connection.open(replace(quiet, timeout=_PATIENCE)) as server:
        is_colored = output.colored(options, sys.stdout)
        _Session(server, query, user, is_colored=is_colored).run(_Feed(quiet, after))


class _Feed:
    """What happens at the desk, read in a thread of its own. ``arrived`` is readable then."""

    def __init__(self, options: Options, after: int) -> None:
        self.arrived, self._waking = os.pipe()
        self._news: queue.SimpleQueue[str | Failure | Json] = queue.SimpleQueue()
        arguments = (options, after)
        self._thread = threading.Thread(target=self._read, args=arguments, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._waking, b".")

    def news(self) -> Iterator[str | Failure | Json]:
        """A sentence on the server, why there is nothing more, or an event."""
        os.read(self.arrived, 65_536)
        while not self._news.empty():
            yield self._news.get()

    def _tell(self, news: str | Failure | Json) -> None:
        self._news.put(news)
        self.wake()

    def _read(self, options: Options, after: int) -> None:
        try:
            with (
                connection.open(options, only_served=connection.NOT_FOLLOWED) as server,
                closing(streams.follow(options, server, {}, after, self._tell)) as found,
            ):
                for event in found:
                    if str(event["scope"]).startswith(_OF_THE_DESK):
                        self._tell(event)
        except Failure as failure:
            self._tell(failure)
        except Exception as error:
            self._tell(Failure("unexpected", f"unexpected {type(error).__name__}: {error}"))


class _Session:
    """From the first screen to ``q``."""

    def __init__(
        self, server: Client, query: Params, user: str | None, *, is_colored: bool
    ) -> None:
        from chatctl.show.inbox_screen import Inbox

        self._server = server
        self._query = query
        self._user = user
        self._is_colored = is_colored
        self._inbox = Inbox(visible(server.name))
        self._is_stale = True  # the list
        self._is_away = False  # the server
        self._shown: tuple[str, str] | None = None  # of which conversation the messages are
        self._read_at = 0.0
        self._done: Callable[[str], None] | None = None  # with the line that is typed

    def run(self, feed: _Feed) -> None:
        from rich.console import Console
        from rich.live import Live

        keyboard = Keyboard(sys.stdin.fileno())
        console = Console(highlight=False, no_color=not self._is_colored)
        live = Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with FullScreen(), _resized(feed.wake), selectors.DefaultSelector() as ready, live:
            ready.register(sys.stdin, selectors.EVENT_READ, keyboard.read)
            ready.register(feed.arrived, selectors.EVENT_READ, feed.news)
            feed.start()
            while self._step(ready, live):
                pass

    def _step(self, ready: selectors.BaseSelector, live: "Live") -> bool:
        """Whether there is another one."""
        from chatctl.show import inbox_screen

        self._read()
        shown = inbox_screen.layout(self._inbox, live.console, time.time())
        live.update(shown, refresh=True)
        for found, _ in ready.select(self._pause()):
            for each in found.data():
                if found.fileobj is not sys.stdin:
                    self._heard(each)
                elif not self._pressed(each):
                    return False
        return True

    # What there is

    def _pause(self) -> float:
        """Until something is to be done without a key and without news."""
        left = self._read_at + _PAUSE_SECONDS - time.monotonic()
        return max(0.0, left) if self._is_stale and not self._is_away else _REDRAW_SECONDS

    def _heard(self, news: "str | Failure | Json") -> None:
        self._is_stale = True
        match news:
            case Failure():
                raise news
            case str():
                self._inbox.news = news
                self._is_away = not news.startswith("connected")
            case _ if self._shown is not None and news["conversation_id"] == self._shown[0]:
                self._shown = self._shown[0], ""  # its times may be the same: clocks are set back

    def _read(self) -> None:
        """What cannot be read now is tried again later."""
        if self._is_away:
            return
        if self._is_stale and time.monotonic() >= self._read_at + _PAUSE_SECONDS:
            self._is_stale = False
            self._read_by(self._read_list)
        if self._wanted != self._shown and time.monotonic() >= self._read_at:
            self._read_by(self._read_messages)

    def _read_by(self, act: Callable[[], None]) -> None:
        is_read = self._tried(act)
        self._read_at = time.monotonic() + (0.0 if is_read else _RETRY_SECONDS)
        self._is_stale = self._is_stale or not is_read

    @property
    def _wanted(self) -> tuple[str, str] | None:
        """As ``_shown``."""
        current = self._inbox.current
        return None if current is None else (current["id"], current["updated_at"])

    def _read_list(self) -> None:
        inbox = self._inbox
        self._server.renew()
        pages = conversations.listed(self._server, self._query, _MOST)
        found = [each for page in pages for each in page]
        inbox.has_more, found = len(found) > _MOST, found[:_MOST]
        ids = [each["id"] for each in inbox.conversations]
        at = ids.index(inbox.selected) if inbox.selected in ids else 0
        inbox.conversations = found
        if inbox.current is None:  # it is closed: its place is the next one's
            inbox.is_open, inbox.selected = False, None
            inbox.selected = found[min(at, len(found) - 1)]["id"] if found else None

    def _read_messages(self) -> None:
        wanted = self._wanted
        if wanted is None or self._shown is None or wanted[0] != self._shown[0]:
            self._inbox.messages = []
        if wanted is not None:
            self._server.renew()
            path = desk.conversation_path(wanted[0], "messages")
            self._inbox.messages = self._server.get(path, {"limit": _MESSAGES})
        self._shown = wanted

    def _tried(self, act: Callable[[], None]) -> bool:
        """What fails is said, and the screen stays."""
        try:
            act()
        except Failure as failure:
            self._inbox.news = failure.message
            return False
        return True

    # What is pressed

    def _pressed(self, key: str) -> bool:
        """False ends it."""
        if key == keys.END:
            return False
        editor, inbox = self._inbox.editor, self._inbox
        if editor is not None:
            self._typed(editor, key)
            return True
        inbox.news = ""
        if key in _MOVED:
            inbox.move(_MOVED[key])
        elif key in _SCROLLED:
            inbox.scroll = max(0, inbox.scroll + _SCROLLED[key])
        elif key == "q":
            return False
        elif inbox.current is not None:
            self._of_current(key, inbox.current)
        return True

    def _of_current(self, key: str, current: Json) -> None:
        """Whatever is selected when the line is typed, it is about this one."""
        from chatctl.show.inbox_screen import name_of

        id_, name = current["id"], name_of(current)
        match key:
            case "enter" if not self._inbox.is_open:
                self._inbox.is_open = True
            case "escape":
                self._inbox.is_open = False
            case "enter" | "r":
                self._ask(f"reply to {name}", lambda text: self._post(id_, text, is_private=False))
            case "n":
                self._ask(f"note on {name}", lambda text: self._post(id_, text, is_private=True))
            case "a":
                self._ask(f"assign {name} to (nobody)", lambda text: self._assign(id_, text))
            case "c":
                said = f"{name} is closed"
                self._tried(lambda: self._change(id_, {"status": "closed"}, said))

    def _ask(self, what: str, done: Callable[[str], None]) -> None:
        self._inbox.editor, self._done = LineEditor(what), done

    def _typed(self, editor: LineEditor, key: str) -> None:
        """What was refused stays typed."""
        match key:
            case "escape":
                self._inbox.editor = None
            case "enter":
                done = self._done
                assert done is not None
                self._inbox.news = ""
                if self._tried(lambda: done(editor.text)):
                    self._inbox.editor = None
            case _:
                editor.press(key)

    def _post(self, conversation: str, text: str, *, is_private: bool) -> None:
        if not text.strip():
            return
        body: Json = {"content": text, "is_private": is_private}
        if self._user is not None:
            body["as_user"] = self._user
        self._server.renew()
        self._server.post(desk.conversation_path(conversation, "messages"), body)
        self._is_stale = True

    def _assign(self, conversation: str, account: str) -> None:
        self._server.renew()
        user = conversations.agent(self._server, account.strip()) if account.strip() else None
        with conversations.naming(account.strip()):
            said = f"assigned to {account.strip() or 'nobody'}"
            self._change(conversation, {"assignee": user}, said)

    def _change(self, conversation: str, body: Json, said: str) -> None:
        self._server.renew()
        self._server.patch(desk.conversation_path(conversation), body)
        self._inbox.news = said
        self._is_stale = True


@contextlib.contextmanager
def _resized(wake: Callable[[], None]) -> Iterator[None]:
    """The screen is drawn anew when the terminal has another size."""
    before = signal.signal(signal.SIGWINCH, lambda *_: wake())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
