"""The hub: hands orders to workers and the effector, and their answers back.

Owns     the ROUTER that processes connect to, and deadlines. Who has what and who may have what is in roster.py.
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
)
from .bulkheads import kind_of
from .launch import model_token
from .listeners import Listeners
from .loop_socket import LoopSocket, plain_socket
from .order_queue import OrderQueue
from .roster import HOST_WAIT_S, ORDERS_AT_ONCE, Job, Process, Role, Roster, lane_of

MESSAGE_BYTES_MAX = 96 * 1024 * 1024  # A mail with its attachments, both ways.
TRIES_MAX = 3  # A process that dies with an order three times is the order's fault.
LIVENESS_S = 0.1
IDLE_LIVENESS_S = 0.5  # When nobody has an order, a death can wait to be noticed.
CANCEL_S = 3.0  # A host that has not ended what was cancelled by then hangs.

log = logging.getLogger("quarterdeck.hub")


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
        self._roster = Roster()
        self._processes, self._jobs = self._roster.processes, self._roster.jobs
        self._queues, self._bulkheads = self._roster.queues, self._roster.bulkheads
        self._listeners = Listeners()
        self.listen = self._listeners.listen
        self._tasks: set[asyncio.Task[None]] = set()
        self.agents: dict[str, Plain] = {}  # By name, as the last worker told.
        self.models = self._roster.models
        self.processes, self.confinement = self._roster.told, self._roster.confinement

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
            job = Job(order, role, lane, asyncio.get_running_loop().create_future(), kind, priority)
            self._jobs[order.id] = job
            queue.put(order.id, kind, priority)
            self._dispatch(lane)
        return await asyncio.shield(job.answer)

    def refuse_outward_models(self, failure: Failure) -> None:
        """Answer all that waits for, or is with, a model on another machine. For the emergency stop."""
        for job in [job for job in self._jobs.values() if self._roster.is_outward(job.order.work)]:
            self._give_up(job, Failed(failure=failure))

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

    def _call_off(self, process: Process, id: str) -> None:
        process.ending[id] = time.monotonic() + CANCEL_S
        self._send(process.identity, Cancel(id=id))

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
                self._listeners.tell(message.id, message.text)
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
        process = Process(identity, hello.role, hello.pid, {}, hello.confined, lane, at_once, {})
        self._processes[identity] = process
        if hello.role == "model":
            self._know(process, hello.model)
        self.agents |= {str(agent.get("name")): agent for agent in hello.agents}
        self._bury_dead()
        if hello.role == "indexer":
            self._on_indexer(hello.applied)
        self._dispatch(lane)

    def _know(self, process: Process, model: HostedModel) -> None:
        self._roster.know(process, model)
        self._on_model(model)

    def _finish(self, process: Process, id: str, outcome: Outcome) -> None:
        if id not in process.orders:
            return  # An answer after the deadline, or to a dropped order.
        del process.orders[id]
        process.ending.pop(id, None)
        job = self._jobs.pop(id, None)
        if job is not None:
            self._bulkheads.ended(job.kind, id, answered=True)
            if not job.answer.done():
                job.answer.set_result(outcome)
        self._roster.begin_first(process)
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
            process, id = self._roster.next(lane, queue)
            if process is None or id is None:
                return
            job = self._jobs.get(id)
            if job is None:
                continue
            job.tries += 1
            job.process, job.due = process.identity, 0.0
            process.orders[job.order.id] = None
            self._roster.begin_first(process)
            if not self._send(process.identity, OrderMessage(order=job.order)):
                job.due = 0.0  # It never got there, so nothing of it was begun.
                self._lose(process, "crash", "the process was gone")

    def _again(self, job: Job, process: Process, failure: FailureClass, message: str) -> None:
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
            self._roster.put_back(job, counts=not untouched)
            return
        self._jobs.pop(job.order.id, None)
        job.answer.set_result(_failed(failure, "unavailable" if failure == "crash" else "deadline", message))

    def _lose(self, process: Process, failure: FailureClass, message: str) -> None:
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
            self._roster.take_back_held()
            self._answer_unhosted()
            if self._queues["worker"]:
                self._dispatch("worker")  # A kind may have become one that answers, or the only one that waits.

    def _bury_dead(self) -> None:
        for process in [p for p in self._processes.values() if not is_alive(p.pid)]:
            self._lose(process, "crash", f"the {process.role} (pid {process.pid}) died")
            self._dispatch(process.lane)

    def _answer_unhosted(self) -> None:
        """Questions to a model whose host does not come up are answered after HOST_WAIT_S: their asker has other ways."""
        for lane in self._roster.unhosted(time.monotonic()):
            message = f"the host of {lane.removeprefix('model:')} did not come up within {HOST_WAIT_S:.0f} s"
            for job in [job for job in self._jobs.values() if job.lane == lane]:
                self._give_up(job, _failed("transient", "unavailable", message))
            self._queues[lane].clear()

    def _give_up(self, job: Job, outcome: Outcome) -> None:
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

    async def _break_hog(self) -> None:
        """Take a worker back from a kind that has had all of them for long while others wait."""
        found = self._roster.hog()
        if found is None:
            return
        job, process = found
        log.warning("%s has had all workers for long; %s is done again later", job.kind, job.order.id)
        for other in process.orders:
            if (held := self._jobs.get(other)) is not None:
                held.due = 0.0  # None of them is at fault: it costs no try.
        self._lose(process, "crash", "its process was needed for other work")
        await self._kill(process.pid, f"other work waits for {job.kind}")
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


def _failed(failure: FailureClass, code: str, message: str) -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message))
