"""Who is here, what each of them has, what waits for whom: what the hub decides by, without sockets or waiting.

Promises an order is with at most one process; a worker holds further orders only of the kind that it works on, and gives them
         back when that turns out slow; one connector does not get all hands.
Leaves   sending, ending processes and answering to the hub; shares and fairness to bulkheads.py and order_queue.py.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import msgspec

from ..core.entities import Priority
from ..core.orders import AskModel, Confinement, HostedModel, Order, Outcome, Work
from .bulkheads import HANDS_SHARE, Bulkheads
from .order_queue import OrderQueue

Role = Literal["worker", "effector", "indexer", "model"]

ORDERS_AT_ONCE = {"worker": 1, "effector": 8, "indexer": 64}
CROWD = 8  # For so many orders that wait, each worker holds one more, so that it need not wait for the next.
MODEL_AT_ONCE_MAX = 16  # Whatever a model host says of itself.
HOST_WAIT_S = 20.0  # So long questions wait for a host of their model; then others can be asked.
LOAD_S = 600.0  # A large file on a slow disk.
HELD_MAX = 8  # More than one only of a kind that is quick; behind one that turns out slow they are taken back.


class Process(msgspec.Struct):
    identity: bytes
    role: Role
    pid: int
    orders: dict[str, None]  # In the order in which it has them; a worker does the first and holds the rest.
    confined: Confinement = Confinement()
    lane: str = ""
    at_once: int = 1
    ending: dict[str, float] = {}  # Cancelled orders that it is about to end, and how long that may take.


class Job(msgspec.Struct):
    order: Order
    role: Role
    lane: str
    answer: asyncio.Future[Outcome]
    kind: str
    priority: Priority = "normal"
    tries: int = 0
    process: bytes = b""
    due: float = 0.0  # Monotonic seconds; 0 while it waits in the queue.


class Roster:
    """processes: by identity.  jobs: by the id of their order.  queues: one for each role, and for each model: `model:tiny`."""

    def __init__(self) -> None:
        self.processes: dict[bytes, Process] = {}
        self.jobs: dict[str, Job] = {}
        self.queues: dict[str, OrderQueue] = {lane: OrderQueue() for lane in ("worker", "effector", "indexer")}
        self.bulkheads = Bulkheads()
        self.models: dict[str, HostedModel] = {}  # By name, as their hosts told.
        self._unhosted: dict[str, float] = {}  # Models with questions and no host, and since when.

    def told(self) -> list[dict[str, object]]:
        return [{"role": p.role, "pid": p.pid, "busy": sorted(p.orders)} for p in self.processes.values()]

    def confinement(self) -> list[Confinement]:
        """How far each worker that is there is shut in."""
        return [process.confined for process in self.processes.values() if process.role == "worker"]

    def begin_first(self, process: Process) -> None:
        """Let the time run for what the process is doing: a worker does one after the other, the effector all at once."""
        for id in list(process.orders)[: process.at_once]:
            job = self.jobs.get(id)
            if job is not None and not job.due:
                self.bulkheads.began(job.kind, id)
                job.due = time.monotonic() + job.order.deadline_ms / 1000

    def know(self, process: Process, model: HostedModel) -> None:
        """What the host of a model says of it."""
        process.at_once = min(max(model.at_once, 0), MODEL_AT_ONCE_MAX)
        before = self.models.get(model.name, model)
        if model.loading or before.loading:  # The time of what it was asked begins when it is loaded.
            for job in [job for id in process.orders if (job := self.jobs.get(id)) is not None and job.due]:
                job.due = time.monotonic() + (LOAD_S if model.loading else job.order.deadline_ms / 1000)
        self.models[model.name] = model

    def is_outward(self, work: Work) -> bool:
        """Whether it asks a model on another machine."""
        return isinstance(work, AskModel) and self.models.get(work.model, HostedModel()).remote

    def unhosted(self, now_s: float) -> list[str]:
        """Models whose host has not come up for HOST_WAIT_S though somebody asks them."""
        hosted = {process.lane for process in self.processes.values()}
        waiting = {lane for lane, queue in self.queues.items() if lane.startswith("model:") and queue} - hosted
        self._unhosted = {lane: self._unhosted.get(lane, now_s) for lane in waiting}
        return [lane for lane, since_s in self._unhosted.items() if now_s - since_s > HOST_WAIT_S]

    def put_back(self, job: Job, *, counts: bool) -> None:
        """To the head of its line. counts: the try that was begun costs one."""
        job.tries -= not counts
        job.process, job.due = b"", 0.0
        self.queues[job.lane].put(job.order.id, job.kind, job.priority, first=True)

    def next(self, lane: str, queue: OrderQueue) -> tuple[Process | None, str | None]:
        """A process with room and an order that it may have; the least busy process first."""
        more = min(HELD_MAX, len(queue) // CROWD) if lane == "worker" else 0
        free = [p for p in self.processes.values() if p.lane == lane and len(p.orders) < p.at_once + more]
        for process in sorted(free, key=lambda p: len(p.orders)):
            id = queue.take(lambda kind, process=process: self.may_have(process, kind))  # type: ignore[misc]  # Bound now.
            if id is not None:
                return process, id
        return None, None

    def may_have(self, process: Process, kind: str) -> bool:
        """Whether this process may get an order of this kind now."""
        if process.role in ("indexer", "model"):
            return True
        if process.role == "effector":
            return self.in_hands(kind) < HANDS_SHARE * ORDERS_AT_ONCE["effector"]
        if process.orders:  # What it holds waits for what it does: only its own kind.
            first, *held = process.orders
            may_wait = self.bulkheads.is_quick(kind) if held else not self.bulkheads.is_slow(kind, first)
            return self.kinds_with(process) == {kind} and may_wait
        workers = [p for p in self.processes.values() if p.role == "worker"]
        with_it = sum(kind in self.kinds_with(worker) for worker in workers)
        others_wait = bool(self.queues["worker"].kinds() - {kind})
        return self.bulkheads.may_have_worker(kind, with_it=with_it, workers=len(workers), others_wait=others_wait)

    def kinds_with(self, process: Process) -> set[str]:
        return {job.kind for id in process.orders if (job := self.jobs.get(id)) is not None}

    def in_hands(self, kind: str) -> int:
        effectors = [p for p in self.processes.values() if p.role == "effector"]
        return sum(self.jobs[id].kind == kind for p in effectors for id in p.orders if id in self.jobs)

    def take_back_held(self) -> None:
        """What waits behind work that turned out slow goes to others. Should its worker do it all the same, nobody hears."""
        for process in [p for p in self.processes.values() if p.role == "worker" and len(p.orders) > 1]:
            first, *held = process.orders
            doing = self.jobs.get(first)
            if doing is None or not self.bulkheads.is_slow(doing.kind, first):
                continue
            for id in reversed(held):
                del process.orders[id]
                if (job := self.jobs.get(id)) is not None:
                    self.put_back(job, counts=False)

    def hog(self) -> tuple[Job, Process] | None:
        """Of a kind that has had all workers for long while others wait: the order that is to be done again later."""
        workers = [p for p in self.processes.values() if p.role == "worker" and p.orders]
        kinds = set().union(*(self.kinds_with(worker) for worker in workers)) if len(workers) > 1 else set()
        everybody = len(workers) == sum(p.role == "worker" for p in self.processes.values())
        if len(kinds) != 1 or not everybody or not self.queues["worker"].kinds() - kinds:
            return None
        (kind,) = kinds
        for id in self.bulkheads.hogged(kind)[:1]:
            return self.jobs[id], self.processes[self.jobs[id].process]
        return None


def lane_of(work: Work, role: Role) -> str:
    """Which queue it waits in."""
    return f"model:{work.model}" if isinstance(work, AskModel) else role
