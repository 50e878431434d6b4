"""The guard between a key press and a yes: nothing is approved that the operator cannot have read.

Owns     the times: of a held key, of the pause between two approvals, of the pause after a surprise.
Promises `refusal` is a pure question over what was noted before; the caller gives the time.
Leaves   what is drawn to the list, what the daemon thinks of it to the hash.

A terminal does not say whether a key was pressed or is held. A held key repeats: first after about half a
second, as a finger might, then faster than a finger. So a press soon after another waits a moment before it
counts; a further one in that moment tells that the key is held, and neither counts. The arm delay covers the
other surprise: a row that came under the cursor by itself.
"""

from __future__ import annotations

import math

from .views import Shown

HELD_KEY_MS = 90  # Presses closer than this are a held key at once.
FOLLOWS_MS = 1_200  # A press this soon after another may be the first repeat of a held key ...
WAIT_MS = 150  # ... so it waits this long, longer than the pause between two repeats of any usual keyboard.
RELEASED_MS = 250  # A held key is up when nothing came for this long.
BETWEEN_APPROVALS_MS = 250
ARM_MS = 500
HELD_WORDS = "the key is held down; let go, then press once for each item"


class Guard:
    """Note what happens, then ask. All times are milliseconds of one monotonic clock."""

    def __init__(self) -> None:
        self._pressed_ms: float | None = None
        self._approved_ms: float | None = None
        self._under: Shown | None = None
        self._armed_ms = 0.0
        self._own_move = False
        self._held = False
        self._presses = 0
        self.waiting: int | None = None

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
        """Return why a press of the approve key at `now_ms` must not count, or "" when it may. Notes the press.

        When it may, `waiting` tells whether at once (None), or only after `WAIT_MS` if `due` still says so.
        """
        since_ms = math.inf if self._pressed_ms is None else now_ms - self._pressed_ms
        self._pressed_ms = now_ms
        if self._is_held(since_ms):
            return HELD_WORDS
        if self._approved_ms is not None and now_ms - self._approved_ms < BETWEEN_APPROVALS_MS:
            return "too fast after the last approval; read it, then press again"
        if shown != self._under:
            return "this row has just changed; read it, then press again"
        if now_ms < self._armed_ms:
            return "this row has just come under the cursor; read it, then press again"
        self._presses += 1
        self.waiting = self._presses if since_ms < FOLLOWS_MS else None
        return ""

    def _is_held(self, since_ms: float) -> bool:
        """A press that interrupts a waiting one, or comes faster than a finger, starts a hold; a pause ends it."""
        interrupts = self.waiting is not None
        self.waiting = None
        self._held = interrupts or since_ms < HELD_KEY_MS or (self._held and since_ms < RELEASED_MS)
        return self._held

    def due(self, press: int) -> bool:
        """Return whether the press that waited counts now: no other came meanwhile. Ask once."""
        counts = self.waiting == press
        if counts:
            self.waiting = None
        return counts

    def approved(self, now_ms: float) -> None:
        """An approval was sent; the pause begins with the press that asked for it."""
        self._approved_ms = now_ms if self._pressed_ms is None else self._pressed_ms
