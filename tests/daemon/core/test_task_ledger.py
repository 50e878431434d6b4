"""The ledger of tasks: who may change what, what closes a task, and what steps of runs can do to it."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core import tasks
from quarterdeck_daemon.core.commands import DecideTask, PutObjective, PutTask, StartRun, StepAnswered
from quarterdeck_daemon.core.entities import Acceptance, Alert, Plain, Run, Task
from quarterdeck_daemon.core.orders import ProposedTask, StepDone
from quarterdeck_daemon.core.shown import rebuild
from quarterdeck_daemon.core.turn import Turn
from quarterdeck_daemon.store.scoped import versions_of
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL

from .core_bench import Bench, rebuilt

PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: writer}\n"
HOUR_US = 3_600_000_000


def bench() -> Bench:
    return Bench(playbook=PLAYBOOK)


def made(on: Bench, **said: object) -> Task:
    command = PutTask(**{"title": "send the offer", **said})  # type: ignore[arg-type]  # Fields by name.
    return task(on, str(on.do(command)["id"]))


def task(on: Bench, id: str) -> Task:
    found = on.store.get(Task, id)
    assert found is not None
    return found


def step_returns(on: Bench, *wanted: ProposedTask) -> Run:
    id = str(on.do(StartRun(playbook="lead"))["run_id"])
    outcome = StepDone(output={}, tasks=wanted)
    on.do(StepAnswered(run=id, step="a", attempt=1, outcome=outcome), actor="worker")
    run = on.store.get(Run, id)
    assert run is not None
    return run


def test_what_needs_acceptance_is_closed_by_it_and_by_nothing_else() -> None:
    on = bench()
    made(on, accept=True, criteria=("Ines has it",))
    assert on.do(PutTask(id="t1", state="done")) == {"id": "t1", "state": "review", "proposed": False}
    on.do(DecideTask(id="t1", accept=False, reason="she does not"))
    assert (task(on, "t1").state, task(on, "t1").note) == ("doing", "she does not")
    on.do(PutTask(id="t1", state="done", evidence=("document:doc1",)))
    on.do(DecideTask(id="t1", accept=True, reason="she wrote"))
    done = task(on, "t1")
    assert (done.state, done.live) == ("done", False)
    assert done.acceptance == Acceptance(by="operator", at_us=on.now_us, seq=done.seq, reason="she wrote")
    with pytest.raises(QuarterdeckError, match="is done already"):
        on.do(DecideTask(id="t1", accept=True))
    assert list(rebuilt(on.store).scan(Task)) == list(on.store.scan(Task))


def test_an_acceptance_binds_what_was_seen() -> None:
    on = bench()
    seen = made(on, accept=True).seq
    on.do(PutTask(id="t1", title="send another offer"))
    with pytest.raises(QuarterdeckError) as refused:
        on.do(DecideTask(id="t1", accept=True, seq=seen))
    assert refused.value.code == "conflict"
    assert task(on, "t1").live


def test_an_agent_goes_on_with_its_own_and_proposes_the_rest() -> None:
    on = bench()
    made(on)
    step_returns(
        on,
        ProposedTask(title="draft it", owner="agent:writer", key="draft"),
        ProposedTask(id="t1", state="done", evidence=("document:doc9",), note="it left"),
    )
    own, ours = task(on, "t2"), task(on, "t1")
    assert (own.by, own.owner, own.source, own.labels.integrity) == (
        "agent:writer",
        "agent:writer",
        "run:r1/a",
        "agent",
    )
    assert (ours.state, ours.evidence) == ("open", ())
    assert ours.proposal is not None
    assert (ours.proposal.state, ours.proposal.by, ours.proposal.note) == ("done", "agent:writer", "it left")
    step_returns(on, ProposedTask(key="draft", state="done", evidence=("document:doc10",)))
    assert (task(on, "t2").state, task(on, "t2").evidence) == ("done", ("document:doc10",))
    on.do(DecideTask(id="t1", accept=True))
    assert (task(on, "t1").state, task(on, "t1").evidence, task(on, "t1").proposal) == (
        "done",
        ("document:doc9",),
        None,
    )


@pytest.mark.parametrize("wanted", [
    ProposedTask(id="t1", state="done"), ProposedTask(id="t1", state="cancelled"), ProposedTask(id="t1", owner="agent:writer"),
    ProposedTask(title="a done deal", state="done", accept=True, owner="agent:writer"),
    ProposedTask(id="t2", state="done"),
])  # fmt: skip
def test_no_word_of_an_agent_closes_what_the_operator_is_to_accept(wanted: ProposedTask) -> None:
    on = bench()
    made(on, accept=True)
    made(on, accept=True, owner="agent:writer")
    step_returns(on, wanted)
    assert all(one.live for one in on.store.scan(Task))
    assert all(one.acceptance is None for one in on.store.scan(Task))


def test_twin_if_owners_could_close_the_agent_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule that done becomes review, the agent's word is the end of it."""

    def plainly(turn: Turn, task: Task, fields: Plain, note: str, labels: object, actor: str | None = None) -> None:
        turn.emit("task.changed", {"id": task.id, **fields, "note": note}, actor=actor)

    monkeypatch.setattr(tasks, "_change", plainly)
    on = bench()
    made(on, accept=True, owner="agent:writer")
    step_returns(on, ProposedTask(id="t1", state="done"))
    assert task(on, "t1").state == "done"


