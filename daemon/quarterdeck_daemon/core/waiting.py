"""What proposed actions and gates have in common while they wait: put away, come back, run out of time.

What is put away comes back at a time, or when something happens, and never past its expiry. Silence is *not done*: what nobody
decides expires, and the operator is told before, by one alert for all that is running out.
"""

from __future__ import annotations

from collections.abc import Iterable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..almanac.zones import wall, zone_of
from .alerts import raise_alert, settle_topic
from .commands import DecideApprovals
from .entities import Action, Document, Plain, Run
from .gates import live_gates
from .settings import settings_of
from .turn import Turn

BACK_BEFORE = 10  # Put away until something happens, it comes back when a tenth of its time is left.
EXPIRING = "approval.expiring"
EVENTS_OF_GATE = "run:ID or fact:KIND/KEY"
EVENTS = f"reply, {EVENTS_OF_GATE}"


# --- put away -------------------------------------------------------------------------------------


def put_away(turn: Turn, command: DecideApprovals, id: str, expires_us: int | None, targets: Iterable[str]) -> Plain:
    """Return until when, and for what, it is put away, as its event tells it."""
    until_us = command.until_us
    if command.until_event:
        _check_event(turn, command.until_event, tuple(targets))
        until_us = until_us if until_us is not None else _latest_us(turn, expires_us)
    if until_us is None or until_us <= turn.env.now_us:
        raise QuarterdeckError(
            "bad_value", "snooze needs a time that is still to come", hint="For example --until 2h."
        )
    if expires_us is not None and until_us >= expires_us:
        raise QuarterdeckError(
            "out_of_range", f"{id} expires before that", hint="Decide now, or choose an earlier time."
        )
    told: Plain = {"until_us": until_us, "reason": command.reason}
    return told | ({"on": command.until_event} if command.until_event else {})


def _latest_us(turn: Turn, expires_us: int | None) -> int | None:
    """The event may never happen: it comes back when a tenth of its time is left."""
    if expires_us is None:
        return None
    return expires_us - (expires_us - turn.env.now_us) // BACK_BEFORE - 1


def _check_event(turn: Turn, name: str, targets: tuple[str, ...]) -> None:
    kind, _, id = name.partition(":")
    if name == "reply" and targets:
        return
    if kind == "run" and id and (run := turn.draft.get(Run, id)) is not None:
        if not run.live:
            raise QuarterdeckError("bad_value", f"{id} has ended already", hint="Choose a time instead.")
        return
    if kind == "fact" and id.partition("/")[2]:
        return
    events = EVENTS if targets else EVENTS_OF_GATE
    raise QuarterdeckError("bad_value", f"nothing that happens is called {name[:60]!r}", hint=f"Write {events}.")


# --- back -----------------------------------------------------------------------------------------


def happened(turn: Turn, event: Event) -> set[str]:
    """What may bring something back: the fact or run, or the address of whoever wrote."""
    if event.kind == "document.parsed":
        document = turn.draft.get(Document, str(event.body["document"]))
        sender = document.meta.get("from_address") if document is not None else None
        return {sender.lower()} if isinstance(sender, str) and sender else set()
    if event.run and event.kind.startswith("run."):
        return {f"run:{event.run}"}
    return {f"fact:{event.body.get('kind')}/{event.body.get('key')}"}


# --- out of time ----------------------------------------------------------------------------------


def warning(turn: Turn, expires_us: int) -> Plain:
    """When it is told that it will expire, if that is wanted."""
    percent = settings_of(turn.draft).warn_percent
    share_us = (expires_us - turn.env.now_us) * percent // 100
    return {"warn_us": turn.env.now_us + share_us} if percent else {}


def tell_expiring(turn: Turn, id: str, about: str, expires_us: int | None) -> None:
    """One alert for all of them, which is over when none of them waits any more."""
    zone = zone_of(settings_of(turn.draft).timezone)
    when = wall(expires_us or turn.env.now_us, zone).strftime("%Y-%m-%d %H:%M")
    raise_alert(
        turn, "warning", EXPIRING, f"What waits for you runs out of time: {id} expires {when}; then it is not done.",
        hint="quarterdeck review", about=(about,),
    )  # fmt: skip


def settle_expiring(turn: Turn) -> None:
    """One that was warned about waits no more; the last of them ends the alert."""
    if not any(turn.draft.live(Action, "warned")) and not any(gate.step.warned for gate in live_gates(turn.draft)):
        settle_topic(turn, EXPIRING, "nothing of it waits any more")
