"""Files of a conversation: uploaded, and fetched by whoever may read it."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.actions import support as actions
from chatctl_server.api import downloads, refusals, uploads
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.support import people
from chatctl_server.api.support.target import TARGET, Target
from chatctl_server.domain import stored_files as rules
from chatctl_server.domain import times
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import VISITOR_BYTES_A_DAY, Person
from chatctl_server.storage import support_conversations, support_messages, workspaces
from chatctl_server.storage.sql import Database
from chatctl_server.storage.stored_files import StoredFile
from chatctl_server.storage.workspaces import WorkspaceRef
from chatctl_server.views.fields import means
from chatctl_server.views.support import fields
from chatctl_server.views.support.messages import FILE

_FIRST, _SECOND, _REST = FILE.split("/")[-3:]


@post(
    "/api/conversations/{conversation_id:str}/files",
    status_code=200,
    tags=("desk",),
    dependencies=TARGET,
    summary="Upload files to a conversation",
    response_description="Where they are, in their order",
    request_max_body_size=None,
    opt={
        "form": uploads.FORM,
        "example": [FILE],
        "refuses": (errors.ConversationNotFound, errors.NotAllowed, errors.TooLarge),
    },
)
async def upload_desk_files(
    request: AnyRequest, context: GivenContext, target: Target
) -> list[str]:
    """As in team chat: every part that has a filename is one, of at most `MAX_UPLOAD_BYTES`. A
    visitor may send 50 MiB a day. A message shows one by its address in `file`; what none shows for
    24 hours is removed."""
    who = await target.who()
    ref, place, most_bytes = await context.store.read_live(_room, who, target.id)
    async with uploads.receiving(request, context, place.number, most_bytes) as received:
        names = {each.name: rules.shown_name(each.called) for each in received}

        async def record(found: Sequence[StoredFile]) -> None:
            uploaded = [actions.UploadedFile(each, names[each.name]) for each in found]
            limit = context.settings.workspace_files_bytes
            actor = target.caller.actor()
            await context.store.write(actions.add_files, actor, who, ref, uploaded, limit)

        await uploads.keep(context, place.scope, received, record)
        return [each.name.conversation_url(target.id) for each in received]


def _room(db: Database, who: Person, public_id: str) -> tuple[SupportRef, WorkspaceRef, int | None]:
    """The conversation, its workspace, and how many bytes may still come; None: any number."""
    found = support_conversations.find(db, who, public_id)
    left = None
    if who.is_visitor:
        since = times.now() - actions.A_DAY
        left = max(0, VISITOR_BYTES_A_DAY - support_messages.sent_bytes(db, who.id, since))
    return found.ref, workspaces.get(db, found.workspace).ref, left


@get(
    "/files/c/{conversation_id:str}/{first:str}/{second:str}/{name:str}",
    tags=("desk",),
    summary="Fetch a file of a conversation",
    response_description="The file, with its `ETag`",
    responses=downloads.ANSWERS,
    opt={
        "asks_store": False,
        "example": "hello",
        "refuses": (
            *refusals.READ,
            errors.ConversationNotFound,
            errors.StoredFileNotFound,
            errors.RangeNotSatisfiable,
        ),
    },
)
async def fetch_desk_file(
    request: AnyRequest,
    context: GivenContext,
    conversation_id: FromPath[fields.ConversationId],
    first: FromPath[Annotated[str, means("Of its SHA-256 the first three digits", _FIRST)]],
    second: FromPath[Annotated[str, means("The next three digits", _SECOND)]],
    name: FromPath[Annotated[str, means("The other digits, and the extension", _REST)]],
) -> Response[Any]:
    """For whoever may read the conversation; as files of team chat are fetched."""
    who = await people.person(context, request.scope)
    url = f"/files/c/{conversation_id}/{first}/{second}/{name}"
    found = await context.store.read(_file, who, conversation_id, url)
    return await downloads.answer(request, context.files, found)


def _file(db: Database, who: Person, public_id: str, url: str) -> StoredFile:
    name = rules.of_conversation_url(url, public_id)
    if name is None:
        raise errors.StoredFileNotFound(f"There is no file {url}")
    ref = support_conversations.find(db, who, public_id).ref
    return support_messages.file(db, ref, *name).file
