"""What the widget asks before anything else; and whether the desk is there."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.support.visitor_routes import check_page
from chatctl_server.domain import business_hours, times
from chatctl_server.storage import sites
from chatctl_server.views.fields import means
from chatctl_server.views.support import fields
from chatctl_server.views.support import sites as views
from chatctl_server.views.support.sites import KEY

HEADERS = {"cache-control": "no-cache", "vary": "Origin"}
_TIME = "2026-01-01T00:00:00.000000Z"


class WidgetTheme(msgspec.Struct, frozen=True):
    color: views.Color


class WidgetFeatures(msgspec.Struct, frozen=True):
    files: Annotated[bool, means("Whether visitors may send files", True)]
    rating: Annotated[bool, means("Whether they may rate a conversation that was closed", True)]
    asks: views.Asks


class WidgetLimits(msgspec.Struct, frozen=True):
    max_messages_per_minute: Annotated[
        int, means("`VISITOR_MESSAGES_PER_MINUTE`; 0 is any number", 30)
    ]


class WidgetSecurity(msgspec.Struct, frozen=True):
    domain_whitelist: views.AllowedOrigins


class WidgetConfig(msgspec.Struct, frozen=True):
    version: Annotated[str, means("The server's", "0.1.0")]
    site_id: fields.SiteId
    shop_id: fields.ShopId
    name: views.Name
    shop_name: Annotated[str, means("The same as `name`", "The shop")]
    websocket_url: Annotated[str, means("Of the desk's socket", "wss://chat.example.org/ws")]
    features: Annotated[WidgetFeatures, means("What the widget offers")]
    theme: Annotated[WidgetTheme, means("How it looks")]
    limits: Annotated[WidgetLimits, means("What a visitor may")]
    security: Annotated[WidgetSecurity, means("Where it may stand")]
    greeting: views.Greeting
    is_open: Annotated[bool, means("Whether it is within business hours", True)]
    next_open_at: Annotated[str | None, means("When it opens, RFC 3339; null: it is open")]
    locale: views.Locale


class DeskHealth(msgspec.Struct, frozen=True):
    status: Annotated[Literal["ok"], means("The server answers", "ok")]
    timestamp: Annotated[str, means("The server's time, RFC 3339", _TIME)]
    version: Annotated[str, means("The server's", "0.1.0")]


@get(
    "/embed/config/{site:str}",
    tags=("sites",),
    summary="What a site's widget needs to know",
    response_description="The widget's settings",
    opt={
        "asks_store": True,
        "refuses": (errors.SiteNotFound, errors.Forbidden),
    },
)
async def show_widget_config(
    request: AnyRequest,
    context: GivenContext,
    site: FromPath[Annotated[str, means("The site's key, or its id", KEY)]],
) -> Response[WidgetConfig]:
    """For a page of the site's `allowed_origins`, one of this server's, or no page."""
    found = await context.store.read_live(sites.named, site)
    check_page(request.scope, context, found)
    settings = found.settings
    now = times.EPOCH + timedelta(microseconds=times.now())
    opens_at = business_hours.next_open(settings.business_hours, now)
    shown = WidgetConfig(
        version=context.version,
        site_id=found.id,
        shop_id=found.id,
        name=settings.name,
        shop_name=settings.name,
        websocket_url=_socket_url(request, context),
        features=WidgetFeatures(files=True, rating=True, asks=list(settings.asks)),
        theme=WidgetTheme(settings.color),
        limits=WidgetLimits(context.settings.visitor_messages_per_minute),
        security=WidgetSecurity(list(settings.allowed_origins)),
        greeting=settings.greeting,
        is_open=business_hours.is_open(settings.business_hours, now),
        next_open_at=None if opens_at is None else times.rfc3339(times.microseconds(opens_at)),
        locale=settings.locale,
    )
    return Response(shown, headers=HEADERS)


def _socket_url(request: AnyRequest, context: Context) -> str:
    """Below PUBLIC_URL, else where the request was sent."""
    scope, settings = request.scope, context.settings
    scheme = "https" if caller.is_https(scope, settings.trusted_proxies) else "http"
    host = request.headers.get("host")
    asked = f"{scheme}://{host}" if host else context.address
    scheme, _, rest = (settings.public_url or asked).rstrip("/").partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws"


@get(
    "/api/health",
    tags=("desk",),
    summary="Whether the desk is there",
    response_description="It is",
    sync_to_thread=False,
)
def desk_health(context: GivenContext) -> DeskHealth:
    """Asks nothing of the database: `GET /health` does."""
    return DeskHealth("ok", times.rfc3339(times.now()), context.version)
