"""Scopes: nobody but the operator sees or changes more than was declared for them.

    who                      "agent:composer", "connector:mail", or a client's role: "editor", "script", "observer"
    an explicit look         at something out of scope is `forbidden`, and the refusal is recorded
    a scan, a search         never yields it
    a write                  is refused before anything happens; its labels are lowered to the declared trust

Owns     the one rule for reading (`rule_against`), the one for writing (`bounded`), and the record of refusals.
Leaves   what a store offers besides a table to store/scoped.py, what is declared to agents/ and the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import INTEGRITY_ORDER, SENSITIVITY_ORDER, Labels

from .commands import (
    Command,
    DeclareScopes,
    EditMemory,
    MakeLink,
    MoveMemory,
    NoteRefusal,
    PinMemory,
    PutFact,
    ReceiveDocument,
    Remember,
    RetractFact,
    SupersedeMemory,
    TransactFacts,
    WithdrawMemories,
)
from .declared import ANY, EVERYTHING, Declared, ReadScope, WriteScope
from .entities import (
    ENTITIES,
    Action,
    DeadLetter,
    Document,
    Entity,
    Fact,
    Memory,
    ModelCall,
    Objective,
    Plain,
    Refusals,
    Run,
    Schedule,
    Scopes,
    Task,
)
from .hashing import value_hash
from .table import Draft, Table
from .turn import Applier, Turn

UNBOUND: Final = frozenset(("operator", "kernel", "worker", "effector", "clock", "supervisor"))
CLIENTS: Final = frozenset(("editor", "script", "observer"))
CONTENT: Final = frozenset(
    (
        "memory",
        "document",
        "fact",
        "asset",
        "run",
        "deadletter",
        "action",
        "alert",
        "schedule",
        "task",
        "objective",
        "plan",
        "model_call",
    )
)
COMMONS: Final = "default"  # What is the house's own, and no namespace's.
ANSWERS: Final = "receipt"  # Answers given to others; nobody reads them but the kernel.
AGAIN_US: Final = 3_600_000_000  # The same refusal is recorded once in this time.
KEPT_MAX: Final = 64  # Refusals remembered of one party; beyond it only that there are more is recorded.

E = TypeVar("E", bound=Entity)


def declared_for(table: Table, who: str) -> Declared:
    """What was declared for a party. Whoever declared nothing gets the default namespace, up to private."""
    if who in UNBOUND:
        return EVERYTHING
    scopes = table.get(Scopes, "workspace")
    return scopes.declared.get(who, Declared()) if scopes is not None else Declared()


# --- the rule for reading -------------------------------------------------------------------------


def rule_against(scope: ReadScope, entity: Entity) -> str:
    """Return which part of the scope hides the entity; "" when it may be seen."""
    if entity.kind == ANSWERS or (entity.kind in CONTENT and not _in(scope.records, entity.kind)):
        return f"records of the kind {entity.kind}"
    if isinstance(entity, Fact):
        if not _in(scope.facts, entity.fact_kind):
            return f"facts of the kind {entity.fact_kind}"
        return _place_against(scope, entity.namespace, entity.tier, entity.labels)
    if isinstance(entity, Memory):
        if not _in(scope.memories, entity.memory_kind):
            return f"memories of the kind {entity.memory_kind}"
        return _place_against(scope, entity.namespace, entity.tier, entity.labels)
    if isinstance(entity, Document):
        return _place_against(scope, entity.namespace, "", entity.labels)
    if isinstance(entity, Run | Action | DeadLetter | ModelCall | Schedule | Task | Objective):
        hidden = next((name for name in entity.namespaces if not _in(scope.namespaces, name)), "")
        if hidden:
            return f"the namespace {hidden}"
    labels: object = getattr(entity, "labels", None)
    return _place_against(scope, "", "", labels) if isinstance(labels, Labels) else ""


def _place_against(scope: ReadScope | WriteScope, namespace: str, tier: str, labels: Labels) -> str:
    if namespace and not _in(scope.namespaces, namespace):
        return f"the namespace {namespace}"
    if tier and not _in(scope.tiers, tier):
        return f"the tier {tier}"
    if SENSITIVITY_ORDER[labels.sensitivity] > SENSITIVITY_ORDER[scope.sensitivity]:
        return f"what is {labels.sensitivity}"
    return ""


def _in(allowed: tuple[str, ...], name: str) -> bool:
    return ANY in allowed or name in allowed


class OutOfScope(QuarterdeckError):
    """An explicit look at, or a change of, something that the party may not see or change."""

    def __init__(self, who: str, entity: str, rule: str, verb: str = "read") -> None:
        self.who, self.entity, self.rule, self.verb = who, entity, rule, verb
        super().__init__(
            "forbidden",
            f"{who} may not {verb} {rule} ({entity})",
            hint="The operator can widen it: [[grants]] in quarterdeck.toml, see docs/scopes.md.",
            details={"who": who, "entity": entity, "rule": rule, "verb": verb},
        )


class ScopedTable:
    """A table as one party sees it. `get` of what is out of scope raises OutOfScope; the rest never yields it."""

    def __init__(self, table: Table, scope: ReadScope, who: str, *, strict: bool = True) -> None:
        self._table = table
        self._strict = strict
        self.scope = scope
        self.who = who

    @property
    def quiet(self) -> ScopedTable:
        """The same, where also `get` hides: for what was found, not asked for by name."""
        return ScopedTable(self._table, self.scope, self.who, strict=False)

    def get(self, cls: type[E], id: str) -> E | None:
        """Return the entity, None when there is none. Raises OutOfScope."""
        entity = self._table.get(cls, id)
        rule = rule_against(self.scope, entity) if entity is not None else ""
        if entity is not None and rule and self._strict:
            raise OutOfScope(self.who, f"{entity.kind}:{entity.id}", rule)
        return None if rule else entity

    def live(self, cls: type[E], mark: str = "") -> Iterator[E]:
        return (entity for entity in self._table.live(cls, mark) if not rule_against(self.scope, entity))

    def named(self, cls: type[E], name: str) -> Iterator[E]:
        return (entity for entity in self._table.named(cls, name) if not rule_against(self.scope, entity))

    def scan(self, cls: type[E], *, prefix: str = "") -> Iterator[E]:
        return (entity for entity in self._table.scan(cls, prefix=prefix) if not rule_against(self.scope, entity))

    def check_fact_kind(self, kind: str) -> None:
        """Raise OutOfScope when facts of this kind, asked for by name, are none of the party's business."""
        if not _in(self.scope.facts, kind):
            raise OutOfScope(self.who, f"fact:{kind}/*", f"facts of the kind {kind}")


