"""What operators are shown of the support desk beside what agents are."""

from typing import Annotated

import msgspec

from chatctl_server.views.fields import means
from chatctl_server.views.support.sites import SiteObject

WIDGET = "/embed/widget.js"


class ManagedSite(SiteObject, frozen=True, kw_only=True):
    widget_url: Annotated[
        str,
        means(
            "What its pages load; without the server's address where nobody knows it",
            f"https://chat.example.org{WIDGET}",
        ),
    ]


def site(shown: SiteObject, base: str) -> ManagedSite:
    """``base``: where browsers reach the server; empty when unknown."""
    return ManagedSite(**msgspec.structs.asdict(shown), widget_url=f"{base.rstrip('/')}{WIDGET}")
