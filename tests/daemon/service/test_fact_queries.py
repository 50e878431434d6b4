"""Asking for facts: conditions, orders, pages, both clocks; and the graph between them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core.commands import PutFact, TransactFacts
from quarterdeck_daemon.core.entities import Fact, Plain
from quarterdeck_daemon.core.fact_query import conditions_of, matches
from quarterdeck_daemon.core.graph import Edge, neighbours, shortest
from quarterdeck_daemon.service import fact_shelf
from quarterdeck_daemon.service.fact_shelf import FactShelf
from quarterdeck_protocol.codes import QuarterdeckError

from .fact_asking import Asking, Bench, asking

INVOICES: dict[str, Plain] = {
    "1": {"amount": 100, "client": "acme", "due": "2026-03-01", "tags": ["old", "paid"], "price": {"minor": 5}},
    "2": {"amount": "250.50", "client": "Acme Two", "due": "2026-05-01T10:00:00+02:00"},
    "3": {"amount": 99.5, "client": "zeta", "due": "2026-04-01", "tags": []},
    "4": {"client": "acme", "note": "no amount", "open": True},
}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, "1234"),
        ({"client": "acme"}, "14"),
        ({"client": "ACME"}, ""),
        ({"amount": {">": 100}}, "2"),
        ({"amount": {">=": 100, "<": "250.51"}}, "12"),
        ({"amount": 250.5}, "2"),
        ({"amount": {"!=": 100}}, "234"),
        ({"amount": {"in": [100, "99.5"]}}, "13"),
        ({"amount": {"not in": [100, 99.5]}}, "24"),
        ({"client": {"contains": "ACME"}}, "124"),
        ({"client": {"prefix": "acme "}}, "2"),
        ({"tags": {"contains": "paid"}}, "1"),
        ({"tags.0": "old"}, "1"),
        ({"price.minor": {"<=": 5}}, "1"),
        ({"price": {"minor": 5}}, "1"),
        ({"amount": {"exists": False}}, "4"),
        ({"amount": {"exists": True}, "client": {"prefix": "z"}}, "3"),
        ({"due": {"<": "2026-05-01T08:00:01Z"}}, "123"),
        ({"due": {">": "2026-04-01"}}, "2"),
        ({"open": True}, "4"),
        ({"open": 1}, ""),
        ({"$key": {"in": ["1", "4"]}}, "14"),
        ({"$version": {">": 1}}, ""),
        ({"client": {">": 5}}, ""),
        ({"nothing.at.all": {"exists": True}}, ""),
    ],
)  # fmt: skip
async def test_conditions_find_what_fits(where: Plain, found: str) -> None:
    async with asking() as house:
        for key, value in INVOICES.items():
            await house.put(f"bill/{key}", value)
        items = (await house.ask("fact.query", kind="bill", where=where))["items"]
    assert "".join(one["key"] for one in items) == found  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"where": {"amount": {"~": 1}}}, "bad_value", "operator"),
        ({"where": {"amount": {"gt": 1}}}, "bad_value", "no operator 'gt'"),
        ({"where": {"amount": {">": 1, "oder": 2}}}, "bad_value", "oder"),
        ({"where": {"amount": {"in": 5}}}, "bad_value", "list"),
        ({"where": {"amount": {">": None}}}, "bad_value", "number"),
        ({"where": {"amount": {">": True}}}, "bad_value", "number"),
        ({"where": {"amount": {"exists": "yes"}}}, "bad_value", "true or false"),
        ({"where": {"amount": {"prefix": 1}}}, "bad_value", "text"),
        ({"where": {"": 1}}, "bad_value", "no field"),
        ({"where": {"a..b": 1}}, "bad_value", "no field"),
        ({"where": {"$secret": 1}}, "bad_value", "no field"),
        ({"where": {".".join("abcdefghijk"): 1}}, "bad_value", "no field"),
        ({"where": {f"f{n}": 1 for n in range(40)}}, "out_of_range", "conditions"),
        ({"order": "a,b,c,d,e"}, "out_of_range", "orders"),
        ({"order": "amount", "cursor": "rubbish!"}, "bad_value", "cursor"),
        ({"order": "amount", "cursor": "kw"}, "bad_value", "cursor"),
        ({"valid_at": "someday"}, "bad_value", "date"),
    ],
)  # fmt: skip
async def test_nonsense_is_refused_with_what_is_wrong(asked: Plain, code: str, said: str) -> None:
    async with asking() as house:
        await house.put("bill/1", {"amount": 1})
        with pytest.raises(QuarterdeckError) as refused:
            await house.ask("fact.query", kind="bill", **asked)
    assert (refused.value.code, said in refused.value.message) == (code, True)


values = st.none() | st.integers(-5, 5) | st.sampled_from(["b", "A", "c", "3", "2026-01-01", "1999-01-01"])
rows = st.lists(st.fixed_dictionaries({}, optional={"a": values, "b": values}), max_size=25)
orders = st.lists(st.sampled_from(["a", "-a", "b", "-b"]), min_size=1, max_size=2)


@settings(max_examples=60, deadline=None)
@given(rows, orders, st.integers(1, 7))
async def test_pages_show_every_fact_once_in_one_order(found: list[Plain], order: list[str], limit: int) -> None:
    async with asking() as house:
        for number, value in enumerate(found):
            await house.put(f"k/{number:02d}", value)
        whole = await _ids(house, order, 1000)
        paged = await _ids(house, order, limit)
    assert paged == whole
    assert sorted(whole) == [f"k/{number:02d}" for number in range(len(found))]


async def _ids(house: Asking, order: list[str], limit: int) -> list[str]:
    ids: list[str] = []
    cursor = None
    while True:
        page = await house.ask("fact.query", kind="k", order=order, limit=limit, cursor=cursor)
        ids += [one["id"] for one in page["items"]]  # type: ignore[attr-defined]
        cursor = page["next"]
        if cursor is None:
            return ids


async def test_orders_put_what_is_missing_last_either_way() -> None:
    async with asking() as house:
        for key, value in INVOICES.items():
            await house.put(f"k/{key}", value)
        up, down = await _ids(house, ["amount"], 10), await _ids(house, ["-amount"], 10)
        by_two = (await house.ask("fact.query", kind="k", order="client,-amount"))["items"]
    assert (up, down) == (["k/3", "k/1", "k/2", "k/4"], ["k/2", "k/1", "k/3", "k/4"])
    assert [one["id"] for one in by_two] == ["k/1", "k/4", "k/2", "k/3"]  # type: ignore[attr-defined]


async def test_a_page_does_not_slip_when_something_is_put_or_taken_away_meanwhile() -> None:
    async with asking() as house:
        for n in range(6):
            await house.put(f"k/{n}", {"n": n})
        first = await house.ask("fact.query", kind="k", order="n", limit=3)
        await house.put("k/new", {"n": 0.5})
        await house.ask("fact.retract", kind="k", key="1")
        second = await house.ask("fact.query", kind="k", order="n", limit=3, cursor=first["next"])
        with pytest.raises(QuarterdeckError):
            await house.ask("fact.query", kind="k", order="-n", limit=3, cursor=first["next"])
    assert [one["id"] for one in second["items"]] == ["k/3", "k/4", "k/5"]  # type: ignore[attr-defined]


async def test_a_query_at_both_clocks() -> None:
    async with asking() as house:
        await house.put("price/a", {"n": 1}, valid_from="2025-01-01")
        known = await house.put("price/b", {"n": 2}, valid_from="2025-01-01", namespace="team")
        await house.put("price/a", {"n": 3}, valid_from="2026-01-01")
        asked: tuple[Plain, ...] = (
            {}, {"valid_at": "2025-06-01"}, {"valid_at": "2024-06-01"}, {"as_of": known["seq"]}, {"namespace": "team"},
        )  # fmt: skip
        found = [await house.ask("fact.query", kind="price", **one) for one in asked]
    assert [[one["value"]["n"] for one in page["items"]] for page in found] == [[3, 2], [1, 2], [], [1, 2], [2]]  # type: ignore[attr-defined]


def test_decimal_text_compares_exactly_among_many() -> None:
    bench = Bench()
    for start in range(0, 2_000, 500):
        items = tuple(
            PutFact(fact_kind="k", key=f"{n:05d}", value={"amount": f"{n}.10"}) for n in range(start, start + 500)
        )
        bench.do(TransactFacts(items=items))
    conditions = conditions_of({"amount": {">=": "1999.1"}})
    assert [fact.key for fact in bench.store.scan(Fact) if matches(fact, conditions)] == ["01999"]


async def test_the_shelf_gives_what_the_store_has_whatever_happens() -> None:
    """Put, retract, a kind that is read while it changes, and a sweep that names no fact."""
    async with asking() as house:
        shelf = house.on.house.shelf = FactShelf(house.on.store)
        told = 0

        async def same() -> list[str]:
            nonlocal told
            events = list(house.on.store.events(after=told))
            told = house.on.store.head.seq
            shelf.notice(events)
            held = await shelf.of_kind("k")
            assert held == list(house.on.store.scan(Fact, prefix="k/"))
            return [fact.id for fact in held or []]

        assert await same() == []
        for n in range(5):
            await house.put(f"k/{n}", {"n": n})
        assert len(await same()) == 5
        await house.put("k/1", {"n": 10})
        await house.ask("fact.retract", kind="k", key="2")
        await same()
        found = await house.ask("fact.query", kind="k", order="-n")
        shelf.notice([msgspec.structs.replace(next(iter(house.on.store.events())), kind="rewind.finished")])
        await same()
    assert [one["id"] for one in found["items"]] == ["k/1", "k/4", "k/3", "k/0"]  # type: ignore[attr-defined]


async def test_the_twin_that_hears_nothing_gives_what_was_before() -> None:
    async with asking() as house:
        shelf = FactShelf(house.on.store)
        await house.put("k/a", {"n": 1})
        await shelf.of_kind("k")
        await house.put("k/a", {"n": 2})
        assert [fact.value for fact in await shelf.of_kind("k") or []] == [{"n": 1}]


async def test_more_facts_than_the_shelf_holds_are_read_from_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fact_shelf, "SHELF_MAX", 3)
    async with asking() as house:
        house.on.house.shelf = FactShelf(house.on.store)
        for n in range(5):
            await house.put(f"k/{n}", {"n": n})
        assert await house.on.house.shelf.of_kind("k") is None
        assert len((await house.ask("fact.query", kind="k"))["items"]) == 5  # type: ignore[arg-type]


# --- the graph ------------------------------------------------------------------------------------


async def company(house: Asking) -> None:
    for id in ("client/acme", "contact/ines", "contact/jo", "project/app", "invoice/1", "client/lonely"):
        await house.put(id, {"name": id})
    for source, relation, target in (
        ("client/acme", "employs", "contact/ines"), ("client/acme", "employs", "contact/jo"),
        ("project/app", "for", "client/acme"), ("invoice/1", "bills", "project/app"),
    ):  # fmt: skip
        await house.ask("fact.link", source=source, relation=relation, target=target)


async def test_neighbours_by_depth_relation_and_direction() -> None:
    async with asking() as house:
        await company(house)
        one = await house.ask("fact.neighbours", kind="client", key="acme")
        two = await house.ask("fact.neighbours", kind="client", key="acme", depth=2)
        only = await house.ask("fact.neighbours", kind="client", key="acme", relation="for", depth=3)
        out = await house.ask("fact.neighbours", kind="client", key="acme", direction="out")
        with pytest.raises(QuarterdeckError) as unknown:
            await house.ask("fact.neighbours", kind="client", key="nobody")
    assert [(x["id"], x["direction"]) for x in one["items"]] == [  # type: ignore[attr-defined]
        ("fact:contact/ines", "out"), ("fact:contact/jo", "out"), ("fact:project/app", "in"),
    ]  # fmt: skip
    assert [(x["id"], x["depth"], x["via"]) for x in two["items"][3:]] == [("fact:invoice/1", 2, "fact:project/app")]  # type: ignore[index]
    assert [x["id"] for x in only["items"]] == ["fact:project/app"]  # type: ignore[attr-defined]
    assert [x["id"] for x in out["items"]] == ["fact:contact/ines", "fact:contact/jo"]  # type: ignore[attr-defined]
    assert unknown.value.code == "not_found"


async def test_the_shortest_way_now_and_as_it_was() -> None:
    async with asking() as house:
        await company(house)
        before = house.on.store.head.seq
        ends = {"source": "invoice/1", "target": "contact/ines"}
        way = await house.ask("fact.path", **ends)
        short = await house.ask("fact.path", **ends, max=2)
        none = await house.ask("fact.path", source="invoice/1", target="client/lonely")
        same = await house.ask("fact.path", source="client/acme", target="client/acme")
        await house.ask("fact.unlink", source="client/acme", relation="employs", target="contact/ines")
        now = await house.ask("fact.path", **ends)
        then = await house.ask("fact.path", **ends, as_of=before)
    assert [(x["relation"], x["direction"], x["target"]) for x in way["steps"]] == [  # type: ignore[attr-defined]
        ("bills", "out", "fact:project/app"), ("for", "out", "fact:client/acme"), ("employs", "out", "fact:contact/ines"),
    ]  # fmt: skip
    assert [one["found"] for one in (short, none, same, now, then)] == [False, False, True, False, True]
    assert then["steps"] == way["steps"]


edges = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@settings(max_examples=150, deadline=None)
@given(edges, st.integers(1, 6))
def test_paths_are_as_short_as_a_search_by_hand_says(links: set[tuple[int, int]], steps_max: int) -> None:
    def near(name: str) -> list[Edge]:
        here = int(name)
        return [Edge(name, "r", str(b if a == here else a), "out", 1) for a, b in sorted(links) if here in (a, b)]

    known = {0: 0}
    for step in range(8):
        for a, b in links:
            for one, other in ((a, b), (b, a)):
                if known.get(one) == step:
                    known.setdefault(other, step + 1)
    for goal in range(8):
        way, cut = shortest("0", str(goal), near, steps_max=steps_max)
        wanted = known.get(goal)
        reachable = wanted is not None and wanted <= steps_max
        assert (None if way is None else len(way), cut) == (wanted if reachable else None, False)
    reached, _ = neighbours("0", near, depth=steps_max)
    assert {int(one.edge.target) for one in reached} - {0} == {n for n, far in known.items() if 0 < far <= steps_max}