def scoped(table: Table, who: str, *, within: str | None = None) -> ScopedTable:
    """The table as this party sees it; with `within`, in the work of one namespace."""
    scope = declared_for(table, who).read
    return ScopedTable(table, scope if within is None else confined(scope, within), who)


def confined(scope: ReadScope, namespace: str) -> ReadScope:
    """What is seen of a scope in the work of one namespace: that one, and what is the house's own."""
    here = tuple(name for name in dict.fromkeys((namespace, COMMONS)) if _in(scope.namespaces, name))
    return msgspec.structs.replace(scope, namespaces=here)


# --- the rule for writing -------------------------------------------------------------------------


def capped(labels: Labels, scope: WriteScope) -> Labels:
    """Return the labels with no more trust than the scope allows to write."""
    if INTEGRITY_ORDER[labels.integrity] <= INTEGRITY_ORDER[scope.integrity]:
        return labels
    return msgspec.structs.replace(labels, integrity=scope.integrity)


def bounded(table: Table, command: Command, actor: str) -> Command:
    """Return the command as this party may give it: with its labels lowered to the declared trust.

    Raises OutOfScope for what it may not write. The operator and the kernel's own parts are not bounded.
    """
    bound = BOUNDS.get(type(command))
    if bound is None or not (actor in CLIENTS or actor.startswith("connector:")):
        return command
    return bound(_Writing(table, declared_for(table, actor), actor), command)


