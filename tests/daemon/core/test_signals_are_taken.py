"""A signal that somebody waited for is used up: the next wait of the same name waits again."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import SignalRun, StartRun
from quarterdeck_daemon.core.entities import Run

from .core_bench import Bench

TWO_WAITS = """
name: lead
steps:
  - id: first
    wait: {signal: go}
  - id: second
    needs: [first]
    wait: {signal: go}
"""


def test_one_signal_ends_one_wait() -> None:
    bench = Bench(playbook=TWO_WAITS)
    id = str(bench.do(StartRun(playbook="lead"))["run_id"])
    bench.do(SignalRun(id=id, signal="go", payload={"n": 1}))
    run = bench.store.get(Run, id)
    assert run is not None
    assert (run.steps["first"].status, run.steps["second"].status, run.signals) == ("succeeded", "waiting", {})
    bench.do(SignalRun(id=id, signal="go", payload={"n": 2}))
    run = bench.store.get(Run, id)
    assert run is not None
    assert (run.status, run.steps["second"].output["signal"]) == ("succeeded", {"n": 2})
