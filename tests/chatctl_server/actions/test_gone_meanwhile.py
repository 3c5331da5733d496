"""What was there when a request was let in may be gone when its action's turn comes."""

import desk_scene
import pytest
from offline import Offline
from team import DEFAULT, Town

from chatctl_server import errors
from chatctl_server.actions import (
    account_erasures,
    accounts,
    customers,
    invites,
    support_messages,
    workspaces,
)
from chatctl_server.actions.support_messages import Draft
from chatctl_server.storage import accounts as stored


def test_an_erased_account_gets_no_name_and_no_workspace_again(scene: Offline) -> None:
    town = Town(scene.path)
    anna = town.person("Anna")
    acme = town.workspace("acme")
    town.scene.run(account_erasures.erase, anna.id)
    with pytest.raises(errors.AccountNotFound):
        town.scene.run(accounts.change, anna.id, accounts.AccountChanges(fullname="Anna"))
    for place in (DEFAULT, acme):
        with pytest.raises(errors.AccountNotFound):
            town.scene.run(workspaces.add_member, place, anna.id, "member")
    assert town.scene.ask(stored.get, anna.id).fullname == ""
    assert town.scene.ask(stored.profiles, DEFAULT) == []
    town.close()


def test_nothing_is_done_to_a_deleted_workspace(scene: Offline) -> None:
    town = Town(scene.path)
    anna, acme = town.person("Anna"), town.workspace("acme")
    assert town.scene.run(workspaces.delete, acme)
    for action, *arguments in (
        (workspaces.delete,),
        (workspaces.change, "Acme"),
        (workspaces.add_member, anna.id, "member"),
        (invites.create, "member", None, 3600, 1),
    ):
        with pytest.raises(errors.WorkspaceNotFound):
            town.scene.run(action, acme, *arguments)
    town.close()


def test_an_erased_customer_says_nothing_more(scene: Offline) -> None:
    """It could not be erased again."""
    town = Town(scene.path)
    site = desk_scene.site(town, "Shop")
    bo = desk_scene.customer(town, site, "Bo", "hello")
    town.scene.run(customers.erase, site.ref, bo.person.id)
    with pytest.raises(errors.ConversationNotFound):
        town.scene.run(support_messages.post, bo.person, bo.ref, Draft("my number is 0815"))
    town.close()
