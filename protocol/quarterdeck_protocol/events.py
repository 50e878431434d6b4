"""The event: one past-tense fact in the log, and the shape in which subscribers receive it."""

from __future__ import annotations

import msgspec

from .labels import OPERATOR, Labels

Body = dict[str, object]  # Plain values only; each kind's fields are listed in protocol/README.md.


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the log. Fields are added with defaults, never changed.

    seq      position in the log, from 1, without gaps
    at_us    wall clock in microseconds since 1970 UTC; for display, never for order
    kind     `noun.past_participle`; `version` counts changes of meaning of its body
    actor    who did it: "operator", "agent:composer", "connector:mail", "kernel" …
    run, task, cause   what it belongs to; cause is the id of the event or request behind it
    prev_mac keyed hash of the entry before (32 bytes, empty for seq 1)
    """

    seq: int
    id: str
    at_us: int
    kind: str
    actor: str
    body: Body
    version: int = 1
    run: str | None = None
    task: str | None = None
    cause: str | None = None
    labels: Labels = OPERATOR
    prev_mac: bytes = b""
