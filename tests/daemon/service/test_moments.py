"""Moments of the log: positions, times through clocks that were set back, names; and links as they were."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from quarterdeck_daemon.core.commands import CreateSnapshot, MakeLink, PutFact
from quarterdeck_daemon.core.entities import ClockMark
from quarterdeck_daemon.core.time_travel import SNAPSHOT_BYTES_MAX, SNAPSHOT_NAME_CHARS_MAX, SNAPSHOT_NOTE_BYTES_MAX
from quarterdeck_daemon.service.handlers import fact_graph, time_travel
from quarterdeck_daemon.service.past_links import links_from, links_to
from quarterdeck_daemon.service.positions import Positions
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol import params as p
from quarterdeck_protocol import time_params as t
from quarterdeck_protocol.codes import QuarterdeckError

from .reading_house import ASKED, Reading, plain, reading

SECOND = 1_000_000


def iso(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, UTC).isoformat()


async def fact(on: Reading, n: int) -> int:
    return (await on.do(PutFact(fact_kind="k", key="a", value={"n": n}))).seq


async def test_a_clock_that_was_set_back_makes_no_later_time_an_earlier_position() -> None:
    """Four events at 0, 10, 20, 30 s; the clock goes back to 5 s; three more at 5, 15, 40 s."""
    async with reading() as on:
        start = on.now_us
        seqs: list[int] = []
        for at in (0, 10, 20, 30, 5, 15, 40):
            on.now_us = start + at * SECOND
            seqs.append(await fact(on, at))
        assert [mark.seq for mark in on.store.scan(ClockMark)] == [seqs[4] - 1], "one setting back is one mark"
        found = [on.house.positions.at_time(start + at * SECOND) for at in (0, 4, 5, 10, 15, 29, 30, 39, 40)]
        # What was written after the setting back counts from when the clock had passed 30 s again.
        assert found == [1, 1, 1, 2, 2, 3, seqs[5], seqs[5], seqs[6]]
        assert found == sorted(found)


async def test_the_twin_that_knows_of_no_mark_finds_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with reading() as on:
        start = on.now_us
        for at in (0, 10, 20, 30, 5, 15, 16, 17, 18):
            on.now_us = start + at * SECOND
            await fact(on, at)
        on.now_us = start + 60 * SECOND
        times = [start + at * SECOND for at in range(0, 31)]
        right = [on.house.positions.at_time(time) for time in times]
        assert right == sorted(right)
        monkeypatch.setattr(Positions, "_read_marks", lambda self: None)
        on.house.positions = Positions(on.store, on.engine.now_us)
        assert [on.house.positions.at_time(time) for time in times] != right


async def test_the_same_time_is_found_after_a_restart() -> None:
    async with reading() as on:
        start = on.now_us
        for at in (0, 30, 5, 15):
            on.now_us = start + at * SECOND
            await fact(on, at)
        on.now_us = start + 60 * SECOND
        moments = [iso(start + at * SECOND) for at in (1, 20, 30, 50)]
        on.store.sync()
        again = Positions(on.store.crashed(), lambda: on.now_us)
        assert [again.of(moment) for moment in moments] == [on.house.position(moment) for moment in moments]


async def create(on: Reading, name: str, **more: object) -> dict[str, object]:
    on.now_us += SECOND
    params = msgspec.convert({"name": name, **more}, t.SnapshotCreate)
    answer = await time_travel.handlers(on.house)["snapshot.create"](ASKED, params)
    assert isinstance(answer, tuple)
    return plain(answer[0])


async def test_a_snapshot_names_a_position_wherever_one_is_asked_for() -> None:
    async with reading() as on:
        at = await fact(on, 1)
        made = await create(on, "before-import", note="all good")
        assert (made["id"], made["at_seq"], made["note"]) == ("before-import", at, "all good")
        await fact(on, 2)
        assert on.house.position("before-import") == on.house.position("snapshot:before-import") == at
        await create(on, "später", at=1)
        assert on.house.position("später") == 1
        with pytest.raises(QuarterdeckError) as unknown:
            on.house.position("before-inport")
        assert (unknown.value.code, unknown.value.hint) == ("bad_value", "Did you mean before-import?")


async def test_the_same_name_twice_is_a_conflict_and_free_again_when_it_was_removed() -> None:
    async with reading() as on:
        await fact(on, 1)
        await create(on, "a1")
        with pytest.raises(QuarterdeckError) as twice:
            await create(on, "a1")
        assert twice.value.code == "conflict"
        remove = time_travel.handlers(on.house)["snapshot.remove"]
        answer = await remove(ASKED, t.SnapshotRemove(name="a1"))
        assert isinstance(answer, tuple)
        assert answer[0]["undo"] == "quarterdeck snapshot create a1 --at 1"
        with pytest.raises(QuarterdeckError) as gone:
            on.house.position("a1")
        assert gone.value.code == "bad_value"
        assert (await create(on, "a1"))["at_seq"] == 3
        listing = time_travel.handlers(on.house)["snapshot.list"]
        items = plain(await listing(ASKED, t.SnapshotList()))["items"]
        assert isinstance(items, list)
        assert [(one["id"], one["at_seq"]) for one in items] == [("a1", 3)]


@pytest.mark.parametrize(
    "name", ["", "7", "2026-11-17", "now", "Yesterday", "a b", "a/b", "-a", "é" * 65, "a\x1fb", "e\u0301", "20261117"]
)
async def test_what_could_be_taken_for_a_time_is_no_name(name: str) -> None:
    async with reading() as on:
        await fact(on, 1)
        with pytest.raises(QuarterdeckError) as refused:
            await on.do(CreateSnapshot(name=name))
        assert refused.value.code == "bad_value"


async def test_a_snapshot_costs_what_is_stated_and_no_more_when_the_log_is_long() -> None:
    """The longest name and note: the event and the record as they are stored."""
    async with reading() as on:
        for n in range(50):
            await fact(on, n)
        before = stored_bytes(on.store)
        on.now_us += SECOND
        await create(on, "n" * SNAPSHOT_NAME_CHARS_MAX, note="x" * SNAPSHOT_NOTE_BYTES_MAX)
        assert 0 < stored_bytes(on.store) - before <= SNAPSHOT_BYTES_MAX


def stored_bytes(store: InMemoryStore) -> int:
    values = sum(len(id) + len(one) for ids in store._values.values() for id, kept in ids.items() for one in kept)
    return sum(map(len, store._events)) + values + sum(len(name) + 10 * len(s) for name, s in store._concerns.items())


# --- links ------------------------------------------------------------------------------------------


async def test_links_are_read_as_they_were_at_any_position() -> None:
    async with reading() as on:
        for key in ("a", "b", "c"):
            await on.do(PutFact(fact_kind="k", key=key, value={"n": 1}))
        knows = MakeLink(source="fact:k/a", relation="knows", target="fact:k/b")
        seqs = [
            (await on.do(command)).seq
            for command in (
                knows, msgspec.structs.replace(knows, target="fact:k/c"), msgspec.structs.replace(knows, remove=True),
                knows,
            )
        ]  # fmt: skip

        def out(as_of: int | None) -> list[tuple[str, int]]:
            return sorted((link.target, link.seq) for link in links_from(on.store, "fact:k/a", as_of))

        first, second, removed, again = seqs
        assert out(first - 1) == []
        assert out(first) == [("fact:k/b", first)]
        assert out(second) == [("fact:k/b", first), ("fact:k/c", second)]
        assert out(removed) == [("fact:k/c", second)]
        assert out(again) == out(None) == [("fact:k/b", again), ("fact:k/c", second)]
        assert [link.source for link in links_to(on.store, "fact:k/b", second)] == ["fact:k/a"]
        assert links_to(on.store, "fact:k/b", removed) == []
        near = fact_graph.handlers(on.house)["fact.neighbours"]
        items = plain(await near(ASKED, p.FactNeighbours(kind="k", key="a", as_of=removed)))["items"]
        assert isinstance(items, list)
        assert [one["id"] for one in items] == ["fact:k/c"]
