"""The trail of a piece of work, in one tree: intent, plan, run, steps, actions, verdicts, approvals, effects, outcomes.

Built from the log alone: each node names its event, and the keyed hash that the chain has over it.
"""

from __future__ import annotations

from collections.abc import Iterator

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.entities import Action, Document, Entity, Plain, Run
from ..core.hashing import value_hash
from ..store.api import Store
from .heads import durable_head
from .provenance import find_entity
from .views import iso

EVENTS_MAX = 5_000  # Of one run.
RUNS_MAX = 20  # That one document began.
DEPTH_MAX = 8  # Runs within runs, and what takes back what took back.
STAGES = {
    "run.started": "intent",
    "action.proposed": "action",
    "action.permitted": "verdict",
    "action.denied": "verdict",
    "action.held": "hold",
    "effect.intended": "effect",
    "effect.sent": "effect",
    "action.compensated": "compensation",
    "action.compensation_failed": "compensation",
    "action.correction_wanted": "compensation",
}
STAGE_OF_NOUN = {
    "approval": "approval", "effect": "outcome", "action": "outcome", "step": "step", "run": "run", "gate": "approval",
    "document": "intent",
}  # fmt: skip
TELLING = ("by", "rule", "verdict", "reason", "why", "status", "agent", "attempt", "remedy")


def trail(store: Store, id: str) -> Plain:
    """Return the tree of an action, run or document: nested nodes.

    A node: {"stage", "kind", "id", "title", "detail", "seq", "at", "actor", "mac", "hash", "children"}; `hash` is of what
    was decided or sent. Raises QuarterdeckError `not_found`, `bad_value` for an id of anything else.
    """
    entity = find_entity(store, id)
    builder = _Builder(store)
    if isinstance(entity, Run):
        return builder.run(entity, 0)
    if isinstance(entity, Action):
        run = store.get(Run, entity.run) if entity.run else None
        return builder.run(run, 0, only=entity) if run is not None else builder.action(entity, 0)
    if isinstance(entity, Document):
        return builder.document(entity)
    raise QuarterdeckError(
        "bad_value",
        f"{id} is a {entity.kind}; a trail is of a run, an action or a document",
        hint=f"quarterdeck why {id}",
    )


