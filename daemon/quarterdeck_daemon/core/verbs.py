"""What each outward verb is, as far as policy must know it. Connectors implement exactly these."""

from __future__ import annotations

from typing import Literal

import msgspec

from quarterdeck_protocol.labels import Sensitivity

from .entities import Plain

Touch = Literal["money", "secrets", "deletion", "execution", "steering"]


class VerbRule(msgspec.Struct, frozen=True, kw_only=True):
    """effect_class  A native idempotency key, B can look before it writes, C neither
    outward        reaches somebody outside the house
    reversible     can be taken back by a compensation that leaves nothing behind
    target_args    arguments that say where it goes; each an address, path or list of them
    compensation   the verb that takes it back, "" when none does; see compensations.py
    spends         money leaves
    touches        what no standing permission covers: the policy asks every time (guards.py)
    mended_by      what makes good what cannot be taken back, in words; "" when nothing does
    amount_arg     the argument with an amount of money, an integer in minor units; its currency: `currency_arg`
    receives       the most secret thing that may go there without asking
    """

    effect_class: Literal["A", "B", "C"]
    outward: bool
    reversible: bool
    target_args: tuple[str, ...]
    compensation: str = ""
    spends: bool = False
    touches: tuple[Touch, ...] = ()
    mended_by: str = ""
    amount_arg: str = "amount"
    currency_arg: str = "currency"
    receives: Sensitivity = "private"


VERBS: dict[str, VerbRule] = {
    "mail.send": VerbRule(
        effect_class="B",
        outward=True,
        reversible=False,
        target_args=("to", "cc", "bcc"),
        mended_by="a correction mail",
    ),
    "files.write": VerbRule(
        effect_class="B", outward=False, reversible=True, target_args=("path",), compensation="files.restore"
    ),
    "files.restore": VerbRule(
        effect_class="B", outward=False, reversible=True, target_args=("path",), compensation="files.restore"
    ),
    # The practice connector: one pair of verbs for each class, so that what each class promises can be tried.
    "practice.pay": VerbRule(
        effect_class="A",
        outward=True,
        reversible=True,
        target_args=("to",),
        compensation="practice.refund",
        spends=True,
    ),
    "practice.refund": VerbRule(effect_class="A", outward=True, reversible=False, target_args=("to",)),
    "practice.book": VerbRule(
        effect_class="B", outward=True, reversible=True, target_args=("room",), compensation="practice.cancel"
    ),
    "practice.cancel": VerbRule(
        effect_class="B", outward=True, reversible=True, target_args=("room",), compensation="practice.book"
    ),
    "practice.post": VerbRule(effect_class="C", outward=True, reversible=False, target_args=("channel",)),
}


def class_of(name: str) -> Literal["A", "B", "C"]:
    """The class of a verb; one that nobody knows counts as C, which is never repeated."""
    rule = VERBS.get(name)
    return rule.effect_class if rule is not None else "C"


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
    """What any connector would refuse, "" when nothing is obvious: no target, an amount that is none, a line break where one
    line goes.

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
    if fault := _amount_fault(VERBS[name], args):
        return fault
    for arg, value in args.items():
        lines_allowed = arg in ("body", "text")
        if isinstance(value, str) and any(
            ord(char) < 32 and not (lines_allowed and char in "\n\r\t") for char in value
        ):
            return f"{arg!r} holds a control character or a line break"
    return ""


def _amount_fault(rule: VerbRule, args: Plain) -> str:
    """An amount that is no number would be seen by no rule about amounts, and by the operator as no amount to confirm."""
    amount = args.get(rule.amount_arg)
    if amount is None:
        return f"it names no {rule.amount_arg!r}" if rule.spends else ""
    if isinstance(amount, int) and not isinstance(amount, bool) and amount > 0:
        return ""
    return f"{rule.amount_arg!r} is {amount!r}; it is a whole number of minor units, 31250 for 312.50"
