"""Which sites there are, in memory: whose conversations a scope has, and which pages may ask."""

from collections.abc import Iterable

import msgspec

from chatctl_server.domain import events, support_events
from chatctl_server.domain import sites as rules
from chatctl_server.domain.support_events import SiteSettings


class KnownSite(msgspec.Struct, frozen=True):
    id: str
    scope: int
    workspace: int
    settings: SiteSettings


class DeskSites:
    """Read at the start, kept from the log."""

    def __init__(self) -> None:
        self._sites: dict[int, KnownSite] = {}

    def begin(self, found: Iterable[KnownSite]) -> None:
        for each in found:
            self._sites[each.scope] = each

    def of_scope(self, scope: int | None) -> KnownSite | None:
        """None for what is no site's, or for one that was deleted."""
        return None if scope is None else self._sites.get(scope)

    def allows(self, origin: str) -> bool:
        """Whether a page of that origin may show the widget of any site."""
        return any(rules.allows(each.settings, origin) for each in self._sites.values())

    def publish(self, entry: events.Event) -> None:
        if isinstance(entry.payload, support_events.SiteEvent) and entry.scope is not None:
            self._change(entry.scope, entry.payload)

    def _change(self, scope: int, payload: support_events.SiteEvent) -> None:
        match payload:
            case support_events.SiteCreated(site, workspace, settings):
                self._sites[scope] = KnownSite(site, scope, workspace, settings)
            case support_events.SiteChanged(_, settings) if scope in self._sites:
                known = self._sites[scope]
                self._sites[scope] = msgspec.structs.replace(known, settings=settings)
            case support_events.SiteDeleted():
                self._sites.pop(scope, None)
