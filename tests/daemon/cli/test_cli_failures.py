"""Failures on the command line: dead letters and their remedies, breakers, budgets, runbooks that name real commands."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from quarterdeck_daemon.cli.commands import COMMANDS
from quarterdeck_daemon.cli.runbook import pages
from quarterdeck_protocol.frames import Plain

from .conftest import House, Shell

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "daemon" / "quarterdeck_daemon"
LETTER: Plain = {
    "id": "dead2", "run": "r7", "step": "send", "attempts": 2, "error": {"message": "no route"}, "at": "2026-11-20T10:00:00Z",
    "remedies": ["quarterdeck dead retry dead2"], "agent": "outreach", "playbook": "lead",
    "diagnosis": "It died. Likely memory is short.",
    "failures": [{"attempt": 1, "at": "2026-11-20T09:59:00Z", "agent": "outreach", "error": {"message": "killed"}}],
    "input": {"to": "Ines"}, "input_seq": 41, "resolved": "",
}  # fmt: skip
BUDGET: Plain = {
    "id": "run:r7", "per": "ever", "over": "escalate", "limit": {"calls": 10, "ms": 0, "tokens": 0, "money": 250},
    "used": {"calls": 8, "ms": 0, "tokens": 0, "money": 120}, "reserved": {"calls": 2, "ms": 0, "tokens": 0, "money": 30},
    "left": {"calls": 0, "ms": 0, "tokens": 0, "money": 100}, "waiting": 3, "in_use": 2,
}  # fmt: skip


def test_a_dead_letter_shows_every_try_the_likely_cause_and_what_can_be_done(house: House, shell: Shell) -> None:
    house.answers["deadletter.get"] = LETTER
    out = shell("dead", "show", "dead2").out
    for said in ("step send of r7", "no route", "Likely memory is short", "killed", "input to = Ines", "timeline 41"):
        assert said in out
    assert out.splitlines()[-1].strip() == "quarterdeck dead retry dead2"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["retry", "dead2"], {"id": "dead2", "remedy": "retry"}),
        (["edit", "dead2", "to=Max", "n:=3"], {"id": "dead2", "remedy": "edit", "input": {"to": "Max", "n": 3}}),
        (["reroute", "dead2", "composer"], {"id": "dead2", "remedy": "reroute", "agent": "composer"}),
        (["compensate", "dead2"], {"id": "dead2", "remedy": "compensate"}),
        (["drop", "dead2", "--reason", "spam"], {"id": "dead2", "remedy": "drop", "reason": "spam"}),
    ],
)
def test_every_remedy_is_a_command(house: House, shell: Shell, words: list[str], asked: Plain) -> None:
    house.answers["deadletter.resolve"] = {"id": "dead2", "seq": 9}
    assert shell("dead", *words).status == 0
    assert house.calls("deadletter.resolve") == [asked]


def test_a_dry_run_applies_nothing(house: House, shell: Shell) -> None:
    assert shell("dead", "retry", "dead2", "--dry-run").status == 0
    assert house.calls("deadletter.resolve") == []


def test_budgets_are_a_row_for_each_amount_that_is_limited(house: House, shell: Shell) -> None:
    house.answers["budget.list"] = {"items": [BUDGET]}
    rows = [line.split() for line in shell("budget").out.splitlines()[1:]]
    assert rows == [
        ["run:r7", "ever", "calls", "10", "8", "2", "0", "3", "escalate"],
        ["run:r7", "ever", "money", "2.50", "1.20", "0.30", "1.00", "3", "escalate"],
    ]


def test_a_budget_of_a_run_is_raised_for_its_life_and_others_for_the_day(house: House, shell: Shell) -> None:
    house.answers["budget.raise"] = {"id": "x", "seq": 9}
    assert shell("budget", "raise", "run:r7", "--calls", "5").status == 0
    assert shell("budget", "raise", "agent:composer", "--money", "100").status == 0
    given = [(one["scope"], one["per"], one["calls"], one["money"]) for one in house.calls("budget.raise")]
    assert given == [("run:r7", "ever", 5, 0), ("agent:composer", "day", 0, 100)]


def test_breakers_say_who_gets_no_work_and_are_reset(house: House, shell: Shell) -> None:
    row: Plain = {"id": "connector:mail", "state": "half_open", "failures": 0, "failure": "timeout", "waiting": 2}
    house.answers |= {"breaker.list": {"items": [row]}, "breaker.reset": {"id": "connector:mail", "seq": 9}}
    assert shell("breakers").out.splitlines()[1].split() == ["connector:mail", "half", "open", "0", "timeout", "2"]
    assert shell("breakers", "reset", "connector:mail", "--reason", "mended").status == 0
    assert house.calls("breaker.reset") == [{"id": "connector:mail", "reason": "mended"}]


# --- runbooks -------------------------------------------------------------------------------------


def test_runbooks_are_listed_and_printed_and_a_slip_finds_its_page(shell: Shell) -> None:
    assert [row.split()[0] for row in shell("runbook").out.splitlines()[1:]] == sorted(pages())
    assert shell("runbook", "over-budget").out.startswith("# Over budget")
    ran = shell("runbook", "over-bugdet")
    assert (ran.status, "over-budget" in ran.err) == (3, True)


def test_every_runbook_that_the_program_names_is_there() -> None:
    named = re.compile(r"""runbook(?:=|": )"([a-z-]+)"|RUNBOOK = "([a-z-]+)"|quarterdeck runbook ([a-z-]+)""")
    found = {
        next(filter(None, match.groups()))
        for path in PACKAGE.rglob("*.py")
        for match in named.finditer(path.read_text(encoding="utf-8"))
    }
    assert found >= {"breaker-open", "over-budget", "dead-letters", "unknown-outcome"}
    assert found - set(pages()) == set()


def commands_in(text: str) -> set[tuple[str, ...]]:
    return {tuple(found.split()) for found in re.findall(r"quarterdeck ([a-z]+(?: [a-z]+)?)", text)}


def test_every_command_that_a_runbook_names_exists() -> None:
    missing = [
        (page, " ".join(words))
        for page, path in pages().items()
        for words in commands_in(path.read_text(encoding="utf-8"))
        if not _exists(words)
    ]
    assert missing == []


def test_twin_a_command_that_is_none_is_seen() -> None:
    assert commands_in("run `quarterdeck mend it` now") == {("mend", "it")}
    assert not _exists(("mend", "it"))
    assert not _exists(("dead", "mend"))


def _exists(words: tuple[str, ...]) -> bool:
    """Whether the first word is a command and the second, if the command is a noun, one of its verbs."""
    entry = COMMANDS.get(words[0])
    if entry is None:
        return False
    command = getattr(importlib.import_module(f"quarterdeck_daemon.cli.{entry.module}"), entry.attribute)
    if not isinstance(command, click.Group) or len(words) < 2:
        return True
    return words[1] in command.commands
