"""What the methods on facts and alerts give, beside the record itself."""

from __future__ import annotations

from typing import Literal

from .frames import Plain
from .labels import Labels
from .shapes import Page, Shape
from .work_results import EvidenceView


class FactDone(Shape, frozen=True, kw_only=True):
    """One item of a transaction. remarks: names of fields that look like a slip; they are kept."""

    id: str
    version: int
    remarks: list[str] = []


class Transacted(Shape, frozen=True, kw_only=True):
    """items, links: in the order of the request."""

    items: list[FactDone]
    seq: int
    links: list[Plain] = []


class KindView(Shape, frozen=True, kw_only=True):
    """A kind of fact. origin: `built in`, the file of the operator's schema, both, or "" for a free-form one.

    schemas: what a value must satisfy, as JSON Schema; none for a free-form kind.  fields: the names they know.
    facts: how many canonical facts of it there are.  refused: why the operator's file is not in use; until it is
    mended or taken away no fact of the kind is written.
    """

    id: str
    origin: str = ""
    about: str = ""
    version: int = 0
    fields: list[str] = []
    schemas: list[Plain] = []
    facts: int = 0
    refused: str = ""


class Kinds(Page, frozen=True, kw_only=True):
    items: list[KindView]


class PathStep(Shape, frozen=True, kw_only=True):
    """From `source` to `target`. direction: `in` when the link itself points the other way."""

    source: str
    relation: str
    target: str
    direction: Literal["out", "in"]
    seq: int


class Path(Shape, frozen=True, kw_only=True):
    """found: whether there is a way within the limits; steps: none when both ends are the same. cut: too many
    records to look at all."""

    found: bool
    steps: list[PathStep]
    cut: bool = False


class ProposalView(Shape, frozen=True, kw_only=True):
    """A fact that was captured from a text and waits for the operator's word.

    fact: what it would become.  value: only what it adds or changes.  held: the same fields of the canonical fact
    now, empty when there is none.  source: `document:doc3` or `memory:m5`.  hash: of `value`.
    """

    id: str
    number: str
    fact: str
    value: Plain
    held: Plain
    outcome: Literal["open", "accepted", "rejected"]
    source: str
    evidence: list[EvidenceView]
    at: str
    labels: Labels
    hash: str
    seq: int
    conflicts: list[str] = []
    version: int = 0


class Proposals(Page, frozen=True, kw_only=True):
    items: list[ProposalView]


class ProposalDecided(Shape, frozen=True, kw_only=True):
    """id: of the fact when accepted, of the proposal when rejected.  version: the fact's new one."""

    id: str
    outcome: Literal["accepted", "rejected"]
    seq: int
    version: int = 0
    proposal: str = ""
    fact: str = ""


class AlertView(Shape, frozen=True, kw_only=True):
    """topic: stable; one topic is open once.  about: entities as `kind:id`.  resolved: how it ended, "" while open.

    id and at are "" for one that follows from how things are now: nobody resolves it, it goes with its cause.
    """

    id: str
    level: Literal["info", "warning", "critical"]
    topic: str
    text: str
    at: str
    hint: str = ""
    about: list[str] = []
    details: Plain = {}
    resolved: str = ""
    runbook: str = ""
    seq: int = 0


class Alerts(Page, frozen=True, kw_only=True):
    items: list[AlertView]
