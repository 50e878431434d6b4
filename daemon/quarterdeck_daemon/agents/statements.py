"""What is known, cut into statements that can answer a question: a field of a fact, a sentence of what was remembered.

How    A question is compared with each statement by words, weighed by how rare they are here (intent_words.py). What the
       question names (a person, a client, a paper) must be what the statement is about. What it asks for (when, how much,
       who) says which fields can be an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from quarterdeck_daemon.core.orders import RunStep

from .contract import plain_map
from .fact_words import called, label, said_by, titled
from .grounding import folded
from .intent_words import Sentences, stem, words_in
from .outside_text import one_line
from .seen import Fact, facts_of, pieces_of

STATEMENTS_MAX: Final = 4_000
SENTENCE_CHARS_MAX: Final = 400
COVERED_MIN: Final = 0.5  # Of the question's words, by weight. Chosen on tests/daemon/agents/test_researcher.py.
NEAR: Final = 0.85  # What is nearly as good as the best is told as well.
FITS, FITS_NOT = 1.3, 0.6  # A field of the kind that was asked for, and one of another.
NAMED, NEARLY = 1.3, 1.1  # The question has the field's name in it, or a word that means the same.
REMEMBERED: Final = 0.9  # A fact is worth more than a sentence.
_PARAGRAPH: Final = re.compile(r"(?:(?!\n\s*\n|\n\s*(?:[-*#|]|\d+\.)\s).)+", re.DOTALL)  # Lines that belong together.
_SENTENCE: Final = re.compile(r"[^.!?]+(?:[.!?](?=\w)[^.!?]*)*[.!?]?")
_NAME: Final = re.compile(r"(?<!\w)[A-ZÄÖÜÉ][\w&-]{2,}")
_GERMAN: Final = re.compile(r"\b(?:wer|was|wann|wie|wo|welche[rns]?|der|die|das|ist|hat|muss|wir)\b", re.IGNORECASE)
MARKS: Final = " \t\n*#>-_`"  # Of Markdown, before a sentence.
# What a question asks for, and the kind of value that answers it.
ASKS: Final[tuple[tuple[str, str], ...]] = (
    (r"\b(?:when|until|since|what day|which day|deadline|due|wann|bis wann|quand)\b", "day"),
    (r"\b(?:how much|price|cost|costs|rate|fee|amount|wie viel|wieviel|kostet|preis|combien|prix|coûte)\b", "money"),
    (r"\b(?:e-?mail|address|adresse|reach)\b", "mail"),
)
_OPENERS: Final = frozenset(
    """what when where which who whose why how is are does do did has have can could tell give show wer was wann wo wie welche
    wieviel kostet qui que quand combien comment wie steht kennst find look please bitte know""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Statement:
    """text: as it is told; quote: as it stands in the source; about: words that say whom and what it concerns."""

    text: str
    quote: str
    source: str
    title: str
    about: str
    kind: str = "text"
    field: str = ""  # Of a fact.
    whose: str = ""  # Names of those whom a fact concerns.
    span: tuple[int, int] | None = None
    outside: bool = False  # Written by somebody else.
    words: frozenset[str] = frozenset()


def statements_of(step: RunStep) -> list[Statement]:
    facts = facts_of(step)
    names = {fact.key: called(fact) for kind in ("client", "contact", "organisation") for fact in facts.get(kind, [])}
    found = [one for ones in facts.values() for fact in ones for one in _of_fact(fact, names)]
    seen = {one.source for one in found}
    return [*found, *_remembered(step, seen)][:STATEMENTS_MAX]


def _of_fact(fact: Fact, names: dict[str, str]) -> Iterable[Statement]:
    title = titled(fact)
    whose = " ".join(names.get(str(value), "") for value in fact.value.values() if isinstance(value, str))
    about = (
        f"{title} {fact.key.replace('-', ' ')} {whose} {fact.text('name')} {fact.text('title')} {fact.text('about')}"
    )
    for one in said_by(fact):
        if one.text == called(fact):
            continue
        told = names.get(one.text, one.text)
        text = f"{title}{f' ({whose.strip()})' if whose.strip() else ''}: {label(one.field)} {told}"
        words = frozenset(words_in(f"{about} {label(one.field)} {one.text}"))
        yield Statement(
            text, one.text, fact.source, title, about, one.kind,
            field=label(one.field), whose=f"{whose} {called(fact)}", words=words,
        )  # fmt: skip


