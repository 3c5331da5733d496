"""Every error that a caller can meet, one class each, with a stable code.

``status`` is the HTTP status of the problem body (RFC 9457); sockets and the command line
translate the ``code``. Raised where the rule is; translated once, at the edge.
"""

import errno
import os
import shlex
from pathlib import Path
from typing import ClassVar

# A disk, a quota, and a limit of the process: nothing more fits in.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ChatctlError(Exception):
    """``detail`` is one sentence for a person; ``field`` names the input that was wrong."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        hint: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.hint = hint
        self.retry_after = retry_after


class InvalidInput(ChatctlError):
    code, status, title = "invalid_input", 400, "Invalid input"


class OwnerMustTransfer(ChatctlError):
    code, status, title = "owner_must_transfer", 400, "Owner must transfer"


class BadText(ChatctlError):
    code, status, title = "bad_text", 400, "Text is not storable"


class LastOwner(ChatctlError):
    code, status, title = "last_owner", 400, "The last owner stays"


class InvalidSetting(ChatctlError):
    code, status, title = "invalid_setting", 400, "Invalid setting"


class Unauthorized(ChatctlError):
    code, status, title = "unauthorized", 401, "Authentication required"


class TokenRevoked(Unauthorized):
    code, title = "token_revoked", "Token was revoked"


class Forbidden(ChatctlError):
    code, status, title = "forbidden", 403, "Not allowed"


class NotAllowed(ChatctlError):
    """Of a known caller who has not the right."""

    code, status, title = "not_allowed", 403, "Not allowed"


class InvalidCredentials(ChatctlError):
    """Of a wrong password and of an unknown user alike."""

    code, status, title = "invalid_credentials", 403, "Invalid credentials"


class AccountIsSuspended(ChatctlError):
    code, status, title = "account_suspended", 403, "Account is suspended"


class InviteRequired(ChatctlError):
    code, status, title = "invite_required", 403, "Invite required"


class NoWorkspace(ChatctlError):
    """Of an account that is in none."""

    code, status, title = "no_workspace", 403, "No workspace"


class NotAParticipant(ChatctlError):
    code, status, title = "not_a_participant", 403, "Not a participant"


class Banned(ChatctlError):
    code, status, title = "banned", 403, "Banned"


class Muted(ChatctlError):
    code, status, title = "muted", 403, "Muted"


class NotFound(ChatctlError):
    code, status, title = "not_found", 404, "Not found"


class ConversationNotFound(NotFound):
    code, title = "conversation_not_found", "Conversation not found"


class ConversationIsClosed(ChatctlError):
    code, status, title = "conversation_closed", 409, "Conversation is closed"


class RoomNotFound(ConversationNotFound):
    """As the rooms' clients know it."""

    code, title = "room_not_found", "Room not found"


class RoomIsClosed(ConversationIsClosed):
    code, status, title = "room_closed", 404, "Room is closed"


class MessageNotFound(NotFound):
    code, title = "message_not_found", "Message not found"


class AccountNotFound(NotFound):
    code, title = "user_not_found", "User not found"


class WorkspaceNotFound(NotFound):
    code, title = "workspace_not_found", "Workspace not found"


class SiteNotFound(NotFound):
    code, title = "site_not_found", "Site not found"


class CustomerNotFound(NotFound):
    code, title = "customer_not_found", "Customer not found"


class CannedResponseNotFound(NotFound):
    code, title = "canned_response_not_found", "Canned response not found"


class SessionNotFound(NotFound):
    code, title = "session_not_found", "Session not found"


class CodeNotFound(NotFound):
    """Of an invite or a reset link: unknown, used up, revoked or over."""

    code, title = "code_not_found", "Code is not valid"


class StoredFileNotFound(NotFound):
    code, title = "stored_file_not_found", "File not found"


class KeyNotFound(NotFound):
    code, title = "key_not_found", "Key not found"


class EndpointNotFound(NotFound):
    code, title = "endpoint_not_found", "Endpoint not found"


