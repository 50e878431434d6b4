"""What is stored of an event, a value, a blob: an envelope that stays readable, and the content sealed in it.

An event keeps in clear what the house itself says of it (sequence, time, kind, actor, integrity, secrecy, a run
that it numbered). Everything that somebody worded goes into the seal: the body, the sources of its labels, its
cause (a caller's request id) and names that callers chose. The chain's hash is taken over the stored bytes, so it
verifies without any key, and also after the content was forgotten.

    event   MessagePack map of the envelope and `sealed`; without content to forget, a map as from before sealing
    value   header (codec.py) with the flag SEALED, then the sealed bytes of its MessagePack
    blob    magic, then the sealed bytes

Sealed bytes are the index of the key (8 bytes) and AES-SIV (RFC 5297) over the content; what it is (family, key,
sequence) is authenticated with it, so nothing can be moved to another place. AES-SIV needs no nonce, so the same
commit gives the same bytes wherever the key is, as far as the zlib there packs the same (packing.py); what is
compared between machines is compared opened.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, TypeVar, cast

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Body, Event
from quarterdeck_protocol.labels import OPERATOR, Labels

from ..core.entities import Entity, Run
from ..core.subjects import ERASED_BODY, subject_of, subject_of_entity
from ..core.unreadable import unreadable_run
from .codec import NUL, SEALED, header, pack_entity, pack_event, payload, seq_key, unpack_entity, with_payload
from .content_keys import ContentKeys, InvalidTag
from .errors import LogCorrupt
from .packing import packed, unpacked

E = TypeVar("E", bound=Entity)

BLOB_MAGIC = b"QDSEAL1\0"
_OWN_RUN = re.compile(r"r[1-9]\d{0,14}")


class _Content(msgspec.Struct, array_like=True, omit_defaults=True):
    """The part of an event that can be forgotten."""

    body: Body
    cause: str | None = None
    run: str | None = None
    task: str | None = None
    sources: tuple[str, ...] = ()


class _Envelope(msgspec.Struct, omit_defaults=True):
    """The part of a sealed event that stays. The fields that the chain reads have the names that events have."""

    seq: int
    id: str
    at_us: int
    kind: str
    actor: str
    sealed: bytes
    version: int = 1
    run: str | None = None
    integrity: Literal["external", "agent", "operator"] = "operator"
    sensitivity: Literal["public", "private", "secret"] = "private"
    prev_mac: bytes = b""


class _Stored(msgspec.Struct):
    """Either of the two forms, to tell which."""

    seq: int
    id: str
    at_us: int
    kind: str
    actor: str
    sealed: bytes = b""
    body: Body = {}
    version: int = 1
    run: str | None = None
    task: str | None = None
    cause: str | None = None
    labels: Labels = OPERATOR
    integrity: Literal["external", "agent", "operator"] = "operator"
    sensitivity: Literal["public", "private", "secret"] = "private"
    prev_mac: bytes = b""


_PACK = msgspec.msgpack.Encoder()
_CONTENT = msgspec.msgpack.Decoder(_Content)
_STORED = msgspec.msgpack.Decoder(_Stored)


class Sealing:
    """Events, values and blobs to stored bytes and back, with the keys that are left."""

    def __init__(self, keys: ContentKeys, path: Path) -> None:
        """path: the log, for error messages."""
        self.keys, self._path = keys, path

    # --- events ---

    def event(self, event: Event) -> bytes:
        """Return the stored bytes. Raises QuarterdeckError `bad_value` for a body that is not plain data."""
        subject = subject_of(event)
        if subject is None:
            return pack_event(event)
        own_run = event.run if event.run and _OWN_RUN.fullmatch(event.run) else None
        content = _Content(event.body, event.cause, None if own_run else event.run, event.task, event.labels.sources)
        envelope = _Envelope(
            event.seq, event.id, event.at_us, event.kind, event.actor,
            self.keys.seal(subject, packed(subject, _encoded(content, event)), _event_place(event.seq)),
            version=event.version, run=own_run, integrity=event.labels.integrity,
            sensitivity=event.labels.sensitivity, prev_mac=event.prev_mac,
        )  # fmt: skip
        return _PACK.encode(envelope)

    def open_event(self, seq: int, stored: bytes) -> Event:
        """Return the event; one whose content was forgotten has the body {"erased": True}.

        Raises LogCorrupt when the bytes are not what was stored under this number.
        """
        try:
            found = _STORED.decode(stored)
            if found.seq != seq:
                raise LogCorrupt(self._path, f"event {found.seq} stands under number {seq}", seq=seq)
            return self._opened(found) if found.sealed else _plain_event(found)
        except (msgspec.DecodeError, ValueError, RecursionError, InvalidTag) as error:
            raise LogCorrupt(self._path, f"event {seq} cannot be read ({error})", seq=seq) from error

    def _opened(self, found: _Stored) -> Event:
        raw = self.keys.open(found.sealed, _event_place(found.seq))
        content = _Content(dict(ERASED_BODY)) if raw is None else _CONTENT.decode(unpacked(raw))
        labels = OPERATOR
        if content.sources or found.integrity != "operator" or found.sensitivity != "private":
            labels = Labels(integrity=found.integrity, sensitivity=found.sensitivity, sources=content.sources)
        return Event(
            seq=found.seq, id=found.id, at_us=found.at_us, kind=found.kind, actor=found.actor, body=content.body,
            version=found.version, run=found.run or content.run, task=content.task, cause=content.cause,
            labels=labels, prev_mac=found.prev_mac,
        )  # fmt: skip

    def index_of_event(self, stored: bytes) -> int | None:
        """Return where the key of a sealed event lies, None for one that was never sealed."""
        sealed = _STORED.decode(stored).sealed
        return self.keys.index_in(sealed) if sealed else None

    # --- values ---

    def entity(self, entity: Entity, key: bytes) -> bytes:
        """Return the stored bytes of a value under its record key. Raises QuarterdeckError `bad_value`."""
        value = pack_entity(entity)
        subject = subject_of_entity(entity)
        if subject is None:
            return value
        plain = packed(subject, payload(value))
        return with_payload(value, self.keys.seal(subject, plain, _value_place(key, entity.seq)))

    def open_value(self, key: bytes, value: bytes) -> bytes | None:
        """Return the value as it is without a seal, None when it was forgotten. Raises LogCorrupt when damaged."""
        seq, flags = header(value)
        if not flags & SEALED:
            return value
        try:
            raw = self.keys.open(payload(value), _value_place(key, seq))
        except InvalidTag as error:
            kind = key.partition(NUL)[0].decode()
            raise LogCorrupt(self._path, f"a {kind} record cannot be opened with its key", seq=seq) from error
        if raw is None:
            return None
        try:
            return with_payload(value, unpacked(raw), sealed=False)
        except ValueError as error:
            kind = key.partition(NUL)[0].decode()
            raise LogCorrupt(self._path, f"a {kind} record cannot be read ({error})", seq=seq) from error

    def open_entity(self, cls: type[E], key: bytes, value: bytes) -> E | None:
        """Return the value, None when it was forgotten. Raises LogCorrupt when damaged."""
        opened = self.open_value(key, value)
        if opened is None:
            return None
        try:
            return unpack_entity(cls, opened)
        except msgspec.ValidationError as error:
            # Whole, but of a shape that this version does not know. One run must not stand in the way of all others.
            if cls.kind != Run.kind:
                raise LogCorrupt(self._path, f"a {cls.kind} record cannot be read ({error})") from error
            id = key.split(NUL)[1].decode()
            return cast(E, unreadable_run(id, header(value)[0], str(error)))
        except (msgspec.DecodeError, RecursionError) as error:
            raise LogCorrupt(self._path, f"a {cls.kind} record cannot be read ({error})") from error

    def forgotten(self, value: bytes) -> bool:
        """Whether a stored value is sealed under a key that is no more."""
        return bool(header(value)[1] & SEALED) and not self.keys.knows(payload(value))

    def index_of_value(self, value: bytes) -> int | None:
        return self.keys.index_in(payload(value)) if header(value)[1] & SEALED else None

    # --- blobs ---

    def blob(self, name: str, data: bytes) -> bytes:
        return BLOB_MAGIC + self.keys.seal(f"blob:{name}", data + b"\0", _blob_place(name))

    def open_blob(self, name: str, stored: bytes) -> bytes | None:
        """Return the bytes of a blob, None when it was forgotten. Raises InvalidTag when it is damaged."""
        if not stored.startswith(BLOB_MAGIC):
            return stored  # From before sealing; whoever reads it compares it with its name.
        raw = self.keys.open(memoryview(stored)[len(BLOB_MAGIC) :], _blob_place(name))
        return None if raw is None else raw[:-1]

    def index_of_blob(self, stored: bytes) -> int | None:
        return self.keys.index_in(stored[len(BLOB_MAGIC) :]) if stored.startswith(BLOB_MAGIC) else None


def _plain_event(found: _Stored) -> Event:
    return Event(
        seq=found.seq, id=found.id, at_us=found.at_us, kind=found.kind, actor=found.actor, body=found.body,
        version=found.version, run=found.run, task=found.task, cause=found.cause, labels=found.labels,
        prev_mac=found.prev_mac,
    )  # fmt: skip


def _encoded(content: _Content, event: Event) -> bytes:
    try:
        return _PACK.encode(content)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise QuarterdeckError("bad_value", f"event {event.seq} {event.kind} cannot be stored: {error}") from error


def _event_place(seq: int) -> bytes:
    return b"e" + seq_key(seq)


def _value_place(key: bytes, seq: int) -> bytes:
    """The same for the current value and for the version that it becomes."""
    return b"v" + key + NUL + seq_key(seq)


def _blob_place(name: str) -> bytes:
    return b"b" + name.encode()
