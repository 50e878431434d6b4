"""Schedules: each time is dealt with once, what was missed by policy, what overlaps by policy, all of it in the log."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core import firing, kernel, schedules
from quarterdeck_daemon.core.commands import (
    AssetFile,
    BecomeFork,
    Command,
    Configure,
    DocumentAnswered,
    EngageStop,
    LoadAssets,
    PutFact,
    PutSchedule,
    ReleaseStop,
    StartRun,
    SteerRun,
    SteerSchedule,
    Wake,
)
from quarterdeck_daemon.core.entities import Alert, Plain, Run, Schedule
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.orders import Parsed
from quarterdeck_daemon.core.turn import Env, Turn
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import Bench, rebuilt

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
TICK = """
name: lead
inputs: {day: {type: string}, fact: {type: string}}
steps:
  - {id: a, wait: {signal: go}}
"""


def bench() -> Bench:
    return Bench(playbook=TICK)


def put(on: Bench, **said: object) -> Schedule:
    command = PutSchedule(playbook="lead", **said)  # type: ignore[arg-type]  # Fields by name.
    schedule = on.store.get(Schedule, str(on.do(command)["id"]))
    assert schedule is not None
    return schedule


def now(on: Bench, id: str) -> Schedule:
    schedule = on.store.get(Schedule, id)
    assert schedule is not None
    return schedule


def told(on: Bench, *kinds: str) -> list[Plain]:
    return [event.body for event in on.store.events() if event.kind in kinds]


def end_runs(on: Bench) -> None:
    for run in list(on.store.live(Run)):
        on.do(SteerRun(id=run.id, verb="cancel"))


def test_a_time_is_run_once_and_says_what_the_wall_showed() -> None:
    on = bench()
    put(on, id="daily", cron="0 9 * * *", zone="Europe/Berlin", inputs={"day": "${schedule.date}"})
    on.pass_time(17 * HOUR_US)
    (fired,) = told(on, "schedule.fired")
    assert (fired["wall"], fired["zone"]) == ("2026-09-22T09:00:00+02:00[Europe/Berlin]", "Europe/Berlin")
    run = on.store.get(Run, str(fired["run"]))
    assert run is not None
    assert (run.origin, run.inputs) == ("schedule:daily", {"day": "2026-09-22"})
    on.pass_time(0)
    on.do(Wake(entity="schedule:daily", due_us=on.now_us))
    assert len(told(on, "schedule.fired")) == 1, "the same moment rung again brings nothing"
    assert list(rebuilt(on.store).scan(Schedule)) == list(on.store.scan(Schedule))


@pytest.mark.parametrize(
    ("missed", "began", "counted"), [("skip", 0, 5), ("once", 1, 4), ("all", 3, 2)]
)  # fmt: skip
def test_after_a_sleep_of_five_times_the_policy_says_what_is_made_up_for(
    missed: str, began: int, counted: int
) -> None:
    on = bench()
    put(on, id="hourly", every="1h", missed=missed, missed_max=3, overlap="allow")
    on.pass_time(5 * HOUR_US + 600_000_000)
    assert len(told(on, "schedule.fired")) == began
    assert sum(int(str(body["count"])) for body in told(on, "schedule.missed")) == counted
    ahead = now(on, "hourly")
    assert ahead.next_us == on.now_us - 600_000_000 + HOUR_US
    on.pass_time(HOUR_US - 600_000_000)
    assert len(told(on, "schedule.fired")) == began + 1, "the next one is on time"


def test_a_jump_of_ten_years_makes_up_for_no_more_than_is_stated() -> None:
    on = bench()
    put(on, id="often", cron="* * * * *", missed="all", missed_max=5, overlap="allow")
    on.pass_time(3_653 * DAY_US)
    assert len(told(on, "schedule.fired")) == 5
    (missed,) = told(on, "schedule.missed")
    assert (missed["count"], missed["more"]) == (firing.LOOKED_MAX - 5, True)


def set_back(on: Bench, us: int) -> None:
    """The clock is set back, and every schedule is looked at as if it were its time."""
    on.now_us -= us
    for schedule in list(on.store.live(Schedule)):
        on.do(Wake(entity=f"schedule:{schedule.id}", due_us=on.now_us))


def repeated(on: Bench) -> bool:
    """Whether some time was run for twice, after two days, a day set back, and that day once more."""
    put(on, id="daily", cron="0 9 * * *", overlap="allow")
    for _ in range(48):
        on.pass_time(HOUR_US)
    set_back(on, DAY_US)
    for _ in range(48):
        on.pass_time(HOUR_US)
    times = [body["nominal_us"] for body in told(on, "schedule.fired")]
    assert times
    return len(times) > len(set(times))


def test_a_clock_that_is_set_back_brings_nothing_twice() -> None:
    assert not repeated(bench())


def test_twin_without_what_was_dealt_with_the_day_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next time is worked out from now alone, as a simple timer would."""
    on = bench()
    whole = firing.wake

    def forgetful(turn: Turn, schedule: Schedule) -> None:
        times = schedules.ahead(turn, schedule, turn.env.now_us)
        if times["next_us"] is not None and schedule.next_us is not None and times["next_us"] < schedule.next_us:
            body: Plain = {"id": schedule.id, "paused": False, "last_us": 0, **times}
            turn.emit("schedule.resumed", body)
            return
        whole(turn, schedule)

    monkeypatch.setattr(firing, "wake", forgetful)
    assert repeated(on)


