"""kill -9 at every named point, for each class: what the other side counted in the end.

One house for all points: a file names the point, whoever passes it dies there, its successor finds out. A and B end
in exactly one effect. C ends in at most one, and is `unknown` where nobody can say. The twin, whose effector neither
keeps a journal's word nor looks nor uses a stable key, does each thing twice wherever the crash comes after the wire.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.connectors.faults import POINTS

from .practice_house import WAIT_S, PracticeHouse, practice_house
from .quarters import until

CLASSES = {"A": "practice.pay", "B": "practice.book", "C": "practice.post"}
SWEPT = [point for point in POINTS if point.split(".")[0] in ("daemon", "effect", "practice")]
# Where a crash leaves `started` in the journal without an outcome: of class C nobody can say more. How many happened.
IN_DOUBT = {
    "effect.after_journal": 0,
    "effect.before_wire": 0,
    "practice.before_send": 0,
    "practice.after_answer": 1,
    "effect.after_wire": 1,
    "effect.before_outcome": 1,
}
# Where the effect has happened, or happens meanwhile, and the order is given again.
TWICE = [
    "daemon.before_started",
    "daemon.after_started",
    "practice.after_answer",
    "effect.after_wire",
    "effect.before_outcome",
    "effect.after_outcome_before_answer",
    "daemon.before_outcome",
]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("crash_points")]


@pytest.fixture(scope="module")
def house() -> Iterator[PracticeHouse]:
    with tempfile.TemporaryDirectory(prefix="qd-") as folder, practice_house(Path(folder).resolve()) as house:
        yield house


@pytest.fixture(scope="module")
def twin() -> Iterator[PracticeHouse]:
    env = {"QUARTERDECK_TWIN": "no-lookup"}
    with tempfile.TemporaryDirectory(prefix="qd-") as folder, practice_house(Path(folder).resolve(), env) as house:
        yield house


def crash(house: PracticeHouse, point: str, name: str) -> tuple[str, int]:
    """Die at the point while doing one thing; return how it ended and how often the other side did it."""
    verb = name.partition(".")[2]
    before = len(house.server.effects(verb))
    house.fault(point)
    (id,) = house.act(name)
    assert until(house.fault_has_struck, WAIT_S), f"nobody passed {point}"
    status = house.ends_as(id, "succeeded", "failed", "unknown" if verb == "post" else "succeeded")
    return status, len(house.server.effects(verb)) - before


@pytest.mark.parametrize("effect_class", sorted(CLASSES))
@pytest.mark.parametrize("point", SWEPT)
def test_a_crash_at_any_point_does_nothing_twice_and_loses_nothing(
    house: PracticeHouse, point: str, effect_class: str
) -> None:
    ended = crash(house, point, CLASSES[effect_class])
    if effect_class == "C" and point in IN_DOUBT:
        assert ended == ("unknown", IN_DOUBT[point])
    else:
        assert ended == ("succeeded", 1)


@pytest.mark.parametrize("effect_class", sorted(CLASSES))
@pytest.mark.parametrize("point", TWICE)
def test_without_journal_look_and_key_the_same_crash_does_it_twice(
    twin: PracticeHouse, point: str, effect_class: str
) -> None:
    assert crash(twin, point, CLASSES[effect_class]) == ("succeeded", 2)
