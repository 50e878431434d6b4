"""Doing: turns what the kernel needs into orders, timers and look-ups, and their outcomes into commands.

One handler for each kind of need. A need that is already being seen to is not started again, so the kernel
may name it as often as it likes, and after a restart it names all of them once more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import join

from ..connectors.faults import fault
from ..core.commands import (
    Command,
    DocumentAnswered,
    EffectAnswered,
    EffectStarted,
    ModelAnswered,
    Needs,
    RecallAnswered,
    StepAnswered,
    Wake,
)
from ..core.entities import Action, Document, Plain, Reservation, Run, Stop
from ..core.hashing import action_hash
from ..core.orders import (
    ExecuteEffect,
    Failed,
    Failure,
    Order,
    Outcome,
    ParseDocument,
    ReconcileEffect,
)
from ..core.scopes import confined, declared_for
from ..store.api import Store
from ..store.scoped import versions_of
from .engine import Engine
from .executors.choice import Executors
from .executors.local import LocalExecutor
from .hub import Hub
from .model_calls import Lane, no_host, order_for, replies_for
from .recall import Recall
from .step_work import step_work
from .timers import Timers
from .wall_timers import WallTimers

PARSE_DEADLINE_MS = 30_000
EFFECT_DEADLINE_MS = 60_000
TELL_AGAIN_S = 0.5
LOOK_AGAIN_S_MAX = 5.0
BY_CALENDAR = ("schedule:", "task:")  # What people planned for a moment on the wall.
RUN_OVER: frozenset[str] = frozenset(("run.cancelled", "run.ended"))
PASSING: frozenset[str] = frozenset(("no_space", "busy"))

log = logging.getLogger("quarterdeck.doing")


class Doing:
    """Give it the needs of each decision with `see_to`."""

    def __init__(
        self, store: Store, hub: Hub, recall: Recall, now_us: Callable[[], int], executors: Executors | None = None
    ) -> None:
        self.executors = executors or Executors(LocalExecutor(hub))
        self._steps: dict[str, str] = {}  # Orders of steps that are under way, with their runs.
        self.lane: Lane = no_host  # Who has models answer.
        self._store = store
        self._hub = hub
        self._recall = recall
        self._now_us = now_us
        self._engine: Engine | None = None
        self._timers = Timers(self._woken, now_us)
        self._wall_timers = WallTimers(self._woken, now_us)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._handlers: dict[str, Callable[[Needs], Coroutine[None, None, None]]] = {
            "parse": self._parse,
            "step": self._step,
            "ask": self._ask,
            "recall": self._look_up,
            "effect": self._effect,
            "reconcile": self._reconcile,
        }

    def attach(self, engine: Engine) -> None:
        """Say where outcomes go; needs are only seen to afterwards."""
        self._engine = engine

    @property
    def busy(self) -> int:
        return len(self._under_way)

    def see_to(self, needs: Sequence[Needs]) -> None:
        for need in needs:
            if need.kind == "wake":
                by_calendar = need.entity.startswith(BY_CALENDAR)
                (self._wall_timers if by_calendar else self._timers).set(need.entity, need.at_us)
            elif need.key not in self._under_way:
                task = asyncio.get_running_loop().create_task(self._handlers[need.kind](need), name=need.key)
                self._under_way[need.key] = task
                task.add_done_callback(self._finished)

    def notice(self, events: Sequence[Event]) -> None:
        """What a remote executor still does for a run that has ended is called off; our own workers end it, unheard."""
        for event in events if self.executors.there is not None else ():
            if event.kind in RUN_OVER and event.run:
                for key in [key for key in self._steps if self._steps[key] == event.run]:
                    self.executors.cancel_there(key)

    async def effect_started(self, order: str) -> None:
        """The effector is about to touch the wire for this order."""
        fault("daemon.before_started")
        await self._tell(EffectStarted(action=order.split("/")[1]), "effector")
        fault("daemon.after_started")

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task.get_name(), None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s could not be seen to", task.get_name(), exc_info=error)

    def _woken(self, entity: str, at_us: int) -> None:
        key = f"wake/{entity}/{at_us}"
        task = asyncio.get_running_loop().create_task(self._wake(entity, at_us), name=key)
        self._under_way[key] = task
        task.add_done_callback(self._finished)

    async def _tell(self, command: Command, actor: str) -> QuarterdeckError | None:
        """Hand an outcome to the kernel; return why it was refused. A full disk or queue only costs time."""
        assert self._engine is not None, "attach the engine first"
        while True:
            try:
                await self._engine.execute(command, actor=actor)
                return None
            except QuarterdeckError as error:
                log.warning(
                    "%s refused: %s", type(command).__name__, error.message, extra={"fields": {"code": error.code}}
                )
                if error.code not in PASSING:
                    return error
            await asyncio.sleep(TELL_AGAIN_S)

    async def _wake(self, entity: str, at_us: int) -> None:
        await self._tell(Wake(entity=entity, due_us=at_us), "clock")
        if entity.startswith(BY_CALENDAR) and at_us > self._now_us():
            self._wall_timers.set(entity, at_us)  # The clock was set back just now: it was too early.

    # --- one handler for each kind of need ---

    async def _parse(self, need: Needs) -> None:
        document = self._store.get(Document, need.entity)
        assert document is not None, "needs name what exists"
        data = await asyncio.to_thread(self._store.get_blob, document.blob)
        if data is None:
            outcome: Outcome = _lost(f"the content of {document.id} is missing from the blob store")
        else:
            name = document.external_id.partition("#")[0]
            work = ParseDocument(document=document.id, media_type=document.media_type, data=data, name=name)
            outcome = await self._hub.do(Order(id=need.key, work=work, deadline_ms=PARSE_DEADLINE_MS), "worker")
        refused = await self._tell(DocumentAnswered(document=document.id, outcome=outcome), "worker")
        if refused is not None:
            await self._tell(DocumentAnswered(document=document.id, outcome=_unusable(refused)), "worker")

    async def _step(self, need: Needs) -> None:
        run = self._store.get(Run, need.entity)
        assert run is not None, "needs name what exists"
        step = run.steps[need.step]
        if step.status == "asking" or len(step.calls) != need.replies:
            return  # It has asked meanwhile: it is needed anew when the answers are there.
        started = self._store.event(run.steps[need.step].input_seq)
        assert started is not None, "a started step has its input in the log"
        replies, asked = replies_for(self._store, run.steps[need.step])
        work = step_work(self._store, started, need.attempt, versions_of(self._store), replies, asked)
        order = Order(id=need.key, work=work, deadline_ms=int(str(started.body["deadline_ms"])))
        stop = self._store.get(Stop, "stop")
        stopped = stop is not None and stop.engaged
        executor = self.executors.for_step(join((run.labels, run.steps[need.step].labels)), stopped=stopped)
        self._steps[need.key] = run.id
        try:
            outcome = await executor.submit(order, run.priority)
        finally:
            self._steps.pop(need.key, None)
        via = executor.name if executor.remote else ""
        answer = StepAnswered(
            run=run.id, step=need.step, attempt=need.attempt, outcome=outcome, via=via, replies=len(replies)
        )
        refused = await self._tell(answer, "worker")
        if refused is not None:
            await self._tell(msgspec.structs.replace(answer, outcome=_unusable(refused)), "worker")

    async def _ask(self, need: Needs) -> None:
        """Have a model answer what was recorded and reserved for."""
        found = order_for(self._store, need)
        if found is None:
            return
        order, model = found
        outcome = await self.lane(order, model)
        answer = ModelAnswered(call=need.entity, attempt=need.attempt, outcome=outcome)
        refused = await self._tell(answer, f"model:{model}")
        if refused is not None:
            await self._tell(msgspec.structs.replace(answer, outcome=_unusable(refused)), f"model:{model}")

    async def _look_up(self, need: Needs) -> None:
        """Ask the index for what a step recalls. While it is away the step waits: a draft that silently lacks what
        is known would be worse than a late one."""
        pause_s = TELL_AGAIN_S
        while (wanted := self._recalled_by(need)) is not None:
            try:
                hits = await self._hits(need, wanted)
            except QuarterdeckError as error:
                log.warning("%s waits for the index: %s", need.key, error.message)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LOOK_AGAIN_S_MAX)
                continue
            await self._tell(RecallAnswered(run=need.entity, step=need.step, hits=hits), "kernel")
            return

    def _recalled_by(self, need: Needs) -> Plain | None:
        """The searches that the step still waits for; None when it has moved on, was cancelled or forgotten."""
        run = self._store.get(Run, need.entity)
        step = run.steps.get(need.step) if run is not None and run.live else None
        return step.recall if step is not None and step.status == "recalling" else None

    async def _hits(self, need: Needs, wanted: Plain) -> dict[str, list[Plain]]:
        run = self._store.get(Run, need.entity)
        assert run is not None, "it waits"
        declared = declared_for(self._store, f"agent:{run.steps[need.step].agent}").read
        scope = confined(declared, run.namespace)
        hits: dict[str, list[Plain]] = {}
        for name, search in wanted.items():
            query = _map(search)
            hits[name] = await self._recall.for_step(str(query["query"]), limit=int(str(query["limit"])), scope=scope)
        return hits

    async def _effect(self, need: Needs) -> None:
        action = self._store.get(Action, need.entity)
        assert action is not None, "needs name what exists"
        hash = action_hash(action.connector, action.verb, action.args, action.targets)
        work = ExecuteEffect(
            action=action.id,
            operation_id=action.operation_id,
            connector=action.connector,
            verb=action.verb,
            args=action.args,
            targets=action.targets,
            approved_hash=action.approval.shown_hash if action.approval else hash,
            epoch=action.epoch,
            reserved=self._is_reserved(action.id),
        )
        await self._answer_effect(need, work)

    def _is_reserved(self, action: str) -> bool:
        """Nothing counts it, or what counts it still holds a place."""
        found = self._store.get(Reservation, action)
        return found is None or found.open

    async def _reconcile(self, need: Needs) -> None:
        action = self._store.get(Action, need.entity)
        assert action is not None, "needs name what exists"
        work = ReconcileEffect(
            action=action.id,
            operation_id=action.operation_id,
            connector=action.connector,
            verb=action.verb,
            args=action.args,
        )
        await self._answer_effect(need, work)

    async def _answer_effect(self, need: Needs, work: ExecuteEffect | ReconcileEffect) -> None:
        fault("daemon.before_order")
        outcome = await self._hub.do(Order(id=need.key, work=work, deadline_ms=EFFECT_DEADLINE_MS), "effector")
        fault("daemon.before_outcome")
        await self._tell(EffectAnswered(action=need.entity, outcome=outcome), "effector")
        fault("daemon.after_outcome")


def _map(value: object) -> Plain:
    assert isinstance(value, dict), "recorded as a map"
    return value


def _unusable(refused: QuarterdeckError) -> Failed:
    """An answer that cannot be recorded counts as a failure; otherwise its work would hang until a restart."""
    message = f"the answer cannot be recorded: {refused.message}"
    return Failed(failure=Failure(failure="contract", code=refused.code, message=message, hint=refused.hint))


def _lost(message: str) -> Failed:
    return Failed(failure=Failure(failure="permanent", code="not_found", message=message))
