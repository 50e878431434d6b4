"""The keeper: passes in slices, by commands alone; a restart goes on; others are served meanwhile."""

from __future__ import annotations

import asyncio

from quarterdeck_daemon.core.commands import Command, NoteUpkeep, PinMemory, Remember
from quarterdeck_daemon.core.entities import Memory, Plain, Upkeep, Use
from quarterdeck_daemon.core.keeping import DAY_US, Keep, Rules
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.retention import OWN_TIME
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.service import keeper as keeping
from quarterdeck_daemon.service.keeper import Keeper
from quarterdeck_daemon.service.pace import Pace
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.labels import OPERATOR, Labels

IDLE = Rules(tiers={"long-term": Keep(name="long-term")})
LINES = (
    "Call {n} with Northwind about the onboarding redesign. Ines was in a hurry. We spoke of the weather too.",
    "Northwind accepts EUR {n},500 for the onboarding redesign, payable in 30 days. It was a long day for all of us.",
    "The brief number {n} of Northwind came by mail on Friday. Nothing else happened on that day worth a note.",
)


class Desk:
    """The core over a store, with a clock; commands run at once, as the engine's do."""

    def __init__(self, store: InMemoryStore | None = None) -> None:
        self.store = store or InMemoryStore()
        self.now_us = 1_790_000_000_000_000
        self.told: list[Command] = []

    async def execute(self, command: Command) -> Plain:
        self.told.append(command)
        await asyncio.sleep(0)
        return self.do(command)

    def do(self, command: Command, actor: str = "operator") -> Plain:
        env = Env(now_us=self.now_us)
        decision = decide(self.store, command, env, head=self.store.head.seq, actor=actor)
        if decision.commit.events:
            self.store.append([decision.commit])
        return decision.reply

    def keeper(self, rules: Rules) -> Keeper:
        return Keeper(self.store, self.execute, rules, every_us=DAY_US, now_us=lambda: self.now_us)

    def notes(
        self, count: int, *, every_us: int = DAY_US, source: str = "calls.md", labels: Labels = OPERATOR
    ) -> None:
        for number in range(count):
            self.now_us += every_us
            text = LINES[number % len(LINES)].format(n=number)
            self.do(Remember(text=text, source=source, labels=labels))

    def current(self) -> list[str]:
        return [memory.id for memory in self.store.scan(Memory) if memory.current]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.store.events()]


def only(**settings: int) -> Rules:
    return Rules(tiers={"long-term": Keep(name="long-term", **settings)})


async def test_without_settings_a_pass_looks_at_nothing_and_writes_nothing() -> None:
    desk = Desk()
    desk.notes(5)
    before = desk.store.head
    done = await desk.keeper(IDLE).keep()
    assert (done.looked_at, desk.store.head, desk.told) == (0, before, [])


async def test_what_has_an_end_of_its_own_goes_also_without_settings() -> None:
    desk = Desk()
    desk.do(Remember(text="The offer stands until tomorrow.", expires_us=desk.now_us + DAY_US))
    keeper = desk.keeper(IDLE)
    assert (await keeper.keep()).expired == 0
    desk.now_us += DAY_US
    done = await keeper.keep()
    assert (done.expired, done.by_rule, desk.current()) == (1, {OWN_TIME: 1}, [])


async def test_the_old_go_by_ttl_and_what_is_pinned_stays() -> None:
    desk = Desk()
    desk.notes(10)
    desk.do(PinMemory(id="m1"))
    done = await desk.keeper(only(ttl_us=4 * DAY_US)).keep()
    assert desk.current() == ["m1", "m10", "m6", "m7", "m8", "m9"]
    assert (done.expired, done.by_rule) == (4, {"long-term is kept 4d": 4})


async def test_a_budget_drops_the_old_and_unused_first_until_it_is_met() -> None:
    desk = Desk()
    desk.notes(10)
    sizes = {memory.id: len(memory.text.encode()) for memory in desk.store.scan(Memory)}
    keeper = desk.keeper(only(bytes_max=sum(sizes.values()) - sizes["m2"] - 1))
    keeper.shown(["m1", "m1", "m1", "m1"])
    done = await keeper.keep()
    assert (done.expired, "m1" in desk.current(), "m2" in desk.current()) == (2, True, False)
    assert sum(sizes[id] for id in desk.current()) <= sum(sizes.values()) - sizes["m2"] - 1


