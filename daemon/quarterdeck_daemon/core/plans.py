"""Plans: what was asked for becomes a playbook with inputs, which the operator reads, edits and starts, or not.

    intent.submitted ──► a run of plan-intent ──► plan.drafted: ready, or asks
                                               └► plan.failed
    plan.edited, plan.approved (a run of exactly what was shown), plan.rejected

Owns     the record of plans and the rule that nothing is started but what was shown, by its hash.
Promises an intent never acts by itself; a plan that cannot be understood asks or is refused with the reason.
Leaves   understanding the intent to the agents coordinator and planner; what a plan foresees to foresight.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR

from .commands import ApprovePlan, Command, EditPlan, RejectPlan, SubmitIntent
from .entities import Plain, Plan, Run
from .hashing import text_hash, value_hash
from .intent_playbook import INTENT_TEXT
from .lookup import find
from .pinned import find_playbook, pin_text
from .playbook import Playbook, check_inputs, fits, parse_playbook
from .scopes import COMMONS
from .starting import RUN_ID, begin_run
from .table import Draft
from .turn import Applier, Turn, take_number

INTENT_CHARS_MAX: Final = 4_000
OPEN_MAX: Final = 200  # Plans that wait; more are nobody's.
WORKS_OUT: Final = "plan:"  # Begins the origin of the run that works a plan out.
replace = msgspec.structs.replace


def shown_hash(plan: Plan) -> str:
    """What an approval binds: the playbook's text and the inputs."""
    return value_hash({"text": plan.hash, "inputs": plan.inputs, "mode": plan.mode})[:32]


# --- the operator ---------------------------------------------------------------------------------


def submit(turn: Turn, command: SubmitIntent) -> Plain:
    text = command.text.strip()
    if not text or len(text) > INTENT_CHARS_MAX:
        raise QuarterdeckError("bad_value", f"an intent has 1 to {INTENT_CHARS_MAX} characters")
    if command.plan:
        return _answer(turn, find(turn, Plan, command.plan), text)
    if sum(1 for _ in turn.draft.live(Plan)) >= OPEN_MAX:
        raise QuarterdeckError("busy", f"{OPEN_MAX} plans wait already", hint="quarterdeck plan list; reject some.")
    id = f"plan{turn.number('plan')}"
    _work_out(turn, id, text, command.mode)
    return {"plan": id, "status": "drafting"}


def _answer(turn: Turn, plan: Plan, said: str) -> Plain:
    """What the operator answers to a question belongs to the intent; it is worked out anew from both."""
    if plan.status != "asks":
        raise QuarterdeckError("conflict", f"{plan.id} asks for nothing", hint=f"quarterdeck plan show {plan.id}")
    _work_out(turn, plan.id, f"{plan.intent}\n{said}", plan.mode)
    return {"plan": plan.id, "status": "drafting"}


def _work_out(turn: Turn, id: str, intent: str, mode: str) -> None:
    playbook, hash = parse_playbook(INTENT_TEXT), text_hash(INTENT_TEXT)
    pin_text(turn, playbook.name, INTENT_TEXT, hash)
    run = f"r{turn.number('r')}"
    turn.emit("intent.submitted", {"id": id, "intent": intent, "mode": mode, "working": run})
    inputs: Plain = {"intent": intent}
    begin_run(
        turn, run, playbook, hash, inputs, OPERATOR, namespace=COMMONS, origin=f"{WORKS_OUT}{id}", priority="interactive",
        mode=mode,
    )  # fmt: skip


def edit(turn: Turn, command: EditPlan) -> Plain:
    plan = _open(turn, command.id)
    if command.seq and command.seq != plan.seq:
        raise QuarterdeckError("conflict", f"{plan.id} has changed since", hint=f"quarterdeck plan show {plan.id}")
    text, source = plan.text, plan.source
    if command.playbook:
        text, source = find_playbook(turn, command.playbook).text, "playbook"
    elif command.text:
        text, source = command.text, "operator"
    playbook = parse_playbook(text) if text else None
    if playbook is None:
        raise QuarterdeckError(
            "bad_value", f"{plan.id} has no playbook yet", hint="Name one: quarterdeck plan edit … --playbook NAME"
        )
    given = {name: value for name, value in {**plan.inputs, **command.inputs}.items() if value is not None}
    given = {name: value for name, value in given.items() if name in playbook.inputs or name in command.inputs}
    drafted = draft_of(playbook, text, given)
    turn.emit("plan.edited", {"id": plan.id, "source": source, "reason": command.reason, **drafted})
    return {"plan": plan.id, "status": find(turn, Plan, plan.id).status}


