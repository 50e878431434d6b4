"""The process that turns a copy of a workspace's state into a fork; started by fork.py, seen by nobody before it is done.

Reads one `Cutting` from standard input, which then stays open: when it closes, the daemon is gone and so are we.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path, PurePosixPath

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.commands import BecomeFork
from ..core.entities import Asset, Document, Plain, Stop
from ..core.kernel import decide
from ..core.turn import Env
from ..store.cut import cut_log
from ..store.files import sync_folder, write_durably
from ..store.rocks import RocksStore
from .fence import Fence, write_fence
from .fork import Cutting, Said
from .launch import end_with_parent
from .workspace import CONFIG_NAME, STATE_NAME, load_config

LINE_BYTES_MAX = 1 << 20
FOLDERS = ("playbooks", "policies", "templates", "facts", "agents", "tests", "notes")
FORK_NOTE = "FORK.md"


def make(order: Cutting) -> Plain:
    """Cut the copy, give it its first events and its files. Returns what the answer says."""
    staging = Path(order.staging)
    home = staging / STATE_NAME
    head = cut_log(home, order.at_seq, lambda phase: say(Said(phase=phase)))
    say(Said(phase="blobs"))
    store = RocksStore.open(home)  # Follows the chain from its first event, and refuses one that does not verify.
    try:
        kept = _own_blobs(store, home / "blobs")
        files = write_files(store, staging)
        begun = _begin(store, order)
        stop = store.get(Stop, "stop")
        assert stop is not None, "a fork begins stopped"
        fence = Fence(epoch=stop.epoch, stopped=True, reason=stop.reason, by="fork", at_us=stop.at_us)
        write_fence(home / "fence", fence)
        at = {"at_seq": order.at_seq, "events": head.seq, "files": files, "blobs": kept}
        notes = _notes(staging)
        _explain(staging, order, notes)
        return {**begun, **at, "verified": True, "notes": notes}
    finally:
        store.close()


def _own_blobs(store: RocksStore, folder: Path) -> int:
    """Keep the blobs of the documents that there are, as copies: what one of the two shreds, the other still has."""
    wanted = {document.blob for document in store.scan(Document)}
    kept = 0
    for path in sorted(folder.glob("??/*")):
        if path.parent.name + path.name not in wanted:
            path.unlink()
            continue
        fresh = path.with_suffix(".own")
        shutil.copyfile(path, fresh)
        fresh.chmod(0o600)
        fresh.replace(path)
        kept += 1
    for place in (folder, *folder.glob("??")) if folder.is_dir() else ():
        sync_folder(place)
    return kept


def write_files(store: RocksStore, staging: Path) -> int:
    """The steering files as they were, and the folders that a workspace has."""
    for name in FOLDERS:
        (staging / name).mkdir(exist_ok=True)
    count = 0
    for asset in store.scan(Asset):
        if asset.removed or "@" in asset.id:
            continue
        parts = PurePosixPath(asset.path).parts
        if not parts or ".." in parts or asset.path.startswith("/") or parts[0] == STATE_NAME:
            raise QuarterdeckError("bad_value", f"{asset.path!r} is no path inside of a workspace")
        path = staging.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, asset.text.encode())
        path.chmod(0o644)
        count += 1
    write_durably(
        staging / ".gitignore", b".quarterdeck/\nmail/\n"
    )  # Its keys are no more for git than the origin's.
    return count


def _begin(store: RocksStore, order: Cutting) -> Plain:
    """The fork's own first command; the clock never goes back behind what the log says."""
    stop = store.get(Stop, "stop")
    command = BecomeFork(
        fork=order.fork,
        forked_from=order.origin,
        at_seq=order.at_seq,
        epoch=(stop.epoch if stop else 0) + 1,
        reason=order.reason,
    )
    last = store.event(store.head.seq)
    env = Env(now_us=time.time_ns() // 1_000, last_us=last.at_us if last is not None else 0)
    decision = decide(store, command, env, head=store.head.seq, actor="operator")
    store.append([decision.commit])
    store.sync()
    return {name: decision.reply[name] for name in ("paused", "withdrawn", "unknown")}


def _notes(staging: Path) -> list[str]:
    """What somebody should know who opens it."""
    config = load_config(staging)
    notes = [
        "It is stopped: nothing leaves it and nothing is taken in until `quarterdeck resume` is called in it.",
        "It has copies of the keys of the log that it came from: keep it as private. What is forgotten in one of the two "
        "from now on must be forgotten in the other as well.",
        f"Its {CONFIG_NAME} is that of now, its steering files are those of then; secrets were not copied.",
    ]
    if config.mail.out.kind == "smtp":
        notes.append(f"Its mail goes out by {config.mail.out.host} once it is released: change [mail.out] first.")
    paths = {"mail.in": config.mail.inward.path, "mail.out": config.mail.out.path}
    shared = [name for name, path in paths.items() if path.startswith(("/", "~"))]
    if shared:
        notes.append(
            f"{', '.join(shared)}: an absolute path, so it is the same folder as in the origin. Change it first."
        )
    return notes


def _explain(staging: Path, order: Cutting, notes: list[str]) -> None:
    head = f"# A fork of {order.origin}\n\nMade at event {order.at_seq}. {order.reason}\n\n"
    write_durably(staging / FORK_NOTE, (head + "".join(f"- {note}\n" for note in notes)).encode())


def say(said: Said) -> None:
    os.write(1, msgspec.json.encode(said) + b"\n")


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.readline(LINE_BYTES_MAX), type=Cutting)
    end_with_parent()
    try:
        result = make(order)
    except QuarterdeckError as error:
        say(Said(code=error.code, message=error.message, hint=error.hint))
        raise SystemExit(error.exit_status) from error
    say(Said(result=result))


if __name__ == "__main__":
    main()
