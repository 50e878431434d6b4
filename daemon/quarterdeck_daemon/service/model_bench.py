"""How fast a model is on this machine: `quarterdeck models bench NAME`. Asks it in a process like its host's, unrecorded.

Method   load; one short answer to warm up; then ANSWERS answers to a question of QUESTION_WORDS words, or as many as fit,
         each time another, so that nothing of it is there from before. The middle one of the figures counts.
Excludes the daemon, the wire and the kernel: bench/model_host.py measures what they add.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.orders import Answer, AskModel, Failed, ModelReply, ModelRequest, Order, OrderMessage
from .cell import Cell, CellEnded
from .model_cell import FromCell, Place, State, live
from .model_figures import Figures, keep
from .model_settings import ModelSetting
from .workspace import STATE_NAME, load_config

ANSWERS = 3
QUESTION_WORDS = 100
WORD_TOKENS_MAX = 10  # Of "2-99", by a vocabulary of single characters and one that begins each word anew.
ANSWER_TOKENS = 64
CALL_MS = 600_000

Told = Callable[[str], None]


def bench(folder: Path, name: str, tell: Told) -> Figures:
    """Measure, and keep the figures. Raises QuarterdeckError `not_found`, `unavailable` with what the model said."""
    setting = load_config(folder).models.get(name)
    if setting is None:
        raise QuarterdeckError("not_found", f"there is no language model {name[:64]!r}", hint="quarterdeck models")
    home = folder / STATE_NAME
    cell = Cell.open(_quietly)
    try:
        found = _measured(cell, _place(folder, name, setting), tell)
    except CellEnded as error:
        raise QuarterdeckError(
            "unavailable", f"the model's process ended: {error}", hint="quarterdeck doctor"
        ) from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(cell.pid, signal.SIGKILL)
        os.waitpid(cell.pid, 0)
    keep(home, name, found)
    return found


def _quietly(read: int, write: int) -> NoReturn:
    """Who measures sees the terminal; what the model's process has to say is in its answers."""
    live(read, write, level="error")


def _place(folder: Path, name: str, setting: ModelSetting) -> Place:
    home = folder / STATE_NAME
    own = home / "scratch" / f"bench-{name}"
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Place(
        name=name, setting=msgspec.structs.replace(setting, load="first"), home=str(home),
        path=str(setting.path(folder)), own=str(own), private=(str(home), os.path.expanduser("~")),
    )  # fmt: skip


def _measured(cell: Cell, place: Place, tell: Told) -> Figures:
    cell.tell(msgspec.msgpack.encode(place))
    began = time.perf_counter()
    tell("loading")
    states: list[State] = []
    _asked(cell, ModelRequest(purpose="draft", prompt="Say yes.", tokens_max=1), states)
    load_ms = (time.perf_counter() - began) * 1_000
    room = states[-1].model.context_tokens - 2 * ANSWER_TOKENS
    words_max = max(min(QUESTION_WORDS, room // WORD_TOKENS_MAX), 1)
    replies = []
    for number in range(ANSWERS):
        tell(f"answer {number + 1} of {ANSWERS}")
        words = " ".join(f"{number}-{word}" for word in range(words_max))
        replies.append(
            _asked(
                cell,
                ModelRequest(purpose="draft", prompt=f"{number}. Go on: {words}", tokens_max=ANSWER_TOKENS),
                states,
            )
        )
    return Figures(
        id=replies[0].model,
        tokens_s=statistics.median(map(_writes_s, replies)),
        reads_s=statistics.median(map(_reads_s, replies)),
        first_ms=statistics.median(one.first_ms for one in replies),
        load_ms=load_ms,
        memory_mb=_peak_mb(cell.pid),
        at_us=time.time_ns() // 1_000,
    )


def _asked(cell: Cell, request: ModelRequest, states: list[State]) -> ModelReply:
    order = Order(id="bench", work=AskModel(call="bench", model="bench", request=request), deadline_ms=CALL_MS)
    cell.tell(msgspec.msgpack.encode(OrderMessage(order=order)))
    while True:
        message = msgspec.msgpack.decode(cell.hear(), type=FromCell)
        if isinstance(message, State):
            states.append(message)
        if isinstance(message, Answer) and isinstance(message.outcome, ModelReply):
            return message.outcome
        if isinstance(message, Answer) and isinstance(message.outcome, Failed):
            failure = message.outcome.failure
            raise QuarterdeckError("unavailable", failure.message, hint=failure.hint)


def _writes_s(reply: ModelReply) -> float:
    seconds = (reply.ms - reply.first_ms) / 1_000
    return (reply.tokens_out - 1) / seconds if reply.tokens_out > 1 and seconds > 0 else 0.0


def _reads_s(reply: ModelReply) -> float:
    return (reply.tokens_in - reply.reused) / (reply.first_ms / 1_000) if reply.first_ms > 0 else 0.0


def _peak_mb(pid: int) -> int:
    """The most memory that was in use, the mapped part of the file that was read among it."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) >> 10
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return used >> (20 if sys.platform == "darwin" else 10)
