"""Repeats of posts: the sender's other tabs are told (contract team, 7)."""

from collections.abc import Callable

from chatctl_server.domain.references import ChatRef


class Duplicates:
    """``on_repeat`` is called in the loop, with the chat, the sender's user id and the key."""

    def __init__(self) -> None:
        self.on_repeat: Callable[[ChatRef, str, str], None] = lambda chat, sender, key: None
