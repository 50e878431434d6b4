"""Nothing ever was half a command: a position within one is read as that after it."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import PutFact, TransactFacts
from quarterdeck_daemon.core.entities import Fact
from quarterdeck_daemon.service.engine import SAME_US

from .fact_asking import asking


async def test_an_event_within_a_command_is_read_with_the_whole_of_it() -> None:
    """Two accounts, one transfer: at every position the sum is what it always was."""
    async with asking() as house:
        engine, store = house.on.engine, house.on.store
        both = [PutFact(fact_kind="account", key=key, value={"held": 50}) for key in "ab"]
        await engine.execute(TransactFacts(items=tuple(both)), actor="operator")
        before = store.head.seq
        moved = [PutFact(fact_kind="account", key=key, value={"held": held}) for key, held in (("a", 20), ("b", 80))]
        await engine.execute(TransactFacts(items=tuple(moved)), actor="operator")
        after = store.head.seq
        assert after - before >= 2, "one command, several events"
        sums, raw = [], []
        for seq in range(before, after + 1):
            found = [await house.ask("fact.get", kind="account", key=key, as_of=seq) for key in "ab"]
            sums.append(sum(one["value"]["held"] for one in found))  # type: ignore[index]  # A map.
            kept = [store.get(Fact, f"account/{key}", as_of=seq) for key in "ab"]
            raw.append(sum(int(str(one.value["held"])) for one in kept if one is not None))
        first = (await house.ask("fact.get", kind="account", key="a", as_of=before))["value"]
        assert (first, set(sums)) == ({"held": 50}, {100})
        # The twin: the store, read at the bare number, shows half of the transfer.
        assert set(raw) == {100, 70}


async def test_no_two_commands_have_one_time_though_the_clock_stands_still_or_steps_back() -> None:
    async with asking() as house:
        engine, store = house.on.engine, house.on.store
        now = house.on.now_us
        for step in (0, 0, 0, -(SAME_US // 2), 0):
            house.on.now_us = now + step
            await engine.execute(PutFact(fact_kind="k", key="a", value={"n": store.head.seq}), actor="operator")
        times = [event.at_us for event in store.events() if event.kind == "fact.asserted"]
        assert len(set(times)) == len(times) == 5
        assert times == sorted(times)
        assert not any(event.kind == "clock.set_back" for event in store.events())


async def test_a_clock_that_was_really_set_back_is_still_recorded() -> None:
    async with asking() as house:
        engine, store = house.on.engine, house.on.store
        await engine.execute(PutFact(fact_kind="k", key="a", value={"n": 1}), actor="operator")
        house.on.now_us -= 3_600_000_000
        await engine.execute(PutFact(fact_kind="k", key="a", value={"n": 2}), actor="operator")
        assert any(event.kind == "clock.set_back" for event in store.events())
