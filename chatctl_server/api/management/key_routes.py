"""Named keys: listed, made, rotated, removed."""

from typing import Annotated

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.actions import keys as actions
from chatctl_server.api import caller
from chatctl_server.api.bodies import Changed, UnixTime
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, OptionalJson
from chatctl_server.domain import keys as rules
from chatctl_server.domain import times
from chatctl_server.storage import keys
from chatctl_server.storage.history_pages import LATEST
from chatctl_server.views import fields
from chatctl_server.views import keys as views
from chatctl_server.views.fields import means


class MakeKey(msgspec.Struct, frozen=True):
    name: views.Name
    scopes: views.Scopes
    workspace: Annotated[
        int | None, means("The number of the one that it reaches, which `team` and `support` need")
    ] = None
    expires_in: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None,
        means("It ends after so many seconds; never unless given", fields.DAY),
    ] = None


class RotateKey(msgspec.Struct, frozen=True):
    old_until: Annotated[
        UnixTime | None,
        means(
            "Until when the key before it opens, too, Unix seconds; it ends at once unless given",
            fields.TIME,
        ),
    ] = None


class Keys(Controller):
    path = "/management/keys"
    tags = ("keys",)

    @get("/", summary="List the named keys", response_description="The keys, in order of creation")
    async def list_keys(self, context: GivenContext) -> list[views.KeyObject]:
        """Also those that have expired, until they are removed. Nobody is shown what opens."""
        now = times.now()
        return [views.key_object(each, now) for each in await context.store.read(keys.present)]

    @post(
        "/",
        summary="Make a named key",
        response_description="The new key, with `key`, which is shown once",
        opt={"refuses": (errors.NameTaken, errors.WorkspaceNotFound)},
    )
    async def make_key(
        self, request: AnyRequest, context: GivenContext, data: JSONBody[MakeKey]
    ) -> views.NewKey:
        """It is sent as `X-Api-Key`, or as a bearer token. `rooms` opens rooms, their users, sync,
        and the events of rooms; `metrics` the figures; `team` and `support` one workspace. With
        `:read` behind it nothing is changed. All else wants the admin key. Its name is the actor of
        what is done with it.
        """
        key = rules.new()
        workspace = None if data.workspace is None else min(data.workspace, LATEST)
        made = await context.store.write_urgent(
            actions.create,
            caller.of(request.scope).actor(),
            data.name,
            data.scopes,
            workspace,
            data.expires_in,
            rules.hashed(key),
        )
        return views.new_key(made, times.now(), key)

    @post(
        "/{key_id:str}/rotate",
        status_code=200,
        summary="Put another key in the place of one",
        response_description="The key, with a new `key`, which is shown once",
        request_class=OptionalJson,
    )
    async def rotate_key(
        self,
        request: AnyRequest,
        context: GivenContext,
        key_id: FromPath[views.KeyId],
        data: JSONBody[RotateKey | None] = None,
    ) -> views.NewKey:
        """The one before it opens until `old_until`; without that it is over at once. Name, scopes
        and end stay."""
        key = rules.new()
        until = None if data is None or data.old_until is None else data.old_until * times.SECOND
        actor = caller.of(request.scope).actor()
        changed = await context.store.write_urgent(
            actions.rotate, actor, rules.check_id(key_id), until, rules.hashed(key)
        )
        return views.new_key(changed, times.now(), key)

    @delete(
        "/{key_id:str}",
        status_code=200,
        summary="Remove a named key",
        response_description="It opens nothing any more",
    )
    async def remove_key(
        self, request: AnyRequest, context: GivenContext, key_id: FromPath[views.KeyId]
    ) -> Changed:
        """For good, and from the next request on."""
        actor = caller.of(request.scope).actor()
        await context.store.write_urgent(actions.remove, actor, rules.check_id(key_id))
        return Changed(True)
