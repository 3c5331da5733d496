"""Sign-up, sign-in, refresh, logout: without a guard, as each has a credential of its own."""

from functools import partial

from litestar import Response, post
from litestar.params import JSONBody

from chatctl_server import errors
from chatctl_server.actions import accounts, logins, sign_ups
from chatctl_server.api import caller, problems
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, OptionalBody
from chatctl_server.api.team import cookies, credentials
from chatctl_server.api.team.account_bodies import (
    LogoutMessage,
    Refresh,
    ResetPassword,
    SignIn,
    SignUp,
)
from chatctl_server.domain import accounts as rules
from chatctl_server.domain import codes, events, times
from chatctl_server.storage import reset_links
from chatctl_server.views.team import accounts as views

JWT_DOTS = 2
NONE = "No refresh token provided"  # older clients match it
REFUSED_SIGN_INS = (
    errors.InvalidCredentials,
    errors.AccountIsSuspended,
    errors.Throttled,
    errors.Busy,
)


def _actor(request: AnyRequest, credential: str) -> events.Actor:
    return events.Actor(None, credential, caller.of(request.scope).address or None)


@post(
    ["/api/signup", "/api/auth/signup"],
    tags=("accounts",),
    summary="Sign up",
    response_description="The new account has signed in; the cookie has the refresh token, too",
    opt={
        "asks_store": True,
        "refuses": (
            errors.BadText,
            errors.InviteRequired,
            errors.NotAllowed,
            errors.CodeNotFound,
            errors.EmailTaken,
        ),
    },
)
async def sign_up(
    request: AnyRequest, context: GivenContext, data: JSONBody[SignUp]
) -> Response[views.Tokens]:
    """A workspace that is named and unknown is made, and is the new user's; into one that is open
    they come as a member, into others by invite: 403. Without a name it is workspace 0, whose first
    account owns it. An invite decides before a name. With `OPEN_SIGNUP=false`, only by invite."""
    settings = context.settings
    wanted = sign_ups.Registration(
        data.fullname, data.email, data.workspace, data.invite_code, settings.open_signup
    )
    rules.check_password(data.password, settings.password_min_bytes)
    await context.store.read_live(sign_ups.check, wanted, times.now())
    hashed = await context.passwords.hash(data.password, caller.of(request.scope).address)
    actor, agent = _actor(request, "sign-up"), request.headers.get("user-agent")
    signed_in = await context.store.write(sign_ups.sign_up, actor, wanted, hashed, agent)
    return credentials.answer(request, context, signed_in, 201)


@post(
    ["/api/signin", "/api/auth/signin"],
    status_code=200,
    tags=("accounts",),
    summary="Sign in",
    response_description="Signed in; the cookie has the refresh token, too",
    opt={
        "asks_store": True,
        "refuses": (errors.InvalidCredentials, errors.AccountIsSuspended, errors.Throttled),
    },
)
async def sign_in(
    request: AnyRequest, context: GivenContext, data: JSONBody[SignIn]
) -> Response[views.Tokens]:
    """A wrong password and an unknown e-mail are answered alike. Ten that fail, then one in 6
    seconds, may come from an address for an account, and 100 a minute in all: 429."""
    counter = context.metrics.sign_ins
    try:
        signed_in = await _sign_in(request, context, data)
    except REFUSED_SIGN_INS as refusal:
        counter.labels(refusal.code).inc()
        raise
    counter.labels("success").inc()
    return credentials.answer(request, context, signed_in, 200)


async def _sign_in(request: AnyRequest, context: Context, data: SignIn) -> logins.IssuedTokens:
    address = caller.of(request.scope).address
    shown = await credentials.check_password(context, data.email, data.password, address)
    actor = events.Actor(rules.user_id(shown.account), "password", address or None)
    agent = request.headers.get("user-agent")
    return await context.store.write(logins.start, actor, *shown, agent)


