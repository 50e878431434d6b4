"""The desk of the models: what the settings, their hosts and the stop say of each, and who waits for an answer.

Promises the kernel is told of every change of what is ready; a question that was called off is ended in its host; who asked
         outside of any run hears the pieces as they come, and the end from the log.
Leaves   which model answers, and what may be spent, to the kernel (core/model_calls.py); the processes to the supervisor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.entities import ModelCall, ModelSpec, Priority, Run
from ..core.orders import AskModel, Failure, HostedModel, Order, Outcome
from ..store.api import Store
from .engine import Engine
from .hub import Hub
from .logs import fields
from .model_rules import models_command
from .model_settings import Models, Routes, spec_of
from .supervisor_link import SupervisorLink
from .workspace import Config, load_config

OVER = frozenset(("model.answered", "model.reused", "model.refused", "model.failed", "model.cancelled"))
STOPS = frozenset(("stop.engaged", "stop.released"))
STOPPED = "everything is stopped"
LISTENERS_MAX = 64

PRESENT_S = 1.0  # Between two looks whether who asked is still there.

Hear = Callable[[int, str], None]
"""Takes the number of the try and the next piece of its text."""

log = logging.getLogger("quarterdeck.models")


async def while_there(end: asyncio.Future[Event], present: Callable[[], Awaitable[bool]]) -> Event:
    """Wait for the end of a call as long as somebody waits for it.

    present: tells who asked that it goes on; False when they are gone, which nothing else would tell.
    Raises QuarterdeckError `unavailable` then.
    """
    while True:
        done, _ = await asyncio.wait((end,), timeout=PRESENT_S)
        if done:
            return end.result()
        if await present() is False:
            raise QuarterdeckError("unavailable", "who asked is gone", hint="Ask again.")


class ModelDesk:
    """`ask` is the lane that orders take; `notice` is told every durable event."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        engine: Engine,
        link: SupervisorLink,
        workspace: Path,
        models: Models,
        routes: Routes,
        stopped: Callable[[], bool],
        in_force: Callable[[], Config],
    ) -> None:
        self._store, self._hub, self._engine, self._link = store, hub, engine, link
        self._workspace, self._stopped, self._in_force = workspace, stopped, in_force
        self.settings: Models = models
        self.routes: Routes = routes
        self._orders: dict[str, str] = {}  # Call -> its order.
        self._ends: dict[str, asyncio.Future[Event]] = {}
        self._hearing: dict[str, Hear] = {}
        self._telling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- what there is

    async def configure(self) -> None:
        """Tell the kernel what there is, as it is now."""
        async with self._telling:
            specs = {name: self._spec(name) for name in self.settings}
            config = self._in_force()
            command = models_command(config.asking, config.prices, specs, self.settings, self.routes)
            await self._engine.execute(command, actor="operator")

    def _spec(self, name: str) -> ModelSpec:
        setting, hosted = self.settings[name], self._hub.models.get(name, HostedModel())
        problem = "" if hosted.ready else hosted.problem
        if setting.remote and self._stopped():
            problem = STOPPED
        return spec_of(name, setting, problem, hosted.id, hosted.context_tokens)

    async def reload(self) -> None:
        """The settings changed: other hosts, other routes. Raises QuarterdeckError when they cannot be read."""
        config = await asyncio.to_thread(load_config, self._workspace)
        self.settings, self.routes = config.models, config.routes
        for gone in self._hub.models.keys() - self.settings.keys():
            del self._hub.models[gone]
        await self._link.call("supervisor.models", {})
        await self.configure()

    def met(self, model: HostedModel) -> None:
        """A host said how it stands with its model."""
        if model.problem:
            log.warning("%s is not ready: %s", model.name, model.problem, extra=fields(fix=model.fix))
        self._soon()

    def _fence_changed(self) -> None:
        """The hosts of models elsewhere are dead by now, or started again; what they had is answered."""
        if self._stopped():
            failure = Failure(failure="stopped", code="stopped", message=STOPPED, hint="quarterdeck resume")
            self._hub.refuse_outward_models(failure)
        self._soon()

    def _soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self._configure_or_tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _configure_or_tell(self) -> None:
        try:
            await self.configure()
        except QuarterdeckError as error:
            log.error("what there is of models was not recorded: %s", error.message, extra=fields(code=error.code))

    # --- asking

    async def ask(self, order: Order, model: str) -> Outcome:
        """The lane of orders: to the host of the model, before what is less urgent."""
        assert isinstance(order.work, AskModel), "the kernel's lane for models"
        call = order.work.call
        self._orders[call] = order.id
        leave = self._hub.listen(order.id, lambda piece: self._heard(call, piece)) if order.work.stream else None
        try:
            return await self._hub.do(order, "model", self._priority(call))
        finally:
            self._orders.pop(call, None)
            if leave is not None:
                leave()

    def _priority(self, call: str) -> Priority:
        """Somebody waits for what was asked outside of a run, unless a model is only tried out."""
        found = self._store.get(ModelCall, call)
        if found is not None and found.only:
            return "batch"
        run = self._store.get(Run, found.run) if found is not None and found.run else None
        return run.priority if run is not None else "interactive"

    def _heard(self, call: str, piece: str) -> None:
        hear = self._hearing.get(call)
        found = self._store.get(ModelCall, call) if hear is not None else None
        if hear is not None and found is not None:
            hear(found.tries, piece)

    def notice(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind in STOPS:
                self._fence_changed()
            if event.kind not in OVER:
                continue
            call = str(event.body["call"])
            if event.kind == "model.cancelled" and call in self._orders:
                self._hub.cancel(self._orders[call])
            end = self._ends.get(call)
            if end is not None and not end.done():
                end.set_result(event)

    @contextmanager
    def waiting(self, call: str, hear: Hear) -> Iterator[asyncio.Future[Event]]:
        """Give what will be the event that ends the call, and tell the pieces until then.

        Raises QuarterdeckError `busy` when too many wait.
        """
        if len(self._ends) >= LISTENERS_MAX:
            raise QuarterdeckError("busy", f"{LISTENERS_MAX} wait for answers already", hint="Try again in a moment.")
        end: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._ends[call], self._hearing[call] = end, hear
        found = self._store.get(ModelCall, call)
        if found is not None and not found.live and (event := self._store.event(found.over_seq)) is not None:
            end.set_result(event)
        try:
            yield end
        finally:
            self._ends.pop(call, None)
            self._hearing.pop(call, None)
