"""What an account and a workspace may be called, and what their roles are (contract team, 1)."""

import re

from chatctl_server import errors
from chatctl_server.domain import text
from chatctl_server.domain.event_types import Role

MAX_FULLNAME_CHARACTERS = 128
MAX_EMAIL_CHARACTERS = 255
MAX_WORKSPACE_CHARACTERS = 100
MAX_PASSWORD_BYTES = 1024
MAX_DESCRIPTION_BYTES = 4096
MAX_AVATAR_CHARACTERS = 2048
AVATARS = ("https://", "http://", "/files/")
_NUMBER = re.compile("[1-9][0-9]{0,17}")
RANKS: dict[Role, int] = {"member": 0, "agent": 1, "admin": 2, "owner": 3}


def user_id(account: int) -> str:
    """As conversations and the log know an account."""
    return f"u{account}"


def account_id(user: str) -> int:
    """The other way round; 0 for what is no account's."""
    number = user[1:]
    return int(number) if user[:1] == "u" and _NUMBER.fullmatch(number) else 0


def email_key(email: str | None) -> str | None:
    """What is unique of it: e-mails differ in more than the case of their letters."""
    return None if email is None else email.casefold()


def check_fullname(fullname: str) -> str:
    """Trimmed, 1 to 128 characters. Raises InvalidInput or BadText."""
    return text.check_title(fullname, "fullname", MAX_FULLNAME_CHARACTERS)


def check_workspace_name(name: str, field: str = "name") -> str:
    """Trimmed, 1 to 100 characters. Raises InvalidInput or BadText."""
    return text.check_title(name, field, MAX_WORKSPACE_CHARACTERS)


def check_email(email: str) -> str:
    """Trimmed. Raises InvalidInput or BadText: one @ between two parts, at most 255 characters."""
    found = text.check_title(email, "email", MAX_EMAIL_CHARACTERS)
    name, at, host = found.partition("@")
    if not (name and at and host) or "@" in host or any(each.isspace() for each in found):
        raise errors.InvalidInput(
            "email must be an address such as anna@example.org", field="email"
        )
    return found


def check_description(description: str) -> str:
    """Raises BadText or TooLarge."""
    return text.check(description, "description", max_bytes=MAX_DESCRIPTION_BYTES)


def check_may_give(acting: Role, role: Role) -> None:
    """Whether somebody with a role may give that one, and take it away: an owner any, an admin
    what is below an admin. Raises NotAllowed."""
    if acting != "owner" and RANKS[role] >= RANKS["admin"]:
        raise errors.NotAllowed(f"Only an owner of the workspace decides who is {role}")


def check_avatar(avatar: str | None) -> str | None:
    """A picture's URL, here or elsewhere. Raises InvalidInput or BadText."""
    if avatar is None:
        return None
    if not avatar.startswith(AVATARS) or len(avatar) > MAX_AVATAR_CHARACTERS:
        raise errors.InvalidInput(
            f"avatar must be a URL that begins with {', '.join(AVATARS)}, of at most "
            f"{MAX_AVATAR_CHARACTERS} characters",
            field="avatar",
        )
    return text.check(avatar, "avatar", max_bytes=4 * MAX_AVATAR_CHARACTERS)


def check_password(password: str, min_bytes: int, field: str = "password") -> str:
    """One that is to be set. Raises InvalidInput or BadText."""
    size = len(password.encode("utf-8", "replace"))
    if not min_bytes <= size <= MAX_PASSWORD_BYTES:
        wanted = f"{min_bytes} to {MAX_PASSWORD_BYTES} are allowed"
        raise errors.InvalidInput(f"{field} has {size} bytes; {wanted}", field=field)
    return text.check(password, field, max_bytes=MAX_PASSWORD_BYTES)
