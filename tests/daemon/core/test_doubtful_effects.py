"""A doubtful outcome, by class: A is said again under its key, B is looked for, C is never repeated and handed over."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core.actions import EFFECT_TRIES_MAX, LOOK_WAITS_US
from quarterdeck_daemon.core.commands import ConfigureLimits, EffectAnswered, EngageStop, ReleaseStop, SettleAction
from quarterdeck_daemon.core.entities import Action, Alert, Amounts, Cap, Limit
from quarterdeck_daemon.core.orders import EffectAbsent, EffectDone, Failed, Failure, FailureClass, Outcome

from .core_bench import Bench
from .undo_bench import BOOK, PAY, POST, SECOND, get, house, send

LOST = Failed(failure=Failure(failure="uncertain", code="cut", message="no answer"))
MINUTE = 60 * SECOND


def answer(bench: Bench, outcome: Outcome) -> Action:
    bench.do(EffectAnswered(action="a1", outcome=outcome))
    return get(bench, "a1")


def alerts(bench: Bench) -> list[str]:
    return [alert.topic for alert in bench.store.live(Alert) if alert.topic.startswith("effect.")]


def test_class_a_is_sent_again_under_the_same_key_and_stays_unknown_until_then() -> None:
    """Unknown, not held: what may have left cannot be withdrawn as if it had not."""
    bench = house(PAY)
    send(bench)
    first = answer(bench, LOST)
    assert (first.status, first.look_us is not None, alerts(bench)) == ("unknown", True, [])
    bench.pass_time(MINUTE)
    again = get(bench, "a1")
    assert (again.status, again.tries, again.operation_id) == ("intent", 2, first.operation_id)
    assert answer(bench, EffectDone(result={})).status == "succeeded"


def test_class_a_is_handed_over_after_as_many_tries_as_are_allowed() -> None:
    bench = house(PAY)
    send(bench)
    for _ in range(EFFECT_TRIES_MAX):
        answer(bench, LOST)
        bench.pass_time(10 * MINUTE)
    last = get(bench, "a1")
    assert (last.status, last.tries, alerts(bench)) == ("unknown", EFFECT_TRIES_MAX, ["effect.unknown/a1"])


def test_class_b_is_looked_for_and_sent_again_only_when_it_is_not_there() -> None:
    bench = house(BOOK)
    send(bench)
    answer(bench, LOST)
    assert bench.needs("reconcile") == []
    bench.pass_time(LOOK_WAITS_US[0])
    (need,) = bench.needs("reconcile")
    assert need.entity == "a1"
    assert answer(bench, EffectAbsent()).status == "held"
    bench.pass_time(SECOND)
    assert get(bench, "a1").status == "intent"


def test_a_look_that_itself_fails_proves_nothing() -> None:
    """Even a passing or lasting failure of the look leaves the outcome open."""
    bench = house(BOOK)
    send(bench)
    answer(bench, LOST)
    words: tuple[FailureClass, ...] = ("transient", "permanent", "stopped")
    for number in range(len(LOOK_WAITS_US)):
        bench.pass_time(2 * MINUTE)
        assert len(bench.needs("reconcile")) == 1
        word = words[number % 3]
        failed = Failed(failure=Failure(failure=word, code="c", message="the look failed"))
        assert answer(bench, failed).status == "unknown"
    bench.pass_time(10 * MINUTE)
    assert (bench.needs("reconcile"), bench.needs("effect"), alerts(bench)) == ([], [], ["effect.unknown/a1"])


def test_class_c_is_never_repeated_and_handed_over_at_once() -> None:
    bench = house(POST)
    send(bench)
    doubtful = answer(bench, LOST)
    bench.pass_time(60 * MINUTE)
    assert (doubtful.status, doubtful.look_us, get(bench, "a1").tries) == ("unknown", None, 1)
    assert (bench.needs("effect"), bench.needs("reconcile"), alerts(bench)) == ([], [], ["effect.unknown/a1"])


def test_settling_closes_the_alert() -> None:
    bench = house(POST)
    send(bench)
    answer(bench, LOST)
    bench.do(SettleAction(id="a1", happened=False))
    assert (get(bench, "a1").status, alerts(bench)) == ("failed", [])


def test_while_stopped_nothing_is_said_again_and_afterwards_it_goes_on() -> None:
    bench = house(PAY)
    send(bench)
    answer(bench, LOST)
    bench.do(EngageStop(epoch=1, reason="enough"))
    bench.pass_time(10 * MINUTE)
    assert (get(bench, "a1").status, bench.needs("effect")) == ("unknown", [])
    bench.do(ReleaseStop(epoch=2, reason="on"))
    bench.pass_time(0)
    assert (get(bench, "a1").status, get(bench, "a1").epoch) == ("intent", 2)


def limited(bench: Bench, *, over: str) -> None:
    """A budget that the first try has used up."""
    cap = msgspec.convert({"per": "ever", "most": {"calls": 1}, "over": over}, Cap)
    bench.do(ConfigureLimits(rules=(Limit(of="connector:practice", caps=(cap,)),)))


@pytest.mark.parametrize("over", ["stop", "escalate", "throttle"])
def test_no_room_to_say_it_again_leaves_it_in_doubt_and_asks_the_operator(over: str) -> None:
    """The payment may have been made: it is not withdrawn, and stands in no line from which it could be."""
    bench = house(PAY)
    limited(bench, over=over)
    send(bench)
    answer(bench, LOST)
    bench.pass_time(10 * MINUTE)
    left = get(bench, "a1")
    assert (left.status, left.tries, left.queued, alerts(bench)) == ("unknown", 1, "", ["effect.unknown/a1"])


def test_room_that_comes_back_lets_it_be_said_again() -> None:
    bench = house(PAY)
    cap = Cap(per="hour", most=Amounts(calls=1))
    bench.do(ConfigureLimits(rules=(Limit(of="connector:practice", caps=(cap,)),)))
    send(bench)
    answer(bench, LOST)
    bench.pass_time(2 * 60 * MINUTE)
    assert (get(bench, "a1").status, get(bench, "a1").tries) == ("intent", 2)
