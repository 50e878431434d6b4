"""Whose content it is: the subject under whose key an event or a value is sealed, so that it can be forgotten.

    a note                                        memory:m12
    a document, its chunks, its other names       document:doc3
    a fact, all its versions                      fact:client/acme
    a run, its steps, actions and dead letters    run:r1         (an action without a run: action:a3)
    what a run asked models, and their answers    run:r1         (a call without a run: model_call:c3)
    an alert, a receipt, a named snapshot         itself
    a schedule, a task, an objective, a plan      itself
    a link between facts, a steering file's text  each by itself

What holds no content of anybody (stop, settings, counters, tombstones) is not sealed: None. The content of an
event belongs to one subject; an event that holds the content of two is a mistake and must be two events.
"""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.events import Event

from .entities import (
    Action,
    Alert,
    Alias,
    Asset,
    Attention,
    Autonomy,
    Breaker,
    CaptureMark,
    ClockMark,
    Consent,
    Counter,
    DeadLetter,
    Document,
    Edge,
    Edits,
    Entity,
    Erasure,
    Fact,
    Grant,
    Habit,
    KnownAnswer,
    Limits,
    Memory,
    Merit,
    Meter,
    ModelCall,
    ModelDay,
    ModelIdentity,
    Models,
    Objective,
    Origin,
    Part,
    Plan,
    Reached,
    Receipt,
    Record,
    Refusals,
    Reservation,
    Rewind,
    Run,
    Schedule,
    Scopes,
    Settings,
    Shelf,
    Snapshot,
    Stop,
    Task,
    Thread,
    Undoing,
    Upkeep,
    Use,
    Waiter,
    Watch,
)

FORGOTTEN = "forgotten:"  # Begins the names of what must not come in again.
ERASED_BODY: dict[str, object] = {"erased": True}
Subject = Callable[[Event], str | None]


def subject_of(event: Event) -> str | None:
    """Return the subject of an event's content. An unknown kind is sealed by itself: better than in clear."""
    return SUBJECT_OF_KIND.get(event.kind, _itself)(event)


def subject_of_entity(entity: Entity) -> str | None:
    """Return the subject of a value. It must be sealed under the key of the event that wrote it, or a like one."""
    find = SUBJECT_OF_VALUE.get(type(entity))
    return f"{entity.kind}:{entity.id}" if find is None else find(entity)


def erased(event: Event) -> bool:
    """Whether the content of this event was forgotten: it says that something happened, and no more."""
    return event.body == ERASED_BODY


# --- events -----------------------------------------------------------------------------------------


def _clear(event: Event) -> None:
    """Nobody's content."""


def _itself(event: Event) -> str:
    return f"event:{event.seq}"


def _link(event: Event) -> str:
    return f"link:{event.seq}"


def _run(event: Event) -> str:
    return f"run:{event.run}" if event.run else _itself(event)


def _named(kind: str, *fields: str, mark: str = "/") -> Callable[[Event], str]:
    """The entity of this kind whose id the fields of the body give."""

    def find(event: Event) -> str:
        parts = [event.body.get(field) for field in fields]
        return f"{kind}:{mark.join(map(str, parts))}" if all(parts) else _itself(event)

    return find


def _run_or_action(event: Event) -> str:
    return f"run:{event.run}" if event.run else _named("action", "action")(event)


def _run_or_call(event: Event) -> str:
    return f"run:{event.run}" if event.run else _named("model_call", "call")(event)


def _memory_or_fact(event: Event) -> str:
    """`id` is that of a memory, or `kind/key` of a fact."""
    return _named("fact" if "/" in str(event.body.get("id")) else "memory", "id")(event)


def _restored(event: Event) -> str:
    """A piece of a document is the document's content."""
    return _named("document", "document")(event) if event.body.get("document") else _named("memory", "id")(event)


def _run_or_fact(event: Event) -> str:
    return _run(event) if event.run else _named("fact", "kind", "key")(event)


def _receipt(event: Event) -> str:
    return f"receipt:{event.seq}"


