"""Writing facts: compare-and-set, several at once, links that follow from values."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core import facts
from quarterdeck_daemon.core.commands import (
    DocumentAnswered,
    MakeLink,
    PutFact,
    ReceiveDocument,
    RetractFact,
    TransactFacts,
)
from quarterdeck_daemon.core.entities import Alert, Document, Fact, Plain
from quarterdeck_daemon.core.kernel import fold
from quarterdeck_daemon.core.orders import Parsed, ParsedFact
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR

from .fact_asking import Asking, Bench, asking


async def test_a_transaction_is_written_whole_and_links_see_its_facts() -> None:
    async with asking() as house:
        done = await house.ask(
            "fact.transact",
            items=[
                {"kind": "client", "key": "acme", "value": {"name": "Acme"}, "if_version": 0},
                {"kind": "contact", "key": "ines", "value": {"name": "Ines"}},
            ],
            links=[{"source": "client/acme", "relation": "employs", "target": "contact/ines"}],
        )
        near = await house.ask("fact.neighbours", kind="client", key="acme")
        again = await house.ask(
            "fact.transact",
            items=[
                {"kind": "client", "key": "acme", "value": {"name": "Acme 2"}, "if_version": 1},
                {"kind": "contact", "key": "ines", "retract": True, "if_version": 1},
            ],
        )
    assert [(one["id"], one["version"]) for one in done["items"]] == [("client/acme", 1), ("contact/ines", 1)]  # type: ignore[attr-defined]
    assert [one["id"] for one in near["items"]] == ["fact:contact/ines"]  # type: ignore[attr-defined]
    assert [one["version"] for one in again["items"]] == [2, 2]  # type: ignore[attr-defined]


async def test_a_conflict_names_every_culprit_and_nothing_is_written() -> None:
    async with asking() as house:
        await house.put("k/a", {"n": 1})
        await house.put("k/a", {"n": 2})
        head = house.on.store.head
        items = [
            {"kind": "k", "key": "a", "value": {"n": 3}, "if_version": 1},
            {"kind": "k", "key": "b", "value": {"n": 1}, "if_version": 0},
            {"kind": "k", "key": "c", "value": {"n": 1}, "if_version": 4},
        ]
        with pytest.raises(QuarterdeckError) as refused:
            await house.ask("fact.transact", items=items)
        assert house.on.store.head == head
    assert refused.value.code == "conflict"
    assert refused.value.details["conflicts"] == [
        {"id": "k/a", "version": 2, "if_version": 1},
        {"id": "k/c", "version": 0, "if_version": 4},
    ]


A: Plain = {"kind": "k", "key": "a", "value": {}}


@pytest.mark.parametrize(
    ("items", "links", "code", "said"),
    [
        ([], [], "out_of_range", "1 to"),
        ([A, A], [], "bad_value", "twice"),
        ([A, {"kind": "client", "key": "b", "value": {"email": "x"}}], [], "schema", "items[1]"),
        ([{"kind": "k", "key": "a", "retract": True}], [], "not_found", "items[0]"),
        ([{"kind": "k", "key": "a", "retract": True, "value": {"n": 1}}], [], "schema", "retract"),
        ([A], [{"source": "k/a", "relation": "r", "target": "k/none"}], "not_found", "k/none"),
        ([{"kind": "k", "key": "a", "value": {}, "valid_from": "x"}], [], "bad_value", "items[0]"),
    ],
)  # fmt: skip
async def test_a_transaction_with_one_fault_changes_nothing(
    items: list[Plain], links: list[Plain], code: str, said: str
) -> None:
    async with asking() as house:
        with pytest.raises(QuarterdeckError) as refused:
            await house.ask("fact.transact", items=items, links=links)
        assert house.on.store.head.seq == 0
    assert (refused.value.code, said in refused.value.message) == (code, True)


def test_the_twin_that_writes_one_after_the_other_leaves_half_of_it() -> None:
    """Without the transaction the first item stays when the second is refused."""
    bench = Bench()
    bench.do(PutFact(fact_kind="k", key="a", value={"n": 1}, if_version=0))
    with pytest.raises(QuarterdeckError):
        bench.do(PutFact(fact_kind="k", key="b", value={"n": 1}, if_version=3))
    assert bench.store.get(Fact, "k/a") is not None


Step = tuple[str, str, int]
steps = st.lists(st.tuples(st.sampled_from("pr"), st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=12))
def test_transactions_are_all_or_nothing_like_a_dict_with_versions(history: list[list[Step]]) -> None:
    """Against a plain dict: key -> (version, value or None)."""
    bench = Bench()
    model: dict[str, tuple[int, int | None]] = {}
    for number, wanted in enumerate(history):
        fits = len({key for _, key, _ in wanted}) == len(wanted)
        for verb, key, version in wanted:
            held, value = model.get(key, (0, None))
            fits &= version == held or (version == 0 and value is None)
            fits &= verb == "p" or value is not None
        items = tuple(
            PutFact(fact_kind="k", key=key, value={"n": number}, if_version=version)
            if verb == "p"
            else RetractFact(fact_kind="k", key=key, if_version=version)
            for verb, key, version in wanted
        )
        try:
            bench.do(TransactFacts(items=items))
        except QuarterdeckError:
            assert not fits
            continue
        assert fits
        for verb, key, _ in wanted:
            model[key] = (model.get(key, (0, None))[0] + 1, number if verb == "p" else None)
    kept = {fact.key: (fact.version, None if fact.withdrawn else fact.value["n"]) for fact in bench.store.scan(Fact)}
    assert kept == model


async def test_fields_that_name_other_facts_are_links_and_stay_in_step() -> None:
    async with asking() as house:
        await house.put("client/acme", {"name": "Acme"})
        await house.put("client/other", {"name": "Other"})
        first = await house.put("invoice/R1", {"client": "acme", "note": "and/or", "seen by": "client/other"})
        before = await _near(house, "invoice/R1")
        await house.put("invoice/R1", {"client": "client/other"})
        after = await _near(house, "invoice/R1")
        then = await _near(house, "invoice/R1", as_of=first["seq"])
        await house.ask("fact.retract", kind="invoice", key="R1")
        gone = await _near(house, "client/other")
    assert before == {("client", "fact:client/acme"), ("seen by", "fact:client/other")} == then
    assert after == {("client", "fact:client/other")}
    assert gone == set()


async def _near(house: Asking, id: str, **more: object) -> set[tuple[str, str]]:
    kind, _, key = id.partition("/")
    found = await house.ask("fact.neighbours", kind=kind, key=key, **more)
    return {(one["relation"], one["id"]) for one in found["items"]}  # type: ignore[attr-defined]


def test_text_from_outside_neither_changes_nor_takes_back_what_the_operator_said() -> None:
    bench = Bench()
    bench.do(PutFact(fact_kind="client", key="acme", value={"email": "boss@acme.test"}))
    for command in (
        PutFact(fact_kind="client", key="acme", value={"email": "enemy@x.test"}, labels=EXTERNAL),
        RetractFact(fact_kind="client", key="acme", labels=EXTERNAL),
        TransactFacts(items=(RetractFact(fact_kind="client", key="acme", labels=EXTERNAL),)),
    ):
        with pytest.raises(QuarterdeckError) as refused:
            bench.do(command)
        assert refused.value.code == "policy_denied"


def test_a_wrong_fact_in_a_file_costs_only_itself_and_is_said_until_it_is_mended() -> None:
    bench = Bench()

    def file(name: str, email: str) -> None:
        received = ReceiveDocument(
            connector="files", external_id=f"facts/c.toml#{name}", media_type="application/toml", name="c.toml",
            blob=name, size_bytes=1, labels=OPERATOR,
        )  # fmt: skip
        id = str(bench.do(received)["id"])
        found = (
            ParsedFact(fact_kind="contact", key="bad", value={"email": email}),
            ParsedFact(fact_kind="contact", key="good", value={"email": "good@x.test"}),
        )
        bench.do(DocumentAnswered(document=id, outcome=Parsed(title="c", text="c", meta={}, facts=found)))

    file("1", "nonsense")
    from_first = ([fact.id for fact in bench.store.scan(Fact)], [alert.text for alert in _open(bench)])
    file("2", "bad@x.test")
    assert from_first[0] == ["contact/good"]
    assert "facts/c.toml: bad was not taken over" in from_first[1][0]
    assert ([fact.id for fact in bench.store.scan(Fact)], _open(bench)) == (["contact/bad", "contact/good"], [])
    assert all(document.status == "parsed" for document in bench.store.scan(Document))


def _open(bench: Bench) -> list[Alert]:
    return list(bench.store.live(Alert))


def test_a_link_to_what_is_not_there_is_refused() -> None:
    bench = Bench()
    bench.do(PutFact(fact_kind="k", key="a", value={}))
    with pytest.raises(QuarterdeckError):
        bench.do(MakeLink(source="fact:k/a", relation="knows", target="fact:k/b"))


def _linked(bench: Bench, *, remove: bool = False, relation: str = "knows") -> Plain:
    return bench.do(MakeLink(source="fact:k/a", relation=relation, target="fact:k/b", remove=remove))


def test_linking_what_is_linked_is_no_news_and_unlinking_what_is_not_is_refused() -> None:
    bench = Bench()
    for key in "ab":
        bench.do(PutFact(fact_kind="k", key=key, value={}))
    _linked(bench)
    head = bench.store.head.seq
    assert _linked(bench)["known"] is True
    with pytest.raises(QuarterdeckError) as wrong:
        _linked(bench, remove=True, relation="knew")
    assert (wrong.value.code, bench.store.head.seq) == ("not_found", head)
    _linked(bench, remove=True)
    with pytest.raises(QuarterdeckError) as gone:
        _linked(bench, remove=True)
    assert (gone.value.code, gone.value.hint) == ("not_found", "See what is: quarterdeck fact near k/a")
    assert [event.kind for event in bench.store.events()][2:] == ["link.made", "link.removed"]


@pytest.mark.parametrize("key", ["a~p1", "~", " a", "a ", "a\nb", "a\x1fb", "a\u202eb", "\u200b", "k" * 201])
def test_a_new_key_that_could_mislead_is_refused_with_the_grammar(key: str) -> None:
    bench = Bench()
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(PutFact(fact_kind="k", key=key, value={}))
    assert (refused.value.code, refused.value.hint) == ("bad_value", facts.KEY_GRAMMAR)


@pytest.mark.parametrize("kind", ["", "a b", "a/b", "a:b", "1a", "_a", "a~b", "a\n"])
def test_a_new_kind_that_could_mislead_is_refused_with_the_grammar(kind: str) -> None:
    bench = Bench()
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(PutFact(fact_kind=kind, key="k", value={}))
    assert (refused.value.code, refused.value.hint) == ("bad_value", facts.KIND_GRAMMAR)


@pytest.mark.parametrize(
    "key", ["northwind", "2026-114", "ines@northwind.test", "Müller & Söhne", "a/b", "東京", "#1"]
)
def test_a_usual_key_is_taken(key: str) -> None:
    assert Bench().do(PutFact(fact_kind="k", key=key, value={}))["version"] == 1


def test_a_key_of_an_older_log_replays_and_is_written_on(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    with monkeypatch.context() as before:
        before.setattr(facts, "_check_names", lambda *_, known: None)
        bench.do(PutFact(fact_kind="k", key="a~p1", value={"n": 1}))
    draft = Draft(InMemoryStore())
    for event in bench.store.events():
        fold(draft, event)
    assert draft.get(Fact, "k/a~p1") == bench.store.get(Fact, "k/a~p1")
    assert bench.do(PutFact(fact_kind="k", key="a~p1", value={"n": 2}))["version"] == 2
    assert bench.do(RetractFact(fact_kind="k", key="a~p1"))["version"] == 3
