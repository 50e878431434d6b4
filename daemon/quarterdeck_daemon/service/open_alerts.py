"""What the operator should look at now: the one list that `alert.list`, `system.status` and screens show.

Kept alerts lie in the log and are resolved by hand or by what settles them. Standing ones follow from how things are
now (a steering file that is broken, work that gave up): they have no number and go when their cause goes.
"""

from __future__ import annotations

import shutil

from ..core.actions import doubt_topic
from ..core.entities import Action, Alert, DeadLetter, Plain
from ..store.room import FREE_BYTES_MIN
from .house import House
from .views import iso

BEHIND_WORTH_TELLING = 1_000  # Events that the index has yet to see.


def open_alerts(house: House) -> list[Plain]:
    """All that is open: standing ones first, then kept ones, newest first."""
    kept = sorted(house.store.live(Alert), key=number_of, reverse=True)
    return [*standing_alerts(house), *map(alert_view, kept)]


def standing_alerts(house: House) -> list[Plain]:
    found = [_standing(topic, alert) for topic, alert in house.alerts.items()]
    told = {alert.topic for alert in house.store.live(Alert)}
    unknown = [
        action.id
        for action in house.store.live(Action)
        # What the other side is still asked about, or sent again under its key, is nobody's business yet.
        if action.status == "unknown" and action.look_us is None and not action.looking
        and doubt_topic(action.id) not in told
    ]  # fmt: skip
    if unknown:
        found.append(
            _standing(
                "actions.unknown",
                {
                    "level": "critical",
                    "text": f"nobody knows whether {', '.join(unknown)} left the house",
                    "hint": f"Find out, then: quarterdeck settle {unknown[0]} --happened, or --absent",
                    "runbook": "unknown-outcome",
                },
            )
        )
    letters = sum(1 for _ in house.store.live(DeadLetter))
    if letters:
        gave_up = "one piece of work gave up" if letters == 1 else f"{letters:,} pieces of work gave up"
        letter: Plain = {
            "level": "warning",
            "text": gave_up,
            "hint": "quarterdeck dead list",
            "runbook": "dead-letters",
        }
        found.append(_standing("deadletters", letter))
    if house.forgetting.trouble:
        hint = "It goes on by itself as soon as that is mended."
        alert: Plain = {"level": "critical", "text": house.forgetting.trouble, "hint": hint}
        found.append(_standing("forgetting", alert))
    found += _room(house)
    if house.recall.behind > BEHIND_WORTH_TELLING:
        text = f"the index is {house.recall.behind:,} memories behind"
        found.append(_standing("index.behind", {"level": "info", "text": text}))
    return found


def _room(house: House) -> list[Plain]:
    """Below the floor nothing is taken in, so that a stop can still be recorded."""
    free = shutil.disk_usage(house.workspace).free
    if free >= FREE_BYTES_MIN:
        return []
    text = f"the disk is full: {free >> 20} MiB are free, below {FREE_BYTES_MIN >> 20} MiB nothing is taken in"
    return [_standing("disk", {"level": "critical", "text": text, "hint": "Free some space; reading goes on."})]


def alert_view(alert: Alert) -> Plain:
    return {
        "id": alert.id,
        "level": alert.level,
        "topic": alert.topic,
        "text": alert.text,
        "hint": alert.hint,
        "at": iso(alert.at_us),
        "about": list(alert.about),
        "details": alert.details,
        "resolved": alert.resolved,
        "runbook": alert.runbook,
        "seq": alert.seq,
    }


def number_of(alert: Alert) -> int:
    return int(alert.id.removeprefix("alert") or 0)


def _standing(topic: str, alert: Plain) -> Plain:
    return {"id": "", "topic": topic, "at": "", "hint": "", "runbook": "", **alert}
