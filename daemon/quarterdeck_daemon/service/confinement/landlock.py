"""Landlock: a process gives up files, TCP and signals to others, for itself and for ever, without being root.

The rules name folders by open handles, so a path swapped later changes nothing. Asked directly of the kernel, because
the system's C library has no functions for it. Not covered by Landlock: UDP and Unix sockets, changing modes and owners
of files, asking whether a path exists. The first two are refused by seccomp.py; the last one stays possible.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # The same on every architecture.
CREATE_VERSION = 1
RULE_PATH_BENEATH = 1
WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
TRUNCATE = 1 << 14
# Bits of files that each version of the interface knows, and from which on it knows TCP and scopes.
FILE_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
NET_SINCE, SCOPE_SINCE = 4, 6
TCP = 0b11  # bind, connect
SCOPES = 0b11  # abstract Unix sockets, signals


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version() -> int:
    """Version of the kernel's interface; 0 when it has none."""
    if sys.platform != "linux":
        return 0
    found = _call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(CREATE_VERSION))
    return max(found, 0)


def restrict(readable: Iterable[Path], writable: Iterable[Path] = ()) -> int:
    """Leave this thread, and what it starts, nothing but reading and writing what lies below these paths.

    A path that is not there is left out. Returns the version that was used. no_new_privs must be set.
    Raises OSError when the kernel refuses; then nothing is restricted.
    """
    known = version()
    if not known:
        raise OSError("the kernel has no Landlock")
    files = (1 << FILE_BITS.get(known, 16)) - 1
    attributes = _Ruleset(files, TCP if known >= NET_SINCE else 0, SCOPES if known >= SCOPE_SINCE else 0)
    size = 8 if known < NET_SINCE else 16 if known < SCOPE_SINCE else 24
    rules = _checked(_call(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)))
    try:
        for path in readable:
            _allow(rules, path, READ_FILE | READ_DIR)
        for path in writable:
            _allow(rules, path, (WRITE_FILE | TRUNCATE | READ_FILE) & files)
        _checked(_call(RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0)))
    finally:
        os.close(rules)
    return known


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= ~READ_DIR
        rule = _PathBeneath(rights, handle)
        _checked(
            _call(
                ADD_RULE, ctypes.c_int(rules), ctypes.c_int(RULE_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0)
            )
        )
    finally:
        os.close(handle)


def _call(number: int, *arguments: object) -> int:
    syscall = cast("Callable[..., int]", ctypes.CDLL(None, use_errno=True).syscall)
    return int(syscall(ctypes.c_long(number), *arguments))


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result
