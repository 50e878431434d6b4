"""A question as somebody with a scope may ask it: the scope becomes filters, which apply before ranking."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.labels import SENSITIVITY_ORDER

from ..core.declared import ANY, ReadScope
from .api import Question


def narrowed(question: Question, scope: ReadScope) -> Question | None:
    """Return the question with no wider filters than the scope; None when nothing in scope could answer it.

    Kinds of facts and of memories share one filter, so they are narrowed only when the scope names both; else the
    reader of the finds leaves out what it may not see.
    """
    namespaces = _both(question.namespaces, scope.namespaces)
    tiers = _both(question.tiers, scope.tiers)
    known = ANY if ANY in (*scope.facts, *scope.memories) else ""
    kinds = _both(question.kinds, (known,) if known else (*scope.facts, *scope.memories))
    levels = tuple(level for level, rank in SENSITIVITY_ORDER.items() if rank <= SENSITIVITY_ORDER[scope.sensitivity])
    sensitivities = _both(question.sensitivities, levels)
    if namespaces is None or tiers is None or kinds is None or sensitivities is None:
        return None
    return msgspec.structs.replace(
        question, namespaces=namespaces, tiers=tiers, kinds=kinds, sensitivities=sensitivities
    )


def _both(asked: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...] | None:
    """What passes both filters, an empty or unlimited one letting everything pass; None when nothing does."""
    if ANY in allowed:
        return asked
    if not asked:
        return allowed or None
    return tuple(name for name in asked if name in allowed) or None
