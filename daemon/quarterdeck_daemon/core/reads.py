"""What a step may see: its `reads`, looked up once through its agent's scope and recorded, so that a replay sees the same.

What was seen is not copied into the log. Its event holds a manifest: which version of what each read showed, in which
order, with the hash of it as shown. shown.py makes the same values again from those versions and checks the hashes.
An explicit read of what the agent may not see raises OutOfScope; what a list or a search finds out of scope is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from quarterdeck_protocol.labels import Labels

from .context import BUDGET_TOKENS, Found, assemble, manifest, plain_context, recallable
from .entities import Action, Asset, Document, Entity, Fact, Memory, Plain, Plan, Task
from .expressions import resolve
from .hashing import value_hash
from .playbook import CONTEXT_TOKENS_MAX
from .scopes import ScopedTable
from .shown import HASH_SIGNS, SHAPES, Seen, Version

FACTS_MAX: Final = 500  # Of one kind; more than that is for `recall` and queries, not for a context.
ASSETS_MAX: Final = 300  # Playbooks or agents of one read.
PLANS_MAX: Final = 200
TASKS_MAX: Final = 100  # Of one `tasks` read.


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """given: values with nothing behind them; reads: manifest of the others; context: all of them as shown.

    sources: `kind:id` of all that was seen; versions: the same as they were seen
    """

    given: Plain
    reads: Plain
    context: Plain
    sources: tuple[str, ...]
    labels: tuple[Labels, ...]
    versions: tuple[Entity, ...]

    @property
    def namespaces(self) -> frozenset[str]:
        """Whose the things are that were seen."""
        found: set[str] = set()
        for one in self.versions:
            found.update(one.namespaces if isinstance(one, Action) else ())
            found.update((one.namespace,) if isinstance(one, Memory | Document | Fact) else ())
        return frozenset(found)


class _Reader:
    def __init__(self, table: ScopedTable, now_us: int) -> None:
        self.table = table
        self.now_us = now_us
        self.sources: dict[str, None] = {}
        self.labels: list[Labels] = []
        self.versions: list[Entity] = []

    def saw(self, entity: Seen) -> None:
        self.sources[f"{entity.kind}:{entity.id}"] = None
        self.versions.append(entity)
        if not isinstance(entity, Asset):
            self.labels.append(entity.labels)


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Who reads: for the parts of a context that depend on it. about: what the run has read before."""

    agent: str
    run: str
    about: tuple[str, ...] = ()


def read_all(
    table: ScopedTable,
    reads: dict[str, Plain],
    values: Plain,
    hits: dict[str, list[Plain]],
    *,
    now_us: int,
    asking: Asking,
) -> Reading:
    """Look up every read of a step. `hits` are the answers of the index for its searches. Raises OutOfScope."""
    reader = _Reader(table, now_us)
    given: Plain = {}
    kept: Plain = {}
    context: Plain = {}
    for name, read in sorted(
        reads.items(), key=lambda item: "context" in item[1]
    ):  # A context comes last: it fills gaps.
        if "recall" in read:
            seen = _recalled(reader, hits.get(name, []))
        elif "context" in read:
            seen = None
            context[name], kept[name] = _context(reader, read, hits.get(name, []), asking)
        else:
            resolved = resolve(read, values)
            assert isinstance(resolved, dict), "a read is a map and stays one"
            kind = next(kind for kind in READERS if kind in read)
            seen = READERS[kind](reader, resolved)
            if seen is None:
                given[name] = context[name] = None
        if seen is not None:
            context[name], kept[name] = _keep(seen, now_us)
    return Reading(
        given=given, reads=kept, context=context, sources=tuple(reader.sources), labels=tuple(reader.labels),
        versions=tuple(reader.versions),
    )  # fmt: skip


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one read found, in order. shape: how it is shown; scores: of what was searched for."""

    shape: str
    entities: tuple[Seen, ...]
    scores: tuple[float, ...] = ()


def _keep(seen: _Seen, now_us: int) -> tuple[object, Plain]:
    """(as shown, manifest)."""
    value = SHAPES[seen.shape]([Version(one, now_us) for one in seen.entities], seen.scores)
    kept: Plain = {
        "shape": seen.shape,
        "of": [[f"{one.kind}:{one.id}", one.seq] for one in seen.entities],
        "hash": value_hash(value)[:HASH_SIGNS],
    }
    return value, kept | ({"scores": list(seen.scores)} if seen.scores else {})


# --- one reader for each kind of read -------------------------------------------------------------


def _document(reader: _Reader, read: Plain) -> _Seen | None:
    document = reader.table.get(Document, str(read["document"]))
    return None if document is None or document.forgotten else _one(reader, "document", document)


def _one(reader: _Reader, shape: str, entity: Seen) -> _Seen:
    reader.saw(entity)
    return _Seen(shape=shape, entities=(entity,))


def _fact(reader: _Reader, read: Plain) -> _Seen | None:
    reader.table.check_fact_kind(str(read["fact"]))
    fact = reader.table.get(Fact, f"{read['fact']}/{read.get('key', '')}")
    return _one(reader, "fact", fact) if fact is not None and fact.canonical else None


def _facts(reader: _Reader, read: Plain) -> _Seen:
    reader.table.check_fact_kind(str(read["facts"]))
    found: list[Fact] = []
    for fact in reader.table.scan(Fact, prefix=f"{read['facts']}/"):
        if len(found) == FACTS_MAX:
            break
        if fact.canonical:
            reader.saw(fact)
            found.append(fact)
    return _Seen(shape="facts", entities=tuple(found))


def _tasks(reader: _Reader, read: Plain) -> _Seen:
    """Open tasks, the oldest first: those of an objective, of an owner, or all."""
    wanted = read["tasks"]
    wanted = wanted if isinstance(wanted, dict) else {}
    found: list[Task] = []
    for task in sorted(reader.table.live(Task), key=lambda one: (one.at_us, one.id)):
        fits = all(getattr(task, name) == wanted[name] for name in ("parent", "owner", "state") if wanted.get(name))
        if fits and len(found) < TASKS_MAX:
            reader.saw(task)
            found.append(task)
    return _Seen(shape="tasks", entities=tuple(found))


def _action(reader: _Reader, read: Plain) -> _Seen | None:
    action = reader.table.get(Action, str(read["action"]))
    return None if action is None else _one(reader, "action", action)


def _assets(reader: _Reader, kind: str, shape: str) -> _Seen:
    """Every steering file of the kind that is in use, by name."""
    found = [one for one in reader.table.scan(Asset, prefix=f"{kind}/") if not one.removed and "@" not in one.id]
    for asset in found[:ASSETS_MAX]:
        reader.saw(asset)
    return _Seen(shape=shape, entities=tuple(found[:ASSETS_MAX]))


def _playbooks(reader: _Reader, read: Plain) -> _Seen:
    return _assets(reader, "playbook", "playbooks")


def _agents(reader: _Reader, read: Plain) -> _Seen:
    return _assets(reader, "agent", "agents")


def _plans(reader: _Reader, read: Plain) -> _Seen:
    """The operator's latest decisions about plans, newest first; `read` says how many."""
    wanted = read["plans"]
    most = min(max(wanted, 1), PLANS_MAX) if isinstance(wanted, int) else PLANS_MAX
    decided = [plan for plan in reader.table.scan(Plan) if plan.status in ("approved", "rejected")]
    found = sorted(decided, key=lambda plan: (-plan.decided_us, plan.id))[:most]
    for plan in found:
        reader.saw(plan)
    return _Seen(shape="plans", entities=tuple(found))


