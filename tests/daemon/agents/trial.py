"""An agent tried as the daemon tries it: with the answers of a model, turn by turn, held against its contract."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_daemon.agents.table import run_agent
from quarterdeck_daemon.core.agent_files import misfit_of, read_agent
from quarterdeck_daemon.core.contracts import breach
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ModelReply, ModelRequest, RunStep, StepAsks, StepDone
from quarterdeck_daemon.service.agents import TEAM

NOW_US = 1_795_257_000_000_000  # Saturday, 21 November 2026, 10:30 in Berlin.
PURPOSES = ("route", "classify", "extract", "draft", "judge", "plan", "summarise")
TURNS_MAX = 20
Answers = Callable[[ModelRequest], ModelReply]


def says(*texts: object) -> Answers:
    """A model that says these, one after the other; a text, or the value of a structured answer."""
    left = list(texts)

    def answer(request: ModelRequest) -> ModelReply:
        said = left.pop(0)
        return (
            ModelReply(model="example", text=said)
            if isinstance(said, str)
            else ModelReply(model="example", value=said)
        )

    return answer


def trial(agent: str, given: Plain, context: Plain, answers: Answers | None = None) -> StepDone:
    """Run the agent to its end. answers: what a model says; None: there is no model."""
    contract = read_agent((TEAM / f"{agent}.md").read_text("utf-8"))
    assert misfit_of(contract.takes, given) == ""
    order = RunStep(
        run="run1", step="s", attempt=1, agent=agent, input=given, now_us=NOW_US,
        context={"workspace": {"name": "Studio Lindqvist", "operator": "Mara Lindqvist <mara@studio-lindqvist.test>",
                               "timezone": "Europe/Berlin"}, **context},
        purposes=PURPOSES if answers else (),
    )  # fmt: skip
    for _ in range(TURNS_MAX):
        done = run_agent(msgspec.msgpack.decode(msgspec.msgpack.encode(order), type=RunStep))
        if not isinstance(done, StepAsks):
            assert breach(contract, done) == ""
            return done
        assert answers is not None, "who has no model asks none"
        replies = tuple(answers(request) for request in done.requests)
        order = msgspec.structs.replace(order, replies=(*order.replies, *replies))
    raise AssertionError(f"{agent} asks for ever")