class _Writing:
    """One party's writing, checked against its scope."""

    def __init__(self, table: Table, declared: Declared, who: str) -> None:
        self.table, self.scope, self.read, self.who = table, declared.write, declared.read, who

    def kind(self, allowed: tuple[str, ...], kind: str, entity: str, what: str) -> None:
        if not _in(allowed, kind):
            raise OutOfScope(self.who, entity, f"{what} of the kind {kind}", "write")

    def place(self, namespace: str, tier: str, labels: Labels, entity: str) -> None:
        if rule := _place_against(self.scope, namespace, tier, labels):
            raise OutOfScope(self.who, entity, rule, "write")

    def present(self, entity: Entity) -> None:
        """What is there already may be changed only by who may see it and write its like."""
        name = f"{entity.kind}:{entity.id}"
        if rule := rule_against(self.read, entity):
            raise OutOfScope(self.who, name, rule, "write")
        if isinstance(entity, Fact):
            self.kind(self.scope.facts, entity.fact_kind, name, "facts")
            self.place(entity.namespace, "", entity.labels, name)
        elif isinstance(entity, Memory):
            self.kind(self.scope.memories, entity.memory_kind, name, "memories")
            self.place(entity.namespace, entity.tier, entity.labels, name)
        elif isinstance(entity, Document):
            self.place(entity.namespace, "", entity.labels, name)


def _remember(writing: _Writing, command: Command) -> Command:
    assert isinstance(command, Remember), "called by type"
    labels = capped(command.labels, writing.scope)
    name = f"memory:new in {command.namespace}"
    writing.kind(writing.scope.memories, command.memory_kind, name, "memories")
    writing.place(command.namespace, command.tier, labels, name)
    for parent in command.made_from:
        _named(writing, parent)
    return msgspec.structs.replace(command, labels=labels)


def _change(writing: _Writing, command: Command) -> Command:
    assert isinstance(command, EditMemory | SupersedeMemory | MoveMemory | PinMemory), "called by type"
    memory = writing.table.get(Memory, command.id)
    if memory is not None:
        writing.present(memory)
    if isinstance(command, MoveMemory):
        writing.place("", command.tier, Labels(sensitivity="public"), f"memory:{command.id}")
        return command
    if isinstance(command, EditMemory) and command.memory_kind is not None:
        writing.kind(writing.scope.memories, command.memory_kind, f"memory:{command.id}", "memories")
    if isinstance(command, PinMemory):
        return command
    labels = capped(command.labels, writing.scope)
    writing.place("", "", labels, f"memory:{command.id}")
    return msgspec.structs.replace(command, labels=labels)


def _withdraw(writing: _Writing, command: Command) -> Command:
    assert isinstance(command, WithdrawMemories), "called by type"
    for id in command.ids:
        for cls in (Memory, Document):
            if (entity := writing.table.get(cls, id)) is not None:
                writing.present(entity)
    return command


def _fact(writing: _Writing, command: PutFact | RetractFact) -> PutFact | RetractFact:
    id = f"{command.fact_kind}/{command.key}"
    labels = capped(command.labels, writing.scope)
    present = writing.table.get(Fact, id)
    if present is not None:
        writing.present(present)
    else:
        writing.kind(writing.scope.facts, command.fact_kind, f"fact:{id}", "facts")
    namespace = command.namespace if isinstance(command, PutFact) else ""
    if present is None and isinstance(command, PutFact):
        namespace = namespace or "default"
    writing.place(namespace, "", labels, f"fact:{id}")
    return msgspec.structs.replace(command, labels=labels)


def _one_fact(writing: _Writing, command: Command) -> Command:
    assert isinstance(command, PutFact | RetractFact), "called by type"
    return _fact(writing, command)


def _several(writing: _Writing, command: Command) -> Command:
    assert isinstance(command, TransactFacts), "called by type"
    items = tuple(_fact(writing, item) for item in command.items)
    for link in command.links:
        _link(writing, link)
    return msgspec.structs.replace(command, items=items)


def _link(writing: _Writing, command: Command) -> Command:
    assert isinstance(command, MakeLink), "called by type"
    _named(writing, command.source)
    _named(writing, command.target)
    return command


def _named(writing: _Writing, name: str) -> None:
    kind, _, id = name.partition(":")
    entity = writing.table.get(ENTITIES[kind], id) if kind in ENTITIES else None
    if entity is not None:
        writing.present(entity)


def _receive(writing: _Writing, command: Command) -> Command:
    assert isinstance(command, ReceiveDocument), "called by type"
    labels = capped(command.labels, writing.scope)
    name = f"document:new in {command.namespace}"
    writing.kind(writing.scope.memories, command.memory_kind, name, "memories")
    writing.place(command.namespace, command.tier, labels, name)
    return msgspec.structs.replace(command, labels=labels)


