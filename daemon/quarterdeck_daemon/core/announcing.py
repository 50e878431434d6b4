"""Announcing reports: the one alert that says there is a new one to read."""

from __future__ import annotations

from collections.abc import Callable

from .alerts import Level, raise_alert, settle_topic
from .commands import AnnounceReport, Command
from .entities import Plain
from .turn import Turn

TOPIC = "audit.report"


def announce(turn: Turn, command: AnnounceReport) -> Plain:
    """Put the new report in the place of the one before, read or not."""
    settle_topic(turn, TOPIC, "there is a newer report")
    level: Level = "warning" if command.unusual else "info"
    return {"id": raise_alert(turn, level, TOPIC, command.text, hint=command.hint, details=command.details)}


DECIDE: dict[type[Command], Callable[..., Plain]] = {AnnounceReport: announce}
