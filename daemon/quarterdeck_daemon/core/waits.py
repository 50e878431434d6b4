"""Waits: a step that goes on when a signal, an answer, a time or the operator's yes has come.

What may come before its waiter is kept first: a signal in the run, an answer in the `Thread` of the mail that it answers.
So it does not matter which of the two is first, nor whether anything dies between them.

    signal     output {"signal": payload, "timed_out": false}
    reply_to   output {"reply": {"document", "from", "subject"}, "timed_out": false}; answers of machines do not count
    approval   a gate: answered by answering.py; silence until its end is a no, and the step is skipped
    for, until output {"timed_out": true}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import join

from .durations import duration_us
from .entities import Action, Document, Plain, Run, Step, Thread
from .expressions import Unanswerable, resolve
from .failing import fail
from .local_time import moment_in
from .lookup import find
from .orders import Failure
from .pinned import loadable_playbook
from .playbook import Playbook, StepSpec, base_of
from .run_state import replace, run_of
from .settings import settings_of
from .step_ends import feeders, skip, succeed, values_for
from .table import Draft
from .turn import Applier, Turn
from .waiting import warning

QUESTION_CHARS_MAX: Final = 2_000
REPLIES_MAX: Final = 100  # Of one mail; further ones are kept in memory and wake nobody.
THREADS_MAX: Final = 40  # References of a mail that are looked at.


# --- beginning ------------------------------------------------------------------------------------


def begin(turn: Turn, run: Run, playbook: Playbook, spec: StepSpec) -> None:
    """Raises Unanswerable or QuarterdeckError for a time or a question that has no answer."""
    assert spec.wait is not None, "called for waits"
    values = values_for(run, playbook, spec)
    body: Plain = {"run": run.id, "step": spec.id, "signal": spec.wait.signal, "until_us": _until(turn, spec, values)}
    if spec.wait.approval:
        body |= _gate(turn, run, playbook, spec, values, body["until_us"])
    if spec.wait.reply_to:
        thread = _sent_by(turn, run, spec.sender)
        if not thread:
            message = f"no mail of {spec.sender} has left, so no answer to it can come"
            fail(turn, run, spec.id, Failure(failure="permanent", code="blocked", message=message))
            return
        body["thread"] = list(thread)
    turn.emit("step.waiting", body, run=run.id, labels=run.labels)
    run = find(turn, Run, run.id)
    deliver(turn, run, run.steps[spec.id])


def _gate(turn: Turn, run: Run, playbook: Playbook, spec: StepSpec, values: Plain, until_us: object) -> Plain:
    """The question, what it is about, and when it expires: like any other approval, if the playbook does not say."""
    step = run.steps[spec.id]
    needs = playbook.step(step.parent).needs if step.parent else spec.needs
    expires_us = until_us if isinstance(until_us, int) else turn.env.now_us + settings_of(turn.draft).expires_us
    return {
        "gate": str(resolve(spec.wait.approval, values))[:QUESTION_CHARS_MAX] if spec.wait else "",
        "about": [one.id for one in feeders(run, needs)],
        "until_us": expires_us,
        **warning(turn, expires_us),
    }


def _until(turn: Turn, spec: StepSpec, values: Plain) -> int | None:
    assert spec.wait is not None, "called for waits"
    limit = turn.env.now_us + duration_us(spec.wait.limit) if spec.wait.limit else None
    if not spec.wait.until:
        return limit
    told = resolve(spec.wait.until, values)
    if not isinstance(told, str):
        raise Unanswerable(f"{spec.wait.until!r} gives {type(told).__name__}, not a time such as 2026-12-01T09:00")
    return moment_in(settings_of(turn.draft).timezone, told)


def _sent_by(turn: Turn, run: Run, sender: str) -> tuple[str, ...]:
    """Message ids of the mails that a step, or the children of a fan-out, sent."""
    steps = [step for step in run.steps.values() if base_of(step.id) == sender]
    actions = [find(turn, Action, id) for step in steps for id in step.actions]
    ids = [message_id(action) for action in actions if action.status in ("succeeded", "compensated")]
    return tuple(id for id in ids if id)


def message_id(action: Action) -> str:
    return plain_id(action.result.get("message_id"))


def plain_id(value: object) -> str:
    """A message id without its brackets; "" for what is none."""
    return value.strip().strip("<>") if isinstance(value, str) else ""


# --- what came ------------------------------------------------------------------------------------


def deliver(turn: Turn, run: Run, step: Step) -> bool:
    """Hand over what has come for a waiting step, if anything has. Returns whether it ended."""
    if step.status != "waiting":
        return False
    if step.signal and step.signal in run.signals:
        succeed(turn, run, step.id, {"signal": run.signals[step.signal], "timed_out": False})
        return True
    reply = _reply_for(turn, run, step) if step.thread else None
    if reply is not None:
        told: Plain = {"document": reply.id, "from": reply.meta.get("from_address", ""), "subject": reply.title}
        succeed(turn, run, step.id, {"reply": told, "timed_out": False}, labels=reply.labels)
        return True
    return False


def _reply_for(turn: Turn, run: Run, step: Step) -> Document | None:
    """The first answer in the step's threads that no other step has taken."""
    taken = {_taken(other) for other in run.steps.values()}
    for id in step.thread:
        thread = turn.draft.get(Thread, id)
        for reply in thread.replies if thread is not None else ():
            document = turn.draft.get(Document, reply)
            if reply not in taken and document is not None and not document.forgotten:
                return document
    return None


