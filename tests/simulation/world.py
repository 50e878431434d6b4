"""The outside of the simulation: a mailbox that counts, and an effector whose connector may die at any line.

The effector's checks are the real ones (service/effect_runner.py); only disk and wire are fakes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from quarterdeck_daemon.connectors.base import Effect, EffectFailed, Found, Gate, Health, Verb
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.hashing import action_hash
from quarterdeck_daemon.core.orders import ExecuteEffect, Failed, Failure, Outcome, ReconcileEffect
from quarterdeck_daemon.core.verbs import VERBS, class_of, targets_of
from quarterdeck_daemon.service.effect_journal import EffectJournal, Entry
from quarterdeck_daemon.service.effect_runner import EffectRunner
from quarterdeck_daemon.service.fence import Fence

TRIES_MAX = 3  # As the hub: an order whose process died this often is answered with a crash.


class Death(BaseException):
    """The effector's process dies at this line."""


class Sent(msgspec.Struct, frozen=True):
    """What went over the wire, as the other side saw it."""

    operation_id: str
    hash: str
    stopped: bool  # Whether the fence was closed at that moment.


class Faults:
    """Whether something goes wrong here; `calm` ends all trouble."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.calm = False

    def hit(self, probability: float) -> bool:
        return not self.calm and self.chance.random() < probability

    def die(self, probability: float) -> None:
        if self.hit(probability):
            raise Death


class Journal(EffectJournal):
    """The effector's notes on a disk that survives its process, which may die before or after a write."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.entries: dict[str, Entry] = {}

    def read(self, operation_id: str) -> Entry | None:
        return self.entries.get(operation_id)

    def write(self, entry: Entry) -> None:
        self.faults.die(0.06)
        if self.faults.hit(0.04):
            raise OSError("the disk is full")
        self.entries[entry.operation_id] = entry
        self.faults.die(0.06)


class Mailbox:
    """A connector and the other side in one. Counts what happened there; what a repetition does depends on the class.

    A  the other side knows the operation id and does it once       B  it can be looked up       C  neither
    """

    def __init__(self, name: str, faults: Faults, fence: Callable[[], Fence], interrupt: Callable[[], None]) -> None:
        self._faults, self._fence, self._interrupt = faults, fence, interrupt
        self.sent: list[Sent] = []
        self.verbs: Mapping[str, Verb] = {
            full.partition(".")[2]: Verb(name=full.partition(".")[2], rule=rule, args={})
            for full, rule in VERBS.items()
            if full.partition(".")[0] == name
        }
        self._name = name
        self.passed: Counter[str] = Counter()  # Tries that passed the last gate, by operation id; of class C only.

    def _class(self, effect: Effect) -> str:
        return class_of(f"{self._name}.{effect.verb}")

    def count(self, operation_id: str) -> int:
        return sum(one.operation_id == operation_id for one in self.sent)

    def check(self, effect: Effect) -> None: ...

    def execute(self, effect: Effect, gate: Gate) -> Plain:
        self._faults.die(0.08)
        if self._faults.hit(0.12):
            raise EffectFailed("transient", "unreachable", "nobody answers")
        if self._faults.hit(0.02):
            raise EffectFailed("permanent", "refused", "the other side says no")
        self._interrupt()  # A stop may come at exactly this moment.
        gate()
        if self._class(effect) == "C":
            self.passed[effect.operation_id] += 1
        if self._faults.hit(0.08):
            raise EffectFailed("uncertain", "cut", "the line went dead before the message was through")
        targets = targets_of(f"{self._name}.{effect.verb}", effect.args)
        hash = action_hash(self._name, effect.verb, effect.args, targets)
        if not (self._class(effect) == "A" and self.count(effect.operation_id)):
            self.sent.append(Sent(effect.operation_id, hash, self._fence().stopped))
        self._faults.die(0.15)
        if self._faults.hit(0.15):
            raise EffectFailed("uncertain", "cut", "the line went dead after the message was through")
        return _result(effect)

    def lookup(self, effect: Effect) -> Found:
        self._faults.die(0.02)
        if self._class(effect) == "C":
            return Found(finding="uncertain", message="nobody can look there")
        if self._faults.hit(0.12):
            raise OSError("nobody answers")
        if self._faults.hit(0.12):
            return Found(finding="uncertain", message="the list is not complete")
        if self.count(effect.operation_id):
            return Found(finding="done", result=_result(effect))
        return Found(finding="absent")

    def health(self) -> Health:
        return Health(ok=True)


def _result(effect: Effect) -> Plain:
    """What taking it back needs to know."""
    if effect.verb in ("write", "restore"):
        return {"path": effect.args["path"], "hash": "now", "previous": "before"}
    if effect.verb == "cancel":
        return {"day": "2026-12-01"}
    return {"message_id": f"<{effect.operation_id}@sim>"}


class Effector:
    """The process that acts, with the hub's rule for orders whose process died."""

    def __init__(self, faults: Faults, fence: Callable[[], Fence], interrupt: Callable[[], None]) -> None:
        self.faults = faults
        self.boxes = {name: Mailbox(name, faults, fence, interrupt) for name in ("mail", "files", "practice")}
        self._journal = Journal(faults)
        self._runner = EffectRunner(self.boxes, self._journal, fence)

    def sent(self) -> list[Sent]:
        return [one for box in self.boxes.values() for one in box.sent]

    def passed(self) -> Counter[str]:
        """Tries of class C that passed the last gate, by operation id."""
        return sum((box.passed for box in self.boxes.values()), Counter())

    def do(self, work: ExecuteEffect | ReconcileEffect, started: Callable[[], None]) -> Outcome:
        """The order's answer; it goes to a fresh process when the first one dies, up to three times."""
        for _ in range(TRIES_MAX):
            try:
                return self._once(work, started)
            except Death:
                continue
        return Failed(failure=Failure(failure="crash", code="unavailable", message="the effector died"))

    def _once(self, work: ExecuteEffect | ReconcileEffect, started: Callable[[], None]) -> Outcome:
        if isinstance(work, ReconcileEffect):
            return self._runner.reconcile(work)
        if self.faults.hit(0.04):
            work = _tampered(work)
        answer = self._runner.prepare(work)
        if answer is not None:
            return answer
        started()
        self.faults.die(0.03)
        outcome = self._runner.carry_out(work)
        self.faults.die(0.03)
        return outcome


def _tampered(work: ExecuteEffect) -> ExecuteEffect:
    """A mistake or an enemy between daemon and effector changes what is sent."""
    return msgspec.structs.replace(work, args={**work.args, next(iter(work.args)): ["somebody@else.test"]})
