"""undo, runs rollback, resume item by item: the plan first, then the question, then exactly that plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quarterdeck_protocol.codes import QuarterdeckError

if TYPE_CHECKING:
    from quarterdeck_protocol.frames import Plain

    from .conftest import House, Shell

PLAN: Plain = {
    "id": "",
    "scope": "run:r3",
    "status": "",
    "plan_hash": "abc",
    "dry_run": True,
    "items": [
        {"action": "a4", "summary": "Post it", "way": "correct", "says": "it cannot be taken down"},
        {"action": "a3", "summary": "Pay", "way": "compensate", "says": "the payment is asked back"},
        {"action": "a2", "summary": "Call", "way": "cannot", "says": "phone.call has no way back"},
    ],
    "records": {"total": 2, "to": 40, "scope": "run:r3", "words": "quarterdeck rewind 40 --scope run:r3"},
}
BEGUN: Plain = {
    "id": "u1",
    "scope": "run:r3",
    "status": "compensating",
    "items": [
        {"action": "a4", "state": "compensating", "by": "a5", "by_status": "proposed"},
        {"action": "a3", "state": "compensated", "by": "a6", "by_status": "succeeded"},
        {"action": "a2", "state": "cannot"},
    ],
    "records": PLAN["records"],
}
SHOWN = """\
a4    corrected, stays in the world Post it
      it cannot be taken down
a3    taken back                    Pay
      the payment is asked back
a2    stays                         Call
      phone.call has no way back
