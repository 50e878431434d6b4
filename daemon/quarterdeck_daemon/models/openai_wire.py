"""One question to an OpenAI-compatible service: what is sent, and how its answer is read as it comes.

The answer is not trusted: its size, its lines and its JSON have limits, redirections are not followed, and the key
stands in no message. Published at platform.openai.com/docs/api-reference/chat; llama.cpp, Ollama and vLLM speak the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import httpx2
import msgspec

from ..core.orders import FailureClass
from ..outward.services import said, seconds_after
from .api import ModelFailure

RESPONSE_BYTES_MAX = 8 << 20
LINE_BYTES_MAX = 1 << 20
WAIT_MS_MAX = 3_600_000
CONNECT_S = 10.0
CONNECT_TRIES = 3  # Nothing was begun by then.
CONNECT_PAUSE_S = 0.2  # Doubled.

Plain = dict[str, object]
OptionalText = str | None
Tokens = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]


class _Function(msgspec.Struct, frozen=True):
    name: OptionalText = None
    arguments: OptionalText = None


class _ToolCall(msgspec.Struct, frozen=True):
    index: int = 0
    function: _Function = _Function()


class _Likely(msgspec.Struct, frozen=True):
    token: str
    logprob: float


class _Position(msgspec.Struct, frozen=True):
    token: str = ""
    top_logprobs: list[_Likely] | None = None


class _Likelihoods(msgspec.Struct, frozen=True):
    content: list[_Position] | None = None


class _Said(msgspec.Struct, frozen=True):
    content: OptionalText = None
    refusal: OptionalText = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: OptionalText = None
    logprobs: _Likelihoods | None = None


class _Cached(msgspec.Struct, frozen=True):
    cached_tokens: Tokens | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0
    prompt_tokens_details: _Cached | None = None


class _Fault(msgspec.Struct, frozen=True):
    message: OptionalText = None
    code: str | int | None = None


class _Part(msgspec.Struct, frozen=True):
    """A whole answer, or one event of a stream."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Fault | str | None = None


class Completion(msgspec.Struct, kw_only=True):
    """What came. likely: of the first position, by token, natural logarithms."""

    text: str = ""
    arguments: str = ""  # Of the one tool that was offered, when it was called.
    called: bool = False
    refusal: str = ""
    finish: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cached: int = 0
    likely: dict[str, float] | None = None
    first_ms: float = 0.0


class Refused(Exception):
    """The service did not take the question. status, code and words are its own."""

    def __init__(self, status: int, code: str, words: str, wait_s: float) -> None:
        super().__init__(f"status {status}: {words}")
        self.status, self.code, self.words, self.wait_s = status, code, words, wait_s


async def complete(
    client: httpx2.AsyncClient, url: str, key: str, body: Plain, hear: Callable[[str], None]
) -> Completion:
    """Ask, and read the answer to its end. Raises Refused, or ModelFailure `transient`: unreachable, broken."""
    began = time.perf_counter()
    headers = {"Accept": "text/event-stream, application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = client.build_request("POST", url, content=msgspec.json.encode(body), headers=headers)
    request.headers["Content-Type"] = "application/json"
    made = Completion()
    try:
        answer = await client.send(request, stream=True)
        try:
            if answer.status_code != 200:
                raise await _refusal(answer, key)
            await _read(answer, made, hear, began)
        finally:
            await answer.aclose()
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise failure("transient", "unreachable", f"nobody answers there: {said(str(error), key)}") from None
    except httpx2.TimeoutException:
        raise failure("timeout", "deadline", "it went silent") from None
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise failure("transient", "broken", f"its answer broke off: {said(str(error), key)}") from None
    return made


def failure(kind: FailureClass, code: str, why: str, hint: str = "", wait_s: float = 0.0) -> ModelFailure:
    return ModelFailure(kind, code, why, hint, min(int(wait_s * 1_000), WAIT_MS_MAX))


async def _refusal(answer: httpx2.Response, key: str) -> Refused:
    data = bytearray()
    async for part in answer.aiter_bytes():
        data += part
        if len(data) > LINE_BYTES_MAX:
            break
    fault: _Fault | str | None = None
    try:
        fault = msgspec.json.decode(bytes(data), type=_Part).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        fault = None
    words = fault if isinstance(fault, str) else (fault.message or "") if fault is not None else ""
    code = str(fault.code or "") if isinstance(fault, _Fault) else ""
    wait_s = seconds_after(answer.headers.get("retry-after"))
    return Refused(answer.status_code, code, said(words, key) or answer.reason_phrase, wait_s)


async def _read(answer: httpx2.Response, made: Completion, hear: Callable[[str], None], began: float) -> None:
    if "text/event-stream" not in answer.headers.get("content-type", ""):
        data = b"".join([line async for line in _lines(answer)])
        _take(_part(data), made, hear, began)
        return
    ended = False
    async for line in _lines(answer):
        if not line.startswith(b"data:"):
            continue  # Comments, names of events, empty lines.
        data = line[5:].strip()
        if data == b"[DONE]":
            ended = True
            break
        _take(_part(data), made, hear, began)
    if not ended and not made.finish:
        raise failure("transient", "broken", "its answer broke off before its end")


async def _lines(answer: httpx2.Response) -> AsyncIterator[bytes]:
    total, rest = 0, b""
    async for part in answer.aiter_bytes():
        total += len(part)
        if total > RESPONSE_BYTES_MAX:
            raise failure("contract", "bad_answer", f"its answer is longer than {RESPONSE_BYTES_MAX:,} bytes")
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            raise failure("contract", "bad_answer", f"a line of its answer is longer than {LINE_BYTES_MAX:,} bytes")
        for line in lines:
            yield line.rstrip(b"\r")
    if rest:
        yield rest


def _part(data: bytes) -> _Part:
    try:
        return msgspec.json.decode(data, type=_Part)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise failure("transient", "broken", f"it answered something else than the API: {error}") from None


def _take(part: _Part, made: Completion, hear: Callable[[str], None], began: float) -> None:
    if part.error is not None:
        words = part.error if isinstance(part.error, str) else part.error.message or "no reason given"
        raise failure("transient", "broken", f"it gave up: {said(words, '')}")
    if part.usage is not None:
        made.tokens_in, made.tokens_out = part.usage.prompt_tokens, part.usage.completion_tokens
        details = part.usage.prompt_tokens_details
        made.cached = (details.cached_tokens or 0) if details is not None else 0
    for choice in part.choices[:1]:
        if choice.logprobs is not None and made.likely is None:
            made.likely = _likely(choice.logprobs)
        _say(choice.delta or choice.message or _Said(), made, hear, began)
        made.finish = choice.finish_reason or made.finish


def _say(words: _Said, made: Completion, hear: Callable[[str], None], began: float) -> None:
    if words.content or words.tool_calls:
        made.first_ms = made.first_ms or (time.perf_counter() - began) * 1_000
    if words.content:
        made.text += words.content
        hear(words.content)
    made.refusal += words.refusal or ""
    for call in words.tool_calls or ():
        if call.index == 0:
            made.called = True
            made.arguments += call.function.arguments or ""


def _likely(given: _Likelihoods) -> dict[str, float] | None:
    first = next((place for place in given.content or () if place.top_logprobs), None)
    return {one.token: one.logprob for one in first.top_logprobs or ()} if first is not None else None


def value_in(text: str) -> object:
    """The JSON value of an answer, also within a fence or words around it. Raises ValueError."""
    text = text.strip()
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError:
        begin = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
        if begin < 0:
            raise
        return json.JSONDecoder().raw_decode(text[begin:])[0]
