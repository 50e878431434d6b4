"""llama.cpp of 2023 through ctransformers: the local default, with a guard for each of its traps."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

LIBRARIES = ("avx2", "avx", "basic")


@functools.cache
def library() -> str:
    """Which build of the library this processor can run. ctransformers would take a second to find out, at each load."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return "basic"
    flags: set[str] = set()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    if {"avx2", "fma", "f16c"} <= flags:
        return "avx2"
    return "avx" if {"avx", "f16c"} <= flags else "basic"