_ACTION_KINDS = (
    "action.proposed", "action.denied", "action.permitted", "action.correction_wanted", "action.held",
    "action.expired", "action.withdrawn", "action.compensated", "action.compensation_failed", "approval.given",
    "approval.rejected", "approval.snoozed", "effect.intended", "effect.sent", "effect.succeeded", "effect.failed",
    "effect.unknown", "effect.looked_for", "approval.returned", "approval.back", "approval.warned",
    "action.held_back", "action.let_go",
)  # fmt: skip
_RUN_KINDS = (
    "run.started", "run.paused", "run.resumed", "run.reopened", "run.cancelled", "run.ended", "run.signalled",
    "step.started", "step.succeeded", "step.failed", "step.skipped", "step.waiting", "step.recalling",
    "step.proposed", "step.retry_scheduled", "step.resumed", "step.retried", "memory.recalled", "deadletter.filed",
    "deadletter.resolved", "run.attached", "deadletter.escalated", "step.queued", "step.rerouted", "step.edited",
    "step.fanned_out", "step.called", "step.rejoined", "run.late", "run.opened", "run.deferred", "run.excused",
    "run.quarantined", "step.asking", "step.replied", "thread.opened", "reply.received", "gate.decided",
    "gate.snoozed", "gate.back", "gate.warned",
)  # fmt: skip
_MEMORY_KINDS = (
    "memory.remembered", "memory.edited", "memory.moved", "memory.pinned", "memory.compressed", "reminder.fired",
)  # fmt: skip
_DOCUMENT_KINDS = (
    "document.received", "document.parsed", "document.unreadable", "document.found_again", "document.retried",
    "document.lost", "trigger.refused",
)  # fmt: skip
_FACT_KINDS = ("fact.asserted", "fact.retracted", "fact.proposed", "fact.decided")
_OWN_KINDS = (
    "memory.withdrawn", "memory.reinstated", "memory.expired", "workspace.forked", "fork.made", "asset.refused",
    "scope.refused",
)  # fmt: skip
_CLEAR_KINDS = (
    "asset.removed", "workspace.configured", "scopes.declared", "stop.engaged", "stop.released", "clock.set_back",
    "memory.used", "memory.forgotten", "memory.erased", "erasure.closed", "upkeep.began", "upkeep.advanced",
    "upkeep.ended", "capture.done", "document.pruned", "record.noted", "attention.noted",
    "lesson.began", "edit.noted", "lesson.suggested", "lesson.decided",
    "limits.configured", "budget.set", "budget.raised", "budget.reserved", "budget.settled", "line.joined",
    "line.left", "line.waits", "breaker.counted", "breaker.forgave", "breaker.opened", "breaker.probed",
    "breaker.closed", "models.configured",
)  # fmt: skip
_MODEL_KINDS = (
    "model.asked", "model.routed", "model.queued", "model.answered", "model.reused", "model.refused", "model.failed",
    "model.cancelled",
)  # fmt: skip
_SCHEDULE_KINDS = (
    "schedule.put", "schedule.paused", "schedule.resumed", "schedule.removed", "schedule.fired", "schedule.missed",
    "schedule.skipped", "schedule.queued", "schedule.refused",
)  # fmt: skip
_TASK_KINDS = (
    "task.created", "task.changed", "task.proposed", "task.accepted", "task.rejected", "task.overdue",
)  # fmt: skip
_OBJECTIVE_KINDS = (
    "objective.put", "objective.changed", "objective.replan_proposed", "objective.replanned", "objective.replan_dropped",
)  # fmt: skip
_PLAN_KINDS = (
    "intent.submitted", "plan.drafted", "plan.edited", "plan.failed", "plan.approved", "plan.rejected",
)  # fmt: skip
SUBJECT_OF_KIND: dict[str, Subject] = {
    "memory.endorsed": _memory_or_fact,
    "memory.restored": _restored,
    "document.restored": _named("document", "id"),
    "fact.restored": _named("fact", "id"),
    "fact.refused": _run_or_fact,
    "alert.raised": _named("alert", "id"),
    "alert.resolved": _named("alert", "id"),
    "snapshot.created": _named("snapshot", "name"),
    "snapshot.removed": _named("snapshot", "name"),
    "rewind.begun": _named("rewind", "rewind"),
    "rewind.finished": _named("rewind", "rewind"),
    "erasure.planned": _named("erasure", "id"),
    "link.made": _link,
    "link.removed": _link,
    "asset.loaded": _named("asset", "id", "hash", mark="@"),  # Each text by itself: an old one can be forgotten.
    "asset.pinned": _named("asset", "id"),
    "request.answered": _receipt,
    "sink.consented": _named("consent", "id"),
    **dict.fromkeys(("grant.given", "grant.used", "grant.ended"), _named("grant", "id")),
    **dict.fromkeys(
        ("autonomy.set", "autonomy.demoted", "autonomy.proposed", "autonomy.declined"), _named("autonomy", "id")
    ),
    **dict.fromkeys(("undo.begun", "undo.moved", "undo.finished"), _named("undoing", "undoing")),
    **dict.fromkeys(_SCHEDULE_KINDS, _named("schedule", "id")),
    **dict.fromkeys(_TASK_KINDS, _named("task", "id")),
    **dict.fromkeys(_OBJECTIVE_KINDS, _named("objective", "id")),
    **dict.fromkeys(_PLAN_KINDS, _named("plan", "id")),
    **dict.fromkeys(_MEMORY_KINDS, _named("memory", "id")),
    **dict.fromkeys(_DOCUMENT_KINDS, _named("document", "document")),
    **dict.fromkeys(_FACT_KINDS, _named("fact", "kind", "key")),
    **dict.fromkeys(_ACTION_KINDS, _run_or_action),
    **dict.fromkeys(_RUN_KINDS, _run),
    **dict.fromkeys(_MODEL_KINDS, _run_or_call),
    **dict.fromkeys(_OWN_KINDS, _itself),
    **dict.fromkeys(_CLEAR_KINDS, _clear),
}


