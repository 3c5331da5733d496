"""Every setting of the product: its name, what it may be, its default and a sentence about it.

``sources`` loads them; nothing here reads a file or the environment.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from chatctl_server.settings import values
from chatctl_server.settings.values import MOST, OFF, Address, Network, ValueType

FLAGS = {
    "BIND_ADDRESS": "--bind",
    "DATABASE_URL": "--db",
    "LOG_FORMAT": "--log-format",
    "LOG_LEVEL": "--log-level",
}


YEAR = 31_536_000
Count = Annotated[int, Meta(ge=1, le=MOST)]
CountOrNone = Annotated[int, Meta(ge=0, le=MOST)]
CountOrOff = Annotated[int, Meta(ge=0, le=MOST), OFF]
Seconds = Annotated[int, Meta(ge=1, le=YEAR)]
SecondsOrOff = Annotated[int, Meta(ge=0, le=YEAR), OFF]
Networks = Annotated[tuple[Network, ...], values.NETWORKS]
Url = Annotated[str | None, values.URL]
Switch = Annotated[bool, values.SWITCH]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, bytes and counts as the names say; None and an empty tuple are "unset". An
    annotation has the field's sentence, and what parses it if msgspec does not."""

    database_url: Annotated[
        str, values.DATABASE, "Where everything is stored; in memory it is lost at the stop."
    ] = "sqlite::memory:"
    bind_address: Annotated[
        tuple[Address, ...], values.ADDRESSES, "Addresses to listen on; port 0 takes any free one."
    ] = (Address("127.0.0.1", 3000),)
    admin_api_key: Annotated[
        tuple[str, ...],
        values.KEYS,
        "Key of the management API (header X-Api-Key); generated at the first start.",
    ] = ()
    metrics_key: Annotated[
        str | None, values.KEY, "Key that GET /metrics asks for; without one it is open."
    ] = None
    trusted_proxies: Annotated[Networks, "Networks whose X-Forwarded-For header is believed."] = ()
    deny_addresses: Annotated[Networks, "Networks whose requests are refused with 403."] = ()
    allow_addresses: Annotated[
        Networks, "Networks whose requests alone are taken; unset: those of all."
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...], values.ORIGINS, "Web origins whose pages may use the server; * is any."
    ] = ("*",)

    public_url: Annotated[
        str | None,
        values.BASE_URL,
        "Where people reach the server, for links that they are shown; unset: where it listens.",
    ] = None
    debug_pprof: Annotated[
        Switch, "Whether GET /debug/pprof tells what the server's threads are doing."
    ] = False

    log_level: Annotated[
        str,
        values.LOG_LEVEL,
        "The least level logged, in general and per area; access=info adds the requests.",
    ] = "info"
    log_format: Annotated[
        Literal["auto", "text", "json"],
        "How log lines look; auto is text on a terminal and JSON otherwise.",
    ] = "auto"

    room_identity: Annotated[
        Literal["open", "token"],
        "open believes the user_id a client names; token asks for a signed token.",
    ] = "open"
    room_token_secret: Annotated[
        tuple[str, ...], values.TOKEN_SECRETS, "Signs the tokens of ROOM_IDENTITY=token (HS256)."
    ] = ()
    language: Annotated[
        Literal["zh", "en"],
        "The language of sentences to clients: zh has the documents', en English ones.",
    ] = "zh"
    user_message_interval_secs: Annotated[
        SecondsOrOff, "Seconds between two messages of one user in a room."
    ] = 0

    open_signup: Annotated[
        Switch, "Whether anybody may sign up; false: only with an invite code."
    ] = True
    password_min_bytes: Annotated[
        int, Meta(ge=1, le=1024), "UTF-8 bytes that a new password has at least."
    ] = 8
    jwt_secret: Annotated[
        tuple[str, ...],
        values.TOKEN_SECRETS,
        "Signs the access tokens of accounts (HS256); generated at the first start.",
    ] = ()
    jwt_issuer: Annotated[str, values.TEXT, "Who issues the access tokens (iss)."] = (
        "fechatter-server"
    )
    jwt_audience: Annotated[str, values.TEXT, "Whom the access tokens are for (aud)."] = (
        "fechatter-web"
    )
    chat_list_cache_seconds: Annotated[
        SecondsOrOff, "Seconds a user's list of chats is served from memory while nothing changes."
    ] = 30
    upload_dir: Annotated[
        str | None, values.TEXT, "Directory of uploaded files; unset: beside the database."
    ] = None
    max_upload_bytes: Annotated[int, Meta(ge=1, le=2**40), "Bytes of one uploaded file."] = (
        25 * 2**20
    )
    workspace_files_bytes: Annotated[CountOrOff, "Bytes of all files of a workspace."] = 0

    support_access: Annotated[
        Literal["open", "token"] | None,
        "Whether agents of this machine show credentials; unset: open in memory, on loopback.",
    ] = None
    visitors_per_minute: Annotated[
        CountOrOff, "New visitors of the widget a minute, of an IP address."
    ] = 10
    visitor_messages_per_minute: Annotated[
        CountOrOff, "Messages a minute, of a visitor of the widget."
    ] = 30

    client_id_hours: Annotated[
        int,
        Meta(ge=0, le=87_600),
        "Hours in which a repeat of a client_msg_id is not stored again; 0 is for ever.",
    ] = 24
    retention_closed_days: Annotated[
        int,
        Meta(ge=0, le=36_500),
        "Days a closed room is kept; then it is removed, with all its data. 0 is for ever.",
    ] = 0

    retention_deleted_days: Annotated[
        int,
        Meta(ge=0, le=36_500),
        "Days the text of a deleted message is kept; then it is erased. 0 is for ever.",
    ] = 0

    max_connections: Annotated[Count, "Room connections in all; more get 503."] = 100_000
    max_connections_per_user: Annotated[CountOrOff, "Room connections of one user."] = 0
    max_connections_per_address: Annotated[CountOrOff, "Room connections of one IP address."] = 0
    new_connections_per_second: Annotated[
        CountOrOff,
        "WebSocket connections that may begin in a second, after three seconds' worth at once.",
    ] = 1000
    max_message_bytes: Annotated[
        int, Meta(ge=1, le=2**24), "UTF-8 bytes of one message's text."
    ] = 32_768
    max_frame_bytes: Annotated[
        int, Meta(ge=1024, le=2**24), "Bytes of one inbound WebSocket message."
    ] = 65_536
    inbound_frames_per_second: Annotated[
        CountOrOff,
        "WebSocket messages a client may send in a second, after three seconds' worth at once.",
    ] = 100
    max_body_bytes: Annotated[int, Meta(ge=1024, le=2**30), "Bytes of one HTTP request's body."] = (
        2 * 2**20
    )
    history_page_limit: Annotated[
        int, Meta(ge=1, le=100_000), "Most records of one history page."
    ] = 10_000
    resume_limit: Annotated[CountOrNone, "Messages a client may be behind and still resume."] = (
        10_000
    )
    handshake_timeout_seconds: Annotated[
        Seconds, "Seconds a connection may stay without authentication."
    ] = 10
    shutdown_timeout_seconds: Annotated[
        Seconds, "Seconds a stop may take before what still runs is cut off."
    ] = 10
    api_key_failures_per_minute: Annotated[
        CountOrOff, "Wrong API keys one IP address may send in a minute."
    ] = 100

    rate_limit_per_minute: Annotated[
        CountOrOff,
        "HTTP requests a minute, of an IP address without and of a credential after sign-in.",
    ] = 0

    data_callback_url: Annotated[
        Url, "Receives the data of a room at its creation, close and sync."
    ] = None
    room_event_callback_url: Annotated[
        Url, "Receives creation and close of rooms, joins and leaves."
    ] = None
    chat_history_callback_url: Annotated[Url, "Receives the messages of each room in batches."] = (
        None
    )
    session_history_callback_url: Annotated[
        Url, "Receives the finished sessions of each room in batches."
    ] = None
    periodic_sync_callback_url: Annotated[
        Url, "Receives the state of each open room at every sync."
    ] = None
    chat_history_batch_size: Annotated[
        int, Meta(ge=1, le=1_000_000), "Most messages of one batch."
    ] = 1000
    session_history_batch_size: Annotated[
        int, Meta(ge=1, le=1_000_000), "Most sessions of one batch."
    ] = 500
    chat_history_batch_interval_seconds: Annotated[
        SecondsOrOff, "Seconds between two runs of message batches."
    ] = 300
    session_history_batch_interval_seconds: Annotated[
        SecondsOrOff, "Seconds between two runs of session batches."
    ] = 600
    sync_interval_seconds: Annotated[
        SecondsOrOff, "Seconds between two syncs of all open rooms."
    ] = 300
    sync_history_limit: Annotated[
        int,
        Meta(ge=0, le=10_000),
        "Newest history entries that a room's sync data carries; 0 is none.",
    ] = 100
    callback_timeout_seconds: Annotated[
        Seconds, "Seconds one try of a callback may take in total."
    ] = 30
    callback_max_retries: Annotated[CountOrNone, "Tries after the first one has failed."] = 3
    callback_retry_delay_seconds: Annotated[
        int, Meta(ge=0, le=YEAR), "Seconds between the end of a try and the start of the next."
    ] = 5
    callback_retention_days: Annotated[
        int,
        Meta(ge=1, le=3650),
        "Days a delivered callback is kept; a dead letter is kept four times as long.",
    ] = 7
    callback_backoff: Annotated[
        Literal["fixed", "exponential"] | None,
        "How the delay grows. Unset: fixed for the five URLs, exponential for added endpoints.",
    ] = None
    callback_signing_secret: Annotated[
        tuple[str, ...],
        values.SIGNING_SECRETS,
        "Signs callbacks as Standard Webhooks do; with several, by each of them.",
    ] = ()
    callback_allow_networks: Annotated[
        Networks, "Private networks that callbacks added later may reach."
    ] = ()

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={text!r}' for name, text in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """rich prints the fields of a struct from here, past ``__repr__``."""
        return [(s.field, s.shown(getattr(self, s.field))) for s in SETTINGS.values()]


