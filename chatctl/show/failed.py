"""What is said of callbacks that failed, wherever they show."""

from chatctl.input import times
from chatctl.link.client import Json
from chatctl.shell.options import Options
from chatctl.show import output


def tell(options: Options, failed: int, oldest: float | None) -> None:
    """With the command that recovers them. ``oldest``: when the oldest was planned, Unix
    seconds."""
    if not failed or oldest is None or options.quiet:
        return
    count = "1 callback" if failed == 1 else f"{failed:,} callbacks"
    output.note(options, f"{count} failed")
    output.suggest(options, "chatctl", "callbacks", "recover", "--since", times.rfc3339(oldest))


def tell_of(options: Options, endpoints: list[Json]) -> None:
    lost = [each for each in endpoints if each.get("failed")]
    oldest = min((each["oldest_failed_at"] for each in lost), default=None)
    tell(options, sum(each["failed"] for each in lost), oldest)