def test_what_a_step_returns_and_cannot_be_is_told_in_its_output() -> None:
    on = bench()
    run = step_returns(
        on,
        ProposedTask(id="t99", state="done"),
        ProposedTask(title=""),
        ProposedTask(title="x", owner="somebody"),
        ProposedTask(title="x", parent="obj9"),
        ProposedTask(title="good"),
    )
    refused = run.steps["a"].output["tasks_refused"]
    assert isinstance(refused, list)
    assert [one["task"] for one in refused] == ["t99", "", "x", "x"]
    assert [one.title for one in on.store.scan(Task)] == ["good"]


def test_a_step_makes_a_stated_number_of_tasks_at_most() -> None:
    on = bench()
    step_returns(on, *(ProposedTask(title=f"task {n}") for n in range(tasks.FROM_STEP_MAX + 5)))
    assert sum(1 for _ in on.store.scan(Task)) == tasks.FROM_STEP_MAX


def test_what_is_late_is_told_once_and_settled_by_more_time_or_the_end() -> None:
    on = bench()
    made(on, due_us=on.now_us + HOUR_US)
    assert [need.entity for need in on.needs("wake")] == ["task:t1"]
    on.pass_time(2 * HOUR_US)
    assert (task(on, "t1").overdue, [alert.topic for alert in on.store.live(Alert)]) == (True, ["task.overdue/t1"])
    on.do(PutTask(id="t1", due_us=on.now_us + HOUR_US))
    assert (task(on, "t1").overdue, list(on.store.live(Alert))) == (False, [])
    on.pass_time(2 * HOUR_US)
    on.do(PutTask(id="t1", state="done"))
    assert list(on.store.live(Alert)) == []
    assert on.kinds().count("task.overdue") == 2


def test_every_version_stays_readable() -> None:
    on = bench()
    first = made(on)
    on.do(PutTask(id="t1", owner="agent:writer"))
    on.do(PutTask(id="t1", state="doing"))
    assert [one.state for one in on.store.history(Task, "t1")] == ["open", "open", "doing"]
    assert on.store.get(Task, "t1", as_of=first.seq) == first


def test_another_client_proposes_where_the_operator_changes() -> None:
    on = bench()
    made(on)
    assert on.do(PutTask(id="t1", state="done"), actor="script") == {"id": "t1", "state": "open", "proposed": True}
    with pytest.raises(QuarterdeckError, match="only the operator"):
        on.do(PutTask(id="t1", title="mine"), actor="script")
    with pytest.raises(QuarterdeckError, match="only the operator"):
        on.do(DecideTask(id="t1", accept=True), actor="script")
    with pytest.raises(QuarterdeckError, match="may not write in the namespace"):
        on.do(PutTask(title="x", namespace="secret-client"), actor="script")


def test_trust_only_goes_down() -> None:
    on = bench()
    on.do(PutTask(title="from outside", labels=EXTERNAL))
    on.do(PutTask(id="t1", note="seen"))
    assert task(on, "t1").labels.integrity == "external"


def test_a_task_of_a_run_serves_what_the_run_serves() -> None:
    on = bench()
    on.do(PutObjective(title="more clients"))
    on.do(StartRun(playbook="lead", run_id="q", objective="obj1"))
    on.do(StepAnswered(run="q", step="a", attempt=1, outcome=StepDone(output={}, tasks=(ProposedTask(title="x"),))))
    assert task(on, "t1").parent == "obj1"


READING = """
name: lead
steps:
  - {id: a, agent: writer, reads: {todo: {tasks: {owner: "agent:writer"}}}}
"""


def test_a_step_is_shown_the_open_tasks_of_its_namespaces_and_exactly_them_again() -> None:
    on = Bench(playbook=READING)
    made(on, owner="agent:writer")
    made(on)
    made(on, owner="agent:writer", state="done")
    made(on, owner="agent:writer", namespace="northwind")
    on.do(StartRun(playbook="lead"))
    started = next(event for event in on.store.events() if event.kind == "step.started")
    on.do(PutTask(id="t1", title="changed since"))
    again = rebuild(started.body, started.at_us, versions_of(on.store))
    todo = again.context["todo"]
    assert isinstance(todo, list)
    assert [(one["id"], one["title"]) for one in todo] == [("t1", "send the offer")]
    assert (again.differs, again.forgotten) == ((), ())
    assert started.body["sources"] == ["task:t1"]
