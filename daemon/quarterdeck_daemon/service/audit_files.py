"""Verifying without a daemon: a state folder, a backup or an export, with its key and with the heads noted outside.

Owns     finding the key and the heads that belong to what was named, and saying what to do when something is wrong.
Promises nothing is written; a log whose daemon runs is not read behind its back.
Leaves   the chain to store/checking.py, the form of lines to audit_lines.py.
"""

from __future__ import annotations

import fcntl
import hmac
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import Plain
from ..store.chain import Chain, read_key
from ..store.checking import check_log
from ..store.errors import LogCorrupt
from .audit_lines import PURPOSE, macs, plain_line, sealed_part
from .heads import FILE as HEADS
from .heads import heads_in, places
from .workspace import load_config

KEY = "chain.key"
LINE_BYTES_MAX = 64 * 1024 * 1024
KEEP = "Keep all files as they are and work on copies."
RESTORE = f"{KEEP} `quarterdeck backup list` shows what can be restored beside it."


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to verify with."""

    key: bytes | None
    heads: dict[int, bytes]
    faults: list[str]


def verify_offline(
    target: Path, *, workspace: Path | None, key: Path | None, heads: Path | None, partial: bool
) -> Plain:
    """Verify a workspace, its state folder, a backup, or an exported file.

    workspace: where the key and heads are looked for besides.  partial: an export of some events, not of all.
    Returns {"ok", "kind", "path", "checked", "broken_at", "reason", "fix", …}. Raises QuarterdeckError `not_found` when
    there is nothing to verify, or no key for a log; `conflict` while the daemon has it.
    """
    if not target.exists():
        raise QuarterdeckError("not_found", f"there is no {target}", hint="Name a workspace, a backup or an export.")
    if target.is_file():
        return _verify_export(target, _material(target.parent, workspace, key, heads), partial=partial)
    folder = target / ".quarterdeck" if (target / ".quarterdeck").is_dir() else target
    if not (folder / "log").is_dir() and not (folder / "anchor").exists():
        raise QuarterdeckError("not_found", f"{target} holds no log", hint="Name a workspace, a backup or an export.")
    return _verify_folder(folder, _material(folder, workspace, key, heads))


def _material(near: Path, workspace: Path | None, key: Path | None, heads: Path | None) -> Material:
    """A backup lies in the state folder of its workspace, two levels below."""
    homes = [near, near.parent.parent, *([workspace / ".quarterdeck"] if workspace else [])]
    found = read_key(key) if key else next((one for home in homes if (one := read_key(home / KEY))), None)
    if key and found is None:
        raise QuarterdeckError("not_found", f"there is no key in {key}", hint="Name the chain.key of its workspace.")
    paths = [heads] if heads else [path for home in homes for path in _heads_of(home)]
    if heads and not heads.exists():
        raise QuarterdeckError("not_found", f"there is no {heads}", hint="Name a heads.jsonl.")
    noted, faults = heads_in(dict.fromkeys(path.resolve() for path in paths))
    return Material(key=found, heads=noted, faults=faults)


def _heads_of(home: Path) -> list[Path]:
    if home.name != ".quarterdeck":
        return [home / HEADS]
    try:
        return places(home.parent, load_config(home.parent).audit.heads_to)
    except QuarterdeckError:
        return [home / HEADS]  # Its settings are lost or broken; what lies beside the log is still of use.


# --- a log ------------------------------------------------------------------------------------------


def _verify_folder(folder: Path, material: Material) -> Plain:
    if material.key is None:
        raise QuarterdeckError(
            "not_found", f"there is no {KEY} for {folder}", hint="Name the workspace's with --key FILE."
        )
    backup = (folder / "manifest.json").is_file()
    with _Undisturbed(folder):
        try:
            found = check_log(folder, material.key, material.heads if not backup else _until(folder, material))
        except LogCorrupt as error:
            return _told("log", folder, material, broken_at=error.seq, reason=error.reason)
    return _told(
        "backup" if backup else "log", folder, material, checked=found.checked, broken_at=found.broken_at,
        reason=found.reason, head_seq=found.head.seq, head_mac=found.head.mac.hex(),
    )  # fmt: skip


def _until(folder: Path, material: Material) -> dict[int, bytes]:
    """The heads that a backup can have: those from before it was made."""
    from .copies import manifest_of

    upto = manifest_of(folder).seq
    return {seq: mac for seq, mac in material.heads.items() if seq <= upto}


class _Undisturbed:
    """Holds the lock of a log while it is read, if there is one; a backup on a disk that cannot be written has none."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log.lock"
        self._handle = -1

    def __enter__(self) -> None:
        try:
            self._handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            raise QuarterdeckError(
                "conflict",
                f"the daemon has the log in {self._path.parent}",
                hint="`quarterdeck audit verify` asks it; or end it first: `quarterdeck down`.",
            ) from None

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            os.close(self._handle)


