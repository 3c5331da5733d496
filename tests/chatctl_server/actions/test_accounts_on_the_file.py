"""Accounts, their sessions and their workspaces on the file: what the log says of them, what ends
with its time, and what passes on when somebody goes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from offline import SECOND, Offline
from team import DEFAULT, Person, Town

from chatctl_server import errors
from chatctl_server.actions import (
    account_erasures,
    account_status,
    accounts,
    chat_messages,
    chats,
    invites,
    logins,
    messages,
    streams,
    workspaces,
)
from chatctl_server.domain import events
from chatctl_server.domain.chat_events import MessageEdited
from chatctl_server.domain.events import MessagePosted
from chatctl_server.domain.refresh_tokens import RefreshTokens
from chatctl_server.storage import account_erasures as erasures
from chatctl_server.storage import accounts as stored
from chatctl_server.storage import invites as stored_invites
from chatctl_server.storage import last_seen, log, maintenance
from chatctl_server.storage import workspaces as stored_workspaces
from chatctl_server.storage.sql import Database
from chatctl_server.storage.workspaces import WorkspaceRef

DAY = 24 * 3600 * SECOND
TOKENS = RefreshTokens(["a-secret-of-at-least-32-bytes"])


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """What a test leaves breaks no rule, and is what its log tells."""
    made = Town(tmp_path / "chat.db")
    yield made
    made.close()
    assert maintenance.check(made.scene.path) == maintenance.verify(made.scene.path) == []


@pytest.fixture
def scene(town: Town) -> Offline:
    return town.scene


def signed_up(scene: Offline, name: str) -> int:
    """With ``secret`` as the hash of the password."""
    account: int = scene.run(accounts.create, name, f"{name}@example.org", "secret").id
    scene.run(workspaces.add_member, DEFAULT, account, "member")
    return account


def log_of(scene: Offline) -> list[events.Event]:
    found: list[events.Event] = scene.ask(log.read_after, 0, 1000)
    return found


def home(town: Town, who: Person) -> int | None:
    number: int | None = town.scene.ask(stored.get, who.id).home
    return number


def test_the_log_says_who_signed_in_and_why_they_are_out(scene: Offline) -> None:
    anna = signed_up(scene, "anna")
    begin = log_of(scene)[-1].offset
    first, second, _ = (scene.run(logins.start, anna, "secret", None) for _ in range(3))
    sign_out = partial(logins.sign_out, everywhere=False)
    nobody = events.Actor(None, "refresh-token")
    scene.run(sign_out, None, first.refresh_token, actor=nobody)
    scene.run(logins.end, anna, second.login_id, actor=events.Actor(f"u{anna}", "account"))
    code = scene.run(accounts.make_reset_link, anna, 60)
    scene.run(accounts.reset_password, code, "new", actor=events.Actor(None, "reset-link"))
    told = [
        (each.payload.type, each.actor.user_id, getattr(each.payload, "reason", None))
        for each in log_of(scene)
        if each.offset > begin
    ]
    own = f"u{anna}"
    assert told == [
        *[("account.signed_in", None, None)] * 3,
        ("account.signed_out", own, "signed_out"),
        ("account.signed_out", own, "revoked"),
        ("account.reset_link_made", None, None),
        ("account.password_changed", own, None),
        ("account.signed_out", own, "password_changed"),
    ]


def test_who_has_shown_an_older_password_does_not_change_it(scene: Offline) -> None:
    """To compare it takes long: it may have been changed meanwhile."""
    anna = signed_up(scene, "anna")
    mine = scene.run(logins.start, anna, "secret", None).login_id
    scene.run(accounts.change_password, anna, "secret", "another", mine)
    with pytest.raises(errors.InvalidCredentials):
        scene.run(accounts.change_password, anna, "secret", "a third", mine)


def test_a_reset_link_ends(scene: Offline) -> None:
    anna = signed_up(scene, "anna")
    code = scene.run(accounts.make_reset_link, anna, 60)
    scene.now += 60 * SECOND
    with pytest.raises(errors.CodeNotFound):
        scene.run(accounts.reset_password, code, "new")


def test_sessions_and_spent_tokens_are_forgotten_a_day_after_their_end(
    scene: Offline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "A_STEP", 2)
    anna = signed_up(scene, "anna")
    tokens = [scene.run(logins.start, anna, "secret", None).refresh_token for _ in range(3)]
    spend = scene.run(logins.refresh, tokens[0], TOKENS)
    scene.now += 14 * DAY + DAY - SECOND
    assert scene.call(logins.forget) is False
    for token in tokens[1:]:
        with pytest.raises(errors.Unauthorized):
            scene.run(logins.refresh, token, TOKENS)
    scene.now += 17 * DAY
    while scene.call(logins.forget):
        pass
    assert scene.ask(kept) == (0, 0)
    assert spend is not None


def kept(db: Database) -> tuple[int, int]:
    """How many sessions and tokens."""
    counted = "SELECT (SELECT count(*) FROM login), (SELECT count(*) FROM spent_refresh)"
    found: tuple[int, int] = db.execute_sql(counted).fetchone()
    return found


def test_a_home_passes_to_the_workspace_that_one_has_been_in_longest(town: Town) -> None:
    """Be it left, or deleted; without another there is none."""
    scene = town.scene
    first, late, early = (town.workspace(name) for name in ("first", "late", "early"))
    anna = town.person("Anna", first)
    bert = town.person("Bert", first, role="owner")
    for each in (early, late):
        scene.now += SECOND
        scene.run(workspaces.add_member, each, anna.id, "member")
    scene.run(workspaces.leave_workspace, first, anna.id)
    assert home(town, anna) == early.number
    scene.run(workspaces.delete, early, True)
    assert home(town, anna) == late.number
    scene.run(workspaces.delete, first, True)
    assert home(town, bert) is None


def test_a_deleted_workspace_takes_all_its_chats_and_invites_along(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few chats a call: others' writes come between."""
    monkeypatch.setattr(workspaces, "CHATS_A_CALL", 2)
    scene, acme = town.scene, town.workspace("acme")
    anna = town.person("Anna", acme, role="owner")
    for number in range(4):
        town.chat("private", f"chat {number}", anna, workspace=acme)
    code = scene.run(invites.create, acme, "member", None, 3600, 1).code
    bert = town.person("Bert")
    assert [scene.run(workspaces.delete, acme, True) for _ in range(3)] == [False, False, True]
    assert [each.payload.type for each in log_of(scene)].count("closed") == 4
    with pytest.raises(errors.CodeNotFound):
        scene.run(invites.accept, bert.id, code)


