"""The hybrid index: filters before ranking, the past, several embedders, and what becomes of it after damage."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.embedders.api import Vectors
from quarterdeck_daemon.recall import hybrid, vectors
from quarterdeck_daemon.recall.api import Question, Row
from quarterdeck_daemon.recall.hybrid import HybridIndex
from quarterdeck_daemon.recall.weights import Weights
from quarterdeck_protocol.codes import QuarterdeckError

from .small_embedder import SmallEmbedder

DAY_US = 86_400_000_000
NOW_US = 1_000 * DAY_US


def row(id: str, text: str, **changes: object) -> Row:
    entity = f"memory:{id.partition('@')[0]}"
    return msgspec.structs.replace(Row(id=id, entity=entity, title="", text=text, from_seq=1), **changes)


ROWS = (
    row("m1", "The invoices of Acme were paid", tags=("money", "acme"), at_us=NOW_US - DAY_US),
    row("m2", "Acme moves to Bergen in spring", tier="core", at_us=NOW_US - 5 * DAY_US),
    row("m3", "Acme wants the new logo in blue", namespace="design", source="notes/logo.md"),
    row("m4", "Lunch with the people of Acme", kind="event", sensitivity="secret"),
    row("m5", "Acme offered a discount to somebody", tier="review"),
)


def opened(folder: Path, embedder: SmallEmbedder | None = None, **more: object) -> HybridIndex:
    return HybridIndex.open(folder, embedder or SmallEmbedder(), now_us=lambda: NOW_US, **more)  # type: ignore[arg-type]  # As the caller says.


@pytest.fixture
def index(tmp_path: Path) -> Iterator[HybridIndex]:
    index = opened(tmp_path / "index")
    index.put(ROWS, seq=5)
    yield index
    index.close()


def ids(index: HybridIndex, query: str, **filters: object) -> list[str]:
    question = msgspec.convert({"query": query, "floor": False, **filters}, Question)
    return [find.id for find in index.search([question])[0]]


# --- filters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"tiers": ["core", "review"]}, {"m2", "m5"}),
        ({"not_tiers": ["review"]}, {"m1", "m2", "m3", "m4"}),
        ({"kinds": ["event"]}, {"m4"}),
        ({"namespaces": ["design"]}, {"m3"}),
        ({"sources": ["notes/logo.md"]}, {"m3"}),
        ({"sensitivities": ["private", "public"]}, {"m1", "m2", "m3", "m5"}),
        ({"tags": ["acme", "money"]}, {"m1"}),
        ({"tags": ["acme", "other"]}, set()),
        ({"entities": ["memory:m1", "memory:m9"]}, {"m1"}),
        ({"since_us": NOW_US - 2 * DAY_US}, {"m1"}),
        ({"since_us": NOW_US - 5 * DAY_US, "until_us": NOW_US - DAY_US}, {"m2"}),
        ({"tiers": ["unheard of"]}, set()),
    ],
)
@pytest.mark.parametrize("mode", ["keyword", "vector", "hybrid"])
def test_only_what_passes_the_filters_is_found(
    index: HybridIndex, mode: str, filters: dict[str, object], found: set[str]
) -> None:
    assert set(ids(index, "acme", mode=mode, **filters)) == found


def test_filters_come_before_the_limit(index: HybridIndex) -> None:
    index.put([row(f"x{n}", "acme acme acme") for n in range(300)], seq=6)
    assert ids(index, "acme", limit=1, tiers=["core"]) == ["m2"]
    assert ids(index, "acme", limit=1, mode="vector", tiers=["core"]) == ["m2"]


def test_a_filter_changes_no_score_of_the_words(index: HybridIndex) -> None:
    def scored(**filters: object) -> dict[str, float]:
        question = msgspec.convert({"query": "acme bergen", "mode": "keyword", **filters}, Question)
        return {find.id: find.score for find in index.search([question])[0]}

    assert scored(tiers=["core"])["m2"] == scored()["m2"]


def test_a_limit_or_a_batch_beyond_bounds_is_refused(index: HybridIndex) -> None:
    for questions in (
        [Question(query="a", limit=0)],
        [Question(query="a", limit=5_000)],
        [Question(query="a")] * 300,
    ):
        with pytest.raises(QuarterdeckError) as refused:
            index.search(questions)
        assert refused.value.code == "out_of_range"


# --- the floor --------------------------------------------------------------------------------------


def answer(index: HybridIndex, query: str) -> list[str]:
    """By words: what is unlike enough depends on the embedder, and the one here is made for tests."""
    return [find.id for find in index.search([Question(query=query, mode="keyword")])[0]]


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[HybridIndex]:
    """To an embedder of three-letter runs any two texts are near, so likeness counts from further up."""
    index = opened(tmp_path / "strict", weights=Weights(floor_cosine=0.6))
    index.put(ROWS, seq=5)
    yield index
    index.close()


def test_nothing_is_the_answer_when_nothing_fits(strict: HybridIndex) -> None:
    index = strict
    assert answer(index, "quantum zeppelin xylophone") == []
    question = "who paid for the zeppelin and the xylophone of the quartet and its harmonica?"
    assert (answer(index, question), ids(index, question, mode="keyword")) == ([], ["m1"])


def people(id: str) -> list[Row]:
    """Forty turns of two speakers, in a namespace of their own; one of them says something."""
    said = [row(f"{id}{at}", f"{('Nora', 'Ben')[at % 2]}: filler {at}", namespace=id) for at in range(40)]
    return [*said, row(f"{id}-answer", "Nora: They made me team lead", namespace=id)]


def test_a_name_that_many_rows_have_is_not_read_for_likeness(tmp_path: Path) -> None:
    asked: list[str] = []

    class Listening(SmallEmbedder):
        def queries(self, texts: Sequence[str]) -> Vectors:
            asked.extend(texts)
            return super().queries(texts)

    index = opened(tmp_path / "index", Listening())
    index.put([*people("a"), row("z", "Zeno came by")], seq=50)
    for query in ("What did Nora's team lead do?", "What did Zeno do?", "Is it Nora?", "Nora"):
        ids(index, query)
    assert [" ".join(text.split()) for text in asked] == [
        "What did team lead do?", "Nora",
        "What did Zeno do?", "Zeno",
        "Is it ?", "Nora",
        "Nora",
    ]  # fmt: skip
    index.close()


def test_a_name_that_many_rows_have_does_not_choose_the_candidates(tmp_path: Path) -> None:
    """Else the shortest of what somebody said would come before what was asked for."""
    index = opened(tmp_path / "index", weights=Weights(candidates=10))
    index.put(people("a"), seq=50)
    assert ids(index, "Which team does Nora lead?", limit=1) == ["a-answer"]
    assert len(ids(index, "Which team does Nora lead?", mode="keyword")) == 1
    assert len(ids(index, "Nora", mode="keyword")) == 10
    index.close()


def test_a_name_that_only_others_know_counts_as_missing(tmp_path: Path) -> None:
    """What is in another namespace must not make a question about it look answered in this one."""
    index = opened(tmp_path / "index")
    index.put([row("m1", "The day rate is 720 euros"), row("b1", "Bob sleeps late", namespace="bob")], seq=5)
    of_bob, of_none, plain = (
        index.search([Question(query=query, namespaces=("default",), mode="keyword", floor=False)])[0][0].relevance
        for query in ("What is Bob's day rate?", "What is Zeno's day rate?", "What is the day rate?")
    )
    assert of_bob < plain
    assert of_none < plain
    index.close()


def test_a_question_without_words_has_no_answer_and_breaks_nothing(index: HybridIndex) -> None:
    for query in ("", "   ", "?!", "\u0000", "👍", "\u0640\u064b", "'s"):
        assert isinstance(index.search([Question(query=query)])[0], list)
    assert answer(index, "") == answer(index, "?!") == []


def test_a_known_name_is_no_answer(strict: HybridIndex) -> None:
    """What is asked of them was never said; of somebody unknown, likewise."""
    assert answer(strict, "what instrument does Acme play in the orchestra?") == []
    assert answer(strict, "what instrument does Zeppelin play in the orchestra?") == []
    assert answer(strict, "when does Acme move to Bergen?")[0] == "m2"
    assert set(answer(strict, "who is Acme?")) == {"m1", "m2", "m3", "m4", "m5"}


def test_the_row_with_what_is_asked_comes_before_rows_with_the_name(strict: HybridIndex) -> None:
    assert ids(strict, "which discounts did Acme offer?")[0] == "m5"


def test_a_date_that_no_row_says_costs_little(strict: HybridIndex) -> None:
    assert answer(strict, "were the invoices paid last Friday, 5 May 2025?")[:1] == ["m1"]


def test_without_the_floor_it_is_the_plain_ranking(strict: HybridIndex) -> None:
    query = "who paid the invoices of Acme?"
    assert ids(strict, query)[: len(answer(strict, query))] == answer(strict, query)
    assert len(ids(strict, query)) == len(ROWS)


def test_what_is_asked_for_passes_the_floor(index: HybridIndex) -> None:
    assert answer(index, "were the invoices paid?")[:1] == ["m1"]
    assert answer(index, "lunch") == ["m4"]


def test_a_find_says_why(index: HybridIndex) -> None:
    find = index.search([Question(query="paid invoice of zeppelin", floor=False)])[0][0]
    assert (find.id, find.entity, find.terms, find.superseded) == ("m1", "memory:m1", ("paid", "invoice"), False)
    assert 0.0 < find.relevance < 3.0
    assert find.keyword == find.vector == 1.0
    assert find.recency == pytest.approx(0.9923, abs=1e-3)


def test_a_language_that_the_embedder_cannot_read_is_ranked_by_words_alone(tmp_path: Path) -> None:
    index = opened(tmp_path / "index")
    index.put([row("m1", "الفاتورة مدفوعة"), row("m2", "مرحبا بكم في المكتبة")], seq=1)
    find = index.search([Question(query="الفاتورة")])[0]
    assert [(one.id, one.vector) for one in find] == [("m1", 0.0)]
    index.close()


def test_an_unknown_language_is_told_by_the_text(tmp_path: Path) -> None:
    index = opened(tmp_path / "index", embedder=SmallEmbedder())
    index.put(
        [row("m1", "Wir haben die Rechnungen für das Papier nicht bezahlt"), row("m2", "A rechnungen of nothing")],
        seq=1,
    )
    assert ids(index, "Rechnung bezahlen", mode="keyword") == ["m1"]
    index.close()


# --- time -------------------------------------------------------------------------------------------


def test_a_version_counts_from_when_it_was_learned_until_it_was_superseded(tmp_path: Path) -> None:
    index = opened(tmp_path / "index")
    index.put([row("f@1", "rent is 900", from_seq=10)], seq=10)
    index.put([row("f@1", "rent is 900", from_seq=10, to_seq=20), row("f@2", "rent is 950", from_seq=20)], seq=20)
    asked: dict[str, list[str]] = {
        "now": ids(index, "rent"),
        "before": ids(index, "rent", as_of=9),
        "then": ids(index, "rent", as_of=19),
        "at the change": ids(index, "rent", as_of=20),
    }
    assert asked == {"now": ["f@2"], "before": [], "then": ["f@1"], "at the change": ["f@2"]}
    past = index.search([Question(query="rent", past=True)])[0]
    assert {find.id: find.superseded for find in past} == {"f@1": True, "f@2": False}
    assert ids(index, "rent", past=True, as_of=15) == ["f@1"]
    index.close()


def test_the_same_text_in_two_stretches_is_shown_once(tmp_path: Path) -> None:
    """Withdrawn and taken back: two rows, one memory."""
    index = opened(tmp_path / "index")
    index.put([row("m1", "blue", from_seq=1, to_seq=5), row("m1@9", "blue", from_seq=9)], seq=9)
    assert ids(index, "blue", past=True) == ["m1@9"]
    assert ids(index, "blue", as_of=6) == []
    index.close()


def test_rows_of_a_filling_part_are_not_changed_back(tmp_path: Path) -> None:
    """The words are fed again from the start, where the first version still stood; it stays superseded."""
    folder = tmp_path / "index"
    index = opened(folder)
    old, new = row("f@1", "rent is 900", from_seq=10), row("f@2", "rent is 950", from_seq=20)
    index.put([old], seq=10, after=0, at=10)
    index.put([msgspec.structs.replace(old, to_seq=20), new], seq=20, after=10, at=20)
    index.close()
    shutil.rmtree(folder / "words")
    index = opened(folder)
    assert (index.applied.seq, index.applied.fed, index.applied.feed_from) == (0, 20, 0)
    index.put([old], seq=10, after=0, at=10)
    assert ids(index, "rent") == ["f@2"]  # By its vector.
    index.put([msgspec.structs.replace(old, to_seq=20), new], seq=20, after=10, at=20)
    assert (ids(index, "rent", mode="keyword"), index.applied.feed_from) == (["f@2"], 20)
    index.close()


# --- changes ----------------------------------------------------------------------------------------


def test_a_changed_row_replaces_the_old_and_a_removed_one_is_gone(index: HybridIndex) -> None:
    index.put([row("m1", "changed"), msgspec.structs.replace(ROWS[2], tier="core")], removed=["m2"], seq=9)
    assert set(ids(index, "acme", mode="keyword")) == {"m3", "m4", "m5"}
    assert ids(index, "changed", mode="keyword") == ["m1"]
    assert set(ids(index, "acme", tiers=["core"])) == {"m3"}
    assert (index.applied.seq, index.applied.rows) == (9, 4)


def test_what_is_erased_is_gone_in_all_its_versions(index: HybridIndex) -> None:
    index.put([row("m1@7", "invoices again", from_seq=7)], seq=7)
    assert index.holds(["memory:m1"])
    index.put([], seq=8, erased=["memory:m1"])
    assert ids(index, "invoices paid", past=True, mode="keyword") == []
    assert not index.holds(["memory:m1"])


def test_what_comes_in_is_embedded_once(tmp_path: Path) -> None:
    embedder = SmallEmbedder()
    index = opened(tmp_path / "index", embedder)
    for _ in range(3):
        index.put(ROWS, seq=5)
    assert (embedder.embedded, embedder.seen) == (len(ROWS), len(ROWS))
    index.put([msgspec.structs.replace(one, to_seq=9) for one in ROWS], seq=9)
    assert (embedder.embedded, embedder.seen) == (len(ROWS), 0)
    index.close()


def test_a_part_that_lacks_what_came_before_does_not_claim_to_have_it(index: HybridIndex) -> None:
    index.put([row("m9", "late")], seq=30, after=20, at=30)
    assert (index.applied.seq, index.applied.fed) == (5, 5)
    assert ids(index, "late")[:1] == ["m9"]


class Secretive(SmallEmbedder):
    """Remote: what it is given is written down."""

    remote = True
    given: tuple[str, ...] = ()

    def documents(self, texts: Sequence[str]) -> Vectors:
        self.given += tuple(texts)
        return super().documents(texts)


def test_what_holds_no_longer_is_unlearned_once(tmp_path: Path) -> None:
    """Superseded, fed again, and restored as a row of its own: what holds is counted, each row once."""
    embedder = SmallEmbedder()
    index = opened(tmp_path / "index", embedder)
    index.put(ROWS, seq=5)
    counted = [embedder.seen]
    ended = msgspec.structs.replace(ROWS[0], to_seq=6)
    for seq in (6, 7):
        index.put([ended], seq=seq)
        counted.append(embedder.seen)
    index.put([row("m1@8", ROWS[0].text, from_seq=8)], seq=8)
    assert [*counted, embedder.seen] == [5, 4, 4, 5]
    index.close()


def test_what_comes_in_as_past_is_not_learned(tmp_path: Path) -> None:
    """As when an index is built anew: the count is that of the notes that hold."""
    embedder = SmallEmbedder()
    index = opened(tmp_path / "index", embedder)
    index.put([msgspec.structs.replace(ROWS[0], to_seq=4), *ROWS[1:]], seq=5)
    assert (embedder.seen, embedder.embedded) == (4, 5)
    index.close()


def test_nothing_secret_goes_to_a_remote_embedder(tmp_path: Path) -> None:
    embedder = Secretive()
    index = opened(tmp_path / "index", embedder)
    index.put(ROWS, seq=5)
    assert "Lunch with the people of Acme" not in embedder.given
    assert len(embedder.given) == len(ROWS) - 1
    assert "m4" in ids(index, "lunch", mode="keyword")
    index.close()


# --- reopening, damage, other embedders -------------------------------------------------------------


def everything(index: HybridIndex) -> list[list[str]]:
    return [
        ids(index, query, mode=mode) for query in ("acme", "lunch", "blue logo") for mode in ("keyword", "vector")
    ]


def test_reopened_it_answers_the_same(tmp_path: Path) -> None:
    embedder = SmallEmbedder()
    index = opened(tmp_path / "index", embedder)
    index.put(ROWS, seq=5, anchor="5:abc")
    before = everything(index), index.applied
    index.close()
    again_embedder = SmallEmbedder()
    again = opened(tmp_path / "index", again_embedder)
    assert ((everything(again), again.applied), again_embedder.seen) == (before, len(ROWS))
    again.close()


def test_after_a_kill_it_answers_the_same(tmp_path: Path) -> None:
    """Nothing is closed; a copy of the folder is what a kill would leave."""
    index = opened(tmp_path / "index")
    index.put(ROWS[:3], seq=3)
    index.put(ROWS[3:], removed=["m1"], seq=5)
    index.put([row("m9", "acme number nine")], seq=6)
    shutil.copytree(tmp_path / "index", tmp_path / "left")
    left = opened(tmp_path / "left")
    assert (everything(left), left.applied) == (everything(index), index.applied)
    left.close()
    index.close()


def test_a_lost_catalogue_takes_the_other_parts_along(tmp_path: Path) -> None:
    """The twin of what keys are for: words and vectors of another catalogue would name other rows."""
    index = opened(tmp_path / "index")
    index.put(ROWS, seq=5)
    index.close()
    (tmp_path / "index" / "rows.save").unlink()
    again = opened(tmp_path / "index")
    assert (again.applied.fed, again.applied.rows, everything(again)) == (0, 0, [[]] * 6)
    again.put(ROWS, seq=5)
    assert ids(again, "lunch")[:1] == ["m4"]
    again.close()


def test_another_embedder_takes_over_when_it_has_every_row(tmp_path: Path) -> None:
    old, new = SmallEmbedder("old", 32), SmallEmbedder("new", 64)
    index = opened(tmp_path / "index", old)
    index.put(ROWS, seq=5, after=0, at=5)
    before = everything(index)
    index.close()
    index = opened(tmp_path / "index", new, former=lambda id: old if id == old.id else None)
    assert (index.applied.embedder, index.applied.migrating_to) == (old.id, new.id)
    assert (index.applied.seq, index.applied.fed, index.applied.feed_from) == (5, 5, 0)
    assert everything(index) == before
    index.put(ROWS[:2], seq=2, after=0, at=2)
    index.put([row("m9", "acme came late", from_seq=6)], seq=6, after=5, at=6)
    assert (index.applied.embedder, index.applied.migrated) == (old.id, 3)
    assert "m9" in ids(index, "came late", mode="vector")
    index.put(ROWS[2:], seq=6, after=2, at=6)
    assert (index.applied.embedder, index.applied.migrating_to, index.applied.feed_from) == (new.id, "", 6)
    assert set(ids(index, "acme", mode="vector")) == {"m1", "m2", "m3", "m4", "m5", "m9"}
    assert [path.name for path in (tmp_path / "index").glob("vectors-*")] == [f"vectors-{new.id}-{new.dimension}"]
    index.close()


def test_without_the_old_embedder_words_answer_until_the_new_one_is_complete(tmp_path: Path) -> None:
    index = opened(tmp_path / "index", SmallEmbedder("old", 32))
    index.put(ROWS, seq=5)
    index.close()
    index = opened(tmp_path / "index", SmallEmbedder("new", 64))
    assert (index.applied.embedder, ids(index, "invoices")[:1]) == ("", ["m1"])
    index.put(ROWS, seq=5)
    assert index.applied.embedder == "new-64"
    index.close()


def test_without_any_embedder_words_answer(tmp_path: Path) -> None:
    index = HybridIndex.open(tmp_path / "index", None, weights=Weights())
    index.put(ROWS, seq=5)
    assert ids(index, "invoice") == ["m1"]
    index.close()


# --- both sides at once -----------------------------------------------------------------------------


def test_searches_go_on_while_rows_come_in_and_graphs_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "SIDE_ROWS_MAX", 100)
    index = opened(tmp_path / "index")
    index.put(ROWS, seq=5)
    wrong: list[object] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            found = ids(index, "lunch with the people", limit=3)
            if not found or found[0] != "m4":
                wrong.append(found)

    def build() -> None:
        while not ended.is_set():
            index.fold()

    threads = [threading.Thread(target=work) for work in (ask, ask, build)]
    for thread in threads:
        thread.start()
    for batch in range(12):
        index.put([row(f"x{batch}-{n}", f"note {n} of batch {batch} on paper") for n in range(40)], seq=6 + batch)
    ended.set()
    for thread in threads:
        thread.join(30)
    assert (wrong, index.applied.rows) == ([], 485)
    index.close()


WORDS = ("acme", "paper", "blue", "rent", "logo", "bergen", "lunch")


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=40),
    tier=st.sampled_from(["core", "long-term"]),
    asked=st.sampled_from(WORDS),
    as_of=st.integers(0, 50),
)
def test_a_search_finds_what_a_plain_list_would(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], tier: str, asked: str, as_of: int
) -> None:
    """Rows end where the next of the same number begins; against a list that is looked through."""
    rows = [
        row(f"m{n}", text, from_seq=n + 1, to_seq=None if n % 3 else n + 4, tier=("core", "long-term")[n % 2])
        for n, text in enumerate(texts)
    ]
    index = opened(tmp_path_factory.mktemp("listed") / "index", SmallEmbedder(dimension=8))
    index.put(rows, seq=len(rows))
    wanted = {
        one.id
        for one in rows
        if one.tier == tier
        and one.from_seq <= as_of
        and (one.to_seq is None or as_of < one.to_seq)
        and asked in one.text.split()
    }
    assert set(ids(index, asked, tiers=[tier], as_of=as_of, mode="keyword", limit=100)) == wanted
    assert np.isfinite([find.score for find in index.search([Question(query=asked, limit=100)])[0]]).all()
    index.close()


# --- an embedder that cannot be asked ---------------------------------------------------------------


class Absent(SmallEmbedder):
    """Refuses while `away`."""

    away = True

    def documents(self, texts: Sequence[str]) -> Vectors:
        if self.away:
            raise QuarterdeckError("unavailable", "nobody answers")
        return super().documents(texts)


def test_while_the_embedder_is_away_words_are_indexed_and_vectors_stay_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hybrid, "VECTORS_REST_S", 0.0)
    embedder = Absent()
    index = opened(tmp_path / "index", embedder)
    index.put(ROWS, seq=5, after=0)
    assert ids(index, "invoices", mode="keyword") == ["m1"]
    assert ids(index, "invoices", mode="vector") == []
    assert (index.applied.fed, index.applied.feed_from) == (5, 0)
    embedder.away = False
    index.put(ROWS, seq=5, after=0)
    assert ids(index, "invoices", mode="vector")[0] == "m1"
    assert (index.applied.fed, index.applied.feed_from) == (5, 5)
    index.close()


def test_vectors_go_no_further_when_only_the_last_of_several_puts_was_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hybrid, "VECTORS_REST_S", 0.0)
    embedder = Absent()
    index = opened(tmp_path / "index", embedder)
    index.put(ROWS[:2], seq=0, after=0)
    embedder.away = False
    index.put(ROWS[2:], seq=5, after=0)
    assert index.applied.feed_from == 0
    index.put(ROWS[:2], seq=0, after=0)
    index.put(ROWS[2:], seq=5, after=0)
    assert index.applied.feed_from == 5
    assert len(ids(index, "Acme", mode="vector")) == len(ROWS)
    index.close()


def test_an_embedder_that_did_not_answer_is_left_in_peace_for_a_while(tmp_path: Path) -> None:
    embedder = Absent()
    index = opened(tmp_path / "index", embedder)
    index.put(ROWS[:2], seq=2, after=0)
    embedder.away = False
    index.put(ROWS[2:], seq=5, after=2)
    assert (embedder.embedded, index.applied.feed_from) == (0, 0)
    index.close()
