"""What the methods of time travel give."""

from __future__ import annotations

from typing import Literal

from .frames import Plain
from .shapes import Page, Shape

DiffChange = Literal["added", "changed", "removed"]


class SnapshotView(Shape, frozen=True, kw_only=True):
    """id: its name. at_seq: the position that it names, at_time: when the log stood there. at: when it got the name."""

    id: str
    at_seq: int
    seq: int
    at: str
    at_time: str | None = None
    note: str = ""
    removed: bool = False


class Snapshots(Page, frozen=True, kw_only=True):
    items: list[SnapshotView]


class FieldChange(Shape, frozen=True, kw_only=True):
    """before, after: plain values, null where there was nothing."""

    name: str
    before: object = None
    after: object = None


class DiffItem(Shape, frozen=True, kw_only=True):
    """One thing that differs between two moments, and who changed it last, by which event.

    id      `kind:id`; of a link `source relation target`, of a file its path
    was     the record whose place it took, if it took one's place
    text    a unified diff of its text, cut at a bound
    events  how many events concerned it
    """

    id: str
    kind: str
    change: DiffChange
    title: str = ""
    fields: list[FieldChange] = []
    text: str = ""
    was: str = ""
    seq: int = 0
    at: str | None = None
    event: str = ""
    actor: str = ""
    run: str = ""
    reason: str = ""
    events: int = 0
    chunks: int = 0


class Diff(Page, frozen=True, kw_only=True):
    """counts: kind -> added, changed, removed, over all pages. events: how many lie between the two."""

    a: int
    b: int
    a_at: str | None
    b_at: str | None
    events: int
    counts: dict[str, dict[str, int]]
    items: list[DiffItem]


class PlannedChange(Shape, frozen=True, kw_only=True):
    """what: `restored` to its value then, `brought back`, `withdrawn` since it was not known then, `linked`, `unlinked`."""

    id: str
    what: str
    title: str = ""
    fields: list[FieldChange] = []


class KeptRecord(Shape, frozen=True, kw_only=True):
    """What stays as it is, and why."""

    id: str
    why: str


class DoneEffect(Shape, frozen=True, kw_only=True):
    """Something that left the house since: it stays in the world. undo: what can be done about it."""

    id: str
    summary: str
    status: str
    targets: list[str]
    at: str | None = None
    run: str = ""
    undo: str = ""


class OpenWork(Shape, frozen=True, kw_only=True):
    """A run that began since then, or an action that waits."""

    id: str
    status: str
    title: str = ""
    cancelled: bool = False


class OlderFile(Shape, frozen=True, kw_only=True):
    """A steering file that was another one then; the daemon writes none. text: as it was, null when it was not there."""

    path: str
    change: DiffChange
    text: str | None = None
    hash: str = ""


class Rewound(Shape, frozen=True, kw_only=True):
    """The plan of a rewind, and once it was done its id and the way back.

    total     records and links that change; `changes` shows the first of them
    plan_hash of all that would be written and of what is listed
    undo      params of the rewind that takes this one back; undo_words the same for people
    commits   how many commits it takes; more than one can be interrupted and resumed
    """

    id: str = ""
    dry_run: bool = False
    scope: str = "workspace"
    to_seq: int
    to_at: str | None = None
    from_seq: int
    seq: int = 0
    total: int
    commits: int = 1
    plan_hash: str = ""
    changes: list[PlannedChange] = []
    counts: dict[str, int] = {}
    kept: list[KeptRecord] = []
    already_done: list[DoneEffect] = []
    runs: list[OpenWork] = []
    waiting: list[OpenWork] = []
    files: list[OlderFile] = []
    cancelled: list[str] = []
    undo: Plain = {}
    undo_words: str = ""


class Forked(Shape, frozen=True, kw_only=True):
    """id: the fork's own name. paused, withdrawn, unknown: what became of work that was under way at that moment.

    notes: what a person should know before opening it.
    """

    id: str
    path: str
    at_seq: int
    seq: int
    events: int
    files: int
    blobs: int
    verified: bool
    paused: list[str] = []
    withdrawn: list[str] = []
    unknown: list[str] = []
    notes: list[str] = []
