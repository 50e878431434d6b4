"""A real daemon that runs out of budget, loses its agent, is killed while work waits, and is mended by the operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_protocol.client import Client

from .quarters import SMALL_CONFIG, Plain, Quarters, listed, running, until

# One house for all of the file, and each test goes on from the one before.
pytestmark = pytest.mark.xdist_group("limits_and_failures")

CONFIG = (
    SMALL_CONFIG.format(hold="1s")
    + """
[failures]
breaker = 3
breaker_open = "1h"

[[limits]]
of = "agent:*"
at_once = 1
"""
)
FRUGAL = """
name: frugal
budget: {calls: 2}
steps:
  - id: write
    agent: clerk
    in: {actions: [{do: files.write, args: {path: "drafts/a.md", text: one}}]}
  - id: again
    needs: [write]
    agent: clerk
    in: {actions: [{do: files.write, args: {path: "drafts/b.md", text: two}}]}
"""
ALLOWED = '[[rule]]\nid = "drafts"\nmatch = "files.write"\nverdict = "allow"\nhold = "100ms"\n'
WRONG = """
name: wrong
inputs: {who: {type: string}}
steps:
  - {id: a, agent: nobody, in: {to: "${inputs.who}"}}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    folder = tmp_path_factory.mktemp("limits")
    (folder / "playbooks").mkdir()
    (folder / "quarterdeck.toml").write_text(CONFIG)
    (folder / "playbooks" / "frugal.yaml").write_text(FRUGAL)
    (folder / "playbooks" / "wrong.yaml").write_text(WRONG)
    (folder / "policies").mkdir()
    (folder / "policies" / "mine.toml").write_text(ALLOWED)
    with running(folder) as quarters:
        yield quarters


def run_of(client: Client, id: str) -> Plain:
    return client.call("run.get", {"id": id}).result


def step_of(client: Client, run: str, step: str) -> Plain:
    steps = run_of(client, run)["steps"]
    assert isinstance(steps, list)
    (found,) = [one for one in steps if one["id"] == step]
    assert isinstance(found, dict)
    return found


def items(client: Client, method: str, params: Plain | None = None) -> list[Plain]:
    found = client.call(method, params or {}).result["items"]
    assert isinstance(found, list)
    return found


def daemon_of(house: Quarters) -> int:
    with house.client() as client:
        return int(str(client.call("system.status").result["pid"]))


def test_over_its_budget_a_run_waits_through_a_kill_and_goes_on_when_more_is_given(house: Quarters) -> None:
    with house.client() as client:
        client.call("run.start", {"playbook": "frugal", "run_id": "f"})
        assert until(lambda: step_of(client, "f", "again")["status"] == "queued", 20)
        assert step_of(client, "f", "again")["queued_for"] == "run:f"
    pid = daemon_of(house)
    (daemon,) = [process for process in house.processes() if process.pid == pid]
    house.kill(daemon)
    with house.client(40_000) as client:
        assert step_of(client, "f", "again")["status"] == "queued"
        (alert,) = [one for one in items(client, "alert.list") if str(one["topic"]).startswith("budget/")]
        assert (alert["runbook"], alert["topic"]) == ("over-budget", "budget/run:f/ever")
        client.call("budget.raise", {"scope": "run:f", "calls": 5})
        assert until(lambda: run_of(client, "f")["status"] == "succeeded", 30)
        assert not [one for one in items(client, "alert.list") if str(one["topic"]).startswith("budget/")]
    assert (house.folder / "drafts" / "b.md").read_text() == "two"


def test_an_agent_that_is_none_opens_its_breaker_and_what_gave_up_is_mended_by_remedies(house: Quarters) -> None:
    with house.client() as client:
        for n in range(4):
            client.call("run.start", {"playbook": "wrong", "run_id": f"w{n}", "inputs": {"who": "Ines"}})
        assert until(lambda: step_of(client, "w3", "a")["status"] == "queued", 20)
        opened: list[Plain] = []

        def waits() -> bool:
            """The breaker is open, and the fourth run waits for it."""
            found = [one for one in items(client, "breaker.list") if one["id"] == "agent:nobody"]
            opened[:] = [one for one in found if one["state"] == "open" and one["waiting"]]
            return bool(opened)

        assert until(waits, 20)
        (breaker,) = opened
        assert (breaker["state"], breaker["failure"], breaker["waiting"]) == ("open", "contract", 1)
        letters = items(client, "deadletter.list")
        assert [one["run"] for one in reversed(letters)] == ["w0", "w1", "w2"]
        letter = client.call("deadletter.get", {"id": letters[0]["id"]}).result
        assert letter["input"] == {"to": "Ines"}
        assert "Likely" in str(letter["diagnosis"])
        remedy: Plain = {"id": letters[0]["id"], "remedy": "reroute", "agent": "clerk"}
        client.call("deadletter.resolve", remedy)
        assert until(lambda: "clerk does not take this input" in str(step_of(client, "w2", "a")["error"]), 20)
        client.call("deadletter.resolve", {"id": letters[1]["id"], "remedy": "drop"})
        client.call("breaker.reset", {"id": "agent:nobody"})
        assert until(lambda: run_of(client, "w3")["status"] == "failed", 20)


def test_the_report_adds_up_what_was_done(house: Quarters) -> None:
    with house.client() as client:
        report = client.call("cost.report").result
        lines = report["items"]
        assert isinstance(lines, list)
        calls = {str(one["id"]): one["calls"] for one in lines}
        assert calls["agent:clerk"] >= 2
        assert calls["connector:files"] == 2
        assert calls["run:f"] == 4

        def shown() -> set[object]:
            return {one["id"] for one in listed(client.call("cost.report").result["budgets"])}

        assert until(lambda: {"agent:clerk", "agent:nobody"} <= shown(), 20), shown()


def test_settings_of_limits_hold_as_soon_as_the_file_changes(house: Quarters) -> None:
    path: Path = house.folder / "quarterdeck.toml"
    path.write_text(path.read_text() + '\n[[budgets]]\nof = "workspace"\nper = "day"\ncalls = 1000\n')
    with house.client() as client:
        assert until(lambda: any(one["id"] == "workspace" for one in items(client, "budget.list")), 10)
