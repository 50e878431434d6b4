"""What a step was shown: how versions look to an agent, and the same made again from the log's manifest.

Owns     the shapes of values in a context (see orders.RunStep) and the hash of each.
Promises the same versions shown at the same time give the same values, so a context need not be kept, only named;
         what has been forgotten since reads as FORGOTTEN and is told apart from damage.
Leaves   choosing what is read to reads.py and context.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels

from . import context as contexts
from .agent_files import read_agent
from .context import Piece
from .entities import ENTITIES, Action, Asset, Document, Entity, Fact, Memory, Plain, Plan, Task
from .hashing import value_hash
from .playbook import parse_playbook
from .tokens import tokens_of

FORGOTTEN: Final = "[forgotten]"
HASH_SIGNS: Final = 32

Seen = Document | Fact | Memory | Action | Asset | Task | Plan
Versions = Callable[[type[Entity], str, int], Entity | None]
"""(class, id, log position) -> the version of then, or None."""


# --- how versions are shown -----------------------------------------------------------------------


class Version(msgspec.Struct, frozen=True):
    """One version, and when it was shown. None: it has been forgotten since; then `id` is all that is left."""

    entity: Seen | None
    at_us: int
    id: str = ""


def _show_document(versions: list[Version], scores: Sequence[float]) -> object:
    document = versions[0].entity
    if not isinstance(document, Document):
        return {"id": versions[0].id, "title": FORGOTTEN, "text": FORGOTTEN, "meta": {}, "labels": {}}
    labels = msgspec.to_builtins(document.labels)
    return {
        "id": document.id,
        "title": document.title,
        "text": document.text,
        "meta": document.meta,
        "labels": labels,
    }


def _show_fact(versions: list[Version], scores: Sequence[float]) -> object:
    return _plain_fact(versions[0])


def _show_facts(versions: list[Version], scores: Sequence[float]) -> object:
    return [_plain_fact(version) for version in versions]


def _plain_fact(version: Version) -> Plain:
    fact = version.entity
    if not isinstance(fact, Fact):
        return {"id": version.id, "key": version.id.partition("/")[2], "value": {"text": FORGOTTEN}, "version": 0}
    value, number, span = contexts.said_of(fact, version.at_us)
    return {"id": fact.id, "key": fact.key, "value": value, "version": number, **span}


def _show_action(versions: list[Version], scores: Sequence[float]) -> object:
    action = versions[0].entity
    shown = ("id", "connector", "verb", "args", "targets", "result", "status")
    if not isinstance(action, Action):
        return dict.fromkeys(shown, FORGOTTEN) | {"args": {}, "targets": [], "result": {}}
    return {name: msgspec.to_builtins(getattr(action, name)) for name in shown}


def _show_tasks(versions: list[Version], scores: Sequence[float]) -> object:
    return [_plain_task(version) for version in versions]


def _plain_task(version: Version) -> Plain:
    task = version.entity
    shown = (
        "id",
        "title",
        "text",
        "state",
        "owner",
        "due_us",
        "accept",
        "criteria",
        "evidence",
        "parent",
        "key",
        "note",
    )
    if not isinstance(task, Task):
        return {"id": version.id, "title": FORGOTTEN, "text": FORGOTTEN, "state": FORGOTTEN}
    return {name: msgspec.to_builtins(getattr(task, name)) for name in shown}


def _show_template(versions: list[Version], scores: Sequence[float]) -> object:
    variants: Plain = {}
    base: Plain = {"id": "", "name": "", "text": FORGOTTEN, "hash": ""}
    names = [version.entity.name for version in versions if isinstance(version.entity, Asset)]
    root = min(names, key=len, default="").partition(".")[0]
    for asset in (version.entity for version in versions):
        if not isinstance(asset, Asset):
            continue
        text: Plain = {"id": f"asset:{asset.id}", "name": asset.name, "text": asset.text, "hash": asset.hash}
        if asset.name == root:
            base = text
        else:
            variants[asset.name.removeprefix(f"{root}.")] = text
    return {**base, "variants": variants}


def _show_recalled(versions: list[Version], scores: Sequence[float]) -> object:
    return [_plain_hit(version, score) for version, score in zip(versions, scores, strict=True)]


def _plain_hit(version: Version, score: float) -> Plain:
    one = version.entity
    if not isinstance(one, Memory | Fact):
        return {"id": version.id, "title": FORGOTTEN, "text": FORGOTTEN, "score": score, "source": ""}
    title = one.title if isinstance(one, Memory) else one.id
    text = contexts.text_of(one, version.at_us)
    return {"id": one.id, "title": title, "text": text, "score": score, "source": one.source}


def _show_playbooks(versions: list[Version], scores: Sequence[float]) -> object:
    """What each is for and takes. One that cannot be read any more is not shown."""
    texts = [version.entity.text for version in versions if isinstance(version.entity, Asset)]
    return [shown for text in texts if (shown := _plain_playbook(text))]


def _plain_playbook(text: str) -> Plain:
    try:
        playbook = parse_playbook(text)
    except QuarterdeckError:
        return {}
    return {
        "name": playbook.name,
        "description": playbook.description,
        "intents": list(playbook.intents),
        "inputs": {name: msgspec.to_builtins(spec) for name, spec in playbook.inputs.items()},
        "starts_on": [trigger.event for trigger in playbook.triggers],
    }


def _show_agents(versions: list[Version], scores: Sequence[float]) -> object:
    """The contracts."""
    texts = [version.entity.text for version in versions if isinstance(version.entity, Asset)]
    return [shown for text in texts if (shown := _plain_agent(text))]


def _plain_agent(text: str) -> Plain:
    try:
        contract: Plain = msgspec.to_builtins(read_agent(text).form)
    except QuarterdeckError:
        return {}
    return contract


def _show_plans(versions: list[Version], scores: Sequence[float]) -> object:
    """What was asked before, and what the operator made of it."""
    return [
        {"intent": plan.intent, "playbook": plan.playbook, "source": plan.source, "status": plan.status}
        for plan in (version.entity for version in versions)
        if isinstance(plan, Plan)
    ]


SHAPES: dict[str, Callable[[list[Version], Sequence[float]], object]] = {
    "document": _show_document,
    "facts": _show_facts,
    "fact": _show_fact,
    "template": _show_template,
    "action": _show_action,
    "tasks": _show_tasks,
    "recall": _show_recalled,
    "playbooks": _show_playbooks,
    "agents": _show_agents,
    "plans": _show_plans,
}


# --- making it again ------------------------------------------------------------------------------


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """A step's context, made again. forgotten: `kind:id` that were shown and have been forgotten since.

    differs  reads whose hash is another now: the store is damaged, or a later release shows their kind differently
    """

    context: Plain
    forgotten: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


def rebuild(body: Plain, at_us: int, versions: Versions) -> Rebuilt:
    """Return the context that `step.started` with this body gave to its agent, from the versions that it names."""
    given, reads = body.get("context"), body.get("reads")
    context: Plain = dict(given) if isinstance(given, dict) else {}
    forgotten: list[str] = []
    differs: list[str] = []
    for name, kept in reads.items() if isinstance(reads, dict) else ():
        gone: list[str] = []
        again = _context_again if kept["shape"] == "context" else _read_again
        value = again(kept, at_us, versions, gone)
        if not gone and value_hash(value)[:HASH_SIGNS] != kept["hash"]:
            differs.append(name)
        context[name] = value
        forgotten += gone
    return Rebuilt(context=context, forgotten=tuple(forgotten), differs=tuple(differs))


def tokens_by_read(body: Plain, context: Plain) -> Plain:
    """The account of a step's context: tokens by read; of an assembled one, by part, as recorded."""
    reads = body.get("reads")
    kept = reads if isinstance(reads, dict) else {}
    parts = {name: read["parts"] for name, read in kept.items() if read["shape"] == "context"}
    return {name: parts[name] if name in parts else tokens_in(value) for name, value in context.items()}


