"""Children that die are replaced; those that keep dying are tried seldom."""

from __future__ import annotations

import os
import signal

import pytest

from quarterdeck_daemon.service.child import Patience, Restarts

from .office import Office, is_gone, until

EAGER = {"first_s": 0.01, "longest_s": 0.02}


@pytest.mark.parametrize("name", ["daemon", "effector", "indexer", "worker-1"])
def test_a_killed_child_is_replaced(office: Office, name: str) -> None:
    office.open()
    before = office.pid(name)
    os.kill(before, signal.SIGKILL)
    until(lambda: office.pid(name) not in (0, before))
    assert office.children()[name]["restarts"] == 1


def test_twin_without_succession_the_place_stays_empty(office: Office) -> None:
    office.open(without=["restart"])
    os.kill(office.pid("effector"), signal.SIGKILL)
    until(lambda: office.pid("effector") == 0)
    os.kill(office.pid("worker-1"), signal.SIGKILL)
    until(lambda: office.pid("worker-1") == 0)
    assert (office.pid("effector"), office.pid("worker-1")) == (0, 0)


def test_a_child_that_keeps_dying_is_shown_as_failing_and_harms_nobody(office: Office) -> None:
    office.open(commands={"worker": "dies"}, patience=EAGER)
    until(lambda: office.children()["worker-1"]["state"] == "failing")
    children = office.children()
    assert children["worker-1"]["restarts"] == Patience.deaths_max
    assert {name: children[name]["restarts"] for name in ("daemon", "effector")} == {"daemon": 0, "effector": 0}


def test_twin_without_the_breaker_it_is_started_again_and_again(office: Office) -> None:
    office.open(commands={"worker": "dies"}, patience={**EAGER, "deaths_max": 10**6})
    until(lambda: int(str(office.children()["worker-1"]["restarts"])) > Patience.deaths_max)


def test_what_a_child_left_behind_ends_with_it(office: Office) -> None:
    office.open(commands={"worker": "parent"})
    note = office.folder / "grandchild"
    until(lambda: note.exists() and note.read_text())
    grandchild = int(note.read_text())
    os.kill(office.pid("worker-1"), signal.SIGKILL)
    until(lambda: is_gone(grandchild))


def test_twin_without_the_group_kill_it_runs_on(office: Office) -> None:
    office.open(commands={"worker": "parent"}, without=["group_kill"])
    note = office.folder / "grandchild"
    until(lambda: note.exists() and note.read_text())
    grandchild, worker = int(note.read_text()), office.pid("worker-1")
    os.kill(worker, signal.SIGKILL)
    until(lambda: office.pid("worker-1") not in (0, worker))
    assert not is_gone(grandchild)


def test_the_wait_doubles_up_to_its_limit() -> None:
    record = Restarts(Patience(deaths_max=100))
    waits = [record.wait_after_death(now_s=float(at), alive_s=0.0) for at in range(8)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_thirty_seconds_of_life_clear_the_record() -> None:
    record = Restarts(Patience())
    for at in range(5):
        record.wait_after_death(float(at), 0.0)
    assert record.failing
    assert (record.wait_after_death(100.0, 30.0), record.failing) == (0.1, False)


def test_the_breaker_stays_open_until_a_child_has_lived() -> None:
    """Deaths half a minute apart never fill the window again, yet nothing got better."""
    record = Restarts(Patience())
    waits = [record.wait_after_death(at, 0.0) for at in (0.0, 1.0, 2.0, 3.0, 4.0, 34.0, 64.0, 94.0)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 30.0, 30.0, 30.0, 30.0]


def test_five_deaths_in_more_than_a_minute_are_no_pattern() -> None:
    record = Restarts(Patience())
    for at in (0.0, 20.0, 40.0, 60.0, 80.0):
        record.wait_after_death(at, 19.0)
    assert not record.failing
