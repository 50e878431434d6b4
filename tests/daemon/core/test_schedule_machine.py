"""Any order of waiting, sleeping, clocks set back, pauses, stops and endings keeps what schedules promise."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quarterdeck_daemon.almanac.rule import between
from quarterdeck_daemon.core import firing
from quarterdeck_daemon.core.commands import EngageStop, PutSchedule, ReleaseStop, SteerRun, SteerSchedule, Wake
from quarterdeck_daemon.core.entities import Run, Schedule, Stop

from .core_bench import Bench, rebuilt

PLAYBOOK = "name: lead\nsteps:\n  - {id: a, wait: {signal: go}}\n"
SECOND_US = 1_000_000
LENGTHS = st.sampled_from([1, 59, 61, 3_600, 86_400, 30 * 86_400, 400 * 86_400])
IDS = ("skipping", "queueing", "allowing", "catching")


class ScheduleMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.bench = Bench(playbook=PLAYBOOK)
        self.paused: set[str] = set()
        do = self.bench.do
        do(PutSchedule(id="skipping", playbook="lead", every="45m", missed="skip", jitter="5m"))
        do(PutSchedule(id="queueing", playbook="lead", cron="*/20 * * * *", overlap="queue", zone="Europe/Berlin"))
        do(PutSchedule(id="allowing", playbook="lead", cron="30 2 * * *", overlap="allow", zone="America/New_York"))
        do(PutSchedule(id="catching", playbook="lead", rrule="FREQ=DAILY;BYHOUR=2;BYMINUTE=30", missed="all",
                       missed_max=3, zone="Europe/Berlin"))  # fmt: skip

    @rule(seconds=LENGTHS)
    def wait(self, seconds: int) -> None:
        self.bench.pass_time(seconds * SECOND_US)

    @rule(seconds=st.sampled_from([1, 600, 86_400]))
    def set_back(self, seconds: int) -> None:
        self.bench.now_us -= seconds * SECOND_US
        self.bench.pass_time(0)

    @rule(id=st.sampled_from(IDS))
    def ring_at_the_wrong_time(self, id: str) -> None:
        self.bench.do(Wake(entity=f"schedule:{id}", due_us=0))

    @rule()
    def end_runs(self) -> None:
        for run in list(self.bench.store.live(Run)):
            self.bench.do(SteerRun(id=run.id, verb="cancel"))

    @rule(id=st.sampled_from(IDS))
    def pause(self, id: str) -> None:
        if id not in self.paused:
            self.bench.do(SteerSchedule(id=id, verb="pause"))
            self.paused.add(id)

    @rule(id=st.sampled_from(IDS))
    def resume(self, id: str) -> None:
        if id in self.paused and self.schedule(id).last_us <= self.bench.now_us:
            self.bench.do(SteerSchedule(id=id, verb="resume"))
            self.paused.discard(id)

    @rule()
    def stop_or_release(self) -> None:
        stop = self.bench.store.get(Stop, "stop")
        epoch = stop.epoch + 1 if stop is not None else 1
        if stop is not None and stop.engaged:
            self.bench.do(ReleaseStop(epoch=epoch, reason="on"))
        else:
            self.bench.do(EngageStop(epoch=epoch, reason="off"))

    def schedule(self, id: str) -> Schedule:
        schedule = self.bench.store.get(Schedule, id)
        assert schedule is not None
        return schedule

    def fired(self, id: str) -> list[int]:
        bodies = [event.body for event in self.bench.store.events() if event.kind == "schedule.fired"]
        return [int(str(body["nominal_us"])) for body in bodies if body["id"] == id]

    @invariant()
    def every_time_is_run_once_and_is_one_of_the_rule(self) -> None:
        for id in IDS:
            times = self.fired(id)
            assert len(times) == len(set(times))
            for at_us in times:
                assert between(self.schedule(id).rule, at_us - 1, at_us, limit=1)[0] == [at_us]

    @invariant()
    def what_may_not_overlap_does_not_and_what_waits_has_a_limit(self) -> None:
        living = [run for run in self.bench.store.live(Run) if run.live]
        for id in ("skipping", "queueing", "catching"):
            assert sum(run.origin == f"schedule:{id}" for run in living) <= 1
            assert len(self.schedule(id).queued) <= firing.QUEUED_MAX

    @invariant()
    def a_live_schedule_has_a_time_to_come_and_the_log_gives_the_same(self) -> None:
        fresh = rebuilt(self.bench.store)
        for id in IDS:
            schedule = self.schedule(id)
            assert schedule.next_us is not None
            assert schedule.next_us > schedule.last_us
            assert fresh.get(Schedule, id) == schedule


def test_schedules_keep_their_promises() -> None:
    calm = settings(max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(ScheduleMachine, settings=calm)
