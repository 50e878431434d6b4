"""What the methods of memory's tiers, retention and health give."""

from __future__ import annotations

from typing import Literal

from .frames import Plain
from .labels import Labels
from .shapes import Page, Shape


class MemoryView(Shape, frozen=True, kw_only=True):
    """One memory. tokens: as the kernel counts them. fired: what brought a reminder back. hash: what endorse binds."""

    id: str
    seq: int
    text: str
    title: str
    source: str
    at: str
    tier: str
    kind: str
    namespace: str
    labels: Labels
    hash: str
    tokens: int = 0
    tags: list[str] = []
    document: str = ""
    span: tuple[int, int] | None = None
    pinned: bool = False
    run: str = ""
    when: str = ""
    repeats: bool = False
    fired: list[str] = []
    expires_at: str | None = None
    supersedes: str = ""
    superseded_by: str = ""
    stands_for: list[str] = []
    withdrawn: bool = False
    endorsed: str = ""


class Memories(Page, frozen=True, kw_only=True):
    """A page may be shorter than `limit` and still have a `next`: pages are cut by work too."""

    items: list[MemoryView]


class Changed(Shape, frozen=True, kw_only=True):
    """id: of the memory as it is now. was: its tier before. ids: all that changed with it, as `kind:id`."""

    id: str
    seq: int
    tier: str = ""
    was: str = ""
    known: bool = False
    changed: bool | int = True
    supersedes: str = ""
    pinned: bool = False
    ids: list[str] = []


class TierLine(Shape, frozen=True, kw_only=True):
    """What one tier, or one kind (`kind/note`), holds. cap_tokens: 0 where there is none."""

    id: str
    items: int
    bytes: int
    tokens: int = 0
    cap_tokens: int = 0


class Finding(Shape, frozen=True, kw_only=True):
    """One number of memory's health. share: of what it counts among, 0..1. todo: the next step, a command if there is one."""

    id: str
    value: float
    share: float | None = None
    text: str
    level: Literal["ok", "info", "warning"] = "ok"
    todo: str = ""
    examples: list[str] = []


class Health(Shape, frozen=True, kw_only=True):
    """looked_at: memories. complete: false when time ran out before all were looked at."""

    items: list[Finding]
    tiers: list[TierLine]
    kinds: list[TierLine]
    looked_at: int
    complete: bool
    took_ms: int


class Knob(Shape, frozen=True, kw_only=True):
    """One setting of retention. holds: what it governs now; would_go: what the next pass takes out of recall.

    saves_bytes is what no longer is searched and indexed; costs says in words what is lost by it.
    """

    id: str
    setting: str
    items: int
    bytes: int
    would_go: int = 0
    saves_bytes: int = 0
    costs: str = ""
    change: str = ""


class Retention(Shape, frozen=True, kw_only=True):
    """disk: what the folder of the state takes, by part. kept: withdrawn memories that stay readable."""

    items: list[Knob]
    kept: TierLine
    disk: dict[str, int] = {}
    hints: list[str] = []
    last_pass: Plain = {}
    took_ms: int = 0


class Keeping(Shape, frozen=True, kw_only=True):
    """What a pass of the keeper did, or would do. items: {"id", "rule", "title"}, at most a hundred of them.

    pruned: files of replaced documents that went, and their bytes.
    """

    id: str
    seq: int
    dry_run: bool
    expired: int
    compressed: int
    summaries: int
    saved_bytes: int
    looked_at: int
    items: list[Plain] = []
    pruned: int = 0
    pruned_bytes: int = 0
