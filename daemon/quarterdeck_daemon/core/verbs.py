"""What each outward verb is, as far as policy must know it. Connectors implement exactly these."""

from __future__ import annotations

from typing import Literal

import msgspec

from .entities import Plain


class VerbRule(msgspec.Struct, frozen=True, kw_only=True):
    """effect_class  A native idempotency key, B can look before it writes, C neither
    outward        reaches somebody outside the house
    reversible     can be taken back by a compensation that leaves nothing behind
    target_args    arguments that say where it goes; each an address, path or list of them
    """

    effect_class: Literal["A", "B", "C"]
    outward: bool
    reversible: bool
    target_args: tuple[str, ...]


VERBS: dict[str, VerbRule] = {
    "mail.send": VerbRule(effect_class="B", outward=True, reversible=False, target_args=("to", "cc", "bcc")),
    "files.write": VerbRule(effect_class="B", outward=False, reversible=True, target_args=("path",)),
}


def targets_of(name: str, args: Plain) -> tuple[str, ...]:
    """Return every target that the arguments of a verb name, in order, each once."""
    found: dict[str, None] = {}
    for arg in VERBS[name].target_args:
        value = args.get(arg)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and item:
                found[item] = None
    return tuple(found)
