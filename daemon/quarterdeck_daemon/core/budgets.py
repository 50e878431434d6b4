"""Budgets: what work may use is taken out of every limit it falls under before it is dispatched, and settled after.

Reserved and used together never exceed a cap: work that does not fit is not begun. What a try used is known when it
ends; what nobody can know (it crashed) counts as used in full. Work that reports more than it had reserved is counted
with all it reports, so a cap is overrun by no more than what single tries said too little about.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .alerts import settle_topic
from .commands import Command, RaiseBudget, SetBudget
from .entities import Amounts, Cap, Meter, Per, Plain, Reservation, Run, Span, Work
from .limits import NOTHING, add, began, caps_of, limits_of, span_of
from .lookup import find
from .table import Draft
from .turn import Applier, Turn

replace = msgspec.structs.replace
CAPS_MAX = 16
AMOUNT_MAX = 1 << 50


def reserve(turn: Turn, work: Work, scopes: dict[str, list[Per]]) -> None:
    """Take it out of these limits, in these spans of time. The caller has seen that there is room."""
    body: Plain = {"work": work.id, "scopes": scopes, "amounts": msgspec.to_builtins(work.amounts)}
    if inside := [scope for scope in work.inside if scope in scopes]:
        body["inside"] = inside
    turn.emit("budget.reserved", body)


def share_of(amounts: Amounts, scope: str, inside: tuple[str, ...]) -> Amounts:
    """What counts in this scope: the time of a part is in the time of the whole."""
    return replace(amounts, ms=0) if scope in inside else amounts


def open_reservation(turn: Turn, work: str) -> Reservation | None:
    found = turn.draft.get(Reservation, work)
    return found if found is not None and found.open else None


def settle(turn: Turn, work: str, used: Amounts) -> tuple[str, ...]:
    """Put what was really used in the place of what was reserved. Returns the limits that have room again."""
    reservation = open_reservation(turn, work)
    if reservation is None:
        return ()
    turn.emit("budget.settled", {"work": work, "used": msgspec.to_builtins(used)})
    return tuple(reservation.scopes)


def used_of(reservation: Reservation, now_us: int, told: Amounts | None) -> Amounts:
    """What a try used: time as measured, tokens and money as told, in full when nobody told.

    Waiting for a worker counts as time, but no more than was reserved: a process is ended at its deadline.
    """
    most = reservation.amounts
    ms = min(most.ms, max(0, now_us - reservation.at_us) // 1_000)
    if told is None:
        return replace(most, ms=ms)
    return Amounts(calls=most.calls, ms=ms, tokens=told.tokens, money=told.money)


# --- the operator's word --------------------------------------------------------------------------


def topic_of(scope: str, per: str) -> str:
    return f"budget/{scope}/{per}"


def give_more(turn: Turn, command: RaiseBudget) -> Plain:
    meter = turn.draft.get(Meter, command.scope)
    caps = [cap for cap in caps_of(limits_of(turn.draft), meter, command.scope) if cap.per == command.per]
    if not caps:
        raise QuarterdeckError(
            "not_found",
            f"{command.scope} has no budget for {_said(command.per)}",
            hint="See what is limited: quarterdeck budget",
        )
    _check(command.more)
    if command.more == NOTHING:
        raise QuarterdeckError(
            "bad_value", "more of nothing is nothing", hint="Say --calls, --minutes, --tokens or --money."
        )
    more: Plain = msgspec.to_builtins(command.more)
    since = began(command.per, turn.env.now_us)
    turn.emit(
        "budget.raised",
        {"scope": command.scope, "per": command.per, "more": more, "since_us": since, "reason": command.reason},
    )
    settle_topic(turn, topic_of(command.scope, command.per), "raised")
    return {"scope": command.scope, "per": command.per}


def limit_run(turn: Turn, command: SetBudget) -> Plain:
    run = find(turn, Run, command.run)
    if not run.live:
        raise QuarterdeckError("conflict", f"run {run.id} has ended ({run.status})")
    set_own(turn, run.id, command.caps)
    return {"run_id": run.id}


def set_own(turn: Turn, run: str, caps: tuple[Cap, ...]) -> None:
    """Give a run limits of its own."""
    if len(caps) > CAPS_MAX:
        raise QuarterdeckError("schema", f"a run has at most {CAPS_MAX} budgets")
    for cap in caps:
        _check(cap.most)
    turn.emit("budget.set", {"scope": f"run:{run}", "caps": msgspec.to_builtins(caps)})


def _check(amounts: Amounts) -> None:
    for name in Amounts.__struct_fields__:
        if not 0 <= getattr(amounts, name) <= AMOUNT_MAX:
            raise QuarterdeckError("bad_value", f"{name} is 0 to {AMOUNT_MAX}")


def _said(per: str) -> str:
    return "its whole life" if per == "ever" else f"a {per}"


# --- events ---------------------------------------------------------------------------------------


def meter_of(draft: Draft, scope: str) -> Meter:
    return draft.get(Meter, scope) or Meter(id=scope)


def _reserved(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Reserved)
    draft.put(
        Reservation(
            id=body.work, seq=event.seq, scopes=body.scopes, amounts=body.amounts, at_us=event.at_us,
            inside=body.inside,
        )
    )  # fmt: skip
    for scope, pers in body.scopes.items():
        meter = meter_of(draft, scope)
        amounts = share_of(body.amounts, scope, body.inside)
        spans = dict(meter.spans)
        for per in pers:
            span = span_of(meter, per, event.at_us)
            spans[per] = replace(span, reserved=add(span.reserved, amounts))
        taken = scope not in body.inside
        draft.put(replace(meter, seq=event.seq, in_use=meter.in_use + taken, spans=spans))


class _Reserved(msgspec.Struct):
    work: str
    scopes: dict[str, tuple[Per, ...]]
    amounts: Amounts
    inside: tuple[str, ...] = ()


def _settled(draft: Draft, event: Event) -> None:
    reservation = draft.get(Reservation, str(event.body["work"]))
    assert reservation is not None, "only what was reserved is settled"
    used = msgspec.convert(event.body["used"], Amounts)
    draft.put(replace(reservation, seq=event.seq, open=False))
    for scope, pers in reservation.scopes.items():
        meter = meter_of(draft, scope)
        spans = dict(meter.spans)
        held, gone = (share_of(one, scope, reservation.inside) for one in (reservation.amounts, used))
        for per in pers:
            span = spans.get(per)
            if span is not None and span.since_us == began(per, reservation.at_us):
                rest = add(span.reserved, held, -1)
                spans[per] = replace(span, reserved=rest, used=add(span.used, gone))
        left = max(0, meter.in_use - (scope not in reservation.inside))
        draft.put(replace(meter, seq=event.seq, in_use=left, spans=spans))


def _raised(draft: Draft, event: Event) -> None:
    meter = meter_of(draft, str(event.body["scope"]))
    per = msgspec.convert(event.body["per"], Per)
    span: Span = span_of(meter, per, event.at_us)
    more = add(span.more, msgspec.convert(event.body["more"], Amounts))
    draft.put(replace(meter, seq=event.seq, spans={**meter.spans, per: replace(span, more=more)}))


def _set(draft: Draft, event: Event) -> None:
    caps = msgspec.convert(event.body["caps"], tuple[Cap, ...])
    draft.put(replace(meter_of(draft, str(event.body["scope"])), seq=event.seq, own=caps))


DECIDE: dict[type[Command], Callable[..., Plain]] = {RaiseBudget: give_more, SetBudget: limit_run}
APPLY: dict[str, Applier] = {
    "budget.reserved": _reserved,
    "budget.settled": _settled,
    "budget.raised": _raised,
    "budget.set": _set,
}
