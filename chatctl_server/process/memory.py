"""Memory that is free goes back to the system: the C library would keep it for the next crowd."""

import ctypes

_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2


def share() -> None:
    """To be called before threads begin. The C library would give each thread a heap of its own,
    and each would keep what its largest query took: the loop has one, all others share one
    (``mallopt(3)``). Nothing, where the C library has no such function."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Also from the middle of the heap (``malloc_trim(3)``). Who allocates meanwhile waits, 5 ms
    for 60 MB, 0.1 s for 900. Nothing, where the C library has no such function."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
