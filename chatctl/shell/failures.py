"""What ends a command: one class, raised where it is noticed, told once in ``cli.run``."""


class Failure(Exception):
    """``code`` is stable and decides the exit code; ``message`` is one sentence for a person.

    ``hint`` is something to try, most often a command. ``status`` is the HTTP status when a
    server refused.
    """

    def __init__(
        self, code: str, message: str, hint: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.status = status


class OutputLost(Exception):
    """Stdout took no more. Whether the command had done its work, only its caller knows."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or type(error).__name__)


def lost(output: OutputLost, state: str = "") -> Failure:
    """``state`` says what was done nevertheless."""
    said = f"the result cannot be written to stdout: {output}"
    return Failure("io_error", f"{said}; {state}" if state else said)


def usage(message: str, hint: str | None = None) -> Failure:
    return Failure("usage", message, hint)
