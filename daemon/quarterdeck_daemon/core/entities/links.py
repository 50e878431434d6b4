"""What holds two entities together, and the past of that."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from .base import Entity


class Edge(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """The past of a link that the operator may take back: kept twice, from either end, under the ids of core/edges.py."""

    kind: ClassVar[str] = "edge"
    source: str
    relation: str
    target: str
    removed: bool = False


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A directed, named edge between two entities, each written `kind:id` (`memory:m12`, `fact:client/acme`).

    Relations: `derived_from` (what a value was made from: provenance, read by `why` and `used_by`),
    `read` (a step saw it), `compensates`, and those of the operator between facts. `seq`: since when it stands; made
    once more it keeps that.
    """

    source: str
    relation: str
    target: str
    seq: int = 0
