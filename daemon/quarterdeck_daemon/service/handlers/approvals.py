"""approval.*: what waits for the operator, the decisions, and what becomes a rule."""

from __future__ import annotations

import asyncio

from quarterdeck_protocol import approval_messages as am
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import Choice, DecideApprovals, GivePermission
from ...core.delegation import FILE
from ...core.entities import Action, Plain
from ...core.gates import is_gate
from .. import steering
from ..delegating import Draft, add_rule, draft_of
from ..house import House, time_us
from ..reasons import used_for
from ..rpc import Asked, Handler
from ..views import iso
from ..waiting import approval_views
from .learning import lesson_draft
from .pages import offset_of


def handlers(house: House) -> dict[str, Handler]:
    writing = asyncio.Lock()

    async def approvals(asked: Asked, params: p.ApprovalList) -> object:
        found = approval_views(house, house.position(params.as_of), away=params.away)
        found = [
            one
            for one in found
            if params.group is None or params.group == one["group"] or _labelled(house, one, params)
        ]
        wanted = [one for one in found if params.run in (None, one["run"])]
        start = offset_of(params.cursor)
        end = start + params.limit
        items = [_with_used(house, one, params.as_of) for one in wanted[start:end]]
        return {"items": items, "next": str(end) if end < len(wanted) else None}

    async def decide(asked: Asked, params: p.ApprovalDecide) -> object:
        reply, seq = await house.change(asked, _command(params))
        items = reply["items"]
        assert isinstance(items, list), "decisions come as a list"
        return {"items": [_decided(item) for item in items], "seq": seq}, seq

    async def delegate(asked: Asked, params: am.ApprovalDelegate) -> object:
        async with writing:
            return await _delegate(house, asked, params)

    return {"approval.list": approvals, "approval.decide": decide, "approval.delegate": delegate}


def _labelled(house: House, item: Plain, params: p.ApprovalList) -> bool:
    """Whether its agent gave it this label."""
    action = house.store.get(Action, str(item["id"]))
    return action is not None and action.group == params.group


def _with_used(house: House, item: Plain, as_of: str | int | None) -> Plain:
    return {**item, "used": used_for(house.store, str(item["id"]), house.position(as_of))}


# --- deciding -------------------------------------------------------------------------------------


def _command(params: p.ApprovalDecide) -> DecideApprovals:
    if params.confirm and len(params.items) > 1:
        raise QuarterdeckError(
            "bad_value", "one word confirms one item", hint="Put `confirm` into each of the items."
        )
    choices = tuple(
        Choice(id=item.id, shown_hash=item.shown_hash, confirm=item.confirm or params.confirm)
        for item in params.items
    )
    return DecideApprovals(
        items=choices,
        decision=params.decision,
        edits=params.edits,
        reason=params.reason,
        until_us=time_us(params.until) if params.until else None,
        until_event=params.until_event,
        lesson=lesson_draft(params.lesson, params.reason) if params.lesson is not None else None,
        shown_us=params.shown_at_ms * 1_000 if params.shown_at_ms is not None else None,
    )


def _decided(item: Plain) -> Plain:
    error = item.get("error")
    if isinstance(error, dict):
        return {
            "id": item["id"], "ok": False, "error": error["code"], "message": error["message"], "hint": error["hint"],
            "confirm": str((error.get("details") or {}).get("confirm", "")),
        }  # fmt: skip
    release = item.get("release_us")
    at = iso(release) if isinstance(release, int) else None
    told: Plain = {name: item[name] for name in ("status", "lesson", "cooling") if name in item}
    return {"id": item["id"], "ok": True, **told, "releases_at": at}


# --- delegating -----------------------------------------------------------------------------------


async def _delegate(house: House, asked: Asked, params: am.ApprovalDelegate) -> object:
    """A preview; with the hash of one that was read, the rule or permission itself."""
    if is_gate(params.id):
        raise QuarterdeckError(
            "bad_value", f"{params.id} is a question of a run, no rule can be made of it",
            hint="To be asked no more, take the step out of its playbook.",
        )  # fmt: skip
    action = house.store.get(Action, params.id)
    if action is None:
        raise QuarterdeckError("not_found", f"there is no action {params.id!r}", hint="quarterdeck approvals")
    if action.shown_hash != params.shown_hash:
        raise QuarterdeckError("conflict", f"{action.id} is no longer what you saw", hint="Look at it again.")
    draft = await asyncio.to_thread(draft_of, house, action, amount_max=params.amount_max)
    if not params.plan_hash:
        return draft.view(params.form)
    if draft.refused:
        raise QuarterdeckError("policy_denied", f"{action.id} cannot be delegated: {draft.refused[0]}")
    if draft.hash != params.plan_hash:
        raise QuarterdeckError("conflict", "that is no longer the preview that you read", hint="Read it again.")
    if params.form == "grant":
        return await _grant(house, asked, params, draft)
    await asyncio.to_thread(add_rule, house.workspace, draft.text)
    await steering.load(house)
    return {**draft.view("rule"), "written": FILE, "seq": house.engine.durable_seq}


async def _grant(house: House, asked: Asked, params: am.ApprovalDelegate, draft: Draft) -> object:
    if not params.until:
        raise QuarterdeckError("bad_value", "a permission ends", hint="Give `until`; or make it a rule.")
    action = draft.action
    command = GivePermission(
        agent=action.agent, action=f"{action.connector}.{action.verb}", to=action.targets, uses_max=params.max,
        expires_us=time_us(params.until), amount_max=params.amount_max, reason=params.reason or f"from {action.id}",
    )  # fmt: skip
    reply, seq = await house.change(asked, command)
    return {**draft.view("grant"), "written": str(reply["id"]), "seq": seq}, seq
