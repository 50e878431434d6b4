"""The keeper of this house, with the rules of retention as quarterdeck.toml states them."""

from __future__ import annotations

from ..core.commands import Command
from ..core.durations import duration_us
from ..core.entities import Plain
from ..core.keeping import Keep, Rules
from .house import House
from .keeper import Keeper
from .workspace import Keep as KeepSetting
from .workspace import Remembering


def keeper_for(house: House) -> Keeper:
    """Return the keeper of this house's memory."""

    async def execute(command: Command) -> Plain:
        return (await house.engine.execute(command, actor="keeper")).reply

    memory = house.config.memory
    return Keeper(
        house.store,
        execute,
        rules_of(memory),
        every_us=duration_us(memory.every),
        now_us=house.engine.now_us,
        busy=lambda: house.doing.busy > 0,
    )


def rules_of(memory: Remembering) -> Rules:
    """Return the rules for tiers and kinds. Working memory carries its end itself, from the day it was made."""
    tiers = {
        "working": memory.working,
        "project": memory.project,
        "long-term": memory.long_term,
        "review": memory.review,
    }
    return Rules(
        tiers={name: _rule(name, keep, own_end=name == "working") for name, keep in tiers.items()},
        kinds={name: _rule(f"kinds.{name}", keep) for name, keep in memory.kinds.items()},
        originals_us=_us(memory.originals),
    )


def _rule(name: str, keep: KeepSetting, *, own_end: bool = False) -> Keep:
    return Keep(
        name=name,
        ttl_us=0 if own_end else _us(keep.ttl),
        bytes_max=keep.bytes,
        tokens_max=keep.tokens,
        half_life_us=_us(keep.half_life),
        compress_us=_us(keep.compress),
    )


def _us(span: str) -> int:
    return duration_us(span) if span else 0
