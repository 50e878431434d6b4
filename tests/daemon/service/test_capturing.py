"""Capturing in the background: every text once, also across a restart; a bad one costs only itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from quarterdeck_daemon.agents.capture import find_facts
from quarterdeck_daemon.core.commands import Command, PutFact, Remember
from quarterdeck_daemon.core.entities import Alert, CaptureMark, Fact
from quarterdeck_daemon.core.orders import Failed, Failure, FindFacts, FoundFacts, Order
from quarterdeck_daemon.service import capturing
from quarterdeck_daemon.service.capturing import Capturing
from quarterdeck_daemon.service.engine import Engine
from quarterdeck_daemon.service.workspace import About
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels

NEW = "GB33 BUKB 2020 1555 5555 55"
POISON = "poison 1"


class Hands:
    """A worker behind a hub: the real rules, in this process. A text with `POISON` in it kills whoever reads it."""

    def __init__(self) -> None:
        self.orders: list[list[str]] = []

    def processes(self) -> list[dict[str, object]]:
        return [{"role": "worker", "pid": 1, "busy": []}]

    async def do(self, order: Order, role: str) -> FoundFacts | Failed:
        assert isinstance(order.work, FindFacts)
        self.orders.append([text.source for text in order.work.texts])
        await asyncio.sleep(0)
        if any(POISON in text.text for text in order.work.texts):
            return Failed(failure=Failure(failure="crash", code="unavailable", message="the worker died"))
        return find_facts(order.work)


class Home:
    """A store, an engine and capturing over them; `restart` is a kill and a new life."""

    def __init__(self, store: InMemoryStore) -> None:
        self.store = store
        self.hands = Hands()
        self.engine = Engine(
            store, on_events=self._on_events, on_needs=lambda _: None, now_us=lambda: 1_795_183_512_000_000
        )
        self.capturing = Capturing(store, self.hands, self.engine, About(name="Studio"))  # type: ignore[arg-type]  # As a hub.

    def _on_events(self, events: Sequence[Event]) -> None:
        self.capturing.notice(events)

    async def do(self, command: Command, actor: str = "operator") -> str:
        done = await self.engine.execute(command, actor=actor)
        return str(done.reply.get("id"))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.005)

    @property
    def proposals(self) -> list[str]:
        return [fact.id for fact in self.store.live(Fact)]


@asynccontextmanager
async def at_home(store: InMemoryStore | None = None, *, capture: bool = True) -> AsyncIterator[Home]:
    home = Home(store or InMemoryStore())
    work = [home.engine.run(), home.capturing.run()] if capture else [home.engine.run()]
    tasks = [asyncio.get_running_loop().create_task(one) for one in work]
    try:
        yield home
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_note_with_a_new_account_of_a_known_supplier_becomes_an_alert() -> None:
    async with at_home() as home:
        value: dict[str, object] = {"name": "Nordpapier GmbH", "iban": "DE89 3704 0044 0532 0130 00"}
        await home.do(PutFact(fact_kind="supplier", key="nordpapier", value=value))
        await home.do(Remember(text=f"Nordpapier has a new bank: {NEW}"))
        await home.until(lambda: not home.capturing.waiting)
        [alert] = home.store.live(Alert)
        fact = home.store.get(Fact, "supplier/nordpapier")
    assert fact is not None
    assert (alert.level, fact.value, home.proposals) == ("critical", value, ["supplier/nordpapier~p1"])


async def test_texts_that_came_while_nobody_looked_are_read_after_a_restart() -> None:
    store = InMemoryStore()
    async with at_home(store, capture=False) as before:
        for n in range(40):
            await before.do(Remember(text=f"Met Ines Number{'abcdefgh'[n % 8] * (n // 8 + 1)}, ines{n}@x.test"))
    async with at_home(store.crashed()) as after:
        await after.until(lambda: not after.capturing.waiting)
        found = after.proposals
        read = [source for order in after.hands.orders for source in order]
    assert (len(found), len(read), len(set(read))) == (40, 40, 40)
    async with at_home(after.store) as again:
        await again.until(lambda: not again.capturing.waiting)
        assert (again.hands.orders, again.proposals) == ([], found)


async def test_the_twin_that_forgets_where_it_was_reads_everything_again(monkeypatch: pytest.MonkeyPatch) -> None:
    store = InMemoryStore()
    async with at_home(store) as first:
        await first.do(Remember(text="Met Ines Verhoeven, ines@x.test"))
        await first.until(lambda: bool(first.proposals) and not first.capturing.waiting)
    monkeypatch.setattr(Capturing, "_durable_mark", lambda self: 0)
    async with at_home(store) as again:
        await again.until(lambda: not again.capturing.waiting)
    assert again.hands.orders == [["memory:m1"]]
    assert len(again.proposals) == 1  # Harmless even then: the same is not proposed twice.


async def test_a_text_that_kills_its_reader_costs_only_itself() -> None:
    async with at_home(capture=False) as before:
        for n, text in enumerate(["Met Ines Verhoeven, ines@x.test", POISON, "Met Jo Bakker, jo@x.test"]):
            await before.do(Remember(text=text, title=str(n)))
    async with at_home(before.store) as home:
        await home.until(lambda: not home.capturing.waiting)
    assert home.hands.orders == [["memory:m1", "memory:m2", "memory:m3"], ["memory:m1"], ["memory:m2"], ["memory:m3"]]
    assert home.proposals == ["contact/ines-verhoeven~p1", "contact/jo-bakker~p2"]


async def test_what_holds_nothing_of_the_kind_goes_to_no_worker() -> None:
    async with at_home() as home:
        await home.do(Remember(text="The weather is nice."))
        await home.do(Remember(text="Agents write: Ines, ines@x.test", labels=Labels(integrity="agent")))
        await home.until(lambda: not home.capturing.waiting)
    assert (home.hands.orders, home.proposals, home.store.get(CaptureMark, "mark")) == ([], [], None)


async def test_where_it_is_is_noted_now_and_then_without_findings_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "MARK_EVERY", 10)
    async with at_home() as home:
        for n in range(25):
            await home.do(Remember(text=f"plain words, number {n}"))
        await home.until(lambda: not home.capturing.waiting)
        mark = home.store.get(CaptureMark, "mark")
    assert mark is not None
    assert mark.upto >= 10


async def test_more_texts_than_fit_into_memory_are_read_from_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "BACKLOG_MAX", 3)
    async with at_home() as home:
        together = [home.do(Remember(text=f"Met Ines N{'abcdefghij'[n] * 3}, i{n}@x.test")) for n in range(10)]
        await asyncio.gather(*together)
        await home.until(lambda: len(home.proposals) == 10)


async def test_a_fact_that_is_renamed_is_known_by_its_new_name() -> None:
    async with at_home() as home:
        await home.do(
            PutFact(fact_kind="supplier", key="np", value={"name": "Alphapapier", "iban": "DE89370400440532013000"})
        )
        await home.do(Remember(text="Alphapapier, phone +49 30 1111111"))
        await home.until(lambda: not home.capturing.waiting)
        await home.do(
            PutFact(fact_kind="supplier", key="np", value={"name": "Betapapier", "iban": "DE89370400440532013000"})
        )
        await home.do(Remember(text=f"Betapapier: {NEW}"))
        await home.until(lambda: not home.capturing.waiting)
    assert home.proposals == ["supplier/np~p1"]
