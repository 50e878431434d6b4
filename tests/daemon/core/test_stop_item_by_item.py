"""A stop writes down how everything stood, and is released as a whole or item by item."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import EngageStop, LetGo, ReleaseStop
from quarterdeck_daemon.core.entities import Run, Stop
from quarterdeck_daemon.core.orders import ProposedAction
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import Bench
from .undo_bench import BOOK, PAY, SECOND, approve, get, house, wanted

WAITS = wanted("practice.post", {"channel": "news", "text": "x"})


def stopped(*actions: ProposedAction) -> Bench:
    """All but the last are approved, and held when the stop comes."""
    bench = house(*actions)
    for number in range(1, len(actions)):
        if get(bench, f"a{number}").status == "proposed":
            approve(bench, f"a{number}")
    bench.do(EngageStop(epoch=1, reason="enough"))
    return bench


def statuses(bench: Bench, count: int) -> list[str]:
    bench.pass_time(10 * SECOND)
    return [get(bench, f"a{number}").status for number in range(1, count + 1)]


def test_a_stop_writes_down_how_each_action_stood() -> None:
    bench = stopped(BOOK, PAY, WAITS)
    stop = bench.store.get(Stop, "stop")
    assert stop is not None
    assert (stop.states, stop.unlisted) == ({"a1": "held", "a2": "held", "a3": "proposed"}, 0)
    assert statuses(bench, 3) == ["held", "held", "proposed"]


def test_only_what_is_named_goes_on_and_the_rest_says_why_not() -> None:
    bench = stopped(BOOK, PAY, WAITS)
    done = bench.do(ReleaseStop(epoch=2, reason="the booking is right", actions=("a1",)))
    assert (done["held_back"], done["paused"]) == (["a2"], ["q"])
    assert get(bench, "a2").held_back == "not among the resumed"
    assert statuses(bench, 3) == ["intent", "held", "proposed"]
    bench.do(LetGo(runs=("q",)))
    assert statuses(bench, 3) == ["intent", "intent", "proposed"]


def test_one_by_one_what_was_kept_back_goes_on() -> None:
    bench = stopped(BOOK, PAY, WAITS)
    bench.do(ReleaseStop(epoch=2, reason="", runs=()))
    assert statuses(bench, 3) == ["held", "held", "proposed"]
    bench.do(LetGo(actions=("a2",)))
    run = bench.store.get(Run, "q")
    assert run is not None
    assert (run.status, get(bench, "a1").held_back != "", get(bench, "a2").held_back) == ("paused", True, "")
    with pytest.raises(QuarterdeckError, match="nothing of this is kept back"):
        bench.do(LetGo(actions=("a2",)))


def test_letting_go_while_stopped_is_refused() -> None:
    bench = stopped(BOOK, WAITS)
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(LetGo(actions=("a1",)))
    assert refused.value.code == "stopped"


def test_a_release_of_all_lets_everything_go() -> None:
    bench = stopped(BOOK, PAY, WAITS)
    bench.do(ReleaseStop(epoch=2, reason=""))
    assert statuses(bench, 3) == ["intent", "intent", "proposed"]
