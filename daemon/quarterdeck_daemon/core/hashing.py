"""Hashes of plain values: the same value gives the same hash, whatever order its keys came in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

REQUEST_CHARS = 32
_CANONICAL = msgspec.msgpack.Encoder(order="deterministic")


def value_hash(value: object) -> str:
    """BLAKE2b-256 in hex over the canonical MessagePack form of a plain value."""
    return hashlib.blake2b(_CANONICAL.encode(value), digest_size=32).hexdigest()


def text_hash(text: str) -> str:
    """BLAKE2b-256 in hex over the UTF-8 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def request_hash(method: str, params: object) -> str:
    """What a receipt keeps of a request: half of its hash, 128 bits, which tell requests apart."""
    return value_hash([method, params])[:REQUEST_CHARS]


def same_request(kept: str, asked: str) -> bool:
    """Whether a receipt is for this request. Receipts from before hold the whole hash."""
    return kept == asked or (len(kept) == 2 * REQUEST_CHARS == 2 * len(asked) and kept.startswith(asked))


def action_hash(connector: str, verb: str, args: object, targets: Sequence[str]) -> str:
    """The hash that an approval binds and the effector checks again: everything that reaches the world."""
    return value_hash([connector, verb, args, list(targets)])
