"""The messages of a support conversation: posted, listed, edited, deleted."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import support_messages as actions
from chatctl_server.api.parameters import paged
from chatctl_server.api.support import desk_posts, people
from chatctl_server.api.support.target import TARGET, Target, TargetConversation
from chatctl_server.domain.support import Person
from chatctl_server.storage import support_conversations, support_messages
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.storage.support_conversations import SupportConversation
from chatctl_server.views import fields as shared
from chatctl_server.views.fields import means
from chatctl_server.views.support import fields
from chatctl_server.views.support import messages as views
from chatctl_server.views.support.messages import DeskMessage

Limit = Annotated[int, QueryParameter(ge=1, le=100), means("At most so many", 50)]
Before = Annotated[str | None, means("Only messages before this one", fields.MESSAGE)]
IsHard = Annotated[
    bool, means("Erase the text everywhere, the log's too; for admins and owners", False)
]
REPEATED = ResponseSpec(
    DeskMessage,
    generate_examples=False,
    description="The first message with this `client_msg_id`",
)
ONE: dict[str, Any] = {
    "refuses": (errors.ConversationNotFound, errors.MessageNotFound, errors.NotAllowed),
    "never": (errors.NotFound,),  # their ids are no numbers
}


class PostDeskMessage(msgspec.Struct, frozen=True):
    content: shared.Content = ""
    message_type: Annotated[Literal["text", "image", "file"], means("What it is", "text")] = "text"
    client_msg_id: (
        Annotated[str, means("A repeat with the same id stores nothing", "4f1c-7")] | None
    ) = None
    file: Annotated[str, means("A URL that the upload has answered")] | None = None
    is_private: Annotated[bool, means("A note between agents", False)] = False
    conversation_id: Annotated[str, means("That of the path, if given")] | None = None
    sender_id: (
        Annotated[str, means("Read under `SUPPORT_ACCESS=open` alone, without credentials")] | None
    ) = None
    sender_type: (
        Annotated[str, means("As `sender_id`: `agent`, `visitor`, `bot`", "agent")] | None
    ) = None


class EditDeskMessage(msgspec.Struct, frozen=True):
    content: Annotated[str, means("The new text", "hello, all")]


class DeskMessages(Controller):
    path = "/api/conversations/{conversation_id:str}/messages"
    tags = ("desk",)
    dependencies = TARGET

    @get(
        "/",
        summary="A conversation's messages, newest first",
        response_description="The messages; the header `Link` has more when there are any",
        opt={"refuses": (errors.ConversationNotFound, errors.MessageNotFound)},
    )
    async def list_desk_messages(
        self, target: Target, before: FromQuery[Before] = None, limit: FromQuery[Limit] = 50
    ) -> Response[list[DeskMessage]]:
        """Deleted ones are left out; a visitor sees no private notes."""
        return await listed(target, f"/api/conversations/{target.id}/messages", before, limit)

    @post(
        "/",
        status_code=201,
        summary="Post a message",
        response_description="The message",
        responses={200: REPEATED},
        opt={
            "refuses": (
                errors.ConversationNotFound,
                errors.ConversationIsClosed,
                errors.NotAllowed,
                errors.Banned,
                errors.Muted,
            )
        },
    )
    async def post_desk_message(
        self, target: Target, data: JSONBody[PostDeskMessage]
    ) -> Response[DeskMessage]:
        """A customer's message reopens a conversation that is closed or snoozed. Who sends it, the
        credentials say."""
        if data.conversation_id not in (None, target.id):
            raise errors.InvalidInput(
                "conversation_id is not that of the path", field="conversation_id"
            )
        draft = actions.Draft(
            data.content, data.message_type, data.client_msg_id, data.file, data.is_private
        )
        who = await target.who()
        if target.caller.credential == people.OPEN:
            who = people.posing_as(who, data.sender_id, desk_posts.sender_type(data.sender_type))
        posted = await desk_posts.post(target.context, target.caller.actor(), who, target.id, draft)
        return Response(posted.shown, status_code=200 if posted.is_duplicate else 201)

    @put(
        "/{message_id:str}",
        summary="Edit a message",
        response_description="The message as it is now",
        opt=ONE,
    )
    async def edit_desk_message(
        self,
        target: Target,
        message_id: FromPath[fields.MessageId],
        data: JSONBody[EditDeskMessage],
    ) -> DeskMessage:
        """A visitor's own for 15 minutes, an agent's own, and any for admins and owners."""
        actions.check_edit(data.content, target.context.settings.max_message_bytes)
        size = len(data.content) + CALL_BYTES
        found = await target.run(actions.edit, message_id, data.content, size=size)
        site = (await target.show()).site_id
        return views.of_state(found, target.id, site)

    @delete(
        "/{message_id:str}",
        status_code=204,
        summary="Delete a message",
        response_description="It is deleted",
        opt=ONE,
    )
    async def delete_desk_message(
        self,
        target: Target,
        message_id: FromPath[fields.MessageId],
        hard: FromQuery[IsHard] = False,
    ) -> None:
        """A soft delete: nobody is shown it any more, the log keeps it. A visitor's own for 15
        minutes, an agent's own, and any for admins and owners, who may erase it, too."""
        await target.run(actions.erase if hard else actions.delete, message_id)


async def listed(
    target: TargetConversation, path: str, before: str | None, limit: int
) -> Response[list[DeskMessage]]:
    """Raises ConversationNotFound or MessageNotFound."""
    who = await target.who()

    def read(db: Database) -> list[DeskMessage]:
        found = target.find(db, who, target.id)
        try:
            return _page(db, who, found, before, limit + 1)
        except errors.MessageNotFound as error:
            error.field = "before"
            raise

    found = await target.context.store.read_live(read)
    shown = found[:limit]
    more = {"before": shown[-1].id, "limit": limit} if len(found) > limit else None
    return paged(shown, path, more)


def page(
    db: Database, who: Person, public_id: str, before: str | None, limit: int
) -> list[DeskMessage]:
    """Newest first. Raises ConversationNotFound or MessageNotFound."""
    return _page(db, who, support_conversations.find(db, who, public_id), before, limit)


def _page(
    db: Database, who: Person, found: SupportConversation, before: str | None, limit: int
) -> list[DeskMessage]:
    seq, with_private = support_messages.LATEST, not who.is_visitor
    if before is not None:
        anchor = support_messages.find(db, found.ref, before)
        if anchor.is_private and not with_private:
            raise support_messages.not_found(before)
        seq = anchor.seq
    rows = support_messages.below(db, found.ref, seq, limit, with_private=with_private)
    return [views.of_state(each, found.public_id, found.site) for each in rows]