async def test_old_notes_of_one_source_give_way_to_a_summary_and_a_second_pass_changes_nothing() -> None:
    desk = Desk()
    desk.notes(12)
    rules = only(compress_us=2 * DAY_US)
    done = await desk.keeper(rules).keep()
    assert (done.compressed, done.summaries) == (9, 1)
    summary = next(memory for memory in desk.store.scan(Memory) if memory.stands_for)
    assert len(summary.stands_for) == 9
    assert done.saved_bytes > 0
    desk.now_us += 30 * DAY_US
    again = await desk.keeper(rules).keep()
    assert again.summaries == 0, "three notes are too few, and a summary is no source"


async def test_a_dry_run_says_what_would_go_and_writes_nothing() -> None:
    desk = Desk()
    desk.notes(12)
    before = desk.store.head
    done = await desk.keeper(only(ttl_us=8 * DAY_US, compress_us=2 * DAY_US)).keep(dry_run=True)
    assert (done.expired, done.compressed, desk.store.head, desk.told) == (3, 6, before, [])
    assert [one["id"] for one in done.told][:3] == ["m1", "m2", "m3"]


async def test_a_pass_that_was_cut_off_goes_on_where_the_log_says() -> None:
    """The daemon died after the mark; a new keeper over the same log does not begin anew."""
    desk = Desk()
    desk.notes(9)
    desk.do(NoteUpkeep(step="began", phase="age"))
    desk.do(NoteUpkeep(step="advanced", phase="age", cursor="m5"))
    done = await desk.keeper(only(ttl_us=DAY_US // 2)).keep()
    assert (done.looked_at, desk.current()) == (4, ["m1", "m2", "m3", "m4", "m5", "m9"])
    upkeep = desk.store.get(Upkeep, "memory")
    assert upkeep is not None
    assert (upkeep.live, desk.kinds().count("upkeep.began")) == (False, 1)


async def test_a_long_pass_leaves_marks_in_the_log() -> None:
    desk = Desk()
    desk.notes(9)
    before = keeping.MARK_EVERY
    keeping.MARK_EVERY = 4
    try:
        await desk.keeper(only(ttl_us=1_000 * DAY_US)).keep()
    finally:
        keeping.MARK_EVERY = before
    assert [kind for kind in desk.kinds() if kind.startswith("upkeep")] == [
        "upkeep.began", "upkeep.advanced", "upkeep.advanced", "upkeep.ended",
    ]  # fmt: skip


async def test_others_are_served_while_a_pass_goes_on() -> None:
    """Turns of a second task are counted while the keeper walks over thousands of notes."""
    desk = Desk()
    desk.notes(3_000, every_us=1)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(other())
    await desk.keeper(only(ttl_us=1_000 * DAY_US)).keep()
    task.cancel()
    assert turns > 5


async def test_while_there_is_work_a_walk_waits() -> None:
    desk = Desk()
    desk.notes(2_000, every_us=1)
    looks = 0

    def busy() -> bool:
        nonlocal looks
        looks += 1
        return looks % 4 != 0

    pace = Pace(desk.store, busy)
    seen = [memory.id async for memory in pace.walk(Memory)]
    assert (len(seen), looks >= 4) == (2_000, True)


async def test_what_was_shown_is_written_once_for_many_and_counted() -> None:
    desk = Desk()
    desk.notes(2)
    keeper = desk.keeper(IDLE)
    for _ in range(3):
        keeper.shown(["m1", "m2"])
    keeper.shown(["m2"])
    assert (keeper.uses("m2"), "memory.used" in desk.kinds()) == (4, False)
    await keeper.flush()
    await keeper.flush()
    use = desk.store.get(Use, "m2")
    assert use is not None
    assert (use.count, keeper.uses("m2"), desk.kinds().count("memory.used")) == (4, 4, 1)


async def test_the_counter_of_uses_is_bounded() -> None:
    desk = Desk()
    keeper = desk.keeper(IDLE)
    keeper.shown(f"m{number}" for number in range(keeping.USES_MAX + 50))
    await keeper.flush()
    counted = desk.told[0]
    assert len(getattr(counted, "counts", {})) == keeping.USES_MAX