BOUNDS: dict[type[Command], Callable[[_Writing, Command], Command]] = {
    Remember: _remember,
    EditMemory: _change,
    SupersedeMemory: _change,
    MoveMemory: _change,
    PinMemory: _change,
    WithdrawMemories: _withdraw,
    PutFact: _one_fact,
    RetractFact: _one_fact,
    TransactFacts: _several,
    MakeLink: _link,
    ReceiveDocument: _receive,
}


def bounded_fact(table: Table, command: PutFact, who: str, *, within: str) -> PutFact:
    """Return the fact as this party may put it in the work of a namespace, where it then belongs.

    Raises OutOfScope. For what an agent's step proposes: what it saw there is not carried into another one.
    """
    declared = declared_for(table, who)
    here = (within,) if _in(declared.write.namespaces, within) else ()
    write = msgspec.structs.replace(declared.write, namespaces=here)
    bounds = msgspec.structs.replace(declared, read=confined(declared.read, within), write=write)
    if not command.namespace and table.get(Fact, f"{command.fact_kind}/{command.key}") is None:
        command = msgspec.structs.replace(command, namespace=within)
    done = _fact(_Writing(table, bounds, who), command)
    assert isinstance(done, PutFact), "what goes in comes out"
    return done


def check_effect(table: Table, verb: str, who: str) -> None:
    """Raise OutOfScope when the party may not propose this `connector.verb`."""
    if not _in(declared_for(table, who).write.effects, verb):
        raise OutOfScope(who, f"effect:{verb}", f"effects {verb}", "propose")


# --- refusals -------------------------------------------------------------------------------------


def refuse(turn: Turn, refused: OutOfScope, *, run: str | None = None) -> None:
    """Record a refusal: what, by id and kind only, and by which rule. The same one is recorded once an hour."""
    known = turn.draft.get(Refusals, refused.who) or Refusals(id=refused.who)
    recent = {key: at for key, at in known.recent.items() if turn.env.now_us - at < AGAIN_US}
    key = value_hash([refused.entity, refused.rule, refused.verb])[:16]
    if key in recent or len(recent) > KEPT_MAX:
        return
    entity, rule = (refused.entity, refused.rule) if len(recent) < KEPT_MAX else ("", "more than can be listed")
    body: Plain = {"who": refused.who, "entity": entity, "rule": rule, "verb": refused.verb, "key": key}
    turn.emit("scope.refused", body, run=run)


def note_refusal(turn: Turn, command: NoteRefusal) -> Plain:
    refuse(turn, OutOfScope(command.who, command.entity, command.rule, command.verb))
    return {}


def _refused(draft: Draft, event: Event) -> None:
    who, key = event.body.get("who"), event.body.get("key")
    if not isinstance(who, str) or not isinstance(key, str):
        return  # Its content was forgotten.
    known = draft.get(Refusals, who) or Refusals(id=who)
    recent = {name: at for name, at in known.recent.items() if event.at_us - at < AGAIN_US}
    draft.puts["refusals", who] = Refusals(id=who, seq=event.seq, recent={**recent, key: event.at_us})
    kind, _, id = str(event.body.get("entity", "")).partition(":")
    entity = draft.get(ENTITIES[kind], id) if kind in ENTITIES else None
    if entity is not None:
        draft.touch(entity)


# --- declaring ------------------------------------------------------------------------------------


def declare(turn: Turn, command: DeclareScopes) -> Plain:
    """Record what is declared, if it changed; so that a replay knows by which scope a step was read."""
    known = turn.draft.get(Scopes, "workspace")
    if known is None or known.declared != command.declared:
        turn.emit("scopes.declared", {"declared": msgspec.to_builtins(command.declared)})
    return {"parties": sorted(command.declared)}


def _declared(draft: Draft, event: Event) -> None:
    declared = msgspec.convert(event.body["declared"], dict[str, Declared])
    draft.put(Scopes(id="workspace", seq=event.seq, declared=declared))


DECIDE: dict[type[Command], Callable[..., Plain]] = {DeclareScopes: declare, NoteRefusal: note_refusal}
APPLY: dict[str, Applier] = {"scopes.declared": _declared, "scope.refused": _refused}
