"""One real call of an operation, with its answer."""

from typing import Any, NamedTuple


class Example(NamedTuple):
    """``path`` and ``query`` fill the parameters; ``answer`` is None where there is no body."""

    operation: str
    answer: Any = None
    status: int = 200
    path: dict[str, Any] = {}  # noqa: RUF012  never changed
    query: dict[str, Any] = {}  # noqa: RUF012
    body: dict[str, Any] | None = None
