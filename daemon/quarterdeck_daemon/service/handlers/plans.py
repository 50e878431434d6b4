"""intent.submit and plan.*: what was asked, how it would be done, and the operator's word on it."""

from __future__ import annotations

import asyncio
import itertools
import statistics

from quarterdeck_protocol import params as p
from quarterdeck_protocol import plan_messages as pm
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import ApprovePlan, EditPlan, RejectPlan, SubmitIntent
from ...core.entities import Plain, Plan, Run
from ...core.foresight import foresee
from ...core.plans import shown_hash
from ...core.playbook import parse_playbook
from ..house import House
from ..playbook_files import path_of, write_new
from ..reasons import PlanRecord, plan_reasons
from ..rehearsal import rehearse
from ..rpc import Asked, Handler
from ..views import iso
from .pages import offset_of

WAIT_S = 30.0  # For a plan to be worked out; then it is shown as it stands, `drafting`.
POLL_S = 0.01
EVENTS_LOOKED_AT = 5_000  # For how long such a run usually takes.


def handlers(house: House) -> dict[str, Handler]:
    async def submit(asked: Asked, params: pm.IntentSubmit) -> object:
        if house.stopped:
            raise QuarterdeckError(
                "stopped", "everything is stopped; no plan is worked out", hint="quarterdeck resume"
            )
        command = SubmitIntent(text=params.text, mode=params.mode, plan=params.plan)
        reply, seq = await house.change(asked, command)
        plan = await _worked_out(house, str(reply["plan"]))
        return {"plan": await _shown(house, plan, params.dry_run)}, seq

    async def get(asked: Asked, params: pm.PlanGet) -> object:
        return await _shown(house, _found(house, params.id), params.dry_run)

    async def listing(asked: Asked, params: pm.PlanList) -> object:
        return _listed(house, params)

    async def edit(asked: Asked, params: pm.PlanEdit) -> object:
        command = EditPlan(
            id=params.id,
            inputs=params.inputs,
            playbook=params.playbook,
            text=params.text,
            seq=params.seq,
            reason=params.reason,
        )
        return await house.change(asked, command)

    async def approve(asked: Asked, params: pm.PlanApprove) -> object:
        if house.stopped:
            raise QuarterdeckError("stopped", "everything is stopped; no run begins", hint="quarterdeck resume")
        command = ApprovePlan(id=params.id, shown_hash=params.shown_hash, run_id=params.run_id, reason=params.reason)
        return await house.change(asked, command)

    async def reject(asked: Asked, params: p.ChangeOne) -> object:
        return await house.change(asked, RejectPlan(id=params.id, reason=params.reason))

    async def save(asked: Asked, params: pm.PlanSave) -> object:
        return await _save(house, params)

    return {
        "intent.submit": submit,
        "plan.get": get,
        "plan.list": listing,
        "plan.edit": edit,
        "plan.approve": approve,
        "plan.reject": reject,
        "plan.save": save,
    }


def _found(house: House, id: str) -> Plan:
    plan = house.store.get(Plan, id)
    if plan is None:
        raise QuarterdeckError("not_found", f"there is no plan {id!r}", hint="quarterdeck plan list")
    return plan


async def _worked_out(house: House, id: str) -> Plan:
    """The plan once its agents have answered, or as it stands after WAIT_S."""
    try:
        async with asyncio.timeout(WAIT_S):
            while (plan := _found(house, id)).status == "drafting":
                await asyncio.sleep(POLL_S)
            return plan
    except TimeoutError:
        return _found(house, id)


async def _shown(house: House, plan: Plan, dry_run: bool) -> Plain:
    view = plan_view(house, plan)
    if dry_run and plan.status == "ready":
        view["would"] = await rehearse(house, plan)
    return view


def plan_view(house: House, plan: Plan, record: PlanRecord | None = None) -> Plain:
    """A plan with what it would do, as the rules and contracts stand now. record: of plans, when it was counted before."""
    seen: Plain = {"steps": []}
    if plan.text:
        seen = foresee(house.store, parse_playbook(plan.text), plan.inputs, now_us=house.engine.now_us())
        seen |= _typical(house, plan.playbook)
    steps = seen.pop("steps")
    return {
        "id": plan.id,
        "intent": plan.intent,
        "status": plan.status,
        "source": plan.source,
        "playbook": plan.playbook,
        "text": plan.text,
        "inputs": plan.inputs,
        "question": plan.question,
        "missing": list(plan.missing),
        "why": plan.why,
        "alternatives": list(plan.alternatives),
        "steps": steps,
        "foreseen": seen,
        "shown_hash": shown_hash(plan),
        "run": plan.run,
        "working": plan.working,
        "mode": plan.mode,
        "version": plan.version,
        "edited": plan.edited,
        "reason": plan.reason,
        "at": iso(plan.at_us),
        "seq": plan.seq,
        **plan_reasons(house.store, plan, record or PlanRecord(house.store)),
    }


def _typical(house: House, playbook: str) -> Plain:
    """How long the last runs of this playbook took, by the newest events; of a composed one there are none."""
    recent = itertools.islice(house.store.events(before=house.store.head.seq + 1, reverse=True), EVENTS_LOOKED_AT)
    ended = [house.store.get(Run, event.run) for event in recent if event.kind == "run.ended" and event.run]
    took = [
        run.ended_us - run.at_us
        for run in ended
        if run is not None and run.playbook == playbook and run.ended_us is not None
    ]
    return {"runs": len(took), "typical_ms": round(statistics.median(took) / 1_000) if took else None}


def _listed(house: House, params: pm.PlanList) -> Plain:
    """Newest first; the cursor says how many came before."""
    as_of = house.position(params.as_of)
    plans = [plan for plan in house.store.scan(Plan, as_of=as_of) if plan.live or not params.open]
    plans.sort(key=lambda plan: (-plan.at_us, plan.id))
    begin = offset_of(params.cursor)
    shown = plans[begin : begin + params.limit]
    more = begin + params.limit < len(plans)
    record = PlanRecord(house.store, as_of)
    return {
        "items": [plan_view(house, plan, record) for plan in shown],
        "next": str(begin + params.limit) if more else None,
    }


async def _save(house: House, params: pm.PlanSave) -> Plain:
    plan = _found(house, params.id)
    if not plan.text:
        raise QuarterdeckError(
            "bad_value", f"{plan.id} has no playbook yet", hint=plan.question or "quarterdeck plan edit"
        )
    path = path_of(house.workspace, params.name)
    lines = [line for line in plan.text.splitlines() if not line.startswith("name:")]
    text = "\n".join([f"name: {params.name}", *lines]) + "\n"
    parse_playbook(text)
    if not params.dry_run:
        await asyncio.to_thread(write_new, path, text)
    return {"path": f"playbooks/{path.name}", "text": text, "written": not params.dry_run}
