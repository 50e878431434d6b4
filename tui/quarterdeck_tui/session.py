"""What a screen may ask for: the session between this program and the daemon, as a contract.

The app talks to this protocol only. `LiveSession` keeps it over the wire; tests keep it in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from quarterdeck_protocol.codes import QuarterdeckError

from .views import BenchView, Decision, LessonView, LogLine, Shown, SourceView, Verdict
from .wire import ANSWER_MS, READ_ANSWER_MS, Plain

OnChange = Callable[[BenchView], None]


class Session(Protocol):
    """Keeps one `BenchView` fresh and carries the operator's decisions.

    No method raises for a refusal or a lost connection: the answer says so in words.
    """

    @property
    def log(self) -> tuple[LogLine, ...]:
        """Every call made so far as a command line, oldest first."""
        ...

    async def run(self, on_change: OnChange) -> None:
        """Connect, call `on_change` with each new view, reconnect for ever. Ends by cancellation."""
        ...

    async def decide(
        self,
        items: tuple[Shown, ...],
        decision: Decision,
        *,
        edits: Mapping[str, str] | None = None,
        reason: str = "",
        until: str = "",
        confirm: str = "",
        lesson: LessonView | None = None,
    ) -> tuple[Verdict, ...]:
        """Send one decision over exactly what was shown; `confirm` is what was typed for it. One verdict an item.

        lesson: who learns the reason of a no.
        """
        ...

    async def undo(self) -> Verdict:
        """Take back what `to_take_back` names, wherever it was decided."""
        ...

    async def stop(self, reason: str, *, kill: bool = False) -> Verdict:
        """Stop every outward action now. `kill`: end the working processes too, in the middle of what they do."""
        ...

    async def release(self, reason: str, runs: tuple[str, ...] | None = None) -> Verdict:
        """Open again. `runs`: only these go on, the others are paused; None: all go on."""
        ...

    async def source(self, id: str) -> SourceView:
        """Return the text behind an evidence link."""
        ...

    async def read(
        self, method: str, params: Plain, *, line: str = "", deadline_ms: int = READ_ANSWER_MS
    ) -> Plain | QuarterdeckError:
        """Return the daemon's answer to any read, or why there is none. With a `line` it stands in the log."""
        ...

    async def change(
        self, line: str, method: str, params: Plain, *, deadline_ms: int = ANSWER_MS
    ) -> Plain | QuarterdeckError:
        """Have any change made; one that got no answer is not made twice when it is asked for again."""
        ...

    async def refresh(self) -> None:
        """Ask for everything anew."""
        ...
