"""Forks: a new workspace whose log ends at a position of this one.

The daemon lays a consistent copy of its log beside the place of the new workspace (a checkpoint, hard links where
possible, so it goes on meanwhile); a process of its own then cuts the copy, writes the steering files as they were and
gives the fork its first events (fork_process.py). Only when all of it is durable does the folder get its name: a kill
at any moment leaves either no fork or a whole one, and what a dead attempt left behind is cleared by the next.

A fork has the keys of the log it came from: the same chain up to the position, the same content keys. It is stopped,
takes nothing in, and sends nothing until it is released.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import CODES, Code, QuarterdeckError
from quarterdeck_protocol.connection import is_alive

from ..core.entities import Plain
from ..store.api import Store
from ..store.files import sync_folder
from ..store.rocks import RocksStore
from .environment import child_env
from .workspace import CONFIG_NAME, STATE_NAME

FORK_S_MAX = 1_800.0
NAME_CHARS_MAX = 100
STAGING_MARK = ".fork-"
FREE_FACTOR = 2  # While it is cut, the copy is there once more.
LINE_BYTES_MAX = 1 << 20

Tell = Callable[[Plain], Awaitable[None]]


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted. name: beside the origin.  path: any place that is not there yet."""

    origin: Path
    at_seq: int
    name: str = ""
    path: str = ""
    reason: str = ""


class Cutting(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told, one JSON object on its standard input, which then stays open."""

    staging: str
    origin: str
    at_seq: int
    fork: str
    reason: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What it says, one JSON object a line: phases, then a result or an error."""

    phase: str = ""
    result: Plain | None = None
    code: str = ""
    message: str = ""
    hint: str = ""


async def make_fork(store: Store, wanted: Fork, *, tell: Tell) -> Plain:
    """Make the fork and return what became of it; `tell` hears of each phase.

    Raises QuarterdeckError `conflict` when the place is taken, `bad_value` for an impossible one, `out_of_range` for an
    empty log, `no_space`, or what the cutting process refused. Then nothing is left behind.
    """
    if not isinstance(store, RocksStore):
        raise QuarterdeckError("unavailable", "this store keeps nothing on disk that could be forked")
    if wanted.at_seq < 1:
        raise QuarterdeckError("out_of_range", "there is nothing to fork before the first event")
    target = place_of(wanted)
    staging = staging_of(target)
    await asyncio.to_thread(clear_stale, target)
    try:
        await tell({"phase": "copy"})
        await asyncio.to_thread(_copy, store, wanted.origin, staging)
        fork = secrets.token_hex(8)
        order = Cutting(
            staging=str(staging), origin=str(wanted.origin), at_seq=wanted.at_seq, fork=fork, reason=wanted.reason
        )
        result = await _cut(order, tell)
        await asyncio.to_thread(give_name, staging, target)
    except OSError as error:
        raise QuarterdeckError(
            "unavailable", f"the fork could not be written: {error}", hint="See the disk."
        ) from error
    finally:
        await asyncio.to_thread(shutil.rmtree, staging, True)
    return {**result, "id": fork, "path": str(target)}


def staging_of(target: Path) -> Path:
    """A hidden place beside the target, on the same disk, that says whose it is."""
    return target.parent / f".{target.name}{STAGING_MARK}{os.getpid()}-{secrets.token_hex(4)}"


def place_of(wanted: Fork) -> Path:
    """Where the fork goes. Raises QuarterdeckError `bad_value` or `conflict`."""
    if bool(wanted.name) == bool(wanted.path):
        raise QuarterdeckError("bad_value", "a fork needs a name or a path", hint="One of the two.")
    name = wanted.name or Path(wanted.path).name
    if not name or name in (".", "..") or "/" in wanted.name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise QuarterdeckError(
            "bad_value",
            f"{name[:80]!r} is no name for a folder",
            hint="Letters and digits, no `/`; `path` names another place.",
        )
    target = Path(wanted.path) if wanted.path else wanted.origin.parent / name
    if not target.is_absolute():
        raise QuarterdeckError("bad_value", f"{target} is not an absolute path", hint="Begin it with `/`.")
    if STATE_NAME in target.parts:
        raise QuarterdeckError("bad_value", f"{target} lies in a state folder", hint="Name a place outside of it.")
    if os.path.lexists(target):
        raise QuarterdeckError("conflict", f"{target} exists already", hint="Name a new folder.")
    if not target.parent.is_dir():
        raise QuarterdeckError("bad_value", f"there is no folder {target.parent}", hint="Make it first.")
    return target


def clear_stale(target: Path) -> None:
    """Remove what attempts of dead daemons left for this place."""
    for left in target.parent.glob(f".{_escaped(target.name)}{STAGING_MARK}*"):
        pid = left.name.rpartition(STAGING_MARK)[2].partition("-")[0]
        if pid.isdecimal() and int(pid) != os.getpid() and not is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _copy(store: RocksStore, origin: Path, staging: Path) -> None:
    """A state folder like ours, and the settings."""
    staging.mkdir(mode=0o700)
    used = sum(path.stat().st_size for path in (origin / STATE_NAME / "log").glob("*"))
    if shutil.disk_usage(staging).free < FREE_FACTOR * used:
        raise QuarterdeckError("no_space", f"a fork needs up to {FREE_FACTOR * used / 1e6:.0f} MB for a while")
    store.checkpoint(staging / STATE_NAME)
    shutil.copyfile(origin / STATE_NAME / "chain.key", staging / STATE_NAME / "chain.key")
    (staging / STATE_NAME / "chain.key").chmod(0o600)
    shutil.copyfile(origin / CONFIG_NAME, staging / CONFIG_NAME)


async def _cut(order: Cutting, tell: Tell) -> Plain:
    """Have the process do its part. It ends when we do, and is ended when it takes too long."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "quarterdeck_daemon.service.fork_process",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=child_env(os.environ), limit=LINE_BYTES_MAX, cwd=order.staging,
    )  # fmt: skip
    try:
        return await asyncio.wait_for(_listen(process, order, tell), FORK_S_MAX)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listen(process: asyncio.subprocess.Process, order: Cutting, tell: Tell) -> Plain:
    assert process.stdin is not None, "asked for pipes"
    assert process.stdout is not None, "asked for pipes"
    assert process.stderr is not None, "asked for pipes"
    process.stdin.write(msgspec.json.encode(order) + b"\n")
    await process.stdin.drain()
    while line := await process.stdout.readline():
        said = msgspec.json.decode(line, type=Said)
        if said.result is not None:
            return said.result
        if said.code:
            code: Code = said.code if said.code in CODES else "internal"  # type: ignore[assignment]  # Checked.
            raise QuarterdeckError(code, said.message, hint=said.hint)
        await tell({"phase": said.phase})
    trace = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
    raise QuarterdeckError("internal", f"the fork broke off: {trace[-1] if trace else 'no word'}", hint="Try again.")


def give_name(staging: Path, target: Path) -> None:
    """From here on there is a fork. A folder that appeared meanwhile is not overwritten."""
    sync_folder(staging)
    if os.path.lexists(target):
        raise QuarterdeckError("conflict", f"{target} exists already", hint="Name a new folder.")
    staging.rename(target)
    sync_folder(target.parent)
