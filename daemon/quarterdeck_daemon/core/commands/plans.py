"""Commands about intents and plans."""

from __future__ import annotations

from ..entities import Plain
from .base import Command


class SubmitIntent(Command, frozen=True, kw_only=True):
    """Work out a plan for what was said; nothing of it is done. mode: of its steps, "" as they say.

    plan: one that asked for something; `text` is the answer to it
    """

    text: str
    mode: str = ""
    plan: str = ""


class EditPlan(Command, frozen=True, kw_only=True):
    """Put something in place of what the plan says. inputs: those that are named; None takes one away.

    playbook: another playbook of the workspace.  text: the playbook itself
    """

    id: str
    inputs: Plain = {}
    playbook: str = ""
    text: str = ""
    seq: int = 0  # The version that was seen; 0: whichever it is.
    reason: str = ""


class ApprovePlan(Command, frozen=True, kw_only=True):
    """Start it. shown_hash: of plan and inputs as they were shown."""

    id: str
    shown_hash: str
    run_id: str = ""
    reason: str = ""


class RejectPlan(Command, frozen=True, kw_only=True):
    id: str
    reason: str = ""
