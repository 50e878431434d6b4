"""Hashes of plain values: the same value gives the same hash, whatever order its keys came in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

_CANONICAL = msgspec.msgpack.Encoder(order="deterministic")


def value_hash(value: object) -> str:
    """BLAKE2b-256 in hex over the canonical MessagePack form of a plain value."""
    return hashlib.blake2b(_CANONICAL.encode(value), digest_size=32).hexdigest()


def text_hash(text: str) -> str:
    """BLAKE2b-256 in hex over the UTF-8 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def action_hash(connector: str, verb: str, args: object, targets: Sequence[str]) -> str:
    """The hash that an approval binds and the effector checks again: everything that reaches the world."""
    return value_hash([connector, verb, args, list(targets)])
