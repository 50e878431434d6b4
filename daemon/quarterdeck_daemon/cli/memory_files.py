"""`memory export`, `memory import` and `memory sync`: what is remembered as a folder of Markdown, both ways.

Promises nothing that was edited in the folder is overwritten by an export, nothing that changed in memory since is
         overwritten by an import: both are reported as conflicts, with both texts at hand.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .markdown_view import Sheet, content_of, parse, path_of, render
from .memory import memory
from .output import to_json
from .plain import Plain, record, records, strings, text
from .text import counted, line
from .times import position
from .words import changes, reads, verb_of

if TYPE_CHECKING:
    from .session import Session

COMPLETE = "memory.jsonl"  # Everything, for programs; the Markdown is for people.
THEIRS = ".theirs.md"
FILE_BYTES_MAX = 4 * 1024 * 1024
FILES_MAX = 200_000
EXPORT_MS = 600_000
WATCH_S = 1.0
UNCHANGED, CONFLICTS, ORIGINALS = "unchanged", "conflicts", "originals"


@verb_of(memory, "export", examples=(
    "quarterdeck memory export ~/memory", "quarterdeck memory export backup --originals --past",
))  # fmt: skip
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--namespace", metavar="WORD")
@click.option("--past", is_flag=True, help="What was superseded or withdrawn too.")
@click.option("--originals", is_flag=True, help="The documents' own bytes too.")
@click.option("--as-of", metavar="SEQ|TIME", help="As it was then.")
@reads
def export(
    session: Session, folder: Path, namespace: str | None, past: bool, originals: bool, as_of: str | None
) -> None:
    """Write all that is remembered into FOLDER: Markdown to read and edit, one JSON line each for programs."""
    params: Plain = {"past": past, "originals": originals}
    if namespace:
        params["namespace"] = namespace
    if as_of or session.as_of is not None:
        params["as_of"] = position(as_of) if as_of else session.as_of
    written = write_folder(session, folder.expanduser(), params)
    _report(session, folder, written)


@verb_of(
    memory, "import", examples=("quarterdeck memory import ~/memory --dry-run", "quarterdeck memory import notes")
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@changes
def import_(session: Session, folder: Path) -> None:
    """Take in what was edited or added in FOLDER. A note that changed on both sides is left alone and named."""
    _report(session, folder, read_folder(session, folder.expanduser()))


@verb_of(memory, "sync", examples=("quarterdeck memory sync memory", "quarterdeck memory sync memory --watch"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("memory"))
@click.option("--watch", is_flag=True, help="Go on until interrupted.")
@changes
def sync(session: Session, folder: Path, watch: bool) -> None:
    """Keep FOLDER and memory the same: edits go in, news come out, conflicts are named."""
    folder = folder.expanduser()
    before: tuple[object, ...] = ()
    while True:
        now = (_marks(folder), session.client.call("system.hello").result.get("seq"))
        if now != before:
            tally = read_folder(session, folder) if folder.is_dir() else Tally()
            if not session.dry_run:
                tally.add(write_folder(session, folder, {}))
            _report(session, folder, tally, quiet_when_idle=bool(before))
            before = (_marks(folder), session.client.call("system.hello").result.get("seq"))
        if not watch:
            return
        time.sleep(WATCH_S)


class Tally:
    """What became of each file, in one word, and the conflicts with their reasons."""

    def __init__(self) -> None:
        self._became: dict[Path, str] = {}
        self.conflicts: list[Plain] = []

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(self._became.values()))

    def count(self, path: Path, what: str) -> None:
        """Note it, unless the file is in conflict, or was changed and all that follows is that it is written again."""
        if what == CONFLICTS or self._became.get(path, UNCHANGED) == UNCHANGED:
            self._became[path] = what

    def conflict(self, path: Path, why: str) -> None:
        if self._became.get(path) != CONFLICTS:
            self.conflicts.append({"id": str(path), "path": str(path), "why": why})
        self.count(path, CONFLICTS)

    def add(self, other: Tally) -> None:
        """Lay what happened to the same files later on over this; a file counts once."""
        known = {one["path"] for one in self.conflicts}
        self.conflicts += [one for one in other.conflicts if one["path"] not in known]
        for path, what in other._became.items():
            self.count(path, what)


def _counted(item: tuple[str, int]) -> str:
    """`3 unchanged`, `1 conflict`, `2 originals`: the words that are things have a plural."""
    name, count = item
    return counted(count, name[:-1]) if name in (CONFLICTS, ORIGINALS) else f"{count:,} {name}"


def _report(session: Session, folder: Path, tally: Tally, *, quiet_when_idle: bool = False) -> None:
    moved = {name: count for name, count in tally.counts.items() if name != UNCHANGED}
    if quiet_when_idle and not moved:
        return
    counts = ", ".join(map(_counted, sorted(tally.counts.items()))) or "nothing there"
    lines = [f"{line(str(folder))}: {counts}"]
    lines += [f"  conflict {line(str(one['path']))}: {line(str(one['why']))}" for one in tally.conflicts]
    session.show({"folder": str(folder), **tally.counts, "items": tally.conflicts}, lines)
    if tally.conflicts:
        raise QuarterdeckError(
            "conflict",
            f"files in conflict: {len(tally.conflicts)}; nothing of them was taken in or overwritten.",
            hint=f"Where memory says something else, that lies beside as `{THEIRS}`: keep one, delete the other.",
        )


# --- out ------------------------------------------------------------------------------------------


def write_folder(session: Session, folder: Path, params: Plain) -> Tally:
    """Write the records that the daemon streams. Files edited since their export stay as they are."""
    _make(folder)
    tally = Tally()
    kept: set[Path] = set()
    said: set[str] = set()
    complete = folder / f".{COMPLETE}.new"
    with complete.open("w", encoding="utf-8") as lines:
        for chunk in session.client.stream("memory.export", params, deadline_ms=EXPORT_MS):
            for one in records(chunk.get("records")):
                lines.write(to_json(one, indent=None) + "\n")
                path = folder / path_of(one)
                kept.add(path)
                said.add(content_of(one))
                _write_record(path, one, tally)
            for link in records(chunk.get("links")):
                lines.write(to_json({"link": link}, indent=None) + "\n")
            if original := record(chunk.get("original")):
                _write_original(folder, original, tally)
            if absent := record(chunk.get("absent")):
                tally.count(folder / "originals" / text(absent, "id"), f"originals {text(absent, 'why')}")
    complete.replace(folder / COMPLETE)
    for path in _files(folder):
        if path not in kept:
            _drop(path, said, tally)
    return tally


def _write_record(path: Path, one: Plain, tally: Tally) -> None:
    wanted = render(one)
    present = path.read_text("utf-8") if path.exists() else None
    if present == wanted:
        tally.count(path, "unchanged")
        return
    sheet = None if present is None else _sheet(path, present)
    if present is not None and (sheet is None or (sheet.edited and sheet.content != content_of(one))):
        if sheet is not None and sheet.exported == content_of(one):
            tally.count(path, "edited here, not imported yet")
            return
        _lay_beside(path, wanted)
        tally.conflict(path, "it was edited here and is something else in memory")
        return
    _write(path, wanted)
    tally.count(path, "written")


def _drop(path: Path, said: set[str], tally: Tally) -> None:
    """A file whose record is gone goes too, unless it was never ours, or somebody worked on it and nothing says that."""
    sheet = _sheet(path, path.read_text("utf-8"))
    if sheet is not None and sheet.entity and (not sheet.edited or sheet.content in said):
        path.unlink()
        tally.count(path, "removed")


def _write_original(folder: Path, part: Plain, tally: Tally) -> None:
    suffix = Path(text(part, "name")).suffix[:16]
    path = folder / "originals" / f"{text(part, 'hash')}{suffix}"
    _make(path.parent)
    data = part.get("data")
    assert isinstance(data, bytes), "the protocol sends bytes"
    with path.open("wb" if part.get("offset") == 0 else "ab") as file:
        file.write(data)
    if part.get("offset") == 0:
        tally.count(path, ORIGINALS)


# --- in -------------------------------------------------------------------------------------------


def read_folder(session: Session, folder: Path) -> Tally:
    """Hand to the daemon what differs from what it had given."""
    tally = Tally()
    now = _present(session)
    for path in _files(folder):
        sheet = _sheet(path, _read(path))
        if sheet is None:
            tally.conflict(path, "its head cannot be read")
        else:
            _take_in(session, folder, path, sheet, now, tally)
    return tally


def _present(session: Session) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for chunk in session.client.stream("memory.export", {}, deadline_ms=EXPORT_MS):
        found |= {text(one, "entity"): one for one in records(chunk.get("records"))}
    return found


def _take_in(session: Session, folder: Path, path: Path, sheet: Sheet, now: dict[str, Plain], tally: Tally) -> None:
    if sheet.entity.startswith("document:"):
        tally.count(path, "unchanged")
        return
    present = now.get(sheet.entity)
    if present is not None and content_of(present) == sheet.content:
        tally.count(path, "unchanged")
    elif present is not None and content_of(present) == sheet.exported:
        _change(session, path, sheet, present)
        tally.count(path, "changed")
    elif not (versions := _versions(session, sheet)) or _of_another_workspace(sheet, versions):
        _add(session, folder, path, sheet, tally)
    elif versions[-1].get("forgotten"):
        tally.conflict(path, "it was forgotten; delete the file, or its line `id:` to remember it anew")
    elif not sheet.edited:
        tally.count(path, "unchanged")  # Memory went on since this was written.
    elif present is not None:
        _lay_beside(path, render(present))
        tally.conflict(path, "it was edited here and in memory")
    elif _taken_over(session, sheet, versions[-1]):
        tally.count(path, "unchanged")
    else:
        tally.conflict(path, "it was edited here, and replaced or withdrawn in memory")


def _versions(session: Session, sheet: Sheet) -> list[Plain]:
    """All that this record ever said, oldest first; nothing when there never was one."""
    if not sheet.entity:
        return []
    try:
        items = session.items("memory.history", {"id": sheet.entity})
    except QuarterdeckError as error:
        if error.code != "not_found":
            raise
        return []
    return [one | record(one.get("fields")) | {"entity": sheet.entity} for one in items]


def _of_another_workspace(sheet: Sheet, versions: list[Plain]) -> bool:
    """Whether its number only happens to be in use here. Facts have names, and those mean the same everywhere."""
    if sheet.entity.startswith("fact:") or not sheet.exported or versions[-1].get("forgotten"):
        return False
    return sheet.exported not in map(content_of, versions)


def _taken_over(session: Session, sheet: Sheet, last: Plain) -> bool:
    """Whether what stands in the file is what took its place: it was taken in before."""
    later = text(last, "superseded_by")
    return bool(later) and content_of(session.ask("memory.get", {"id": later})) == sheet.content


def _add(session: Session, folder: Path, path: Path, sheet: Sheet, tally: Tally) -> None:
    """What memory does not hold: a file of the operator's own, or one of another workspace."""
    key = f"import-{hashlib.blake2b(f'{path.relative_to(folder)}/{sheet.content}'.encode(), digest_size=12).hexdigest()}"
    add = _added_fact if sheet.entity.startswith("fact:") else _added_note
    method, params = add(path, sheet)
    if not sheet.entity and not sheet.body:
        return
    if session.dry_run:
        tally.count(path, "would be added")
        return
    known = session.client.call(method, params, request_id=key).result.get("known")
    tally.count(path, "unchanged" if known else "added")
    if not sheet.entity:
        path.unlink()  # The next export writes it again with its head, under its own name.