class Setting(NamedTuple):
    """One row of the table that `chatctl config show` prints. ``default`` is as one writes it."""

    name: str
    field: str
    default: str
    sentence: str
    allowed: str
    secret: bool
    value_type: ValueType

    def shown(self, value: object) -> str:
        """The value for people to read: secrets, and passwords in addresses, are masked."""
        text = as_text(value)
        if self.secret:
            return "********" if text else ""
        return masked(text) if self.name.endswith("_URL") else text


def as_text(value: object) -> str:
    if isinstance(value, tuple) and not isinstance(value, Address):
        return ",".join(str(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def masked(address: str) -> str:
    without_user = re.sub(r"^([a-zA-Z+]+:)?(/*).*@", r"\1\2…@", address)
    return re.sub(r"[?#].*", "?…", without_user)


def _setting(field: str, default: object) -> Setting:
    annotation = Settings.__annotations__[field]
    value_type = values.of(annotation)
    *_, sentence = annotation.__metadata__
    return Setting(
        field.upper(), field, as_text(default), sentence, value_type.allowed,
        value_type.is_secret, value_type,
    )  # fmt: skip


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        field.upper(): _setting(field, default)
        for field, default in zip(
            Settings.__struct_fields__, Settings.__struct_defaults__, strict=True
        )
    }
)

SECRET_FILES: Mapping[str, str] = MappingProxyType(
    {f"{name}_FILE": name for name, setting in SETTINGS.items() if setting.secret}
)
"""``NAME_FILE`` of every secret setting: the file that holds it instead."""
