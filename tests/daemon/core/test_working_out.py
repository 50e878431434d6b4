"""Working out what takes an effect back, when no verb does it: by an agent that a step names, by a playbook, in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import msgspec
import pytest

from quarterdeck_daemon.agents.table import run_agent
from quarterdeck_daemon.core.commands import Needs, StartRun, StepAnswered, Undo
from quarterdeck_daemon.core.entities import Plain, Run, Undoing
from quarterdeck_daemon.core.orders import Failed, Failure, ProposedAction, RunStep, StepDone
from quarterdeck_daemon.core.shown import rebuild
from quarterdeck_daemon.store.scoped import versions_of
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .core_bench import Bench, rebuilt
from .undo_bench import (
    ALLOW,
    ASK_REFUNDS,
    BOOK,
    PAY,
    SECOND,
    approve,
    carry_out,
    get,
    house,
    load,
    states,
    steering,
    undoing,
    wanted,
)

BY_AGENT = """
name: lead
steps:
  - id: a
    agent: x
    compensate: {agent: mender, in: {room: "${args.room}", said: "${output.said}", note: plain}}
"""
CANCEL = wanted("practice.cancel", {"room": "big", "booking": "b-1"})
MAIL = wanted(
    "mail.send",
    {
        "to": ["ines@northwind.example"],
        "cc": [],
        "subject": "Offer",
        "body": "…",
        "in_reply_to": "",
        "references": [],
    },
)
NOTHING_WRITTEN = (
    "name: correction\ninputs: {action: {type: string}}\nsteps:\n  - {id: w, agent: writer, when: 'false'}\n"
)
WRITER = "name: correction\ninputs: {action: {type: string}}\nsteps:\n  - {id: w, agent: writer}\n"


def started(bench: Bench, need: Needs) -> Event:
    run = bench.store.get(Run, need.entity)
    assert run is not None
    return next(event for event in bench.store.events() if event.seq == run.steps[need.step].input_seq)


def given(bench: Bench, need: Needs) -> Plain:
    """The input of a step that is to be done."""
    return cast(Plain, started(bench, need).body["input"])


def works_out(bench: Bench, *, but: str = "q") -> Run:
    (run,) = [run for run in bench.store.live(Run) if run.id != but]
    return run


def answer(bench: Bench, run: Run, *actions: ProposedAction) -> None:
    (step,) = run.steps
    done = StepDone(output={}, actions=actions)
    bench.do(StepAnswered(run=run.id, step=step, attempt=run.steps[step].attempts, outcome=done))


def mended_by_agent(said: str = "yes", *before: ProposedAction) -> Bench:
    """A booking whose step leaves its compensation to an agent, rolled back."""
    bench = Bench(playbook=BY_AGENT, policy=ALLOW)
    bench.do(StartRun(playbook="lead", run_id="q"))
    done = StepDone(output={"said": said}, actions=(*before, BOOK))
    bench.do(StepAnswered(run="q", step="a", attempt=1, outcome=done))
    carry_out(bench)
    bench.do(Undo(scope="run:q", reason="wrong room"))
    return bench


def test_an_agent_that_a_step_names_works_out_what_takes_it_back() -> None:
    bench = mended_by_agent()
    run = works_out(bench)
    assert (run.playbook, run.origin, run.steps["undo"].agent) == ("undo-lead-a", "undoing:u1", "mender")
    (order,) = bench.needs("step")
    assert given(bench, order) == {"room": "big", "said": "yes", "note": "plain"}
    answer(bench, run, CANCEL)
    assert carry_out(bench) == ["practice.cancel"]
    assert (get(bench, "a1").compensated_by, get(bench, "a2").agent) == ("a2", "mender")
    assert (undoing(bench).status, states(bench)) == ("compensated", {"a1": "compensated"})
    assert rebuilt(bench.store).get(Undoing, "u1") == undoing(bench)


def test_what_such_an_agent_proposes_is_under_policy_and_takes_back_what_it_was_asked_about() -> None:
    """Whatever it says of its own: it mends the booking, nothing else; and a rule still asks."""
    bench = mended_by_agent()
    load(bench, playbook=BY_AGENT, policy='[[rule]]\nid = "ask"\nmatch = "*"\nverdict = "ask"\n')
    answer(bench, works_out(bench), msgspec.structs.replace(CANCEL, compensates="a77"))
    assert (get(bench, "a2").status, get(bench, "a2").compensates) == ("proposed", "a1")
    approve(bench, "a2", "reject")
    assert (states(bench), get(bench, "a1").status) == ({"a1": "compensation_failed"}, "succeeded")


def test_its_input_is_never_read_as_an_expression() -> None:
    """The twin of a template: text from outside that looks like one stays text."""
    bench = mended_by_agent("${inputs.action} ${run.id}")
    (order,) = bench.needs("step")
    assert given(bench, order)["said"] == "${inputs.action} ${run.id}"


@pytest.mark.parametrize(("actions", "state"), [((), "compensation_failed"), ((CANCEL, CANCEL), "compensating")])
def test_an_agent_takes_it_back_by_one_action_neither_none_nor_two(
    actions: tuple[ProposedAction, ...], state: str
) -> None:
    bench = mended_by_agent()
    answer(bench, works_out(bench), *actions)
    assert states(bench) == {"a1": state}
    assert [get(bench, f"a{number + 2}").status for number in range(len(actions))] == ["held", "withdrawn"][
        : len(actions)
    ]


def two_mended_by_agents() -> tuple[Bench, dict[str, Run]]:
    """Two bookings of one step; for each, by its id, the run that works out its way back."""
    bench = mended_by_agent("yes", BOOK)
    return bench, {str(run.inputs["action"]): run for run in bench.store.live(Run) if run.id != "q"}


def test_an_agent_that_fails_fails_its_compensation_alone() -> None:
    bench, runs = two_mended_by_agents()
    bad = Failed(failure=Failure(failure="permanent", code="no", message="no idea"))
    bench.do(StepAnswered(run=runs["a2"].id, step="undo", attempt=1, outcome=bad))
    answer(bench, runs["a1"], CANCEL)
    assert carry_out(bench) == ["practice.cancel"]
    assert states(bench) == {"a2": "compensation_failed", "a1": "compensated"}
    assert undoing(bench).status == "compensation_failed"


def test_what_agents_worked_out_leaves_newest_first_in_whatever_order_they_answered() -> None:
    bench, runs = two_mended_by_agents()
    newest, oldest = (item.action for item in undoing(bench).items)
    answer(bench, runs[oldest], CANCEL)
    bench.pass_time(60 * SECOND)
    assert (bench.needs("effect"), get(bench, "a3").status) == ([], "held"), "the newer one has no compensation yet"
    answer(bench, runs[newest], CANCEL)
    carry_out(bench)
    assert get(bench, get(bench, newest).compensated_by).left_seq < get(bench, "a3").left_seq
    assert states(bench) == {"a1": "compensated", "a2": "compensated"}


def test_a_child_of_a_fan_out_is_taken_back_by_what_its_step_declares() -> None:
    playbook = (
        "name: lead\nsteps:\n  - {id: a, each: '[1, 2]', as: n, agent: x,"
        " compensate: {connector: practice, verb: post, args: {channel: '${n}', text: '${each.index}'}}}\n"
    )
    bench = Bench(playbook=playbook, policy=ALLOW)
    bench.do(StartRun(playbook="lead", run_id="q"))
    for child in ("a[0]", "a[1]"):
        bench.do(StepAnswered(run="q", step=child, attempt=1, outcome=StepDone(output={}, actions=(PAY,))))
    carry_out(bench)
    bench.do(Undo(scope="run:q"))
    assert sorted(str(get(bench, id).args) for id in ("a3", "a4")) == [
        "{'channel': 1, 'text': 0}",
        "{'channel': 2, 'text': 1}",
    ]


def test_a_correction_that_its_playbook_does_not_write_is_written_in_plain_words() -> None:
    bench = house(MAIL)
    carry_out(bench)
    load(bench, correction=NOTHING_WRITTEN)
    bench.do(Undo(scope="action:a1"))
    assert (get(bench, "a2").compensates, states(bench)) == ("a1", {"a1": "compensating"})
    assert "sent by mistake" in str(get(bench, "a2").args["body"])


def test_an_undo_is_undone_while_its_correction_is_still_being_written() -> None:
    bench = house(MAIL)
    carry_out(bench)
    load(bench, correction=WRITER)
    bench.do(Undo(scope="action:a1"))
    with pytest.raises(QuarterdeckError, match="u1 is taking it back already"):
        bench.do(Undo(scope="action:a1"))
    writing = works_out(bench)
    bench.do(Undo(scope="undoing:u1"))
    found = bench.store.get(Run, writing.id)
    assert found is not None
    assert (found.status, states(bench), bench.needs("step")) == ("cancelled", {"a1": "compensation_failed"}, [])
    assert bench.do(Undo(scope="action:a1"))["id"] == "u3", "and it may be undone again"


def test_an_undo_that_only_withdrew_cannot_be_undone_and_says_why() -> None:
    bench = house(PAY, policy=ASK_REFUNDS)
    bench.do(Undo(scope="action:a1"))
    with pytest.raises(
        QuarterdeckError, match="a1: it was withdrawn and never left; it does not come back by itself"
    ):
        bench.do(Undo(scope="undoing:u1"))


def test_a_correction_that_nobody_follows_is_not_written_twice() -> None:
    """A log from before single actions had a plan: the correction waits, and no undoing knows of it."""
    bench = house(MAIL)
    carry_out(bench)
    load(bench, correction=WRITER)
    bench.do(StartRun(playbook="correction", run_id="w", inputs={"action": "a1"}))
    with pytest.raises(QuarterdeckError, match="w is taking it back already"):
        bench.do(Undo(scope="action:a1"))


# --- the correction of the example ------------------------------------------------------------------

STUDIO = Path(__file__).parents[3] / "examples" / "studio"


def do_steps(bench: Bench) -> None:
    """Have the real agents do what is to be done until nothing is."""
    for _ in range(10):
        for need in bench.needs("step"):
            run = bench.store.get(Run, need.entity)
            assert run is not None
            body = started(bench, need).body
            context = rebuild(body, bench.now_us, versions_of(bench.store)).context
            order = RunStep(
                run=run.id, step=need.step, attempt=need.attempt, agent=str(body["agent"]), now_us=bench.now_us,
                input=given(bench, need), context=context,
            )  # fmt: skip
            carried = msgspec.msgpack.decode(msgspec.msgpack.encode(run_agent(order)), type=StepDone)
            bench.do(StepAnswered(run=run.id, step=need.step, attempt=need.attempt, outcome=carried))


def test_a_mail_that_answered_nobody_is_corrected_from_what_it_said_itself() -> None:
    bench = house(MAIL)
    carry_out(bench)
    template = steering("template", "correction", (STUDIO / "templates" / "correction.md").read_text("utf-8"))
    load(bench, template, correction=(STUDIO / "playbooks" / "correction.yaml").read_text("utf-8"))
    bench.do(Undo(scope="action:a1"))
    do_steps(bench)
    args = get(bench, "a2").args
    assert (args["to"], args["subject"], args["in_reply_to"]) == (
        MAIL.args["to"],
        "Correction: Offer",
        "<m1@q.example>",
    )
    assert "my last mail to you (“Offer”) was not ready to go" in str(args["body"])
    assert carry_out(bench) == ["mail.send"]
    assert (states(bench), get(bench, "a2").agent) == ({"a1": "corrected"}, "corrector")
