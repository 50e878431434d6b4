"""Many lives of a workspace, each with its own order of trouble. The same seed always lives the same life.

`QUARTERDECK_SEEDS=5000 pytest tests/simulation` lives more of them; a failure names the seed, and
`QUARTERDECK_SEED=17` lives that one alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from quarterdeck_daemon.connectors.base import Connector
from quarterdeck_daemon.core import approvals
from quarterdeck_daemon.core.commands import Choice
from quarterdeck_daemon.core.entities import Action, Run
from quarterdeck_daemon.core.lookup import find
from quarterdeck_daemon.core.orders import ExecuteEffect
from quarterdeck_daemon.core.turn import Turn
from quarterdeck_daemon.service import effect_runner

from .auditor import Violation
from .life import live
from .office import Office

SEEDS = int(os.environ.get("QUARTERDECK_SEEDS", "300"))
ONLY = os.environ.get("QUARTERDECK_SEED")
GROUPS = 6
TWIN_SEEDS = 60


def seeds_of(group: int) -> list[int]:
    return [int(ONLY)] if ONLY else list(range(group, SEEDS, GROUPS))


@pytest.mark.parametrize("group", range(GROUPS))
def test_no_order_of_crashes_failures_and_decisions_breaks_a_promise(group: int) -> None:
    for seed in seeds_of(group):
        try:
            live(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed} (QUARTERDECK_SEED={seed}): {error}") from error


def test_one_seed_is_one_life() -> None:
    assert live(4).store.head == live(4).store.head


def test_lives_are_full_of_what_they_are_to_show() -> None:
    """A simulation in which nothing happens holds every promise."""
    seen: set[str] = set()
    for seed in range(60):
        office = live(seed)
        seen |= {event.kind for event in office.store.events()}
        seen |= {f"action {action.status}" for action in office.store.scan(Action)}
        seen |= {f"run {run.status}" for run in office.store.scan(Run)}
        seen |= {"crashed"} if office.crashes else set()
    missing = EXPECTED - seen
    assert missing == set()


EXPECTED = {
    "crashed", "stop.engaged", "stop.released", "effect.unknown", "effect.failed", "effect.sent", "approval.snoozed",
    "approval.rejected", "action.correction_wanted", "deadletter.filed", "deadletter.resolved", "step.retried",
    "run.reopened", "run.paused", "run.cancelled", "run.signalled", "memory.recalled", "trigger.refused",
    "action denied", "action rejected", "action expired", "action withdrawn", "action succeeded", "action failed",
    "action compensated", "run succeeded", "run failed", "run cancelled", "run no_op",
}  # fmt: skip


# --- the twins: each protection taken away lets damage through ---------------------------------------


def damage(life: Callable[[int], Office]) -> str:
    """The first violation that one of the twin's lives shows."""
    for seed in range(TWIN_SEEDS):
        try:
            life(seed)
        except Violation as violation:
            return str(violation)
    return ""


def test_twin_answers_before_durability_lose_what_was_acknowledged() -> None:
    assert "was acknowledged" in damage(lambda seed: live(seed, acknowledge_first=True))


def test_twin_an_effector_that_does_not_look_sends_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effect_runner, "lookup_disabled", lambda: True)
    assert "sent twice" in damage(live)


def test_twin_approvals_that_bind_no_hash_send_what_nobody_agreed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_hash(turn: Turn, choice: Choice) -> Action:
        right = find(turn, Action, choice.id).shown_hash
        return waiting(turn, Choice(id=choice.id, shown_hash=right))

    waiting = approvals._waiting
    monkeypatch.setattr(approvals, "_waiting", without_hash)
    assert "never agreed" in damage(live)


def test_twin_an_effector_that_trusts_its_orders_sends_what_was_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(runner: effect_runner.EffectRunner, work: ExecuteEffect) -> Connector:
        return runner._connector(work.connector, work.verb)

    monkeypatch.setattr(effect_runner.EffectRunner, "_checked", trusting)
    assert "is not what was decided" in damage(live)


def test_twin_a_gate_that_is_always_open_sends_while_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effect_runner.EffectRunner, "_gate", lambda runner, epoch: None)
    assert "sent while stopped" in damage(live)
