"""What the routes of accounts and their sessions take and answer."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.views.fields import means
from chatctl_server.views.team import accounts as views
from chatctl_server.views.team.fields import CODE

NewPassword = Annotated[
    str, means("`PASSWORD_MIN_BYTES` to 1,024 bytes of UTF-8", "correct horse battery")
]


class SignUp(msgspec.Struct, frozen=True):
    fullname: views.Fullname
    email: views.Email
    password: NewPassword
    workspace: Annotated[
        str | None, means("The workspace's name, 1 to 100 characters; unknown: it is made")
    ] = None
    invite_code: Annotated[str | None, means("An invite's code, which decides the workspace")] = (
        None
    )


class SignIn(msgspec.Struct, frozen=True):
    email: views.Email
    password: Annotated[str, means("The password", "correct horse battery")]


class Refresh(msgspec.Struct, frozen=True):
    refresh_token: Annotated[
        str | None, means("What the last answer of a sign-in or a refresh had")
    ] = None


class LogoutMessage(msgspec.Struct, frozen=True):
    message: Annotated[str, means("One sentence", "Logged out successfully")]


class UpdateMe(msgspec.Struct, frozen=True):
    fullname: views.Fullname | UnsetType = UNSET
    avatar: (
        Annotated[str | None, means("The URL of a picture: `https://…`, or one of `/files/`")]
        | UnsetType
    ) = UNSET


class ChangePassword(msgspec.Struct, frozen=True):
    current_password: Annotated[str, means("The password until now", "correct horse battery")]
    new_password: NewPassword


class ResetPassword(msgspec.Struct, frozen=True):
    code: Annotated[str, means("The code of a reset link", CODE)]
    new_password: NewPassword
