"""policy.* and agent.autonomy: why a verdict is what it is, what other rules would say, permissions, levels."""

from __future__ import annotations

from collections.abc import Iterator

from quarterdeck_protocol import params as p
from quarterdeck_protocol import policy_params as op
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import OPERATOR

from ...core.autonomy import told
from ...core.commands import GivePermission, RevokePermission, SetAutonomy
from ...core.entities import Action, Autonomy, Grant, Plain, Record
from ...core.policy import explain
from ...core.questions import Asker, own_policies, policies, preset_policies, question_of
from ...core.retrial import Retried, decided_on, retry
from ...core.rules import Files, parse_policy, slips_in
from ...core.settings import settings_of
from ...core.table import Table
from ...core.track import confidence_of, record_id
from ..house import House, time_us
from ..past_table import PastTable
from ..presets import preset_text
from ..rpc import Asked, Handler
from ..views import iso
from .pages import newest_first, offset_of

TESTED_MAX = 20_000  # Actions of the past that one test looks at, newest first.


def handlers(house: House) -> dict[str, Handler]:
    async def explained(asked: Asked, params: p.PolicyExplain) -> object:
        return _explained(house, params)

    async def tested(asked: Asked, params: op.PolicyTest) -> object:
        return _tested(house, params)

    async def granted(asked: Asked, params: op.PolicyGrants) -> object:
        as_of = house.position(params.as_of)
        found = list(house.store.scan(Grant, as_of=as_of))
        shown = sorted((one for one in found if params.all or one.live), key=lambda one: -one.at_us)
        return _page([_grant(one) for one in shown], params)

    async def grant(asked: Asked, params: op.PolicyGrant) -> object:
        command = GivePermission(
            agent=params.agent, action=params.action, to=params.to, uses_max=params.max, expires_us=time_us(params.until),
            per_day=params.per_day, amount_max=params.amount_max, reason=params.reason,
        )  # fmt: skip
        reply, seq = await house.change(asked, command)
        return {**reply, "expires_at": iso(command.expires_us)}, seq

    async def revoke(asked: Asked, params: p.ChangeOne) -> object:
        return await house.change(asked, RevokePermission(id=params.id, reason=params.reason))

    async def autonomy(asked: Asked, params: op.AutonomyList) -> object:
        as_of = house.position(params.as_of)
        table = PastTable(house.store, as_of)
        ids = {one.id for cls in (Record, Autonomy) for one in table.scan(cls)}
        views = [_autonomy(table, id) for id in sorted(ids)]
        return _page([one for one in views if params.agent in (None, one["agent"])], params)

    async def set_autonomy(asked: Asked, params: op.AutonomySet) -> object:
        command = SetAutonomy(
            agent=params.agent, action=params.action, level=params.level, decline=params.decline, reason=params.reason
        )
        return await house.change(asked, command)

    return {
        "policy.explain": explained,
        "policy.test": tested,
        "policy.grants": granted,
        "policy.grant": grant,
        "policy.revoke": revoke,
        "agent.autonomy": autonomy,
        "agent.set_autonomy": set_autonomy,
    }


def _page(items: list[Plain], params: p.Listing) -> Plain:
    start = offset_of(params.cursor)
    end = start + params.limit
    return {"items": items[start:end], "next": str(end) if end < len(items) else None}


# --- explaining -----------------------------------------------------------------------------------


def _explained(house: House, params: p.PolicyExplain) -> Plain:
    as_of = house.position(params.as_of)
    table = PastTable(house.store, as_of)
    now_us = house.engine.now_us() if as_of is None else house.positions.at_us(as_of) or 0
    asker = Asker(agent=params.agent, now_us=now_us, last_us=0)
    connector, verb, args, labels = params.connector, params.verb, params.args, params.labels or OPERATOR
    if params.id:
        action = table.get(Action, params.id)
        if action is None:
            raise QuarterdeckError("not_found", f"there is no action {params.id!r}", hint="quarterdeck approvals")
        connector, verb, args, labels = action.connector, action.verb, action.args, action.labels
        asker = Asker(agent=action.agent, run=action.run, now_us=now_us, last_us=0, used=action.verdict.grant)
    question = question_of(table, connector, verb, args, labels, asker, targets=params.targets)
    confidence, basis = confidence_of(table.get(Record, record_id(question.agent, question.name)))
    found = explain(question, policies(table), hold_us=settings_of(table).hold_us)
    return {**found, "confidence": confidence, "basis": basis}


# --- trying other rules on the past ---------------------------------------------------------------


def _tested(house: House, params: op.PolicyTest) -> Plain:
    as_of = house.position(params.as_of)
    table = PastTable(house.store, as_of)
    files, slips = _other_rules(house, table, params)
    found = retry(table, _past(house, params, as_of), files, hold_us=settings_of(table).hold_us)
    counts = {"same": 0, "allowed": 0, "asked": 0, "denied": 0}
    for one in found:
        counts[one.change] += 1
    return {
        "compared": len(found),
        "counts": counts,
        "against": sum(one.against for one in found),
        "items": [_view(one) for one in found[: params.limit]],
        "slips": slips,
    }


def _other_rules(house: House, table: Table, params: op.PolicyTest) -> tuple[Files, list[str]]:
    """The rules to try: the given text in the place of the operator's, or before them, then a preset."""
    if not params.text and not params.preset:
        raise QuarterdeckError("bad_value", "name what to test: a file of rules or a preset")
    own = own_policies(table)
    slips: list[str] = []
    if params.text:
        given = parse_policy(params.text)
        slips = [f"rule {rule.id}: {slip}" for rule in given.rule for slip in slips_in(rule)]
        own = [("the file given", given), *(own if params.ahead else ())]
    elif not params.ahead:
        own = []
    if params.preset:
        return [*own, (f"preset {params.preset}", parse_policy(preset_text(params.preset)))], slips
    return [*own, *preset_policies(table)], slips


def _past(house: House, params: op.PolicyTest, as_of: int | None) -> Iterator[Action]:
    since = time_us(params.since) if params.since else 0
    pages = newest_first(house.store, Action, "action.proposed", "action", cursor=None, as_of=as_of)
    for count, (_, action) in enumerate(pages):
        if count == TESTED_MAX or action.at_us < since:
            return
        yield action


def _view(one: Retried) -> Plain:
    action, now = one.action, one.now
    return {
        "id": action.id, "at": iso(action.at_us), "agent": action.agent, "action": f"{action.connector}.{action.verb}",
        "summary": action.summary, "targets": list(action.targets), "was": action.verdict.verdict, "now": now.verdict,
        "change": one.change, "became": action.status, "decided": decided_on(action), "rule": now.rule,
        "where": now.where, "reasons": list(now.reasons),
    }  # fmt: skip


# --- views ----------------------------------------------------------------------------------------


def _grant(grant: Grant) -> Plain:
    return {
        "id": grant.id, "agent": grant.agent, "action": grant.action, "to": list(grant.to), "uses_max": grant.uses_max,
        "used": grant.used, "left": grant.uses_max - grant.used if grant.live else 0, "per_day": grant.per_day,
        "amount_max": grant.amount_max, "status": grant.status, "expires_at": iso(grant.expires_us), "at": iso(grant.at_us),
        "by": grant.by, "reason": grant.reason, "ended": grant.ended,
    }  # fmt: skip


def _autonomy(table: Table, id: str) -> Plain:
    view = told(table, id)
    since = view.pop("since_us")
    return {**view, "since": iso(since) if isinstance(since, int) and since else None}
