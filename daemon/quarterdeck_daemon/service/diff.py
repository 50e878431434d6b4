"""What differs between two positions, for a person to read: fields before and after, texts line by line, and whose it is.

Owns     which kinds are compared and what is shown of each.
Promises only what really differs is shown, whatever happened in between; a document that took the place of another is
         one change, not two; texts are compared up to a bound and cut at a bound.
Leaves   finding what was touched to changes.py.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.entities import (
    ENTITIES,
    Action,
    Alert,
    Asset,
    Document,
    Edge,
    Entity,
    Fact,
    Memory,
    Plain,
    Run,
    Settings,
    Snapshot,
    Stop,
)
from ..core.time_travel import is_current
from ..store.api import Store
from .changes import SLICE, Touch, changes_between
from .views import iso

TOUCHED_MAX = 100_000  # Things that one comparison looks at; both versions of each are held.
TEXT_LINES_MAX = 4_000  # Longer texts are said to differ, not compared: comparing takes the square of their length.
SHOWN_LINES_MAX = 120
LINE_CHARS_MAX = 400
TITLE_CHARS_MAX = 120
SHOWN_AS: dict[str, str] = {"edge": "link", "asset": "file", "settings": "setting", "stop": "setting"}
ORDER = ("fact", "document", "memory", "link", "file", "setting", "run", "action", "alert", "snapshot")
SHOWN = frozenset(ORDER) - {"snapshot"}  # When nothing else is asked for: names for moments change nothing.
KINDS = frozenset(
    ("fact", "memory", "document", "edge", "asset", "run", "action", "settings", "stop", "snapshot", "alert")
)


@dataclass
class Difference:
    """One thing that differs; `before` and `after` are None where it did not count."""

    name: str
    kind: str
    before: Entity | None
    after: Entity | None
    touch: Touch
    was: str = ""
    chunks: int = 0
    fields: list[Plain] = field(default_factory=list)
    text: str = ""

    @property
    def change(self) -> str:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


async def differences(
    store: Store, a: int, b: int, *, kinds: Iterable[str] = (), chunks: bool = False
) -> list[Difference]:
    """Return all that differs between the positions a and b, in the order in which people look at it."""
    wanted = frozenset(kinds) or SHOWN
    # Pieces of documents are folded into them, and successors into what they replaced: those are looked at together.
    looked_at = frozenset(kind for kind in KINDS if SHOWN_AS.get(kind, kind) in wanted)
    touched = await changes_between(store, a, b, kinds=looked_at | ({"document"} if "memory" in wanted else set()))
    if len(touched) > TOUCHED_MAX:
        raise QuarterdeckError(
            "out_of_range", f"{len(touched):,} things changed between {a} and {b}", hint="Go nearer, or name --kind."
        )
    found: dict[str, Difference] = {}
    for count, (name, touch) in enumerate(touched.items(), start=1):
        difference = _between(store, name, touch, a, b)
        if difference is not None:
            found[name] = difference
        if count % SLICE == 0:
            await asyncio.sleep(0)
    _join_successors(found)
    if not chunks:
        _fold_chunks(found)
    shown = [one for one in found.values() if one.kind in wanted]
    return sorted(shown, key=lambda one: (ORDER.index(one.kind), _natural(one.name)))


def counts(found: Iterable[Difference]) -> dict[str, dict[str, int]]:
    """Kind -> how many were added, changed, removed."""
    totals: dict[str, dict[str, int]] = {}
    for one in found:
        row = totals.setdefault(one.kind, {"added": 0, "changed": 0, "removed": 0})
        row[one.change] += 1
    return totals


def item(difference: Difference) -> Plain:
    """One difference as the wire has it, with its fields and texts compared."""
    _compare(difference)
    touch = difference.touch
    return {
        "id": shown_name(difference.name, difference.after or difference.before),
        "kind": difference.kind,
        "change": difference.change,
        "title": title_of(difference.after or difference.before),
        "fields": difference.fields,
        "text": difference.text,
        "was": difference.was,
        "seq": touch.seq,
        "at": iso(touch.at_us),
        "event": touch.kind,
        "actor": touch.actor,
        "run": touch.run,
        "reason": touch.reason,
        "events": touch.events,
        "chunks": difference.chunks,
    }


def shown_name(name: str, entity: Entity | None) -> str:
    if isinstance(entity, Edge):
        return f"{entity.source} {entity.relation} {entity.target}"
    return entity.path if isinstance(entity, Asset) else name


def title_of(entity: Entity | None) -> str:
    """A few words by which a person knows it."""
    if isinstance(entity, Memory):
        words = entity.title or entity.text
    elif isinstance(entity, Document):
        words = entity.title or entity.external_id
    elif isinstance(entity, Run):
        words = f"{entity.playbook} ({entity.status})"
    elif isinstance(entity, Action):
        words = f"{entity.summary} ({entity.status})"
    else:
        words = entity.text if isinstance(entity, Alert) else ""
    return words[:TITLE_CHARS_MAX]


# --- finding ------------------------------------------------------------------------------------------


def _between(store: Store, name: str, touch: Touch, a: int, b: int) -> Difference | None:
    kind, _, id = name.partition(":")
    if kind == "asset" and "@" in id:
        return None  # The copy that runs are pinned to.
    cls = ENTITIES[kind]
    before, after = store.get(cls, id, as_of=a), store.get(cls, id, as_of=b)
    if before is not None and not _counts(before):
        before = None
    left = after
    if after is not None and not _counts(after):
        after = None
    if (before is None and after is None) or _same(before, after):
        return None
    difference = Difference(name, SHOWN_AS.get(kind, kind), before, after, _cause(store, left, touch))
    if after is None and left is not None:
        difference.was = str(getattr(left, "superseded_by", ""))
        difference.fields = _why_gone(left)
    return difference


def _cause(store: Store, entity: Entity | None, touch: Touch) -> Touch:
    """The event that wrote the later version: others may have concerned it without changing it."""
    event = store.event(entity.seq) if entity is not None and entity.seq != touch.seq else None
    if event is None:
        return touch
    cause = Touch.of(event)
    cause.events = touch.events
    return cause


def _counts(entity: Entity) -> bool:
    if isinstance(entity, Stop):
        return entity.engaged
    return not entity.resolved if isinstance(entity, Alert) else is_current(entity)


def _why_gone(entity: Entity) -> list[Plain]:
    for name in ("forgotten", "superseded_by", "withdrawn", "resolved"):
        value = getattr(entity, name, "")
        if value:
            return [{"name": name, "before": None, "after": value}]
    return []


def _same(before: Entity | None, after: Entity | None) -> bool:
    if before is None or after is None:
        return False
    return before == msgspec.structs.replace(after, seq=before.seq)


def _join_successors(found: dict[str, Difference]) -> None:
    """A document or memory that took the place of another is shown as that one, changed."""
    for name, one in list(found.items()):
        old_id = getattr(one.after, "supersedes", "")
        old = found.get(f"{name.partition(':')[0]}:{old_id}") if old_id and one.before is None else None
        if old is not None and old.after is None:
            one.before, one.was = old.before, old.name
            del found[old.name]


def _fold_chunks(found: dict[str, Difference]) -> None:
    """Pieces of a document that came or went with it are counted there."""
    for name, one in list(found.items()):
        chunk = one.after or one.before
        if not isinstance(chunk, Memory) or not chunk.document:
            continue
        owner = found.get(f"document:{chunk.document}") or next(
            (other for other in found.values() if other.was == f"document:{chunk.document}"), None
        )
        if owner is not None and one.change != "changed":
            owner.chunks += 1
            del found[name]


def _natural(name: str) -> tuple[str, int, str]:
    """m2 before m10."""
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :]
    return stem, int(digits[:18]) if digits else -1, name


# --- comparing ----------------------------------------------------------------------------------------


def _compare(difference: Difference) -> None:
    before, after = difference.before, difference.after
    if difference.change != "removed":
        difference.fields = fields_between(before, after)
    if difference.change == "changed":
        difference.text = text_diff(_text_of(before), _text_of(after))


def fields_between(before: Entity | None, after: Entity | None) -> list[Plain]:
    """Fields of two versions of one record that differ, as `{name, before, after}`."""
    some = after or before
    assert some is not None, "there is something to compare"
    compare = _COMPARE.get(type(some), _all_fields)
    return [one for one in compare(before, after) if one["before"] != one["after"]]


def text_diff(before: str, after: str) -> str:
    """A unified diff of two texts without its head, "" when they are equal; cut at SHOWN_LINES_MAX lines."""
    if before == after:
        return ""
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > TEXT_LINES_MAX:
        return f"@@ too long to compare: {len(old)} lines before, {len(new)} after @@"
    rows = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]
    shown = [row if len(row) <= LINE_CHARS_MAX else row[: LINE_CHARS_MAX - 1] + "…" for row in rows[:SHOWN_LINES_MAX]]
    if len(rows) > SHOWN_LINES_MAX:
        shown.append(f"@@ {len(rows) - SHOWN_LINES_MAX} more lines @@")
    return "\n".join(shown)


def _text_of(entity: Entity | None) -> str:
    return entity.text if isinstance(entity, Memory | Document | Asset) else ""


def _named(before: Entity | None, after: Entity | None, names: dict[str, str]) -> list[Plain]:
    return [
        {"name": shown, "before": _value(before, path), "after": _value(after, path)} for path, shown in names.items()
    ]


def _value(entity: Entity | None, path: str) -> object:
    value: object = entity
    for part in path.split("."):
        value = getattr(value, part, None)
    return msgspec.to_builtins(value) if value not in ("", (), None) else None


_TRUST = {"labels.integrity": "trust", "labels.sensitivity": "secrecy"}


def _fact(before: Entity | None, after: Entity | None) -> list[Plain]:
    old = before.value if isinstance(before, Fact) else {}
    new = after.value if isinstance(after, Fact) else {}
    rows: list[Plain] = [
        {"name": name, "before": old.get(name), "after": new.get(name)} for name in dict.fromkeys((*old, *new))
    ]
    more = {"valid_from": "valid from", "valid_to": "valid to", "source": "source", "tier": "tier", **_TRUST}
    return [*rows, *(_named(before, after, more) if before is not None else [])]


def _memory(before: Entity | None, after: Entity | None) -> list[Plain]:
    names = {"title": "title", "tier": "tier", "memory_kind": "kind", "tags": "tags", "pinned": "pinned"}
    names |= {"namespace": "namespace", "expires_us": "expires", **_TRUST}
    return _named(before, after, names) if before is not None else []


def _document(before: Entity | None, after: Entity | None) -> list[Plain]:
    names = {"title": "title", "status": "status", "error": "error", "namespace": "namespace", **_TRUST}
    return _named(before, after, names) if before is not None else []


def _run(before: Entity | None, after: Entity | None) -> list[Plain]:
    rows = _named(
        before, after, {"status": "status"} if before is not None else {}
    )  # A new one's stands in its title.
    rows += _named(before, after, {"reason": "reason"})
    if isinstance(before, Run) and isinstance(after, Run):
        rows += [
            {"name": f"step {id}", "before": before.steps[id].status, "after": step.status}
            for id, step in after.steps.items()
            if id in before.steps
        ]
    return rows


def _action(before: Entity | None, after: Entity | None) -> list[Plain]:
    names = {"approval.by": "approved by", "targets": "targets", "compensated_by": "corrected by"}
    return _named(before, after, names if before is None else {"status": "status", **names})


def _asset(before: Entity | None, after: Entity | None) -> list[Plain]:
    return []  # Its text says it all.


def _all_fields(before: Entity | None, after: Entity | None) -> list[Plain]:
    some = after or before
    assert some is not None, "there is something to compare"
    names = {name: name for name in some.__struct_fields__ if name not in ("id", "seq", "at_us", "labels")}
    return [row for row in _named(before, after, names) if row["before"] != row["after"]]


def _snapshot(before: Entity | None, after: Entity | None) -> list[Plain]:
    return _named(before, after, {"at_seq": "position", "note": "note"})


def _link(before: Entity | None, after: Entity | None) -> list[Plain]:
    return []


_COMPARE: dict[type[Entity], Callable[[Entity | None, Entity | None], list[Plain]]] = {
    Fact: _fact,
    Memory: _memory,
    Document: _document,
    Run: _run,
    Action: _action,
    Asset: _asset,
    Edge: _link,
    Snapshot: _snapshot,
    Settings: _all_fields,
    Stop: _all_fields,
    Alert: _all_fields,
}
