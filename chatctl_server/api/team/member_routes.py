"""Who is in a chat: listed, added, removed, given a role."""

from litestar import Controller, delete, get, patch, post
from litestar.di import Provide
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.api.parameters import OptionalBody
from chatctl_server.api.team.chat_bodies import ChangeMember, Named
from chatctl_server.api.team.paths import of_chat
from chatctl_server.api.team.target_chat import OwnChat, Subject
from chatctl_server.views.team import chats as views
from chatctl_server.views.team.fields import AccountId

MEMBERS = of_chat("/members")
MEMBER = of_chat("/members/{member_id:int}")
REMOVING = (
    errors.InvalidInput,
    errors.NotAParticipant,
    errors.NotAllowed,
    errors.OwnerMustTransfer,
)


class ChatMembers(Controller):
    tags = ("chats",)
    dependencies = {"subject": Provide(OwnChat, sync_to_thread=False)}  # noqa: RUF012  never changed

    @get(
        MEMBERS,
        summary="Who is in a chat",
        response_description="Its members, in the order in which they came",
        opt={"refuses": (errors.NotAParticipant,)},
    )
    async def list_chat_members(self, subject: Subject) -> list[views.ChatMember]:
        """To its members; of a PublicChannel to everybody in the workspace."""
        return await subject.members()

    @post(
        MEMBERS,
        status_code=201,
        summary="Add members to a chat",
        response_description="Those who were not in it before",
        opt={"refuses": (errors.NotAParticipant, errors.NotAllowed, errors.AccountNotFound)},
    )
    async def add_chat_members(
        self, subject: Subject, data: JSONBody[Named]
    ) -> list[views.ChatMember]:
        """People of its workspace, named as an array of numbers or as an object. Its owner and its
        admins may; nobody is added to a Single."""
        return await subject.add(data)

    @delete(
        MEMBERS,
        status_code=204,
        summary="Remove members from a chat",
        response_description="They are in it no more",
        opt={"refuses": REMOVING},
    )
    async def remove_chat_members(self, subject: Subject, data: JSONBody[Named]) -> None:
        """Named as when they are added; who is not in it is passed over. Its owner and its admins
        may, and everybody for themselves. Its owner stays."""
        await subject.remove(data)

    @delete(
        MEMBER,
        status_code=204,
        summary="Remove one member from a chat",
        response_description="The user is in it no more",
        opt={"refuses": REMOVING},
    )
    async def remove_chat_member(self, subject: Subject, member_id: FromPath[AccountId]) -> None:
        """The same for one."""
        await subject.remove((member_id,))

    @patch(
        MEMBER,
        summary="Make a member the owner, an admin, or a member",
        response_description="The chat",
        request_class=OptionalBody,
        opt={"refuses": REMOVING},
    )
    async def change_chat_member(
        self,
        subject: Subject,
        member_id: FromPath[AccountId],
        data: JSONBody[ChangeMember | None] = None,
    ) -> views.Chat:
        """Without a body it transfers the ownership: the old owner stays as a member. Its owner
        may."""
        return await subject.set_role(member_id, (data and data.role) or "owner")