@post(
    ["/api/refresh", "/api/auth/refresh"],
    status_code=200,
    tags=("accounts",),
    summary="Get the next pair of tokens",
    response_description="New tokens; the refresh token that was sent counts no more",
    request_class=OptionalBody,
    opt={"asks_store": True, "refuses": (errors.Unauthorized, errors.AccountIsSuspended)},
)
async def refresh(
    request: AnyRequest, context: GivenContext, data: JSONBody[Refresh | None] = None
) -> Response[views.Tokens]:
    """By the refresh token in `Authorization: Bearer`, else in the body, else in the cookie
    `refresh_token`: the first that is there decides. A token that was used before ends its session,
    but within 5 seconds the one that was used last is answered with the same new one again."""
    try:
        signed_in = await _refresh(request, context, data)
    except errors.Unauthorized as refusal:
        refused = problems.of_ours(request, refusal)
        refused.headers.update(cookies.clearing(request, context.settings))
        return refused  # type: ignore[return-value]  # the description knows it as a problem
    return credentials.answer(request, context, signed_in, 200)


async def _refresh(
    request: AnyRequest, context: Context, data: Refresh | None
) -> logins.IssuedTokens:
    token = _refresh_token(request, context, data)
    if token is None or not codes.is_one(token):
        raise errors.Unauthorized(NONE if token is None else logins.INVALID)
    actor, tokens = _actor(request, "refresh-token"), context.refresh_tokens()
    signed_in = await context.store.write(logins.refresh, actor, token, tokens)
    if signed_in is None:
        raise errors.Unauthorized(logins.INVALID)
    return signed_in


def _refresh_token(request: AnyRequest, context: Context, data: Refresh | None) -> str | None:
    bearer = caller.bearer(request.scope)
    if bearer and bearer.count(".") != JWT_DOTS:
        return bearer
    if data is not None and data.refresh_token:
        return data.refresh_token
    return cookies.token_of(request, context.settings)


@post(
    "/api/logout",
    status_code=200,
    tags=("accounts",),
    summary="Sign out",
    response_description="The session is over; the cookie is cleared",
    opt={"asks_store": True, "refuses": (errors.Unauthorized,)},
)
async def logout(request: AnyRequest, context: GivenContext) -> Response[LogoutMessage]:
    """The session of the access token or refresh token in `Authorization: Bearer`, an access token
    that is over counts, too; without one that of the cookie. Its tokens count no more, and its live
    streams end. To a session that has ended, and to a refresh token that was used, the answer is
    the same."""
    await _sign_out(request, context, everywhere=False)
    return _signed_out(request, context, "Logged out successfully")


@post(
    ["/api/logout-all", "/api/logout_all"],
    status_code=200,
    tags=("accounts",),
    summary="Sign out everywhere",
    response_description="All sessions of the user are over; the cookie is cleared",
    opt={"asks_store": True, "refuses": (errors.Unauthorized,)},
)
async def logout_all(request: AnyRequest, context: GivenContext) -> Response[LogoutMessage]:
    """As `/api/logout`, of all the user's sessions."""
    await _sign_out(request, context, everywhere=True)
    return _signed_out(request, context, "Logged out from all sessions successfully")


async def _sign_out(request: AnyRequest, context: Context, *, everywhere: bool) -> None:
    given = caller.bearer(request.scope) or cookies.token_of(request, context.settings)
    if given is None:
        raise errors.Unauthorized("Who is to be signed out? Send a token: Authorization: Bearer …")
    login_id = token = None
    if given.count(".") == JWT_DOTS:
        login_id = context.access_tokens().read(given, expired=True).login_id
    else:
        token = given
    end = partial(logins.sign_out, everywhere=everywhere)
    await context.store.write(end, _actor(request, "sign-out"), login_id, token)


def _signed_out(request: AnyRequest, context: Context, sentence: str) -> Response[LogoutMessage]:
    return Response(LogoutMessage(sentence), headers=cookies.clearing(request, context.settings))


@post(
    "/api/password-reset",
    status_code=204,
    tags=("accounts",),
    summary="Set a password by a reset link",
    response_description="The password is set; all sessions of the user are over",
    opt={"asks_store": True, "refuses": (errors.BadText, errors.CodeNotFound)},
)
async def reset_password(
    request: AnyRequest, context: GivenContext, data: JSONBody[ResetPassword]
) -> None:
    """An operator makes the link, which is good once."""
    field = "new_password"
    rules.check_password(data.new_password, context.settings.password_min_bytes, field)
    await context.store.read_live(reset_links.find, data.code, times.now())
    address = caller.of(request.scope).address
    hashed = await context.passwords.hash(data.new_password, address)
    actor = _actor(request, "reset-link")
    await context.store.write(accounts.reset_password, actor, data.code, hashed)