def _added_note(path: Path, sheet: Sheet) -> tuple[str, Plain]:
    params: Plain = {"text": sheet.body, "source": text(sheet.head, "source") or path.name}
    for name in ("title", "tier", "kind", "namespace"):
        if sheet.head.get(name):
            params[name] = str(sheet.head[name])
    if sheet.head.get("tags"):
        params["tags"] = strings(sheet.head["tags"])
    return "memory.remember", params | _labels(sheet.head)


def _added_fact(path: Path, sheet: Sheet) -> tuple[str, Plain]:
    kind, _, key = sheet.entity.removeprefix("fact:").partition("/")
    params: Plain = {"kind": kind, "key": key, "value": record(sheet.head.get("value"))}
    for name in ("valid_from", "valid_to", "source"):
        if sheet.head.get(name):
            params[name] = str(sheet.head[name])
    return "fact.put", params | _labels(sheet.head)


def _labels(head: Plain) -> Plain:
    """The labels it had: a daemon only ever lowers trust by them, never raises it."""
    labels = {"integrity": head.get("trust"), "sensitivity": head.get("secrecy")}
    return {"labels": {name: str(value) for name, value in labels.items() if value}} if any(labels.values()) else {}


def _change(session: Session, path: Path, sheet: Sheet, present: Plain) -> None:
    kind, _, id = sheet.entity.partition(":")
    if session.dry_run:
        return
    if kind == "fact":
        fact_kind, _, key = id.partition("/")
        value: Plain = {"kind": fact_kind, "key": key, "value": record(sheet.head.get("value"))}
        session.client.call("fact.put", value | {"if_version": present["version"], "source": str(path.name)})
    else:
        session.client.call("memory.supersede", {"id": id, "text": sheet.body})


