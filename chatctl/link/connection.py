"""Which server a command talks to; when there is none, the application in this process.

Named by ``--server`` → the database's lock → the file itself → this user's running servers.
"""

import logging
import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from chatctl.input import endpoints, times
from chatctl.link import addresses, keys, owners
from chatctl.link.client import Client, Json, Link
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options
from chatctl.show import output
from chatctl.show.visible import visible

if TYPE_CHECKING:
    from chatctl.link.in_process import InProcess
    from chatctl_server.process.lock import Holder
    from chatctl_server.settings.sources import Loaded, Settings

NOT_FOLLOWED = "a file cannot be followed"


@contextmanager
def open(  # noqa: A001 - read as connection.open
    options: Options,
    *,
    writes: bool = False,
    delivers: bool = False,
    only_served: str | None = None,
) -> Iterator[Client]:
    """A writing command reads its stdin before and prints after: the file's lock is held between.

    ``delivers``: it writes, and leaves no callbacks to others; ``only_served``: why it asks for a
    server, and a file will not do.
    """
    with server_errors(), ExitStack() as held:
        search = _Search(
            options,
            writes=writes or delivers,
            delivers=delivers,
            only_served=only_served,
            held=held,
        )
        yield Client(search.link(), options, search.again())


def state() -> str:
    """One line on the server that commands would talk to. Waits for it a second at most."""
    options = Options(quiet=True, timeout="1s", lock_timeout="0.1")
    try:
        with server_errors(), ExitStack() as held:
            search = _Search(options, held=held, only_running=True)
            found = Client(search.link(), options).get("/management/status")
    except Failure as failure:
        return visible(failure.message)
    try:
        return _described(found)
    except (KeyError, TypeError):
        return "the server answers, but not as a chatctl server of this version does"


def _described(found: Json) -> str:
    up = times.relative(time.time() - found["uptime_seconds"], time.time()).removesuffix(" ago")
    return visible(
        f"{found['address']} (pid {found['pid']}, {found['database']}), up {up}: "
        f"{found['rooms_open']} rooms, {found['connections']} connections"
    )


@contextmanager
def server_errors() -> Iterator[None]:
    """Errors that the server's own modules raise in this process, as failures."""
    from chatctl_server.errors import ChatctlError

    try:
        yield
    except ChatctlError as error:
        raise Failure(error.code, error.detail, error.hint, error.status) from error


def load(options: Options, **flags: str | None) -> "Loaded":
    """The settings, with ``--db`` and the flags of ``serve`` above all other sources."""
    from chatctl_server.settings import sources

    given = {"DATABASE_URL": options.db, **flags}
    return sources.load(
        {name: value for name, value in given.items() if value is not None}, config=options.config
    )


def database_file(loaded: "Loaded") -> Path | None:
    """The configured database as an absolute path; None is unset or in memory."""
    from chatctl_server.settings import sources

    if loaded.origin["DATABASE_URL"] == "default":
        return None
    path = sources.database_path(loaded.settings.database_url)
    return None if path is None else Path(os.path.realpath(path))


def file_of(options: Options, *, must_exist: bool = True) -> Path:
    """The database that a file command acts on: the configured one, or that of the one server
    that runs."""
    acts_on_a_file(options)
    with server_errors():
        loaded = load(options)
        path = database_file(loaded)
        if path is None and loaded.origin["DATABASE_URL"] == "default":
            path = _of_the_running_server()
    if path is None:
        raise failures.usage("no database file is configured", "--db sqlite:./chat.db")
    if must_exist or path.exists() or _server_without(path) is not None:
        _check_file(path)
    return path


def uploads_of(options: Options, database: Path) -> Path:
    """The directory of uploaded files that the settings name."""
    from chatctl_server.process import paths

    with server_errors():
        return paths.upload_dir(load(options).settings, database)


def _check_file(path: Path) -> None:
    """Raises Failure, also of one that was removed under its server."""
    from chatctl_server.process import lock

    try:
        owners.check_file(path)
    except Failure as failure:
        holder = _server_without(path) if failure.code == "file_not_found" else None
        if holder is not None:
            held = lock.held(lock.lock_path(path), holder)
            failure.message, failure.hint = held.detail, held.hint
        raise


