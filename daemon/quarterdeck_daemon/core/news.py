"""News: events that a run may follow from, and what conditions and inputs may say of them.

One row for each kind of event. The values are plain maps under a name (`doc`, `fact`, `run` …) for CEL; the ids are
handed to inputs of the same name that the schedule itself leaves open.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.events import Event

from .entities import Action, DeadLetter, Document, Entity, Fact, Objective, Plain, Run, Task
from .table import Draft


class News(msgspec.Struct, frozen=True, kw_only=True):
    """values: for expressions.  ids: for inputs.  namespace: whose it is."""

    values: Plain
    ids: dict[str, str]
    namespace: str = "default"


Teller = Callable[[Draft, Event], News | None]


def _mail(draft: Draft, event: Event) -> News | None:
    document = draft.get(Document, str(event.body["document"]))
    return _document(draft, event) if document is not None and document.meta.get("trigger") else None


def _document(draft: Draft, event: Event) -> News | None:
    document = draft.get(Document, str(event.body["document"]))
    if document is None:
        return None
    doc: Plain = {"id": document.id, "title": document.title, "meta": document.meta, "text": document.text}
    return News(values={"doc": doc}, ids={"document": document.id}, namespace=document.namespace)


def _fact(draft: Draft, event: Event) -> News | None:
    fact = draft.get(Fact, f"{event.body['kind']}/{event.body['key']}")
    if fact is None or not fact.canonical:
        return None
    values: Plain = {
        "id": fact.id, "kind": fact.fact_kind, "key": fact.key, "value": fact.value, "version": fact.version,
    }  # fmt: skip
    return News(values={"fact": values}, ids={"fact": fact.id}, namespace=fact.namespace)


def _run(draft: Draft, event: Event) -> News | None:
    run = draft.get(Run, event.run or "")
    if run is None:
        return None
    values: Plain = {
        "id": run.id, "playbook": run.playbook, "status": run.status, "reason": run.reason, "inputs": run.inputs,
        "objective": run.objective,
    }  # fmt: skip
    return News(values={"run": values}, ids={"run": run.id}, namespace=run.namespace)


def _action(draft: Draft, event: Event) -> News | None:
    action = draft.get(Action, str(event.body["action"]))
    if action is None:
        return None
    values: Plain = {
        "id": action.id, "connector": action.connector, "verb": action.verb, "status": action.status,
        "targets": list(action.targets), "agent": action.agent, "run": action.run, "args": action.args,
    }  # fmt: skip
    return News(values={"action": values}, ids={"action": action.id}, namespace=action.namespaces[0])


def _letter(draft: Draft, event: Event) -> News | None:
    letter = draft.get(DeadLetter, str(event.body["id"]))
    if letter is None:
        return None
    values: Plain = {"id": letter.id, "run": letter.run, "step": letter.step, "error": letter.error}
    return News(values={"dead": values}, ids={"dead": letter.id}, namespace=letter.namespaces[0])


def _own(cls: type[Task] | type[Objective], name: str) -> Teller:
    """A task or an objective, by its `id`."""

    def tell(draft: Draft, event: Event) -> News | None:
        found: Entity | None = draft.get(cls, str(event.body["id"]))
        if not isinstance(found, Task | Objective):
            return None
        values: Plain = {
            "id": found.id, "title": found.title, "state": found.state, "owner": found.owner, "parent": found.parent,
        }  # fmt: skip
        return News(values={name: values}, ids={name: found.id}, namespace=found.namespace)

    return tell


# Name of the news -> the kinds of events that tell it, and how.
TELLERS: dict[str, tuple[tuple[str, ...], Teller]] = {
    "mail.received": (("document.parsed",), _mail),
    "document.parsed": (("document.parsed",), _document),
    "fact.asserted": (("fact.asserted",), _fact),
    "run.ended": (("run.ended", "run.cancelled"), _run),
    "effect.succeeded": (("effect.succeeded",), _action),
    "effect.failed": (("effect.failed",), _action),
    "approval.rejected": (("approval.rejected",), _action),
    "deadletter.filed": (("deadletter.filed",), _letter),
    "task.overdue": (("task.overdue",), _own(Task, "task")),
    "task.accepted": (("task.accepted",), _own(Task, "task")),
    "objective.changed": (("objective.changed",), _own(Objective, "objective")),
}
NEWS: tuple[str, ...] = tuple(TELLERS)
"""What a schedule can come after."""
