"""The plan of a rewind: what would be written, what stays, and what no rewind can take back.

Owns     finding the records of a scope and their values then.
Promises the plan is a function of the log up to `from_seq`: the same log and the same wish give the same hash. What
         was forgotten is listed, never brought back; what has left the house is listed with what can be done about it.
Leaves   writing it to core/time_travel.py, which checks each record once more.

Scopes. The workspace and a record go back to their values at the moment. A run, an agent and an earlier rewind are
authors: what they wrote since the moment is taken back, as far as nobody else has built over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.commands import Restored, RestoredEdge
from ..core.edges import INTO, OUT, edge_prefix
from ..core.entities import Action, Asset, Document, Edge, Entity, Fact, Memory, Plain, Rewind, Run
from ..core.hashing import value_hash
from ..core.time_travel import RECORDS, SLICE_MAX, Record, is_current, restoration
from ..store.api import Store
from .changes import SLICE, Scope, authored, by_rewind, changes_between
from .diff import fields_between, title_of
from .views import iso

LEFT: frozenset[str] = frozenset(
    ("intent", "sent", "unknown", "succeeded", "compensated", "compensation_failed")
)  # Statuses of actions that have gone out, or may have.
WAITING: frozenset[str] = frozenset(("proposed", "held"))
SHOWN_CHARS_MAX = 300
AUTHORS = ("run", "agent", "rewind")
KINDS: frozenset[str] = frozenset((*RECORDS, "edge", "asset", "run", "action"))


@dataclass
class Planned:
    """One record that changes: what is written, and the two versions, for showing."""

    change: Restored
    now: Record
    then: Record | None

    @property
    def what(self) -> str:
        if self.then is None or not is_current(self.then):
            return "withdrawn"
        return "restored" if is_current(self.now) else "brought back"


@dataclass
class Plan:
    """Everything that a rewind would do and everything that it would not."""

    scope: Scope
    to_seq: int
    from_seq: int
    records: list[Planned] = field(default_factory=list)
    edges: list[RestoredEdge] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    left: list[Action] = field(default_factory=list)
    waiting: list[Action] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    files: list[tuple[Asset | None, Asset | None]] = field(default_factory=list)  # Then, now.

    @property
    def total(self) -> int:
        return len(self.records) + len(self.edges)

    @property
    def commits(self) -> int:
        return max(1, -(-self.total // SLICE_MAX))

    @property
    def hash(self) -> str:
        return value_hash(
            [
                str(self.scope),
                self.to_seq,
                [[one.change.entity, one.change.expected_seq, one.change.fields] for one in self.records],
                [[one.source, one.relation, one.target, one.remove] for one in self.edges],
                [one.id for one in self.left],
                [one.id for one in self.runs],
                sorted(name for name, _ in self.kept),
            ]
        )

    def slices(self) -> Iterator[tuple[tuple[Restored, ...], tuple[RestoredEdge, ...]]]:
        """What each commit writes; one that writes nothing when there is nothing to write."""
        changes = [one.change for one in self.records]
        for start in range(0, max(self.total, 1), SLICE_MAX):
            stop = start + SLICE_MAX
            edges = self.edges[max(0, start - len(changes)) : max(0, stop - len(changes))]
            yield tuple(changes[start:stop]), tuple(edges)


def scope_of(store: Store, text: str) -> Scope:
    """Parse a scope and see that it exists. Raises QuarterdeckError `bad_value` or `not_found`."""
    kind, _, id = text.partition(":")
    if text == "workspace":
        return Scope()
    if kind not in (*RECORDS, *AUTHORS) or not id:
        raise QuarterdeckError(
            "bad_value",
            f"{text!r} is no scope",
            hint="workspace, run:r7, agent:composer, rewind:rw1, memory:m12, fact:client/acme or document:doc3.",
        )
    cls: type[Entity] | None = {**RECORDS, "run": Run, "rewind": Rewind}.get(kind)
    if cls is not None and not store.history(cls, id):
        raise QuarterdeckError("not_found", f"there is no {kind} {id!r}", hint="Write kind:id as lists show it.")
    return Scope(kind, id)


async def make_plan(store: Store, scope: Scope, to_seq: int, from_seq: int) -> Plan:
    """Plan on the log up to `from_seq`. Changes nothing.

    Raises QuarterdeckError `out_of_range` when too much lies in between.
    """
    planner = _Planner(store, Plan(scope, to_seq, from_seq))
    if scope.kind in RECORDS:
        planner.plan_record()
    else:
        touched = await changes_between(store, to_seq, from_seq, scope, kinds=KINDS)
        for count, (name, touch) in enumerate(touched.items(), start=1):
            if touch.by_scope:
                planner.consider(name)
            if count % SLICE == 0:
                await asyncio.sleep(0)
    planner.sort()
    return planner.plan


class _Planner:
    def __init__(self, store: Store, plan: Plan) -> None:
        self._store = store
        self.plan = plan

    def consider(self, name: str) -> None:
        """Take what was touched into the plan, by its kind."""
        kind, _, id = name.partition(":")
        if kind in RECORDS:
            self._record(kind, id)
        elif kind == "edge":
            self._edge(id)
        elif kind == "asset":
            self._file(id)
        elif kind == "run":
            self._run(id)
        elif kind == "action":
            self._action(id)

    def plan_record(self) -> None:
        """One record, the pieces of a document with it, and the links that begin or end there."""
        scope = self.plan.scope
        self._record(scope.kind, scope.id)
        for id in sorted(self._chunks(), key=lambda id: (len(id), id)):
            self._record("memory", id)
        name = str(scope)
        for side in (OUT, INTO):
            for edge in self._store.scan(Edge, prefix=edge_prefix(side, name)):
                if edge.seq > self.plan.to_seq:
                    self._edge(edge_prefix(OUT, edge.source, edge.relation) + edge.target)
        for id in self._users(name):
            self._action(id)

    def sort(self) -> None:
        """An order that depends on nothing but what is in the plan."""
        plan = self.plan
        plan.records.sort(key=lambda one: (one.change.entity.partition(":")[0], len(one.now.id), one.now.id))
        plan.edges = sorted(set(plan.edges), key=lambda one: (one.source, one.relation, one.target))
        plan.kept.sort()
        for actions in (plan.left, plan.waiting):
            actions.sort(key=lambda one: (len(one.id), one.id))
        plan.runs.sort(key=lambda one: (len(one.id), one.id))

    # --- records ---

    def _record(self, kind: str, id: str) -> None:
        cls, name = RECORDS[kind], f"{kind}:{id}"
        now = self._store.get(cls, id, as_of=self.plan.from_seq)
        kept = self._reason_to_keep(now)
        if now is None or kept:
            self.plan.kept.append((name, kept))
            return
        then, since, kept = self._then(now)
        if kept:
            self.plan.kept.append((name, kept))
            return
        fields = restoration(now, then, self._later(now, then, since))
        if fields:
            then_seq = then.seq if then is not None else 0
            change = Restored(entity=name, expected_seq=now.seq, then_seq=then_seq, fields=fields)
            self.plan.records.append(Planned(change, now, then))

    def _reason_to_keep(self, now: Record | None) -> str:
        if now is None or getattr(now, "forgotten", False):
            return "forgotten: it does not come back"
        if isinstance(now, Document) and now.status == "received":
            return "it is still being read; go back again when it is"
        if isinstance(now, Memory) and now.tier == "working" and now.run and self.plan.scope.kind == "workspace":
            run = self._store.get(Run, now.run)
            return f"working memory of {now.run}, which goes on" if run is not None and run.live else ""
        return ""

    def _then(self, now: Record) -> tuple[Record | None, int, str]:
        """The version that comes back, the position that it is of, and why it does not if somebody built over it."""
        to_seq = self.plan.to_seq
        if not self.plan.scope.by_author:
            return self._store.get(type(now), now.id, as_of=to_seq), to_seq, ""
        versions = [one for one in self._store.history(type(now), now.id) if one.seq <= self.plan.from_seq]
        at = len(versions)
        while at > 0 and versions[at - 1].seq > to_seq and self._wrote(versions[at - 1]):
            at -= 1
        if at == len(versions):
            return None, to_seq, f"changed since by {self._author(now)}"
        then = versions[at - 1] if at else None
        return then, then.seq if then is not None else 0, ""

    def _wrote(self, version: Record) -> bool:
        return self._event_is_ours(version.seq)

    def _author(self, version: Record) -> str:
        event = self._store.event(version.seq)
        return f"{event.actor} ({event.kind}, {event.seq})" if event is not None else "somebody"

    def _later(self, now: Record, then: Record | None, since: int) -> list[Record]:
        """Versions whose labels count: those after the point that no rewind wrote."""
        if then is None or then.labels == now.labels:
            return []
        versions = self._store.history(type(now), now.id)
        later = [one for one in versions if since < one.seq <= self.plan.from_seq]
        return [one for one in later if one.labels != then.labels and not by_rewind(self._store, one)]

    def _chunks(self) -> set[str]:
        if self.plan.scope.kind != "document":
            return set()
        versions = self._store.history(Document, self.plan.scope.id)
        return {chunk for one in versions for chunk in one.chunks}

    def _users(self, name: str) -> Iterable[str]:
        """Actions that were made from it; those that left since are named."""
        for link in self._store.links_to(name):
            kind, _, id = link.source.partition(":")
            if kind == "action":
                yield id

    # --- the rest ---

    def _edge(self, id: str) -> None:
        now = self._store.get(Edge, id, as_of=self.plan.from_seq)
        then = self._store.get(Edge, id, as_of=self.plan.to_seq)
        some = now or then
        if some is None:
            return
        if self.plan.scope.by_author and not (now is not None and self._event_is_ours(now.seq)):
            return
        linked, was = now is not None and not now.removed, then is not None and not then.removed
        if linked != was and not self._follows_from_value(some):
            edge = RestoredEdge(source=some.source, relation=some.relation, target=some.target, remove=linked)
            self.plan.edges.append(edge)

    def _follows_from_value(self, edge: Edge) -> bool:
        """Links that a fact's value makes come and go with that value."""
        kind, _, id = edge.source.partition(":")
        ref = (edge.relation, edge.target.removeprefix("fact:"))
        versions = (self._store.get(Fact, id, as_of=at) for at in (self.plan.to_seq, self.plan.from_seq))
        return kind == "fact" and any(ref in version.refs for version in versions if version is not None)

    def _event_is_ours(self, seq: int) -> bool:
        event = self._store.event(seq)
        return event is not None and authored(self._store, event, self.plan.scope)

    def _file(self, id: str) -> None:
        if "@" in id:
            return
        then = self._store.get(Asset, id, as_of=self.plan.to_seq)
        now = self._store.get(Asset, id, as_of=self.plan.from_seq)
        then = None if then is not None and then.removed else then
        now = None if now is not None and now.removed else now
        if (then.hash if then else "") != (now.hash if now else ""):
            self.plan.files.append((then, now))

    def _run(self, id: str) -> None:
        now = self._store.get(Run, id, as_of=self.plan.from_seq)
        if now is not None and now.live and self._store.get(Run, id, as_of=self.plan.to_seq) is None:
            self.plan.runs.append(now)

    def _action(self, id: str) -> None:
        now = self._store.get(Action, id, as_of=self.plan.from_seq)
        then = self._store.get(Action, id, as_of=self.plan.to_seq)
        if now is None or (self.plan.scope.kind == "agent" and now.agent != self.plan.scope.id):
            return
        if now.status in LEFT and (then is None or then.status not in LEFT):
            self.plan.left.append(now)
        elif now.status in WAITING and then is None:
            self.plan.waiting.append(now)


