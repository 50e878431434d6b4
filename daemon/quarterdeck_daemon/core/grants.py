"""Standing permissions: what the operator lets one agent do without asking, so many times, until then.

    active ── used_up / expired / revoked, each for good

A grant is narrower than a rule: one agent, one kind of action, named targets, a count and an end. It turns the *ask* of a
rule into an *allow*; guards, firm rules and denials stand above it. It never covers money, secrets or deletion.

Each use is recorded with the action that it allowed. The end is an event, so a clock that is set back revives nothing;
and when the clock is set back while a grant is in force, the grant ends, for nobody knows then how long it would last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, GivePermission, RevokePermission
from .entities import Grant, Plain, Scopes
from .guards import fits, widens
from .lookup import find
from .moments import DAY_US
from .table import Draft, Table
from .turn import Applier, Turn, take_number
from .verbs import VERBS
from .vocabulary import Addresses, Question, amount_of

GRANTS_MAX = 200  # In force at a time.
USES_MAX = 1_000
TARGETS_MAX = 50
LIFE_US_MAX = 90 * DAY_US
KNOWN = "known"

replace = msgspec.structs.replace


# --- deciding -------------------------------------------------------------------------------------


def give(turn: Turn, command: GivePermission) -> Plain:
    """Record a permission. Raises `forbidden` for anybody but the operator, `policy_denied` for what none may cover."""
    _check_operator(turn)
    _check_bounds(turn, command)
    id = f"g{turn.number('g')}"
    body: Plain = {**msgspec.to_builtins(command), "id": id, "to": list(command.to), "by": turn.actor}
    turn.emit("grant.given", body)
    return {"id": id, "expires_us": command.expires_us, "uses_max": command.uses_max}


def _check_operator(turn: Turn) -> None:
    if turn.actor != "operator":
        raise QuarterdeckError("forbidden", f"{turn.actor} cannot give or take permissions; only the operator can")


def check_agent(table: Table, agent: str) -> None:
    """Raise `bad_value` for a name that no agent of this house has, if it is known which there are."""
    scopes = table.get(Scopes, "workspace")
    known = [
        name.removeprefix("agent:")
        for name in (scopes.declared if scopes is not None else ())
        if name.startswith("agent:")
    ]
    if known and agent not in known:
        raise QuarterdeckError(
            "bad_value", f"there is no agent {agent!r}", hint=f"There are: {', '.join(sorted(known))}."
        )


def _check_bounds(turn: Turn, command: GivePermission) -> None:
    check_agent(turn.draft, command.agent)
    if not widens(command.action):
        raise QuarterdeckError(
            "policy_denied",
            f"no standing permission covers {command.action}: it is unknown, past mending, or touches money, secrets or deletion",
            hint="quarterdeck policies explain " + command.action,
        )
    if (
        not command.agent
        or command.agent == "*"
        or not command.to
        or len(command.to) > TARGETS_MAX
        or "" in command.to
    ):
        raise QuarterdeckError(
            "bad_value",
            "a permission names its agent and its targets",
            hint="Such as --to known, or --to '*@northwind.test'.",
        )
    if not 0 < command.uses_max <= USES_MAX or not 0 <= command.per_day <= USES_MAX:
        raise QuarterdeckError("out_of_range", f"a permission is for 1 to {USES_MAX} uses")
    if not 0 < command.expires_us - turn.env.now_us <= LIFE_US_MAX:
        raise QuarterdeckError(
            "out_of_range", f"a permission ends within {LIFE_US_MAX // DAY_US} days", hint="Such as --until 7d."
        )
    if command.amount_max is not None and command.amount_max < 0:
        raise QuarterdeckError("out_of_range", "an amount is not below zero")
    if sum(1 for _ in turn.draft.live(Grant)) >= GRANTS_MAX:
        raise QuarterdeckError(
            "out_of_range", f"{GRANTS_MAX} permissions are in force", hint="Revoke some: quarterdeck policies grants"
        )


def revoke(turn: Turn, command: RevokePermission) -> Plain:
    """End it. One that has ended stays as it ended."""
    _check_operator(turn)
    grant = find(turn, Grant, command.id)
    if grant.live:
        _end(turn, grant, "revoked", command.reason or "revoked")
    return {"id": grant.id, "status": find(turn, Grant, grant.id).status}


def _end(turn: Turn, grant: Grant, status: Literal["expired", "revoked"], why: str) -> None:
    turn.emit("grant.ended", {"id": grant.id, "status": status, "why": why})


# --- using ----------------------------------------------------------------------------------------


def grants_for(
    table: Table, agent: str, action: str, *, now_us: int, last_us: int, used: str = ""
) -> tuple[Grant, ...]:
    """Those in force for this agent and action, and the one that it has used already.

    None while the clock shows less than the log does already.
    """
    if now_us < last_us:
        return ()
    found = list(table.live(Grant, f"{agent} {action}"))
    before = table.get(Grant, used) if used else None
    if before is not None and not before.live:
        found.append(before)
    return tuple(grant for grant in found if now_us < grant.expires_us)


def may_use(grant: Grant, question: Question) -> bool:
    """Whether it covers this action now. One that this action has used already covers it as long as it was not ended."""
    if grant.agent != question.agent or grant.action != question.name or question.now_us >= grant.expires_us:
        return False
    if grant.status in ("expired", "revoked") or question.labels.integrity == "external":
        return False
    if not _fits_amount(grant, question) or not _fits_targets(grant, question):
        return False
    return grant.id == question.used or (grant.live and _has_uses_left(grant, question.now_us))


def _has_uses_left(grant: Grant, now_us: int) -> bool:
    today = grant.used_that_day if grant.day == now_us // DAY_US else 0
    return grant.used < grant.uses_max and (not grant.per_day or today < grant.per_day)


def _fits_amount(grant: Grant, question: Question) -> bool:
    if VERBS[question.name].amount_arg not in question.args:
        return True
    found = amount_of(question.name, question.args)
    return found is not None and grant.amount_max is not None and found[0] <= grant.amount_max


def _fits_targets(grant: Grant, question: Question) -> bool:
    return bool(question.targets) and all(_fits_target(grant, target, question.known) for target in question.targets)


def _fits_target(grant: Grant, target: str, known: Addresses) -> bool:
    by_name = any(fits(pattern, target) for pattern in grant.to if pattern != KNOWN)
    return by_name or (KNOWN in grant.to and target.lower() in known)


def use(turn: Turn, id: str, action: str) -> None:
    """An action was permitted by it."""
    turn.emit("grant.used", {"id": id, "action": action})


# --- time -----------------------------------------------------------------------------------------


def wake(turn: Turn, grant: Grant, now: int) -> None:
    if grant.live and grant.expires_us <= now:
        _end(turn, grant, "expired", "its time is over")


def end_all(turn: Turn, event: Event) -> None:
    """The clock was set back: nobody knows any more how long they would last."""
    for grant in list(turn.draft.live(Grant)):
        _end(turn, grant, "expired", "the clock was set back")


# --- applying -------------------------------------------------------------------------------------


class _Given(msgspec.Struct):
    id: str
    agent: str
    action: str
    to: tuple[str, ...]
    uses_max: int
    expires_us: int
    by: str
    reason: str = ""
    per_day: int = 0
    amount_max: int | None = None


def _given(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Given)
    plain = {name: getattr(body, name) for name in body.__struct_fields__}
    draft.put(Grant(seq=event.seq, at_us=event.at_us, **plain))
    take_number(draft, body.id, event.seq)


def _grant_of(draft: Draft, event: Event) -> Grant:
    grant = draft.get(Grant, str(event.body["id"]))
    assert grant is not None, "events of permissions name one that was given"
    return grant


def _used(draft: Draft, event: Event) -> None:
    grant = _grant_of(draft, event)
    day = event.at_us // DAY_US
    today = grant.used_that_day + 1 if grant.day == day else 1
    grant = replace(grant, seq=event.seq, used=grant.used + 1, day=day, used_that_day=today)
    if grant.used >= grant.uses_max:
        grant = replace(grant, status="used_up", ended="all its uses are used")
    draft.put(grant)
    draft.link(f"action:{event.body['action']}", "permitted_by", f"grant:{grant.id}", event.seq)


def _ended(draft: Draft, event: Event) -> None:
    status = msgspec.convert(event.body["status"], Literal["expired", "revoked"])
    draft.put(replace(_grant_of(draft, event), seq=event.seq, status=status, ended=str(event.body["why"])))


DECIDE: dict[type[Command], Callable[..., Plain]] = {GivePermission: give, RevokePermission: revoke}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"clock.set_back": end_all}
APPLY: dict[str, Applier] = {"grant.given": _given, "grant.used": _used, "grant.ended": _ended}