def test_who_comes_back_to_a_workspace_begins_another_single(town: Town) -> None:
    """What was said in the one before is its other member's alone."""
    scene, bert, anna = town.scene, town.person("Bert"), town.person("Anna")

    def opened() -> chats.OpenedChat:
        asked = DEFAULT, "single", "two", anna.id, [bert.id]
        found: chats.OpenedChat = scene.run(chats.open_chat, *asked)
        return found

    first = opened()
    assert opened() == (first.ref, False)
    scene.run(workspaces.leave_workspace, DEFAULT, bert.id)
    scene.run(workspaces.add_member, DEFAULT, bert.id, "member")
    second = opened()
    assert (second.is_new, second.ref != first.ref) == (True, True)


def test_the_log_says_that_an_invite_was_revoked(town: Town) -> None:
    scene, acme = town.scene, town.workspace("acme")
    made = scene.run(invites.create, acme, "member", None, 3600, 1)
    scene.run(invites.revoke, acme, made.code)
    assert log_of(scene)[-1].payload.invite_id == made.invite.id  # type: ignore[attr-defined]
    assert log_of(scene)[-1].payload.type == "invite.revoked"


def test_what_an_erased_account_owned_alone_passes_on(town: Town) -> None:
    """To the oldest admin, else to whoever has been there longest."""
    scene = town.scene
    staffed, plain, shared = (town.workspace(name) for name in ("staffed", "plain", "shared"))
    gone = town.person("Gone", staffed, plain, shared, role="owner")
    old = town.person("Old", staffed, plain, shared)
    scene.now += SECOND
    town.person("New", plain, shared)
    admin = town.person("Admin", staffed, role="admin")
    other = town.person("Other", shared, role="owner")
    scene.run(account_erasures.erase, gone.id)

    def role(place: WorkspaceRef, who: Person) -> str | None:
        found: str | None = scene.ask(stored_workspaces.role, place, who.id)
        return found

    assert (role(staffed, admin), role(staffed, old)) == ("owner", "member")
    assert role(plain, old) == "owner"
    assert (role(shared, other), role(shared, old)) == ("owner", "member")
    assert role(shared, gone) is None


def test_a_workspace_of_one_alone_is_passed_on_to_nobody(town: Town) -> None:
    scene, alone = town.scene, town.workspace("alone")
    gone = town.person("Gone", alone, role="owner")
    scene.run(account_erasures.erase, gone.id)
    assert scene.ask(stored_workspaces.role, alone, gone.id) is None
    assert "workspace.role_changed" not in [each.payload.type for each in log_of(scene)]


