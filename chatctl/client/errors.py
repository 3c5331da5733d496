"""A refusal, which the caller is told, and a loss, after which a client tries again."""


class Refused(Exception):
    """The server said no and would say it again. ``code`` is that of the problem or of the frame
    (docs/rooms.md, docs/team.md: error codes), or says why a connection was closed; ``status`` is
    that of the answer over HTTP, or the code of the close, and None in a frame."""

    def __init__(self, code: str, detail: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status


class Lost(Exception):
    """Worth another attempt, but not before ``pause_seconds``. ``is_known``: nothing was done."""

    def __init__(self, reason: str, pause_seconds: float = 0.0, *, is_known: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause_seconds = pause_seconds
        self.is_known = is_known
