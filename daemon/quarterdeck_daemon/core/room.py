"""Room: what a piece of work may use at most, under which limits it falls, and whether all of them have room for it.

Whoever may begin has its reservation in the log by the time that this is known, and nobody passes those who wait.
"""

from __future__ import annotations

import msgspec

from . import breakers
from .budgets import open_reservation, reserve, share_of
from .durations import duration_us
from .entities import (
    Action,
    Amounts,
    Breaker,
    Cap,
    Limits,
    Meter,
    ModelCall,
    ModelSpec,
    Over,
    Per,
    Priority,
    Run,
    Work,
)
from .limits import add, caps_of, ends, limits_of, raised, rule_of, run_scopes, span_of, too_much
from .pinned import pinned_playbook
from .playbook import Playbook, StepSpec
from .prices import money_of
from .settings import settings_of
from .turn import Turn


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Why work may not begin: at which limit, until when as far as that is known, and what is to be done with it."""

    scope: str
    why: str
    until_us: int | None = None
    over: Over = "throttle"
    breaker: bool = False
    per: str = ""
    never: bool = False  # It is larger than the whole limit: no waiting helps.


def step_work(turn: Turn, run: Run, spec: StepSpec) -> Work:
    playbook = pinned_playbook(turn, run)
    agent = run.steps[spec.id].agent or spec.agent
    model = (f"purpose:{spec.uses.model}",) if spec.uses.model else ()
    deadline_ms = duration_us(spec.timeout) // 1000 if spec.timeout else settings_of(turn.draft).step_deadline_ms
    return Work(
        id=f"{run.id}/{spec.id}",
        scopes=(f"agent:{agent}", *model, *run_scopes(turn.draft, run), "workspace"),
        amounts=Amounts(calls=1, ms=deadline_ms, tokens=spec.uses.tokens, money=spec.uses.money),
        priority=_priority(run, playbook),
        run=run.id,
        due_us=run.deadline_us,
    )


def _priority(run: Run, playbook: Playbook) -> Priority:
    return run.priority if run.priority != "normal" else playbook.priority or "normal"


def effect_work(turn: Turn, action: Action) -> Work:
    run = turn.draft.get(Run, action.run) if action.run else None
    return Work(
        id=action.id,
        scopes=(f"connector:{action.connector}", *run_scopes(turn.draft, run), "workspace"),
        amounts=Amounts(calls=1),
        priority="interactive" if action.approval is not None else "normal",  # Somebody is waiting to see it leave.
        run=action.run,
    )


def call_work(turn: Turn, call: ModelCall, spec: ModelSpec, run: Run | None) -> Work:
    """The call within the work of its step, which has its place and its time already."""
    inside = (f"agent:{call.agent}", *run_scopes(turn.draft, run), "workspace") if run is not None else ()
    tokens, money = call.most_in + call.most_out, money_of(spec, call.most_in, call.most_out)
    return Work(
        id=call.id,
        scopes=(f"model:{spec.name}", f"purpose:{call.purpose}", *(inside or ("workspace",))),
        amounts=Amounts(calls=1, ms=spec.call_s * 1_000, tokens=tokens, money=money),
        priority=run.priority if run is not None else "batch" if call.only else "interactive",
        run=call.run,
        due_us=run.deadline_us if run is not None else None,
        inside=inside,
    )


class Place(msgspec.Struct):
    """One limit that work falls under, as it stands."""

    scope: str
    at_once: int
    caps: tuple[Cap, ...]
    meter: Meter | None
    breaker: Breaker | None
    inside: bool = False  # The work is a part of what counts here already.


def place_at(turn: Turn, limits: Limits, scope: str, work: Work) -> Place:
    rule, meter = rule_of(limits, scope), turn.draft.get(Meter, scope)
    if scope in work.inside:
        return Place(scope, 0, caps_of(limits, meter, scope), meter, None, inside=True)
    breaker = turn.draft.get(Breaker, scope) if breakers.protects(scope) else None
    caps = caps_of(limits, meter, scope)
    return Place(scope, rule.at_once if rule is not None else 0, caps, meter, breaker)


def places_of(turn: Turn, work: Work) -> list[Place]:
    limits = limits_of(turn.draft)
    return [place_at(turn, limits, scope, work) for scope in work.scopes]


def blocked(turn: Turn, work: Work) -> Block | None:
    """Why it may not begin. None: it may, and everything for it is reserved."""
    if open_reservation(turn, work.id) is not None:
        return None  # It was called from a line.
    places = places_of(turn, work)
    block = first_block(turn, places, work) or _line_before(places)
    if block is None:
        take(turn, places, work)
    return block


def take(turn: Turn, places: list[Place], work: Work, *, called: bool = False) -> None:
    """called: from a line. Then a reservation is its ticket, though it may count in no limit."""
    for place in places:
        if place.breaker is not None and place.breaker.state != "closed":
            breakers.let_through(turn, place.scope, work)
    counted: dict[str, list[Per]] = {
        place.scope: list(dict.fromkeys(cap.per for cap in place.caps))
        for place in places
        if place.caps or place.at_once
    }
    if counted or called:
        reserve(turn, work, counted)


def no_room_at_caps(turn: Turn, work: Work) -> str:
    """Which budget or rate this does not fit into now; "" when only others are in its way, or nothing is."""
    block = first_block(turn, places_of(turn, work), work)
    return block.why if block is not None and block.per else ""


def first_block(turn: Turn, places: list[Place], work: Work) -> Block | None:
    found = (block_at(turn, place, work) for place in places)
    return next((block for block in found if block is not None), None)


def block_at(turn: Turn, place: Place, work: Work) -> Block | None:
    now, scope, meter = turn.env.now_us, place.scope, place.meter
    until = breakers.barred_until(place.breaker, work.id, now)
    if until is not None:
        return Block(scope=scope, why=f"the breaker of {scope} is open", until_us=until, breaker=True)
    if place.at_once and meter is not None and meter.in_use >= place.at_once:
        return Block(scope=scope, why=f"{scope} does {place.at_once} at once")
    found = (_cap_block(meter, scope, cap, work, now) for cap in place.caps)
    return next((block for block in found if block is not None), None)


def _cap_block(meter: Meter | None, scope: str, cap: Cap, work: Work, now: int) -> Block | None:
    span = span_of(meter, cap.per, now)
    most = raised(cap, span.more)
    wanted = share_of(work.amounts, scope, work.inside)
    beyond = too_much(add(add(span.used, span.reserved), wanted), most)
    if not beyond:
        return None
    allowed = getattr(most, beyond)
    why = f"{scope} may use {_said(allowed, beyond)} {_within(cap.per)}"
    until = ends(cap.per, now)
    if not too_much(add(span.used, wanted), most):
        # What is under way may give back enough; until that has ended, nothing is over.
        return Block(scope=scope, why=f"{why}, and others have it reserved", until_us=until, per=cap.per)
    never = too_much(wanted, cap.most) != ""
    # A span that never ends is over only when somebody says so.
    over: Over = "escalate" if cap.over == "throttle" and until is None else cap.over
    return Block(scope=scope, why=why, until_us=until, over=over, per=cap.per, never=never and until is not None)


def _said(amount: int, name: str) -> str:
    if name == "ms":
        return f"{amount / 60_000:.4g} minutes"
    if name == "money":
        return f"{amount // 100}.{amount % 100:02d}"
    return f"{amount:,} {name.removesuffix('s') if amount == 1 else name}"


def _within(per: str) -> str:
    return "in all" if per == "ever" else f"a {per}"


def _line_before(places: list[Place]) -> Block | None:
    """Others wait where it would go; it does not pass them."""
    for place in places:
        if place.meter is not None and place.meter.waiting and (not place.inside or "inside" in place.meter.lines):
            return Block(scope=place.scope, why=f"others wait for {place.scope}", until_us=place.meter.until_us)
    return None
