"""The examples that stand in the agents' files come out as they say; `quarterdeck agents test` runs the same."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.agents.contract import AgentFailure
from quarterdeck_daemon.agents.table import AGENTS
from quarterdeck_daemon.core.agent_files import read_agent
from quarterdeck_daemon.core.agent_form import ExampleForm
from quarterdeck_daemon.service.agent_examples import difference
from quarterdeck_daemon.service.agents import TEAM

from .trial import says, trial

FORMS = {path.stem: read_agent(path.read_text("utf-8")).form for path in sorted(TEAM.glob("*.md"))}
EXAMPLES = [(name, example) for name, form in FORMS.items() for example in form.examples]
DAY_ONE = (
    "coordinator", "planner", "extractor", "researcher", "composer", "outreach", "finance", "scheduler", "reviewer", "clerk",
)  # fmt: skip


def wrong(agent: str, example: ExampleForm) -> str:
    try:
        done = trial(agent, example.input, example.context, says(*example.replies) if example.replies else None)
    except AgentFailure as error:
        return "" if error.failure.code == example.fails else f"it fails with {error.failure.code}"
    return f"it should fail with {example.fails}" if example.fails else difference(example.expect, done.output)


@pytest.mark.parametrize(
    ("agent", "example"), EXAMPLES, ids=[f"{agent}: {example.name}" for agent, example in EXAMPLES]
)
def test_an_example_comes_out_as_it_says(agent: str, example: ExampleForm) -> None:
    assert wrong(agent, example) == ""


def test_an_example_that_expects_something_else_is_told() -> None:
    """The twin: without it the test above might pass whatever comes out."""
    agent, example = next((agent, one) for agent, one in EXAMPLES if one.expect)
    other = msgspec.structs.replace(example, expect={next(iter(example.expect)): "something else"})
    assert wrong(agent, other) != ""


def test_every_agent_of_day_one_is_there_with_code_and_examples() -> None:
    assert set(FORMS) == set(AGENTS)
    assert [name for name in DAY_ONE if name not in FORMS or not FORMS[name].examples] == []
