"""A workspace with a chat in which everything has happened that the log records of chats."""

from offline import Offline

from chatctl_server.domain import account_events, chat_events, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage.transaction import Tx

SCOPE = 2  # of workspace 0
URL = f"/files/0/{'a' * 3}/{'a' * 3}/{'a' * 58}.png"


def live(scene: Offline) -> None:
    """The file that was uploaded lies beside the database."""
    place = scene.path.with_name(f"{scene.path.name}.files") / URL.removeprefix("/files/")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"png")
    scene.run(_settle)
    scene.run(_talk)


def _settle(tx: Tx, actor: events.Actor) -> None:
    for number in (1, 2):
        made = account_events.AccountCreated(number, f"u{number}@example.org", f"User {number}")
        tx.record(made, actor)
        tx.record(account_events.WorkspaceMemberJoined(0, number, "member"), actor, scope=SCOPE)
    renamed = account_events.AccountChanged(2, "Two@example.org", "Two", URL, 0, is_operator=False)
    tx.record(renamed, actor)
    tx.record(account_events.WorkspaceRoleChanged(0, 1, "owner"), actor, scope=SCOPE)
    tx.record(account_events.FileStored(0, "a" * 64, "png", "image/png", 3), actor, scope=SCOPE)


def _talk(tx: Tx, actor: events.Actor) -> None:
    chat = ChatRef(tx.take("conversation"), SCOPE)
    members = ("u1", "u2")
    made = events.ConversationCreated("single", "0" * 36, "", (), "u1", "", members)
    tx.record(made, actor, chat)
    posted = events.MessagePosted(
        (first := tx.take("message")),
        1,
        "text",
        "u1",
        "User 1",
        "look",
        tx.at,
        client_msg_id="k1",
        attachments=(URL,),
        mentions=(2,),
    )
    offset = tx.record(posted, actor, chat).offset
    edited = chat_events.MessageEdited(
        first, 1, offset, "look here", (2,), "u1", "User 1", tx.at, "k1", None, (URL,)
    )
    tx.record(edited, actor, chat)
    for payload in (
        chat_events.ReactionAdded(first, "👍", "u2"),
        chat_events.MessagePinned(first, "u2"),
        chat_events.ReadMoved("u2", first, 1),
        chat_events.PreferencesSet("u2", "mentions", 5),
        chat_events.ParticipantRoleChanged("u2", "admin"),
    ):
        tx.record(payload, actor, chat)
