"""Applying events: the only way into the tables, and the same way again in a replay."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from offline import HOST, SECOND, Offline
from peewee import Database

from chatctl_server.actions import (
    conversations,
    custom_events,
    messages,
    moderation,
    participants,
    sessions,
)
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.errors import ChatctlError
from chatctl_server.storage import maintenance, models, projection
from chatctl_server.storage.maintenance import schemas

Rows = dict[str, list[tuple[Any, ...]]]
CREATED = events.ConversationCreated("room", "r1", "lobby", ("ann",))


def tables(db: Database) -> Rows:
    return {
        model._meta.table_name: db.execute_sql(f"SELECT * FROM {model._meta.table_name}").fetchall()
        for model in models.CORE
    }


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
            events.Unknown("message.pinned", msgspec.Raw(b'{"message_id": 1}')),
        ):
            projection.apply(db, recorded(2, event))
            assert tables(db) == before


USERS = st.sampled_from(["ann", "bob", "eve"])
PLACES = st.sampled_from([0, 1])
Step = Callable[[Offline, list[RoomRef]], Any]


def steps() -> st.SearchStrategy[Step]:
    """What may happen in two rooms, refused or not."""

    def acted(action: Callable[..., Any], *more: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
        return st.builds(
            lambda room, *given: lambda scene, refs: scene.run(action, refs[room], *given),
            PLACES,
            *more,
        )

    seconds = st.sampled_from([None, 1, 60])
    payload = st.just(msgspec.Raw(b"[1]"))
    return st.one_of(
        st.builds(lambda wait: lambda scene, refs: pass_time(scene, wait), st.integers(-5, 30)),
        st.builds(
            lambda room, user, client_id: (
                lambda scene, refs: scene.post(refs[room], user, "hello", client_msg_id=client_id)
            ),
            PLACES,
            USERS,
            st.sampled_from([None, "c1", "c2"]),
        ),
        acted(sessions.join, USERS, st.just("a nickname")),
        acted(sessions.leave, st.integers(1, 6), st.just("left")),
        st.just(lambda scene, refs: scene.run(end_all)),
        acted(messages.delete, st.integers(1, 6)),
        acted(messages.erase, st.integers(1, 6)),
        acted(moderation.ban, USERS, st.none(), seconds),
        acted(moderation.unban, USERS),
        acted(moderation.mute, USERS, st.just("noise"), seconds),
        acted(moderation.unmute, USERS),
        acted(moderation.kick, USERS),
        acted(conversations.rename, st.sampled_from(["x", "y"])),
        acted(conversations.set_admins, st.lists(USERS)),
        acted(conversations.change_admins, st.lists(USERS), st.just(())),
        acted(custom_events.send, USERS, st.just("wave"), payload),
        acted(participants.join, USERS, st.sampled_from(["member", "owner"])),
        acted(participants.leave, USERS),
        acted(conversations.close),
    )


def pass_time(scene: Offline, wait: int) -> None:
    """Backwards, too: a clock may be set back."""
    scene.now += wait * SECOND


def end_all(tx: Any, actor: events.Actor) -> int:
    return sessions.end_all(tx, "crashed", 10)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps(), max_size=25))
def test_whatever_happens_the_log_tells_the_tables_and_no_rule_breaks(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[Step]
) -> None:
    path = tmp_path_factory.mktemp("life") / "chat.db"
    scene = Offline(path)
    refs = [scene.create_room("lobby", "ann"), scene.create_room("attic")]
    for happen in happenings:
        try:
            happen(scene, refs)
        except ChatctlError:
            continue  # a refusal: it must have changed nothing
    scene.close()
    assert [*map(str, maintenance.check(path))] == []
    assert [*map(str, maintenance.verify(path))] == []
    remove(path)


def remove(path: Path) -> None:
    for each in path.parent.iterdir():
        each.unlink()