class DeliveryNotFound(NotFound):
    code, title = "delivery_not_found", "Delivery not found"


class MethodNotAllowed(ChatctlError):
    code, status, title = "method_not_allowed", 405, "Method not allowed"


class Conflict(ChatctlError):
    code, status, title = "conflict", 409, "Conflict"


class EmailTaken(Conflict):
    code, title = "email_taken", "E-mail is taken"


class NameTaken(Conflict):
    code, title = "name_taken", "Name is taken"


class InvalidTransition(Conflict):
    """Of a support conversation, whose states do not follow each other so."""

    code, title = "invalid_transition", "No such transition"


class Ambiguous(ChatctlError):
    code, status, title = "ambiguous", 409, "Several may be meant"


class TooLarge(ChatctlError):
    code, status, title = "too_large", 413, "Too large"


class RangeNotSatisfiable(ChatctlError):
    code, status, title = "range_not_satisfiable", 416, "Range not satisfiable"


class Throttled(ChatctlError):
    code, status, title = "throttled", 429, "Too many requests"


class VersionMismatch(ChatctlError):
    code, status, title = "version_mismatch", 409, "Versions do not go together"


class ResyncRequired(ChatctlError):
    code, status, title = "resync_required", 409, "Position cannot be resumed"


class Busy(ChatctlError):
    code, status, title = "busy", 503, "Busy"


class QueryTimeout(ChatctlError):
    """A query was interrupted: it would have held up others."""

    code, status, title = "query_timeout", 503, "Query took too long"


class ConnectionLimit(ChatctlError):
    code, status, title = "connection_limit", 503, "Connection limit reached"


class NotStored(ChatctlError):
    """Nothing of the call was kept; it may be repeated."""

    code, status, title = "not_stored", 503, "Not stored"


class OutcomeUnknown(ChatctlError):
    """COMMIT itself failed: the call may or may not be stored; repeat it with its client_msg_id."""

    code, status, title = "unknown", 503, "Outcome unknown"


class StorageFull(NotStored):
    code, status, title = "storage_full", 507, "Storage is full"


class StorageUnavailable(ChatctlError):
    code, status, title = "storage_unavailable", 503, "Database not usable"


class UserRefused(StorageUnavailable):
    """The file or its directory is another user's."""

    code, title = "user_refused", "Not for this user"


class Stopping(StorageUnavailable):
    """Nothing is wrong: the server stops, and does not wait for this."""


class AddressUnavailable(ChatctlError):
    code, status, title = "address_unavailable", 503, "Address not available"


class SchemaMismatch(ChatctlError):
    code, status, title = "schema_mismatch", 503, "Database schema does not fit"


class CheckFailed(ChatctlError):
    code, status, title = "check_failed", 500, "Database is damaged"


class LockHeld(ChatctlError):
    code, status, title = "lock_held", 503, "Database is in use"


def no_room(path: Path | str) -> StorageFull:
    return StorageFull(f"There is no room to write {path}", hint="make room on its disk")


def no_directory(path: Path) -> NotFound:
    return NotFound(f"There is no directory {path}", hint=shlex.join(("mkdir", "-p", str(path))))


def unusable(path: Path, error: OSError) -> StorageFull | StorageUnavailable | NotFound:
    """What the system says of a file, as an error that names it."""
    if error.errno in NO_ROOM:
        return no_room(path)
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return no_directory(path.parent)
    if isinstance(error, PermissionError):
        return _refused(path, error)
    return StorageUnavailable(f"{path} cannot be used: {error.strerror or error}")


def _refused(path: Path, error: PermissionError) -> UserRefused:
    may_write = os.access(path.parent, os.W_OK, effective_ids=True)
    if os.access(path.parent, os.X_OK, effective_ids=True) and not may_write:
        detail = f"the directory {path.parent} is not for this user to write"
        return UserRefused(detail, hint="another directory, or run this as the owner of that one")
    detail = f"{path} cannot be used: {error.strerror or error}"
    return UserRefused(detail, hint="run this as the user who owns the database")
