"""The rules of support conversations (contract support, 1): their states, and who may do what."""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from chatctl_server import errors
from chatctl_server.domain import text
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.support_events import Priority
from chatctl_server.domain.times import SECOND

Status = Literal["open", "snoozed", "closed"]
SenderType = Literal["agent", "visitor", "bot", "system"]
WORDS: Mapping[str, Status] = {
    "open": "open",
    "active": "open",  # the document's word
    "snoozed": "snoozed",
    "closed": "closed",
}
TRANSITIONS: Mapping[Status, tuple[Status, ...]] = {
    "open": ("snoozed", "closed"),
    "snoozed": ("open", "snoozed", "closed"),
    "closed": ("open",),
}
"""From a status to what. To open is to reopen it: whatever its customer writes does so, too."""

PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "urgent")
EDIT_MICROSECONDS = 15 * 60 * SECOND  # a visitor's own message may be changed for so long
VISITOR_TOKEN_MICROSECONDS = 90 * 24 * 3600 * SECOND  # since it was shown last
VISITOR_BYTES_A_DAY = 50 * 2**20
MAX_LABELS = 20
MAX_LABEL_CHARACTERS = 50
MAX_COMMENT_BYTES = 4096
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's
_CUSTOMER = re.compile("cus_[0-9a-z]{26}")


class Person(NamedTuple):
    """Who does something at the desk. ``roles``: by the numbers of the workspaces whose desk they
    see; ``only_site``: the scope of the one site of it that they see. A visitor has both, as a
    member, and a ``customer``."""

    id: str
    name: str
    sender_type: SenderType
    roles: Mapping[int, Role]
    customer: str | None = None
    only_site: int | None = None

    @property
    def is_visitor(self) -> bool:
        return self.customer is not None

    def is_admin_of(self, workspace: int) -> bool:
        return self.roles.get(workspace) in ("admin", "owner")


OPEN_ACCESS = "open"
"""The credential of whoever shows none under SUPPORT_ACCESS=open: what is said there is theirs."""

AGENT_ROLES: tuple[Role, ...] = ("agent", "admin", "owner")


def new_id(kind: Literal["conv", "msg", "cus", "site"]) -> str:
    """Of 130 random bits: cannot be guessed."""
    bits = secrets.randbits(130)
    return f"{kind}_{''.join(_ALPHABET[bits >> shift & 31] for shift in range(0, 130, 5))}"


def is_customer(id_: str) -> bool:
    """Whether it has the form of a customer's id."""
    return _CUSTOMER.fullmatch(id_) is not None


def status_of(word: str) -> Status:
    """Raises InvalidInput."""
    found = WORDS.get(word)
    if found is None:
        raise errors.InvalidInput(
            f"status is no {word[:40]!r}; allowed: open, snoozed, closed", field="status"
        )
    return found


def check_transition(before: Status, after: Status) -> None:
    """Raises InvalidTransition."""
    if after not in TRANSITIONS[before]:
        raise errors.InvalidTransition(
            f"A conversation that is {before} cannot become {after}", field="status"
        )


def check_until(until: int | None, now: int) -> int:
    """Until when it is snoozed. Raises InvalidInput."""
    if until is None:
        raise errors.InvalidInput("until is missing: until when it is snoozed", field="until")
    if until <= now:
        raise errors.InvalidInput("until must be in the future", field="until")
    return until


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Trimmed, each once, in their order. Raises InvalidInput or BadText."""
    if len(labels) > MAX_LABELS:
        raise errors.InvalidInput(f"labels: at most {MAX_LABELS} are allowed", field="labels")
    found = (
        text.check_line(each, f"labels[{place}]", MAX_LABEL_CHARACTERS)
        for place, each in enumerate(labels)
    )
    return tuple(dict.fromkeys(found))


def check_priority(word: str) -> Priority:
    """Raises InvalidInput."""
    for each in PRIORITIES:
        if each == word:
            return each
    raise errors.InvalidInput(
        f"priority is no {word[:40]!r}; allowed: {', '.join(PRIORITIES)}", field="priority"
    )


def check_rating(score: int, comment: str) -> None:
    """Raises InvalidInput, BadText or TooLarge."""
    if not 1 <= score <= 5:
        raise errors.InvalidInput("score must be 1 to 5", field="score")
    text.check(comment, "comment", max_bytes=MAX_COMMENT_BYTES)
