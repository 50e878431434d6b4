"""Any OpenAI-compatible service: llama.cpp's server, Ollama, vLLM, hosted ones.

Promises nothing is sent while the fence is closed, and nothing but to the configured address. What the service has begun
         is never asked again by us, but for one repair of a value that breaks its schema. A value under a schema is valid.
Leaves   waiting and trying again to the kernel, which is told how long the service wants to be left in peace.

A schema is kept in the first way that the service takes, which is remembered: `response_format`, a tool that must be
called, or the schema told in words. Choices are lettered, and weighed by the likelihoods of the letters where the service
tells them; where not, it is one draw, and counts as one draw does (Laplace: 2 of n + 1).
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import string
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotYet
from typing import Literal, TypeVar

import httpx2
import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.orders import FailureClass, ModelReply, ModelRequest
from ..core.tokens import tokens_of
from ..outward.address import address_of
from ..outward.fence import Gate
from ..outward.services import usable_key
from .api import Cancelled, ModelFailure, Sink
from .asked import Validator, check_request, check_room, validator_of
from .openai_wire import (
    CONNECT_PAUSE_S,
    CONNECT_S,
    CONNECT_TRIES,
    Completion,
    Plain,
    Refused,
    complete,
    failure,
    value_in,
)

LOOK_S = 0.02  # Between two looks whether the answer is still wanted.
END_S = 2.0
TOP = 20  # Likelihoods that services tell for a token.
LETTERS = string.ascii_uppercase[:TOP]
LETTER_TOKENS = 4
ANSWER = "answer"  # Name of the schema, and of the tool.

Way = Literal["format", "tool", "words"]
NEXT_WAY: dict[Way, Way] = {"format": "tool", "tool": "words"}
NOT_TAKEN = (400, 422, 501)  # Said to a part of a question that the service does not know.
FAILURES: dict[int, tuple[FailureClass, str]] = {
    400: ("contract", "bad_request"),
    401: ("permanent", "unauthorized"),
    402: ("permanent", "refused"),
    403: ("permanent", "unauthorized"),
    404: ("permanent", "refused"),
    408: ("transient", "busy"),
    413: ("contract", "too_long"),
    422: ("contract", "bad_request"),
    429: ("transient", "busy"),
}
Made = TypeVar("Made")


def id_of(name: str, url: str, model: str) -> str:
    """Of a service the content is what it is called and where."""
    told = "\n".join((url, model))
    return f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


class _NobodyWaits(Exception):
    """Raised between two pieces of an answer."""


class OpenAIBackend:
    """`Backend` over HTTP. May be called from `at_once` threads; the requests themselves run in one loop of its own."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        model: str,
        key: Callable[[], str] | None = None,
        context_tokens: int = 8_192,
        at_once: int = 1,
        timeout_s: float = 60.0,
        gate: Gate = lambda: None,
    ) -> None:
        """url: the base, `https://host/v1`.  key: gives the API key when a request is made; None: none is sent.
        gate: raises when nothing may leave; called before every request.

        Raises QuarterdeckError `bad_value` for an address that cannot be used.
        """
        self._address = address_of(url, "/chat/completions")
        self._model, self._key, self._gate = model, key, gate
        self._id = id_of(name, self._address.url, model)
        self._context_tokens, self._at_once, self._timeout_s = context_tokens, at_once, timeout_s
        self._way: Way = "format"
        self._room = "max_tokens"  # What the service calls the limit of its answer.
        self._weighs = True  # Whether it tells likelihoods.
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="http", daemon=True).start()
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            limits=httpx2.Limits(max_connections=at_once),
            follow_redirects=False,
            trust_env=self.remote,
        )

    @property
    def id(self) -> str:
        return self._id

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    @property
    def remote(self) -> bool:
        return not self._address.loopback

    @property
    def at_once(self) -> int:
        return self._at_once

    def answer(self, request: ModelRequest, sink: Sink, cancelled: Cancelled) -> ModelReply:
        began = time.perf_counter()
        check_request(request)
        wrong = validator_of(request.schema) if request.schema else None
        check_room(tokens_of(request.system) + tokens_of(request.prompt), request.tokens_max, self._context_tokens)
        if self.remote and request.labels.sensitivity == "secret":
            raise ModelFailure("permanent", "secret", "what is labelled secret is not given to a model elsewhere")
        said: list[str] = []

        def hear(piece: str) -> None:
            if cancelled():
                raise _NobodyWaits
            said.append(piece)
            if not request.choices:
                sink(piece)

        reply = None if cancelled() else self._awaited(self._asked(request, wrong, hear), cancelled)
        if reply is None:
            text = "".join(said)
            reply = ModelReply(
                text=text, finish="cancelled", tokens_out=tokens_of(text), tokens_in=_estimate(request)
            )
        ms = (time.perf_counter() - began) * 1_000
        return msgspec.structs.replace(reply, model=self._id, ms=ms)

    def close(self) -> None:
        """End what is under way."""
        if self._loop.is_closed():
            return
        closing = asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop)
        closing.exception(END_S)
        self._loop.call_soon_threadsafe(self._loop.stop)

    # --- waiting, from a thread

    def _awaited(self, work: Coroutine[None, None, Made], cancelled: Cancelled) -> Made | None:
        """The result; None when it was no longer wanted. Raises ModelFailure `timeout` beyond our own time."""
        future: Future[Made] = asyncio.run_coroutine_threadsafe(work, self._loop)
        until = time.monotonic() + self._timeout_s
        while True:
            try:
                return future.result(LOOK_S)
            except NotYet:
                if future.done():
                    raise  # The work's own.
            except (CancelledError, _NobodyWaits):
                return None
            if cancelled():
                future.cancel()
                return None
            if time.monotonic() > until:
                future.cancel()
                raise ModelFailure("timeout", "deadline", f"no answer within {self._timeout_s:.0f} s")

    # --- asking, in the loop

    async def _asked(self, request: ModelRequest, wrong: Validator | None, hear: Sink) -> ModelReply:
        if request.choices:
            return await self._weighed(request, hear)
        if wrong is None:
            made = await self._complete(self._body(request, _messages(request)), hear)
            return _reply(made, request)
        return await self._valued(request, wrong, hear)

    async def _valued(self, request: ModelRequest, wrong: Validator, hear: Sink) -> ModelReply:
        """An answer under a schema; the first one that breaks it is handed back once, with what is wrong.

        Its text is told at the end: before, nobody knows whether it counts.
        """
        messages = _messages(request)
        made = await self._in_a_way(request, messages)
        value, why = _checked(made, wrong)
        reply = _reply(made, request)
        if why:
            _refuse_cut(made, request)
            told = f"That breaks the schema: {why}. Answer again: one JSON value under the schema, nothing else."
            before: Plain = {"role": "assistant", "content": made.text or made.arguments}
            after: Plain = {"role": "user", "content": told}
            better = await self._in_a_way(request, [*messages, before, after])
            value, why = _checked(better, wrong)
            reply = _both(made, better, request)
        if why:
            raise ModelFailure("contract", "bad_answer", f"what it answered breaks the schema, twice: {why}")
        text = msgspec.json.encode(value).decode()
        hear(text)
        return msgspec.structs.replace(reply, value=value, text=text)

    async def _in_a_way(self, request: ModelRequest, messages: list[Plain]) -> Completion:
        way = self._way
        while True:
            try:
                made = await self._complete(self._body(request, messages, way), lambda piece: None)
            except Refused as refused:
                failed = self._failure(refused)
                if refused.status not in NOT_TAKEN or failed.failure.code == "too_long":
                    raise failed from None
                way = NEXT_WAY[way]  # It takes no such thing; nothing was begun.
                continue
            self._way = way
            return made

    async def _weighed(self, request: ModelRequest, hear: Sink) -> ModelReply:
        letters = dict(zip(LETTERS, request.choices, strict=False))
        if len(request.choices) > len(LETTERS):
            return await self._drawn(request, hear)
        lettered = "\n".join(f"{letter}) {one}" for letter, one in letters.items())
        prompt = f"{request.prompt}\n\n{lettered}\n\nAnswer with one letter of {', '.join(letters)}."
        asked = msgspec.structs.replace(request, prompt=prompt, tokens_max=LETTER_TOKENS, stop=())
        if not self._weighs:
            return await self._drawn(request, hear)
        body = self._body(asked, _messages(asked)) | {"logprobs": True, "top_logprobs": TOP}
        try:
            made = await self._complete(body, hear)
        except Refused as refused:
            if refused.status not in NOT_TAKEN:
                raise self._failure(refused) from None
            self._weighs = False
            return await self._drawn(request, hear)
        scores = _scores(made.likely, letters)
        if scores is None:
            self._weighs = made.likely is not None
            return await self._drawn(request, hear)
        return msgspec.structs.replace(_reply(made, request), text="", scores=scores)

    async def _drawn(self, request: ModelRequest, hear: Sink) -> ModelReply:
        """One answer that must be one of the choices: a single draw, which is no certainty."""
        schema: Plain = {
            "type": "object", "properties": {"choice": {"type": "string", "enum": list(request.choices)}},
            "required": ["choice"], "additionalProperties": False,
        }  # fmt: skip
        listed = "\n".join(f"- {one}" for one in request.choices)
        asked = msgspec.structs.replace(
            request, prompt=f"{request.prompt}\n\nChoose one of:\n{listed}", schema=schema, choices=(), stop=()
        )
        reply = await self._valued(asked, validator_of(schema), hear)
        assert isinstance(reply.value, dict), "it is valid under the schema"
        rest = 1 / (len(request.choices) + 1)
        scores = {one: rest for one in request.choices if one != reply.value["choice"]}
        scores = {str(reply.value["choice"]): 1 - rest * len(scores), **scores}
        return msgspec.structs.replace(reply, text="", value=None, scores=scores)

    async def _complete(self, body: Plain, hear: Sink) -> Completion:
        """One request. Only the connection is tried again: until it stands, nothing was begun."""
        pause_s = CONNECT_PAUSE_S
        for tried in range(1, CONNECT_TRIES + 1):
            key = self._permitted()
            try:
                return _whole(await complete(self._client, self._address.url, key, body, hear))
            except Refused as refused:
                if refused.status == 400 and "max_completion_tokens" in refused.words and self._room == "max_tokens":
                    self._room = "max_completion_tokens"
                    body = {self._room if name == "max_tokens" else name: one for name, one in body.items()}
                    continue
                if {"response_format", "tools", "logprobs"} & body.keys():
                    raise  # The caller knows another way.
                raise self._failure(refused) from None
            except ModelFailure as error:
                if error.failure.code != "unreachable" or tried == CONNECT_TRIES:
                    raise
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise ModelFailure("contract", "bad_request", "the service takes neither name for the length of its answer")

    def _permitted(self) -> str:
        """Return the key, if anything may leave now. Raises ModelFailure `stopped`, or `permanent`: unauthorized."""
        try:
            self._gate()
            return usable_key(self._key()) if self._key is not None else ""
        except QuarterdeckError as error:
            if error.code == "stopped":
                raise ModelFailure("stopped", "stopped", error.message, error.hint) from error
            raise ModelFailure("permanent", "unauthorized", error.message, error.hint) from error

    def _body(self, request: ModelRequest, messages: list[Plain], way: Way | None = None) -> Plain:
        body: Plain = {
            "model": self._model,
            "messages": messages,
            self._room: request.tokens_max,
            "temperature": request.temperature,
            "seed": request.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.stop:
            body["stop"] = [_clean(one) for one in request.stop]
        if way == "format":
            named = {"name": ANSWER, "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif way == "tool":
            tool: Plain = {"name": ANSWER, "description": "Give the answer.", "parameters": request.schema}
            body["tools"] = [{"type": "function", "function": tool}]
            body["tool_choice"] = {"type": "function", "function": {"name": ANSWER}}
        elif way == "words":
            schema = msgspec.json.encode(request.schema).decode()
            told: Plain = {"role": "system", "content": f"Answer with one JSON value, nothing else, under: {schema}"}
            body["messages"] = [told, *messages]
        return body

    def _failure(self, refused: Refused) -> ModelFailure:
        kind, code = FAILURES.get(refused.status, ("permanent", "refused"))
        if refused.status >= 500:
            kind, code = "transient", "busy"
        if "context_length" in refused.code or "context length" in refused.words:
            kind, code = "contract", "too_long"
        hint = "Look at its `key`." if code == "unauthorized" else ""
        if 300 <= refused.status < 400:
            hint = "It redirects elsewhere, which is not followed: configure its final address."
        return failure(
            kind, code, f"the service refused (status {refused.status}): {refused.words}", hint, refused.wait_s
        )


def _messages(request: ModelRequest) -> list[Plain]:
    system: list[Plain] = [{"role": "system", "content": _clean(request.system)}] if request.system else []
    return [*system, {"role": "user", "content": _clean(request.prompt)}]


def _clean(text: str) -> str:
    """Half of a character cannot be sent."""
    return text.encode("utf-8", "replace").decode()


def _whole(made: Completion) -> Completion:
    if made.refusal or made.finish == "content_filter":
        raise ModelFailure("permanent", "refused", f"the model declined: {made.refusal[:200] or 'its filter'}")
    return made


def _reply(made: Completion, request: ModelRequest) -> ModelReply:
    tokens_in = made.tokens_in if made.tokens_in is not None else _estimate(request)
    return ModelReply(
        text=made.text or made.arguments,
        finish="length" if made.finish == "length" else "stop",
        tokens_in=tokens_in,
        tokens_out=made.tokens_out if made.tokens_out is not None else tokens_of(made.text or made.arguments),
        reused=min(made.cached, tokens_in),
        first_ms=made.first_ms,
    )


def _both(first: Completion, second: Completion, request: ModelRequest) -> ModelReply:
    """The second answer, at the cost of both."""
    one, two = _reply(first, request), _reply(second, request)
    return msgspec.structs.replace(
        two,
        tokens_in=one.tokens_in + two.tokens_in,
        tokens_out=one.tokens_out + two.tokens_out,
        first_ms=one.first_ms,
    )


def _estimate(request: ModelRequest) -> int:
    return tokens_of(request.system) + tokens_of(request.prompt)


def _checked(made: Completion, wrong: Validator) -> tuple[object, str]:
    """The value, and what is wrong with it."""
    try:
        value = value_in(made.arguments if made.called else made.text)
    except ValueError as error:
        return None, f"it is no JSON: {error}"
    return value, wrong(value)


def _refuse_cut(made: Completion, request: ModelRequest) -> None:
    """What was cut cannot be repaired by asking for the same again."""
    if made.finish == "length":
        raise ModelFailure("contract", "bad_answer", f"its value needs more than {request.tokens_max} tokens")


def _scores(likely: dict[str, float] | None, letters: dict[str, str]) -> dict[str, float] | None:
    """Likelihoods of the letters alone, the best first; None when none of them was among the likely ones."""
    if likely is None:
        return None
    weights = dict.fromkeys(letters, 0.0)
    for token, logprob in likely.items():
        letter = token.strip().strip("().\"'").upper()
        if letter in weights and math.isfinite(logprob):
            weights[letter] += math.exp(min(logprob, 0.0))
    total = sum(weights.values())
    if total <= 0:
        return None
    return {letters[one]: weights[one] / total for one in sorted(weights, key=lambda one: -weights[one])}
