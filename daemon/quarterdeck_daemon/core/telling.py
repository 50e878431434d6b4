"""What the terms of conditions stand for: which of them are looked at, and what they said, for people."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .entities import Plain
from .expressions import Program, Unanswerable
from .looking import PATH
from .rulebook import Entry, Reading, book_of
from .rules import Files, own_names
from .vocabulary import TERMS, Question


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """terms: what the names in its condition stood for; a term that is missing says so."""

    rule: str
    where: str
    outcome: str
    terms: Plain = {}


def tried(files: Files, asked: Question) -> Iterator[Tried]:
    """Every rule until one matches, with what its terms stood for."""
    chapter = book_of(files).chapter(asked.name)
    fitting = {id(entry.rule): entry for section in chapter.sections for entry in section.entries}
    reading = Reading(asked, chapter.fields)
    for where, file in files:
        for rule in file.rule:
            entry = fitting.get(id(rule))
            outcome = _outcome(entry, reading)
            terms = terms_of(entry.program, asked) if entry is not None and entry.program is not None else {}
            yield Tried(rule=rule.id, where=where, outcome=outcome, terms=terms)
            if outcome == "matched":
                return


def _outcome(entry: Entry | None, reading: Reading) -> str:
    if entry is None:
        return "not matched"
    answer = reading.answer(entry.program) if entry.program is not None else True
    return str(answer) if isinstance(answer, Unanswerable) else "matched" if answer else "not matched"


def terms_of(condition: Program, asked: Question) -> Plain:
    """The paths in a condition with their values, `missing` where there is none."""
    own = own_names(condition.text)
    values = asked.values()
    found: Plain = {}
    for quoted, path in PATH.findall(condition.text):
        root = path.partition(".")[0]
        if not quoted and root in TERMS and root not in own and path not in found:
            found[path] = _at(values, path.split("."))
    return found


def _at(values: object, path: list[str]) -> object:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return "missing"
        values = values[name]
    return values
