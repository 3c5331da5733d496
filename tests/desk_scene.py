"""A support desk for a story: sites, customers who write, agents; made on the file before its
server starts."""

from typing import NamedTuple

import msgspec
from team import DEFAULT, Town

from chatctl_server.actions import customers, sites, support, support_messages
from chatctl_server.actions.support_messages import Draft
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import Person
from chatctl_server.domain.support_events import SiteSettings
from chatctl_server.storage.sites import Site
from chatctl_server.storage.support_conversations import SupportConversation
from chatctl_server.storage.workspaces import WorkspaceRef


class Customer(NamedTuple):
    """With what shows who it is, and its only conversation."""

    site: Site
    person: Person
    token: str
    conversation: SupportConversation

    @property
    def ref(self) -> SupportRef:
        return self.conversation.ref

    @property
    def id(self) -> str:
        """Of the conversation."""
        return self.conversation.public_id

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Site-Key": self.site.key, "X-Visitor-Token": self.token}


def site(
    town: Town, name: str, workspace: WorkspaceRef = DEFAULT, settings: SiteSettings | None = None
) -> Site:
    wanted = msgspec.structs.replace(settings or SiteSettings(name), name=name)
    made: Site = town.scene.run(sites.create, workspace, wanted)
    return made


def customer(town: Town, at: Site, name: str, *texts: str) -> Customer:
    """Who opens a conversation and says that."""
    identity = customers.VisitorIdentity(name, f"{name.lower()}@example.org")
    known, token = town.scene.run(customers.welcome, at.ref, identity)
    roles: dict[int, Role] = {at.ref.workspace: "member"}
    person = Person(known.id, known.name, "visitor", roles, known.id, at.ref.scope)
    opened = town.scene.run(support.open_conversation, person, at.ref, known.id)
    for each in texts:
        town.scene.run(support_messages.post, person, opened.found.ref, Draft(each))
        town.scene.now += 1_000_000
    return Customer(at, person, token, opened.found)
