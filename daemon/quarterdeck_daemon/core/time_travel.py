"""Going back: snapshots name a position, a rewind writes the values of one once more, as new events.

    restoration(now, then, later)   what must change in a record so that it is again what it was
    RewindRecords                   the changes of one rewind, in one commit or in slices of one named unit

The log only grows: a rewind is events like any others, so it can be undone in the same way. Whoever plans reads
the past from the store; here it is decided on the present alone: a record that has changed since it was planned is
a `conflict`, what was forgotten stays forgotten, and no label becomes more trusting than what the same content was
given later.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels, join

from .commands import Command, CreateSnapshot, RemoveSnapshot, Restored, RewindRecords
from .edges import KERNEL_RELATIONS
from .entities import ENTITIES, ClockMark, Document, Entity, Fact, Memory, Plain, Rewind, Run, Snapshot
from .fact_state import relate
from .lookup import find
from .table import Draft
from .turn import Applier, Turn, take_number

SLICE_MAX = 500  # Records of one commit; a larger rewind is several commits under one name.
SNAPSHOT_NAME_CHARS_MAX = 64
SNAPSHOT_NOTE_BYTES_MAX = 200
# A snapshot is one event, one record and one key of the index by entity; nothing is copied. Held by a test.
SNAPSHOT_BYTES_MAX = 1_024
RESERVED_NAMES: frozenset[str] = frozenset(
    (
        "now", "today", "tomorrow", "yesterday", "last", "head", "start", "monday", "tuesday", "wednesday", "thursday",
        "friday", "saturday", "sunday", "noon", "midnight",
    )
)  # fmt: skip

Record = Memory | Fact | Document
RECORDS: dict[str, type[Record]] = {"memory": Memory, "fact": Fact, "document": Document}

# --- the clock --------------------------------------------------------------------------------------


def note_clock(turn: Turn) -> None:
    """Record that the wall clock was set back, so that times of the past are found in spite of it."""
    if turn.env.now_us < turn.env.last_us:
        turn.emit("clock.set_back", {"from_us": turn.env.last_us, "to_us": turn.env.now_us}, actor="kernel")


def _set_back(draft: Draft, event: Event) -> None:
    before = int(str(event.body["from_us"]))
    earlier = max((mark.highest_us for mark in draft.scan(ClockMark)), default=0)
    mark = ClockMark(id=f"{event.seq:020}", seq=event.seq, highest_us=max(before, earlier), at_us=event.at_us)
    draft.put(mark)


# --- snapshots --------------------------------------------------------------------------------------


def create_snapshot(turn: Turn, command: CreateSnapshot) -> Plain:
    _check_name(command.name)
    if len(command.note.encode()) > SNAPSHOT_NOTE_BYTES_MAX:
        raise QuarterdeckError("out_of_range", f"a note has at most {SNAPSHOT_NOTE_BYTES_MAX} bytes")
    known = turn.draft.get(Snapshot, command.name)
    if known is not None and not known.removed:
        raise QuarterdeckError(
            "conflict",
            f"there is a snapshot {command.name!r} already, of {known.at_seq}",
            hint=f"Choose another name, or first: quarterdeck snapshot remove {command.name}",
        )
    at_seq = turn.seq if command.at_seq is None else command.at_seq
    turn.emit("snapshot.created", {"name": command.name, "at_seq": at_seq, "note": command.note})
    return {"id": command.name, "at_seq": at_seq}


def _check_name(name: str) -> None:
    """A letter first, so that no name can be taken for a sequence or a date."""
    fits = 0 < len(name) <= SNAPSHOT_NAME_CHARS_MAX and name[0].isalpha()
    fits = fits and all(char.isalnum() or char in "._-" for char in name)
    if not fits or unicodedata.normalize("NFC", name) != name or name.lower() in RESERVED_NAMES:
        raise QuarterdeckError(
            "bad_value",
            f"{name!r} is no name for a snapshot",
            hint=f"A letter, then letters, digits, `.`, `_` or `-`; at most {SNAPSHOT_NAME_CHARS_MAX}; "
            "not a word that names a day.",
        )


def remove_snapshot(turn: Turn, command: RemoveSnapshot) -> Plain:
    snapshot = turn.draft.get(Snapshot, command.name)
    if snapshot is None or snapshot.removed:
        raise QuarterdeckError(
            "not_found", f"there is no snapshot {command.name!r}", hint="List them: quarterdeck snapshot list"
        )
    turn.emit("snapshot.removed", {"name": command.name, "reason": command.reason})
    return {"id": command.name, "at_seq": snapshot.at_seq}


def _snapshot_created(draft: Draft, event: Event) -> None:
    at_seq = int(str(event.body["at_seq"]))
    note = str(event.body["note"])
    draft.put(Snapshot(id=str(event.body["name"]), seq=event.seq, at_seq=at_seq, at_us=event.at_us, note=note))


def _snapshot_removed(draft: Draft, event: Event) -> None:
    snapshot = draft.get(Snapshot, str(event.body["name"]))
    assert snapshot is not None, "only what was made is removed"
    draft.put(msgspec.structs.replace(snapshot, seq=event.seq, removed=True))


# --- what a restored record is ------------------------------------------------------------------------

_OURS = frozenset(("id", "seq", "version"))
# What a document holds comes from its bytes, which never change: only its standing is restored.
_STANDING = frozenset(("title", "labels", "namespace", "tier", "supersedes", "superseded_by", "withdrawn"))


def is_current(entity: Entity) -> bool:
    """Whether a record counts when nothing else is asked for: not withdrawn, superseded, removed or forgotten."""
    return not any(getattr(entity, name, False) for name in ("forgotten", "withdrawn", "superseded_by", "removed"))


def content_of(record: Record) -> object:
    """What a record says, apart from how it is filed."""
    if isinstance(record, Memory):
        return record.text
    return record.value if isinstance(record, Fact) else record.blob


def restoration(now: Record, then: Record | None, later: Sequence[Record] = ()) -> Plain:
    """Return the fields of `now` that must change so that it is what it was; {} when nothing must.

    then   the version at the point, None when it was not known yet: then it is withdrawn.
    later  versions after the point, without those that rewinds wrote: what their labels took away from the same
           content stays taken away.
    """
    if getattr(now, "forgotten", False):
        return {}
    if then is None or getattr(then, "forgotten", False):
        gone: Plain = {} if now.withdrawn else {"withdrawn": True}
        # As when a fact is retracted: what follows from its value goes with it.
        return gone | {"refs": [], "ahead": []} if gone and isinstance(now, Fact) else gone
    said = [one.labels for one in later if content_of(one) == content_of(then)]
    wanted = _lowered(then, _floored(then.labels, said))
    names = _STANDING if isinstance(now, Document) else frozenset(now.__struct_fields__) - _OURS
    return {
        name: msgspec.to_builtins(getattr(wanted, name))
        for name in sorted(names)
        if getattr(wanted, name) != getattr(now, name)
    }


def _floored(then: Labels, later: Iterable[Labels]) -> Labels:
    low = join((then, *later))
    same = (low.integrity, low.sensitivity) == (then.integrity, then.sensitivity)
    return then if same else low


def _lowered(then: Record, labels: Labels) -> Record:
    """The version with these labels; what is no longer the operator's word goes to review."""
    if labels.integrity == then.labels.integrity:
        return msgspec.structs.replace(then, labels=labels)
    return msgspec.structs.replace(then, labels=labels, tier="review")


