"""Errands of `model.add`, `model.pull` and `model.bench`: each is the verb of the command line, in a process of its own.

The daemon reads no strangers' files, fetches nothing and loads no model. Promises a typed answer or a typed refusal; an
errand that nobody waits for is ended, and one that fetches goes on where it was when it is asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

import msgspec

from quarterdeck_protocol.codes import Code, QuarterdeckError

from ..core.entities import Plain
from .environment import child_env

WORDS_BYTES_MAX = 1 << 20
AT_ONCE = 2
_here = asyncio.Semaphore(AT_ONCE)


class _Error(msgspec.Struct, frozen=True):
    code: str
    message: str
    hint: str = ""


class _Refused(msgspec.Struct, frozen=True):
    error: _Error


async def errand(workspace: Path, verb: str, name: str, options: Mapping[str, str]) -> Plain:
    """Return what the verb printed. Raises QuarterdeckError: its refusal, or `busy`."""
    if _here.locked():
        raise QuarterdeckError("busy", f"{AT_ONCE} models are seen to already", hint="Try again in a moment.")
    given = [f"--{option}={value}" for option, value in options.items() if value]
    command = [
        "-P",
        "-m",
        "quarterdeck_daemon.cli",
        "-w",
        str(workspace),
        "models",
        verb,
        "--json",
        *given,
        "--",
        name,
    ]
    async with _here:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=child_env(os.environ), start_new_session=True, limit=WORDS_BYTES_MAX,
        )  # fmt: skip
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    return _result(process.returncode or 0, out, err)


def _result(status: int, out: bytes, err: bytes) -> Plain:
    try:
        if status == 0:
            return msgspec.json.decode(out, type=dict[str, object])
        last = err.strip().splitlines()[-1:] or [b""]
        error = msgspec.json.decode(last[0], type=_Refused).error
    except msgspec.DecodeError as wrong:
        words = err.decode("utf-8", "replace").strip()[-300:]
        raise QuarterdeckError(
            "internal", f"the errand ended with {status}: {words}", hint="quarterdeck logs"
        ) from wrong
    code = cast("Code", error.code) if error.code in get_args(Code) else "internal"
    raise QuarterdeckError(code, error.message, hint=error.hint)
