"""Deliveries are planned in one step with the follower's cursor."""

from collections.abc import Mapping, Sequence

import msgspec

from chatctl_server.actions import followers
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.domain.references import ROOMS
from chatctl_server.storage import deliveries, delivery_retention, endpoints, server_state, syncs
from chatctl_server.storage.transaction import Tx

NAME = "callbacks"


def configure(
    tx: Tx, urls: Mapping[EndpointKind, str | None], due_at: int
) -> list[endpoints.Endpoint]:
    """Makes the endpoints those that the settings name. What is pending for a URL that is no
    longer named goes to the one in its place, or waits until there is one."""
    for kind, url in urls.items():
        _configure(tx, kind, url, due_at)
    deliveries.clamp_ordering_keys(tx.db, due_at)
    return endpoints.present(tx.db)


def _configure(tx: Tx, kind: EndpointKind, url: str | None, due_at: int) -> None:
    known = {each.url: each for each in endpoints.of_settings(tx.db, kind)}
    for each in known.values():
        status = "enabled" if each.url == url else "removed"
        if each.status != status:
            endpoints.save(tx.db, msgspec.structs.replace(each, status=status))
    if url is None:
        return
    if url not in known:
        new_id = tx.take("endpoint")
        known[url] = endpoints.new(
            tx.now, new_id, origin="settings", kind=kind, scope=ROOMS, url=url
        )
        endpoints.save(tx.db, known[url])
    for each in known.values():
        if each.url != url:
            deliveries.move_endpoint(tx.db, each.id, known[url].id, due_at)


def note_signing(tx: Tx, is_signed: bool) -> None:
    """For commands on the file, whose shell may lack the secret of the server's settings."""
    server_state.set_value(tx.db, server_state.SIGNED, int(is_signed))


def plan(
    tx: Tx,
    expected: int,
    reached: int,
    planned: Sequence[deliveries.Planned],
    requested: Sequence[int],
    due_at: int,
) -> bool:
    """Adds the deliveries and the syncs that were ``requested``, and moves the cursor; False
    means: another moved it, read again."""
    if not followers.plan(tx, NAME, expected, reached):
        return False
    _add(tx, planned, due_at)
    syncs.add(tx.db, requested)
    return True


def _add(tx: Tx, planned: Sequence[deliveries.Planned], due_at: int) -> None:
    """But for endpoints that were removed, and conversations that were purged, since the planner
    looked."""
    if planned:
        present = {each.id for each in endpoints.present(tx.db)}
        wanted = [
            each
            for each in delivery_retention.but_of_purged(tx.db, planned)
            if each.endpoint in present
        ]
        deliveries.add(tx.db, tx.take("delivery", len(wanted)), wanted, tx.now, due_at)


def forget(tx: Tx, finished: Sequence[int]) -> None:
    """Deliveries that are over for long, and their tries."""
    delivery_retention.forget(tx.db, finished)