# --- rewinding ----------------------------------------------------------------------------------------


def rewind(turn: Turn, command: RewindRecords) -> Plain:
    """Write one slice. The first one names the rewind, the last one ends it; a small one is both."""
    if len(command.changes) + len(command.edges) > SLICE_MAX:
        raise QuarterdeckError("out_of_range", f"one commit of a rewind changes at most {SLICE_MAX} records")
    begun = _resumed(turn, command) or _begin(turn, command)
    for change in command.changes:
        _restore(turn, begun, change)
    for edge in command.edges:
        if edge.relation in KERNEL_RELATIONS:
            raise QuarterdeckError("bad_value", f"the relation {edge.relation!r} is never taken back")
        body: Plain = {"source": edge.source, "relation": edge.relation, "target": edge.target, "rewind": begun.id}
        turn.emit("link.removed" if edge.remove else "link.made", body)
    reply: Plain = {"rewind": begun.id, "to_seq": begun.to_seq, "from_seq": begun.from_seq, "scope": begun.scope}
    if not command.last:
        return reply
    cancelled = [id for id in command.cancel if _cancel(turn, begun, id)]
    done = command.done + len(command.changes) + len(command.edges)
    turn.emit("rewind.finished", {"rewind": begun.id, "done": done, "cancelled": cancelled})
    undo: Plain = {"to": begun.from_seq, "scope": f"rewind:{begun.id}"}
    words = f"quarterdeck rewind --undo {begun.id}"
    told: Plain = {"id": begun.id, "total": done, "cancelled": cancelled, "undo": undo, "undo_words": words}
    return {**command.told, **reply, **told}


