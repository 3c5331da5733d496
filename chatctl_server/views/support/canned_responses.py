"""Canned responses, as agents see them."""

from typing import Annotated

import msgspec

from chatctl_server.domain import times
from chatctl_server.storage.canned_responses import CannedResponse
from chatctl_server.views.fields import means

CannedId = Annotated[int, means("The response's number", 1)]
Title = Annotated[str, means("What agents find it by, 1 to 100 characters", "Refund")]
Content = Annotated[str, means("The text, at most 4,096 bytes", "Your money is on its way.")]


class CannedResponseObject(msgspec.Struct, frozen=True):
    id: CannedId
    title: Title
    content: Content
    created_by: Annotated[str | None, means("Who added it: `u<id>` an account", "u2")]
    created_at: Annotated[str, means("RFC 3339", "2026-01-01T00:00:00.000000Z")]


def canned_response(found: CannedResponse) -> CannedResponseObject:
    return CannedResponseObject(
        found.id, found.title, found.content, found.created_by, times.rfc3339(found.created_at)
    )