# --- showing ------------------------------------------------------------------------------------------


def plan_view(plan: Plan, *, limit: int, content: bool) -> Plain:
    """The plan as the wire has it. Without `content` it names things only, so that it may be kept for ever."""
    counts: dict[str, int] = {}
    for one in plan.records:
        counts[one.what] = counts.get(one.what, 0) + 1
    for edge in plan.edges:
        what = "unlinked" if edge.remove else "linked"
        counts[what] = counts.get(what, 0) + 1
    shown: list[Plain] = [_record_row(one, content) for one in plan.records[:limit]]
    shown += [_edge_row(edge) for edge in plan.edges[: max(0, limit - len(shown))]]
    return {
        "scope": str(plan.scope),
        "to_seq": plan.to_seq,
        "from_seq": plan.from_seq,
        "total": plan.total,
        "commits": plan.commits,
        "plan_hash": plan.hash,
        "changes": shown,
        "counts": counts,
        "kept": [{"id": name, "why": why} for name, why in plan.kept[:limit]],
        "already_done": [_left_row(action, content) for action in plan.left[:limit]],
        "runs": [
            {"id": run.id, "status": run.status, "title": run.playbook if content else ""}
            for run in plan.runs[:limit]
        ],
        "waiting": [
            {"id": one.id, "status": one.status, "title": one.summary if content else ""}
            for one in plan.waiting[:limit]
        ],
        "files": [_file_row(then, now, content) for then, now in plan.files[:limit]],
    }


