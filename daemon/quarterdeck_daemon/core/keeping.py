"""Rules of retention: how long memories are recalled, how much of them, and which are missed least.

Everything here is a plain function of a memory, its rule and the time; the keeper in the service walks and asks.
"""

from __future__ import annotations

import math

import msgspec

from .entities import Memory
from .retention import KEPT_TIERS, group_of, may_compress

DAY_US = 86_400_000_000
ENDORSED = 1.0e9  # What the operator vouched for goes last of all.


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; 0 everywhere is: for ever, without limit, untouched.

    ttl_us       not recalled any more when it is older        bytes_max, tokens_max  of all it governs together
    half_life_us its usefulness halves in that time            compress_us  older notes give way to summaries
    """

    name: str
    ttl_us: int = 0
    bytes_max: int = 0
    tokens_max: int = 0
    half_life_us: int = 0
    compress_us: int = 0

    @property
    def idle(self) -> bool:
        """Whether it never takes anything out of recall."""
        return not (self.ttl_us or self.bytes_max or self.tokens_max or self.compress_us)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules by tier, and by kind of memory; that of the kind goes before."""

    tiers: dict[str, Keep]
    kinds: dict[str, Keep] = {}
    originals_us: int = 0  # How long the file of a document is kept after it gave way; 0: for ever.

    def of(self, memory: Memory) -> Keep | None:
        """The rule for a memory; None for the tiers that no rule may touch."""
        if memory.tier in KEPT_TIERS:
            return None
        return self.kinds.get(memory.memory_kind) or self.tiers.get(memory.tier)

    @property
    def all(self) -> tuple[Keep, ...]:
        return (*self.tiers.values(), *self.kinds.values())

    @property
    def idle(self) -> bool:
        return not self.originals_us and all(rule.idle for rule in self.all)


def outlived(memory: Memory, rule: Keep, now_us: int) -> bool:
    """Whether the rule's time for it is over. Nothing pinned is ever over."""
    return bool(rule.ttl_us) and not memory.pinned and now_us - memory.at_us > rule.ttl_us


def usefulness(memory: Memory, rule: Keep, now_us: int, uses: int) -> float:
    """How much it would be missed: by age, by how often it was shown, more when it was vouched for."""
    age_us = max(0, now_us - memory.at_us)
    half_life_us = rule.half_life_us or 365 * DAY_US
    fresh = math.pow(0.5, age_us / half_life_us)
    return round(fresh * (1 + math.log2(1 + uses)) + (ENDORSED if memory.endorsed else 0.0), 9)


def topic_of(memory: Memory) -> str:
    """What it is about, for putting old notes together: where it came from, or its first tag; empty when unknown."""
    if memory.source and memory.source != "operator":
        return memory.source
    return memory.tags[0] if memory.tags else ""


def bundle_of(memory: Memory, rule: Keep, now_us: int) -> tuple[str, ...] | None:
    """The bundle that one summary may stand for; None when this memory is left as it is."""
    topic = topic_of(memory)
    if not rule.compress_us or not topic or now_us - memory.at_us <= rule.compress_us or not may_compress(memory):
        return None
    return (*group_of(memory), memory.memory_kind, topic)
