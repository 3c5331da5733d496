"""Accounts, workspaces and chats on the file."""

from pathlib import Path

import pytest
from offline import Offline
from team import DEFAULT, Town

from chatctl_server import errors
from chatctl_server.actions import accounts, workspaces
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import chats, maintenance
from chatctl_server.storage.workspaces import find


def test_the_first_of_each_has_number_1(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    anna, bob = town.person("Anna"), town.person("Bob")
    assert (anna.id, bob.id) == (1, 2)
    assert town.workspace("acme").number == 1
    assert town.chat("group", "lunch", anna, bob) == ChatRef(1, DEFAULT.scope)
    assert town.scene.ask(chats.find_mine, anna.id, 1).role == "owner"
    assert town.scene.ask(chats.find_mine, bob.id, 1).role == "member"
    town.close()
    path = tmp_path / "chat.db"
    assert maintenance.check(path) == maintenance.verify(path) == []


def test_what_lies_in_another_workspace_is_not_there(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    acme = town.workspace("acme")
    anna, eve = town.person("Anna"), town.person("Eve", acme)
    chat = town.chat("private", "plans", anna)
    carl = town.person("Carl")
    for number in (chat.id, 99):
        with pytest.raises(errors.ConversationNotFound):
            town.scene.ask(chats.find, eve.id, number)
    with pytest.raises(errors.NotAParticipant):
        town.scene.ask(chats.find_mine, carl.id, chat.id)
    with pytest.raises(errors.WorkspaceNotFound):
        town.scene.ask(find, anna.id, acme.number)
    town.close()


def test_an_email_and_a_workspaces_name_are_taken_whatever_the_case(scene: Offline) -> None:
    scene.run(accounts.create, "Anna", " Anna@Example.org ", None)
    with pytest.raises(errors.EmailTaken, match="User with email anna@example"):
        scene.run(accounts.create, "Anna", "anna@example.org", None)
    scene.run(workspaces.create, "Acme")
    with pytest.raises(errors.NameTaken):
        scene.run(workspaces.create, "ACME")
