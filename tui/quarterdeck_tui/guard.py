"""The guard between a key press and a yes: nothing is approved that the operator cannot have read.

Owns     three times: a held key, the pause between two approvals, the pause after a surprise.
Promises `refusal` is a pure question over what was noted before; the caller gives the time.
Leaves   what is drawn to the list, what the daemon thinks of it to the hash.

A terminal does not say whether a key was pressed or is held; a repeat faster than a finger is the
only sign. The arm delay covers the other surprise: a row that came under the cursor by itself.
"""

from __future__ import annotations

from .views import Shown

HELD_KEY_MS = 90
BETWEEN_APPROVALS_MS = 250
ARM_MS = 500


class Guard:
    """Note what happens, then ask. All times are milliseconds of one monotonic clock."""

    def __init__(self) -> None:
        self._pressed_ms: float | None = None
        self._approved_ms: float | None = None
        self._under: Shown | None = None
        self._armed_ms = 0.0
        self._own_move = False

    def moved(self) -> None:
        """The operator moved the cursor, or acted on the row and so moved on: the next row is no surprise."""
        self._own_move = True

    def drawn(self, shown: Shown | None, now_ms: float) -> None:
        """`shown` was painted under the cursor. A change that the operator did not make arms anew."""
        if shown == self._under:
            return
        self._under = shown
        self._armed_ms = now_ms if self._own_move else now_ms + ARM_MS
        self._own_move = False

    def refusal(self, shown: Shown, now_ms: float) -> str:
        """Return why a press of the approve key at `now_ms` must not count, or "" when it may. Notes the press."""
        held = self._pressed_ms is not None and now_ms - self._pressed_ms < HELD_KEY_MS
        self._pressed_ms = now_ms
        if held:
            return "the key is held down; let go, then press once for each item"
        if self._approved_ms is not None and now_ms - self._approved_ms < BETWEEN_APPROVALS_MS:
            return "too fast after the last approval; read it, then press again"
        if shown != self._under:
            return "this row has just changed; read it, then press again"
        if now_ms < self._armed_ms:
            return "this row has just come under the cursor; read it, then press again"
        return ""

    def approved(self, now_ms: float) -> None:
        self._approved_ms = now_ms
