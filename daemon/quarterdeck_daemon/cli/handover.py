"""`handover`: everything somebody else needs to go on without us, in one encrypted archive.

The archive is a ZIP with AES-256 (WinZip's AE-2), which 7-Zip, Keka, WinZip and bsdtar open; inside are Markdown,
CSV and JSON Lines. Nothing of ours is needed to read it.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .memory_files import write_folder
from .plain import Plain, record, records, text
from .text import counted, line
from .times import iso, now
from .values import read_file
from .words import reads, verb

if TYPE_CHECKING:
    from .session import Session

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # Without what is misread: l, o, 0, 1.
GROUPS, GROUP_CHARS = 5, 4  # 20 characters of 32: 100 bits, far beyond the format's thousand rounds.
STEERING = ("quarterdeck.toml", "playbooks", "policies", "templates", "agents", "kinds", "facts")
PASSPHRASE_CHARS_MIN = 12


@verb("handover", examples=(
    "quarterdeck handover ~/handover.zip", "quarterdeck handover pack.zip --passphrase-file secret.txt",
))  # fmt: skip
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Use this one; else a new one is printed.")
@click.option("--note", default="", metavar="TEXT", help="What the reader should know first.")
@reads
def handover(session: Session, file: Path, passphrase_file: Path | None, note: str) -> None:
    """Write an encrypted archive of all that is known: readable without this program, by whoever has the passphrase."""
    file = file.expanduser()
    if file.exists():
        raise QuarterdeckError("conflict", f"{file} exists.", hint="Name a new file.")
    _needs_pyzipper()
    given = read_file(passphrase_file).strip() if passphrase_file else ""
    if passphrase_file and len(given) < PASSPHRASE_CHARS_MIN:
        hint = "Leave --passphrase-file out to get a strong one."
        raise QuarterdeckError(
            "bad_value", f"A passphrase has at least {PASSPHRASE_CHARS_MIN} characters.", hint=hint
        )
    passphrase = given or new_passphrase()
    with tempfile.TemporaryDirectory(dir=session.folder / ".quarterdeck", prefix="handover-") as scratch:
        folder = Path(scratch)  # Private, and gone afterwards: nothing of it stays in clear.
        counts = _collect(session, folder, note)
        _seal(folder, file, passphrase)
    shown: Plain = {"id": str(file), "path": str(file), "bytes": file.stat().st_size, **counts}
    lines = [f"wrote {line(str(file))}: {counted(counts['records'], 'record')}, {counted(counts['files'], 'file')}"]
    if not given:
        shown["passphrase"] = passphrase
        lines.append(f"passphrase: {passphrase}")
    session.show(shown, lines)
    session.printer.talk("next: give the file to one who may need it, and the passphrase by another way")


def new_passphrase() -> str:
    """Return twenty letters in groups of four, to be read out or written down."""
    return "-".join(_group() for _ in range(GROUPS))


def _group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARS))


def _needs_pyzipper() -> None:
    if importlib.util.find_spec("pyzipper") is None:
        raise QuarterdeckError(
            "unavailable", "Encrypted archives need one more package.", hint="pip install 'quarterdeck[handover]'"
        )


def _collect(session: Session, folder: Path, note: str) -> dict[str, int]:
    """Lay everything into the folder, in clear."""
    tally = write_folder(session, folder / "memory", {"past": True, "originals": True})
    for kind, rows in _facts_by_kind(folder / "memory" / "memory.jsonl").items():
        (folder / f"facts-{kind}.csv").write_text(_as_csv(rows), "utf-8")
    _copy_steering(session.folder, folder / "workspace")
    status = session.client.call("system.status").result
    approvals = records(session.client.call("approval.list", {"limit": 1000}).result.get("items"))
    (folder / "START-HERE.md").write_text(_start_here(session, note, status, approvals), "utf-8")
    return {"records": tally.counts.get("written", 0), "files": sum(path.is_file() for path in folder.rglob("*"))}


def _facts_by_kind(complete: Path) -> dict[str, list[Plain]]:
    found: dict[str, list[Plain]] = {}
    with complete.open(encoding="utf-8") as lines:
        for row in lines:
            one = record(json.loads(row))
            if text(one, "entity").startswith("fact:"):
                found.setdefault(text(one, "kind") or "other", []).append(one)
    return {"".join(char if char.isalnum() else "-" for char in kind): rows for kind, rows in found.items()}


def _as_csv(rows: list[Plain]) -> str:
    names = sorted({name for row in rows for name in record(row.get("value"))})
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["key", *names, "since", "source"])
    for row in rows:
        value = record(row.get("value"))
        cells = [text(row, "key"), *(text(value, name) for name in names), text(row, "at"), text(row, "source")]
        writer.writerow([_inert(cell) for cell in cells])
    return out.getvalue()


def _inert(cell: str) -> str:
    """A spreadsheet runs what begins like a formula; text from outside must stay text."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _copy_steering(workspace: Path, to: Path) -> None:
    for path in _steering_files(workspace):
        target = to / path.relative_to(workspace)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


def _steering_files(workspace: Path) -> Iterator[Path]:
    for name in STEERING:
        place = workspace / name
        paths = [place] if place.is_file() else sorted(place.rglob("*")) if place.is_dir() else []
        yield from (path for path in paths if path.is_file() and not path.is_symlink())


def _start_here(session: Session, note: str, status: Plain, approvals: list[Plain]) -> str:
    waiting = "\n".join(f"- {text(one, 'summary')} ({text(one, 'id')})" for one in approvals) or "- nothing"
    said = f"{note.strip()}\n\n" if note.strip() else ""
    return f"""# Start here

{said}This is the whole memory of the workspace `{session.folder.name}` as of {iso(now())}. You need no special program:
the files are Markdown (any text editor), CSV (any spreadsheet) and JSON Lines (any programming language).

- `facts-*.csv`: clients, contracts, invoices and the rest, one table for each kind.
- `memory/facts/`, `memory/notes/`, `memory/documents/`: the same facts, notes and the text of every document.
- `memory/originals/`: the documents as they came, named by the `blob` that a document's file gives.
- `memory/memory.jsonl`: everything of the above again, for programs, with links between records.
- `workspace/`: how the work was set up: playbooks, policies, templates, settings. No password is in here.

Facts: {status.get("facts", 0)}. Memories: {status.get("memories", 0)}. Waiting for a decision when this was written:

{waiting}
"""


def _seal(folder: Path, file: Path, passphrase: str) -> None:
    """Write the archive under a private name first; only a whole one gets the name that was asked for."""
    import pyzipper

    fresh = file.with_name(f".{file.name}.new")
    handle = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with (
        os.fdopen(handle, "w+b") as out,
        pyzipper.AESZipFile(out, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive,
    ):
        archive.setpassword(passphrase.encode())
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, str(path.relative_to(folder)))
    fresh.replace(file)
