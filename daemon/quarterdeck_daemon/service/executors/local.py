"""The default executor: the worker processes of this workspace, through the hub."""

from __future__ import annotations

from ...core.entities import Priority
from ...core.orders import Order, Outcome
from ..hub import Hub
from .api import Health


class LocalExecutor:
    name = "local"
    remote = False

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def submit(self, order: Order, priority: Priority) -> Outcome:
        return await self._hub.do(order, "worker", priority)

    def cancel(self, id: str) -> None:
        self._hub.cancel(id)

    def health(self) -> Health:
        workers = [one for one in self._hub.processes() if one["role"] == "worker"]
        busy = sum(bool(one["busy"]) for one in workers)
        return Health(ready=bool(workers), places=len(workers), running=busy, detail=f"{len(workers)} worker(s) here")