def approve(turn: Turn, command: ApprovePlan) -> Plain:
    plan = _open(turn, command.id)
    if plan.status != "ready":
        raise QuarterdeckError(
            "conflict", f"{plan.id} cannot start: {plan.question or 'it is not worked out yet'}",
            hint=f"quarterdeck plan show {plan.id}",
        )  # fmt: skip
    if command.shown_hash != shown_hash(plan):
        raise QuarterdeckError(
            "conflict",
            f"{plan.id} is not what you saw any more",
            hint=f"Read it again: quarterdeck plan show {plan.id}",
        )
    playbook = parse_playbook(plan.text)
    inputs = check_inputs(playbook, plan.inputs)
    if command.run_id and not RUN_ID.match(command.run_id):
        raise QuarterdeckError(
            "bad_value", f"{command.run_id!r} is no run id", hint="Letters, digits, `.`, `_`, `-`."
        )
    run = command.run_id or f"r{turn.number('r')}"
    if turn.draft.get(Run, run) is not None:
        raise QuarterdeckError("conflict", f"there is a run {run} already", hint=f"quarterdeck runs show {run}")
    pin_text(turn, playbook.name, plan.text, plan.hash)
    turn.emit(
        "plan.approved", {"id": plan.id, "run": run, "shown_hash": command.shown_hash, "reason": command.reason}
    )
    begin_run(
        turn,
        run,
        playbook,
        plan.hash,
        inputs,
        plan.labels,
        namespace=COMMONS,
        origin=f"intent:{plan.id}",
        mode=plan.mode,
    )
    return {"plan": plan.id, "run_id": run}


def reject(turn: Turn, command: RejectPlan) -> Plain:
    plan = _open(turn, command.id)
    turn.emit("plan.rejected", {"id": plan.id, "reason": command.reason})
    return {"plan": plan.id, "status": "rejected"}


def _open(turn: Turn, id: str) -> Plan:
    plan = find(turn, Plan, id)
    if not plan.live:
        became = f" (run {plan.run})" if plan.run else ""
        raise QuarterdeckError("conflict", f"{id} is {plan.status} already{became}")
    return plan


# --- what the agents found ------------------------------------------------------------------------


def draft_of(playbook: Playbook, text: str, given: Plain) -> Plain:
    """Text, inputs and what is still missing, as the body of an event. Raises `schema` for an input of another type."""
    for name, value in given.items():
        spec = playbook.inputs.get(name)
        if spec is None:
            raise QuarterdeckError("schema", f"{playbook.name} takes no input {name!r}")
        if not fits(value, spec.type):
            raise QuarterdeckError("schema", f"input {name!r} is a {type(value).__name__}, not a {spec.type}")
    missing: list[Plain] = [
        {"name": name, "type": spec.type, "about": spec.description}
        for name, spec in playbook.inputs.items()
        if spec.required and spec.default is None and name not in given
    ]
    asked = "; ".join(str(one["about"] or one["name"]) for one in missing)
    question = f"Still needed: {asked}" if missing else ""
    return {
        "playbook": playbook.name, "text": text, "hash": text_hash(text), "inputs": given, "missing": missing,
        "question": question,
    }  # fmt: skip


def worked_out(turn: Turn, event: Event) -> None:
    """The run that works a plan out has ended: take what its agents found, if it can be used."""
    run = turn.draft.get(Run, event.run or "")
    if run is None or not run.origin.startswith(WORKS_OUT):
        return
    plan = turn.draft.get(Plan, run.origin.removeprefix(WORKS_OUT))
    if plan is None or plan.working != run.id or plan.status != "drafting":
        return
    route, composed = run.steps["route"], run.steps["compose"]
    if route.status != "succeeded" or composed.status == "failed":
        error = (composed if composed.status == "failed" else route).error
        turn.emit("plan.failed", {"id": plan.id, "reason": str(error.get("message") or run.reason or run.status)})
        return
    try:
        body = _drafted(turn, route.output, composed.output)
    except QuarterdeckError as error:
        turn.emit("plan.failed", {"id": plan.id, "reason": error.message})
        return
    turn.emit("plan.drafted", {"id": plan.id, **body}, labels=route.labels)


