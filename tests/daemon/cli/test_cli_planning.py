"""Schedules, tasks and objectives as an operator types them, with the real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from quarterdeck_daemon.service import lifecycle

if TYPE_CHECKING:
    from quarterdeck_protocol.frames import Plain

    from .conftest import House, Shell

PLAYBOOK = """
name: errand
inputs: {day: {type: string}}
steps:
  - {id: wait, wait: {for: 60s}}
schedules:
  - {id: weekly, cron: "0 9 * * 1", zone: Europe/Berlin}
"""


@pytest.fixture(scope="module")
def planning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One daemon for all tests of this file."""
    from .conftest import Shell

    folder = tmp_path_factory.mktemp("planning")
    shell = Shell(folder)
    assert shell("init").status == 0
    (folder / "playbooks" / "errand.yaml").write_text(PLAYBOOK, "utf-8")
    ran = shell("up")
    assert ran.status == 0, ran.err
    yield shell
    lifecycle.stop_all(folder)


def test_a_schedule_is_tried_made_looked_at_and_removed(planning: Shell) -> None:
    words = ("schedules", "add", "errand", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "day=${schedule.date}")
    tried = planning(*words, "--dry-run")
    assert (tried.status, tried.out.count("would run at ")) == (0, 5)
    assert planning("schedules", "list", "--json").json["items"] != []
    assert [one["id"] for one in items(planning, "schedules")] == ["errand.weekly"]
    made = planning(*words, "--id", "night", "--overlap", "queue", "--json").json
    assert made["id"] == "night"
    shown = planning("schedules", "show", "night").out
    assert "night  errand  live\n  cron 30 2 * * * (Europe/Berlin)" in shown
    coming = planning("schedules", "next", "night", "--days", "2", "--json").json["items"]
    assert isinstance(coming, list)
    assert {one["schedule"] for one in coming} == {"night"}
    assert planning("schedules", "pause", "night").status == 0
    assert planning("schedules", "pause", "night").status == 8
    assert planning("schedules", "resume", "night").status == 0
    assert planning("schedules", "remove", "night").status == 0
    assert planning("schedules", "remove", "errand.weekly").status == 8
    assert [one["id"] for one in items(planning, "schedules")] == ["errand.weekly"]


@pytest.mark.parametrize("words", [
    ("errand",), ("errand", "--cron", "never"), ("errand", "--every", "2h", "--at", "2030-01-01"),
    ("errand", "--every", "2h", "--window", "x"), ("errand", "--every", "2h", "nope=1"),
    ("errand", "--after", "the.end"), ("errand", "--at", "2020-01-01T00:00"), ("errand", "--every", "1d", "--zone", "X/Y"),
])  # fmt: skip
def test_nonsense_is_refused_with_a_hint_and_makes_nothing(planning: Shell, words: tuple[str, ...]) -> None:
    refused = planning("schedules", "add", *words)
    assert (refused.status, refused.out) == (1 if refused.status == 1 else 2, "")
    assert refused.err.startswith("error: ")
    assert [one["id"] for one in items(planning, "schedules")] == ["errand.weekly"]


def items(shell: Shell, noun: str, *more: str) -> list[Plain]:
    found = shell(noun, "list", *more, "--json").json["items"]
    assert isinstance(found, list)
    return found


def test_an_objective_with_its_work_from_the_first_word_to_the_last(planning: Shell) -> None:
    assert planning("objectives", "add", "Ten clients", "--due", "2030-03-31").out == "added obj1\n"
    assert planning("objectives", "add", "New site", "--under", "obj1").out == "added obj2\n"
    assert (
        planning("tasks", "add", "Write copy", "--for", "obj2", "--accept", "--criterion", "reads well").status == 0
    )
    assert planning("run", "errand", "--for", "obj2").out == "started r1\n"
    assert planning("tasks", "done", "t1").out == "t1 is done and waits for your acceptance\n"
    assert [one["id"] for one in items(planning, "tasks", "--waits")] == ["t1"]
    assert planning("tasks", "accept", "t1", "--reason", "read it").out == "accept t1: done\n"
    assert planning("tasks", "accept", "t1").status == 8
    tree = planning("objectives", "show", "obj1").out
    assert "├ task t1  Write copy  done" in tree
    assert "└ run r1  errand  running" in tree
    assert planning("objectives", "close", "obj1").status == 8
    assert "2 below could be changed with it (pause)" in planning("objectives", "pause", "obj1").err
    assert planning("runs", "show", "r1", "--json").json["status"] == "running"
    assert planning("objectives", "replan", "obj1").out == "pause: objective:obj2, run:r1\n"
    assert planning("runs", "show", "r1", "--json").json["status"] == "paused"
    history = planning("tasks", "show", "t1", "--json").json["history"]
    assert isinstance(history, list)
    assert [(one["kind"], one["state"], one["by"]) for one in history] == [
        ("task.created", "open", "operator"),
        ("task.changed", "review", "operator"),
        ("task.accepted", "done", "operator"),
    ]
    assert planning("why", "t1").status == 0


def test_what_others_wrote_is_printed_safely(house: House, shell: Shell) -> None:
    """A task's title may come from a mail; no escape of it reaches the terminal."""
    evil = "pay\x1b]0;gotcha\x07 now"
    house.answers["task.list"] = {
        "items": [{"id": "t1", "title": evil, "state": "open", "owner": "operator"}],
        "next": None,
    }
    out = shell("tasks").out
    assert "\x1b" not in out
    assert "\x07" not in out
