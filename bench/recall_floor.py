"""How were the numbers of recall's floor chosen? By this, from questions that may be used for choosing.

Method   the `dev` questions of recall_set/ (notes, talk, papers, people, and more_questions.tsv) are asked once of an
         index in this process, without a floor; what each hit has of its question is kept. Then every combination of
         TRIED is applied to that. A combination counts by the mean over the sets of recall@10 (of that without a
         floor) and of the questions without an answer that got none; from where recall falls below KEPT of what it
         was before these rules, each point costs five.
         Prints the best combinations and, last, the defaults: they are round numbers within what the best ones share.
Excludes the `held` questions, the order of hits (the floor does not change it), other embedders.
Run      python bench/recall_floor.py
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from recall_quality import LIMIT, PAPERS, PEOPLE, Asked, Note, mean, notes, people, questions, talk

from quarterdeck_daemon.embedders.static import StaticEmbedder
from quarterdeck_daemon.recall import answering
from quarterdeck_daemon.recall.api import Question, Row
from quarterdeck_daemon.recall.hybrid import HybridIndex
from quarterdeck_daemon.recall.keyword import Word
from quarterdeck_daemon.recall.relevance import relevance, shared, shown, wanted
from quarterdeck_daemon.recall.weights import Weights

TRIED = {
    "floor_vector": (2.0, 2.5, 3.0),
    "floor_cosine": (0.0, 0.05),
    "longer": (0.1, 0.2, 0.3),
    "known_names": (0.3, 0.4, 0.5),
    "floor": tuple(round(0.4 + 0.03 * step, 2) for step in range(16)),
}
BEFORE = {"notes": 0.904, "talk": 0.595, "papers": 0.841, "people": 1.0}  # recall@10 with the floor of before.
KEPT = 0.97
SHOWN = 12


class Hits(msgspec.Struct, frozen=True):
    """What one question found, best first, and what the floor looks at of each hit."""

    asked: Asked
    words: list[Word] = []
    fluency: float = 0.0
    ids: list[str] = []
    scores: list[float] = []
    has: list[list[Word]] = []
    cosines: list[float] = []


class Listening(answering.Answering):
    """Keeps what it ranked."""

    last: tuple[list[Word], answering._Candidates, float] | None = None

    def _ranked(self, question, words, among, fluency, now_us):  # type: ignore[no-untyped-def]  # As there.
        self.last = (list(words), among, fluency)
        return super()._ranked(question, words, among, fluency, now_us)


def index_of(folder: Path, all_notes: list[Note]) -> HybridIndex:
    index = HybridIndex.open(folder, StaticEmbedder(), now_us=lambda: 0)
    index._answers.__class__ = Listening
    end = len(all_notes) + 1
    index.put(
        [
            Row(
                id=note.id, entity=f"memory:{note.id}", title="", text=note.text, namespace=note.namespace,
                from_seq=at, to_seq=end if note.replaced_by else None,
            )
            for at, note in enumerate(all_notes, 1)
        ],
        seq=end,
    )  # fmt: skip
    return index


def hits_of(index: HybridIndex, asked: Asked) -> Hits:
    listening = index._answers
    assert isinstance(listening, Listening), "it was made one"
    listening.last = None
    question = Question(query=asked.question, limit=LIMIT, namespaces=(asked.namespace,), floor=False)
    finds = index.search([question])[0]
    if listening.last is None:
        return Hits(asked)
    words, among, fluency = listening.last
    keys = [index._catalogue.key_of(find.id) for find in finds]
    places = [among.keys.tolist().index(key) for key in keys]
    terms = [[word for word in words if word.text in find.terms] for find in finds]
    return Hits(
        asked, words, fluency, [find.id for find in finds], [find.score for find in finds], terms,
        [float(among.beside[place]) for place in places],
    )  # fmt: skip


def sets(folder: Path) -> Iterator[tuple[str, list[Hits]]]:
    of_notes, of_talk, of_people = (
        index_of(folder / name, them) for name, them in (("n", notes()), ("t", talk()), ("p", people()))
    )
    more = questions("more_questions.tsv")
    spoken = [one for one in (*questions("talk_questions.tsv"), *more) if one.kind != "swapped"]
    namespaces = {note.namespace for note in talk()} - {PAPERS}
    for name, index, them in (
        ("notes", of_notes, [*questions(), *(one for one in more if one.namespace == "default")]),
        ("talk", of_talk, [one for one in spoken if one.namespace in namespaces]),
        ("papers", of_talk, [one for one in spoken if one.namespace == PAPERS]),
        (PEOPLE, of_people, questions("people_questions.tsv")),
    ):
        yield name, [hits_of(index, one) for one in them if one.split == "dev"]


def kept(hits: Hits, weights: Weights) -> list[str]:
    if not hits.ids:
        return []
    asked = wanted(hits.words, weights)
    near = [
        relevance(shared(has, asked, weights), cosine, hits.fluency, weights, words=asked.words)
        for has, cosine in zip(hits.has, hits.cosines, strict=True)
    ]
    return [hits.ids[place] for place in shown(hits.scores, near, weights, fluency=hits.fluency)]


def measured(all_hits: list[Hits], weights: Weights) -> tuple[float, float, float]:
    """recall@10 with the floor, without it, and the share of empty answers that are right."""
    answered = [hits for hits in all_hits if hits.asked.answers]
    empty = [not kept(hits, weights) for hits in all_hits if not hits.asked.answers]
    share = [len(hits.asked.answers.intersection(kept(hits, weights))) / len(hits.asked.answers) for hits in answered]
    plain = [len(hits.asked.answers.intersection(hits.ids)) / len(hits.asked.answers) for hits in answered]
    return mean(share), mean(plain), mean(empty)


def worth(found: dict[str, tuple[float, float, float]]) -> float:
    gained = mean([recall / plain + empty for recall, plain, empty in found.values()])
    return gained - sum(5 * max(0.0, KEPT * BEFORE[name] - recall) for name, (recall, _, _) in found.items())


def told(found: dict[str, tuple[float, float, float]]) -> str:
    return "  ".join(
        f"{name} {recall:.3f} of {plain:.3f}, {empty:.2f}" for name, (recall, plain, empty) in found.items()
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        known = dict(sets(Path(folder)))
    tried: list[tuple[float, str, str]] = []
    for values in itertools.product(*TRIED.values()):
        weights = msgspec.convert(dict(zip(TRIED, values, strict=True)), Weights)
        found = {name: measured(them, weights) for name, them in known.items()}
        tried.append(
            (
                worth(found),
                " ".join(f"{name}={value}" for name, value in zip(TRIED, values, strict=True)),
                told(found),
            )
        )
    for score, settings, figures in sorted(tried, reverse=True)[:SHOWN]:
        print(f"{score:.3f}  {settings}  |  {figures}")
    now = {name: measured(them, Weights()) for name, them in known.items()}
    print(f"{worth(now):.3f}  the defaults  |  {told(now)}")


if __name__ == "__main__":
    main()
