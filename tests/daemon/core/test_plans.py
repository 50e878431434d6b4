"""Plans: an intent is worked out, shown, edited and started as it was shown; nothing acts by itself."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import ApprovePlan, EditPlan, RejectPlan, SubmitIntent
from quarterdeck_daemon.core.entities import Action, Plain, Plan, Run
from quarterdeck_daemon.core.orders import StepDone
from quarterdeck_daemon.core.plans import shown_hash
from quarterdeck_protocol.codes import QuarterdeckError

from .run_bench import RunBench, failed, playbook

BOOK = playbook(
    "{id: a, agent: x, in: {to: '${inputs.to}'}}", inputs="{to: {type: string, required: true, description: whom}}"
)
NOTHING: Plain = {"alternatives": [], "why": {}, "question": "", "inputs": {}, "agents": [], "slots": {}, "found": ""}


class Desk(RunBench):
    def __init__(self) -> None:
        super().__init__(BOOK)

    def ask(self, text: str = "do it", **route: object) -> Plan:
        """Submit an intent and answer for the coordinator."""
        plan = self.plan(str(self.do(SubmitIntent(text=text))["plan"]))
        self.routed(plan, **route)
        return self.plan(plan.id)

    def routed(self, plan: Plan, **route: object) -> None:
        self.answer("route", StepDone(output=NOTHING | route), run=plan.working)
        if not route.get("found") and not route.get("agents"):
            self.answer("compose", StepDone(output={"text": ""}), run=plan.working)

    def plan(self, id: str = "plan1") -> Plan:
        plan = self.store.get(Plan, id)
        assert plan is not None, f"there is a plan {id}"
        return plan

    def approve(self, plan: Plan, shown: str = "") -> str:
        return str(self.do(ApprovePlan(id=plan.id, shown_hash=shown or shown_hash(plan)))["run_id"])


def refusal(desk: Desk, command: ApprovePlan | EditPlan | SubmitIntent) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as error:
        desk.do(command)
    return error.value


def test_an_intent_becomes_a_plan_and_nothing_of_it_is_done() -> None:
    desk = Desk()
    plan = desk.ask(found="lead", inputs={"to": "ruth"}, why={"rule": "words"})
    assert (plan.status, plan.source, plan.playbook, plan.inputs) == ("ready", "playbook", "lead", {"to": "ruth"})
    assert list(desk.store.scan(Action)) == []
    assert [run.playbook for run in desk.store.scan(Run)] == ["plan-intent"]
    desk.check_refold()


@pytest.mark.parametrize("mode", ["", "deterministic"])
def test_a_plan_is_worked_out_in_the_mode_it_is_asked_for(mode: str) -> None:
    """Without a mode as the workspace has it; a deterministic plan is found without a model, too."""
    desk = Desk()
    plan = desk.plan(str(desk.do(SubmitIntent(text="do it", mode=mode))["plan"]))
    assert desk.run(plan.working).mode == mode


def test_an_approved_plan_is_run_as_it_was_shown() -> None:
    desk = Desk()
    plan = desk.ask(found="lead", inputs={"to": "ruth"})
    run = desk.approve(plan)
    assert desk.input_of("a", run) == {"to": "ruth"}
    assert (desk.plan().status, desk.plan().run, desk.run(run).origin) == ("approved", run, "intent:plan1")


def test_a_change_of_the_file_after_the_look_changes_nothing() -> None:
    desk = Desk()
    plan = desk.ask(found="lead", inputs={"to": "ruth"})
    desk.load(BOOK.replace("agent: x", "agent: other"))
    assert desk.step("a", desk.approve(plan)).agent == "x"


def test_an_approval_of_something_else_than_is_shown_is_a_conflict() -> None:
    desk = Desk()
    before = desk.ask(found="lead", inputs={"to": "ruth"})
    desk.do(EditPlan(id="plan1", inputs={"to": "tom"}))
    error = refusal(desk, ApprovePlan(id="plan1", shown_hash=shown_hash(before)))
    assert error.code == "conflict"
    assert desk.approve(desk.plan()) != ""


def test_what_is_missing_is_asked_for_and_keeps_the_plan_from_starting() -> None:
    desk = Desk()
    plan = desk.ask(found="lead")
    assert (plan.status, plan.question) == ("asks", "Still needed: whom")
    assert refusal(desk, ApprovePlan(id="plan1", shown_hash=shown_hash(plan))).code == "conflict"
    desk.do(EditPlan(id="plan1", inputs={"to": "ruth"}))
    assert desk.plan().status == "ready"


def test_an_answer_belongs_to_the_intent_which_is_worked_out_anew() -> None:
    desk = Desk()
    asking = desk.ask("write", question="What shall be written?")
    assert (asking.status, asking.source) == ("asks", "")
    desk.do(SubmitIntent(text="a letter to Ruth", plan="plan1"))
    again = desk.plan()
    assert (again.status, again.intent) == ("drafting", "write\na letter to Ruth")
    desk.routed(again, found="lead", inputs={"to": "ruth"})
    assert desk.plan().status == "ready"
    desk.routed(asking, found="lead", inputs={"to": "somebody"}) if desk.run(asking.working).live else None
    assert desk.plan().inputs == {"to": "ruth"}


def test_a_composed_plan_is_checked_like_any_playbook() -> None:
    desk = Desk()
    plan = desk.plan(str(desk.do(SubmitIntent(text="compose"))["plan"]))
    desk.routed(plan, agents=["x"])
    composed: Plain = {
        "text": BOOK.replace("agent: x", "agnt: x"),
        "inputs": {},
        "question": "",
        "why": {},
        "source": "composed",
    }
    desk.answer("compose", StepDone(output=composed), run=plan.working)
    assert desk.plan().status == "failed"
    assert "agnt" in desk.plan().reason


def test_an_agent_that_fails_leaves_a_plan_that_says_why() -> None:
    desk = Desk()
    plan = desk.plan(str(desk.do(SubmitIntent(text="x"))["plan"]))
    desk.answer("route", failed(), run=plan.working)
    assert (desk.plan().status, desk.plan().reason) == ("failed", "broken")


def test_edits_are_checked_and_bound_to_what_was_seen() -> None:
    desk = Desk()
    plan = desk.ask(found="lead", inputs={"to": "ruth"})
    assert refusal(desk, EditPlan(id="plan1", inputs={"to": 7})).code == "schema"
    assert refusal(desk, EditPlan(id="plan1", inputs={"too": "x"})).code == "schema"
    assert refusal(desk, EditPlan(id="plan1", text="steps: 7")).code == "schema"
    assert refusal(desk, EditPlan(id="plan1", playbook="nobody")).code == "not_found"
    desk.do(EditPlan(id="plan1", text=BOOK.replace("agent: x", "agent: y"), seq=plan.seq))
    assert (desk.plan().source, desk.plan().edited, desk.plan().version) == ("operator", True, 2)
    assert refusal(desk, EditPlan(id="plan1", inputs={"to": "tom"}, seq=plan.seq)).code == "conflict"


def test_a_rejected_plan_stays_on_record_and_is_over() -> None:
    desk = Desk()
    desk.ask(found="lead", inputs={"to": "ruth"})
    desk.do(RejectPlan(id="plan1", reason="not now"))
    assert (desk.plan().status, desk.plan().reason) == ("rejected", "not now")
    assert refusal(desk, EditPlan(id="plan1", inputs={})).code == "conflict"


@pytest.mark.parametrize("text", ["", "   ", "x" * 4_001])
def test_an_intent_has_words_and_a_limit(text: str) -> None:
    assert refusal(Desk(), SubmitIntent(text=text)).code == "bad_value"


def test_earlier_decisions_are_shown_to_the_coordinator_and_nothing_from_outside() -> None:
    desk = Desk()
    desk.approve(desk.ask("write to ruth", found="lead", inputs={"to": "ruth"}))
    plan = desk.plan(str(desk.do(SubmitIntent(text="write again"))["plan"]))
    event = desk.store.event(desk.step("route", plan.working).input_seq)
    assert event is not None
    reads = event.body["reads"]
    assert isinstance(reads, dict)
    assert {name: read["shape"] for name, read in reads.items()} == {
        "playbooks": "playbooks", "agents": "agents", "past": "plans", "contacts": "facts", "clients": "facts",
    }  # fmt: skip
    assert [name for name, _ in reads["past"]["of"]] == ["plan:plan1"]
