"""The examples of an agent, run: given input, context and a model's answers, is what comes of it what it should be?

Nothing is recorded and nothing proposed is done. The work is done where steps are done, in a worker.
"""

from __future__ import annotations

from ..core.agent_files import AgentFile, misfit_of
from ..core.agent_form import ExampleForm
from ..core.contracts import breach
from ..core.entities import Plain
from ..core.orders import Failed, ModelReply, Order, Outcome, RunStep, StepAsks, StepDone
from .hub import Hub

DEADLINE_MS = 30_000
PURPOSES = ("route", "classify", "extract", "draft", "judge", "plan", "summarise")


async def try_example(hub: Hub, agent: AgentFile, example: ExampleForm, file: str, now_us: int) -> str:
    """Return what is wrong, "" when it comes out right."""
    if wrong := misfit_of(agent.takes, example.input):
        return f"the input does not fit: {wrong}"
    work = RunStep(
        run="example", step=example.name, attempt=1, agent=agent.name, input=example.input, context=example.context,
        now_us=now_us, file=file, purposes=(*PURPOSES, agent.form.model.purpose) if example.replies else (),
        replies=tuple(_reply(one) for one in example.replies),
    )  # fmt: skip
    order = Order(id=f"example/{agent.name}/{example.name}", work=work, deadline_ms=DEADLINE_MS)
    return _judged(agent, example, await hub.do(order, "worker", "interactive"))


def _reply(given: object) -> ModelReply:
    """A text is what a model wrote; anything else is the value of a structured answer."""
    return (
        ModelReply(model="example", text=given)
        if isinstance(given, str)
        else ModelReply(model="example", value=given)
    )


def _judged(agent: AgentFile, example: ExampleForm, outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        code = outcome.failure.code
        return "" if example.fails == code else f"it fails with {code}: {outcome.failure.message}"
    if isinstance(outcome, StepAsks):
        return f"it asks a model {len(outcome.requests)} times more than the example answers"
    if not isinstance(outcome, StepDone):
        return f"the worker answered with {type(outcome).__name__}"
    if example.fails:
        return f"it should fail with {example.fails}, and succeeds"
    return breach(agent, outcome) or difference(example.expect, outcome.output)


def difference(expected: Plain, found: Plain, place: str = "") -> str:
    """Return the first place where `found` lacks what is expected, "" when it has all of it."""
    for name, wanted in expected.items():
        here = f"{place}{name}"
        if name not in found:
            return f"{here} is missing"
        got = found[name]
        if isinstance(wanted, dict) and isinstance(got, dict):
            if inner := difference(wanted, got, f"{here}."):
                return inner
        elif _plain(got) != _plain(wanted):
            return f"{here} is {_shown(got)}, not {_shown(wanted)}"
    return ""


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 80 else f"{said[:80]}…"