def _server_without(path: Path) -> "Holder | None":
    """The ready server of a database whose file is gone, perhaps with its lock."""
    from chatctl_server.process import lock, servers

    with server_errors():
        holder = lock.read(lock.lock_path(path))
        return holder if holder is not None and holder.ready else servers.having(path)


def _of_the_running_server() -> Path | None:
    """Raises Failure where several run: which one is meant is not to be guessed."""
    from chatctl_server.process import servers

    found = sorted(holder.database for holder in servers.running() if holder.database)
    if len(found) > 1:
        raise Failure(
            "several_servers",
            f"several servers are running, with {', '.join(found)}: which database is meant?",
            shlex.join(("--db", f"sqlite://{found[0]}")),
        )
    return Path(found[0]) if found else None


def acts_on_a_file(options: Options) -> None:
    if options.server is not None:
        raise failures.usage("this command acts on a file; --server is not for it", "--db URL")


@contextmanager
def alone(options: Options, path: Path) -> Iterator[None]:
    """Holds the database's lock. Raises LockHeld beside a running server."""
    from chatctl_server.process import lock

    with lock.acquire(lock.lock_path(path), "command", options.lock_timeout_seconds):
        yield


class _Search:
    """Finds a link, and another one after a restart; ``held`` owns what the last one needs."""

    def __init__(
        self,
        options: Options,
        *,
        held: ExitStack,
        writes: bool = False,
        delivers: bool = False,
        only_served: str | None = None,
        only_running: bool = False,
    ) -> None:
        self._options = options
        self._delivers = delivers
        self._only_running = only_running
        self._writes = writes
        self._only_served = only_served
        self._held = held
        self._named = options.server or os.environ.get("CHATCTL_SERVER")
        self._loaded: Loaded | None = None
        self._key: str | None = None
        if options.api_key_file is not None:
            self._key = keys.read(options.api_key_file)
        if self._named and options.db:
            raise failures.usage(
                f"--db names a database, but the server {self._named} is named as well",
                "one of the two; CHATCTL_SERVER counts as --server",
            )

    def again(self) -> Callable[[], Link] | None:
        """A named server is that one and nothing else; what was found is found again."""
        return None if self._named else self.link

    def link(self) -> Link:
        self._held.close()
        link = self._find()
        self._held.enter_context(link)
        return link

    def _find(self) -> Link:
        if self._named:
            return self._to_named(self._named)
        loaded = self._settings()
        path = database_file(loaded)
        if path is not None:
            return self._to_file(path)
        return self._to_running(in_memory=loaded.origin["DATABASE_URL"] != "default")

    def _settings(self) -> "Loaded":
        if self._loaded is None:
            self._loaded = load(self._options)
        return self._loaded

    def _to_named(self, address: str) -> Link:
        url = addresses.server_url(address)
        key = self._key
        if key is None:
            loaded = self._settings()
            path = database_file(loaded)
            # The file's key is for the server on this machine; another host never sees it.
            local = path is not None and addresses.is_loopback(url.host)
            key = self._known_key(path if local else None)
        holder = self._running_at(url) if key is None else None
        return addresses.over_tcp(url, key) if holder is None else self._to_holder(holder, None)

    def _running_at(self, url: httpx.URL) -> "Holder | None":
        """The server of this user that listens there: its socket asks for no key."""
        from chatctl_server.process import servers

        if not addresses.is_loopback(url.host):
            return None
        url = url.copy_with(host="127.0.0.1") if url.host == "localhost" else url
        known = {addresses.server_url(each.url): each for each in servers.running() if each.url}
        return known.get(url)

    def _to_file(self, path: Path) -> Link:
        from chatctl_server.errors import LockHeld
        from chatctl_server.process import lock

        _check_file(path)
        lock_file = lock.lock_path(path)
        owners.check_lock(lock_file, path)
        deadline = time.monotonic() + self._options.lock_timeout_seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            holder = lock.wait_ready(lock_file, left)
            if holder is not None:
                return self._to_holder(holder, path)
            if self._only_served is not None:
                said = f"no server is running for {path}, and {self._only_served}"
                raise Failure("no_server", said, _serve(self._options))
            if not self._writes:
                return self._directly(path)
            try:
                taken = lock.acquire(lock_file, "command", 0)
            except LockHeld:
                # A server or another command was quicker; wait_ready says which, and how long.
                if left == 0:
                    raise
                continue
            self._held.callback(taken.release)
            return self._directly(path)

    def _to_running(self, *, in_memory: bool) -> Link:
        """``in_memory``: such a database is asked for, which only its server has."""
        from chatctl_server.process import servers

        found = [holder for holder in servers.running() if holder.in_memory or not in_memory]
        if not found and in_memory:
            raise Failure(
                "no_server",
                "no server with a database in memory is running",
                "chatctl serve, or name a file: --db sqlite:./chat.db",
            )
        if not found:
            raise Failure(
                "no_server",
                "no server is running and no database file is configured",
                "chatctl serve, or name a database: --db sqlite:./chat.db",
            )
        if len(found) > 1:
            urls = sorted(holder.url or f"pid {holder.pid}" for holder in found)
            one = f"--server {urls[0]}"
            raise Failure(
                "several_servers",
                f"several servers are running: {', '.join(urls)}",
                one if in_memory else f"{one}, or --db with the database of one",
            )
        return self._to_holder(found[0], None)

    def _to_holder(self, holder: "Holder", path: Path | None) -> Link:
        socket = holder.socket
        if socket is not None and os.access(socket, os.W_OK):
            return addresses.over_socket(socket, holder.pid)
        if holder.url is None or not addresses.is_loopback(httpx.URL(holder.url).host):
            raise Failure("unreachable", f"the server (pid {holder.pid}) names no address")
        # A file names no key file for us: whoever may write beside it could name any.
        key = self._key or self._known_key(path, holder.key_file if path is None else None)
        return addresses.over_tcp(addresses.server_url(holder.url), key)

    def _known_key(self, path: Path | None, key_file: str | None = None) -> str | None:
        configured = self._settings().settings.admin_api_key
        if configured:
            return configured[0]
        if path is not None:
            return keys.beside(path)
        return None if key_file is None else keys.found(key_file, {os.geteuid()})

    def _directly(self, path: Path) -> Link:
        if self._only_running:
            raise Failure("no_server", f"no server is running for {path}")
        self._tell_direct(path)
        chosen = self._settings().settings
        is_heard = any(getattr(chosen, f"{kind}_callback_url") for kind in endpoints.KINDS) or None
        leaves_some = is_heard if self._writes and not self._delivers else False
        transport = self._held.enter_context(_application(chosen, path, writes=self._writes))
        return Link(str(path), transport, is_served=False, is_heard=leaves_some)

    def _tell_direct(self, path: Path) -> None:
        """Where a server with another database runs, a change may be meant for that one."""
        from chatctl.link import mismatches  # which imports this module

        output.note(self._options, f"no server is running for {path}; using the file directly")
        mismatches.note(self._options, path, self._settings().config_path)


def _serve(options: Options) -> str:
    """What starts the server that was missed, with what was typed for this command."""
    words = ["chatctl", "serve"]
    words += [] if options.config is None else ["--config", options.config]
    words += [] if options.db is None else ["--db", options.db]
    return f"{shlex.join(words)}, and then the same again"


def _application(chosen: "Settings", path: Path, *, writes: bool) -> "InProcess":
    """The server's own application, which trusts its own process without a key."""
    from msgspec import structs

    from chatctl.link.in_process import InProcess
    from chatctl_server.app import create_app

    without_log()
    app = create_app(
        structs.replace(chosen, database_url=f"sqlite://{path}"),
        role="command" if writes else "reader",
    )
    return InProcess(app, app.lifespan)


def without_log() -> None:
    """What went wrong comes back as an error; the log is for servers."""
    if not os.environ.get("CHATCTL_DEBUG"):
        logging.getLogger("chatctl").addHandler(logging.NullHandler())
        logging.getLogger("chatctl").propagate = False
