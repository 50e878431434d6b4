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
    AskModel,
    Cancel,
    Confinement,
    DaemonMessage,
    Failed,
    Failure,
    FailureClass,
    Hello,
    HostedModel,
    Offer,
    Order,
    OrderMessage,
    Outcome,
    ProcessMessage,
    RunStep,
    Said,
    Started,
    Work,
)
from .bulkheads import HANDS_SHARE, Bulkheads, kind_of
from .launch import model_token
from .loop_socket import LoopSocket, plain_socket
from .order_queue import OrderQueue

Role = Literal["worker", "effector", "indexer", "model"]

MESSAGE_BYTES_MAX = 96 * 1024 * 1024  # A mail with its attachments, both ways.
TRIES_MAX = 3  # A process that dies with an order three times is the order's fault.
LIVENESS_S = 0.1
IDLE_LIVENESS_S = 0.5  # When nobody has an order, a death can wait to be noticed.
ORDERS_AT_ONCE = {"worker": 1, "effector": 8, "indexer": 64}
MODEL_AT_ONCE_MAX = 16  # Whatever a model host says of itself.
HOST_WAIT_S = 20.0  # So long questions wait for a host of their model; then others can be asked.
LOAD_S = 600.0  # A large file on a slow disk.
CANCEL_S = 3.0  # A host that has not ended what was cancelled by then hangs.
CROWD = 8  # For so many orders that wait, each worker holds one more, so that it need not wait for the next.
HELD_MAX = 8  # More than one only of a kind that is quick; behind one that turns out slow they are taken back.

log = logging.getLogger("quarterdeck.hub")


class _Process(msgspec.Struct):
    identity: bytes
    role: Role
    pid: int
    orders: dict[str, None]  # In the order in which it has them; a worker does the first and holds the rest.
    confined: Confinement = Confinement()
    lane: str = ""
    at_once: int = 1
    ending: dict[str, float] = {}  # Cancelled orders that it is about to end, and how long that may take.


