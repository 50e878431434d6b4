"""An agent asks by saying what it would ask, and is run anew with the answers: still a function of what it is given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from quarterdeck_daemon.agents.asking import ask, ask_all, ask_better, best_score, turn
from quarterdeck_daemon.agents.contract import AgentFailure
from quarterdeck_daemon.core.model_state import question_hash
from quarterdeck_daemon.core.orders import ModelReply, ModelRequest, RunStep, StepAsks, StepDone

STEP = RunStep(
    run="r1", step="a", attempt=1, agent="x", input={}, context={}, now_us=1, purposes=("classify", "draft"), mode=""
)
Run = Callable[[RunStep], StepDone]


def question(prompt: str, purpose: str = "draft", **more: object) -> ModelRequest:
    return ModelRequest(purpose=purpose, prompt=prompt, **more)  # type: ignore[arg-type]


def played(
    run: Run, answers: Callable[[ModelRequest], ModelReply], step: RunStep = STEP
) -> tuple[StepDone, list[str]]:
    """Run the agent turn by turn, as the kernel does. Returns its result and what it asked."""
    asked: list[ModelRequest] = []
    while True:
        given = msgspec.structs.replace(
            step, replies=tuple(answers(one) for one in asked), asked=tuple(question_hash(one) for one in asked)
        )
        outcome = turn(given, run)
        if isinstance(outcome, StepDone):
            return outcome, [one.prompt for one in asked]
        asked += outcome.requests


def test_replies_come_back_in_the_order_of_asking_however_many_turns_it_takes() -> None:
    def run(step: RunStep) -> StepDone:
        first = ask(step, question("one"))
        both = ask_all(step, [question("two"), question("three")])
        return StepDone(output={"said": [first.text, *(one.text for one in both)]})

    done, asked = played(run, lambda one: ModelReply(model="m", text=one.prompt.upper()))
    assert done.output == {"said": ["ONE", "TWO", "THREE"]}
    assert asked == ["one", "two", "three"]


def test_where_nobody_answers_the_agent_goes_on_at_once() -> None:
    def run(step: RunStep) -> StepDone:
        replies = ask_all(step, [question("one", "judge"), question("two")])
        return StepDone(output={"refused": [bool(one.refused) for one in replies]})

    done, asked = played(run, lambda one: ModelReply(model="m", text="yes"))
    assert (done.output, asked) == ({"refused": [True, False]}, ["two"])
    alone = turn(msgspec.structs.replace(STEP, purposes=()), run)
    assert alone == StepDone(output={"refused": [True, True]})


def test_a_weak_answer_is_asked_for_again_one_tier_higher_and_the_last_one_counts() -> None:
    def run(step: RunStep) -> StepDone:
        choice = question("which?", "classify", choices=("a", "b"))
        reply = ask_better(step, choice, lambda found: best_score(found) < 0.8, times=2)
        return StepDone(output={"best": best_score(reply)})

    def answers(request: ModelRequest) -> ModelReply:
        if request.again == 2:
            return ModelReply(refused="nobody is larger")
        return ModelReply(model="m", scores={"a": 0.5 + request.again / 10, "b": 0.4})

    done, asked = played(run, answers)
    assert (done.output, len(asked)) == ({"best": 0.6}, 3)


def test_an_agent_that_asks_something_else_with_the_same_input_breaks_its_contract() -> None:
    ticks = iter("abcdef")

    def run(step: RunStep) -> StepDone:
        ask(step, question(f"at {next(ticks)}"))
        return StepDone(output={})

    with pytest.raises(AgentFailure) as broken:
        played(run, lambda one: ModelReply(model="m", text="yes"))
    assert broken.value.failure.code == "not_repeatable"


def test_an_agent_that_catches_everything_still_ends_its_turn() -> None:
    def run(step: RunStep) -> StepDone:
        try:
            ask(step, question("one"))
        except Exception:  # noqa: BLE001  # That is what is tried.
            return StepDone(output={"caught": True})
        return StepDone(output={})

    assert isinstance(turn(STEP, run), StepAsks)
