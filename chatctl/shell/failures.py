"""What ends a command: one class, raised where it is noticed, told once in ``cli.run``."""

import errno

from chatctl_server import errors


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
        self.failure = of_system(error, "stdout")


def lost(output: OutputLost, state: str = "") -> Failure:
    """``state`` says what was done nevertheless."""
    said = f"the result cannot be written to stdout: {output}"
    code, hint = output.failure.code, output.failure.hint
    return Failure(code, f"{said}; {state}" if state else said, hint)


def of_system(error: OSError, name: str) -> Failure:
    """What the system says of a file."""
    if error.errno in errors.NO_ROOM:
        full = errors.no_room(name)
        return Failure(full.code, full.detail, full.hint, full.status)
    code = "file_not_found" if error.errno == errno.ENOENT else "io_error"
    return Failure(code, f"{name}: {error.strerror or type(error).__name__}")


def usage(message: str, hint: str | None = None) -> Failure:
    return Failure("usage", message, hint)
