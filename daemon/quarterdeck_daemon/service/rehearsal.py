"""A rehearsal: a plan is carried out on a copy of the state that is never written, up to what it would propose.

How    The kernel is a function of state and command. Here it decides over a draft: its events change the draft alone, agents are
       run in workers as always, and what they propose goes through policy. No effect is ever ordered, no model is asked, nothing
       is recorded. What waits for a time, a signal or a yes is where it stops.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.commands import ApprovePlan, Command, Needs, RecallAnswered, StepAnswered
from ..core.entities import Entity, Plain, Plan, Run
from ..core.kernel import decide, fold
from ..core.orders import Order, StepAsks
from ..core.plans import shown_hash
from ..core.scopes import confined, declared_for
from ..core.shown import Versions
from ..core.table import Draft
from ..core.turn import Env
from ..store.scoped import versions_of
from .house import House
from .step_work import step_work

ORDERS_MAX: Final = 100
LONGEST_S: Final = 60.0


async def rehearse(house: House, plan: Plan) -> Plain:
    """Return {actions, stops, notes}: what would be proposed with its verdict, what it would wait for, and what went wrong."""
    rehearsal = _Rehearsal(house)
    try:
        async with asyncio.timeout(LONGEST_S):
            await rehearsal.run(plan)
    except TimeoutError:
        rehearsal.notes.append(f"stopped after {LONGEST_S:.0f} s")
    return rehearsal.told()


class _Rehearsal:
    def __init__(self, house: House) -> None:
        self._house = house
        self._draft = Draft(house.store)
        self._events: dict[int, Event] = {}
        self._head = house.store.head.seq
        self._needs: deque[Needs] = deque()
        self.notes: list[str] = []

    async def run(self, plan: Plan) -> None:
        self._draft.put(
            msgspec.structs.replace(plan, mode="deterministic")
        )  # No model costs anything for a rehearsal.
        seen = self._draft.get(Plan, plan.id)
        assert seen is not None, "it was just put there"
        self._decide(ApprovePlan(id=plan.id, shown_hash=shown_hash(seen)), "operator")
        for _ in range(ORDERS_MAX):
            if not self._needs:
                return
            await self._see_to(self._needs.popleft())
        self.notes.append(f"stopped after {ORDERS_MAX} orders")

    def _decide(self, command: Command, actor: str) -> None:
        env = Env(now_us=self._house.engine.now_us())
        try:
            decision = decide(self._draft, command, env, head=self._head, actor=actor)
        except QuarterdeckError as error:
            self.notes.append(error.message)
            return
        for event in decision.commit.events:
            fold(self._draft, event)
            self._events[event.seq] = event
            self._head = event.seq
        self._needs.extend(decision.needs)

    async def _see_to(self, need: Needs) -> None:
        if need.kind == "step":
            await self._step(need)
        elif need.kind == "recall":
            await self._recall(need)

    async def _step(self, need: Needs) -> None:
        run = self._draft.get(Run, need.entity)
        started = self._events.get(run.steps[need.step].input_seq) if run is not None else None
        if run is None or started is None or run.steps[need.step].status != "started":
            return
        work = step_work(self._draft, started, need.attempt, self._versions())
        order = Order(
            id=f"rehearsal/{id(self)}/{need.key}", work=work, deadline_ms=int(str(started.body["deadline_ms"]))
        )
        outcome = await self._house.hub.do(order, "worker", "interactive")
        if isinstance(outcome, StepAsks):
            self.notes.append(f"{need.step} would ask a model; that is not rehearsed")
            return
        self._decide(StepAnswered(run=run.id, step=need.step, attempt=need.attempt, outcome=outcome), "worker")

    async def _recall(self, need: Needs) -> None:
        run = self._draft.get(Run, need.entity)
        step = run.steps.get(need.step) if run is not None else None
        if run is None or step is None or step.status != "recalling":
            return
        scope = confined(declared_for(self._draft, f"agent:{step.agent}").read, run.namespace)
        hits: dict[str, list[Plain]] = {}
        for name, search in step.recall.items():
            query = search if isinstance(search, dict) else {}
            hits[name] = await self._house.recall.for_step(
                str(query.get("query", "")), limit=int(str(query.get("limit", 5))), scope=scope
            )
        self._decide(RecallAnswered(run=run.id, step=need.step, hits=hits), "kernel")

    def _versions(self) -> Versions:
        """What the rehearsal itself made, else what the store has."""
        stored = versions_of(self._house.store)

        def version(cls: type[Entity], id: str, seq: int) -> Entity | None:
            own = self._draft.get(cls, id)
            return own if own is not None and own.seq == seq else stored(cls, id, seq)

        return version

    # --- what came of it ---

    def told(self) -> Plain:
        events = [self._events[seq] for seq in sorted(self._events)]
        proposed = {str(one.body["action"]): one for one in events if one.kind == "action.proposed"}
        denied = {str(one.body["action"]): one for one in events if one.kind == "action.denied"}
        runs = [one for one in self._draft.puts.values() if isinstance(one, Run)]
        waiting = [
            f"{run.id if run.parent else 'the plan'}: {step.id} waits for {step.gate or step.signal or 'a time'}"
            for run in runs
            for step in run.steps.values()
            if step.status == "waiting" and not step.actions and not step.child and not step.children
        ]
        steps = [step for run in runs for step in run.steps.values()]
        failed = [f"{step.id}: {step.error.get('message', 'failed')}" for step in steps if step.status == "failed"]
        return {
            "actions": [_action(one) for id, one in proposed.items() if id not in denied],
            "denied": [_action(one) for one in denied.values()],
            "stops": waiting,
            "notes": self.notes + failed,
        }


def _action(event: Event) -> Plain:
    """The event's body names everything that the operator would be shown."""
    kept = ("action", "connector", "verb", "args", "targets", "summary", "why", "verdict", "risks", "undo")
    return {name: event.body[name] for name in kept if name in event.body}
