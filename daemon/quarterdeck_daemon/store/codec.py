"""Bytes of the store: keys, record values and events. Both stores speak exactly this.

Keys. Parts are joined by NUL, which no id may contain, so a prefix can never match half an id.
  events    seq8
  records   kind 0 id
  versions  kind 0 id 0 inverted(seq)8       newest first, so "as of" is one seek
  links     "e" 0 entity 0 seq8              events that concern an entity
            "f" 0 source 0 relation 0 target   and the mirror "t" 0 target 0 relation 0 source; value seq8
  meta      "live" 0 kind 0 id

A record's value is seq8, one byte of flags (LIVE, SEALED), then the entity in MessagePack with sorted map keys, so
that equal states have equal bytes; when SEALED, the sealed bytes of that (sealing.py). Numbers are big-endian.
"""

from __future__ import annotations

import functools
import struct
from typing import TypeVar, cast

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.entities import Entity, Link

E = TypeVar("E", bound=Entity)

SEQ_MAX = 2**64 - 1
ID_BYTES_MAX = 4_096
NUL = b"\0"
LIVE, SEALED = 1, 2
_HEADER = struct.Struct(">QB")
_ENTITY = msgspec.msgpack.Encoder(order="deterministic")
_EVENT = msgspec.msgpack.Encoder()
_READ_EVENT = msgspec.msgpack.Decoder(Event)


def seq_key(seq: int) -> bytes:
    return seq.to_bytes(8, "big")


def inverted(seq: int) -> bytes:
    """Eight bytes that sort the other way round: the newest version comes first."""
    return (SEQ_MAX - seq).to_bytes(8, "big")


def seq_of(key: bytes) -> int:
    """The sequence at the end of a key."""
    return int.from_bytes(key[-8:], "big")


def part(text: str) -> bytes:
    """One part of a key. Raises QuarterdeckError `bad_value` for NUL, lone surrogates and over-long ids."""
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise QuarterdeckError("bad_value", f"an id is not valid Unicode: {error}") from error
    if NUL in raw:
        raise QuarterdeckError("bad_value", f"an id contains a NUL character: {text!r}")
    if len(raw) > ID_BYTES_MAX:
        raise QuarterdeckError("bad_value", f"an id is longer than {ID_BYTES_MAX} bytes: {text[:40]!r}…")
    return raw


@functools.lru_cache(maxsize=4_096)
def joined(*parts: str) -> bytes:
    return NUL.join([part(one) for one in parts])


def after_prefix(prefix: bytes) -> bytes:
    """The first key behind all keys that begin with `prefix`. Prefixes here never end in 0xff."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


class Record(msgspec.Struct, frozen=True):
    """A stored entity before decoding."""

    seq: int
    live: bool
    payload: bytes


def pack_entity(entity: Entity) -> bytes:
    """Raises QuarterdeckError `bad_value` when the entity holds something that is not plain data."""
    try:
        return _HEADER.pack(entity.seq, entity.live) + _ENTITY.encode(entity)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise QuarterdeckError("bad_value", f"{entity.kind}:{entity.id} cannot be stored: {error}") from error


def header(value: bytes) -> tuple[int, int]:
    """Sequence and flags of a record's value."""
    seq, flags = _HEADER.unpack_from(value)
    return seq, flags


def payload(value: bytes) -> bytes:
    """What follows the header of a record's value."""
    return value[_HEADER.size :]


def with_payload(value: bytes, fresh: bytes, *, sealed: bool = True) -> bytes:
    """The same header over another payload."""
    seq, flags = header(value)
    return _HEADER.pack(seq, flags | SEALED if sealed else flags & ~SEALED) + fresh


@functools.cache
def _decoder(cls: type[Entity]) -> msgspec.msgpack.Decoder[Entity]:
    return msgspec.msgpack.Decoder(cls)


def unpack_entity(cls: type[E], value: bytes) -> E:
    """Raises msgspec.DecodeError when the bytes do not fit the class."""
    return cast(E, _decoder(cls).decode(memoryview(value)[_HEADER.size :]))


def pack_event(event: Event) -> bytes:
    """Raises QuarterdeckError `bad_value` when the body holds something that is not plain data."""
    try:
        return _EVENT.encode(event)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise QuarterdeckError("bad_value", f"event {event.seq} {event.kind} cannot be stored: {error}") from error


def unpack_event(value: bytes) -> Event:
    """Raises msgspec.DecodeError when the bytes are not an event."""
    return _READ_EVENT.decode(value)


def link_keys(link: Link) -> tuple[bytes, bytes]:
    """The edge seen from its source, and from its target."""
    source, relation, target = part(link.source), part(link.relation), part(link.target)
    return NUL.join((b"f", source, relation, target)), NUL.join((b"t", target, relation, source))


def link_prefix(side: str, entity: str, relation: str | None) -> bytes:
    parts = (side, entity) if relation is None else (side, entity, relation)
    return joined(*parts) + NUL


def link_of(key: bytes, value: bytes) -> Link:
    side, near, relation, far = (one.decode() for one in key.split(NUL))
    source, target = (near, far) if side == "f" else (far, near)
    return Link(source=source, relation=relation, target=target, seq=seq_of(value))
