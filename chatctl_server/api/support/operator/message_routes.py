"""What is said in support conversations, as an operator reads and writes it."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromQuery, JSONBody

from chatctl_server import errors
from chatctl_server.actions import support_messages as actions
from chatctl_server.api.support import desk_posts
from chatctl_server.api.support.message_routes import Before, Limit, listed
from chatctl_server.api.support.operator.conversation_routes import OF_ONE, PATH, SUBJECT, Subject
from chatctl_server.domain import accounts as rules
from chatctl_server.domain import support
from chatctl_server.domain.support import Person
from chatctl_server.storage import accounts, desk_people
from chatctl_server.storage.sql import Database
from chatctl_server.views import fields as shared
from chatctl_server.views.fields import means
from chatctl_server.views.support.messages import DeskMessage


class PostToConversation(msgspec.Struct, frozen=True):
    content: shared.Content
    is_private: Annotated[bool, means("A note between agents", False)] = False
    as_user: (
        Annotated[str, means("The agent whose message it is; null: the operator's own", "u2")]
        | None
    ) = None


class MessagesOfConversation(Controller):
    path = f"{PATH}/{{conversation_id:str}}/messages"
    tags = ("desk-operator",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="What was said in any conversation, newest first",
        response_description="The messages; the header `Link` has more when there are any",
        opt={"refuses": (*OF_ONE, errors.MessageNotFound)},
    )
    async def list_messages_of_conversation(
        self, subject: Subject, before: FromQuery[Before] = None, limit: FromQuery[Limit] = 50
    ) -> Response[list[DeskMessage]]:
        """With private notes, without what was deleted."""
        return await listed(subject, f"{PATH}/{subject.id}/messages", before, limit)

    @post(
        "/",
        status_code=201,
        summary="Write in any conversation",
        response_description="The message",
        opt={"refuses": (*OF_ONE, errors.ConversationIsClosed, errors.BadText)},
    )
    async def post_to_conversation(
        self, subject: Subject, data: JSONBody[PostToConversation]
    ) -> DeskMessage:
        """As an agent: whoever asks, or another one of the workspace."""
        who, store = await subject.who(), subject.context.store
        found = await store.read_live(subject.find, who, subject.id)
        if data.as_user is not None:
            who = await store.read_live(_agent, data.as_user, found.workspace)
        draft = actions.Draft(data.content, is_private=data.is_private)
        actor = subject.caller.actor()
        posted = await desk_posts.post(subject.context, actor, who, found.public_id, draft)
        return posted.shown


def _agent(db: Database, user_id: str, workspace: int) -> Person:
    """Raises InvalidInput for who is none of that workspace."""
    account = rules.account_id(user_id)
    role = desk_people.roles(db, account).get(workspace)
    if role not in support.AGENT_ROLES:
        raise errors.InvalidInput(
            f"as_user {user_id[:40]!r} is no agent of the workspace; as in u12", field="as_user"
        )
    return Person(user_id, accounts.get(db, account).fullname, "agent", {workspace: role})