# --- files ----------------------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[Path]:
    """Yield the Markdown files, in order; hidden ones and the other side of a conflict are not read."""
    paths = (path for path in sorted(folder.rglob("*.md")) if not _hidden(path, folder))
    for number, path in enumerate(paths):
        if number == FILES_MAX:
            raise QuarterdeckError("out_of_range", f"{folder} has more than {FILES_MAX:,} files", hint="Split it.")
        if path.is_file() and not path.is_symlink() and not path.name.endswith(THEIRS):
            yield path


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _marks(folder: Path) -> tuple[tuple[str, int], ...]:
    return tuple((str(path), path.stat().st_mtime_ns) for path in _files(folder)) if folder.is_dir() else ()


def _read(path: Path) -> str:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise QuarterdeckError("out_of_range", f"{path} is over {FILE_BYTES_MAX:,} bytes", hint="Split the note.")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise QuarterdeckError("bad_value", f"{path} is not UTF-8 text.", hint="Convert it first.") from error


def _sheet(path: Path, content: str) -> Sheet | None:
    try:
        return parse(str(path), content)
    except QuarterdeckError:
        return None  # Told as a conflict by whoever asked: a head that is being written is no reason to stop.


def _lay_beside(path: Path, content: str) -> None:
    _write(path.with_name(path.name.removesuffix(".md") + THEIRS), content)


def _write(path: Path, content: str) -> None:
    """Replace the file in one step; only its owner may read it."""
    _make(path.parent)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    fresh.replace(path)


def _make(folder: Path) -> None:
    _try(lambda: folder.mkdir(mode=0o700, parents=True, exist_ok=True), folder)


def _try(work: Callable[[], None], path: Path) -> None:
    try:
        work()
    except OSError as error:
        raise QuarterdeckError(
            "bad_value", f"Cannot write {path}: {error.strerror}.", hint="Name another."
        ) from error
