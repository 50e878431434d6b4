"""Commands about runs and their steps."""

from __future__ import annotations

from typing import Literal

from quarterdeck_protocol.labels import OPERATOR, Labels

from ..entities import Cap, Mode, Plain
from .base import Command


class StartRun(Command, frozen=True, kw_only=True):
    playbook: str
    inputs: Plain = {}
    run_id: str = ""
    dry_run: bool = False
    labels: Labels = OPERATOR
    namespace: str = ""  # "": that of the documents that it is given, else the default.
    objective: str = ""  # What it serves.
    caps: tuple[Cap, ...] = ()  # Its budget, in place of its playbook's.
    mode: Mode | Literal[""] = ""  # How far models take part, in place of its playbook's.


class SteerRun(Command, frozen=True, kw_only=True):
    """Pause, resume, cancel or kill a run."""

    id: str
    verb: str  # "pause", "resume", "cancel" or "kill".
    reason: str = ""


class SteerStep(Command, frozen=True, kw_only=True):
    """Retry a failed step or skip one that has not run."""

    id: str
    step: str
    verb: str  # "retry" or "skip".
    reason: str = ""


class EditStep(Command, frozen=True, kw_only=True):
    """Give a step other input before it runs, or another output in place of its own; None: that stays.

    rerun_after  steps that used the old output are done again, as far as nothing of theirs has left
    """

    id: str
    step: str
    input: Plain | None = None
    output: Plain | None = None
    rerun_after: bool = False
    reason: str = ""


class ReassignStep(Command, frozen=True, kw_only=True):
    """Have another agent do a step that has not succeeded yet; one under way or failed begins anew."""

    id: str
    step: str
    agent: str
    reason: str = ""


class ExamineRuns(Command, frozen=True, kw_only=True):
    """Look at every run that has not ended: what cannot go on is put in quarantine, alone."""


class SignalRun(Command, frozen=True, kw_only=True):
    id: str
    signal: str
    payload: Plain = {}


class ResolveDeadLetter(Command, frozen=True, kw_only=True):
    id: str
    remedy: str  # "retry", "edit", "reroute", "compensate" or "drop".
    reason: str = ""
    input: Plain = {}  # For "edit": what takes the place of the step's whole input.
    agent: str = ""  # For "reroute".