def _drafted(turn: Turn, route: Plain, composed: Plain) -> Plain:
    told: Plain = {"why": route.get("why", {}), "alternatives": route.get("alternatives", [])}
    given = route.get("inputs")
    if name := str(route.get("found") or ""):
        text = find_playbook(turn, name).text
        return {"source": "playbook", **told, **draft_of(parse_playbook(text), text, _map(given))}
    if text := str(composed.get("text") or ""):
        told["why"] = composed.get("why", {})
        source = str(composed.get("source") or "composed")
        return {"source": source, **told, **draft_of(parse_playbook(text), text, _map(composed.get("inputs")))}
    question = str(composed.get("question") or route.get("question") or "What shall be done, in other words?")
    return {"source": "", **told, "question": question}


def _map(value: object) -> Plain:
    return dict(value) if isinstance(value, dict) else {}


# --- events ---------------------------------------------------------------------------------------


class _Draft(msgspec.Struct):
    """Body of plan.drafted and plan.edited."""

    id: str
    source: str = ""
    playbook: str = ""
    text: str = ""
    hash: str = ""
    inputs: Plain = {}
    missing: tuple[Plain, ...] = ()
    question: str = ""
    why: Plain = {}
    alternatives: tuple[Plain, ...] = ()
    reason: str = ""


def _submitted(draft: Draft, event: Event) -> None:
    id, intent = str(event.body["id"]), str(event.body["intent"])
    known = draft.get(Plan, id)
    fresh = Plan(id=id, intent=intent, status="drafting", at_us=known.at_us if known else event.at_us)
    working, mode = str(event.body["working"]), str(event.body["mode"])
    version = known.version if known else 0
    draft.put(replace(fresh, seq=event.seq, working=working, mode=mode, version=version))
    take_number(draft, id, event.seq)


def _take(draft: Draft, event: Event, *, edited: bool) -> None:
    body = msgspec.convert(event.body, _Draft)
    plan = _of(draft, event)
    kept: Plain = {} if edited else {"why": body.why, "alternatives": body.alternatives, "labels": event.labels}
    new = replace(
        plan, seq=event.seq, status="asks" if body.question else "ready", source=body.source, playbook=body.playbook,
        text=body.text, hash=body.hash, inputs=body.inputs, missing=body.missing, question=body.question,
        version=plan.version + 1, edited=edited, reason=body.reason, **kept,
    )  # fmt: skip
    draft.put(new)


def _was_drafted(draft: Draft, event: Event) -> None:
    _take(draft, event, edited=False)


def _was_edited(draft: Draft, event: Event) -> None:
    _take(draft, event, edited=True)


def _was_failed(draft: Draft, event: Event) -> None:
    draft.put(replace(_of(draft, event), seq=event.seq, status="failed", reason=str(event.body["reason"])))


def _was_approved(draft: Draft, event: Event) -> None:
    run = str(event.body["run"])
    draft.put(replace(_of(draft, event), seq=event.seq, status="approved", run=run, decided_us=event.at_us))


def _was_rejected(draft: Draft, event: Event) -> None:
    reason = str(event.body["reason"])
    draft.put(replace(_of(draft, event), seq=event.seq, status="rejected", reason=reason, decided_us=event.at_us))


def _of(draft: Draft, event: Event) -> Plan:
    plan = draft.get(Plan, str(event.body["id"]))
    assert plan is not None, "only what was submitted is planned"
    return plan


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    SubmitIntent: submit, EditPlan: edit, ApprovePlan: approve, RejectPlan: reject,
}  # fmt: skip
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"run.ended": worked_out, "run.cancelled": worked_out}
APPLY: dict[str, Applier] = {
    "intent.submitted": _submitted,
    "plan.drafted": _was_drafted,
    "plan.edited": _was_edited,
    "plan.failed": _was_failed,
    "plan.approved": _was_approved,
    "plan.rejected": _was_rejected,
}
