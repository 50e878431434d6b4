"""The report about agents: counted from the log, compared with their own past by the stated rule."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import AnnounceReport, Remember
from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import Alert, Plain
from quarterdeck_daemon.service.conduct import conduct
from quarterdeck_daemon.service.report_notices import announce, last_us
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.events import Event

from .reading_house import reading

DAY_US = 86_400_000_000
WEEK_US = 7 * DAY_US
NOW_US = 40 * DAY_US


class Log:
    """Events as the kernel writes them, at the times that a test wants."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.steps = self.actions = 0
        self.add(0, "workspace.configured", {})

    def add(self, at_us: int, kind: str, body: Plain, actor: str = "kernel", run: str = "r1") -> None:
        seq = self.store.head.seq + 1
        event = Event(seq=seq, id=f"e{seq}", at_us=at_us, kind=kind, actor=actor, body=body, run=run)
        self.store.append([Commit(events=(event,), touched=((),))])

    def step(self, at_us: int, agent: str, ends: str = "succeeded", failure: str = "") -> None:
        self.steps += 1
        name = f"s{self.steps}"
        self.add(at_us, "step.started", {"step": name, "agent": agent})
        error: Plain = {"error": {"failure": failure}} if failure else {}
        self.add(at_us + 2_000_000, f"step.{ends}", {"step": name, **error})

    def action(self, at_us: int, agent: str, *then: tuple[str, Plain]) -> None:
        self.actions += 1
        id = f"a{self.actions}"
        self.add(at_us, "action.proposed", {"action": id, "agent": agent}, actor=f"agent:{agent}")
        for kind, body in then:
            self.add(at_us, kind, {"action": id, **body})

    def report(self) -> Plain:
        return conduct(self.store, NOW_US - WEEK_US, NOW_US, self.store.head.seq)

    def row(self, agent: str) -> Plain:
        items = self.report()["items"]
        assert isinstance(items, list)
        return next(row for row in items if row["id"] == agent)


def test_everything_an_agent_did_is_counted_once_under_what_became_of_it() -> None:
    log, at = Log(), NOW_US - DAY_US
    log.step(at, "composer")
    log.step(at, "composer", "failed", "crash")
    log.step(at, "composer", "retry_scheduled", "contract")
    log.action(at, "composer", ("approval.given", {}), ("action.compensated", {}))
    log.action(at, "composer", ("approval.given", {"args": {"x": 1}}), ("effect.failed", {}))
    log.action(at, "composer", ("approval.rejected", {}))
    log.action(at, "composer", ("action.permitted", {}), ("effect.unknown", {}))
    log.action(at, "composer", ("action.denied", {}))
    log.action(at, "composer", ("action.withdrawn", {}))
    log.action(at, "composer", ("action.expired", {}))
    log.add(at, "scope.refused", {"who": "agent:composer"})
    log.add(at, "scope.refused", {"who": "script"})
    assert log.row("composer") == {
        "id": "composer", "steps": 3, "succeeded": 1, "failures": {"crash": 1, "contract": 1}, "breaches": 1, "proposed": 7,
        "approved": 1, "edited": 1, "rejected": 1, "unasked": 1, "denied": 1, "withdrawn": 1, "expired": 1,
        "effects_failed": 1, "unknown": 1, "undone": 1, "out_of_scope": 1, "ms": 6_000,
        "unusual": ["proposed 7, before 0"],
    }  # fmt: skip


def test_what_lies_outside_the_stretch_is_not_counted() -> None:
    log = Log()
    log.step(NOW_US - WEEK_US - DAY_US, "composer")
    log.step(NOW_US, "composer")
    assert log.report()["items"] == []


@pytest.mark.parametrize(("now", "unusual"), [(4, 0), (16, 0), (17, 1), (60, 1)])
def test_only_what_is_far_above_its_own_past_is_unusual(now: int, unusual: int) -> None:
    """Four stretches with 6 each: the rule asks for more than 6 + 3 + 3 times the root of 6, which is 16.3."""
    log = Log()
    for stretch in range(1, 5):
        for number in range(6):
            log.step(NOW_US - WEEK_US * stretch - number - 1, "composer")
    for number in range(now):
        log.step(NOW_US - DAY_US + number, "composer")
    assert len(log.row("composer")["unusual"]) == unusual  # type: ignore[arg-type]  # A list of sentences.
    assert log.report()["unusual"] == unusual


def test_a_young_log_has_no_past_to_be_unlike_of() -> None:
    """What was not there yet is no past of zeros: the first busy week warns of nothing."""
    log = Log()
    log.store = InMemoryStore()
    log.add(NOW_US - 8 * DAY_US, "workspace.configured", {})
    for number in range(100):
        log.step(NOW_US - DAY_US + number, "composer")
    assert (log.report()["stretches"], log.report()["unusual"]) == (0, 0)


async def test_a_new_report_takes_the_place_of_the_one_before() -> None:
    async with reading() as house:
        await house.do(AnnounceReport(text="first"), actor="kernel")
        await house.do(AnnounceReport(text="second", unusual=True), actor="kernel")
        alerts = [(one.text, one.level, one.resolved) for one in house.store.scan(Alert)]
    assert alerts == [("first", "info", "there is a newer report"), ("second", "warning", "")]


async def test_a_period_is_announced_from_the_log_and_the_next_one_counts_from_there() -> None:
    async with reading() as house:
        await house.do(Remember(text="the log begins"))
        began = house.now_us
        assert last_us(house.house) == began
        house.now_us += WEEK_US
        await announce(house.house, began, house.now_us)
        (alert,) = house.store.scan(Alert)
        assert (alert.level, alert.hint) == ("info", "quarterdeck audit report --since 7d")
        assert alert.text.startswith("what agents did in the last 7d: 0 steps")
        assert alert.text.endswith("nothing unusual")
        assert last_us(house.house) == house.now_us
