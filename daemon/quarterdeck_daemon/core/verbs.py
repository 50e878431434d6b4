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


def argument_fault(name: str, args: Plain) -> str:
    """What any connector would refuse, "" when nothing is obvious: no target, or a line break where one line goes.

    The connector checks everything once more; this is so that a slip is told to whoever made it.
    """
    targets = targets_of(name, args)
    if not targets:
        return "it would go to nobody"
    for target in targets:
        if any(char.isspace() or ord(char) < 32 for char in target) or (
            name == "mail.send" and "@" not in target[1:-1]
        ):
            return f"{target!r} is no address to send to"
    for arg, value in args.items():
        lines_allowed = arg in ("body", "text")
        if isinstance(value, str) and any(
            ord(char) < 32 and not (lines_allowed and char in "\n\r\t") for char in value
        ):
            return f"{arg!r} holds a control character or a line break"
    return ""