def _taken(step: Step) -> str:
    reply = step.output.get("reply")
    return str(reply.get("document", "")) if isinstance(reply, dict) else ""


def open_thread(turn: Turn, event: Event) -> None:
    """A mail has left: if its run waits for an answer, or will, remember by which id the answer names it."""
    action = find(turn, Action, str(event.body["action"]))
    run = turn.draft.get(Run, action.run) if action.run else None
    id = message_id(action)
    playbook = loadable_playbook(turn, run) if run is not None and id else None
    if run is None or playbook is None or base_of(action.step) not in {spec.sender for spec in playbook.steps}:
        return
    if turn.draft.get(Thread, id) is None:
        body: Plain = {"id": id, "run": run.id, "step": action.step, "action": action.id}
        turn.emit("thread.opened", body, run=run.id, labels=action.labels)


def notice_reply(turn: Turn, event: Event) -> None:
    """A mail was read: does it answer one that a run waits on?"""
    document = find(turn, Document, str(event.body["document"]))
    meta = document.meta
    references = meta.get("references")
    named = [meta.get("in_reply_to"), *(reversed(references) if isinstance(references, list) else ())]
    if meta.get("auto") or not any(named):
        return
    for id in dict.fromkeys(plain_id(one) for one in named[:THREADS_MAX]):
        thread = turn.draft.get(Thread, id) if id else None
        if thread is None:
            continue
        if document.id not in thread.replies and len(thread.replies) < REPLIES_MAX:
            body: Plain = {"thread": id, "run": thread.run, "step": thread.step, "document": document.id}
            turn.emit("reply.received", body, run=thread.run, labels=document.labels)
        return


# --- time -----------------------------------------------------------------------------------------


def time_over(turn: Turn, run: Run, step: Step) -> None:
    """The time of a wait has come. Silence is not a yes."""
    if step.gate:
        skip(turn, run, step.id, "nobody approved it in time", output={"approved": False, "timed_out": True})
    else:
        succeed(turn, run, step.id, {"timed_out": True})


# --- events ---------------------------------------------------------------------------------------


def _opened(draft: Draft, event: Event) -> None:
    body = event.body
    draft.put(
        Thread(
            id=str(body["id"]),
            seq=event.seq,
            run=str(body["run"]),
            step=str(body["step"]),
            action=str(body["action"]),
        )
    )


def _received(draft: Draft, event: Event) -> None:
    thread = draft.get(Thread, str(event.body["thread"]))
    assert thread is not None, "only what was opened gets answers"
    document = str(event.body["document"])
    draft.put(replace(thread, seq=event.seq, replies=(*thread.replies, document)))
    draft.link(f"run:{thread.run}", "read", f"document:{document}", event.seq)
    run = run_of(draft, event)
    reply = draft.get(Document, document)
    others = (reply.namespace,) if reply is not None and reply.namespace not in ("default", *run.namespaces) else ()
    draft.put(replace(run, seq=event.seq, labels=join((run.labels, event.labels)), seen=(*run.seen, *others)))


APPLY: dict[str, Applier] = {"thread.opened": _opened, "reply.received": _received}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"effect.succeeded": open_thread, "document.parsed": notice_reply}
