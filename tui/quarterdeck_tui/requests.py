"""What screens ask of the app. Messages carry view models; the app talks to the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.message import Message

from .views import ApprovalView, Decision, EvidenceView, LessonView, Shown


@dataclass
class Decide(Message):
    """Send one decision over exactly what was shown."""

    items: tuple[Shown, ...]
    decision: Decision
    edits: Mapping[str, str] | None = None
    reason: str = ""
    until: str = ""
    confirm: str = ""  # What was typed for a high risk.
    lesson: LessonView | None = None


@dataclass
class MakeRule(Message):
    """Make a rule of what was shown, after it was read; then approve it."""

    item: ApprovalView


@dataclass
class TakeBack(Message):
    """Undo the last decision."""


@dataclass
class Refresh(Message):
    """Ask the daemon anew."""


@dataclass
class OpenWhy(Message):
    """Show everything about one item."""

    item: ApprovalView


@dataclass
class OpenEvidence(Message):
    """Show the quote and the text around it."""

    evidence: EvidenceView


@dataclass
class OpenRun(Message):
    """Show one run, step by step."""

    id: str


@dataclass
class Release(Message):
    """End the stop. `runs`: only these go on; None: all."""

    reason: str
    runs: tuple[str, ...] | None = None


@dataclass
class Kill(Message):
    """Stop, and end the working processes too."""


@dataclass
class Said(Message):
    """The operator was told something; for the log."""

    text: str
    alarm: bool = False


@dataclass
class OpenPlace(Message):
    """Go to a place, with the words that would be typed after its name."""

    name: str
    words: str = ""
