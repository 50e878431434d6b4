"""Two clocks: when it was true, and when we learned it. Checked against a plain list of everything that was said."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core.commands import PutFact, RetractFact
from quarterdeck_daemon.core.entities import Fact, Plain
from quarterdeck_daemon.core.moments import DAY_US, day_of, moment_us, text_of
from quarterdeck_daemon.core.validity import AHEAD_MAX, in_force, true_at
from quarterdeck_daemon.service import fact_reading
from quarterdeck_protocol.codes import QuarterdeckError

from .fact_asking import Bench, asking

TODAY = 20_000  # Days since 1970.


@dataclass(frozen=True)
class Said:
    """One thing that was said: learned on a day, about days [start, end); None: it was all taken back."""

    learned: int
    start: float
    end: float
    value: int | None


def expected(said: list[Said], known: int, day: int) -> int | None:
    """The model: the latest that was said, among what was known, about that day."""
    fitting = [one for one in said[:known] if one.start <= day < one.end]
    return fitting[-1].value if fitting else None


days = st.integers(TODAY - 30, TODAY + 30)
spans = st.tuples(st.none() | days, st.none() | st.integers(1, 40))
steps = st.lists(st.none() | spans, min_size=1, max_size=12)


def tell(history: list[tuple[int | None, int | None] | None]) -> tuple[Bench, list[Said], list[int]]:
    """Say it all, one thing a day. Returns the bench, the model and the log position after each."""
    bench = Bench()
    said: list[Said] = []
    positions: list[int] = []
    for number, span in enumerate(history):
        today = TODAY + number
        bench.now_us = today * DAY_US
        there = bool(said) and said[-1].value is not None
        if span is None:
            if not there:
                continue
            bench.do(RetractFact(fact_kind="price", key="a"))
            said.append(Said(today, float("-inf"), float("inf"), None))
        else:
            start, length = span
            default = float(today) if there else float("-inf")
            if start is None and length is not None:
                end: float = today + length
            else:
                end = float("inf") if length is None else float((start or 0) + length)
            bench.do(
                PutFact(
                    fact_kind="price",
                    key="a",
                    value={"n": number},
                    valid_from=None if start is None else day_of(start),
                    valid_to=None if length is None else day_of(int(end)),
                )
            )
            said.append(Said(today, default if start is None else float(start), end, number))
        positions.append(bench.store.head.seq)
    return bench, said, positions


def n_of(fact: Fact | None) -> object:
    return None if fact is None else fact.value["n"]


@settings(max_examples=200, deadline=None)
@given(steps, st.data())
def test_every_day_at_every_position_has_the_answer_that_was_said_last(
    history: list[tuple[int | None, int | None] | None], data: st.DataObject
) -> None:
    bench, said, positions = tell(history)
    if not positions:
        return
    known = data.draw(st.integers(1, len(positions)))
    versions = fact_reading.versions_of(bench.store, "price/a", positions[known - 1])
    for day in range(TODAY - 35, TODAY + 80):
        start = day * DAY_US
        assert n_of(true_at(versions, start, start + 1)) == expected(said, known, day), day_of(day)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_what_a_fact_carries_along_is_what_its_history_says_from_now_on(
    history: list[tuple[int | None, int | None] | None],
) -> None:
    """Agents and policies see one entity and no history; they must not take last year's price for today's."""
    bench, said, _ = tell(history)
    fact = bench.store.get(Fact, "price/a")
    if fact is None:
        return
    assert len(fact.ahead) <= AHEAD_MAX
    for day in range(TODAY + len(history), TODAY + 80):
        found = in_force(fact, day * DAY_US)
        assert (None if found is None else found.value["n"]) == expected(said, len(said), day), day_of(day)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_the_spans_that_a_history_shows_are_the_days_on_which_each_version_answers(
    history: list[tuple[int | None, int | None] | None],
) -> None:
    bench, said, _ = tell(history)
    views, _ = fact_reading.history_view(bench.store, "price/a", as_of=None, valid_at=None, reason_of=lambda fact: "")
    for day in range(TODAY - 35, TODAY + 80):
        shown = [view["value"] for view in views if _covers(view, day)]
        wanted = expected(said, len(said), day)
        assert shown == ([] if wanted is None else [{"n": wanted}]), day_of(day)


def _covers(view: Plain, day: int) -> bool:
    spans = view["spans"]
    assert isinstance(spans, list), "spans come as a list"
    return any(
        (start is None or moment_us(start)[0] <= day * DAY_US) and (end is None or day * DAY_US < moment_us(end)[0])
        for start, end in spans
    )


async def test_a_later_price_closes_the_earlier_one_and_both_questions_are_answered() -> None:
    async with asking() as house:
        first = await house.put("product/audit", {"price": 100}, valid_from="2025-01-01")
        await house.put("product/audit", {"price": 120}, valid_from="2026-01-01")
        true = {at: (await house.get("product/audit", valid_at=at))["value"] for at in ("2025-06-01", "2026-06-01")}
        believed = await house.get("product/audit", as_of=first["seq"], valid_at="2026-06-01")
        history = await house.ask("fact.history", kind="product", key="audit")
    assert true == {"2025-06-01": {"price": 100}, "2026-06-01": {"price": 120}}
    assert believed["value"] == {"price": 100}
    items = history["items"]
    assert isinstance(items, list)
    assert [(one["valid_from"], one["valid_to"], one["superseded_by_version"]) for one in items] == [
        ("2025-01-01", "2026-01-01", 2),
        ("2026-01-01", None, None),
    ]


async def test_a_correction_of_last_year_leaves_what_holds_now() -> None:
    """The newest version speaks about the past: whoever asks for the fact still gets today's value."""
    async with asking() as house:
        await house.put("product/audit", {"price": 120}, valid_from="2023-01-01")
        await house.put("product/audit", {"price": 90}, valid_from="2022-01-01", valid_to="2023-01-01")
        now = await house.get("product/audit")
        then = await house.get("product/audit", valid_at="2022-05-05")
        listed = await house.ask("fact.query", kind="product")
        stale = await house.put("product/audit", {"price": 130}, if_version=now["latest_version"])
    assert (now["value"], now["version"], now["latest_version"]) == ({"price": 120}, 1, 2)
    assert then["value"] == {"price": 90}
    assert [one["value"] for one in listed["items"]] == [{"price": 120}]  # type: ignore[attr-defined]
    assert stale["version"] == 3