# --- values -----------------------------------------------------------------------------------------


def _memory(entity: Entity) -> str | None:
    assert isinstance(entity, Memory), "called by kind"
    if entity.forgotten:
        return None
    return f"document:{entity.document}" if entity.document else f"memory:{entity.id}"


def _document(entity: Entity) -> str | None:
    assert isinstance(entity, Document), "called by kind"
    return None if entity.forgotten else f"document:{entity.id}"


def _action(entity: Entity) -> str:
    assert isinstance(entity, Action), "called by kind"
    return f"run:{entity.run}" if entity.run else f"action:{entity.id}"


def _model_call(entity: Entity) -> str:
    assert isinstance(entity, ModelCall), "called by kind"
    return f"run:{entity.run}" if entity.run else f"model_call:{entity.id}"


def _known_answer(entity: Entity) -> str:
    """A hash of the question, by which somebody could check a guess: forgotten with the answer."""
    assert isinstance(entity, KnownAnswer), "called by kind"
    return f"run:{entity.run}" if entity.run else f"model_call:{entity.call}"


def _thread(entity: Entity) -> str:
    assert isinstance(entity, Thread), "called by kind"
    return f"run:{entity.run}"


def _part(entity: Entity) -> str:
    """`obj2/run:r3` goes with the run: without the events of a run nothing tells that it served the objective."""
    return entity.id.partition("/")[2]


def _letter(entity: Entity) -> str:
    assert isinstance(entity, DeadLetter), "called by kind"
    return f"run:{entity.run}" if entity.run else f"deadletter:{entity.id}"


def _alias(entity: Entity) -> str | None:
    """Its name tells where its target lies, or is a hash of its text: forgotten with it."""
    assert isinstance(entity, Alias), "called by kind"
    if entity.id.startswith(FORGOTTEN):
        return None
    return f"document:{entity.target}" if entity.target.startswith("doc") else f"memory:{entity.target}"


def _asset_text(entity: Entity) -> str:
    assert isinstance(entity, Asset), "called by kind"
    return f"asset:{entity.id.partition('@')[0]}@{entity.hash}"


def _answer(entity: Entity) -> str | None:
    assert isinstance(entity, Receipt), "called by kind"
    return None if entity.reply == ERASED_BODY else f"receipt:{entity.reply_seq}"


def _version(entity: Entity) -> str:
    """What holds words of many is sealed anew at each change, so that a single version can be forgotten."""
    return f"{entity.kind}:{entity.id}@{entity.seq}"


def _none(entity: Entity) -> None:
    """Nobody's content."""


def _own(entity: Entity) -> str:
    return f"{entity.kind}:{entity.id}"


SUBJECT_OF_VALUE: dict[type[Entity], Callable[[Entity], str | None]] = {
    Memory: _memory,
    Document: _document,
    Fact: _own,
    Run: _own,
    DeadLetter: _letter,
    Thread: _thread,
    Action: _action,
    ModelCall: _model_call,
    KnownAnswer: _known_answer,
    Alert: _own,
    Snapshot: _own,
    Alias: _alias,
    Asset: _asset_text,
    Receipt: _answer,
    Rewind: _own,
    Undoing: _own,
    Plan: _own,
    Shelf: _version,
    Edge: _version,
    Refusals: _own,
    **dict.fromkeys((Schedule, Task, Objective), _own),
    Part: _part,
    Watch: _none,  # Names of kinds and ids.
    **dict.fromkeys((Stop, Settings, Counter, Use, Upkeep, ClockMark, Origin, Scopes, CaptureMark, Erasure), _none),
    **dict.fromkeys((Grant, Autonomy, Consent), _own),
    **dict.fromkeys(
        (Record, Reached, Merit, Edits, Habit, Attention), _none
    ),  # Names of agents and kinds, counts, hashes.
    **dict.fromkeys(
        (Limits, Meter, Waiter, Reservation, Breaker, Models, ModelIdentity, ModelDay), _none
    ),  # Ids, counts and times.
}
