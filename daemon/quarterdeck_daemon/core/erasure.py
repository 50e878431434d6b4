"""Forgetting for good, as far as the log is concerned: what is planned, that it was begun, that it is proven done.

    erasure.planned   what goes, by name; sealed, and the last thing that is forgotten
    memory.forgotten  in clear: how much goes, and the tombstones of what the house had numbered
    memory.erased     in clear: the proof
    erasure.closed    the names of what went are forgotten too

Between them the rim takes out keys, rows and files (service/forgetting.py); after a crash it goes on from the
stage that the `Erasure` is in. A fold of the log leaves out what was erased and ends in the same state, when it
begins with `bury`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR

from .commands import BeginErasure, CloseErasure, Command, ProveErasure
from .entities import Action, Alias, Counter, Document, Entity, Erasure, Memory, Plain, Receipt, Run
from .hashing import text_hash
from .lookup import find
from .subjects import ERASED_BODY, FORGOTTEN, erased
from .table import Draft, Table
from .turn import Applier, Turn, strings, take_number

ON_THE_WIRE: frozenset[str] = frozenset(("intent", "sent", "unknown"))
WAITING: frozenset[str] = frozenset(("proposed", "held"))


def was_forgotten(table: Table, name: str) -> bool:
    """Whether what somebody outside calls `name` was forgotten, and must not come in again by itself."""
    return table.get(Alias, forgotten_alias(name)) is not None


def forgotten_alias(name: str) -> str:
    """The name under which it is remembered that `name` was forgotten: only who has the name can ask."""
    return f"{FORGOTTEN}{text_hash(name)[:48]}"


# --- deciding -------------------------------------------------------------------------------------


def begin(turn: Turn, command: BeginErasure) -> Plain:
    """Record the plan, end what is under way of it, and put the tombstones."""
    under_way = next(turn.draft.live(Erasure), None)
    if under_way is not None:
        raise QuarterdeckError(
            "conflict",
            f"{under_way.id} is still being forgotten",
            hint="It ends by itself; `quarterdeck alerts` says what holds it up, if something does.",
        )
    id = f"er{turn.number('er')}"
    names: Plain = msgspec.to_builtins(command.removal)
    planned = turn.emit(
        "erasure.planned",
        {
            "id": id,
            "removal": names,
            "identifiers": list(command.identifiers),
            "operations": list(command.operations),
        },
    )
    _end_what_moves(turn, command.removal.entities)
    body: Plain = {
        "id": id,
        "list_seq": planned.seq,
        "counts": command.counts,
        "reason": command.reason,
        "epoch": command.removal.epoch,
        "memories": list(_of(command.removal.entities, "memory")),
        "documents": list(_of(command.removal.entities, "document")),
        "receipts": [[receipt.id, receipt.body_hash, receipt.reply_seq] for receipt in _receipts(turn, command)],
        "names": [forgotten_alias(name) for name in command.names],
        "numbers": _numbers(command.removal.entities),
    }
    turn.emit("memory.forgotten", body)
    return {"id": id, "counts": command.counts}


def forget_again(turn: Turn, body: Plain, *, known_to: int) -> str:
    """Repeat a forgetting of the log that this one is an earlier copy of; its content is unreadable here already.

    body: of its `memory.forgotten`.  known_to: where the copy ends.
    Tombstones only stand for what this log had; what must not come in again from outside, and the numbers that are
    never given again, hold as they do there. Returns its id.
    """
    known = msgspec.convert(body, _Forgotten)
    again: Plain = {
        **msgspec.to_builtins(known),
        "list_seq": 0,
        "memories": [id for id in known.memories if _was_given(turn, "m", id)],
        "documents": [id for id in known.documents if _was_given(turn, "doc", id)],
        "receipts": [list(one) for one in known.receipts if one[2] <= known_to],
    }
    turn.emit("memory.forgotten", again)
    turn.emit("memory.erased", {"id": known.id, "proof": {"restored": True}})
    turn.emit("erasure.closed", {"id": known.id})
    return known.id


def _was_given(turn: Turn, prefix: str, id: str) -> bool:
    counter = turn.draft.get(Counter, prefix)
    return counter is not None and int(id.removeprefix(prefix)) <= counter.value


def _of(entities: Iterable[str], kind: str) -> list[str]:
    return [entity.partition(":")[2] for entity in entities if entity.startswith(f"{kind}:")]


def _receipts(turn: Turn, command: BeginErasure) -> list[Receipt]:
    """A request that was answered stays answered: its id keeps a receipt, without what it said."""
    found = (turn.draft.get(Receipt, id) for id in _of(command.removal.entities, "receipt"))
    return [receipt for receipt in found if receipt is not None and not _says(command.identifiers, receipt.id)]


def _says(identifiers: Iterable[str], id: str) -> bool:
    return any(one.casefold() in id.casefold() for one in identifiers)


def _numbers(entities: Iterable[str]) -> dict[str, int]:
    """The highest number that goes, by prefix of ids: none of them is ever given again."""
    numbers: dict[str, int] = {}
    for entity in entities:
        id = entity.partition(":")[2]
        prefix = id.rstrip("0123456789")
        digits = id[len(prefix) :]
        if prefix in ("m", "doc", "r", "a", "dead", "alert") and digits:
            numbers[prefix] = max(numbers.get(prefix, 0), int(digits))
    return numbers


def _end_what_moves(turn: Turn, entities: Iterable[str]) -> None:
    """Runs are cancelled and actions withdrawn first. Raises `conflict` for what may be on the wire right now."""
    actions = [action for id in _of(entities, "action") if (action := turn.draft.get(Action, id)) is not None]
    going = next((action for action in actions if action.status in ON_THE_WIRE), None)
    if going is not None:
        raise QuarterdeckError(
            "conflict",
            f"{going.id} is {going.status}: it may be leaving the house right now",
            hint=f"Wait until it is over, or settle it: quarterdeck settle {going.id}",
        )
    why = "what it worked on is forgotten"
    for id in _of(entities, "run"):
        run = turn.draft.get(Run, id)
        if run is not None and run.live:
            turn.emit("run.cancelled", {"run": id, "reason": why, "status": "cancelled"}, run=id, labels=run.labels)
    for action in actions:
        if action.status in WAITING:
            body: Plain = {"action": action.id, "reason": why, "was": action.status}
            turn.emit("action.withdrawn", body, run=action.run or None, labels=action.labels)


def prove(turn: Turn, command: ProveErasure) -> Plain:
    erasure = find(turn, Erasure, command.id)
    if erasure.stage == "planned":
        turn.emit("memory.erased", {"id": erasure.id, "proof": command.proof})
    return {"id": erasure.id, "proof": command.proof}


def close(turn: Turn, command: CloseErasure) -> Plain:
    erasure = find(turn, Erasure, command.id)
    if erasure.live:
        turn.emit("erasure.closed", {"id": erasure.id})
    return {"id": erasure.id}


# --- applying -------------------------------------------------------------------------------------


class _Forgotten(msgspec.Struct):
    id: str
    list_seq: int
    counts: dict[str, int]
    reason: str
    epoch: int
    memories: tuple[str, ...]
    documents: tuple[str, ...]
    receipts: tuple[tuple[str, str, int], ...]
    names: tuple[str, ...]
    numbers: dict[str, int]


def _planned(draft: Draft, event: Event) -> None:
    """Says what goes; the state hears of it by the next event, which can be read for ever."""


def _forgotten(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Forgotten)
    erasure = Erasure(
        id=body.id, seq=event.seq, stage="planned", list_seq=body.list_seq, counts=body.counts, reason=body.reason,
        epoch=body.epoch, at_us=event.at_us,
    )  # fmt: skip
    draft.put(erasure)
    take_number(draft, body.id, event.seq)
    for entity in _tombstones(body, event.seq, event.at_us):
        draft.put(entity)
    for prefix, number in body.numbers.items():
        counter = draft.get(Counter, prefix)
        value = max(number, counter.value if counter else 0)
        draft.puts["counter", prefix] = Counter(id=prefix, value=value, seq=event.seq)


def _tombstones(body: _Forgotten, seq: int, at_us: int) -> list[Entity]:
    """What is left of it: made of nothing but this event, so that a fold without the rest makes the same."""
    memories = [Memory(id=id, seq=seq, text="", at_us=at_us, labels=OPERATOR, forgotten=True) for id in body.memories]
    documents = [
        Document(
            id=id, seq=seq, external_id="", media_type="", blob="", size_bytes=0, at_us=at_us, labels=OPERATOR,
            status="parsed", forgotten=True,
        )
        for id in body.documents
    ]  # fmt: skip
    receipts = [
        Receipt(id=id, seq=seq, body_hash=hash, reply=dict(ERASED_BODY), reply_seq=at)
        for id, hash, at in body.receipts
    ]
    names = [Alias(id=name, seq=seq, target="forgotten") for name in body.names]
    return [*memories, *documents, *receipts, *names]


def _erased(draft: Draft, event: Event) -> None:
    erasure = draft.get(Erasure, str(event.body["id"]))
    assert erasure is not None, "only what was begun is proven"
    proof = event.body["proof"]
    assert isinstance(proof, dict), "a proof is a map"
    draft.put(msgspec.structs.replace(erasure, seq=event.seq, stage="erased", proof=proof))


def _closed(draft: Draft, event: Event) -> None:
    erasure = draft.get(Erasure, str(event.body["id"]))
    assert erasure is not None, "only what was begun is closed"
    draft.put(msgspec.structs.replace(erasure, seq=event.seq, stage="closed"))


def bury(draft: Draft, events: Iterable[Event]) -> None:
    """Put the tombstones before a history is folded from which something was erased: later events speak of them."""
    for event in events:
        if event.kind == "memory.forgotten" and not erased(event):
            body = msgspec.convert(event.body, _Forgotten)
            for entity in _tombstones(body, 0, event.at_us):
                draft.puts[entity.kind, entity.id] = entity


def removal_of(event: Event | None) -> Plain | None:
    """The names in `erasure.planned`, None when they were forgotten already."""
    if event is None or erased(event):
        return None
    removal = event.body["removal"]
    assert isinstance(removal, dict), "a removal is a map"
    return removal


def identifiers_of(event: Event) -> tuple[str, ...]:
    return strings(event.body.get("identifiers"))


DECIDE: dict[type[Command], Callable[..., Plain]] = {BeginErasure: begin, ProveErasure: prove, CloseErasure: close}
APPLY: dict[str, Applier] = {
    "erasure.planned": _planned,
    "memory.forgotten": _forgotten,
    "memory.erased": _erased,
    "erasure.closed": _closed,
}
