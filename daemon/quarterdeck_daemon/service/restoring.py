"""Restoring: a workspace of its own out of a backup, checked before anything is written.

Owns     the order: find the keys, verify all of it, copy, make it forget what was forgotten since, begin it stopped.
Promises no workspace is ever written over; a kill leaves no half one. What the workspace that the backup came from
         has forgotten meanwhile is forgotten here too, as long as that one can still be read; when not, it is said.
Leaves   reading what is nobody's to change to store/backup_reading.py, the first events to core/forking.py.

A restored workspace is a sibling of the one that went on: it has the same past, another name in the ids of what it
does, and it is stopped. So nothing is sent twice, also when both are there.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.commands import BecomeFork
from ..core.entities import Erasure, Plain, Stop
from ..core.kernel import decide
from ..core.turn import Env
from ..store.anchor import head_in
from ..store.backup import CopiedFile, Manifest, has_older_keys
from ..store.backup_reading import examined, forgettings_in, keys_in
from ..store.chain import Chain, read_key, write_key
from ..store.content_keys import FILE as CONTENT_KEY
from ..store.errors import LogCorrupt
from ..store.files import PRIVATE_FOLDER, sync_folder, write_durably
from ..store.rocks import RocksStore
from .copies import differences, folder_of, manifest_of
from .fence import Fence, write_fence
from .fork import clear_stale, give_name, staging_of
from .fork_process import write_files
from .workspace import CONFIG_NAME, DEFAULT_CONFIG_TEXT, STATE_NAME

CHAIN_KEY = "chain.key"
ROOM_FACTOR = 2  # Rewriting what was forgotten needs a second copy for a while.
FAULTS_SHOWN_MAX = 20

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """backup: a folder, or the name of one in `workspace`.  into: the new workspace.  key: file of the chain key."""

    backup: str
    into: Path | None = None
    workspace: Path | None = None
    key: Path | None = None


@dataclass
class Restoration:
    """What was found, and what would be done.

    origin     the workspace that it came from, when it can be read and is the same log
    forgotten  bodies of the forgettings that the origin began after the backup was made
    """

    backup: Path
    into: Path
    manifest: Manifest
    chain_key: bytes
    events: int
    origin: Path | None
    forgotten: tuple[Plain, ...] = ()
    forgets: bool = False
    lacks: list[str] = field(default_factory=list)

    def said(self) -> Plain:
        """For people and scripts."""
        return {
            "backup": str(self.backup),
            "path": str(self.into),
            "seq": self.manifest.seq,
            "events": self.events,
            "size_bytes": sum(one.size_bytes for one in self.manifest.files),
            "origin": str(self.origin) if self.origin else "",
            "forgets": self.forgets,
            "forgettings": len(self.forgotten),
            "lacks": self.lacks,
        }


def plan_restore(wanted: Wanted) -> Restoration:
    """Find and verify everything; writes nothing.

    Raises QuarterdeckError `not_found` without a backup or a key, `conflict` for a place that is taken or while its
    workspace forgets something, LogCorrupt or `bad_value` for a backup that is not what was written.
    """
    backup = _backup_of(wanted)
    manifest = manifest_of(backup)
    into = _place(wanted, backup, manifest)
    _refuse_faults(backup, manifest)
    key = _chain_key(wanted, backup, manifest)
    found = examined(backup, key, manifest)
    if found.broken_at is not None:
        raise LogCorrupt(backup / "log", f"event {found.broken_at}: {found.reason}", seq=found.broken_at)
    plan = Restoration(backup, into, manifest, key, found.checked, None)
    _look_at_origin(plan, wanted)
    plan.lacks += _lacking(plan)
    return plan


def restore(plan: Restoration, *, reason: str = "", tell: Tell = lambda phase: None) -> Plain:
    """Carry out the plan. Returns what `said` says, and what became of what was under way."""
    clear_stale(plan.into)
    staging = staging_of(plan.into)
    try:
        tell("copy")
        _copy(plan, staging)
        tell("forget")
        begun = _begin(plan, staging, reason)
        give_name(staging, plan.into)
    except OSError as error:
        raise QuarterdeckError("unavailable", f"it could not be written: {error}", hint="See the disk.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return {**plan.said(), **begun, "id": plan.into.name, "stopped": True}


# --- finding --------------------------------------------------------------------------------------


def _backup_of(wanted: Wanted) -> Path:
    folder = Path(wanted.backup).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if wanted.workspace is not None and "/" not in wanted.backup:
        named = folder_of(wanted.workspace / STATE_NAME, wanted.backup)
        if named.is_dir():
            return named
    raise QuarterdeckError(
        "not_found", f"there is no backup {wanted.backup!r}", hint="Name its folder, or see quarterdeck backup list."
    )


def _place(wanted: Wanted, backup: Path, manifest: Manifest) -> Path:
    """Where it goes: a new folder, never one that is there."""
    beside = wanted.workspace or (Path(manifest.origin) if manifest.origin else None)
    if wanted.into is not None:
        into = wanted.into.expanduser()
    elif beside is not None and beside.parent.is_dir():
        into = beside.with_name(f"{beside.name}-restored")
    else:
        raise QuarterdeckError("bad_value", "it is not said where to", hint="Name a new folder: --into DIR")
    into = into.parent.resolve() / into.name
    if os.path.lexists(into):
        raise QuarterdeckError(
            "conflict", f"{into} exists already; nothing is restored over it", hint="Name a new folder: --into DIR"
        )
    if not into.parent.is_dir():
        raise QuarterdeckError("bad_value", f"there is no folder {into.parent}", hint="Make it first.")
    if STATE_NAME in into.parts or into.is_relative_to(backup):
        raise QuarterdeckError("bad_value", f"{into} lies in a state folder", hint="Name a place outside of it.")
    return into


def _refuse_faults(backup: Path, manifest: Manifest) -> None:
    for one in manifest.files:
        parts = PurePosixPath(one.path).parts
        if not parts or ".." in parts or one.path.startswith("/") or (backup / one.path).is_symlink():
            raise QuarterdeckError("bad_value", f"the manifest names {one.path[:200]!r}", hint="Use another backup.")
    faults = list(differences(backup, manifest))
    if faults:
        raise QuarterdeckError(
            "bad_value",
            f"{backup.name} is damaged: {faults[0]}" + (f", and {len(faults) - 1} more" if faults[1:] else ""),
            hint="Use another backup.",
            details={"faults": faults[:FAULTS_SHOWN_MAX]},
        )


def _chain_key(wanted: Wanted, backup: Path, manifest: Manifest) -> bytes:
    """The key that the chain is verified with: where it was named, of a workspace, or beside the backup."""
    places = [wanted.key] if wanted.key else [*_homes(wanted, manifest), backup, backup.parent]
    for place in places:
        key = read_key(place if wanted.key else place / CHAIN_KEY)
        if key is not None and _fits(backup, key):
            return key
    tried = ", ".join(str(place) for place in places)
    raise QuarterdeckError(
        "not_found",
        f"no {CHAIN_KEY} of this backup in {tried}",
        hint=f"Give the {CHAIN_KEY} of the workspace that it came from: --key FILE. Without it nothing can be verified.",
    )


def _fits(backup: Path, key: bytes) -> bool:
    return head_in(backup / "anchor", Chain(key)) is not None


def _homes(wanted: Wanted, manifest: Manifest) -> list[Path]:
    """State folders of workspaces that it may have come from."""
    named = [wanted.workspace] if wanted.workspace else []
    noted = [Path(manifest.origin)] if manifest.origin else []
    return list(dict.fromkeys(folder / STATE_NAME for folder in (*named, *noted)))


# --- what was forgotten since ---------------------------------------------------------------------


def _look_at_origin(plan: Restoration, wanted: Wanted) -> None:
    """Find what the origin has forgotten since. Nothing of it can be read: say that it cannot be known."""
    ours = keys_in(plan.backup)
    why = "the workspace that it came from is not there"
    for home in _homes(wanted, plan.manifest):
        try:
            theirs = keys_in(home)
            if theirs is None or ours is None or theirs.id != ours.id:
                continue
            events = forgettings_in(home, plan.chain_key, after=plan.manifest.seq)
        except QuarterdeckError as error:
            why = error.message
            continue
        begun = [event for event in events if int(str(event.body["epoch"])) >= theirs.epoch]
        if begun:
            raise QuarterdeckError(
                "conflict", f"{home.parent} is forgetting something", hint="Try again when it is done."
            )
        plan.origin = home.parent
        plan.forgets = theirs.epoch > ours.epoch
        plan.forgotten = tuple(event.body for event in events)
        return
    plan.lacks.append(f"what was forgotten after it was made is in it again: {why}")


def _lacking(plan: Restoration) -> Iterator[str]:
    if _settings(plan) is not None:
        yield f"{CONFIG_NAME} is that of {plan.origin} now; a backup holds none"
    else:
        yield f"{CONFIG_NAME}: a backup holds none, so every setting is as in a fresh workspace"
    yield "your own files (notes, facts, mail folders): what was read of them is in it, the files are not"
    yield "secrets, and models that were downloaded"
    yield "the effector's journal: what was on the wire is `unknown` until you settle it"


def _settings(plan: Restoration) -> Path | None:
    path = plan.origin / CONFIG_NAME if plan.origin else None
    return path if path is not None and path.is_file() else None


# --- writing --------------------------------------------------------------------------------------


def _copy(plan: Restoration, staging: Path) -> None:
    """A state folder of exactly the files that were verified, and the settings."""
    size = sum(one.size_bytes for one in plan.manifest.files)
    free = shutil.disk_usage(plan.into.parent).free
    if free < ROOM_FACTOR * size:
        raise QuarterdeckError("no_space", f"restoring needs up to {ROOM_FACTOR * size / 1e6:.0f} MB for a while")
    home = staging / STATE_NAME
    home.mkdir(mode=PRIVATE_FOLDER, parents=True)
    staging.chmod(PRIVATE_FOLDER)
    for one in plan.manifest.files:
        _copy_file(plan.backup, home, one)
    write_key(home / CHAIN_KEY, plan.chain_key)
    if plan.forgets and plan.origin is not None:
        ours = plan.origin / STATE_NAME / CONTENT_KEY
        _take_newer_keys(ours, home)
    for folder in (home, *(path for path in home.rglob("*") if path.is_dir())):
        sync_folder(folder)
    settings = _settings(plan)
    write_durably(staging / CONFIG_NAME, settings.read_bytes() if settings else DEFAULT_CONFIG_TEXT.encode())


def _copy_file(backup: Path, home: Path, one: CopiedFile) -> None:
    """A copy, no link: what one of the two shreds the other still has."""
    target = home / one.path
    target.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    shutil.copyfile(backup / one.path, target)
    target.chmod(0o600)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _take_newer_keys(theirs: Path, home: Path) -> None:
    raw = theirs.read_bytes()
    if has_older_keys(raw, home):
        write_durably(home / CONTENT_KEY, raw)


def _begin(plan: Restoration, staging: Path, reason: str) -> Plain:
    """Verify the copy from its first event, take away what cannot be read any more, and give it its first events."""
    home = staging / STATE_NAME
    store = RocksStore.open(home)
    try:
        found = store.verify()
        if found.broken_at is not None:
            raise LogCorrupt(home / "log", f"event {found.broken_at}: {found.reason}", seq=found.broken_at)
        removed = store.sweep() if plan.forgets else None
        files = write_files(store, staging)
        begun = _first_events(plan, store, reason)
        if plan.forgets:
            store.scour()
        stop = store.get(Stop, "stop")
        assert stop is not None, "it begins stopped"
        fence = Fence(epoch=stop.epoch, stopped=True, reason=stop.reason, by="fork", at_us=stop.at_us)
        write_fence(home / "fence", fence)
        gone = {"records": removed.records, "blobs": removed.blobs} if removed is not None else {}
        return {**begun, "removed": gone, "files": files, "verified": True}
    finally:
        store.close()


def _first_events(plan: Restoration, store: RocksStore, reason: str) -> Plain:
    stop = store.get(Stop, "stop")
    unfinished = [erasure.id for erasure in store.live(Erasure)]
    forgotten = tuple(body for body in plan.forgotten if body.get("id") not in unfinished)
    command = BecomeFork(
        fork=secrets.token_hex(8),
        forked_from=plan.manifest.origin or str(plan.backup),
        at_seq=store.head.seq,
        epoch=(stop.epoch if stop else 0) + 1,
        reason=reason,
        restored=True,
        forgotten=forgotten,
    )
    last = store.event(store.head.seq)
    env = Env(now_us=time.time_ns() // 1_000, last_us=last.at_us if last is not None else 0)
    decision = decide(store, command, env, head=store.head.seq, actor="operator")
    store.append([decision.commit])
    store.sync()
    wanted = ("fork", "paused", "withdrawn", "unknown", "forgotten")
    return {name: decision.reply[name] for name in wanted}
