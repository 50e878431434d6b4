"""Reading at a time: positions, times, and pages of the timeline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quarterdeck_daemon.core.commands import PutFact, Remember
from quarterdeck_daemon.core.entities import Fact
from quarterdeck_daemon.service.handlers import timeline
from quarterdeck_daemon.service.house import time_us
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from .reading_house import ASKED, Reading, plain, reading

SECOND = 1_000_000


def iso(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, UTC).isoformat()


async def counted(on: Reading, count: int) -> None:
    """One fact with `count` versions, one a second."""
    for n in range(1, count + 1):
        await on.do(PutFact(fact_kind="k", key="a", value={"n": n}))
        on.now_us += SECOND


async def test_a_position_is_a_sequence_a_time_or_now() -> None:
    async with reading() as on:
        start = on.now_us
        await counted(on, 5)
        positions = {
            "none": on.house.position(None), "zero": on.house.position(0), "head": on.house.position(5),
            "before all": on.house.position(iso(start - 1)), "at the first": on.house.position(iso(start)),
            "just before the third": on.house.position(iso(start + 2 * SECOND - 1)),
            "at the third": on.house.position(iso(start + 2 * SECOND)), "after all": on.house.position(iso(on.now_us)),
        }  # fmt: skip
        assert positions == {
            "none": None, "zero": 0, "head": 5, "before all": 0, "at the first": 1, "just before the third": 2,
            "at the third": 3, "after all": 5,
        }  # fmt: skip
        seen = [on.store.get(Fact, "k/a", as_of=on.house.position(iso(start + n * SECOND))) for n in range(5)]
        assert [fact.value["n"] for fact in seen if fact is not None] == [1, 2, 3, 4, 5]


async def test_a_time_that_is_still_to_come_is_out_of_range() -> None:
    async with reading() as on:
        await counted(on, 1)
        with pytest.raises(QuarterdeckError) as refused:
            on.house.position(iso(on.now_us + 3_600 * SECOND))
        assert refused.value.code == "out_of_range"


@pytest.mark.parametrize("as_of", [-1, 6, 10**30])
async def test_a_position_outside_the_log_is_refused(as_of: int) -> None:
    async with reading() as on:
        await counted(on, 5)
        with pytest.raises(QuarterdeckError) as refused:
            on.house.position(as_of)
        assert (refused.value.code, refused.value.details) == ("out_of_range", {"head": 5})


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "12:00", "2026-11-20T25:00", "1e9", "9999999-01-01"])
async def test_what_is_no_time_is_refused(text: str) -> None:
    async with reading() as on:
        with pytest.raises(QuarterdeckError) as refused:
            on.house.position(text)
        assert refused.value.code == "bad_value"


def test_a_time_without_a_zone_is_utc_and_zones_are_honoured() -> None:
    same = ("2026-11-20T14:05:12", "2026-11-20T14:05:12Z", "2026-11-20T15:05:12+01:00", "2026-11-20T14:05:12.000000")
    assert {time_us(text) for text in same} == {1_795_183_512_000_000}
    assert time_us("1969-12-31T23:59:59.999999Z") == -1


async def notes(on: Reading, count: int) -> None:
    for n in range(1, count + 1):
        await on.do(Remember(text=f"note {n}", labels=LABELS), actor="agent:x" if n % 3 == 0 else "operator")


LABELS = Remember(text="").labels


async def pages(on: Reading, **asked: object) -> list[list[int]]:
    """Sequences of every page, until there is no next one."""
    read = timeline.handlers(on.house)["timeline.read"]
    step = "after" if "after" in asked else "before"
    found: list[list[int]] = []
    while True:
        page = plain(await read(ASKED, p.TimelineRead(**asked)))  # type: ignore[arg-type]  # By name.
        items = page["items"]
        assert isinstance(items, list)
        found.append([item["seq"] for item in items])
        if page["next"] is None:
            return found
        asked[step] = page["next"]


async def test_pages_cover_the_log_once_in_either_direction() -> None:
    async with reading() as on:
        await notes(on, 10)
        assert await pages(on, after=0, limit=4) == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
        assert await pages(on, limit=4) == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]
        assert await pages(on, after=3, before=7, limit=10) == [[4, 5, 6]]
        assert await pages(on, after=10, limit=4) == [[]]
        assert await pages(on, before=1, limit=4) == [[]]
        flat = [seq for page in await pages(on, after=0, limit=5) for seq in page]
        assert flat == list(range(1, 11)), "also when the last page is exactly full"


async def test_filters_choose_events_and_pages_still_cover_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    async with reading() as on:
        await notes(on, 10)
        await counted(on, 3)

        async def flat(**filter: object) -> list[int]:
            chosen = p.Filter(**filter)  # type: ignore[arg-type]  # By name.
            return [seq for page in await pages(on, after=0, limit=2, filter=chosen) for seq in page]

        assert await flat(kinds=("fact.*",)) == [11, 12, 13]
        assert await flat(kinds=("fact.asserted", "memory.remembered")) == list(range(1, 14))
        assert await flat(actor="agent:x") == [3, 6, 9]
        assert await flat(text="NOTE 1") == [1, 10]
        assert await flat(entity="fact:k/a") == [11, 12, 13]
        assert await flat(entity="memory:m4") == [4]
        assert await flat(entity="memory:m999") == []
        assert await flat(run="r1") == []
        assert await flat(kinds=("fact.*",), text="nobody says this") == []
        monkeypatch.setattr(timeline, "SCANNED_MAX", 3)
        assert await flat(text="note 10") == [10], "pages that end for another reason say how to go on"


async def test_only_durable_events_are_opened() -> None:
    async with reading() as on:
        await notes(on, 2)
        opened = timeline.handlers(on.house)["timeline.event"]
        event = plain(await opened(ASKED, p.TimelineEvent(seq=2)))["event"]
        assert isinstance(event, dict)
        assert (event["seq"], event["kind"]) == (2, "memory.remembered")
        for seq in (0, 3, 10**15):
            with pytest.raises(QuarterdeckError) as refused:
                await opened(ASKED, p.TimelineEvent(seq=seq))
            assert refused.value.code == "out_of_range"