def _read_again(kept: Plain, at_us: int, versions: Versions, gone: list[str]) -> object:
    of, scores = kept["of"], kept.get("scores", [])
    assert isinstance(of, list), "recorded as a list"
    assert isinstance(scores, list), "recorded as a list"
    found: list[Version] = []
    for name, seq in of:
        entity = _then(versions, str(name), int(seq), gone)
        found.append(Version(entity, at_us, str(name).partition(":")[2]))
    return SHAPES[str(kept["shape"])](found, scores)


def _then(versions: Versions, name: str, seq: int, gone: list[str]) -> Seen | None:
    kind, _, id = name.partition(":")
    entity = versions(ENTITIES[kind], id, seq)
    if entity is None or entity.seq != seq or getattr(entity, "forgotten", False):
        gone.append(name)
        return None
    assert isinstance(entity, Document | Fact | Memory | Action | Asset | Task | Plan), "only these are read by steps"
    return entity


def _context_again(kept: Plain, at_us: int, versions: Versions, gone: list[str]) -> object:
    rows = kept["pieces"]
    assert isinstance(rows, list), "recorded as a list"
    pieces: list[Plain] = []
    for row in rows:
        entity = _then(versions, str(row["of"]), int(row["seq"]), gone)
        if isinstance(entity, Memory | Fact):
            pieces.append(contexts.plain_piece(contexts.piece_again(row, entity, at_us)))
        else:
            pieces.append(_forgotten_piece(row))
    tokens = sum(int(row["tokens"]) for row in rows)
    return {"budget": kept["budget"], "query": kept["query"], "tokens": tokens, "pieces": pieces}


def _forgotten_piece(row: Plain) -> Plain:
    piece = Piece(
        part=str(row["part"]), entity=str(row["of"]), seq=int(str(row["seq"])), text=FORGOTTEN, chars=0,
        tokens=int(str(row["tokens"])), labels=Labels(), title=FORGOTTEN,
    )  # fmt: skip
    return contexts.plain_piece(piece)


def tokens_in(value: object) -> int:
    """Tokens of all texts in a plain value; of what has no text, none."""
    if isinstance(value, str):
        return tokens_of(value)
    if isinstance(value, dict):
        return sum(tokens_in(item) for item in value.values())
    return sum(map(tokens_in, value)) if isinstance(value, list | tuple) else 0
