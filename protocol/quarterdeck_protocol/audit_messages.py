"""What the methods about the audit trail take and give."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .frames import Plain
from .params import Name, Params, Read, Short, Tags
from .shapes import Shape


class AuditExport(Params, frozen=True, kw_only=True):
    """Events with after < seq < before, and since <= time < until. kinds: exact or `noun.*`."""

    after: Annotated[int, Meta(ge=0)] = 0
    before: Annotated[int, Meta(ge=0)] | None = None
    since: Short | None = None
    until: Short | None = None
    run: Short | None = None
    kinds: Tags = ()


class Audited(Shape, frozen=True, kw_only=True):
    """broken_at: the first event that does not verify.  heads: how many of those noted outside the log were compared."""

    ok: bool
    checked: int
    head_seq: int
    head_mac: bytes
    broken_at: int | None = None
    reason: str = ""
    heads: int = 0
    faults: list[str] = []


class Exported(Shape, frozen=True, kw_only=True):
    """After the chunks `{"events": [line, …]}`: events with bytes in base64, `mac` (over the event as it is stored) and
    `seal` (over the line, in hex), with which the file can be verified without this daemon.
    """

    count: int
    head_seq: int
    head_mac: bytes


class AuditTrail(Params, frozen=True, kw_only=True):
    """id: of an action, a run or a document."""

    id: Name


class Trail(Shape, frozen=True, kw_only=True):
    """A node: {"stage", "kind", "id", "title", "detail", "seq", "at", "actor", "mac", "hash", "children"}.

    stage: intent, plan, run, step, action, verdict, approval, hold, effect, outcome, compensation or event.
    mac: of the event, in hex.  hash: of what was decided, sent or returned.
    """

    id: str
    tree: Plain


class AuditReport(Read, frozen=True, kw_only=True):
    """The stretch that is counted; the four of the same length before are what it is compared with."""

    since: Short | None = None
    until: Short | None = None


class Conduct(Shape, frozen=True, kw_only=True):
    """items: counts by agent; `unusual` of each says what is unlike its own past, by `rule`.

    stretches  how many there were to compare with      complete  whether all of them could be looked at
    """

    since: str
    until: str
    items: list[Plain]
    rule: str
    unusual: int = 0
    stretches: int = 0
    complete: bool = True


class HeadNoted(Shape, frozen=True, kw_only=True):
    """places: files that it was appended to."""

    head_seq: int
    head_mac: bytes
    places: list[str] = []