def _record_row(one: Planned, content: bool) -> Plain:
    row: Plain = {"id": one.change.entity, "what": one.what}
    if content:
        row["title"] = title_of(one.now)
        row["fields"] = [_cut(change) for change in _changed(one)] if one.what == "restored" else []
    return row


def _changed(one: Planned) -> list[Plain]:
    rows = fields_between(one.now, one.then)
    if isinstance(one.now, Memory) and isinstance(one.then, Memory) and one.now.text != one.then.text:
        rows = [{"name": "text", "before": one.now.text, "after": one.then.text}, *rows]
    return rows


def _cut(row: Plain) -> Plain:
    return {name: value[:SHOWN_CHARS_MAX] if isinstance(value, str) else value for name, value in row.items()}


def _edge_row(edge: RestoredEdge) -> Plain:
    return {"id": f"{edge.source} {edge.relation} {edge.target}", "what": "unlinked" if edge.remove else "linked"}


def _left_row(action: Action, content: bool) -> Plain:
    return {
        "id": action.id,
        "summary": action.summary if content else "",
        "status": action.status,
        "targets": list(action.targets) if content else [],
        "at": iso(action.at_us),
        "run": action.run,
        "undo": _way_back(action),
    }


def _way_back(action: Action) -> str:
    if action.status == "compensated":
        return f"corrected by {action.compensated_by} already"
    if action.status == "unknown":
        return f"find out whether it left, then: quarterdeck settle {action.id}"
    if action.status in ("intent", "sent"):
        return "it is on the wire; wait for its outcome"
    if f"{action.connector}.{action.verb}" == "mail.send":
        return f"quarterdeck undo {action.id} (a correction will wait for your approval)"
    return action.undo or "nothing can take it back"


def _file_row(then: Asset | None, now: Asset | None, content: bool) -> Plain:
    some = then or now
    assert some is not None, "a file that differs was there at one of the two"
    change = "changed" if then is not None and now is not None else "removed" if now is None else "added"
    text = then.text if then is not None and content else None
    return {"path": some.path, "change": change, "text": text, "hash": then.hash if then is not None else ""}
