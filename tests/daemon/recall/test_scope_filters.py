"""A scope is a filter before ranking: who may see little still gets as many finds as were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.declared import ReadScope
from quarterdeck_daemon.recall.api import NONE_OF_THEM, Question, Row
from quarterdeck_daemon.recall.hybrid import HybridIndex
from quarterdeck_daemon.recall.narrowing import narrowed

from .small_embedder import SmallEmbedder

NOW_US = 1_000 * 86_400_000_000


def fact(kind: str, number: int) -> Row:
    name = f"fact:{kind}/{number}"
    return Row(id=f"{name}@1", entity=name, title="", text=f"Acme vault {number}", from_seq=1, kind=kind)


def memory(number: int, kind: str) -> Row:
    return Row(id=f"m{number}", entity=f"memory:m{number}", title="", text="Acme has a vault", from_seq=1, kind=kind)


# Many that nobody in scope may see, and which rank as high; `client` is a kind of fact and of memory here.
ROWS = (
    *(fact("price", number) for number in range(40)),
    *(fact("client", number) for number in range(3)),
    *(memory(number, "client") for number in range(100, 103)),
    *(memory(number, "diary") for number in range(200, 240)),
    *(memory(number, "note") for number in range(300, 303)),
)
SCOPES = {
    "facts of one kind, any memory": (ReadScope(facts=("client",)), {"fact:client", "m1", "m2", "m3"}),
    "any fact, memories of one kind": (ReadScope(memories=("note",)), {"fact:price", "fact:client", "m3"}),
    "one kind of each": (ReadScope(facts=("price",), memories=("client",)), {"fact:price", "m1"}),
    "no facts": (ReadScope(facts=(), memories=("note",)), {"m3"}),
    "facts alone": (ReadScope(facts=("client",), records=("fact",)), {"fact:client"}),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HybridIndex]:
    folder: Path = tmp_path_factory.mktemp("index")
    index = HybridIndex.open(folder / "index", SmallEmbedder(), now_us=lambda: NOW_US)
    index.put(ROWS, seq=5)
    yield index
    index.close()


def found(index: HybridIndex, question: Question | None) -> list[str]:
    return [] if question is None else [find.id for find in index.search([question])[0]]


def sort_of(id: str) -> str:
    return id.partition("/")[0] if id.startswith("fact:") else id[:2]


@pytest.mark.parametrize("name", list(SCOPES))
def test_what_is_out_of_scope_takes_no_places(index: HybridIndex, name: str) -> None:
    scope, allowed = SCOPES[name]
    wide = Question(query="Acme vault", limit=200, floor=False)
    everything = [id for id in found(index, wide) if sort_of(id) in allowed]
    few = msgspec.structs.replace(wide, limit=3)
    assert sorted(found(index, narrowed(wide, scope))) == sorted(everything)
    assert len(found(index, narrowed(few, scope))) == 3


@pytest.mark.parametrize("name", ["no facts", "facts alone"])
def test_taking_it_away_after_ranking_leaves_too_few(index: HybridIndex, name: str) -> None:
    """The twin: the same question without the filter, and what is out of scope removed from its answer."""
    scope, allowed = SCOPES[name]
    few = Question(query="Acme vault", limit=3, floor=False)
    assert len([id for id in found(index, few) if sort_of(id) in allowed]) < 3
    assert len(found(index, narrowed(few, scope))) == 3


def test_the_askers_own_filter_stays(index: HybridIndex) -> None:
    scope = ReadScope(facts=("client",))
    question = Question(query="Acme vault", limit=200, floor=False, kinds=("client", "price"))
    assert {sort_of(id) for id in found(index, narrowed(question, scope))} == {"fact:client", "m1"}
    nothing = Question(query="Acme vault", floor=False, kinds=("price",))
    assert found(index, narrowed(nothing, scope)) == []


def test_who_may_see_nothing_asks_nothing() -> None:
    assert narrowed(Question(query="x"), ReadScope(facts=(), memories=())) is None
    assert narrowed(Question(query="x"), ReadScope(namespaces=())) is None
    memories = narrowed(Question(query="x", fact_kinds=NONE_OF_THEM), ReadScope())
    assert memories is not None
    assert (memories.fact_kinds, memories.memory_kinds) == (NONE_OF_THEM, ())