# --- an export --------------------------------------------------------------------------------------


def _verify_export(path: Path, material: Material, *, partial: bool) -> Plain:
    check = _Export(material, partial=partial)
    reason = ""
    for number, raw in enumerate(_lines(path), start=1):
        reason = check.line(raw)
        if reason:
            reason = f"line {number}: {reason}"
            break
    reason = reason or check.end()
    told = _told(
        "export", path, material, checked=check.checked, broken_at=check.at if reason else None, reason=reason,
        head_seq=check.last, head_mac=check.mac.hex(), first=check.first,
    )  # fmt: skip
    return {**told, "keyed": material.key is not None, "partial": partial}


class _Export:
    """Goes through lines in order; remembers the last one only."""

    def __init__(self, material: Material, *, partial: bool) -> None:
        self._chain = Chain(material.key) if material.key else None
        self._heads = material.heads
        self._partial = partial
        self.checked = self.first = self.last = self.at = 0
        self.mac = b""

    def line(self, raw: bytes) -> str:
        """Why this line cannot stand here; "" when it can."""
        self.at = self.last + 1
        try:
            line = plain_line(msgspec.json.decode(raw, type=dict[str, object]))
            seq, (before, mac) = int(str(line["seq"])), macs(line)
            seal = bytes.fromhex(str(line.get("seal", "")))
        except (msgspec.DecodeError, ValueError, KeyError, TypeError) as error:
            return f"it is no event of an export ({error})"
        reason = self._place(seq, before) or self._sealed(line, seal) or self._noted(seq, mac)
        if not reason:
            self.first, self.last, self.mac, self.checked = self.first or seq, seq, mac, self.checked + 1
        return reason

    def _place(self, seq: int, before: bytes) -> str:
        if seq <= self.last:
            return f"event {seq} stands after event {self.last}"
        if self.first and seq != self.last + 1:
            self.at = self.last + 1
            return "" if self._partial else f"event {self.last + 1} is missing"
        self.at = seq
        if self.first and not hmac.compare_digest(before, self.mac):
            return f"it does not follow from event {self.last}: one of the two is another one"
        return ""

    def _sealed(self, line: Plain, seal: bytes) -> str:
        if self._chain is None:
            return ""
        good = hmac.compare_digest(self._chain.seal(PURPOSE, sealed_part(line)), seal)
        return "" if good else "it was changed after it was exported, or the key is that of another log"

    def _noted(self, seq: int, mac: bytes) -> str:
        noted = self._heads.get(seq)
        return (
            ""
            if noted is None or hmac.compare_digest(noted, mac)
            else "another event stood here when its head was noted"
        )

    def end(self) -> str:
        """What can only be said at the end."""
        if not self.checked:
            return "it has no events"
        # The key says that a line is ours, not that it is the last; a head does, for the days before it was noted.
        return ""


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            if line.strip():
                yield line


# --- saying it --------------------------------------------------------------------------------------


def _told(
    kind: str, path: Path, material: Material, *, checked: int = 0, broken_at: int | None = None, reason: str = "",
    head_seq: int = 0, head_mac: str = "", first: int = 1,
) -> Plain:  # fmt: skip
    heads = sorted(material.heads)
    compared = [seq for seq in heads if first <= seq <= head_seq] if not reason else []
    told: Plain = {"ok": not reason and not material.faults, "kind": kind, "path": str(path), "checked": checked}
    told |= {"first": first, "head_seq": head_seq, "head_mac": head_mac, "broken_at": broken_at, "reason": reason}
    told |= {"heads": len(compared), "faults": material.faults}
    beyond = heads[-1] if heads and not reason and heads[-1] > head_seq and kind == "export" else None
    return {**told, "beyond": beyond, "fix": _fix(kind, reason)}


def _fix(kind: str, reason: str) -> str:
    if not reason:
        return ""
    if kind == "export":
        return "Export again and compare: `quarterdeck audit export`. An export of some events is verified with --partial."
    return RESTORE