def _remembered(step: RunStep, seen: set[str]) -> Iterable[Statement]:
    pieces = pieces_of(step, "pinned", "core", "instructions", "recalled", "lessons")
    outside = _from_outside(step)
    for piece in pieces:
        if piece.id in seen:
            continue
        names = " ".join(_NAME.findall(piece.text))
        about = f"{piece.title} {names}"
        title = one_line(piece.title, 80) or piece.id
        for begin, end in _sentences(piece.text):
            quote = " ".join(piece.text[begin:end].split())[:SENTENCE_CHARS_MAX]
            if len(quote) > 8:
                words = frozenset(words_in(f"{piece.title} {quote}"))
                yield Statement(
                    f"“{one_line(quote, SENTENCE_CHARS_MAX)}”", quote, piece.id, title, about,
                    span=(begin, end), outside=piece.id in outside, words=words,
                )  # fmt: skip


def _sentences(text: str) -> Iterable[tuple[int, int]]:
    """Where each sentence begins and ends; a list's entry is one, a line's end within a paragraph is none."""
    for paragraph in _PARAGRAPH.finditer(text):
        for match in _SENTENCE.finditer(paragraph[0]):
            begin = paragraph.start() + match.start()
            yield begin + len(match[0]) - len(match[0].lstrip(MARKS)), paragraph.start() + match.end()


def _from_outside(step: RunStep) -> set[str]:
    """Pieces that somebody else wrote, such as mails."""
    found: set[str] = set()
    for value in step.context.values():
        rows = plain_map(value).get("pieces")
        for row in map(plain_map, rows if isinstance(rows, list) else []):
            if plain_map(row.get("labels")).get("integrity") == "external":
                found.add(str(row.get("id")))
    return found


@dataclass(frozen=True)
class Match:
    statement: Statement
    score: float


def answering(question: str, statements: list[Statement], own: str = "") -> list[Match]:
    """The statements that answer the question, best first; none when nothing does. own: words for us, which say nothing."""
    kinds = [kind for pattern, kind in ASKS if re.search(pattern, question, re.IGNORECASE)]
    wanted = _wanted(question, kinds, own)
    if not wanted or not statements:
        return []
    sentences = Sentences.of([one.words for one in statements])
    whole = sum(sentences.weight(word) for word in wanted)
    named = _named(question, statements, own)
    asked = set(re.findall(r"\w+", folded(question)))
    found: list[Match] = []
    for one in statements:
        covered = sum(sentences.weight(word) for word in wanted & one.words) / whole
        if covered >= COVERED_MIN and _concerns(one, named):
            found.append(Match(one, round(covered * _worth(one, kinds, wanted, asked), 3)))
    found.sort(key=lambda match: -match.score)
    return [match for match in found if match.score >= NEAR * found[0].score]


def _wanted(question: str, kinds: list[str], own: str) -> set[str]:
    """The words that say what it is about; how it asks is told by the kind of value."""
    said = (
        re.sub(r"\be-?mail\b|\baddress\b|\badresse\b", " ", question, flags=re.IGNORECASE)
        if "mail" in kinds
        else question
    )
    silent = _silent() | set(words_in(own))
    return {word for word in words_in(said) if word not in silent}


def _worth(one: Statement, kinds: list[str], wanted: set[str], asked: set[str]) -> float:
    """A fact before a sentence, a field of the kind that was asked for, and most of all one that the question names."""
    if not one.field:
        return REMEMBERED
    worth = 1.0 if not kinds else FITS if one.kind in kinds else FITS_NOT
    words = one.field.split()
    return worth * (NAMED if set(words) & asked else NEARLY if set(words_in(one.field)) & wanted else 1.0)


def _named(question: str, statements: list[Statement], own: str) -> list[str]:
    """Names and numbers of papers in the question: what answers it must be about these.

    In German every noun has a capital, so there only what is a name of somebody known counts.
    """
    words = [word for word in _NAME.findall(question) if folded(word) not in _OPENERS and word not in own]
    if not _GERMAN.search(question):
        return words
    known = {folded(word) for one in statements for word in _NAME.findall(one.whose)}
    return [word for word in words if folded(word) in known]


def _concerns(one: Statement, named: list[str]) -> bool:
    there = folded(f"{one.about} {one.quote}")
    return all(part in there for name in named for part in folded(name).split("-"))


@cache
def _silent() -> frozenset[str]:
    return frozenset(stem(word) for word in _OPENERS)