def _template(reader: _Reader, read: Plain) -> _Seen | None:
    name = str(read["template"])
    found: list[Asset] = []
    for asset in reader.table.scan(Asset, prefix=f"template/{name}"):
        if not asset.removed and "@" not in asset.id and asset.name.partition(".")[0] == name:
            reader.saw(asset)
            found.append(asset)
    if not any(asset.name == name for asset in found):
        return None
    return _Seen(shape="template", entities=tuple(found))


def _recalled(reader: _Reader, hits: list[Plain]) -> _Seen:
    found = _found(reader.table, hits)
    for one in found:
        reader.saw(one.entity)
    return _Seen(
        shape="recall",
        entities=tuple(one.entity for one in found),
        scores=tuple(round(one.score, 4) for one in found),
    )


def _found(table: ScopedTable, hits: Sequence[Plain]) -> list[Found]:
    """What the index named, as it is now: it is asked before and not believed after, should its filter have been wrong."""
    found: dict[str, Found] = {}
    for hit in hits:
        entity = _hit(table.quiet, str(hit.get("entity") or hit.get("id", "")))
        if entity is not None and recallable(entity):
            found.setdefault(f"{entity.kind}:{entity.id}", Found(entity, _number(hit.get("score"))))
    return list(found.values())


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _hit(table: ScopedTable, name: str) -> Memory | Fact | None:
    kind, colon, id = name.partition(":")
    if not colon:
        kind, id = ("fact" if "/" in name else "memory"), name
    if kind == "fact":
        return table.get(Fact, id.rpartition("@")[0] or id)
    return table.get(Memory, id) if kind == "memory" else None


def _context(reader: _Reader, read: Plain, hits: list[Plain], asking: Asking) -> tuple[object, Plain]:
    """The value and the manifest of a `context` read; see context.py."""
    assembled = assemble(
        reader.table.quiet,
        agent=asking.agent,
        run=asking.run,
        now_us=reader.now_us,
        budget=budget_of(read),
        query=str(read.get("query", "")),
        about=(*asking.about, *reader.sources),
        shown=tuple(reader.sources),
        found=_found(reader.table, hits),
    )
    for piece in assembled.pieces:
        kind, _, id = piece.entity.partition(":")
        cls: type[Memory | Fact] = Memory if kind == "memory" else Fact
        entity = reader.table.quiet.get(cls, id)
        assert entity is not None, "what was shown is there"
        reader.saw(entity)
    value = plain_context(assembled)
    return value, {"shape": "context", **manifest(assembled), "hash": value_hash(value)[:HASH_SIGNS]}


def budget_of(read: Plain) -> int:
    wanted = read["context"]
    budget = wanted.get("budget", BUDGET_TOKENS) if isinstance(wanted, dict) else BUDGET_TOKENS
    return min(max(budget, 0), CONTEXT_TOKENS_MAX) if isinstance(budget, int) else BUDGET_TOKENS


READERS: dict[str, Callable[[_Reader, Plain], _Seen | None]] = {
    "document": _document,
    "facts": _facts,
    "fact": _fact,
    "template": _template,
    "action": _action,
    "tasks": _tasks,
    "playbooks": _playbooks,
    "agents": _agents,
    "plans": _plans,
}
