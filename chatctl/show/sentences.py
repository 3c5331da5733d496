"""An event of the log as a line for a person; ``visible`` comes after it."""

from chatctl.link.client import Json


def of(kind: str, data: Json) -> str:
    """``kind`` is the event's type, ``data`` its values as the API gives them."""
    from chatctl_server.domain import events  # the commands that show none do without it

    return events.sentence(kind, data)