def test_a_clock_far_ahead_is_told_of_and_resume_counts_from_now() -> None:
    on = bench()
    put(on, id="daily", cron="0 9 * * *", overlap="allow")
    began_us = on.now_us
    on.pass_time(400 * DAY_US)
    last_us, on.now_us = on.now_us, began_us
    decision = decide(
        on.store, StartRun(playbook="lead"), Env(now_us=on.now_us, last_us=last_us), head=on.store.head.seq, actor="x"
    )
    on.store.append([decision.commit])
    assert [alert.topic for alert in on.store.live(Alert)] == [schedules.CLOCK_TOPIC]
    on.do(SteerSchedule(id="daily", verb="resume"))
    assert list(on.store.live(Alert)) == []
    assert now(on, "daily").next_us == began_us - began_us % DAY_US + DAY_US + 9 * HOUR_US - (
        0 if began_us % DAY_US >= 9 * HOUR_US else DAY_US
    )


@pytest.mark.parametrize(("overlap", "kinds"), [
    ("skip", ["schedule.fired", "schedule.skipped", "schedule.skipped"]),
    ("queue", ["schedule.fired", "schedule.queued", "schedule.queued"]),
    ("allow", ["schedule.fired", "schedule.fired", "schedule.fired"]),
])  # fmt: skip
def test_while_the_run_before_lives_the_policy_says_what_is_done(overlap: str, kinds: list[str]) -> None:
    on = bench()
    put(on, id="hourly", every="1h", overlap=overlap)
    for _ in range(3):
        on.pass_time(HOUR_US)
    assert [kind for kind in on.kinds() if kind.startswith("schedule.") and kind != "schedule.put"] == kinds
    for _ in range(3):
        end_runs(on)
    assert len(told(on, "schedule.fired")) == {"skip": 1, "queue": 3, "allow": 3}[overlap]
    assert now(on, "hourly").queued == ()


def test_paused_it_starts_nothing_and_resumed_it_makes_up_for_nothing() -> None:
    on = bench()
    put(on, id="hourly", every="1h", missed="all")
    on.do(SteerSchedule(id="hourly", verb="pause"))
    on.pass_time(10 * HOUR_US)
    on.do(SteerSchedule(id="hourly", verb="resume"))
    on.pass_time(HOUR_US)
    assert len(told(on, "schedule.fired")) == 1
    with pytest.raises(QuarterdeckError, match="not paused"):
        on.do(SteerSchedule(id="hourly", verb="resume"))


def test_what_happens_once_is_over_afterwards() -> None:
    on = bench()
    put(on, id="once", at="2026-09-21T16:00", zone="UTC")
    on.pass_time(3 * HOUR_US)
    assert (now(on, "once").over, now(on, "once").live, now(on, "once").fired) == (True, False, 1)
    with pytest.raises(QuarterdeckError, match="no time from now on"):
        put(on, id="late", at="2026-09-21T16:00", zone="UTC")


