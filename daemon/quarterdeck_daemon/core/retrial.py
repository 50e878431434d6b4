"""Other rules, asked about the past: what they would have said to each recorded action. Nothing is done.

Each action kept what its verdict rested on (questions.py, `seen_in`), so the question is the one of then: its known
recipients, its time of day, the record of its agent. Guards of today are asked, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from .entities import Action, Verdict
from .guards import STRICTNESS
from .policy import judge
from .questions import asked_then
from .rules import Files
from .table import Table

Change = Literal["allowed", "denied", "asked", "same"]
ORDER: dict[Change, int] = {"allowed": 0, "denied": 1, "asked": 2, "same": 3}


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """change: what the rules would newly do.  against: they would allow what the operator rejected or changed."""

    action: Action
    now: Verdict
    change: Change
    against: bool = False


def retry(table: Table, actions: Iterable[Action], files: Files, *, hold_us: int) -> list[Retried]:
    """Judge every action anew. Differences first, those against the operator's own decisions before the others."""
    found = [_retried(table, action, files, hold_us) for action in actions]
    return sorted(found, key=lambda one: (ORDER[one.change], not one.against, -one.action.at_us, one.action.id))


def _retried(table: Table, action: Action, files: Files, hold_us: int) -> Retried:
    now = judge(asked_then(action, table), files, hold_us=hold_us)
    was = action.verdict.verdict
    change: Change = "same"
    if STRICTNESS[now.verdict] != STRICTNESS[was]:
        words: dict[str, Change] = {"allow": "allowed", "ask": "asked", "deny": "denied"}
        change = words[now.verdict]
    against = change == "allowed" and decided_on(action) in ("rejected", "edited")
    return Retried(action=action, now=now, change=change, against=against)


def decided_on(action: Action) -> str:
    """What the operator did with it: approved, edited, rejected; "" when nobody was asked or has answered."""
    if action.status == "rejected":
        return "rejected"
    if action.approval is None:
        return ""
    return "edited" if action.approval.edited else "approved"