def test_invites_for_an_erased_account_count_no_more(town: Town) -> None:
    scene, acme = town.scene, town.workspace("acme")
    gone = town.person("Gone")
    codes = [
        scene.run(invites.create, acme, "member", email, 3600, 1).code
        for email in ("GONE@example.org", "other@example.org")
    ]
    scene.run(account_erasures.erase, gone.id)
    (left,) = scene.ask(stored_invites.open_of, acme, scene.now)
    assert left.email == "other@example.org"
    with pytest.raises(errors.CodeNotFound):
        scene.run(invites.revoke, acme, codes[0])


def test_the_messages_of_an_erased_account_are_those_in_chats(town: Town) -> None:
    """A user of a room with the same id is somebody else."""
    scene = town.scene
    gone = town.person("Gone")
    user, chat = f"u{gone.id}", town.chat("private", "diary", gone)
    scene.post(scene.create_room("lobby"), user, "in a room")
    said = [scene.post(chat, user, text).message_id for text in ("one", "two")]
    found = scene.ask(erasures.messages, gone.id, 0, 10)
    assert [number for _, number in found.found] == said


def test_no_edit_names_who_was_erased(town: Town) -> None:
    """Also of a message whose text an operator has erased before."""
    scene = town.scene
    gone = town.person("Gone")
    user, chat = f"u{gone.id}", town.chat("private", "diary", gone)
    own = events.Actor(user, "account")
    for text in ("one", "two"):
        said = scene.post(chat, user, text).message_id
        scene.run(chat_messages.edit, chat, said, f"{text}!", actor=own)
    scene.run(messages.erase, chat, said)
    scene.run(account_erasures.erase_messages, scene.ask(erasures.messages, gone.id, 0, 10).found)
    of_messages = [
        each.payload
        for each in log_of(scene)
        if isinstance(each.payload, MessagePosted | MessageEdited)
    ]
    assert [(each.nickname, each.content) for each in of_messages] == [("", "")] * 4


def test_who_was_erased_is_neither_suspended_nor_reactivated(town: Town) -> None:
    gone = town.person("Gone")
    town.scene.run(account_erasures.erase, gone.id)
    for action in (account_status.suspend, account_status.reactivate):
        with pytest.raises(errors.AccountNotFound):
            town.scene.run(action, gone.id)
    assert town.scene.run(account_erasures.erase, gone.id) is None


def test_a_message_that_went_with_its_chat_needs_no_erasure(town: Town) -> None:
    scene = town.scene
    gone = town.person("Gone")
    chat = town.chat("private", "diary", gone)
    said = scene.post(chat, f"u{gone.id}", "hello").message_id
    before = len(log_of(scene))
    there, not_there = (chat, said), (chat, said + 1)
    assert scene.run(account_erasures.erase_messages, [not_there]) == 0
    assert len(log_of(scene)) == before
    assert scene.run(account_erasures.erase_messages, [not_there, there]) == 1


def test_a_spent_token_whose_secret_is_gone_ends_its_session(scene: Offline) -> None:
    """Within the seconds in which it would be answered with its successor."""
    anna = signed_up(scene, "anna")
    others = RefreshTokens(["another-secret-of-at-least-32-bytes"])
    spent = scene.run(logins.start, anna, "secret", None).refresh_token
    successor = scene.run(logins.refresh, spent, TOKENS).refresh_token
    assert scene.run(logins.refresh, spent, TOKENS).refresh_token == successor
    assert scene.run(logins.refresh, spent, others) is None
    with pytest.raises(errors.Unauthorized):
        scene.run(logins.refresh, successor, TOKENS)


def test_a_stream_of_who_may_not_sign_in_does_not_begin(town: Town) -> None:
    scene = town.scene
    anna, bert = (town.person(name, town.workspace(name)) for name in ("Anna", "Bert"))
    scene.run(account_status.suspend, bert.id)
    with pytest.raises(errors.TokenRevoked):
        scene.call(streams.begin, bert.id, True)

    def seen() -> list[int | None]:
        return [each.at for each in scene.ask(last_seen.among, anna.id, [anna.id])]

    scene.call(streams.begin, anna.id, False)  # of a program that watches in their name
    before = seen()
    scene.call(streams.begin, anna.id, True)
    assert (before, seen()) == ([None], [scene.now])
