"""A run that cannot be loaded is set apart alone; everything else goes on. And which versions a run is pinned to."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core.commands import DeclareScopes, ExamineRuns, SteerRun
from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.declared import Declared
from quarterdeck_daemon.core.entities import Alert, Asset
from quarterdeck_protocol.codes import QuarterdeckError

from .run_bench import RunBench, failed, playbook

TWO = playbook("{id: a, agent: x}", "{id: b, agent: x, needs: [a]}")


def pinned_text(bench: RunBench, text: str) -> None:
    """As after an upgrade that reads the kept text differently: the run's own copy of its playbook is another one."""
    run = bench.run()
    asset = bench.store.get(Asset, f"playbook/lead@{run.playbook_hash[:16]}")
    assert asset is not None
    changed = msgspec.structs.replace(asset, text=text)
    bench.store.append([Commit(events=(), touched=(), puts=(changed,), links=(), unlinks=())])


@pytest.fixture(
    params=[
        "name: [",
        playbook("{id: a, agent: x}", "{id: other, agent: x}"),
        playbook('{id: a, agent: x, when: "(("}'),
    ]
)
def broken(request: pytest.FixtureRequest) -> RunBench:
    """Two runs of which one cannot be loaded any more."""
    bench = RunBench(TWO, TWO.replace("name: lead", "name: fine"))
    bench.start()
    bench.start("fine", "other")
    pinned_text(bench, request.param)
    return bench


def test_at_start_only_the_broken_run_is_set_apart(broken: RunBench) -> None:
    assert broken.do(ExamineRuns()) == {"quarantined": ["q"]}
    assert (broken.run().status, broken.run("other").status) == ("quarantined", "running")
    assert broken.run().trouble
    (alert,) = broken.store.live(Alert)
    assert (alert.level, alert.topic) == ("critical", "run.quarantined/q")
    assert {need.entity for need in broken.needs("step")} == {"other"}
    assert broken.do(ExamineRuns()) == {"quarantined": []}


def test_an_answer_to_a_broken_run_is_kept_and_costs_no_other_run(broken: RunBench) -> None:
    broken.answer("a", n=1)
    assert (broken.run().status, broken.states()["a"]) == ("quarantined", "succeeded")
    broken.answer("a", run="other")
    assert broken.states("other")["b"] == "started"


def test_a_failure_of_a_broken_run_does_not_break_the_kernel(broken: RunBench) -> None:
    broken.answer("a", failed("crash"))
    assert broken.run().status == "quarantined"


def test_resume_refuses_while_it_is_broken_and_goes_on_when_it_is_mended(broken: RunBench) -> None:
    broken.do(ExamineRuns())
    with pytest.raises(QuarterdeckError, match="cannot go on") as refused:
        broken.do(SteerRun(id="q", verb="resume"))
    assert (refused.value.code, "runs kill q" in refused.value.hint) == ("conflict", True)
    pinned_text(broken, TWO)
    broken.do(SteerRun(id="q", verb="resume"))
    assert (broken.run().status, broken.run().trouble) == ("running", "")
    assert list(broken.store.live(Alert)) == []
    broken.answer("a")
    broken.answer("b")
    assert broken.run().status == "succeeded"


def test_a_broken_run_can_always_be_given_up(broken: RunBench) -> None:
    broken.do(ExamineRuns())
    broken.do(SteerRun(id="q", verb="kill", reason="old"))
    assert (broken.run().status, list(broken.store.live(Alert))) == ("cancelled", [])


# --- versions -------------------------------------------------------------------------------------


def versions(bench: RunBench, version: str) -> None:
    bench.do(DeclareScopes(declared={"agent:x": Declared(version=version)}))


def test_the_version_of_the_agent_is_recorded_and_a_change_between_tries_is_told() -> None:
    bench = RunBench(playbook("{id: a, agent: x}"))
    versions(bench, "aaaa")
    bench.start()
    bench.answer("a", failed("crash"))
    versions(bench, "bbbb")
    bench.pass_time(3_600_000_000)
    bodies = [event.body for event in bench.store.events() if event.kind == "step.started"]
    assert [(body.get("agent_version"), body.get("agent_was")) for body in bodies] == [
        ("aaaa", None),
        ("bbbb", "aaaa"),
    ]
    assert (bench.run().agents, bench.step("a").agent_version) == ({"x": "aaaa"}, "bbbb")


def test_a_playbook_that_changes_meanwhile_is_not_the_one_that_the_run_follows() -> None:
    bench = RunBench(TWO)
    bench.start()
    bench.load(playbook("{id: a, agent: x}", "{id: b, agent: other, needs: [a]}"))
    bench.answer("a")
    assert bench.step("b").agent == "x"
