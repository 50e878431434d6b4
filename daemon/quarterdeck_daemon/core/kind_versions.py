"""Facts written by an earlier version of their kind, lifted on reading by pure functions.

A value in the log never changes. Each step of the table lifts a value by one version; reading applies as many as
are missing. To change the meaning of a built-in kind: count its version up in kinds.py, add the step here, and
keep facts of the old version as golden data under tests/golden.
"""

from __future__ import annotations

from collections.abc import Callable

from .entities import Plain
from .kinds import VERSIONS

Lift = Callable[[Plain], Plain]


def _renamed(**names: str) -> Lift:
    """old name = "new name"; where the new one is there already the old one stays what it is."""

    def lift(value: Plain) -> Plain:
        fits = {old: new for old, new in names.items() if old in value and new not in value}
        return {fits.get(name, name): item for name, item in value.items()}

    return lift


# Version 0 is the time before kinds were typed: the operator named fields at will, these are what they meant.
LIFTS: dict[tuple[str, int], Lift] = {
    ("client", 0): _renamed(mail="email", tel="phone", vat="vat_number"),
    ("contact", 0): _renamed(mail="email", tel="phone", company="organisation"),
    ("organisation", 0): _renamed(mail="email", tel="phone", vat="vat_number"),
    ("invoice", 0): _renamed(due_date="due", issue_date="issued", invoice_number="number"),
    ("contract", 0): _renamed(start="starts", end="ends"),
    ("project", 0): _renamed(start="starts", end="ends"),
    ("campaign", 0): _renamed(start="starts", end="ends"),
    ("event", 0): _renamed(start="starts", end="ends"),
}


def lifted(kind: str, version: int, value: Plain) -> Plain:
    """Return the value as the present version of its kind says it. Not ours, or of today: the value itself."""
    for step in range(version, VERSIONS.get(kind, 0)):
        lift = LIFTS.get((kind, step))
        value = lift(value) if lift is not None else value
    return value