its 2 records in memory: quarterdeck rewind 40 --scope run:r3
plan abc
"""


def planned(house: House, method: str = "undo.start") -> None:
    house.answers[method] = lambda params: PLAN if params.get("dry_run") else BEGUN


def test_a_dry_run_shows_what_goes_and_what_stays_and_why(house: House, shell: Shell) -> None:
    planned(house)
    ran = shell("undo", "run:r3", "--dry-run")
    assert (ran.status, ran.out) == (0, SHOWN)
    assert house.calls("undo.start") == [{"scope": "run:r3", "dry_run": True}]


def test_the_plan_is_shown_first_and_then_exactly_that_plan_is_begun(house: House, shell: Shell) -> None:
    planned(house)
    ran = shell("undo", "r3", "--yes", "--reason", "wrong client")
    assert (ran.status, ran.out) == (0, SHOWN + "u1: 1 of 3 taken back, 1 under way, 1 cannot be\n")
    assert house.calls("undo.start")[1] == {"scope": "run:r3", "plan_hash": "abc", "reason": "wrong client"}
    assert "next: quarterdeck approve a5" in ran.err
    assert "undo: quarterdeck undo u1" in ran.err


def test_without_anybody_to_ask_nothing_is_begun(house: House, shell: Shell) -> None:
    planned(house)
    ran = shell("undo", "run:r3", "--no-input")
    assert ran.status == 2
    assert house.calls("undo.start") == [{"scope": "run:r3", "dry_run": True}]


def test_a_rollback_is_an_undo_of_a_run(house: House, shell: Shell) -> None:
    planned(house, "run.rollback")
    assert shell("runs", "rollback", "r3", "--yes").status == 0
    assert house.calls("run.rollback")[1] == {"id": "r3", "plan_hash": "abc", "reason": ""}


def test_a_time_and_an_agent_are_scopes(house: House, shell: Shell) -> None:
    planned(house)
    assert shell("undo", "agent:outreach", "--since", "2026-11-20T10:00:00Z", "--dry-run").status == 0
    assert shell("undo", "--from", "2026-11-20T10:00:00Z", "--to", "2026-11-20T11:00:00Z", "--dry-run").status == 0
    first, second = house.calls("undo.start")
    assert first == {"scope": "agent:outreach", "since": "2026-11-20T10:00:00Z", "dry_run": True}
    assert (second["scope"], second["until"]) == ("everything", "2026-11-20T11:00:00Z")


def test_words_that_name_nothing_are_refused_before_anybody_is_asked(house: House, shell: Shell) -> None:
    assert [shell("undo", *words).status for words in ((), ("rubbish",), ("x9",), ("a",))] == [2, 2, 2, 2]
    assert house.asked == []


def test_resume_takes_runs_and_actions_by_name(house: House, shell: Shell) -> None:
    house.answers["stop.release"] = {"stopped": False, "epoch": 5, "paused_runs": ["r8"], "held_back": ["a18"]}
    ran = shell("resume", "r7", "a17", "--runs", "r9,r10", "--reason", "checked")
    assert (ran.status, ran.out) == (0, "open again; kept back: r8, a18\n")
    assert house.calls("stop.release") == [{"reason": "checked", "runs": ["r7", "r9", "r10"], "actions": ["a17"]}]


def test_what_was_kept_back_is_let_go_later(house: House, shell: Shell) -> None:
    house.answers["stop.release"] = QuarterdeckError("conflict", "nothing is stopped")
    house.answers["stop.let_go"] = {"actions": ["a18"], "runs": []}
    ran = shell("resume", "a18", "--reason", "fine")
    assert (ran.status, ran.out) == (0, "goes on: a18\n")
    assert house.calls("stop.let_go") == [{"reason": "fine", "actions": ["a18"]}]
    assert shell("resume").status == 8, "nothing is stopped and nothing was named"


def test_the_last_stop_is_shown_with_what_it_met(house: House, shell: Shell) -> None:
    row: Plain = {"id": "a3", "summary": "Pay", "then": "sent", "now": "unknown", "run": "r1", "held_back": ""}
    house.answers["stop.state"] = {
        "stopped": True, "epoch": 3, "reason": "look", "by": "operator", "at": None, "actions": [row],
    }  # fmt: skip
    ran = shell("stop", "--show")
    assert ran.status == 0
    assert ran.out.splitlines()[0] == "stopped (epoch 3): look, by operator"
    assert ran.out.splitlines()[2].split() == ["a3", "sent", "unknown", "Pay"]


def test_a_practice_opens_again_only_what_it_closed(closed_house: House, shell: Shell) -> None:
    house = closed_house
    house.control["supervisor.status"] = {"fence": {"epoch": 6, "stopped": False}}
    house.control["stop.engage"] = {"epoch": 7, "killed": [11]}
    house.control["stop.release"] = {"epoch": 8, "stopped": False}
    house.open(control=True)
    ran = shell("stop", "--practice")
    assert ran.status == 0
    assert ran.out.startswith("stopped in ")
    assert house.control_asked[-1].params == {"reason": "practice over", "by": "practice", "epoch": 7}


def test_a_practice_leaves_a_real_stop_alone(closed_house: House, shell: Shell) -> None:
    house = closed_house
    house.control["supervisor.status"] = {"fence": {"epoch": 6, "stopped": True}}
    house.open(control=True)
    assert shell("stop", "--practice").status == 8
    assert [one.method for one in house.control_asked] == ["supervisor.status"]


@pytest.mark.parametrize(
    ("words", "method", "said"),
    [
        ("runs pause r47", "run.pause", "paused r47; no further step begins"),
        ("runs cancel r47", "run.cancel", "cancelled r47; what it proposed and has not left is withdrawn"),
        ("runs kill r47", "run.kill", "killed r47; its workers are ended, too"),
        ("runs skip r47 send", "run.skip_step", "skipped send of r47; the run goes on without it"),
        ("schedules pause s2", "schedule.pause", "paused s2; it starts nothing"),
        ("dead drop dead2", "deadletter.resolve", "dropped dead2"),
    ],
)
def test_who_steers_is_told_in_the_past_tense_what_came_of_it(
    words: str, method: str, said: str, house: House, shell: Shell
) -> None:
    house.answers[method] = {"id": words.split()[2], "seq": 8}
    ran = shell(*words.split())
    assert (ran.status, ran.out) == (0, f"{said}\n")
    assert shell(*words.split(), "--dry-run").out.startswith(f"would {words.split()[1]} ")


def test_an_undo_of_a_yes_to_a_question_says_that_only_the_whole_run_can_be_taken_back(
    house: House, shell: Shell
) -> None:
    ran = shell("undo", "r3/review")
    assert ran.status == 2
    assert "the run has gone on with it" in ran.err
    assert "`quarterdeck undo r3` takes back everything that r3 did" in ran.err
    assert not house.calls("undo.start")
