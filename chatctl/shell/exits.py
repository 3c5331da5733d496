"""Exit codes: what each one means, and which one a failure has."""

from chatctl.shell.failures import Failure

DONE = 0
UNEXPECTED = 1
USAGE = 2
NOT_FOUND = 3
NOT_ALLOWED = 4
CONFLICT = 5
UNREACHABLE = 6
REFUSED = 7
TIMED_OUT = 8
PARTLY_DONE = 9
CHECK_FAILED = 10
INTERRUPTED = 130
BROKEN_PIPE = 141
TERMINATED = 143

MEANINGS = {
    DONE: "done, or nothing to do",
    UNEXPECTED: "unexpected",
    USAGE: "usage",
    NOT_FOUND: "not found",
    NOT_ALLOWED: "not allowed",
    CONFLICT: "conflict",
    UNREACHABLE: "unreachable or not now",
    REFUSED: "lock, schema, version or user refused",
    TIMED_OUT: "timed out",
    PARTLY_DONE: "partly done",
    CHECK_FAILED: "a check failed",
    INTERRUPTED: "Ctrl-C",
    BROKEN_PIPE: "the reader of the output went away",
    TERMINATED: "SIGTERM",
}

# A code decides before a status: 503 is "not now" for most of its codes, but a held lock, a
# schema that does not fit and a write that was not kept are answers of their own.
_BY_CODE = {
    "usage": USAGE,
    "invalid_input": USAGE,
    "invalid_setting": USAGE,
    "bad_text": USAGE,
    "too_large": USAGE,
    "several_servers": USAGE,
    "confirmation_needed": USAGE,
    "file_not_found": NOT_FOUND,
    "ambiguous": CONFLICT,
    "file_exists": CONFLICT,
    "address_unavailable": CONFLICT,
    "unreachable": UNREACHABLE,
    "no_server": UNREACHABLE,
    "not_chatctl": UNREACHABLE,
    "lock_held": REFUSED,
    "schema_mismatch": REFUSED,
    "version_mismatch": REFUSED,
    "user_refused": REFUSED,
    "timed_out": TIMED_OUT,
    "query_timeout": TIMED_OUT,
    "partly_done": PARTLY_DONE,
    "check_failed": CHECK_FAILED,
    "not_stored": UNREACHABLE,
    "storage_full": UNREACHABLE,
    "unknown": UNEXPECTED,
    "interrupted": INTERRUPTED,
    "cancelled": INTERRUPTED,
    "terminated": TERMINATED,
}

_BY_STATUS = {
    400: USAGE,
    401: NOT_ALLOWED,
    403: NOT_ALLOWED,
    404: NOT_FOUND,
    405: USAGE,
    409: CONFLICT,
    413: USAGE,
    415: USAGE,
    422: USAGE,
    429: UNREACHABLE,
    503: UNREACHABLE,
    504: TIMED_OUT,
}


def of(failure: Failure) -> int:
    by_code = _BY_CODE.get(failure.code)
    if by_code is not None:
        return by_code
    return _BY_STATUS.get(failure.status or 0, UNEXPECTED)
