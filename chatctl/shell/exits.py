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
    code: exit_code
    for exit_code, codes in {
        USAGE: "usage invalid_input invalid_setting bad_text too_large several_servers "
        "confirmation_needed",
        NOT_FOUND: "file_not_found",
        CONFLICT: "ambiguous file_exists address_unavailable",
        UNREACHABLE: "unreachable no_server not_chatctl not_stored storage_full",
        REFUSED: "lock_held schema_mismatch version_mismatch user_refused",
        TIMED_OUT: "timed_out query_timeout",
        PARTLY_DONE: "partly_done",
        CHECK_FAILED: "check_failed",
        UNEXPECTED: "unknown",
        INTERRUPTED: "interrupted cancelled",
        TERMINATED: "terminated",
    }.items()
    for code in codes.split()
}

_BY_STATUS = {
    **dict.fromkeys((400, 405, 413, 415, 416, 422), USAGE),
    **dict.fromkeys((401, 403), NOT_ALLOWED),
    404: NOT_FOUND,
    409: CONFLICT,
    **dict.fromkeys((429, 503), UNREACHABLE),
    504: TIMED_OUT,
}


def of(failure: Failure) -> int:
    by_code = _BY_CODE.get(failure.code)
    if by_code is not None:
        return by_code
    return _BY_STATUS.get(failure.status or 0, UNEXPECTED)