async def test_a_change_that_does_not_say_since_when_counts_from_when_it_was_learned() -> None:
    async with asking() as house:
        await house.put("client/acme", {"name": "Acme", "country": "DE"})
        learned_us = house.on.now_us = house.on.now_us + 10 * DAY_US
        await house.put("client/acme", {"name": "Acme", "country": "FR"})
        before = await house.get("client/acme", valid_at=text_of(learned_us - 1))
        after = await house.get("client/acme", valid_at=text_of(learned_us))
        ever = await house.get("client/acme", valid_at="1999-01-01")
    assert [one["value"]["country"] for one in (before, after, ever)] == ["DE", "FR", "DE"]  # type: ignore[index]


async def test_a_date_is_its_whole_day_in_utc() -> None:
    """Asked for a day on which something changed, the answer is how the day ended."""
    async with asking() as house:
        await house.put("k/a", {"n": 1}, valid_from="2026-03-01")
        await house.put("k/a", {"n": 2}, valid_from="2026-03-10T15:00:00+01:00")
        asked = (
            "2026-03-10",
            "2026-03-10T13:59:59Z",
            "2026-03-10T14:00:00Z",
            "2026-03-10T14:30:00+02:00",
            "2026-03-09",
        )
        found = [(await house.get("k/a", valid_at=at))["value"]["n"] for at in asked]  # type: ignore[index]
        with pytest.raises(QuarterdeckError) as refused:
            await house.get("k/a", valid_at="2026-02-28")
    assert found == [2, 1, 2, 1, 1]
    assert refused.value.code == "not_found"


async def test_valid_to_is_the_first_day_on_which_it_no_longer_holds() -> None:
    async with asking() as house:
        await house.put("k/a", {"n": 1}, valid_from="2026-01-01", valid_to="2026-02-01")
        last = await house.get("k/a", valid_at="2026-01-31")
        with pytest.raises(QuarterdeckError):
            await house.get("k/a", valid_at="2026-02-01")
        still_known = await house.get("k/a")
    assert (last["value"], still_known["valid_to"]) == ({"n": 1}, "2026-02-01")


@pytest.mark.parametrize(
    ("start", "end"), [("2026-02-30", None), ("gestern", None), ("2026-01-02", "2026-01-01"), (None, "2026-13-01")]
)
async def test_spans_that_are_none_are_refused(start: str | None, end: str | None) -> None:
    async with asking() as house:
        with pytest.raises(QuarterdeckError) as refused:
            await house.put("k/a", {"n": 1}, valid_from=start, valid_to=end)
    assert refused.value.code == "bad_value"


async def test_a_fact_that_was_taken_back_is_gone_everywhere_but_in_the_past() -> None:
    async with asking() as house:
        put = await house.put("client/acme", {"name": "Acme"}, valid_from="2020-01-01")
        gone = await house.ask("fact.retract", kind="client", key="acme", reason="a mix-up")
        listed = await house.ask("fact.query", kind="client")
        then = await house.get("client/acme", as_of=put["seq"])
        with pytest.raises(QuarterdeckError) as now:
            await house.get("client/acme", valid_at="2021-01-01")
        history = await house.ask("fact.history", kind="client", key="acme")
        back = await house.put("client/acme", {"name": "Acme again"}, if_version=0)
        ever = await house.get("client/acme", valid_at="1990-01-01")
    assert (gone["version"], listed["items"], then["value"]) == (2, [], {"name": "Acme"})
    assert "taken back" in now.value.message
    assert [(one["retracted"], one["reason"]) for one in history["items"]] == [(False, ""), (True, "a mix-up")]  # type: ignore[attr-defined]
    assert (back["version"], ever["value"]) == (3, {"name": "Acme again"})


async def test_the_twin_that_forgets_the_earlier_versions_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the versions of before, last year is not known: the comparison above can fail."""
    monkeypatch.setattr(fact_reading, "versions_of", lambda store, id, as_of: [store.get(Fact, id)])
    async with asking() as house:
        await house.put("k/a", {"n": 1}, valid_from="2025-01-01")
        await house.put("k/a", {"n": 2}, valid_from="2026-01-01")
        with pytest.raises(QuarterdeckError):
            await house.get("k/a", valid_at="2025-06-01")