class _Builder:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._opened: set[str] = set()

    # --- what is shown ---

    def document(self, document: Document) -> Plain:
        children: list[Plain] = [self._event(event) for event in self._of(document)]
        for run in self._runs_of(document):
            children.append(self.run(run, 1))
        return self._node("intent", document, document.title, hash=document.blob, children=children)

    def run(self, run: Run, depth: int, only: Action | None = None) -> Plain:
        """only: this action, with its step; not the others."""
        if f"run:{run.id}" in self._opened or depth > DEPTH_MAX:
            return self._node("run", run, f"{run.playbook} ({run.status})", detail="shown above")
        self._opened.add(f"run:{run.id}")
        events = list(self._of(run))
        began = [self._event(event) for event in events if event.kind == "run.started"]
        plan: Plain = {
            "stage": "plan", "kind": "", "id": f"playbook/{run.playbook}", "title": run.playbook, "detail": "as it was then",
            "seq": 0, "at": None, "actor": "", "mac": "", "hash": run.playbook_hash, "children": [],
        }  # fmt: skip
        steps = [
            self._step(run, name, events, depth, only) for name in run.steps if only is None or only.step == name
        ]
        rest = [
            self._event(event) for event in events if event.kind.startswith("run.") and event.kind != "run.started"
        ]
        unasked = [] if only is not None else self._outside_steps(run, depth)
        children = [*began, plan, *steps, *unasked, *rest]
        return self._node("run", run, f"{run.playbook} ({run.status})", detail=run.reason, children=children)

    def _step(self, run: Run, name: str, events: list[Event], depth: int, only: Action | None) -> Plain:
        step = run.steps[name]
        of_it = [event for event in events if event.body.get("step") == name and event.kind.startswith("step.")]
        children = [self._event(event) for event in of_it]
        for id in step.actions:
            action = self._store.get(Action, id)
            if action is not None and (only is None or only.id == id):
                children.append(self.action(action, depth + 1))
        child = self._store.get(Run, step.child) if step.child else None
        if child is not None:
            children.append(self.run(child, depth + 1))
        first = of_it[0] if of_it else None
        return {
            "stage": "step", "kind": "", "id": f"{run.id}/{name}", "title": f"{step.agent or 'wait'} ({step.status})",
            "detail": "", "seq": first.seq if first else 0, "at": iso(first.at_us) if first else None,
            "actor": first.actor if first else "", "mac": "", "hash": value_hash(step.output) if step.output else "",
            "children": children,
        }  # fmt: skip

    def _outside_steps(self, run: Run, depth: int) -> list[Plain]:
        """Actions that no step of the run has: corrections, and what was proposed for it later."""
        known = {id for step in run.steps.values() for id in step.actions}
        names = {str(event.body.get("action")) for event in self._of(run) if event.kind == "action.proposed"} - known
        found = [action for name in sorted(names) if (action := self._store.get(Action, name)) is not None]
        return [self.action(action, depth + 1) for action in found]

    def action(self, action: Action, depth: int) -> Plain:
        if f"action:{action.id}" in self._opened or depth > DEPTH_MAX:
            return self._node("action", action, f"{action.summary} ({action.status})", detail="shown above")
        self._opened.add(f"action:{action.id}")
        children: list[Plain] = []
        for event in self._of(action):
            if event.kind.split(".")[0] not in ("action", "approval", "effect"):
                continue
            children.append(self._event(event))
            if event.kind == "action.proposed":
                children.append(self._verdict(event, action))
        mended = self._store.get(Action, action.compensated_by) if action.compensated_by else None
        if mended is not None:
            children.append(self.action(mended, depth + 1))
        title = f"{action.connector}.{action.verb}: {action.summary} ({action.status})"
        return self._node("action", action, title, hash=action.shown_hash, children=children)

    def _verdict(self, event: Event, action: Action) -> Plain:
        found = event.body.get("verdict")
        said: Plain = found if isinstance(found, dict) else {}
        title = f"{said.get('verdict', '')} by {said.get('rule', '')}, {said.get('risk', '')} risk"
        detail = str(said.get("where", ""))
        return {**self._event(event), "stage": "verdict", "title": title, "detail": detail, "hash": action.shown_hash}

    # --- one node ---

    def _event(self, event: Event) -> Plain:
        body = event.body
        stage = STAGES.get(event.kind) or STAGE_OF_NOUN.get(event.kind.split(".")[0], "event")
        detail = ", ".join(
            f"{name} {body[name]}" for name in TELLING if isinstance(body.get(name), str | int) and body[name]
        )
        if event.kind == "run.started" and event.cause:
            detail = f"because of {event.cause}" + (f", {detail}" if detail else "")
        result = body.get("result") or body.get("output") or {}
        hash = str(body.get("shown_hash") or (value_hash(result) if result else ""))
        return {
            "stage": stage, "kind": event.kind, "id": event.id, "title": event.kind, "detail": detail, "seq": event.seq,
            "at": iso(event.at_us), "actor": event.actor, "mac": self._mac(event.seq), "hash": hash, "children": [],
        }  # fmt: skip

    def _node(
        self, stage: str, entity: Entity, title: str, *, detail: str = "", hash: str = "", children: list[Plain] | None = None
    ) -> Plain:  # fmt: skip
        first = next(self._of(entity), None)
        return {
            "stage": stage, "kind": entity.kind, "id": entity.id, "title": title, "detail": detail,
            "seq": first.seq if first else 0, "at": iso(first.at_us) if first else None,
            "actor": first.actor if first else "", "mac": self._mac(first.seq) if first else "", "hash": hash,
            "children": children or [],
        }  # fmt: skip

    def _mac(self, seq: int) -> str:
        return durable_head(self._store, seq).mac.hex()

    def _of(self, entity: Entity) -> Iterator[Event]:
        for number, event in enumerate(self._store.events_of(f"{entity.kind}:{entity.id}")):
            if number == EVENTS_MAX:
                return
            yield event

    def _runs_of(self, document: Document) -> list[Run]:
        """Runs that the document began."""
        found: dict[str, Run] = {}
        for link in self._store.links_to(f"document:{document.id}"):
            kind, _, id = link.source.partition(":")
            run = self._store.get(Run, id) if kind == "run" else None
            if run is not None and len(found) < RUNS_MAX:
                found[run.id] = run
        return list(found.values())
