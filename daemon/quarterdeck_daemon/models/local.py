"""Answers from a model in this process: one loop for every library that can evaluate tokens and show the logits.

Promises whole characters only; nothing past a stop text; an answer under a schema is valid and inside `tokens_max`;
         what the request before had in common is not computed again; the same request gives the same answer.
Leaves   reading files and evaluating tokens to an engine (ctransformers.py, llama_cpp.py), who calls and when it is
         killed to the host.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np

from ..core.orders import ModelReply, ModelRequest
from .api import Cancelled, ModelFailure, Sink
from .asked import check_request, check_room
from .chat import Chat
from .draw import Draw, Logits
from .guide import Guide, Guides
from .masks import Vocabulary
from .speech import Speech

CHUNK = 64  # Tokens of a prompt between two looks at whether anybody still waits.


class Engine(Protocol):
    """A library with a model in it, called by one thread at a time.

    pieces    the bytes that each token writes; None for one that writes nothing
    controls  tokens that steer, by name      begin, end  the tokens around a text
    """

    pieces: Sequence[bytes | None]
    controls: dict[str, int]
    begin: int | None
    end: int
    context_tokens: int
    chat_template: str

    def tokens(self, text: str) -> list[int]:
        """Cut a text, without `begin`. What it says is text: the name of a control token in it steers nothing."""
        ...

    def feed(self, tokens: Sequence[int], past: int) -> None:
        """Evaluate tokens behind the first `past` that were fed. The caller sees to it that they fit the context."""
        ...

    def logits(self) -> Logits:
        """Of what follows the last token; a view that the next `feed` overwrites."""
        ...

    def close(self) -> None: ...


class _NobodyWaits(Exception):
    """The answer was called off."""


class LocalBackend:
    """`Backend` over an engine. call_s: longest time of an answer; 0 when only the host keeps the time."""

    remote = False
    at_once = 1

    def __init__(self, engine: Engine, id: str, *, call_s: float = 0.0) -> None:
        self._engine, self._id, self._call_s = engine, id, call_s
        self._lock = threading.Lock()
        self._reader = _Reader(engine)
        self._chat = Chat(engine.chat_template, engine.controls, engine.begin, engine.end)
        self._guides: Guides | None = None  # Planting the vocabulary takes a fifth of a second.

    @property
    def id(self) -> str:
        return self._id

    @property
    def context_tokens(self) -> int:
        return self._engine.context_tokens

    def answer(self, request: ModelRequest, sink: Sink, cancelled: Cancelled) -> ModelReply:
        began = time.perf_counter()
        check_request(request)
        with self._lock:
            asked = self._cut(request)
            reply = ModelReply(model=self._id, tokens_in=len(asked))
            look = self._look(cancelled)
            try:
                reply = self._weigh(request, asked, reply, look) if request.choices else (
                    self._write(request, asked, reply, sink, look, began)
                )  # fmt: skip
            except _NobodyWaits:
                reply = msgspec.structs.replace(reply, finish="cancelled")
        return msgspec.structs.replace(reply, ms=_ms(began), first_ms=reply.first_ms or _ms(began))

    def close(self) -> None:
        with self._lock:
            self._engine.close()

    def _cut(self, request: ModelRequest) -> list[int]:
        asked = [] if self._engine.begin is None else [self._engine.begin]
        for part in self._chat.parts(request.system, request.prompt):
            asked += [part] if isinstance(part, int) else self._engine.tokens(part)
        return asked

    def _look(self, cancelled: Cancelled) -> Callable[[], None]:
        """What is asked between tokens."""
        until = time.monotonic() + self._call_s if self._call_s else float("inf")

        def look() -> None:
            if cancelled():
                raise _NobodyWaits
            if time.monotonic() > until:
                raise ModelFailure(
                    "timeout", "too_slow", f"no answer within {self._call_s:g} s", "Ask for less, or a faster model."
                )

        return look

    def _guide(self, request: ModelRequest) -> Guide | None:
        if not request.schema:
            return None
        if self._guides is None:
            self._guides = Guides(Vocabulary(self._engine.pieces))
        return self._guides.of(request.schema, request.tokens_max, self._engine.end)

    def _write(
        self,
        request: ModelRequest,
        asked: list[int],
        reply: ModelReply,
        sink: Sink,
        look: Callable[[], None],
        began: float,
    ) -> ModelReply:
        check_room(len(asked), request.tokens_max, self.context_tokens)
        guide = self._guide(request)
        writer = _Writer(
            self._reader,
            Speech(sink, request.stop if guide is None else ()),
            guide,
            Draw(request.temperature, request.seed),
        )
        reused = self._reader.read(asked, look)
        try:
            finish = writer.write(request.tokens_max, look, began)
        except _NobodyWaits:
            finish = "cancelled"
        text = writer.speech.text
        return msgspec.structs.replace(
            reply, text=text, finish=finish, tokens_out=writer.count, reused=reused, first_ms=writer.first_ms,
            value=guide.value(text) if guide is not None and finish != "cancelled" else None,
        )  # fmt: skip

    def _weigh(
        self, request: ModelRequest, asked: list[int], reply: ModelReply, look: Callable[[], None]
    ) -> ModelReply:
        """How likely each choice is to follow, by the mean of its tokens so that long ones are not worse off."""
        reader, choices = (
            self._reader,
            {one: self._engine.tokens(one) or [self._engine.end] for one in request.choices},
        )
        check_room(len(asked), max(map(len, choices.values())), self.context_tokens)
        reused = reader.read(asked, look)
        first, means = _likelihoods(self._engine.logits()), []
        for tokens in choices.values():
            sums = float(first[tokens[0]])
            for at, token in enumerate(tokens[1:]):
                look()
                reader.add(tokens[at], len(asked) + at)
                sums += float(_likelihoods(self._engine.logits())[token])
            means.append(sums / len(tokens))
        shares = np.exp(np.array(means) - max(means))
        shares /= shares.sum()
        scores = {one: float(share) for one, share in zip(choices, shares, strict=True)}
        weighed = sum(len(tokens) - 1 for tokens in choices.values())
        return msgspec.structs.replace(
            reply, tokens_in=len(asked) + weighed, reused=reused,
            scores=dict(sorted(scores.items(), key=lambda one: -one[1])),
        )  # fmt: skip


class _Reader:
    """Knows what the engine has read, so that a prompt that begins alike is not read twice."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._read: list[int] = []

    def read(self, tokens: Sequence[int], look: Callable[[], None]) -> int:
        """Have the engine know exactly these; returns how many it knew. The last is always read anew, for its logits."""
        known = next(
            (at for at, pair in enumerate(zip(self._read, tokens[:-1], strict=False)) if pair[0] != pair[1]),
            min(len(self._read), len(tokens) - 1),
        )
        for at in range(known, len(tokens), CHUNK):
            look()
            part = list(tokens[at : at + CHUNK])
            del self._read[at:]
            self.engine.feed(part, at)
            self._read += part
        return known

    def add(self, token: int, at: int | None = None) -> None:
        """One more token: behind the last, or behind the first `at`."""
        if at is not None:
            del self._read[at:]
        self.engine.feed((token,), len(self._read))
        self._read.append(token)


