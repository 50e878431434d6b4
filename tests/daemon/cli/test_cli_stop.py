"""stop: three ways, one of which is always open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import daemon_file

if TYPE_CHECKING:
    from .conftest import House, Shell


def test_stop_works_while_the_daemon_hangs(closed_house: House, shell: Shell) -> None:
    """The daemon reads requests and never answers; the supervisor's socket does."""
    closed_house.control["stop.engage"] = {"epoch": 3, "killed": [11]}
    closed_house.open(control=True)
    closed_house.control["stop.engage"] = {"epoch": 3, "killed": [11]}
    ran = shell("stop", "--reason", "wrong price list", "--kill")
    assert (ran.status, ran.out) == (0, "stopped (epoch 3), 1 process ended\n")
    assert closed_house.control_asked[0].params == {"reason": "wrong price list", "kill": True}
    assert closed_house.asked == []


def test_without_a_supervisor_the_daemon_is_asked(house: House, shell: Shell) -> None:
    house.answers["stop.engage"] = {"stopped": True, "epoch": 4, "in_flight": ["a3"]}
    ran = shell("stop")
    assert (ran.status, ran.out) == (0, "stopped (epoch 4), were on the wire: a3\n")
    assert "not by the supervisor" in ran.err


def test_when_nobody_answers_a_file_stops_it(house: House, shell: Shell) -> None:
    house.mute = True
    ran = shell("stop", "--json", "--reason", "enough")
    flag = house.workspace / ".quarterdeck" / "STOP"
    assert ran.status == 0
    assert (ran.json["by_way_of"], ran.json["flag"]) == ("file", str(flag))
    assert flag.read_text() == "enough\n"


def test_when_nothing_runs_the_file_stops_the_next_start(shell: Shell) -> None:
    assert shell("stop").status == 0
    assert (shell.folder / ".quarterdeck" / "STOP").exists()
    assert shell("resume", "--reason", "checked").status == 0
    assert not (shell.folder / ".quarterdeck" / "STOP").exists()


def test_a_dry_run_stops_nothing(shell: Shell) -> None:
    assert shell("stop", "--dry-run").status == 0
    assert not (shell.folder / ".quarterdeck").exists()


def test_resume_may_say_why_and_name_runs(house: House, shell: Shell) -> None:
    house.answers["stop.release"] = {"stopped": False, "epoch": 5}
    assert shell("resume").status == 0
    assert shell("resume", "--reason", "checked", "--run", "r7").status == 0
    assert house.calls("stop.release") == [
        {"reason": "resumed from the command line"},
        {"reason": "checked", "runs": ["r7"]},
    ]


def test_while_the_daemon_is_down_the_supervisor_opens_again(closed_house: House, shell: Shell) -> None:
    closed_house.control["stop.release"] = {"epoch": 5, "changed": True}
    closed_house.open(control=True)
    daemon_file(closed_house.workspace).unlink()
    assert shell("resume", "--reason", "checked").status == 0
    assert closed_house.control_asked[0].params == {"reason": "checked"}
    assert shell("resume", "--reason", "checked", "--run", "r7").status == 6


def test_the_status_tells_a_stop_by_file_and_by_fence(shell: Shell) -> None:
    state = shell.folder / ".quarterdeck"
    state.mkdir()
    (state / "STOP").write_text("")
    assert shell("status", "--short").out == "STOPPED, down\n"
    (state / "STOP").unlink()
    (state / "fence").write_text('{"epoch":3,"stopped":true,"reason":"wrong price list"}')
    assert "outward    STOPPED: wrong price list\n" in shell("status").out


def test_what_is_stopped_exits_with_7(house: House, shell: Shell) -> None:
    house.answers["run.start"] = QuarterdeckError("stopped", "everything is stopped", hint="quarterdeck resume")
    assert shell("run", "lead-to-outreach").status == 7
    house.answers["system.status"] = {"running": True, "stopped": True, "stop_reason": "wrong price list"}
    ran = shell("status")
    assert ran.status == 0
    assert "outward    STOPPED: wrong price list" in ran.out
    assert shell("status", "--short").out.startswith("STOPPED, ")