def test_jitter_and_window_begin_later_and_say_so() -> None:
    on = bench()
    schedule = put(on, id="night", cron="0 12 * * *", zone="UTC", jitter="1h", window="22:00-06:00", priority="batch")
    assert schedule.next_us is not None
    assert schedule.wake_us == schedule.next_us + 10 * HOUR_US
    on.pass_time(schedule.wake_us - on.now_us - 1)
    assert told(on, "schedule.fired") == []
    on.pass_time(2)
    (fired,) = told(on, "schedule.fired")
    run = on.store.get(Run, str(fired["run"]))
    assert run is not None
    assert (run.priority, fired["late_ms"]) == ("batch", 10 * 3_600_000)


def test_the_houses_window_is_that_of_batch_work_without_one() -> None:
    on = bench()
    on.do(configured(batch_window="22:00-06:00"))
    batch, normal = put(on, cron="0 12 * * *", priority="batch"), put(on, cron="0 12 * * *")
    assert batch.next_us == normal.next_us
    assert batch.next_us is not None
    assert (batch.wake_us, normal.wake_us) == (batch.next_us + 10 * HOUR_US, normal.next_us)


def configured(timezone: str = "UTC", batch_window: str = "") -> Command:
    return Configure(
        name="x",
        operator="x",
        timezone=timezone,
        hold_us=1,
        expires_us=1,
        step_deadline_ms=1,
        batch_window=batch_window,
    )


def test_a_workspace_that_moves_takes_schedules_along_that_name_no_zone() -> None:
    on = bench()
    put(on, id="here", cron="0 9 * * *")
    put(on, id="there", cron="0 9 * * *", zone="Asia/Tokyo")
    on.do(configured("America/New_York"))
    assert (now(on, "here").rule.zone, now(on, "there").rule.zone) == ("America/New_York", "Asia/Tokyo")
    zones = {body["id"]: body["wall"] for body in on_next_day(on)}
    assert {id: str(wall)[11:16] for id, wall in zones.items()} == {"here": "09:00", "there": "09:00"}


def on_next_day(on: Bench) -> list[Plain]:
    on.pass_time(DAY_US)
    return told(on, "schedule.fired")


def test_a_run_follows_from_news_that_fits_with_the_news_trust() -> None:
    on = bench()
    put(on, id="invoices", after="fact.asserted", when="fact.kind == 'invoice'", inputs={"day": "${fact.value.due}"})
    on.do(PutFact(fact_kind="note", key="1", value={}))
    on.do(PutFact(fact_kind="invoice", key="7", value={"due": "2026-12-01"}))
    (fired,) = told(on, "schedule.fired")
    run = on.store.get(Run, str(fired["run"]))
    assert run is not None
    assert run.inputs == {"day": "2026-12-01", "fact": "invoice/7"}
    on.do(PutFact(fact_kind="invoice", key="8", value={}))
    (refused,) = told(on, "schedule.refused")
    assert "due" in str(refused["reason"])
    assert [alert.topic for alert in on.store.live(Alert)] == ["schedule.refused/invoices"]


def test_runs_that_follow_from_each_other_end_after_a_stated_number() -> None:
    """A schedule that answers to its own runs goes round only so often, and says so."""
    on = Bench(playbook="name: lead\nsteps:\n  - {id: a, when: 'false', wait: {signal: go}}\n")
    put(on, id="circle", after="run.ended")
    on.do(StartRun(playbook="lead"))
    assert len(told(on, "schedule.fired")) == firing.CHAIN_MAX
    assert len(told(on, "schedule.skipped")) == 1
    assert [alert.topic for alert in on.store.live(Alert)] == ["schedule.circle/circle"]


def test_twin_without_the_bound_the_circle_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firing, "CHAIN_MAX", 1_000_000)
    monkeypatch.setattr(kernel, "FOLLOWING_MAX", 500)
    on = Bench(playbook="name: lead\nsteps:\n  - {id: a, when: 'false', wait: {signal: go}}\n")
    put(on, id="circle", after="run.ended")
    with pytest.raises(QuarterdeckError, match="led to more than"):
        on.do(StartRun(playbook="lead"))


IN_FILE = """
name: lead
inputs: {day: {type: string}}
schedules:
  - {id: daily, cron: "0 9 * * *", zone: Europe/Berlin}
  - {every: 2h, priority: batch}
on:
  - {event: run.ended, when: "run.playbook == 'other'"}
steps:
  - {id: a, wait: {signal: go}}
"""