def _resumed(turn: Turn, command: RewindRecords) -> Rewind | None:
    under_way = next(iter(turn.draft.live(Rewind)), None)
    if under_way is None:
        if command.rewind:
            raise QuarterdeckError("conflict", f"{command.rewind} is not under way")
        return None
    if under_way.id != command.rewind:
        raise QuarterdeckError(
            "conflict",
            f"the rewind {under_way.id} to {under_way.to_seq} was interrupted and is not finished",
            hint=f"First: quarterdeck rewind --resume {under_way.id}",
        )
    return under_way


def _begin(turn: Turn, command: RewindRecords) -> Rewind:
    body: Plain = {
        "rewind": f"rw{turn.number('rw')}",
        "to_seq": command.to_seq,
        "from_seq": turn.seq,
        "scope": command.scope,
        "changes": command.total,
        "reason": command.reason,
    }
    turn.emit("rewind.begun", body)
    return find(turn, Rewind, str(body["rewind"]))


def _restore(turn: Turn, rewind: Rewind, change: Restored) -> None:
    kind, _, id = change.entity.partition(":")
    record = find(turn, RECORDS[kind], id)
    if record.seq != change.expected_seq or getattr(record, "forgotten", False):
        raise QuarterdeckError(
            "conflict", f"{change.entity} has changed since the plan was made", hint="Plan once more, then decide."
        )
    fields = dict(change.fields)
    labels = msgspec.convert(fields["labels"], Labels) if "labels" in fields else record.labels
    body: Plain = {"id": id, "fields": fields, "then_seq": change.then_seq, "rewind": rewind.id}
    if isinstance(record, Memory) and record.document:
        body["document"] = record.document  # Whose content it is.
    turn.emit(f"{kind}.restored", body, labels=labels)


def _cancel(turn: Turn, rewind: Rewind, id: str) -> bool:
    run = turn.draft.get(Run, id)
    if run is None or run.status not in ("running", "paused"):
        return False
    body: Plain = {"run": id, "reason": f"{rewind.id} went back to before it began", "status": "cancelled"}
    turn.emit("run.cancelled", body, run=id, labels=run.labels)
    return True


def _begun(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Begun)
    draft.put(
        Rewind(
            id=body.rewind,
            seq=event.seq,
            to_seq=body.to_seq,
            from_seq=body.from_seq,
            scope=body.scope,
            changes=body.changes,
            at_us=event.at_us,
            reason=body.reason,
        )
    )
    take_number(draft, body.rewind, event.seq)


class _Begun(msgspec.Struct):
    rewind: str
    to_seq: int
    from_seq: int
    scope: str
    changes: int
    reason: str = ""


def _finished(draft: Draft, event: Event) -> None:
    known = draft.get(Rewind, str(event.body["rewind"]))
    assert known is not None, "only what was begun is finished"
    done = int(str(event.body["done"]))
    draft.put(msgspec.structs.replace(known, seq=event.seq, finished=True, done=done))


def _restored(kind: str) -> Applier:
    cls = RECORDS[kind]

    def apply(draft: Draft, event: Event) -> None:
        record = draft.get(cls, str(event.body["id"]))
        fields = event.body["fields"]
        assert record is not None, "only what there is can be restored"
        assert isinstance(fields, dict), "fields are a map"
        present: Plain = msgspec.to_builtins(record)
        changed = msgspec.convert({**present, **fields, "seq": event.seq}, cls)
        if isinstance(record, Fact) and isinstance(changed, Fact):
            relate(draft, record.id, record.refs, changed.refs, event.seq)
            draft.put(msgspec.structs.replace(changed, version=record.version + 1))
        else:
            draft.put(changed)

    return apply


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    CreateSnapshot: create_snapshot,
    RemoveSnapshot: remove_snapshot,
    RewindRecords: rewind,
}
APPLY: dict[str, Applier] = {
    "clock.set_back": _set_back,
    "snapshot.created": _snapshot_created,
    "snapshot.removed": _snapshot_removed,
    "rewind.begun": _begun,
    "rewind.finished": _finished,
    "memory.restored": _restored("memory"),
    "fact.restored": _restored("fact"),
    "document.restored": _restored("document"),
}
assert all(kind in ENTITIES for kind in RECORDS)
