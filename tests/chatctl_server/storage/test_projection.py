"""Applying events: the only way into the tables, and the same way again in a replay."""

from typing import Any

import msgspec
from offline import HOST, SECOND
from peewee import Database

from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS
from chatctl_server.storage import models, projection
from chatctl_server.storage.maintenance import schemas

Rows = dict[str, list[tuple[Any, ...]]]
CREATED = events.ConversationCreated("room", "r1", "lobby", ("ann",))


def tables(db: Database) -> Rows:
    """But for those of workspaces and sites: the first have the time at which their database was
    made."""
    names = {model._meta.table_name for model in models.CORE} - {"workspace", "site"}
    return {name: db.execute_sql(f"SELECT * FROM {name}").fetchall() for name in names}


def recorded(offset: int, event: events.Payload, conversation: int | None = 1) -> events.Event:
    return events.Event(offset, offset * SECOND, ROOMS, conversation, HOST, event)


def post(number: int, client_msg_id: str | None = None) -> events.Event:
    at, text = number * SECOND, f"text {number}"
    event = events.MessagePosted(
        number, number, "text", "ann", "Ann", text, at, False, client_msg_id
    )
    return recorded(number + 1, event)


def test_posts_applied_together_are_the_same_as_one_by_one() -> None:
    posts = [post(1, "a"), post(2), post(3, "b")]
    with schemas.scratch() as together, schemas.scratch() as single:
        for db in (together, single):
            projection.apply(db, recorded(1, CREATED))
        projection.apply_posts(together, posts)
        for each in posts:
            projection.apply(single, each)
        assert tables(together) == tables(single)
        assert len(tables(together)["message"]) == 3


def test_events_for_the_readers_of_the_log_change_no_table() -> None:
    with schemas.scratch() as db:
        projection.apply(db, recorded(1, CREATED))
        before = tables(db)
        for event in (
            events.CustomSent("ann", "wave", msgspec.Raw(b"{}")),
            events.UserKicked("ann"),
            events.SyncRequested(("data",), 1),
            events.Unknown("message.tagged", msgspec.Raw(b'{"message_id": 1}')),
        ):
            projection.apply(db, recorded(2, event))
            assert tables(db) == before
