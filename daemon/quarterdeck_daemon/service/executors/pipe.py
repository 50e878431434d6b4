"""What the daemon and the bridge to a remote engine say to each other: MessagePack in frames of cell.py.

The engine's client library unpickles what the engine sends. So it lives in a process of its own, the bridge, and the
daemon reads only these messages of it: a cluster that was taken over gets no further than into the bridge.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ...core.orders import Answer


class Open(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="open"):
    """First message to the bridge. The three files are for an address that begins with tls:// only."""

    address: str
    ca: str = ""
    cert: str = ""
    key: str = ""


class Submit(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="submit"):
    """order: the bytes of an OrderMessage, as a worker of this workspace would get them."""

    id: str
    order: bytes


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="cancel"):
    id: str


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="answered"):
    """answer: the bytes of an Answer, as a worker would send them."""

    id: str
    answer: bytes


class Lost(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="lost"):
    """Nothing came of it. crash: its place died; transient: the engine lost it or could not take it."""

    id: str
    failure: Literal["crash", "transient"]
    message: str


class State(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """Sent when it changes, and every few seconds."""

    ready: bool
    places: int
    detail: str


ToBridge = Open | Submit | Cancel
FromBridge = Answered | Lost | State


def answer_in(body: bytes, id: str) -> Answer:
    """The answer to the order of this id. Raises ValueError for anything else."""
    answer = msgspec.msgpack.decode(body, type=Answer)
    if answer.id != id:
        raise ValueError(f"an answer to {answer.id} came for {id}")
    return answer
