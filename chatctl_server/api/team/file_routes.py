"""A workspace's files: uploaded, fetched, checked."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.types.internal_types import PathParameterDefinition

from chatctl_server import errors
from chatctl_server.actions import stored_files as file_actions
from chatctl_server.actions import workspaces as actions
from chatctl_server.api import caller, downloads, refusals, uploads
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team.face import account_of
from chatctl_server.api.team.workspace_of import AskedWorkspace
from chatctl_server.domain import events
from chatctl_server.storage import stored_files, workspaces
from chatctl_server.storage.sql import Database
from chatctl_server.storage.stored_files import StoredFile
from chatctl_server.views.fields import means
from chatctl_server.views.team import files as views


@post(
    "/api/upload",
    status_code=200,
    tags=("files",),
    summary="Upload files",
    response_description="Where they are, in their order",
    request_max_body_size=None,
    dependencies={"asked": Provide(AskedWorkspace, sync_to_thread=False)},
    opt={
        "form": uploads.FORM,
        "example": [views.EXAMPLE],
        "refuses": (errors.TooLarge, errors.NoWorkspace, errors.WorkspaceNotFound),
    },
)
async def upload(
    request: AnyRequest, context: GivenContext, asked: NamedDependency[AskedWorkspace]
) -> list[str]:
    """Every part that has a filename is one, whatever its field is called; empty ones are passed
    over. Each has at most `MAX_UPLOAD_BYTES`, and all of the workspace `WORKSPACE_FILES_BYTES`. An
    account has 16 uploads at once, and all together 128: above it 503.

    Of the filename only the extension is read. The same content is stored once. What no message
    and no avatar refers to for 24 hours is removed.
    """
    actor, ref = caller.of(request.scope).actor(), (await asked.find()).ref

    async def record(found: Sequence[StoredFile]) -> None:
        limit = context.settings.workspace_files_bytes
        await context.store.write(file_actions.store, actor, found, limit)

    async with uploads.receiving(request, context, ref.number) as received:
        await uploads.keep(context, ref.scope, received, record)
        return [each.name.url for each in received]


def _fetch_id(_: object, __: object, path: list[str | PathParameterDefinition]) -> str:
    """One path ends with the other."""
    return "fetch_file" if path[0] == "files" else "fetch_file_at_api_files"


@get(
    [
        "/files/{workspace_id:str}/{first:str}/{second:str}/{name:str}",
        "/api/files/{workspace_id:str}/{first:str}/{second:str}/{name:str}",
    ],
    operation_id=_fetch_id,
    tags=("files",),
    summary="Fetch a file",
    response_description="The file, with its `ETag`",
    responses=downloads.ANSWERS,
    opt={
        "asks_store": False,
        "example": "hello",
        "refuses": (*refusals.READ, errors.StoredFileNotFound, errors.RangeNotSatisfiable),
    },
)
async def fetch_file(
    request: AnyRequest,
    context: GivenContext,
    workspace_id: FromPath[Annotated[str, means("The workspace", "0")]],
    first: FromPath[Annotated[str, means("Of its SHA-256 the first three digits", views.HASH[:3])]],
    second: FromPath[Annotated[str, means("The next three digits", views.HASH[3:6])]],
    name: FromPath[
        Annotated[str, means("The other digits, and the extension", f"{views.HASH[6:]}.txt")]
    ],
) -> Response[Any]:
    """For members of its workspace. Its type is told from its first bytes: images, audio and video
    that browsers show; anything else is `application/octet-stream`, and an attachment.

    One range of bytes can be asked for, and `If-None-Match`, `If-Range` and HEAD are answered.
    """
    url = f"/files/{workspace_id}/{first}/{second}/{name}"
    found = await context.store.read(stored_files.find, account_of(request.scope), url)
    return await downloads.answer(request, context.files, found)


@post(
    ["/api/fix-files/{workspace_id:int}", "/api/workspaces/{workspace_id:int}/fix-storage"],
    status_code=200,
    tags=("files",),
    summary="Check a workspace's files",
    response_description="How many there were, were removed, and are damaged",
    opt={
        "asks_store": False,
        "refuses": (
            *refusals.WRITE,
            errors.NotFound,
            errors.WorkspaceNotFound,
            errors.NotAllowed,
        ),
    },
)
async def fix_files(
    request: AnyRequest,
    context: GivenContext,
    workspace_id: FromPath[Annotated[int, means("The workspace", 0)]],
) -> views.CheckedFiles:
    """For its owner and admins. Each file is compared with the SHA-256 in its name; those that
    nothing has referred to for 24 hours are removed. Damaged files stay, and the log names them.
    Workspaces take turns: while one waits or is checked, another check of it is 503.
    """
    who = caller.of(request.scope)
    asked = who.actor(), account_of(request.scope), workspace_id
    number = await context.store.read(_managed, *asked)
    with context.limits.file_checks.taken(number):
        return views.checked(await context.check_files(who.actor(), number))


def _managed(db: Database, actor: events.Actor, account: int, number: int) -> int:
    ref = workspaces.find(db, account, number).ref
    actions.check_role(db, actor, ref, "owner", "admin")
    return ref.number