class _Writer:
    """Writes one answer, a token at a time."""

    def __init__(self, reader: _Reader, speech: Speech, guide: Guide | None, draw: Draw) -> None:
        self._reader, self.speech, self._guide, self._draw = reader, speech, guide, draw
        self._ends = {reader.engine.end, *reader.engine.controls.values()}
        self.count, self.first_ms = 0, 0.0

    def write(self, room: int, look: Callable[[], None], began: float) -> str:
        """Return why it ended. Raises what `look` raises."""
        engine, speech, guide = self._reader.engine, self.speech, self._guide
        while True:
            look()
            token = self._next(engine.logits())
            if token is None:
                break
            self.count += 1
            speech.hear(engine.pieces[token] or b"")
            self.first_ms = self.first_ms or _ms(began)
            if speech.stopped or (guide is not None and guide.over):
                break
            if self.count == room:
                speech.end()
                return "length"
            self._reader.add(token)
        speech.end()
        return "length" if guide is not None and guide.hurried else "stop"

    def _next(self, logits: Logits) -> int | None:
        if self._guide is not None:
            return self._guide.choose(logits, self._draw)
        token = self._draw.one(logits)
        if token is None:
            raise ModelFailure("permanent", "bad_model", "the model computes no numbers", "Its file may be damaged.")
        return None if token in self._ends else token


def _likelihoods(logits: Logits) -> Logits:
    """Their logarithms. What is no number is as unlikely as can be."""
    able = np.nan_to_num(logits.astype(np.float64), nan=-1e9, posinf=-1e9, neginf=-1e9)
    above = able - able.max()
    likelihoods: Logits = (above - np.log(np.exp(above).sum())).astype(np.float32)
    return likelihoods


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1_000
