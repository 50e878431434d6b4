"""The manual of playbooks holds what it says: its example runs, and every field, end and limit stands in it."""

from __future__ import annotations

import re
from pathlib import Path

from quarterdeck_daemon.core import playbook_form
from quarterdeck_daemon.core.entities import RUN_ENDED
from quarterdeck_daemon.core.playbook_faults import faults_of
from quarterdeck_daemon.core.playbook_schema import playbook_schema

from .run_bench import RunBench, playbook

MANUAL = (Path(__file__).parents[3] / "docs" / "playbooks.md").read_text("utf-8")
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
INVOICE = playbook("{id: a, agent: x}", name="invoice", inputs="{document: {type: string}}")


def test_the_example_has_no_fault_and_runs() -> None:
    assert faults_of(EXAMPLE) == []
    bench = RunBench(EXAMPLE, INVOICE)
    leads = [{"name": n, "mail": f"{n}@x.test", "document": "doc1"} for n in ("ada", "bob")]
    bench.start("launch", post="Spring", leads=leads, morning="2026-09-25T08:00")
    bench.answer("draft", text="Hello")
    assert bench.step("review").gate == "Publish “Spring”?"
    assert bench.word("review", "approve")["ok"] is True
    until = bench.step("morning").until_us
    assert until is not None
    bench.pass_time(until - bench.now_us)
    assert [step.status for id, step in bench.run().steps.items() if id.startswith("outreach")] == [
        "waiting", "started", "started",
    ]  # fmt: skip


def test_every_field_stands_in_the_manual() -> None:
    parts = playbook_schema()["$defs"]
    assert isinstance(parts, dict)
    missing = [
        f"{name}.{field}"
        for name in ("Playbook", "StepSpec", "Wait", "Retry")
        for field in parts[name]["properties"]
        if not re.search(rf"\b{field}\b", MANUAL)
    ]
    assert missing == []


def test_every_end_stands_in_the_manual() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", MANUAL, re.MULTILINE)) >= RUN_ENDED


def test_the_limits_in_the_manual_are_those_of_the_code() -> None:
    said = {
        playbook_form.STEPS_MAX: "1 to 200, in any order",
        playbook_form.FAN_OUT_MAX: "at most 200 items",
        playbook_form.RUN_STEPS_MAX: "at most 1,000 steps",
        playbook_form.DEPTH_MAX: "at most 5 deep",
        playbook_form.CHILDREN_MAX: "starts at most 500",
        playbook_form.RETRY_TIMES_MAX: "`times` is 0 to 20",
    }
    for limit, words in said.items():
        assert words in MANUAL
        assert f"{limit:,}" in words
