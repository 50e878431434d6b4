"""Scheduler: says when it is morning for each person who is to be written to, by the time zone in their contact fact."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import RunStep, StepDone

from .contract import Agent, AgentFailure, plain_map

RECIPIENTS_MAX = 50


def run(step: RunStep) -> StepDone:
    wanted = step.input.get("recipients")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= RECIPIENTS_MAX:
        raise AgentFailure("contract", "missing_input", f"`recipients` is a list of 1 to {RECIPIENTS_MAX} contacts")
    known = _contacts(step.context.get("contacts"))
    usual = str(plain_map(step.context.get("workspace")).get("timezone") or "UTC")
    day, hour = str(step.input.get("day", "")), str(step.input.get("hour", "09:00"))
    letters = [_letter(str(key), known, usual, day, hour) for key in wanted]
    return StepDone(output={"letters": letters})


def _contacts(found: object) -> dict[str, Plain]:
    facts = [plain_map(one) for one in found] if isinstance(found, list) else []
    return {str(fact.get("key", "")): plain_map(fact.get("value")) for fact in facts}


def _letter(key: str, known: dict[str, Plain], usual: str, day: str, hour: str) -> Plain:
    contact = known.get(key)
    if contact is None or not contact.get("email"):
        raise AgentFailure("contract", "unknown_contact", f"there is no contact {key!r} with an address")
    zone = str(contact.get("zone") or usual)
    at = _moment(zone, day, hour)
    return {"key": key, "name": contact.get("name", key), "email": contact["email"], "zone": zone, "at": at}


def _moment(zone: str, day: str, hour: str) -> str:
    """Local time with its offset, so that summer and winter are told by the zone and not by us."""
    try:
        moment = datetime.combine(datetime.fromisoformat(day).date(), time.fromisoformat(hour), ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise AgentFailure("contract", "bad_value", f"{zone}, {day!r} at {hour!r}: {error}") from error
    return moment.isoformat(timespec="minutes")


SCHEDULER = Agent(name="scheduler", run=run)
