"""Less room and fewer rights than the tests' own process has, for the length of a block."""

import contextlib
import ctypes
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

_CAPABILITY_VERSION_3 = 0x20080522


@contextlib.contextmanager
def file_size(limit: int) -> Iterator[None]:
    """No file can grow beyond that many bytes: to SQLite, the disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Nothing can be made or written in it, by root neither; see capabilities(7)."""
    mode = stat.S_IMODE(directory.stat().st_mode)
    directory.chmod(0o500)
    try:
        with _without_capabilities():
            yield
    finally:
        directory.chmod(mode)


@contextlib.contextmanager
def _without_capabilities() -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, twice 32 bits each
    assert libc.capget(header, held) == 0, os.strerror(ctypes.get_errno())
    dropped = (ctypes.c_uint32 * 6)(0, held[1], held[2], 0, held[4], held[5])
    assert libc.capset(header, dropped) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0, os.strerror(ctypes.get_errno())