class _Job(msgspec.Struct):
    order: Order
    role: Role
    lane: str
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
    on_model    what the host of a model says of it, when it came and whenever that changes
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
        on_model: Callable[[HostedModel], None] = lambda model: None,
    ) -> None:
        self._endpoint = endpoint
        self._tokens = tokens
        self._on_started = on_started
        self._on_offer = on_offer
        self._on_arrived = on_arrived
        self._kill = kill
        self._on_indexer = on_indexer
        self._on_model = on_model
        self._socket: LoopSocket | None = None
        self._processes: dict[bytes, _Process] = {}
        self._jobs: dict[str, _Job] = {}
        # A queue for each role, and for each model: `model:tiny`. Those without a host, and since when.
        self._queues: dict[str, OrderQueue] = {lane: OrderQueue() for lane in ("worker", "effector", "indexer")}
        self._unhosted: dict[str, float] = {}
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        self._bulkheads = Bulkheads()
        self._tasks: set[asyncio.Task[None]] = set()
        self.agents: dict[str, Plain] = {}  # By name, as the last worker told.
        self.models: dict[str, HostedModel] = {}  # By name, as their hosts told.

    # --- for the daemon ---

    def bind(self, context: zmq.asyncio.Context) -> None:
        socket = plain_socket(context, zmq.ROUTER)
        socket.set(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        socket.set(zmq.ROUTER_MANDATORY, 1)
        socket.bind(self._endpoint)
        self._socket = LoopSocket(socket, self._take)

    async def do(self, order: Order, role: Role, priority: Priority = "normal") -> Outcome:
        """Queue the order and return its outcome. The same id while it is under way joins the first."""
        job = self._jobs.get(order.id)
        if job is None:
            lane, kind = lane_of(order.work, role), kind_of(order.work)
            queue = self._queues.setdefault(lane, OrderQueue())
            if not queue.has_room(priority):
                return _failed("transient", "busy", f"{len(queue):,} orders wait already")
            job = _Job(order, role, lane, asyncio.get_running_loop().create_future(), kind, priority)
            self._jobs[order.id] = job
            queue.put(order.id, kind, priority)
            self._dispatch(lane)
        return await asyncio.shield(job.answer)

    def listen(self, id: str, hear: Callable[[str], None]) -> Callable[[], None]:
        """Have the pieces of the streamed answer to this order told to `hear`, until what is returned is called."""
        hearing = self._listeners.setdefault(id, [])
        hearing.append(hear)

        def leave() -> None:
            hearing.remove(hear)
            if not hearing and self._listeners.get(id) is hearing:
                del self._listeners[id]

        return leave

    def refuse_outward_models(self, failure: Failure) -> None:
        """Answer all that waits for, or is with, a model on another machine. For the emergency stop."""
        for job in [job for job in self._jobs.values() if self._is_outward(job.order.work)]:
            self._give_up(job, Failed(failure=failure))

    def _is_outward(self, work: Work) -> bool:
        return isinstance(work, AskModel) and self.models.get(work.model, HostedModel()).remote

    def drop(self, role: Role) -> None:
        """Forget all orders of a role; whoever waits for them is cancelled. For the emergency stop."""
        for id in [id for id, job in self._jobs.items() if job.role == role]:
            job = self._jobs.pop(id)
            self._bulkheads.ended(job.kind, id, answered=False)
            job.answer.cancel()
        for lane, queue in self._queues.items():
            if lane.partition(":")[0] == role:
                queue.clear()

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
            if process.role == "model":
                self._call_off(process, id)
                continue
            process.orders.pop(id, None)
            if job.due and process.role == "worker":
                self._lose(process, "crash", "its process was ended for another order")
                await self._kill(process.pid, f"order {id} was abandoned")

    def cancel(self, id: str) -> None:
        """Forget one order; whoever waits for it is cancelled. A process that has it may end it, unheard; a model host
        is told to, and ended itself when it does not."""
        job = self._jobs.pop(id, None)
        if job is None:
            return
        self._bulkheads.ended(job.kind, id, answered=False)
        job.answer.cancel()
        process = self._processes.get(job.process)
        if process is not None and process.role == "model":
            self._call_off(process, id)

    def _call_off(self, process: _Process, id: str) -> None:
        process.ending[id] = time.monotonic() + CANCEL_S
        self._send(process.identity, Cancel(id=id))

    def processes(self) -> list[dict[str, object]]:
        return [{"role": p.role, "pid": p.pid, "busy": sorted(p.orders)} for p in self._processes.values()]

    def confinement(self) -> list[Confinement]:
        """How far each worker that is there is shut in."""
        return [process.confined for process in self._processes.values() if process.role == "worker"]

    async def run(self) -> None:
        """Receive until cancelled."""
        assert self._socket is not None, "bind first"
        self._spawn(self._watch())
        try:
            await self._socket.run()
        finally:
            self._socket.close()

    # --- messages ---

    def _take(self, frames: list[bytes]) -> None:
        if len(frames) != 3 or frames[1]:
            return  # Not ours; nobody with the token speaks like this.
        try:
            message = _DECODER.decode(frames[2])
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            log.warning("a process sent something unreadable: %s", error)
            return
        self._receive(frames[0], message)

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
            if message.id in process.orders and message.id not in process.ending:
                for hear in list(self._listeners.get(message.id, ())):
                    hear(message.text)
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
        if expected and hello.role == "model":
            expected = model_token(expected, hello.model.name)
        if not expected or not hmac.compare_digest(expected.encode(), hello.token.encode()):
            log.warning("a process claimed to be a %s without the token", hello.role)
            return
        before = self._processes.get(identity)
        if before is not None and before.role == hello.role == "model":
            self._know(before, hello.model)
            return
        if before is not None:
            self._lose(before, "crash", "the process began anew")
        lane = f"model:{hello.model.name}" if hello.role == "model" else hello.role
        at_once = ORDERS_AT_ONCE.get(hello.role, 1)
        process = _Process(identity, hello.role, hello.pid, {}, hello.confined, lane, at_once, {})
        self._processes[identity] = process
        if hello.role == "model":
            self._know(process, hello.model)
        self.agents |= {str(agent.get("name")): agent for agent in hello.agents}
        self._bury_dead()
        if hello.role == "indexer":
            self._on_indexer(hello.applied)
        self._dispatch(lane)

    def _know(self, process: _Process, model: HostedModel) -> None:
        process.at_once = min(max(model.at_once, 0), MODEL_AT_ONCE_MAX)
        before = self.models.get(model.name, model)
        if model.loading or before.loading:  # The time of what it was asked begins when it is loaded.
            for job in [job for id in process.orders if (job := self._jobs.get(id)) is not None and job.due]:
                job.due = time.monotonic() + (LOAD_S if model.loading else job.order.deadline_ms / 1000)
        self.models[model.name] = model
        self._on_model(model)

    def _finish(self, process: _Process, id: str, outcome: Outcome) -> None:
        if id not in process.orders:
            return  # An answer after the deadline, or to a dropped order.
        del process.orders[id]
        process.ending.pop(id, None)
        job = self._jobs.pop(id, None)
        if job is not None:
            self._bulkheads.ended(job.kind, id, answered=True)
            if not job.answer.done():
                job.answer.set_result(outcome)
        self._begin_first(process)
        self._dispatch(process.lane)

    async def _reply(self, identity: bytes, making: Awaitable[DaemonMessage]) -> None:
        self._send(identity, await making)

    def _send(self, identity: bytes, message: DaemonMessage) -> bool:
        assert self._socket is not None, "bind first"
        try:
            self._socket.send([identity, b"", msgspec.msgpack.encode(message)])
        except zmq.ZMQError as error:
            log.info("process gone: %s", error)
            return False
        return True

    # --- orders ---

    def _dispatch(self, lane: str) -> None:
        queue = self._queues.get(lane)
        while queue:
            process, id = self._next(lane, queue)
            if process is None or id is None:
                return
            job = self._jobs.get(id)
            if job is None:
                continue
            job.tries += 1
            job.process, job.due = process.identity, 0.0
            process.orders[job.order.id] = None
            self._begin_first(process)
            if not self._send(process.identity, OrderMessage(order=job.order)):
                job.due = 0.0  # It never got there, so nothing of it was begun.
                self._lose(process, "crash", "the process was gone")

    def _begin_first(self, process: _Process) -> None:
        """Let the time run for what the process is doing: a worker does one after the other, the effector all at once."""
        for id in list(process.orders)[: process.at_once]:
            job = self._jobs.get(id)
            if job is not None and not job.due:
                self._bulkheads.began(job.kind, id)
                job.due = time.monotonic() + job.order.deadline_ms / 1000

    def _next(self, lane: str, queue: OrderQueue) -> tuple[_Process | None, str | None]:
        """A process with room and an order that it may have; the least busy process first."""
        more = min(HELD_MAX, len(queue) // CROWD) if lane == "worker" else 0
        free = [p for p in self._processes.values() if p.lane == lane and len(p.orders) < p.at_once + more]
        for process in sorted(free, key=lambda p: len(p.orders)):
            id = queue.take(lambda kind, process=process: self._may_have(process, kind))  # type: ignore[misc]  # Bound now.
            if id is not None:
                return process, id
        return None, None

    def _may_have(self, process: _Process, kind: str) -> bool:
        """Whether this process may get an order of this kind now."""
        if process.role in ("indexer", "model"):
            return True
        if process.role == "effector":
            return self._in_hands(kind) < HANDS_SHARE * ORDERS_AT_ONCE["effector"]
        if process.orders:  # What it holds waits for what it does: only its own kind.
            first, *held = process.orders
            may_wait = self._bulkheads.is_quick(kind) if held else not self._bulkheads.is_slow(kind, first)
            return self._kinds_with(process) == {kind} and may_wait
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
        anybody may do twice. A step fails, and the kernel counts its attempts; so does a question to a model, which may
        have cost money, or have been what ended the host.

        What the process held without having begun it costs nothing.
        """
        process.orders.pop(job.order.id, None)
        self._bulkheads.ended(job.kind, job.order.id, answered=False)
        if job.answer.done():
            return
        untouched = not job.due
        # What an index is told depends on what it has; its successor is asked first.
        again = process.role != "indexer"
        if again and (untouched or (job.tries < TRIES_MAX and not isinstance(job.order.work, RunStep | AskModel))):
            job.tries -= untouched
            job.process, job.due = b"", 0.0
            self._queues[job.lane].put(job.order.id, job.kind, job.priority, first=True)
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
            self._take_back_held()
            self._answer_unhosted()
            if self._queues["worker"]:
                self._dispatch("worker")  # A kind may have become one that answers, or the only one that waits.

    def _bury_dead(self) -> None:
        for process in [p for p in self._processes.values() if not is_alive(p.pid)]:
            self._lose(process, "crash", f"the {process.role} (pid {process.pid}) died")
            self._dispatch(process.lane)

    def _answer_unhosted(self) -> None:
        """Questions to a model whose host does not come up are answered after HOST_WAIT_S: their asker has other ways."""
        now = time.monotonic()
        hosted = {process.lane for process in self._processes.values()}
        waiting = {lane for lane, queue in self._queues.items() if lane.startswith("model:") and queue} - hosted
        self._unhosted = {lane: self._unhosted.get(lane, now) for lane in waiting}
        for lane in [lane for lane, since in self._unhosted.items() if now - since > HOST_WAIT_S]:
            message = f"the host of {lane.removeprefix('model:')} did not come up within {HOST_WAIT_S:.0f} s"
            for job in [job for job in self._jobs.values() if job.lane == lane]:
                self._give_up(job, _failed("transient", "unavailable", message))
            self._queues[lane].clear()

    def _give_up(self, job: _Job, outcome: Outcome) -> None:
        """Answer without waiting any longer for the process that has it."""
        self._jobs.pop(job.order.id, None)
        self._bulkheads.ended(job.kind, job.order.id, answered=False)
        if not job.answer.done():
            job.answer.set_result(outcome)
        process = self._processes.get(job.process)
        if process is not None and process.role == "model":
            self._call_off(process, job.order.id)

    async def _end_overdue(self) -> None:
        now = time.monotonic()
        for deaf in [p for p in self._processes.values() if any(until < now for until in p.ending.values())]:
            self._lose(deaf, "crash", "its process did not end what was cancelled")
            await self._kill(deaf.pid, "it did not end what was cancelled")
        for job in [job for job in self._jobs.values() if job.due and job.due < now]:
            process = self._processes.get(job.process)
            if process is None:
                continue
            log.warning("%s %s did not answer in %d ms", process.role, process.pid, job.order.deadline_ms)
            job.tries = TRIES_MAX
            self._again(job, process, "timeout", f"no answer within {job.order.deadline_ms} ms")
            self._lose(process, "crash", "its process was ended for another order")
            await self._kill(process.pid, f"order {job.order.id} took too long")

    def _take_back_held(self) -> None:
        """What waits behind work that turned out slow goes to others. Should its worker do it all the same, nobody hears."""
        for process in [p for p in self._processes.values() if p.role == "worker" and len(p.orders) > 1]:
            first, *held = process.orders
            doing = self._jobs.get(first)
            if doing is None or not self._bulkheads.is_slow(doing.kind, first):
                continue
            for id in reversed(held):
                del process.orders[id]
                if (job := self._jobs.get(id)) is not None:
                    job.tries, job.process = job.tries - 1, b""
                    self._queues[job.lane].put(id, job.kind, job.priority, first=True)

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
            self._dispatch("worker")

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a message from a process could not be handled", exc_info=error)


_DECODER = msgspec.msgpack.Decoder(ProcessMessage)


def lane_of(work: Work, role: Role) -> str:
    """Which queue it waits in."""
    return f"model:{work.model}" if isinstance(work, AskModel) else role


def _failed(failure: FailureClass, code: str, message: str) -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message))
