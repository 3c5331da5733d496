"""What the posts of a batch refer to, looked up at once, and only when one of them refers to
something."""

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from chatctl_server import errors
from chatctl_server.domain import accounts, stored_files
from chatctl_server.domain.references import ChatRef, ConversationRef
from chatctl_server.storage import post_links
from chatctl_server.storage.sql import Database

if TYPE_CHECKING:
    from chatctl_server.actions.messages import Post


class Links:
    def __init__(self, db: Database, posts: Sequence["Post"]) -> None:
        answered = {post.reply_to for post in posts if post.reply_to is not None}
        named = {pair for post in posts if post.mentions for pair in _named(post)}
        shown = {file for post in posts if post.attachments for file in _shown(post) if file}
        self._there = post_links.messages_there(db, answered) if answered else set()
        self._present = post_links.present(db, named) if named else set()
        self._stored = post_links.stored(db, shown) if shown else set()

    def check(self, post: "Post") -> None:
        """Raises InvalidInput for an answer to no message of the conversation, and for a file that
        its workspace does not know. A room's messages show what they like."""
        if post.reply_to is not None and (post.ref.id, post.reply_to) not in self._there:
            raise errors.InvalidInput(
                f"There is no message {post.reply_to} in this {post.ref.noun} to reply to",
                field="reply_to",
            )
        if post.attachments and isinstance(post.ref, ChatRef):
            for url, file in zip(post.attachments, _shown(post), strict=True):
                if file not in self._stored:
                    raise errors.InvalidInput(
                        f"There is no file {url} in the chat's workspace; upload it first",
                        field="files",
                    )

    def mentions(self, post: "Post") -> tuple[int, ...]:
        """Of members alone, each once."""
        return _members(post.ref, post.mentions, self._present)


def members(db: Database, ref: ConversationRef, named: Sequence[int]) -> tuple[int, ...]:
    """Of these accounts those that take part, each once."""
    pairs = {(ref.id, accounts.user_id(each)) for each in named}
    return _members(ref, named, post_links.present(db, pairs)) if pairs else ()


def _members(
    ref: ConversationRef, named: Sequence[int], present: Set[tuple[int, str]]
) -> tuple[int, ...]:
    each_once = dict.fromkeys(named)
    return tuple(each for each in each_once if (ref.id, accounts.user_id(each)) in present)


def _named(post: "Post") -> list[tuple[int, str]]:
    return [(post.ref.id, accounts.user_id(each)) for each in post.mentions]


def _shown(post: "Post") -> list[post_links.File | None]:
    """None for what is no file's URL."""
    found = map(stored_files.of_url, post.attachments)
    return [None if file is None else (post.ref.scope, *file) for file in found]
