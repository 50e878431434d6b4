"""Would we take this on? The operator's criteria, from the fact `policy/engagement`, applied to a lead.

    [[policy]]
    key = "engagement"
    minimum = { minor = 300000, currency = "EUR" }     # of the whole engagement; equal is enough
    rates_to_eur = { GBP = 1.15 }                      # only to compare budgets with the minimum
    offered / not_offered / excluded_sectors / unpaid_words = ["…"]

What is not stated is no obstacle: a missing criterion, a missing budget, a currency without a rate.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .contract import plain_map
from .money import shown
from .outside_text import one_line
from .rules import Reason, View
from .seen import Fact


@dataclass(frozen=True)
class Finding:
    """obstacle: whether it speaks against taking the work on; else it is a remark."""

    obstacle: bool
    reason: Reason


Check = Callable[[View, Fact], Finding | None]


def findings(view: View) -> list[Finding]:
    policy = next((fact for fact in view.facts.get("policy", []) if fact.key == "engagement"), None)
    if policy is None:
        return []
    return [finding for check in CHECKS if (finding := check(view, policy)) is not None]


def _minimum(view: View, policy: Fact) -> Finding | None:
    minimum, amount = plain_map(policy.value.get("minimum")), plain_map(view.lead.get("amount"))
    least, currency = minimum.get("minor"), str(minimum.get("currency", ""))
    offered = amount.get("minor_units_max")
    if not isinstance(least, int) or not isinstance(offered, int):
        return None
    written, there = str(amount.get("text", "")), str(amount.get("currency", ""))
    rates = plain_map(policy.value.get(f"rates_to_{currency.lower()}"))
    rate = 1.0 if there == currency else rates.get(there)
    if not isinstance(rate, int | float):
        text = f"The budget ({one_line(written, 40)}) is in {there}; there is no rate to compare it with the minimum."
        return Finding(False, Reason("budget.currency", text, policy.source))
    worth = round(offered * rate)
    about = (
        f"{one_line(written, 40)}, about {shown(worth, currency)}" if there != currency else shown(worth, currency)
    )
    if amount.get("per"):
        text = f"{about} is for each month; the whole cannot be compared with the minimum."
        return Finding(False, Reason("budget.rate", text, policy.source))
    below = worth < least
    relation = "below" if below else "not below"
    text = f"The budget ({about}) is {relation} the minimum of {shown(least, currency)}."
    return Finding(below, Reason("budget.minimum", text, policy.source))


def _sector(view: View, policy: Fact) -> Finding | None:
    text = f"{view.mail.meta.subject}\n{view.lead.get('company', '')}\n{view.mail.newest}"
    word = _first(policy.words("excluded_sectors"), text)
    if not word:
        return None
    return Finding(
        True, Reason("sector.excluded", f"“{word}” belongs to a sector we do not work for.", policy.source)
    )


def _offered(view: View, policy: Fact) -> Finding | None:
    """Only what they ask for counts, not all they mention."""
    asked = f"{view.mail.meta.subject}\n{view.lead.get('need', '')}"
    word = _first(policy.words("not_offered"), asked)
    if not word or _first(policy.words("offered"), asked):
        return None
    return Finding(True, Reason("work.not-offered", f"“{word}” is not among what we offer.", policy.source))


def _paid(view: View, policy: Fact) -> Finding | None:
    word = _first(policy.words("unpaid_words"), view.mail.newest)
    if not word:
        return None
    paid = view.lead.get("amount") is not None
    text = f"It speaks of “{word}”" + (", and names money too." if paid else " and names no money.")
    return Finding(not paid, Reason("pay.none", text, policy.source))


CHECKS: tuple[Check, ...] = (_minimum, _sector, _offered, _paid)


def _first(words: list[str], text: str) -> str:
    """The first of the words that stands in the text, also with a short ending (logo, logos)."""
    folded = " ".join(text.replace("’", "'").lower().split())
    return next(
        (word for word in words if re.search(rf"(?<!\w){re.escape(word.lower())}\w{{0,2}}(?!\w)", folded)), ""
    )
