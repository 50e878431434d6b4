"""The inner half of a model host: here the model is loaded, and answers.

It has nothing but two pipes to the outer half (model_host.py), and, where the model is a file of this machine, neither
network nor files beside it. It is expected to crash, hang, and run out of memory.

Frames: inwards first a `Place`, then orders and cancels as the hub sent them; outwards `State`s, pieces and answers.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.orders import (
    Answer,
    AskModel,
    Cancel,
    Confinement,
    DaemonMessage,
    Failed,
    Failure,
    FailureClass,
    HostedModel,
    ModelRequest,
    Order,
    OrderMessage,
    Outcome,
    Said,
)
from ..models.api import Backend, ModelFailure
from .cell import CellEnded, read_frame, write_frame
from .confinement.confine import confine
from .confinement.limits import harden
from .logs import fields, set_up_logging
from .model_opening import Looked, Opening, load, look
from .model_settings import ModelSetting

LOOK_S = 1.0  # Between two looks at the clock and the file.
PIECE_S = 0.04  # Pieces that come faster are told together.
PIECE_CHARS = 400
ANSWER_BYTES_MAX = 8 << 20
MESSAGE_CHARS_MAX = 500
MARGIN = 0.1  # Of its time, in which a late answer is told to be late; afterwards the hub ends the host.
MARGIN_S_MAX = 1.0
CPU = Path("/proc/cpuinfo")  # Which instructions there are.

log = logging.getLogger("quarterdeck.model")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """First frame of a cell. broken: why it is not to be loaded, whatever the file looks like."""

    name: str
    setting: ModelSetting
    home: str
    path: str
    own: str
    private: tuple[str, ...]
    broken: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """How it stands with the model."""

    model: HostedModel
    confined: Confinement


FromCell = Answer | Said | State


def failed(failure: FailureClass, code: str, message: str, hint: str = "") -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message[:MESSAGE_CHARS_MAX], hint=hint))


def live(read: int, write: int, *, level: str = "info") -> NoReturn:
    """The inner half, from its first line to its last. level: of what it logs."""
    set_up_logging("model", level=level)
    try:
        place = msgspec.msgpack.decode(read_frame(read), type=Place)
    except CellEnded:
        os._exit(0)
    path = Path(place.path)
    os.chdir(place.own)
    if place.setting.local:
        harden(place.setting.memory_bytes(_size(path)))
        confined = confine(Path(place.own), tuple(map(Path, place.private)), (path, CPU))
    else:
        harden()
        confined = Confinement(level="limits", parts=("limits",), missing=("it speaks to a service",))
    ModelCell(place, confined, read, write).run()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


class ModelCell:
    """One model, loaded when it is first asked or at once, unloaded when it was idle for long."""

    def __init__(self, place: Place, confined: Confinement, read: int, write: int) -> None:
        self._opening = Opening(name=place.name, setting=place.setting, home=Path(place.home), path=Path(place.path))
        self._setting, self._broken, self._confined = place.setting, place.broken, confined
        self._read, self._write = read, write
        self._writing, self._loading = threading.Lock(), threading.Lock()
        self._cancelled: dict[str, threading.Event] = {}
        self._backend: Backend | None = None
        self._failure: Failure | None = None
        self._looked = Looked("", place.setting.context_tokens)
        self._seen: object = None  # What the file looked like when it was compared.
        self._used_s = time.monotonic()
        self._pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="answer")

    @property
    def _at_once(self) -> int:
        return 1 if self._setting.local else self._setting.at_once

    def run(self) -> NoReturn:
        self._compare()
        self._tell_state()
        if self._setting.load == "start" and self._failure is None:
            self._pool.submit(self._load_ahead)
        while True:
            if select.select([self._read], [], [], LOOK_S)[0]:
                try:
                    self._take(read_frame(self._read))
                except CellEnded:
                    os._exit(0)
            self._look_round()

    def _take(self, frame: bytes) -> None:
        message: DaemonMessage = msgspec.msgpack.decode(frame, type=DaemonMessage)
        if isinstance(message, OrderMessage):
            self._cancelled[message.order.id] = threading.Event()
            self._pool.submit(self._carry_out, message.order)
        elif isinstance(message, Cancel) and (flag := self._cancelled.get(message.id)) is not None:
            flag.set()

    # --- one order

    def _carry_out(self, order: Order) -> None:
        outcome = self._outcome(order)
        self._cancelled.pop(order.id, None)
        self._used_s = time.monotonic()
        data = msgspec.msgpack.encode(Answer(id=order.id, outcome=outcome))
        if len(data) > ANSWER_BYTES_MAX:
            too_large = failed("contract", "bad_output", f"an answer of {len(data):,} bytes")
            data = msgspec.msgpack.encode(Answer(id=order.id, outcome=too_large))
        self._send(data)

    def _outcome(self, order: Order) -> Outcome:
        """Never raises."""
        if not isinstance(order.work, AskModel):
            return failed("contract", "wrong_role", f"a model host does no {type(order.work).__name__}")
        try:
            return self._answer(order, order.work)
        except ModelFailure as error:
            return Failed(failure=error.failure)
        except QuarterdeckError as error:
            return failed(
                "stopped" if error.code == "stopped" else "permanent", error.code, error.message, error.hint
            )
        except MemoryError:
            hint = "Raise memory_mb of the model, or take a smaller one."
            return failed("crash", "out_of_memory", "the model needed more memory than it may have", hint)
        except Exception as error:
            log.exception("a request broke its model")
            return failed(
                "crash", "exception", f"{type(error).__name__}: {error}", "quarterdeck logs has the traceback."
            )

    def _answer(self, order: Order, work: AskModel) -> Outcome:
        flag = self._cancelled[order.id]
        backend = self._loaded()
        seconds = order.deadline_ms / 1_000
        until = time.monotonic() + seconds - min(seconds * MARGIN, MARGIN_S_MAX)
        _refuse_secret(backend, work.request)
        pieces = _Pieces(order.id, self._send) if work.stream else None
        reply = backend.answer(
            work.request,
            pieces.add if pieces is not None else lambda piece: None,
            lambda: flag.is_set() or time.monotonic() >= until,
        )
        if pieces is not None:
            pieces.flush()
        if reply.finish == "cancelled" and not flag.is_set():
            return failed(
                "timeout", "deadline", f"no answer within {seconds:.0f} s", "Ask for less, or raise its `call`."
            )
        return reply

    # --- the model

    def _loaded(self) -> Backend:
        with self._loading:
            if self._backend is not None:
                return self._backend
            self._compare()
            if self._failure is not None:
                self._tell_state()
                raise ModelFailure("permanent", "not_ready", self._failure.message, self._failure.hint)
            self._tell_state(loading=True)
            began = time.monotonic()
            try:
                self._backend = load(self._opening, self._looked)
            except ModelFailure as error:
                self._failure = error.failure
                raise
            finally:
                self._used_s = time.monotonic()
                self._tell_state()
            log.info("model loaded", extra=fields(model=self._looked.id, seconds=round(self._used_s - began, 3)))
            return self._backend

    def _load_ahead(self) -> None:
        try:
            self._loaded()
        except ModelFailure as error:
            log.error("the model was not loaded: %s", error, extra=fields(hint=error.failure.hint))
        except Exception:
            log.exception("the model was not loaded")

    def _compare(self) -> None:
        """Look at the file, unless it is the one that was looked at."""
        seen = self._looks()
        if seen == self._seen and seen is not None:
            return
        self._seen, self._failure = seen, None
        try:
            self._looked = look(self._opening)
        except ModelFailure as error:
            self._failure = error.failure
        except QuarterdeckError as error:
            self._failure = Failure(failure="permanent", code=error.code, message=error.message, hint=error.hint)
        if self._broken and self._failure is None:
            hint = "Fetch the file again, or use another model; `quarterdeck logs` has its last words."
            self._failure = Failure(failure="permanent", code="bad_model", message=self._broken, hint=hint)
        self._broken = ""  # Of this file; another one gets its own chance.

    def _looks(self) -> object:
        """Size and times of the file; None of a service, which is looked at each time."""
        if not self._setting.local:
            return None
        try:
            found = self._opening.path.stat()
        except OSError:
            return ()
        return found.st_size, found.st_mtime_ns, found.st_ino

    def _look_round(self) -> None:
        idle_s = self._setting.idle_s
        if not self._loading.acquire(blocking=False):
            return
        try:
            if self._backend is not None and not self._cancelled:
                if idle_s and time.monotonic() - self._used_s > idle_s:
                    self._unload()
            elif self._backend is None and self._failure is not None and self._looks() not in (None, self._seen):
                self._compare()
                self._tell_state()
        finally:
            self._loading.release()

    def _unload(self) -> None:
        assert self._backend is not None, "asked before"
        self._backend.close()
        self._backend = None
        gc.collect()
        self._tell_state()
        log.info("model unloaded", extra=fields(model=self._looked.id))

    # --- to the outer half

    def _tell_state(self, *, loading: bool = False) -> None:
        problem = self._failure
        model = HostedModel(
            name=self._opening.name,
            id=self._backend.id if self._backend else self._looked.id,
            context_tokens=self._backend.context_tokens if self._backend else self._looked.context_tokens,
            at_once=self._at_once,
            remote=self._setting.remote,
            loading=loading,
            loaded=self._backend is not None,
            ready=problem is None,
            problem=problem.message if problem else "",
            fix=problem.hint if problem else "",
        )
        self._send(msgspec.msgpack.encode(State(model=model, confined=self._confined)))

    def _send(self, body: bytes) -> None:
        with self._writing:
            try:
                write_frame(self._write, body)
            except CellEnded:
                os._exit(0)


class _Pieces:
    """Pieces of an answer, told at once or a few together."""

    def __init__(self, id: str, send: Callable[[bytes], None]) -> None:
        self._id, self._send = id, send
        self._held: list[str] = []
        self._chars, self._told_s = 0, 0.0

    def add(self, piece: str) -> None:
        self._held.append(piece)
        self._chars += len(piece)
        if self._chars >= PIECE_CHARS or time.monotonic() - self._told_s >= PIECE_S:
            self.flush()

    def flush(self) -> None:
        if self._held:
            self._send(msgspec.msgpack.encode(Said(id=self._id, text="".join(self._held))))
            self._held.clear()
            self._chars, self._told_s = 0, time.monotonic()


def _refuse_secret(backend: Backend, request: ModelRequest) -> None:
    """The router sends nothing secret here; this looks again, where it would leave the house."""
    if backend.remote and request.labels.sensitivity == "secret":
        raise ModelFailure(
            "permanent", "secret", "what is labelled secret is not given to a model on another machine"
        )
