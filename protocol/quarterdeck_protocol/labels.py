"""Labels travel with every value: who could have shaped it, who may see it, where it came from.

The order is a lattice: joining keeps the least trust and the most secrecy, so no sequence of
copying, summarising or storing can launder text from outside into text of the operator.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Integrity = Literal["external", "agent", "operator"]
Sensitivity = Literal["public", "private", "secret"]

INTEGRITY_ORDER: dict[str, int] = {"external": 0, "agent": 1, "operator": 2}
SENSITIVITY_ORDER: dict[str, int] = {"public": 0, "private": 1, "secret": 2}
SOURCES_MAX = 32  # Beyond it the list ends in "…"; provenance links keep the whole truth.


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The labels of one value. The default is what an authenticated operator typed."""

    integrity: Integrity = "operator"
    sensitivity: Sensitivity = "private"
    sources: tuple[str, ...] = ()


OPERATOR = Labels()
EXTERNAL = Labels(integrity="external")


def join(labels: Iterable[Labels]) -> Labels:
    """Return the labels of something made from all of `labels`: least trust, most secrecy, all sources.

    Of nothing: operator and public, the neutral element of the join.
    """
    integrity: Integrity = "operator"
    sensitivity: Sensitivity = "public"
    sources: dict[str, None] = {}
    for one in labels:
        if INTEGRITY_ORDER[one.integrity] < INTEGRITY_ORDER[integrity]:
            integrity = one.integrity
        if SENSITIVITY_ORDER[one.sensitivity] > SENSITIVITY_ORDER[sensitivity]:
            sensitivity = one.sensitivity
        sources.update(dict.fromkeys(one.sources))
    kept = tuple(sources)
    if len(kept) > SOURCES_MAX:
        kept = (*kept[: SOURCES_MAX - 1], "…")
    return Labels(integrity=integrity, sensitivity=sensitivity, sources=kept)
