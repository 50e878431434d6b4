"""The level of confinement: the best that this machine allows, applied once, and told.

Layers, each without the others of use, together `full`:
  limits    memory, open files, size of a file, no core; no program that is started can gain rights
  landlock  reading only Python, its libraries and the process's own folder; writing nothing; no TCP, no signals to others
  seccomp   no socket of any kind, no new process, no tracing, no change of the machine
  powers    a process of root keeps none of root's powers but to own files
`partial` is less than that, `limits` only the first. What strangers wrote as code runs at `full` alone.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from ...core.orders import Confinement, ConfinementLevel
from . import landlock, seccomp

PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE = 38, 4
CAPABILITY_VERSION_3 = 0x20080522
# What the C library, zoneinfo and Python read besides their own folders.
SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/localtime", "/etc/ld.so.cache",
    "/dev/urandom", "/sys/devices/system/cpu",
)  # fmt: skip
NEEDED = ("landlock", "seccomp")


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Capabilities(ctypes.Structure):
    _fields_ = [("sets", ctypes.c_uint32 * 6)]


def confine(own: Path, private: tuple[Path, ...], files: tuple[Path, ...] = ()) -> Confinement:
    """Confine this process for good. It must have one thread only.

    own: a folder that it may read; files: single files that it may read, wherever they lie.
    private: folders that no rule may contain, such as the home of the operator.
    Never raises for what the machine lacks: that is said in `missing`, and the level is lower.
    """
    if sys.platform != "linux":
        return Confinement(level="limits", parts=("limits",), missing=(f"{sys.platform} offers no more",))
    layers: tuple[tuple[str, Callable[[], str]], ...] = (
        ("powers", _give_up_powers),
        (
            "landlock",
            lambda: f"landlock {landlock.restrict((*readable(private), own, *files), (Path('/dev/null'),))}",
        ),
        ("seccomp", _refuse_calls),
    )
    parts, missing = ["limits"], [] if _alone() else ["it has more threads than one"]
    no_new_privileges()
    for name, apply in layers:
        try:
            parts.append(apply())
        except OSError as error:
            missing.append(f"{name}: {error.strerror or error}")
    whole = all(any(part.startswith(name) for part in parts) for name in NEEDED)
    level: ConfinementLevel = "full" if whole and not missing else "partial" if len(parts) > 1 else "limits"
    return Confinement(level=level, parts=tuple(parts), missing=tuple(missing))


def readable(private: tuple[Path, ...]) -> Iterator[Path]:
    """Where Python and the libraries lie. A folder that contains a private one is left out: better no library."""
    for path in {Path(name).resolve() for name in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path) if name}:
        if not any(one.resolve().is_relative_to(path) for one in private):
            yield path
    yield from map(Path, SYSTEM)


def no_new_privileges() -> None:
    """Nothing that this process starts can gain rights. Linux only; elsewhere nothing."""
    if sys.platform == "linux":
        _prctl(PR_SET_NO_NEW_PRIVS, 1)


def _refuse_calls() -> str:
    _prctl(PR_SET_DUMPABLE, 0)  # Nobody of the same user reads its memory, either.
    seccomp.refuse()
    return "seccomp"


def _give_up_powers() -> str:
    header, none = _CapabilityHeader(CAPABILITY_VERSION_3, 0), _Capabilities()
    capset = cast("Callable[..., int]", ctypes.CDLL(None, use_errno=True).capset)
    if capset(ctypes.byref(header), ctypes.byref(none)):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return "powers"


def _prctl(option: int, value: int) -> None:
    prctl = cast("Callable[..., int]", ctypes.CDLL(None, use_errno=True).prctl)
    if prctl(option, value, 0, 0, 0):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _alone() -> bool:
    """Whether this is the only thread: the layers hold for the thread that applies them and what it starts."""
    return len(os.listdir("/proc/self/task")) == 1 if os.path.isdir("/proc/self/task") else True
