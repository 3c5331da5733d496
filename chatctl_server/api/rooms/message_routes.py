"""A room's messages: listed, posted, deleted."""

from typing import Annotated

from litestar import Controller, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import messages
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, From, PageLimit, To, paged, room_uuid
from chatctl_server.api.rooms import bodies
from chatctl_server.domain import text, times
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import history_pages, rooms
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.rooms import objects as views

REPEATED = ResponseSpec(
    bodies.PostedMessage, generate_examples=False, description="A repeat: it was stored before"
)
Before = Annotated[
    int | None, QueryParameter(ge=1), means("Only messages whose `seq` is below it", 100)
]
Sender = Annotated[str | None, means("Only what this user said", "anna")]


class Messages(Controller):
    path = "/management/rooms/{room_id:str}/messages"
    tags = ("messages",)

    @get(
        "/",
        summary="A room's messages with their ids, newest first",
        response_description="The messages; the header `Link` has older ones when there are any",
    )
    async def list_messages(
        self,
        context: GivenContext,
        room_id: FromPath[fields.RoomId],
        before: Before = None,
        user_id: FromQuery[Sender] = None,
        limit: PageLimit = 100,
        from_time: From = None,
        to_time: To = None,
    ) -> Response[list[views.MessageEntry]]:
        """Also of a closed room. `content` of a deleted message is empty.

        A page may have fewer than `limit`: it ends at 256 KiB of text.
        """
        size = min(limit, context.settings.history_page_limit)
        window, stored_id = history_pages.Window(from_time, to_time), room_uuid(room_id)
        sender = None if user_id is None else text.check_name(user_id, "user_id")
        asked = history_pages.MessagesBelow(window, before, size, sender)
        found = await context.store.read(_below, stored_id, asked)
        following = None
        if found.has_more:
            query = {"from": from_time, "to": to_time, "user_id": user_id}
            following = {"before": found.records[-1].seq, "limit": size, **query}
        shown = [views.message_entry(row) for row in found.records]
        return paged(shown, f"/management/rooms/{stored_id}/messages", following)

    @post(
        "/",
        status_code=201,
        summary="Post as the system or as a user",
        response_description="The message is stored",
        responses={200: REPEATED},
        opt={"refuses": (errors.Banned,)},
    )
    async def post_message(
        self,
        request: AnyRequest,
        context: GivenContext,
        room_id: FromPath[fields.RoomId],
        data: JSONBody[bodies.PostMessage],
    ) -> Response[bodies.PostedMessage]:
        """Without `user_id` it is an announcement, and the sender is `system`.

        With `user_id` it is that user's message, with the user's role. Mutes and the throttle do
        not apply, a ban does. With `client_msg_id` a repeat of the call stores nothing.
        """
        room = await context.store.read_live(rooms.find_open_ref, room_uuid(room_id))
        posted = await _stored(context, _post(caller.of(request.scope), room, data))
        return Response(posted, status_code=200 if posted.duplicate else 201)

    @delete(
        "/{message_id:int}",
        status_code=200,
        summary="Erase a message",
        response_description="Whether there was still a text to erase",
    )
    async def delete_message(
        self,
        request: AnyRequest,
        context: GivenContext,
        room_id: FromPath[fields.RoomId],
        message_id: FromPath[fields.MessageId],
    ) -> bodies.Changed:
        """Takes its text out of every later answer: histories, replay, the log.

        Also in a closed room. Its `seq` and its record stay, with empty content. Members get
        `MessageDeleted`.
        """
        actor = caller.of(request.scope).actor()
        if not 0 < message_id < history_pages.LATEST:
            raise errors.MessageNotFound(
                f"There is no message {message_id} in this room", field="message_id"
            )
        room = await context.store.read_live(rooms.find_ref, room_uuid(room_id))
        erased = await context.store.write_urgent(messages.erase, actor, room, message_id)
        return bodies.Changed(erased is not None)


@post(
    "/management/rooms/{room_id:str}/system-message",
    status_code=200,
    tags=("messages",),
    summary="Announce something, as clients of the original do",
    response_description="The message is stored",
)
async def announce(
    request: AnyRequest,
    context: GivenContext,
    room_id: FromPath[fields.RoomId],
    data: JSONBody[bodies.Announce],
) -> bodies.PostedMessage:
    """The same as posting to `messages` without a `user_id`."""
    room = await context.store.read_live(rooms.find_open_ref, room_uuid(room_id))
    return await _stored(
        context, _post(caller.of(request.scope), room, bodies.PostMessage(data.content))
    )


async def _stored(context: Context, sent: messages.Post) -> bodies.PostedMessage:
    messages.check(sent, context.settings.max_message_bytes)
    write = context.store.write_urgent if sent.kind == "system" else context.store.write
    posted = await write(messages.POST, sent, size=len(sent.content) + CALL_BYTES)
    return bodies.PostedMessage(
        posted.message_id, posted.seq, times.seconds(posted.created_at), posted.duplicate
    )


def _post(who: caller.Caller, room: RoomRef, data: bodies.PostMessage) -> messages.Post:
    is_system = data.user_id is None
    sender = messages.SYSTEM if is_system else text.check_user_id(data.user_id or "")
    nickname = sender if data.nickname is None else text.check_name(data.nickname, "nickname")
    return messages.Post(
        ref=room,
        actor=who.actor(),
        sender=sender,
        nickname=nickname,
        content=data.content,
        client_msg_id=data.client_msg_id,
        kind="system" if is_system else "text",
        sender_kind="system" if is_system else "user",
        is_guarded=False,
    )


def _below(
    db: Database, room_id: str, asked: history_pages.MessagesBelow
) -> history_pages.MessageSlice:
    return history_pages.messages_below(db, rooms.find(db, room_id), asked)
