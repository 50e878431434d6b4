"""Objectives: progress is counted from below, and a change above proposes and does nothing by itself."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import (
    Attach,
    DecideReplan,
    PutObjective,
    PutSchedule,
    PutTask,
    StartRun,
    SteerRun,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import Alert, Objective, Part, Run, Schedule, Task
from quarterdeck_daemon.core.orders import Failed, Failure, StepDone
from quarterdeck_daemon.core.progress import Progress, tree_of
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import Bench, rebuilt

PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: x, retry: {times: 0}}\n  - {id: b, needs: [a], agent: x}\n"
HOUR_US = 3_600_000_000


def bench() -> Bench:
    """An objective with a project; the project has a run, a task and a schedule."""
    on = Bench(playbook=PLAYBOOK)
    on.do(PutObjective(title="more clients"))
    on.do(PutObjective(title="a new site", parent="obj1"))
    on.do(StartRun(playbook="lead", run_id="q", objective="obj2"))
    on.do(PutTask(title="write copy", parent="obj2"))
    on.do(PutSchedule(id="weekly", playbook="lead", cron="0 9 * * 1", objective="obj2"))
    return on


def progress(on: Bench, id: str = "obj1") -> Progress:
    objective = on.store.get(Objective, id)
    assert objective is not None
    return tree_of(on.store, objective, on.now_us).progress


def states(on: Bench) -> tuple[str, ...]:
    run, task, schedule = on.store.get(Run, "q"), on.store.get(Task, "t1"), on.store.get(Schedule, "weekly")
    below = on.store.get(Objective, "obj2")
    assert run is not None
    assert task is not None
    assert schedule is not None
    assert below is not None
    return run.status, task.state, "paused" if schedule.paused else "live", below.state


def test_progress_is_counted_from_below() -> None:
    on = bench()
    on.do(StepAnswered(run="q", step="a", attempt=1, outcome=StepDone(output={})))
    assert progress(on) == Progress(
        share=0.25,
        counts={"projects": {"open": 1}, "runs": {"running": 1}, "schedules": {"live": 1}, "tasks": {"open": 1}},
    )
    on.do(PutTask(id="t1", state="done"))
    on.do(PutTask(title="not to be done", parent="obj1", state="cancelled"))
    assert progress(on).share == 0.75
    on.do(StepAnswered(run="q", step="b", attempt=1, outcome=StepDone(output={})))
    assert progress(on).share == 1.0
    assert progress(on).counts["tasks"] == {"done": 1, "cancelled": 1}


def test_what_holds_it_up_and_what_is_late_is_named() -> None:
    on = bench()
    failure = Failure(failure="permanent", code="bad", message="no")
    on.do(StepAnswered(run="q", step="a", attempt=1, outcome=Failed(failure=failure)))
    on.do(PutTask(id="t1", state="waiting", due_us=on.now_us + HOUR_US))
    on.do(PutObjective(id="obj2", due_us=on.now_us + HOUR_US))
    on.now_us += 2 * HOUR_US
    found = progress(on)
    assert found.blocked == ["q gave up: dead1", "t1 waits for something"]
    assert found.late == ["t1", "obj2"]


def test_a_pause_above_proposes_and_does_nothing_until_it_is_confirmed() -> None:
    on = bench()
    before = states(on)
    replan = on.do(PutObjective(id="obj1", state="paused"))["replan"]
    assert replan == {"verb": "pause", "items": ["objective:obj2", "run:q", "schedule:weekly", "task:t1"]}
    assert states(on) == before == ("running", "open", "live", "open")
    assert [alert.topic for alert in on.store.live(Alert)] == ["objective.replan/obj1"]
    on.do(DecideReplan(id="obj1", confirm=True))
    assert states(on) == ("paused", "waiting", "paused", "paused")
    assert list(on.store.live(Alert)) == []
    on.do(PutObjective(id="obj1", state="open"))
    on.do(DecideReplan(id="obj1", confirm=True))
    assert states(on) == before
    for cls in (Objective, Part, Run, Task, Schedule):
        assert list(rebuilt(on.store).scan(cls)) == list(on.store.scan(cls))


def test_a_cancelled_objective_cancels_below_when_it_is_confirmed() -> None:
    on = bench()
    on.do(PutObjective(id="obj1", state="cancelled"))
    on.do(DecideReplan(id="obj1", confirm=True))
    assert states(on) == ("cancelled", "cancelled", "paused", "cancelled")


def test_what_moved_on_meanwhile_is_left() -> None:
    on = bench()
    on.do(PutObjective(id="obj1", state="cancelled"))
    on.do(SteerRun(id="q", verb="cancel"))
    assert on.do(DecideReplan(id="obj1", confirm=True))["left"] == ["run:q"]


def test_kept_as_it_is_nothing_changes_and_the_alert_is_settled() -> None:
    on = bench()
    on.do(PutObjective(id="obj1", state="paused"))
    on.do(DecideReplan(id="obj1", confirm=False))
    assert states(on) == ("running", "open", "live", "open")
    assert list(on.store.live(Alert)) == []
    with pytest.raises(QuarterdeckError, match="nothing is proposed"):
        on.do(DecideReplan(id="obj1", confirm=True))


def test_a_confirmation_binds_what_was_seen() -> None:
    on = bench()
    on.do(PutObjective(id="obj1", state="paused"))
    seen = on.store.get(Objective, "obj1")
    assert seen is not None
    on.do(PutObjective(id="obj1", state="cancelled"))
    with pytest.raises(QuarterdeckError, match="has changed since"):
        on.do(DecideReplan(id="obj1", confirm=True, seq=seen.seq))
    assert states(on)[0] == "running"


def test_done_means_that_nothing_below_is_open() -> None:
    on = bench()
    with pytest.raises(QuarterdeckError, match="is not done: objective:obj2, run:q, task:t1 are still open"):
        on.do(PutObjective(id="obj1", state="done"))


def test_work_is_attached_moved_and_taken_off() -> None:
    on = bench()
    on.do(Attach(entity="run:q", objective="obj1"))
    on.do(Attach(entity="task:t1", objective=""))
    on.do(Attach(entity="schedule:weekly", objective="obj1"))
    on.do(Attach(entity="objective:obj2", objective=""))
    assert progress(on).counts == {"runs": {"running": 1}, "schedules": {"live": 1}}
    assert progress(on, "obj2").share is None
    for entity, code in (("memory:m1", "bad_value"), ("run:nope", "not_found")):
        with pytest.raises(QuarterdeckError) as refused:
            on.do(Attach(entity=entity, objective="obj1"))
        assert refused.value.code == code


def test_no_objective_stands_above_itself_and_none_too_deep() -> None:
    on = bench()
    with pytest.raises(QuarterdeckError, match="above itself"):
        on.do(PutObjective(id="obj1", parent="obj2"))
    for number in range(2, 5):
        on.do(PutObjective(title="deeper", parent=f"obj{number}"))
    with pytest.raises(QuarterdeckError, match="at most 5 deep"):
        on.do(PutObjective(title="too deep", parent="obj5"))


def test_a_run_for_an_objective_that_is_not_there_does_not_begin() -> None:
    on = bench()
    with pytest.raises(QuarterdeckError, match="no objective 'obj9'"):
        on.do(StartRun(playbook="lead", objective="obj9"))
