"""A question as somebody with a scope may ask it: the scope becomes filters, which apply before ranking."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.labels import SENSITIVITY_ORDER

from ..core.declared import ANY, ReadScope
from .api import NONE_OF_THEM, Question


def narrowed(question: Question, scope: ReadScope) -> Question | None:
    """Return the question with no wider filters than the scope; None when nothing in scope could answer it."""
    namespaces = _both(question.namespaces, scope.namespaces)
    tiers = _both(question.tiers, scope.tiers)
    levels = tuple(level for level, rank in SENSITIVITY_ORDER.items() if rank <= SENSITIVITY_ORDER[scope.sensitivity])
    sensitivities = _both(question.sensitivities, levels)
    of_facts, of_memories = _of(scope, "fact", scope.facts), _of(scope, "memory", scope.memories)
    facts, memories = _both(question.fact_kinds, of_facts), _both(question.memory_kinds, of_memories)
    if namespaces is None or tiers is None or sensitivities is None or (facts is None and memories is None):
        return None
    return msgspec.structs.replace(
        question,
        namespaces=namespaces,
        tiers=tiers,
        sensitivities=sensitivities,
        fact_kinds=NONE_OF_THEM if facts is None else facts,
        memory_kinds=NONE_OF_THEM if memories is None else memories,
    )


def _of(scope: ReadScope, record: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds that pass of one kind of record; none when the scope has no such records at all."""
    return kinds if ANY in scope.records or record in scope.records else ()


def _both(asked: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...] | None:
    """What passes both filters, an empty or unlimited one letting everything pass; None when nothing does."""
    if ANY in allowed:
        return asked
    if not asked:
        return allowed or None
    return tuple(name for name in asked if name in allowed) or None
