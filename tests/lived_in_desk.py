"""What happens at a support desk, in each table of it; behind what happens in chats, whose file is
shown here, too."""

from offline import Offline

from chatctl_server.actions import canned_responses, customers, sites, support, support_messages
from chatctl_server.actions.customers import VisitorIdentity
from chatctl_server.actions.support_messages import Draft
from chatctl_server.domain.events import Actor
from chatctl_server.domain.support import Person
from chatctl_server.domain.support_events import Assigned, FileAttached, SiteSettings
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import WorkspaceRef

WORKSPACE = WorkspaceRef(0, 2)
AGENT = Person("key_desk", "desk", "agent", {0: "owner"})


def live(scene: Offline) -> None:
    """The shop's customer has a conversation with a note, a file, and a rating; it was closed."""
    site = scene.run(sites.create, WORKSPACE, SiteSettings("shop")).ref
    scene.run(sites.rotate_key, site, True)
    scene.run(canned_responses.add, WORKSPACE, "hello", "Hello!")
    bo = scene.run(customers.welcome, site, VisitorIdentity("Bo", "bo@example.org")).customer
    visitor = Person(bo.id, bo.name, "visitor", {0: "member"}, bo.id, site.scope)
    opened = scene.run(support.open_conversation, visitor, site, bo.id).found
    ref = opened.ref

    def add_file(tx: Tx, actor: Actor) -> None:
        sent = "a" * 64, "png", "cat.png", "image/png", 3, bo.id
        tx.record(FileAttached(opened.public_id, *sent), actor, ref)

    scene.run(add_file)
    url = f"/files/c/{opened.public_id}/aaa/aaa/{'a' * 58}.png"
    said = scene.run(support_messages.post, visitor, ref, Draft("look", "image", "m1", url)).message
    scene.run(support_messages.edit, visitor, ref, said.public_id, "look at that")
    scene.run(support_messages.post, AGENT, ref, Draft("a liar", is_private=True))
    gone = scene.run(support_messages.post, AGENT, ref, Draft("nice")).message
    scene.run(support_messages.delete, AGENT, ref, gone.public_id)
    assigned = Assigned(opened.public_id, "u1")
    scene.run(lambda tx, actor: tx.record(assigned, actor, ref))
    scene.run(support.label, AGENT, ref, ["billing"], "high")
    until = (scene.now + 3600 * 1_000_000,)
    scene.run(support.set_status, AGENT, ref, "snoozed", *until)
    scene.run(support.set_status, AGENT, ref, "closed")
    scene.run(support.rate, visitor, ref, 5, "thanks")
    waiting = scene.run(support.open_conversation, visitor, site, bo.id).found
    scene.run(support_messages.post, visitor, waiting.ref, Draft("again"))
    cy = scene.run(customers.welcome, site, VisitorIdentity("Cy")).customer
    scene.run(customers.erase, site, cy.id)