def load(on: Bench, text: str) -> Plain:
    file = AssetFile(asset_kind="playbook", name="lead", path="playbooks/lead.yaml", text=text, hash=text_hash(text))
    return on.do(LoadAssets(files=(file,)))


def test_a_files_schedules_come_change_and_go_with_it() -> None:
    on = bench()
    load(on, IN_FILE)
    assert [schedule.id for schedule in on.store.live(Schedule)] == ["lead.2", "lead.daily", "lead.on1"]
    on.do(SteerSchedule(id="lead.2", verb="pause"))
    before = now(on, "lead.daily")
    load(on, IN_FILE.replace("every: 2h", "every: 3h"))
    assert (now(on, "lead.2").rule.text, now(on, "lead.2").paused, now(on, "lead.daily")) == ("3h", True, before)
    for id in ("lead.daily", "lead.2"):
        with pytest.raises(QuarterdeckError, match="stands in the playbook"):
            on.do(SteerSchedule(id=id, verb="remove"))
    load(on, TICK)
    assert list(on.store.live(Schedule)) == []
    assert list(rebuilt(on.store).scan(Schedule)) == list(on.store.scan(Schedule))


@pytest.mark.parametrize("line", [
    "  - {id: x}", "  - {cron: '* * *'}", "  - {every: 2h, at: 2026-01-01}", "  - {every: 2h, when: 'true'}",
    "  - {after: nothing}", "  - {every: 2h, inputs: {nope: 1}}", "  - {every: 2h, missed_max: 0}",
    "  - {every: 2h, window: never}", "  - {every: 2h, missed: perhaps}", "  - {every: 2h, zone: Mars/Base}",
])  # fmt: skip
def test_a_file_whose_schedule_cannot_be_kept_is_refused_as_a_whole(line: str) -> None:
    on = bench()
    refused = load(on, IN_FILE.replace("schedules:\n", f"schedules:\n{line}\n"))["refused"]
    assert isinstance(refused, list)
    assert len(refused) == 1
    assert list(on.store.live(Schedule)) == []


def test_a_fork_runs_nothing_that_its_origin_runs() -> None:
    on = bench()
    put(on, id="hourly", every="1h")
    on.do(BecomeFork(fork="f1", forked_from="w", at_seq=on.store.head.seq, epoch=1))
    on.do(ReleaseStop(epoch=2, reason="try"))
    on.pass_time(10 * HOUR_US)
    assert (now(on, "hourly").paused, told(on, "schedule.fired")) == (True, [])


def test_while_all_is_stopped_nothing_begins_and_afterwards_the_policy_holds() -> None:
    on = bench()
    put(on, id="hourly", every="1h")
    on.do(EngageStop(epoch=1, reason="stop"))
    on.pass_time(5 * HOUR_US)
    on.do(Wake(entity="schedule:hourly", due_us=on.now_us))
    assert told(on, "schedule.fired", "schedule.missed") == []
    on.do(ReleaseStop(epoch=2, reason="on"))
    on.pass_time(0)
    assert (len(told(on, "schedule.fired")), now(on, "hourly").missed_count) == (1, 4)


def test_a_mail_brings_what_its_trigger_says_besides_the_document() -> None:
    text = """
name: lead
on:
  - {event: mail.received, inputs: {day: "${doc.title}"}}
inputs: {document: {type: string, required: true}, day: {type: string}}
steps:
  - {id: a, wait: {signal: go}}
"""
    on = Bench(playbook=text)
    document = on.receive_mail()
    parsed = Parsed(title="Monday", text="x", meta={})
    on.do(DocumentAnswered(document=document, outcome=parsed), actor="worker")
    assert [run.inputs for run in on.store.live(Run)] == [{"document": document, "day": "Monday"}]


def test_a_schedule_that_comes_back_into_its_file_begins_anew() -> None:
    """It makes up for nothing of the time in which it stood nowhere."""
    on = bench()
    load(on, IN_FILE)
    load(on, TICK)
    on.pass_time(30 * DAY_US)
    load(on, IN_FILE)
    on.pass_time(0)
    assert told(on, "schedule.fired", "schedule.missed") == []
    assert [one.next_us is None or one.next_us > on.now_us for one in on.store.live(Schedule)] == [True, True, True]
