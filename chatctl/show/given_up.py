"""What is said of callbacks that were given up, wherever they show."""

import shlex

from chatctl.input import times
from chatctl.link.client import Json
from chatctl.shell import places
from chatctl.shell.options import Options
from chatctl.show import output, progress


def tell(options: Options, failed: int, oldest: float | None) -> None:
    """With the command that recovers them. ``oldest``: when the oldest was planned, Unix
    seconds."""
    if not failed or oldest is None or options.quiet:
        return
    count = "1 callback was" if failed == 1 else f"{failed:,} callbacks were"
    output.note(options, f"{count} given up")
    words = ["chatctl", "callbacks", "recover", "--since", times.rfc3339(oldest)]
    progress.say(f"  try: {shlex.join([*words, *places.of(options)])}\n")


def tell_of(options: Options, endpoints: list[Json]) -> None:
    lost = [each for each in endpoints if each.get("failed")]
    oldest = min((each["oldest_failed_at"] for each in lost), default=None)
    tell(options, sum(each["failed"] for each in lost), oldest)
