"""Commands about facts, proposals of them, and links."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.labels import OPERATOR, Labels

from ..entities import Plain
from ..orders import Finding
from .base import Command


class PutFact(Command, frozen=True, kw_only=True):
    fact_kind: str
    key: str
    value: Plain
    if_version: int | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    source: str = ""
    labels: Labels = OPERATOR
    namespace: str = ""  # "": where it is, "default" for a new one.


class RetractFact(Command, frozen=True, kw_only=True):
    """We no longer say so, and never rightly did. Its versions stay; a later put brings it back."""

    fact_kind: str
    key: str
    if_version: int | None = None
    reason: str = ""
    labels: Labels = OPERATOR


class TransactFacts(Command, frozen=True, kw_only=True):
    """Several facts and links, all of them or none."""

    items: tuple[PutFact | RetractFact, ...]
    links: tuple[MakeLink, ...] = ()


class DecideProposal(Command, frozen=True, kw_only=True):
    """Make a captured proposal canonical, or keep it as rejected. hash: of the value that was seen."""

    id: str
    accept: bool
    hash: str = ""
    reason: str = ""
    if_version: int | None = None


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one text. source: `document:doc3` or `memory:m5`."""

    source: str
    findings: tuple[Finding, ...]


class Capture(Command, frozen=True, kw_only=True):
    """Texts that arrived up to a log position have been read for facts."""

    upto: int
    items: tuple[Captured, ...] = ()


class MakeLink(Command, frozen=True, kw_only=True):
    source: str
    relation: str
    target: str
    remove: bool = False
