"""The cookie of pages: a refresh token that no script can read (contract team, 1)."""

from chatctl_server.api import caller, cors
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.domain.refresh_tokens import IDLE
from chatctl_server.domain.times import SECOND
from chatctl_server.settings.sources import Settings

NAME = "refresh_token"


def token_of(request: AnyRequest, settings: Settings) -> str | None:
    """None for a page of another site: it has the cookie of who looks at it, and is not them."""
    if not cors.is_own(request.scope, settings.public_url):
        return None
    return request.cookies.get(NAME) or None


def setting(request: AnyRequest, settings: Settings, token: str) -> dict[str, str]:
    return _header(request, settings, token, IDLE // SECOND)


def clearing(request: AnyRequest, settings: Settings) -> dict[str, str]:
    return _header(request, settings, "", 0)


def _header(request: AnyRequest, settings: Settings, token: str, seconds: int) -> dict[str, str]:
    """Nothing for a page of another site, which would sign out who looks at it, or in as somebody
    else."""
    if not cors.is_own(request.scope, settings.public_url):
        return {}
    parts = [f"{NAME}={token}", "Path=/api", "HttpOnly", "SameSite=Lax", f"Max-Age={seconds}"]
    if caller.is_https(request.scope, settings.trusted_proxies):
        parts.append("Secure")
    return {"set-cookie": "; ".join(parts)}
