"""Checks of `doctor` about work that fails or waits, each with the command that goes on from there."""

from __future__ import annotations

from ..core.entities import Action, Alert, Breaker, DeadLetter, Meter, Plain
from .house import House

NAMED_MAX = 5


def _named(ids: list[str]) -> str:
    more = len(ids) - NAMED_MAX
    return ", ".join(ids[:NAMED_MAX]) + (f" and {more:,} more" if more > 0 else "")


def _row(id: str, ids: list[str], well: str, wrong: str, fix: str) -> Plain:
    ok = not ids
    return {"id": id, "ok": ok, "detail": well if ok else f"{wrong}: {_named(ids)}", "fix": "" if ok else fix}


def breakers_closed(house: House) -> Plain:
    found = [one.id for one in house.store.scan(Breaker) if one.state != "closed"]
    return _row("breakers", found, "all closed", "no work is given to", "quarterdeck runbook breaker-open")


def budgets_hold(house: House) -> Plain:
    found = [one.topic.split("/", 1)[1] for one in house.store.live(Alert) if one.topic.startswith("budget/")]
    waiting = sum(meter.waiting for meter in house.store.live(Meter))
    well = f"none exceeded, {waiting:,} waiting for room" if waiting else "none exceeded"
    return _row("budgets", found, well, "used up", "quarterdeck runbook over-budget")


def outcomes_known(house: House) -> Plain:
    found = [one.id for one in house.store.live(Action) if one.status == "unknown"]
    return _row("outcomes", found, "all known", "nobody knows about", "quarterdeck runbook unknown-outcome")


def letters_seen(house: House) -> Plain:
    found = [one.id for one in house.store.live(DeadLetter) if one.escalated]
    return _row(
        "failures", found, "none waits too long", "given up and not seen to", "quarterdeck runbook dead-letters"
    )


CHECKS = (breakers_closed, budgets_hold, outcomes_known, letters_seen)
