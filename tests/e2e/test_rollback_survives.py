"""A rollback that is cut off at any point goes on by itself, and takes each effect back once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .practice_house import WAIT_S, PracticeHouse, practice_house
from .quarters import Plain, approvals, approve, until

KILLED_AT = ["daemon.before_order", "effect.after_wire", "daemon.before_outcome", "daemon.after_outcome"]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("crash_points")]


@pytest.fixture(scope="module")
def house() -> Iterator[PracticeHouse]:
    with tempfile.TemporaryDirectory(prefix="qd-") as folder, practice_house(Path(folder).resolve()) as house:
        yield house


def items(found: Plain) -> list[Plain]:
    rows = found["items"]
    assert isinstance(rows, list)
    return rows


def finish(house: PracticeHouse, id: str) -> Plain:
    """Say yes to what waits until the undoing is over."""
    found: Plain = {}

    def over() -> bool:
        nonlocal found
        if not house.answers():
            return False
        with house.client() as client:
            if waiting := approvals(client):
                approve(client, waiting)
            found = client.call("undo.get", {"id": id}).result
        return found["status"] != "compensating"

    assert until(over, WAIT_S), found
    return found


def run_of(house: PracticeHouse, *names: str) -> str:
    ids = house.act(*names)
    for id in ids:
        house.ends_as(id, "succeeded")
    return str(house.action(ids[0])["run"])


@pytest.mark.parametrize("point", KILLED_AT)
def test_a_rollback_that_is_killed_midway_takes_everything_back_once(house: PracticeHouse, point: str) -> None:
    notes = house.folder / "notes/plan.md"
    notes.write_text("old")
    before = {verb: len(house.server.effects(verb)) for verb in ("refund", "cancel")}
    run = run_of(house, "files.write", "practice.book", "practice.pay")
    with house.client() as client:
        plan = client.call("run.rollback", {"id": run, "dry_run": True}).result
        assert [row["way"] for row in items(plan)] == ["compensate"] * 3
        house.fault(point)
        begun = client.call("run.rollback", {"id": run, "plan_hash": plan["plan_hash"], "reason": "wrong"}).result
    found = finish(house, str(begun["id"]))
    assert house.fault_has_struck(), f"nobody passed {point}"
    assert (found["status"], {row["state"] for row in items(found)}) == ("compensated", {"compensated"})
    after = {verb: len(house.server.effects(verb)) - before[verb] for verb in before}
    assert (after, notes.read_text()) == ({"refund": 1, "cancel": 1}, "old")


def test_what_a_server_refuses_to_take_back_has_a_state_and_can_be_tried_again(house: PracticeHouse) -> None:
    run = run_of(house, "practice.book")
    house.server.ill("refuse")
    with house.client() as client:
        begun = client.call("run.rollback", {"id": run}).result
    failed = finish(house, str(begun["id"]))
    (row,) = items(failed)
    assert (failed["status"], row["state"], row["status"]) == (
        "compensation_failed",
        "compensation_failed",
        "compensation_failed",
    )
    assert "we do not take this" in str(row["says"])
    with house.client() as client:
        again = client.call("run.rollback", {"id": run}).result
    assert finish(house, str(again["id"]))["status"] == "compensated"


def test_an_undo_is_undone(house: PracticeHouse) -> None:
    notes = house.folder / "notes/plan.md"
    notes.write_text("old")
    run = run_of(house, "files.write")
    assert notes.read_text() == "new"
    with house.client() as client:
        first = client.call("undo.start", {"scope": f"run:{run}"}).result
    finish(house, str(first["id"]))
    assert notes.read_text() == "old"
    with house.client() as client:
        second = client.call("undo.start", {"scope": f"undoing:{first['id']}"}).result
    finish(house, str(second["id"]))
    assert notes.read_text() == "new"
