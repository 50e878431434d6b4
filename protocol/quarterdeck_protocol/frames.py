"""Frames: bytes of the wire to plain values and envelopes, and back. Pure; no socket, no clock.

Owns     the strict decoder, the encoder, the envelopes of requests, replies, chunks and events.
Promises whatever bytes arrive, the answer is a value or a QuarterdeckError; the work is linear in their length.
Leaves   what a method's params mean to messages.py, tokens and roles to the daemon.

Strictness costs little this way: msgspec decodes (it allocates only for elements that are there, so a lying
header is harmless) and the value is encoded again. Equal bytes prove that no map key came twice. Other bytes
may only be a longer spelling of the same value, so the C unpacker of msgpack then looks at every pair.
One walk over the value refuses what the format allows and we do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn, TypeVar, cast

import msgpack
import msgspec

from . import PROTOCOL_VERSION
from .codes import CODES, Code, QuarterdeckError
from .events import Event

T = TypeVar("T")
Scalar = str | int | float | bool | None
Plain = dict[str, object]  # Of None, bool, int, float, str, bytes, list and dict with text keys; nothing else.

ENVELOPE_BYTES_MAX = 1_048_576  # Of a request body. Larger things travel in pieces.
REPLY_BYTES_MAX = 16_777_216  # Of a reply, chunk or event body, as a client accepts it.
DEPTH_MAX = 32  # Containers inside containers, the envelope's own map included.
INT_MAX = 2**53 - 1  # What every language's number can hold exactly.
ID_CHARS_MAX = 128  # Of `id`, when it is text, and of `request_id`.
METHOD_CHARS_MAX = 64
TOKEN_CHARS_MAX = 512
DEADLINE_MS_MAX = 3_600_000
MESSAGE_CHARS_MAX = 2_000  # Of the sentences in an error.

_ENCODER = msgspec.msgpack.Encoder()
_CANONICAL = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder()


# --- plain values -----------------------------------------------------------------------------------


def encode(value: object) -> bytes:
    """Return the MessagePack form of a plain value or a struct of ours.

    Raises QuarterdeckError `bad_value` for what has no such form: objects, huge integers, lone surrogates.
    """
    return _encoded(_ENCODER, value)


def canonical(value: object) -> bytes:
    """Return a form that does not depend on the order of map keys, for hashing and comparing."""
    return _encoded(_CANONICAL, value)


def _encoded(encoder: msgspec.msgpack.Encoder, value: object) -> bytes:
    try:
        return encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise QuarterdeckError("bad_value", f"the value cannot be encoded: {error}") from error


def decode(data: bytes, *, bytes_max: int = ENVELOPE_BYTES_MAX) -> object:
    """Return the plain value that `data` spells, or raise QuarterdeckError.

    `bad_envelope`  longer than `bytes_max`
    `bad_msgpack`   not exactly one well-formed value: reserved, truncated or trailing bytes, extension types,
                    text that is not UTF-8, map keys that are not text, more than DEPTH_MAX levels
    `bad_value`     well-formed, but two readers could disagree about it: a key twice, NaN, an infinity,
                    -0.0, an integer beyond +-(2^53 - 1), an encoded surrogate
    """
    if len(data) > bytes_max:
        raise QuarterdeckError(
            "bad_envelope",
            f"a body of {len(data)} bytes is over the limit of {bytes_max}",
            hint="Send large content in pieces.",
            details={"bytes": len(data), "bytes_max": bytes_max},
        )
    try:
        value: object = _DECODER.decode(data)
    except UnicodeDecodeError as error:
        raise _text_error(error) from error
    except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise QuarterdeckError("bad_msgpack", f"the body is not one MessagePack value: {error}") from error
    _check(value, 0)
    if _ENCODER.encode(value) != data:
        _refuse_double_keys(data)
    return value


def _text_error(error: UnicodeDecodeError) -> QuarterdeckError:
    """Tell a surrogate spelled in UTF-8 (a writer's confusion) from bytes that are no text at all."""
    at = error.object[error.start : error.start + 2]
    if len(at) == 2 and at[0] == 0xED and at[1] >= 0xA0:
        return QuarterdeckError("bad_value", "a text holds an encoded surrogate")
    return QuarterdeckError("bad_msgpack", f"a text is not UTF-8: {error.reason} at its byte {error.start}")


def _refuse_double_keys(data: bytes) -> None:
    """Raise `bad_value` when a map has a key twice. `data` is known to be well-formed."""
    msgpack.unpackb(data, object_pairs_hook=_distinct, strict_map_key=True, raw=False)


def _distinct(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise QuarterdeckError("bad_value", f"the key {key[:40]!r} stands twice in one map")
        seen.add(key)


def _check(value: object, depth: int) -> None:
    check = _CHECKS.get(type(value), _refuse_type)
    if check is not None:
        check(value, depth)


def _check_map(value: object, depth: int) -> None:
    if depth >= DEPTH_MAX:
        _refuse_depth()
    for key, item in cast("dict[object, object]", value).items():
        if type(key) is not str:
            raise QuarterdeckError("bad_msgpack", f"a map key is a {type(key).__name__}, not text")
        check = _CHECKS.get(type(item), _refuse_type)
        if check is not None:
            check(item, depth + 1)


def _check_list(value: object, depth: int) -> None:
    if depth >= DEPTH_MAX:
        _refuse_depth()
    for item in cast("list[object]", value):
        check = _CHECKS.get(type(item), _refuse_type)
        if check is not None:
            check(item, depth + 1)


def _check_int(value: object, depth: int) -> None:
    if not -INT_MAX <= cast(int, value) <= INT_MAX:
        raise QuarterdeckError(
            "bad_value", f"the integer {value} is beyond 2^53 - 1", hint="Send large numbers as text."
        )


def _check_float(value: object, depth: int) -> None:
    number = cast(float, value)
    if not math.isfinite(number) or (number == 0.0 and math.copysign(1.0, number) < 0.0):
        raise QuarterdeckError("bad_value", f"the number {number} is not allowed", hint="Leave it out, or send 0.")


def _refuse_depth() -> NoReturn:
    raise QuarterdeckError("bad_msgpack", f"the value is nested deeper than {DEPTH_MAX} levels")


def _refuse_type(value: object, depth: int) -> None:
    raise QuarterdeckError("bad_msgpack", "extension types are not allowed", hint="Send times as text or numbers.")


# What to look at by exact type; None: nothing. Types not listed come only from extensions.
_CHECKS: dict[type, Callable[[object, int], None] | None] = {
    dict: _check_map,
    list: _check_list,
    int: _check_int,
    float: _check_float,
    str: None,
    bytes: None,
    bool: None,
    type(None): None,
}


# --- requests ---------------------------------------------------------------------------------------


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a client asks. The reply carries the same `id`.

    params       left out, it is read as an empty map
    token        left out, it is read as no token, so that the answer is `unauthorized` and not about the schema
    request_id   the caller's idempotency key: the same key with the same method and params gives the first reply
    deadline_ms  after this the caller no longer waits; the daemon answers `deadline`
    protocol     "major.minor" of the caller; left out, it takes what the daemon speaks
    """

    id: Annotated[str, msgspec.Meta(max_length=ID_CHARS_MAX)] | int | float | bool | None
    method: Annotated[str, msgspec.Meta(max_length=METHOD_CHARS_MAX)]
    params: Plain = {}
    token: Annotated[str, msgspec.Meta(max_length=TOKEN_CHARS_MAX)] = ""
    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS_MAX)] | None = None
    deadline_ms: Annotated[int, msgspec.Meta(ge=1, le=DEADLINE_MS_MAX)] | None = None
    protocol: str | None = None


class RequestRefused(QuarterdeckError):
    """The bytes are no request. `id` is the caller's where it could be read, else None: put it in the reply."""

    def __init__(self, error: QuarterdeckError, id: Scalar = None) -> None:
        super().__init__(error.code, error.message, hint=error.hint, details=error.details)
        self.id = id


def request_frames(request: Request) -> list[bytes]:
    """Return `[empty, body]`. Raises `bad_value` for params that cannot be encoded, `bad_envelope` above 1 MiB."""
    # Written in full: only the reader is lenient.
    body = encode({"id": None, "method": "", "params": {}, "token": "", **_fields_given(request)})
    if len(body) > ENVELOPE_BYTES_MAX:
        raise QuarterdeckError(
            "bad_envelope",
            f"the request takes {len(body)} bytes, over the limit of {ENVELOPE_BYTES_MAX}",
            hint="Send large content in pieces.",
        )
    return [b"", body]


def _fields_given(request: Request) -> Plain:
    return {name: value for name, value in msgspec.structs.asdict(request).items() if value is not None}


def parse_request(frames: Sequence[bytes]) -> Request:
    """Return the request in `[empty, body]` (without the routing identity).

    Raises RequestRefused: `bad_envelope`, `bad_msgpack`, `bad_value`, `unsupported_version` or `schema`.
    """
    id: Scalar = None
    try:
        fields = decode(body_of(frames))
        if not isinstance(fields, dict):
            raise QuarterdeckError("schema", f"the body is a {type(fields).__name__}, not a map")
        id = _readable_id(fields.get("id"))
        _check_version(fields.get("protocol"))
        return msgspec.convert(fields, Request)
    except msgspec.ValidationError as error:
        hint = "protocol/README.md lists the fields of a request."
        raise RequestRefused(QuarterdeckError("schema", str(error), hint=hint), id) from error
    except QuarterdeckError as error:
        raise RequestRefused(error, id) from error


def body_of(frames: Sequence[bytes]) -> bytes:
    """Return the body of `[empty, body]`; raises `bad_envelope` for any other frames."""
    if len(frames) != 2 or frames[0] or not frames[1]:
        raise QuarterdeckError(
            "bad_envelope",
            f"a message is an empty frame and a body, not {len(frames)} frame(s) of this kind",
            hint="A REQ socket adds the empty frame by itself; a DEALER socket sends it first.",
            details={"frames": len(frames)},
        )
    return frames[1]


def _readable_id(value: object) -> Scalar:
    if isinstance(value, str):
        return value if len(value) <= ID_CHARS_MAX else None
    return value if isinstance(value, int | float | bool) else None


def _check_version(theirs: object) -> None:
    """A newer minor version only adds, so it is served; another major version is not."""
    if not isinstance(theirs, str) or theirs.partition(".")[0] == PROTOCOL_VERSION.partition(".")[0]:
        return  # Not text: the schema says so with more detail.
    raise QuarterdeckError(
        "unsupported_version",
        f"this daemon speaks protocol {PROTOCOL_VERSION}, the request is in {theirs[:20]}",
        hint="Use a client and a daemon of the same major version.",
        details={"protocol": PROTOCOL_VERSION},
    )


# --- replies ----------------------------------------------------------------------------------------


class Ok(msgspec.Struct, frozen=True, kw_only=True):
    """The method did what it says. `seq` is the log position that `result` reflects."""

    id: Scalar
    ok: bool = True
    result: Plain
    seq: int
    durable: bool


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str
    hint: str = ""
    details: Plain = {}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The method did not. `error.code` is one of codes.CODES."""

    id: Scalar
    ok: bool = False
    error: ErrorBody

    def to_error(self) -> QuarterdeckError:
        """Return the error to raise; a code of a later version counts as `internal` and keeps its name in details."""
        details = dict(self.error.details)
        code = self.error.code
        if code not in CODES:
            details["code"], code = code, "internal"
        return QuarterdeckError(cast(Code, code), self.error.message, hint=self.error.hint, details=details)


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a stream; a reply follows the last."""

    id: Scalar
    chunk: Plain


Reply = Ok | Refusal


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Any of the three, as read. Unknown fields are ignored: a later minor version may add some."""

    id: Scalar
    ok: bool | None = None
    result: Plain = {}
    seq: int = 0
    durable: bool = False
    error: ErrorBody | None = None
    chunk: Plain | None = None


_ANSWER = msgspec.msgpack.Decoder(_Answer)
_EVENT = msgspec.msgpack.Decoder(Event)


def ok_frames(id: Scalar, result: object, *, seq: int, durable: bool) -> list[bytes]:
    """Return `[empty, body]` of a good reply. `result` is a map or a result struct."""
    return [b"", encode({"id": id, "ok": True, "result": result, "seq": seq, "durable": durable})]


def error_frames(id: Scalar, error: QuarterdeckError) -> list[bytes]:
    """Return `[empty, body]` of a refusal. Never raises: an error that cannot be told is told without details."""
    body = ErrorBody(
        code=error.code, message=_printable(error.message), hint=_printable(error.hint), details=error.details
    )
    try:
        return [b"", encode(Refusal(id=id, error=body))]
    except QuarterdeckError:
        return [b"", encode(Refusal(id=id, error=msgspec.structs.replace(body, details={})))]


def chunk_frames(id: Scalar, chunk: object) -> list[bytes]:
    """Return `[empty, body]` of one piece of a stream."""
    return [b"", encode({"id": id, "chunk": chunk})]


def parse_reply(frames: Sequence[bytes]) -> Ok | Refusal | Chunk:
    """Return what the daemon sent. Raises QuarterdeckError `bad_envelope`, `bad_msgpack` or `schema`."""
    body = body_of(frames)
    answer = _read(_ANSWER, body)
    if answer.chunk is not None:
        return Chunk(id=answer.id, chunk=answer.chunk)
    if answer.ok:
        return Ok(id=answer.id, result=answer.result, seq=answer.seq, durable=answer.durable)
    if answer.error is not None:
        return Refusal(id=answer.id, error=answer.error)
    raise QuarterdeckError("schema", "a reply is neither a result nor an error nor a chunk")


# --- events -----------------------------------------------------------------------------------------


def event_frames(event: Event) -> list[bytes]:
    """Return `[topic, body]` for the PUB socket; the topic is the event's kind."""
    return [event.kind.encode(), encode(event)]


def parse_event(frames: Sequence[bytes]) -> Event:
    """Return the event in `[topic, body]`; unknown fields are ignored."""
    if len(frames) != 2:
        raise QuarterdeckError("bad_envelope", f"an event is a topic and a body, not {len(frames)} frame(s)")
    return _read(_EVENT, frames[1])


def _read(decoder: msgspec.msgpack.Decoder[T], data: bytes) -> T:
    if len(data) > REPLY_BYTES_MAX:
        raise QuarterdeckError("bad_envelope", f"a body of {len(data)} bytes is over the limit of {REPLY_BYTES_MAX}")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise QuarterdeckError("schema", f"the daemon's message has another shape: {error}") from error
    except (msgspec.DecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise QuarterdeckError("bad_msgpack", f"the daemon's message is not MessagePack: {error}") from error


def _printable(text: str) -> str:
    """Text that surely encodes: file names may hold bytes that are no UTF-8."""
    return text[:MESSAGE_CHARS_MAX].encode("utf-8", "replace").decode()
