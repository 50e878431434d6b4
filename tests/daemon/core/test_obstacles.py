"""Between a permission and its effect: another connector, or a spent budget, brings it back to the operator with the reason."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core import actions
from quarterdeck_daemon.core.commands import ConfigureLimits, EffectAnswered, EffectStarted, RaiseBudget
from quarterdeck_daemon.core.entities import Amounts, Cap, Limit
from quarterdeck_daemon.core.orders import EffectDone
from quarterdeck_daemon.core.verbs import VERBS

from .core_bench import Bench, rebuilt
from .undo_bench import ALLOW, BOOK, SECOND, approve, get, house

ASK = '[[rule]]\nid = "ask"\nmatch = "*"\nverdict = "ask"\nhold = "1s"\n'
OTHER = msgspec.structs.replace(VERBS["practice.book"], effect_class="C", compensation="")
ONE = ConfigureLimits(rules=(Limit(of="connector:practice", caps=(Cap(per="ever", most=Amounts(calls=1)),)),))


def leaves(bench: Bench) -> bool:
    bench.pass_time(10 * SECOND)
    return bool(bench.needs("effect"))


@pytest.mark.parametrize("policy", [ASK, ALLOW], ids=["approved", "allowed"])
def test_what_its_connector_no_longer_offers_as_it_was_is_asked_again_and_leaves_by_a_new_yes(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = house(BOOK, policy=policy)
    if policy == ASK:
        approve(bench, "a1")
    shown = get(bench, "a1").shown_hash
    monkeypatch.setitem(VERBS, "practice.book", OTHER)
    assert not leaves(bench)
    action = get(bench, "a1")
    assert (action.status, action.verdict.guards[0], action.shown_hash != shown) == ("proposed", "R0", True)
    assert "effect_class: B became C; compensation: practice.cancel became nothing" in action.returned[0]
    approve(bench, "a1")
    assert leaves(bench)
    assert rebuilt(bench.store).puts["action", "a1"] == get(bench, "a1")


def test_twin_unless_anybody_looks_it_leaves_by_the_old_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "obstacles", lambda turn, action: ())
    bench = house(BOOK, policy=ASK)
    approve(bench, "a1")
    monkeypatch.setitem(VERBS, "practice.book", OTHER)
    assert leaves(bench)


def test_a_yes_to_what_the_connector_offers_now_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = house(BOOK, policy=ASK)
    monkeypatch.setitem(VERBS, "practice.book", OTHER)
    approve(bench, "a1")
    assert leaves(bench)


def done(bench: Bench, id: str) -> None:
    bench.do(EffectStarted(action=id))
    bench.do(EffectAnswered(action=id, outcome=EffectDone(result={})))


def test_a_budget_that_is_gone_by_the_time_it_would_leave_is_a_question_once() -> None:
    bench = house(BOOK, BOOK, policy=ASK)
    bench.do(ONE)
    approve(bench, "a1")
    bench.pass_time(SECOND // 2)
    approve(bench, "a2")
    bench.pass_time(SECOND // 2)
    done(bench, "a1")  # It used what there was, while the other was still held.
    assert not leaves(bench)
    assert (get(bench, "a2").status, get(bench, "a2").verdict.guards) == ("proposed", ("R0",))
    assert "its budget is gone: connector:practice may use 1 call in all" in get(bench, "a2").returned[0]
    assert "quarterdeck budget raise connector:practice --per ever" in get(bench, "a2").returned[0]
    approve(bench, "a2")
    assert not leaves(bench)
    assert (get(bench, "a2").status, bool(get(bench, "a2").queued)) == ("held", True), "you knew: it waits for room"
    bench.do(RaiseBudget(scope="connector:practice", per="ever", more=Amounts(calls=1)))
    assert leaves(bench)


def test_a_yes_given_when_the_budget_was_gone_already_waits_for_room_without_another_question() -> None:
    bench = house(BOOK, BOOK, policy=ASK)
    bench.do(ONE)
    approve(bench, "a1")
    assert leaves(bench)
    done(bench, "a1")
    approve(bench, "a2")
    assert not leaves(bench)
    assert (get(bench, "a2").status, bool(get(bench, "a2").queued)) == ("held", True)
