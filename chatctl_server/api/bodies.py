"""What the routes of several faces take and answer."""

from typing import Annotated

import msgspec

from chatctl_server.views import fields

UnixTime = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]


class Changed(msgspec.Struct, frozen=True):
    changed: fields.IsChanged
