"""Retention: what leaves recall, by whose word, and how it comes back. Nothing is erased here.

    withdrawn  by the operator      expired  its time or its room is over      compressed  a summary stands for it

All three stay readable: by their id, as of an earlier time, and through `why` of what was made of them. What is
pinned never expires, instructions and core only at a time that was set for that very memory, and facts not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import join

from .alerts import raise_alert
from .commands import Command, CompressMemories, CountUses, ExpireMemories, NoteUpkeep, WithdrawMemories
from .entities import Document, Memory, Plain, Tier, Upkeep, Use
from .lookup import find
from .memory import put_new
from .summary import extract
from .table import Draft
from .tiers import make_room, may_be_source
from .turn import Applier, Turn, strings

IDS_MAX = 1_000  # Of one command.
OWN_TIME = "its time has come"  # The rule of what was given an expiry of its own.
KEPT_TIERS = ("instructions", "core")
COMPRESSED_TIERS = ("project", "long-term", "review")
GROUP_MIN, GROUP_MAX = 4, 50  # Notes for which one summary stands.
GROUP_CHARS_MAX = 100_000
SHARE = 4  # A summary has at most one part in so many of what it stands for.
SUMMARY_CHARS_MIN, SUMMARY_CHARS_MAX = 200, 4_000


# --- withdrawn and brought back -------------------------------------------------------------------


def withdraw(turn: Turn, command: WithdrawMemories) -> Plain:
    """Take memories or whole documents out of recall, or bring them back. Without effect where it is so already."""
    if len(command.ids) > IDS_MAX:
        raise QuarterdeckError("out_of_range", f"at most {IDS_MAX:,} at a time")
    changed: list[str] = []
    for id in command.ids:
        entity = turn.draft.get(Document, id) or find(turn, Memory, id)
        if entity.forgotten:
            raise QuarterdeckError("conflict", f"{id} was forgotten for good")
        steps = _bring_back(turn, entity) if command.back else _take_out(entity)
        changed += [name for name in steps if name not in changed]
    kind = "memory.reinstated" if command.back else "memory.withdrawn"
    if changed:
        turn.emit(kind, {"ids": changed, "reason": command.reason})
        if not command.back:
            _unfold(turn, changed, command.reason)
    return {"ids": changed, "changed": len(changed)}


def _take_out(entity: Memory | Document) -> list[str]:
    return [] if entity.withdrawn else [f"{entity.kind}:{entity.id}"]


def _bring_back(turn: Turn, entity: Memory | Document) -> list[str]:
    if isinstance(entity, Memory) and entity.superseded_by:
        newer = turn.draft.get(Memory, entity.superseded_by)
        if newer is not None and newer.current and not newer.stands_for:
            raise QuarterdeckError(
                "conflict",
                f"{newer.id} has taken the place of {entity.id}",
                hint=f"Take that one out first: quarterdeck memory withdraw {newer.id}",
            )
    if not entity.withdrawn and not entity.superseded_by:
        return []
    if isinstance(entity, Memory):
        due = entity.expires_us is not None and entity.expires_us <= turn.env.now_us
        back = msgspec.structs.replace(entity, withdrawn=False, superseded_by="")
        make_room(turn, msgspec.structs.replace(back, expires_us=None) if due else back)
    return [f"{entity.kind}:{entity.id}"]


def _unfold(turn: Turn, names: list[str], reason: str) -> None:
    """A summary that is taken out gives back what it stood for."""
    back: list[str] = []
    for name in names:
        memory = turn.draft.get(Memory, name.removeprefix("memory:")) if name.startswith("memory:") else None
        for id in memory.stands_for if memory is not None else ():
            original = turn.draft.get(Memory, id)
            if original is not None and original.superseded_by == name.removeprefix("memory:"):
                back.append(f"memory:{id}")
    if back:
        turn.emit("memory.reinstated", {"ids": back, "reason": reason or "its summary was withdrawn"})


def apply_withdrawn(draft: Draft, event: Event) -> None:
    for entity in _named(draft, event):
        draft.put(msgspec.structs.replace(entity, seq=event.seq, withdrawn=True))


def apply_restored(draft: Draft, event: Event) -> None:
    for entity in _named(draft, event):
        back = msgspec.structs.replace(entity, seq=event.seq, withdrawn=False, superseded_by="")
        if isinstance(back, Memory) and back.expires_us is not None and back.expires_us <= event.at_us:
            back = msgspec.structs.replace(back, expires_us=None)
        draft.put(back)


def _named(draft: Draft, event: Event) -> Iterator[Memory | Document]:
    """What the event names; with a document go its pieces."""
    for name in strings(event.body["ids"]):
        kind, _, id = name.partition(":")
        entity = draft.get(Document, id) if kind == "document" else draft.get(Memory, id)
        if entity is None or entity.forgotten:
            continue
        yield entity
        for chunk in entity.chunks if isinstance(entity, Document) else ():
            memory = draft.get(Memory, chunk)
            if memory is not None and not memory.forgotten:
                yield memory


# --- expired --------------------------------------------------------------------------------------


def expire(turn: Turn, command: ExpireMemories) -> Plain:
    """Withdraw what its own time or a rule of retention says; what is protected stays and is told."""
    gone: list[str] = []
    kept: list[str] = []
    for id in dict.fromkeys(command.ids[:IDS_MAX]):
        memory = turn.draft.get(Memory, id)
        if memory is None or not memory.current:
            continue
        if _may_expire(turn, memory, command.rule):
            gone.append(id)
        elif memory.pinned:
            kept.append(id)
            _tell_pinned(turn, memory, command.rule)
    if gone:
        turn.emit("memory.expired", {"ids": gone, "rule": command.rule})
    return {"expired": gone, "kept": kept}


def _may_expire(turn: Turn, memory: Memory, rule: str) -> bool:
    if memory.pinned:
        return False
    if rule == OWN_TIME:
        return memory.expires_us is not None and memory.expires_us <= turn.env.now_us
    return memory.tier not in KEPT_TIERS and not _waits(memory)


def _waits(memory: Memory) -> bool:
    """A reminder that has not come back yet is a promise; only its own time ends it."""
    return memory.tier == "prospective" and (memory.repeats or not memory.fired)


def _tell_pinned(turn: Turn, memory: Memory, rule: str) -> None:
    raise_alert(
        turn,
        "info",
        f"retention/{memory.id}",
        f"{memory.id} is pinned and stays, though {rule}: {memory.title}",
        hint=f"quarterdeck memory unpin {memory.id}, or leave it.",
        about=(f"memory:{memory.id}",),
        labels=memory.labels,
    )


def apply_expired(draft: Draft, event: Event) -> None:
    for id in strings(event.body["ids"]):
        memory = draft.get(Memory, id)
        assert memory is not None, "only what exists expires"
        draft.put(msgspec.structs.replace(memory, seq=event.seq, withdrawn=True))


# --- compressed -----------------------------------------------------------------------------------


def compress(turn: Turn, command: CompressMemories) -> Plain:
    """Let a summary of their own sentences stand for notes of one tier, namespace and trust.

    The reply says `skipped`, and nothing happens, when they may not be summarised or it would save too little.
    """
    notes = [turn.draft.get(Memory, id) for id in dict.fromkeys(command.ids[:GROUP_MAX])]
    fit = [note for note in notes if note is not None and may_compress(note)]
    if len(fit) < GROUP_MIN or len({group_of(note) for note in fit}) != 1:
        return {"skipped": "too few notes of one kind"}
    before = sum(len(note.text) for note in fit)
    wanted = min(SUMMARY_CHARS_MAX, max(SUMMARY_CHARS_MIN, before // SHARE))
    if before > GROUP_CHARS_MAX or wanted * 2 > before:
        return {"skipped": "it would save too little" if wanted * 2 > before else "too much for one summary"}
    fit.sort(key=lambda note: (note.at_us, note.seq, note.id))
    text = "\n".join(one.text for one in extract([note.text for note in fit], chars_max=wanted))
    if not text:
        return {"skipped": "nothing in it can be cut out"}
    return _stand_for(turn, fit, command.topic, text)


def _stand_for(turn: Turn, notes: list[Memory], topic: str, text: str) -> Plain:
    first = notes[0]
    shared = [tag for tag in first.tags if all(tag in note.tags for note in notes)]
    labels = join(note.labels for note in notes)
    body: Plain = {
        "id": f"m{turn.number('m')}",
        "text": text,
        "title": f"{topic}: {len(notes)} notes in short"[:200],
        "source": first.source if len({note.source for note in notes}) == 1 else topic,
        "tier": first.tier,
        "tags": shared,
        "namespace": first.namespace,
        "stands_for": [note.id for note in notes],
        "first_us": first.at_us,
        "last_us": notes[-1].at_us,
    }
    turn.emit("memory.compressed", body, labels=labels)
    saved = sum(len(note.text.encode()) for note in notes) - len(text.encode())
    return {"id": body["id"], "stands_for": body["stands_for"], "saved_bytes": saved}


def may_compress(memory: Memory) -> bool:
    """Whether a summary may ever stand for it: a plain note that is no summary itself and that nothing protects."""
    note = not memory.document and not memory.pinned and not memory.when and not memory.endorsed
    return may_be_source(memory) and note and memory.tier in COMPRESSED_TIERS


def group_of(memory: Memory) -> tuple[str, str, str, str]:
    """Notes are put together only when this is the same, so that a summary is trusted and guarded as each of them."""
    return memory.tier, memory.namespace, memory.labels.integrity, memory.labels.sensitivity


def apply_compressed(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Compressed)
    summary = Memory(
        id=body.id,
        seq=event.seq,
        text=body.text,
        at_us=body.last_us,  # As old as what it stands for, lest it be recalled as news.
        labels=event.labels,
        title=body.title,
        source=body.source,
        tier=body.tier,
        memory_kind="summary",
        tags=body.tags,
        namespace=body.namespace,
        stands_for=body.stands_for,
        depth=1,
    )
    put_new(draft, summary, tuple(f"memory:{id}" for id in body.stands_for))
    for id in body.stands_for:
        memory = draft.get(Memory, id)
        assert memory is not None, "a summary stands for what exists"
        draft.put(msgspec.structs.replace(memory, seq=event.seq, withdrawn=True, superseded_by=body.id))


class _Compressed(msgspec.Struct):
    id: str
    text: str
    title: str
    source: str
    tier: Tier
    tags: tuple[str, ...]
    namespace: str
    stands_for: tuple[str, ...]
    first_us: int
    last_us: int


# --- bookkeeping ----------------------------------------------------------------------------------


def count_uses(turn: Turn, command: CountUses) -> Plain:
    counts = {id: count for id, count in command.counts.items() if count > 0}
    if counts:
        turn.emit("memory.used", {"counts": counts})
    return {"counted": len(counts)}


def apply_used(draft: Draft, event: Event) -> None:
    counts = msgspec.convert(event.body["counts"], dict[str, int])
    for id, count in counts.items():
        known = draft.get(Use, id)
        total = count + (known.count if known else 0)
        draft.puts["use", id] = Use(id=id, seq=event.seq, count=total, last_us=event.at_us)


def note_upkeep(turn: Turn, command: NoteUpkeep) -> Plain:
    body: Plain = {"phase": command.phase, "cursor": command.cursor, "counts": command.counts}
    turn.emit(f"upkeep.{command.step}", body)
    return {"phase": command.phase}


def apply_upkeep(draft: Draft, event: Event) -> None:
    known = draft.get(Upkeep, "memory")
    began = event.kind == "upkeep.began" or known is None
    draft.puts["upkeep", "memory"] = Upkeep(
        id="memory",
        seq=event.seq,
        began_us=event.at_us if began or known is None else known.began_us,
        ended_us=event.at_us if event.kind == "upkeep.ended" else None,
        phase=str(event.body["phase"]),
        cursor=str(event.body["cursor"]),
        counts=msgspec.convert(event.body["counts"], dict[str, int]),
    )


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    WithdrawMemories: withdraw,
    ExpireMemories: expire,
    CompressMemories: compress,
    CountUses: count_uses,
    NoteUpkeep: note_upkeep,
}
APPLY: dict[str, Applier] = {
    "memory.withdrawn": apply_withdrawn,
    "memory.reinstated": apply_restored,
    "memory.expired": apply_expired,
    "memory.compressed": apply_compressed,
    "memory.used": apply_used,
    "upkeep.began": apply_upkeep,
    "upkeep.advanced": apply_upkeep,
    "upkeep.ended": apply_upkeep,
}
