"""An erasure of a store on disk in steps, so that most of it need not keep others waiting.

    aside   read where the keys lie, make the keys that are left and write them down, durable
    here    use them from now on, and forget what is held in memory
    aside   take rows and files away, a few entities at a time
    here    note the keys in the log, and what is not there any more

A step `aside` may run in a thread while the thread of the writer reads and appends: what is sealed meanwhile with keys that
are about to go belongs to what is forgotten; rows are looked at and deleted under the lock that each append takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .api import Removal, Removed, Step
from .content_keys import ContentKeys, KeyState
from .erasing import Eraser

Guard = Callable[[Callable[[], None]], None]


@dataclass
class Erasing:
    """One erasure, as its steps in their order; `removed` is known after the last.

    writing  the lock of appends            guarded     runs what writes
    sync     of the store                   swapped     other keys are in use     taken_away  of these nothing is left
    """

    removal: Removal
    eraser: Eraser
    keys: ContentKeys
    writing: threading.Lock
    sync: Callable[[], None]
    guarded: Guard
    swapped: Callable[[], None]
    taken_away: Callable[[list[str]], None]
    removed: Removed = field(default_factory=Removed)
    _gone: list[str] = field(default_factory=list)
    _state: KeyState | None = None

    def __iter__(self) -> Iterator[Step]:
        yield Step(True, self.sync)
        if self.removal.epoch == self.keys.epoch:
            yield Step(True, lambda: self.guarded(self._write_keys))
            yield Step(False, self._use_keys)
        yield Step(False, self.swapped)
        yield Step(True, lambda: self.guarded(self._delete))
        yield Step(False, lambda: self.taken_away(self._gone))
        yield Step(True, self.sync)

    def _write_keys(self) -> None:
        indexes = self.eraser.indexes(self.removal)
        self._state = self.keys.written_without(self.removal.subjects, indexes)

    def _use_keys(self) -> None:
        assert self._state is not None, "the keys were written before"
        self.keys.use(self._state)

    def _delete(self) -> None:
        self.removed, self._gone = self.eraser.delete(self.removal, self.writing)


def all_done(work: Erasing) -> Removed:
    """Do it here and now, one step after the other."""
    for step in work:
        step.do()
    return work.removed
