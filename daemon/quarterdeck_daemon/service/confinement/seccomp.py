"""seccomp: calls to the kernel that a process gives up for ever.

A list of what is refused, not of what is allowed: Python and its libraries use too many calls for the latter to hold over
versions. Refused is whatever reaches others (sockets of every kind, signals, tracing), starts programs, changes the
machine, changes modes and owners of files, or goes round the other layers (io_uring, memory files, handles). A refused
call gives EPERM, so that a library can say what went wrong; a call for another architecture ends the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Callable
from typing import cast

PR_SET_SECCOMP, MODE_FILTER = 22, 2
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF: ld abs, jeq, jge, jset, ret.
AT_NUMBER, AT_ARCHITECTURE, AT_FIRST_ARGUMENT = 0, 4, 16  # Of the low half of the argument; both are little-endian.
CLONE_THREAD = 0x10000
X32 = 0x40000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_X86_64 = {
    29, 30, 31,  # shmget, shmat, shmctl
    41, 42, 43, 44, 45, 46, 47, 49, 50, 53, 288, 299, 307,  # sockets of every kind
    57, 58, 59, 322,  # fork, vfork, execve, execveat
    64, 68, 240,  # semget, msgget, mq_open
    90, 91, 92, 93, 94, 260, 268, 132, 235, 261, 280, 188, 189, 190, 197, 198, 199,  # modes, owners, times, attributes
    101, 310, 311, 312, 298,  # ptrace, process_vm_readv, process_vm_writev, kcmp, perf_event_open
    103, 133, 134, 135, 155, 159, 161, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 227,
    246, 259, 305, 313, 320, 321,  # mount, chroot, modules, clocks, swap, reboot, kexec, bpf …
    129, 200, 297,  # rt_sigqueueinfo, tkill, rt_tgsigqueueinfo
    141, 142, 144, 203, 251, 256, 314,  # priorities and places of others
    206, 248, 249, 250, 253, 294, 300, 303, 304, 319, 323,  # aio, keys, watches, handles, memfd_create, userfaultfd
    272, 308,  # unshare, setns
}  # fmt: skip
_AARCH64 = {
    194, 195, 196,
    198, 199, 200, 201, 202, 203, 206, 207, 211, 212, 242, 243, 269,
    221, 281,
    190, 186, 180,
    52, 53, 54, 55, 88, 5, 6, 7, 14, 15, 16,
    117, 270, 271, 272, 241,
    116, 33, 92, 41, 171, 51, 89, 170, 40, 39, 224, 225, 142, 161, 162, 105, 106, 60, 112,
    104, 266, 273, 294, 280,
    138, 130, 240,
    140, 118, 119, 122, 30, 238, 274,
    0, 217, 218, 219, 26, 262, 264, 265, 279, 282,
    97, 268,
}  # fmt: skip
# The same on both: pidfd_send_signal, io_uring, the calls to mount of later kernels, pidfd_open, pidfd_getfd, process_madvise,
# mount_setattr, quotactl_fd, memfd_secret, process_mrelease, fchmodat2, setxattrat, removexattrat.
_LATER = {424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442, 443, 447, 448, 452, 463, 466}
REFUSED = {"x86_64": _X86_64 | _LATER, "aarch64": _AARCH64 | _LATER}
CLONE, CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
TO_SELF = {"x86_64": (62, 234, 302), "aarch64": (129, 131, 261)}  # kill, tgkill, prlimit64
PRLIMIT = {"x86_64": 302, "aarch64": 261}  # To which 0 means oneself; to kill it means the whole group.


class _Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def known() -> bool:
    """Whether there is a list for this kind of processor."""
    return platform.system() == "Linux" and platform.machine() in REFUSED


def refuse() -> None:
    """Give up the listed calls, for this thread and what it starts. no_new_privs must be set. Raises OSError."""
    machine = platform.machine()
    if not known():
        raise OSError(f"there is no list of calls for {platform.system()} on {machine}")
    code = program(machine, os.getpid())
    prctl = cast("Callable[..., int]", ctypes.CDLL(None, use_errno=True).prctl)
    filled = _Program(len(code) // 8, code)
    if prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(filled), 0, 0):
        error = ctypes.get_errno()
        raise OSError(error, f"seccomp: {os.strerror(error)}")


def program(machine: str, pid: int) -> bytes:
    """The filter in BPF. pid: of this process, to which alone it may send signals."""
    code = [_op(LOAD, AT_ARCHITECTURE), _op(EQUAL, ARCHITECTURES[machine], 1, 0), _op(RETURN, KILL_PROCESS)]
    code.append(_op(LOAD, AT_NUMBER))
    if machine == "x86_64":
        code += [_op(AT_LEAST, X32, 0, 1), _op(RETURN, ERRNO | errno.EPERM)]
    for number in sorted(REFUSED[machine]):
        code += [_op(EQUAL, number, 0, 1), _op(RETURN, ERRNO | errno.EPERM)]
    # The C library falls back to clone, whose flags a filter can read.
    code += [_op(EQUAL, CLONE3, 0, 1), _op(RETURN, ERRNO | errno.ENOSYS)]
    code += [_op(EQUAL, CLONE[machine], 0, 4), _op(LOAD, AT_FIRST_ARGUMENT), _op(ANY_BIT, CLONE_THREAD, 1, 0)]
    code += [_op(RETURN, ERRNO | errno.EPERM), _op(RETURN, ALLOW)]
    for number in TO_SELF[machine]:
        self_too = 0 if number == PRLIMIT[machine] else pid
        code += [
            _op(EQUAL, number, 0, 5),
            _op(LOAD, AT_FIRST_ARGUMENT),
            _op(EQUAL, self_too, 2, 0),
            _op(EQUAL, pid, 1, 0),
        ]
        code += [_op(RETURN, ERRNO | errno.EPERM), _op(RETURN, ALLOW)]
    code.append(_op(RETURN, ALLOW))
    return b"".join(code)


def _op(code: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, otherwise, value)
