"""Alerts: what the operator should look at, kept until somebody says how it ended.

Other parts of the core call `raise_alert` and `settle_topic`; both may be called as often as one likes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR, Labels

from .commands import Command, ResolveAlert
from .entities import Alert, Plain
from .lookup import find
from .table import Draft, Table
from .turn import Applier, Turn, take_number

ABOUT_MAX = 32
OPEN_MAX = 1_000  # Beyond it no further alert is opened: nobody reads them, and each is a record.
TEXT_CHARS_MAX = 500
Level = Literal["info", "warning", "critical"]


def open_alert(table: Table, topic: str) -> Alert | None:
    """The alert of this topic that nobody has resolved yet."""
    return next(table.live(Alert, topic), None)


def raise_alert(
    turn: Turn, level: Level, topic: str, text: str, *, hint: str = "", about: tuple[str, ...] = (),
    details: Plain | None = None, labels: Labels = OPERATOR, runbook: str = "",
) -> str:  # fmt: skip
    """Raise it, unless one of the same topic is open already. Returns the id of the open one, "" when too many are.

    topic: stable and precise, such as `fact.conflict/supplier/nordpapier/iban`.  about: entities as `kind:id`.
    details: facts for programs.  text: one line for people; what stands in it may come from outside.
    runbook: the page that says what to do.
    """
    known = open_alert(turn.draft, topic)
    if known is not None:
        return known.id
    if sum(1 for _ in turn.draft.live(Alert)) >= OPEN_MAX:
        return ""
    id = f"alert{turn.number('alert')}"
    body: Plain = {
        "id": id,
        "level": level,
        "topic": topic,
        "text": text[:TEXT_CHARS_MAX],
        "hint": hint,
        "about": list(about[:ABOUT_MAX]),
        "details": details or {},
    }
    if runbook:
        body["runbook"] = runbook
    turn.emit("alert.raised", body, labels=labels)
    return id


def apply_raised(draft: Draft, event: Event) -> None:
    body = {**event.body, "at_us": event.at_us, "seq": event.seq, "labels": event.labels}
    alert = msgspec.convert(body, Alert)
    draft.put(alert)
    take_number(draft, alert.id, event.seq)


def resolve(turn: Turn, command: ResolveAlert) -> Plain:
    """The operator has seen to it. What was said first stays."""
    alert = find(turn, Alert, command.id)
    how = alert.resolved or command.reason or "seen"
    if alert.live:
        turn.emit("alert.resolved", {"id": alert.id, "how": how}, labels=alert.labels)
    return {"id": alert.id, "resolved": how}


def settle_topic(turn: Turn, topic: str, how: str) -> None:
    """Resolve the open alert of this topic, if there is one: what it was about is over."""
    alert = open_alert(turn.draft, topic)
    if alert is not None:
        turn.emit("alert.resolved", {"id": alert.id, "how": how})


def apply_resolved(draft: Draft, event: Event) -> None:
    alert = draft.get(Alert, str(event.body["id"]))
    assert alert is not None, "only what was raised is resolved"
    draft.put(msgspec.structs.replace(alert, seq=event.seq, resolved=str(event.body["how"])))


DECIDE: dict[type[Command], Callable[..., Plain]] = {ResolveAlert: resolve}
APPLY: dict[str, Applier] = {"alert.raised": apply_raised, "alert.resolved": apply_resolved}
