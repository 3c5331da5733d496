"""``chatctl serve``."""

import signal
from typing import Annotated, Literal

import typer

from chatctl.link import connection
from chatctl.shell.options import Options, opt, verb


@verb(
    "serve",
    "chatctl serve --db sqlite:./chat.db",
    "chatctl serve --bind 127.0.0.1:3000,[::1]:3000",
    exits=(3, 5),
    because={3: "a file or directory that is named is not there", 5: "an address is in use"},
)
def serve(
    options: Options,
    bind: Annotated[str | None, opt("--bind", "Where to listen.", "HOST:PORT,…")] = None,
    log_format: Annotated[
        Literal["text", "json"] | None, opt("--log-format", "How log lines look.", "text|json")
    ] = None,
    log_level: Annotated[
        str | None, opt("--log-level", "info, or info,sync=debug.", "LEVEL")
    ] = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    connection.acts_on_a_file(options)
    with connection.server_errors():
        loaded = connection.load(
            options, BIND_ADDRESS=bind, LOG_FORMAT=log_format, LOG_LEVEL=log_level
        )
        from chatctl_server import serving

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = serving.serve(loaded, lock_timeout_seconds=options.lock_timeout_seconds)
    raise typer.Exit(code)
