"""Heads: where the chain stood, noted once a day outside the log, so that a whole forged log is found out too.

Who can read `chain.key` and write the log can make a chain that verifies; not one that fits heads noted where they
cannot write. `[audit] heads_to` names a second file for that, on another disk or one that is synced elsewhere.
Lines of `heads.jsonl`: {"at", "seq", "mac"}, mac in hex. Only appended to, never read by anything but a verification.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ..store.api import Head, Store
from .house import House

FILE = "heads.jsonl"
EVERY_US = 86_400_000_000
LOOK_S = 600.0
FIRST_LOOK_S = 30.0  # The start has better things to do.
HEADS_BYTES_MAX = 16 * 1024 * 1024  # Of a file that is read: some 300 years of days.
ALERT = "heads"

log = logging.getLogger("quarterdeck.heads")


class NotedHead(msgspec.Struct, frozen=True, kw_only=True):
    """One line. at: UTC.  mac: hex."""

    at: str
    seq: int
    mac: str


async def keep_heads(house: House) -> None:
    """Note the head of the chain when a day has passed since the last time, until cancelled."""
    await asyncio.sleep(FIRST_LOOK_S)
    while True:
        await note_head(house)
        await asyncio.sleep(LOOK_S)


async def note_head(house: House, *, now: bool = False) -> Head | None:
    """Note the durable head where it is due; `now`: everywhere. Returns it, None when it was noted nowhere."""
    head = durable_head(house.store, house.engine.durable_seq)
    noted = False
    for path in places(house.workspace, house.config.audit.heads_to):
        try:
            if now or await asyncio.to_thread(_due, path, house.engine.now_us()):
                await asyncio.to_thread(append_head, path, head, house.engine.now_us())
                noted = True
            house.alerts.pop(f"{ALERT}/{path}", None)
        except OSError as error:
            log.warning("the head could not be noted", extra={"fields": {"path": str(path), "error": str(error)}})
            house.alerts[f"{ALERT}/{path}"] = {
                "level": "warning",
                "text": f"the head of the log could not be noted in {path}: {error.strerror}",
                "hint": "See that it can be written, or change [audit] heads_to in quarterdeck.toml.",
            }
    return head if noted and head.seq else None


def places(workspace: Path, elsewhere: str) -> list[Path]:
    """Where heads are noted; a relative path starts at the workspace."""
    found = [workspace / ".quarterdeck" / FILE]
    return [*found, workspace / Path(elsewhere).expanduser()] if elsewhere else found


def durable_head(store: Store, seq: int) -> Head:
    """The head as of a position that is durable."""
    after = store.event(seq + 1)
    return Head(seq=seq, mac=after.prev_mac) if after is not None else store.head


def append_head(path: Path, head: Head, at_us: int) -> None:
    """Add a line, durable on return. Raises OSError."""
    if not head.seq:
        return
    line = NotedHead(at=datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(), seq=head.seq, mac=head.mac.hex())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, msgspec.json.encode(line) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def _due(path: Path, now_us: int) -> bool:
    try:
        return now_us - path.stat().st_mtime_ns // 1_000 >= EVERY_US
    except FileNotFoundError:
        return True


def heads_in(paths: Iterable[Path]) -> tuple[dict[int, bytes], list[str]]:
    """Heads by sequence from all files that are there, and what is wrong with any of them."""
    heads: dict[int, bytes] = {}
    faults: list[str] = []
    for path in paths:
        for number, line in enumerate(_lines(path), start=1):
            try:
                one = msgspec.json.decode(line, type=NotedHead)
                mac = bytes.fromhex(one.mac)
            except (msgspec.DecodeError, ValueError):
                faults.append(f"{path}, line {number} is no head; a line that was torn off can be removed")
                continue
            if heads.setdefault(one.seq, mac) != mac:
                faults.append(f"{path}, line {number} and another line disagree about event {one.seq}")
    return heads, faults


def _lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            return file.read(HEADS_BYTES_MAX).splitlines()
    except FileNotFoundError:
        return []
