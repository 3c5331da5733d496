from chatctl.shell import exits
from chatctl.shell.failures import Failure
from chatctl_server import errors


def _all(cls: type[errors.ChatctlError]) -> list[type[errors.ChatctlError]]:
    return [cls, *(below for child in cls.__subclasses__() for below in _all(child))]


EXPECTED = {
    "internal": 1, "invalid_input": 2, "bad_text": 2, "invalid_setting": 2, "unauthorized": 4,
    "token_revoked": 4, "not_allowed": 4, "user_not_found": 3, "workspace_not_found": 3,
    "email_taken": 5, "name_taken": 5,
    "forbidden": 4, "banned": 4, "muted": 4, "not_found": 3, "room_not_found": 3,
    "room_closed": 3, "conversation_not_found": 3, "conversation_closed": 5,
    "not_a_participant": 4, "message_not_found": 3, "endpoint_not_found": 3,
    "delivery_not_found": 3, "method_not_allowed": 2, "conflict": 5, "ambiguous": 5,
    "too_large": 2, "throttled": 6, "resync_required": 5, "busy": 6, "connection_limit": 6,
    "query_timeout": 8,
    "not_stored": 6, "unknown": 1, "storage_full": 6, "storage_unavailable": 6,
    "address_unavailable": 5,
    "schema_mismatch": 7, "version_mismatch": 7, "lock_held": 7, "user_refused": 7,
    "check_failed": 10, "key_not_found": 3,
    "owner_must_transfer": 2, "last_owner": 2, "invalid_credentials": 4, "account_suspended":
    4, "invite_required": 4, "no_workspace": 4, "session_not_found": 3, "code_not_found": 3,
    "site_not_found": 3, "customer_not_found": 3, "canned_response_not_found": 3,
    "invalid_transition": 5, "stored_file_not_found": 3, "range_not_satisfiable": 2,
}  # fmt: skip


def test_every_error_of_the_server_has_its_exit_code() -> None:
    for error in _all(errors.ChatctlError):
        failure = Failure(error.code, "sentence", status=error.status)
        assert exits.of(failure) == EXPECTED[error.code], error


def test_a_code_that_is_not_known_goes_by_its_status() -> None:
    assert exits.of(Failure("of_a_newer_server", "sentence", status=404)) == 3
    assert exits.of(Failure("of_a_newer_server", "sentence", status=500)) == 1
    assert exits.of(Failure("of_a_newer_server", "sentence")) == 1
