"""The hub: hands orders to workers and the effector, and their answers back.

Owns     the ROUTER that processes connect to, the queue of orders per role (order_queue.py), their deadlines, and who
         may have how many processes at once (bulkheads.py).
Promises an order is with at most one process at a time; a process that dies or does not answer in time costs
         that order one try. Every order ends in exactly one answer, unless it is dropped.
Leaves   what an answer means to the caller, starting and killing processes to the supervisor.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
import zmq
import zmq.asyncio

from quarterdeck_protocol.connection import is_alive

from ..core.entities import Plain, Priority
from ..core.orders import (
    Answer,
    Arrived,
    Confinement,
    DaemonMessage,
    Failed,
    Failure,
    FailureClass,
    Hello,
    Offer,
    Order,
    OrderMessage,
    Outcome,
    ProcessMessage,
    RunStep,
    Said,
    Started,
)
from .bulkheads import HANDS_SHARE, Bulkheads, kind_of
from .order_queue import OrderQueue

Role = Literal["worker", "effector", "indexer"]

MESSAGE_BYTES_MAX = 96 * 1024 * 1024  # A mail with its attachments, both ways.
TRIES_MAX = 3  # A process that dies with an order three times is the order's fault.
LIVENESS_S = 0.1
IDLE_LIVENESS_S = 0.5  # When nobody has an order, a death can wait to be noticed.
ORDERS_AT_ONCE = {"worker": 1, "effector": 8, "indexer": 64}
CROWD = 8  # With so many orders waiting, each worker holds one more, so that it need not wait for the next.

log = logging.getLogger("quarterdeck.hub")


class _Process(msgspec.Struct):
    identity: bytes
    role: Role
    pid: int
    orders: dict[str, None]  # In the order in which it has them; a worker does the first and holds the rest.
    confined: Confinement = Confinement()


class _Job(msgspec.Struct):
    order: Order
    role: Role
    answer: asyncio.Future[Outcome]
    kind: str
    priority: Priority = "normal"
    tries: int = 0
    process: bytes = b""
    due: float = 0.0  # Monotonic seconds; 0 while it waits in the queue.


class Hub:
    """Bind with `start`; `do` an order and await its outcome.

    on_started  an effect is about to touch the wire     on_offer, on_arrived  news from connectors
    on_indexer  how far the index goes, when an indexer came; None when it went
    kill        asks the supervisor to end a process that hangs
    """

    def __init__(
        self,
        endpoint: str,
        tokens: dict[str, str],
        *,
        on_started: Callable[[str], Awaitable[None]],
        on_offer: Callable[[Offer], Awaitable[DaemonMessage]],
        on_arrived: Callable[[Arrived], Awaitable[DaemonMessage]],
        kill: Callable[[int, str], Awaitable[None]],
        on_indexer: Callable[[bytes | None], None] = lambda applied: None,
    ) -> None:
        self._endpoint = endpoint
        self._tokens = tokens
        self._on_started = on_started
        self._on_offer = on_offer
        self._on_arrived = on_arrived
        self._kill = kill
        self._on_indexer = on_indexer
        self._socket: zmq.asyncio.Socket | None = None
        self._processes: dict[bytes, _Process] = {}
        self._jobs: dict[str, _Job] = {}
        self._queues: dict[Role, OrderQueue] = {
            "worker": OrderQueue(),
            "effector": OrderQueue(),
            "indexer": OrderQueue(),
        }
        self._bulkheads = Bulkheads()
        self._tasks: set[asyncio.Task[None]] = set()
        self.agents: dict[str, Plain] = {}  # By name, as the last worker told.

    # --- for the daemon ---

    def bind(self, context: zmq.asyncio.Context) -> None:
        socket = context.socket(zmq.ROUTER)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        socket.set(zmq.ROUTER_MANDATORY, 1)
        socket.bind(self._endpoint)
        self._socket = socket

    async def do(self, order: Order, role: Role, priority: Priority = "normal") -> Outcome:
        """Queue the order and return its outcome. The same id while it is under way joins the first."""
        job = self._jobs.get(order.id)
        if job is None:
            queue, kind = self._queues[role], kind_of(order.work)
            if not queue.has_room(priority):
                return _failed("transient", "busy", f"{len(queue):,} orders wait already")
            job = _Job(order, role, asyncio.get_running_loop().create_future(), kind, priority)
            self._jobs[order.id] = job
            queue.put(order.id, kind, priority)
            self._spawn(self._dispatch(role))
        return await asyncio.shield(job.answer)

    def drop(self, role: Role) -> None:
        """Forget all orders of a role; whoever waits for them is cancelled. For the emergency stop."""
        for id in [id for id, job in self._jobs.items() if job.role == role]:
            job = self._jobs.pop(id)
            self._bulkheads.ended(job.kind, id, answered=False)
            job.answer.cancel()
        self._queues[role].clear()

    async def abandon(self, prefix: str) -> None:
        """Give up every order whose id begins so. Nobody gets an answer; a worker that is doing one is ended."""
        for id in [id for id in self._jobs if id.startswith(prefix)]:
            job = self._jobs.pop(id, None)
            if job is None:
                continue  # It was answered while another one's process was ended.
            self._bulkheads.ended(job.kind, id, answered=False)
            job.answer.cancel()
            process = self._processes.get(job.process)
            if process is None:
                continue
            process.orders.pop(id, None)
            if job.due and process.role == "worker":
                self._lose(process, "crash", "its process was ended for another order")
                await self._kill(process.pid, f"order {id} was abandoned")

    def cancel(self, id: str) -> None:
        """Forget one order; whoever waits for it is cancelled. A process that has it may end it, unheard."""
        job = self._jobs.pop(id, None)
        if job is not None:
            self._bulkheads.ended(job.kind, id, answered=False)
            job.answer.cancel()

    def processes(self) -> list[dict[str, object]]:
        return [{"role": p.role, "pid": p.pid, "busy": sorted(p.orders)} for p in self._processes.values()]

    def confinement(self) -> list[Confinement]:
        """How far each worker that is there is shut in."""
        return [process.confined for process in self._processes.values() if process.role == "worker"]

    async def run(self) -> None:
        """Receive until cancelled."""
        assert self._socket is not None, "bind first"
        self._spawn(self._watch())
        while True:
            frames = await self._socket.recv_multipart()
            await asyncio.sleep(0)  # A full queue never yields by itself, and others want to live.
            if len(frames) != 3 or frames[1]:
                continue  # Not ours; nobody with the token speaks like this.
            try:
                message = _DECODER.decode(frames[2])
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                log.warning("a process sent something unreadable: %s", error)
                continue
            self._receive(frames[0], message)

    # --- messages ---

    def _receive(self, identity: bytes, message: ProcessMessage) -> None:
        if isinstance(message, Hello):
            self._greet(identity, message)
            return
        process = self._processes.get(identity)
        if process is None:
            return  # Never said hello with the right token.
        if isinstance(message, Answer):
            self._finish(process, message.id, message.outcome)
        elif isinstance(message, Said):
            return  # Nobody has asked for pieces yet.
        elif process.role != "effector":
            log.warning("worker %d sent a %s; only the effector may", process.pid, type(message).__name__)
        elif isinstance(message, Started):
            if message.id in process.orders:
                self._spawn(self._on_started(message.id))
        elif isinstance(message, Offer):
            self._spawn(self._reply(identity, self._on_offer(message)))
        else:
            self._spawn(self._reply(identity, self._on_arrived(message)))

    def _greet(self, identity: bytes, hello: Hello) -> None:
        expected = self._tokens.get(hello.role, "")
        if not expected or not hmac.compare_digest(expected.encode(), hello.token.encode()):
            log.warning("a process claimed to be a %s without the token", hello.role)
            return
        if (before := self._processes.get(identity)) is not None:
            self._lose(before, "crash", "the process began anew")
        self._processes[identity] = _Process(identity, hello.role, hello.pid, {}, hello.confined)
        self.agents |= {str(agent.get("name")): agent for agent in hello.agents}
        self._bury_dead()
        if hello.role == "indexer":
            self._on_indexer(hello.applied)
        self._spawn(self._dispatch(hello.role))

    def _finish(self, process: _Process, id: str, outcome: Outcome) -> None:
        if id not in process.orders:
            return  # An answer after the deadline, or to a dropped order.
        del process.orders[id]
        job = self._jobs.pop(id, None)
        if job is not None:
            self._bulkheads.ended(job.kind, id, answered=True)
            if not job.answer.done():
                job.answer.set_result(outcome)
        self._begin_first(process)
        self._spawn(self._dispatch(process.role))

    async def _reply(self, identity: bytes, making: Awaitable[DaemonMessage]) -> None:
        await self._send(identity, await making)

    async def _send(self, identity: bytes, message: DaemonMessage) -> bool:
        assert self._socket is not None, "bind first"
        try:
            await self._socket.send_multipart([identity, b"", msgspec.msgpack.encode(message)])
        except zmq.ZMQError as error:
            log.info("process gone: %s", error)
            return False
        return True

    # --- orders ---

    async def _dispatch(self, role: Role) -> None:
        queue = self._queues[role]
        while queue:
            process, id = self._next(role)
            if process is None or id is None:
                return
            job = self._jobs.get(id)
            if job is None:
                continue
            job.tries += 1
            job.process, job.due = process.identity, 0.0
            process.orders[job.order.id] = None
            self._begin_first(process)
            if not await self._send(process.identity, OrderMessage(order=job.order)):
                self._lose(process, "crash", "the process was gone")

    def _begin_first(self, process: _Process) -> None:
        """Let the time run for what the process is doing: a worker does one after the other, the effector all at once."""
        for id in list(process.orders)[: ORDERS_AT_ONCE[process.role]]:
            job = self._jobs.get(id)
            if job is not None and not job.due:
                self._bulkheads.began(job.kind, id)
                job.due = time.monotonic() + job.order.deadline_ms / 1000

    def _next(self, role: Role) -> tuple[_Process | None, str | None]:
        """A process with room and an order that it may have; the least busy process first."""
        queue = self._queues[role]
        room = ORDERS_AT_ONCE[role] + (role == "worker" and len(queue) >= CROWD)
        free = [p for p in self._processes.values() if p.role == role and len(p.orders) < room]
        for process in sorted(free, key=lambda p: len(p.orders)):
            id = queue.take(lambda kind, process=process: self._may_have(process, kind))  # type: ignore[misc]  # Bound now.
            if id is not None:
                return process, id
        return None, None

    def _may_have(self, process: _Process, kind: str) -> bool:
        """Whether this process may get an order of this kind now."""
        if process.role == "indexer":
            return True
        if process.role == "effector":
            return self._in_hands(kind) < HANDS_SHARE * ORDERS_AT_ONCE["effector"]
        if process.orders:
            return self._kinds_with(process) == {kind}  # What it holds waits for what it does: only its own kind.
        workers = [p for p in self._processes.values() if p.role == "worker"]
        with_it = sum(kind in self._kinds_with(worker) for worker in workers)
        others_wait = bool(self._queues["worker"].kinds() - {kind})
        return self._bulkheads.may_have_worker(kind, with_it=with_it, workers=len(workers), others_wait=others_wait)

    def _kinds_with(self, process: _Process) -> set[str]:
        return {job.kind for id in process.orders if (job := self._jobs.get(id)) is not None}

    def _in_hands(self, kind: str) -> int:
        effectors = [p for p in self._processes.values() if p.role == "effector"]
        return sum(self._jobs[id].kind == kind for p in effectors for id in p.orders if id in self._jobs)

    def _again(self, job: _Job, process: _Process, failure: FailureClass, message: str) -> None:
        """The process is lost. Effects go to the next one, whose journal knows what was done; so does parsing, which
        anybody may do twice. A step fails, and the kernel counts its attempts.

        What the process held without having begun it costs nothing.
        """
        process.orders.pop(job.order.id, None)
        self._bulkheads.ended(job.kind, job.order.id, answered=False)
        if job.answer.done():
            return
        untouched = not job.due
        # What an index is told depends on what it has; its successor is asked first.
        again = process.role != "indexer"
        if again and (untouched or (job.tries < TRIES_MAX and not isinstance(job.order.work, RunStep))):
            job.tries -= untouched
            job.process, job.due = b"", 0.0
            self._queues[job.role].put(job.order.id, job.kind, job.priority, first=True)
            return
        self._jobs.pop(job.order.id, None)
        job.answer.set_result(_failed(failure, "unavailable" if failure == "crash" else "deadline", message))

    def _lose(self, process: _Process, failure: FailureClass, message: str) -> None:
        """The process counts no more: every order that is with it is tried elsewhere or answered."""
        self._processes.pop(process.identity, None)
        for id in list(process.orders):
            job = self._jobs.get(id)
            if job is not None and job.process == process.identity:
                self._again(job, process, failure, message)
        if process.role == "indexer" and not any(one.role == "indexer" for one in self._processes.values()):
            self._on_indexer(None)

    # --- life and death of processes ---

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LIVENESS_S if self._jobs else IDLE_LIVENESS_S)
            self._bury_dead()
            await self._end_overdue()
            await self._break_hog()
            if self._queues["worker"]:
                await self._dispatch("worker")  # A kind may have become one that answers, or the only one that waits.

    def _bury_dead(self) -> None:
        for process in [p for p in self._processes.values() if not is_alive(p.pid)]:
            self._lose(process, "crash", f"the {process.role} (pid {process.pid}) died")
            self._spawn(self._dispatch(process.role))

    async def _end_overdue(self) -> None:
        now = time.monotonic()
        for job in [job for job in self._jobs.values() if job.due and job.due < now]:
            process = self._processes.get(job.process)
            if process is None:
                continue
            log.warning("%s %s did not answer in %d ms", process.role, process.pid, job.order.deadline_ms)
            job.tries = TRIES_MAX
            self._again(job, process, "timeout", f"no answer within {job.order.deadline_ms} ms")
            self._lose(process, "crash", "its process was ended for another order")
            await self._kill(process.pid, f"order {job.order.id} took too long")

    async def _break_hog(self) -> None:
        """Take a worker back from a kind that has had all of them for long while others wait."""
        workers = [p for p in self._processes.values() if p.role == "worker" and p.orders]
        kinds = set().union(*(self._kinds_with(worker) for worker in workers)) if len(workers) > 1 else set()
        everybody = len(workers) == sum(p.role == "worker" for p in self._processes.values())
        if len(kinds) != 1 or not everybody or not self._queues["worker"].kinds() - kinds:
            return
        (kind,) = kinds
        for id in self._bulkheads.hogged(kind)[:1]:
            job = self._jobs[id]
            process = self._processes[job.process]
            log.warning("%s has had all workers for long; %s is done again later", kind, id)
            for other in process.orders:
                if (held := self._jobs.get(other)) is not None:
                    held.due = 0.0  # None of them is at fault: it costs no try.
            self._lose(process, "crash", "its process was needed for other work")
            await self._kill(process.pid, f"other work waits for {kind}")
            self._spawn(self._dispatch("worker"))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a message from a process could not be handled", exc_info=error)


_DECODER = msgspec.msgpack.Decoder(ProcessMessage)


def _failed(failure: FailureClass, code: str, message: str) -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message))
