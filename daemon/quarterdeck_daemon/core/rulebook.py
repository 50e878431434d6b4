"""The rule book: the operator's rules, compiled once, asked in order until one matches.

A rule whose condition has no answer asks, and hides no later rule that denies. Two more things make rules safe
to write: what a rule says of cleaner text holds for tainted text as well (so taint never loosens), and an *allow* that
was reached by looking at words from outside is an *ask* (so such words choose nothing).
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Iterator, Sequence

import msgspec

from quarterdeck_protocol.labels import INTEGRITY_ORDER, SENSITIVITY_ORDER, Integrity, Labels, Sensitivity

from .durations import duration_us
from .entities import Plain, Risk
from .expressions import EXPRESSION_CHARS_MAX, Program, Scope, Unanswerable, program
from .guards import RISK_ORDER, STRICTNESS, Word
from .looking import fields_of, narrowed
from .rules import RULES_MAX, Files, Rule
from .vocabulary import TERMS, Question, label_map

SECTION_MAX = 32  # Conditions that are asked at once.
JOINT_CHARS = 7
TRUST: frozenset[str] = frozenset(("labels", "context"))
CLEAN = Labels(integrity="operator", sensitivity="public")  # Nothing is cleaner.
_Cleaner = tuple[Labels, Labels, bool]
SHAPED: frozenset[str] = frozenset(name for name, term in TERMS.items() if term.shaped)


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say. firm: neither a grant nor a level may turn its *ask* into an *allow*."""

    word: Word
    rule: str
    where: str
    risk: Risk
    hold_us: int | None
    reasons: tuple[str, ...] = ()
    firm: bool = False
    cool_us: int | None = None


# --- the book -------------------------------------------------------------------------------------


class Entry(msgspec.Struct, frozen=True):
    """A rule that is about a kind of action, ready to be asked."""

    rule: Rule
    where: str
    program: Program | None
    hold_us: int | None
    names: frozenset[str]


class Section(msgspec.Struct, frozen=True):
    """Rules one after the other. any_of: whether any of their conditions holds, asked at once; None: ask each."""

    entries: tuple[Entry, ...]
    any_of: Program | None
    names: frozenset[str]


class Chapter(msgspec.Struct, frozen=True):
    """All rules about one kind of action. names: all terms that any looks at.

    trust: conditions that look at labels, and at something else.  of_labels: those that look at nothing else
    """

    sections: tuple[Section, ...]
    trust: tuple[Program, ...]
    of_labels: tuple[Program, ...]
    of_sources: bool  # Whether one of the latter looks at where labels come from.
    names: frozenset[str]
    fields: dict[str, frozenset[str]]
    of_trust: dict[str, frozenset[str]]


class Book:
    """All rules in order, by kind of action. Made once per set of files."""

    def __init__(self, files: Files) -> None:
        self.files = tuple(files)
        self.sinks = tuple(sink for _, file in files for sink in file.sink)
        self._chapters: dict[str, Chapter] = {}

    def chapter(self, name: str) -> Chapter:
        found = self._chapters.get(name)
        if found is None:
            if len(self._chapters) >= RULES_MAX:
                self._chapters.clear()
            found = self._chapters[name] = _chapter(tuple(self._fitting(name)))
        return found

    def _fitting(self, name: str) -> Iterator[Entry]:
        for where, file in self.files:
            for rule in file.rule:
                if fnmatch.fnmatchcase(name, rule.pattern):
                    hold = duration_us(rule.hold) if rule.hold else None
                    condition = program(rule.when) if rule.when else None
                    yield Entry(rule, where, condition, hold, condition.names if condition else frozenset())

    def ruling(self, asked: Question, default: Ruling) -> Ruling:
        """What the first matching rule says, `default` when none does; never looser than for cleaner labels."""
        chapter = self.chapter(asked.name)
        reading = Reading(asked, chapter.fields)
        found = _first(chapter, reading) or default
        for cleaner in _otherwise(chapter, reading) if chapter.names & TRUST and found.word != "deny" else ():
            other = _first(chapter, reading.of(cleaner)) or default
            if _strictness(other) > _strictness(found):
                found = msgspec.structs.replace(other, reasons=(*other.reasons, _as_cleaner(cleaner)))
        return found


def _chapter(entries: tuple[Entry, ...]) -> Chapter:
    conditions = [entry.program for entry in entries if entry.program]
    trust = tuple(one for one in conditions if one.names & TRUST and not one.names <= TRUST)
    of_labels = tuple(one for one in conditions if one.names and one.names <= TRUST)
    return Chapter(
        sections=tuple(_sections(entries)),
        trust=trust,
        of_labels=of_labels,
        of_sources=any(not looked or "sources" in looked for looked in fields_of(of_labels).values()),
        names=frozenset[str]().union(*[entry.names for entry in entries]),
        fields=fields_of(conditions),
        of_trust=fields_of(trust),
    )


def _sections(entries: Sequence[Entry]) -> Iterator[Section]:
    """Cut into runs of conditional rules that can be asked at once, each rule without a condition by itself."""
    group: list[Entry] = []
    for entry in entries:
        length = sum(len(one.rule.when) + JOINT_CHARS for one in (*group, entry))
        if group and (entry.program is None or len(group) == SECTION_MAX or length > EXPRESSION_CHARS_MAX):
            yield _section(group)
            group = []
        group.append(entry)
        if entry.program is None:
            yield _section(group)
            group = []
    if group:
        yield _section(group)


def _section(entries: list[Entry]) -> Section:
    names = frozenset[str]().union(*[entry.names for entry in entries])
    return Section(tuple(entries), _any_of(entries), names)


def _any_of(entries: list[Entry]) -> Program | None:
    """In CEL `false || error` is no answer and `true || error` is true: only where all are false it says false."""
    if len(entries) < 3 or any(entry.program is None for entry in entries):
        return None
    try:
        return Program(" || ".join(f"({entry.rule.when}\n)" for entry in entries))
    except Unanswerable:  # Too deep together, though each by itself is not.
        return None


@functools.lru_cache(maxsize=16)
def _book_of(key: tuple[tuple[str, int], ...], held: _Held) -> Book:
    return Book(held.files)


class _Held:
    """Files beside their identities: keeps them alive, so that an identity is not given again. Equal to any other."""

    def __init__(self, files: Files) -> None:
        self.files = tuple(files)

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)


def book_of(files: Files) -> Book:
    """The book of these files. Files are frozen, so the same objects make the same book."""
    return _book_of(tuple([(where, id(file)) for where, file in files]), _Held(files))


# --- reading --------------------------------------------------------------------------------------


class Reading:
    """The answers of conditions about one question. Values are handed to CEL once; answers are kept."""

    def __init__(self, asked: Question, fields: dict[str, frozenset[str]]) -> None:
        self.asked = asked
        self._fields = fields
        self._answers: dict[Program, bool | Unanswerable] = {}
        self._scope: Scope | None = None

    def of(self, asked: Question) -> Reading:
        """The same question with other labels: only what looks at labels is asked anew."""
        other = Reading(asked, self._fields)
        other._answers = {one: answer for one, answer in self._answers.items() if not one.names & TRUST}
        return other

    def answer(self, condition: Program) -> bool | Unanswerable:
        found = self._answers.get(condition)
        if found is None:
            found = self._answers[condition] = self._ask(condition)
        return found

    def _ask(self, condition: Program) -> bool | Unanswerable:
        if self._scope is None:
            self._scope = Scope(self.asked.values(self._fields))
        return answer_in(self._scope, condition)


def answer_in(scope: Scope, condition: Program) -> bool | Unanswerable:
    """What a condition says; only `true` is true, and anything that is neither is no answer."""
    try:
        answer = condition.answer_in(scope)
    except Unanswerable as error:
        return error
    if not isinstance(answer, bool):
        return Unanswerable(f"{condition.text!r} gives {type(answer).__name__}, a condition gives true or false")
    return answer


def _first(chapter: Chapter, reading: Reading) -> Ruling | None:
    doubt: Ruling | None = None
    looked: set[str] = set()
    for section in chapter.sections:
        if section.any_of is not None and reading.answer(section.any_of) is False:
            looked |= section.names
            continue
        for entry in section.entries:
            looked |= entry.names
            answer = reading.answer(entry.program) if entry.program is not None else True
            if isinstance(answer, Unanswerable):
                doubt = doubt or _doubtful(entry, answer)
            elif answer:
                found = _shaped(_said(entry), looked, reading.asked)
                return _doubted(doubt, found) if doubt else found
    return doubt


def _otherwise(chapter: Chapter, reading: Reading) -> Iterator[Question]:
    """The question with cleaner labels, for each of which some rule that looks at labels says something else.

    If none of them does, the ruling is the same.
    """
    asked = reading.asked
    of_labels, of_context = _key(asked.labels, "labels", chapter), _key(asked.read, "context", chapter)
    for labels, context, differs in _cleaner(chapter.of_labels, of_labels, of_context):
        if not (differs or chapter.trust):
            continue
        cleaner = msgspec.structs.replace(
            asked,
            labels=_as_key(labels, asked.labels, "labels", chapter),
            context=_as_key(context, asked.read, "context", chapter),
        )
        if differs or _trust_differs(chapter, reading, cleaner):
            yield cleaner


def _trust_differs(chapter: Chapter, reading: Reading, cleaner: Question) -> bool:
    fields = chapter.of_trust
    labels = {name: one for name, one in _label_values(cleaner.labels, cleaner.read).items() if name in fields}
    scope = Scope(reading.asked.values(fields) | narrowed(labels, fields))
    return any(_differ(reading.answer(one), answer_in(scope, one)) for one in chapter.trust)


def _label_values(labels: Labels, context: Labels) -> Plain:
    return {"labels": label_map(labels), "context": label_map(context)}


def _key(labels: Labels, name: str, chapter: Chapter) -> Labels:
    """As far as any condition looks at them."""
    if name not in chapter.names:
        return CLEAN
    return labels if chapter.of_sources or not labels.sources else msgspec.structs.replace(labels, sources=())


def _as_key(key: Labels, labels: Labels, name: str, chapter: Chapter) -> Labels:
    return msgspec.structs.replace(key, sources=labels.sources) if name in chapter.names else labels


def _differ(one: bool | Unanswerable, two: bool | Unanswerable) -> bool:
    return one is not two and not (isinstance(one, Unanswerable) and isinstance(two, Unanswerable))


# --- rulings --------------------------------------------------------------------------------------


def _said(entry: Entry) -> Ruling:
    rule = entry.rule
    reasons = (rule.reason,) if rule.reason else ()
    return Ruling(
        word=rule.verdict, rule=rule.id, where=entry.where, risk=rule.risk, hold_us=entry.hold_us, reasons=reasons,
        firm=rule.firm, cool_us=duration_us(rule.cool) if rule.cool else None,
    )  # fmt: skip


def _doubtful(entry: Entry, error: Unanswerable) -> Ruling:
    told = entry.rule.reason if entry.rule.id == "unreadable" else f"rule {entry.rule.id}: {error}"
    return msgspec.structs.replace(_said(entry), word="ask", firm=True, reasons=(told,))


def _doubted(doubt: Ruling, found: Ruling) -> Ruling:
    """A rule that could not be answered asks; it does not hide a later rule that is stricter."""
    if found.word == "deny":
        return found
    holds = [one for one in (doubt.hold_us, found.hold_us) if one is not None]
    return msgspec.structs.replace(
        doubt,
        risk=max((doubt.risk, found.risk), key=RISK_ORDER.__getitem__),
        hold_us=max(holds) if holds else None,
        cool_us=max((one.cool_us for one in (doubt, found) if one.cool_us is not None), default=None),
        reasons=(*doubt.reasons, *found.reasons),
    )


def _shaped(found: Ruling, looked: set[str], asked: Question) -> Ruling:
    """An allow that was reached by looking at words from outside was chosen by them: it asks."""
    words = sorted(looked & SHAPED)
    if found.word != "allow" or asked.labels.integrity != "external" or not words:
        return found
    reason = f"Text from outside decided it, by {', '.join(words)}."
    return msgspec.structs.replace(found, word="ask", firm=True, reasons=(*found.reasons, reason))


def _as_cleaner(asked: Question) -> str:
    labels = asked.labels
    return f"So it is for cleaner text ({labels.integrity}, {labels.sensitivity}); taint and secrecy never loosen a rule."


def _strictness(found: Ruling) -> tuple[int, bool]:
    return STRICTNESS[found.word], found.firm


@functools.lru_cache(maxsize=4_096)
def _cleaner(conditions: tuple[Program, ...], labels: Labels, context: Labels) -> tuple[_Cleaner, ...]:
    """Labels and context that are less tainted or less secret, and whether one of these conditions differs for them.

    The conditions look at labels only, and the same labels are met again and again.
    """
    before = Scope(_label_values(labels, context))
    said = [answer_in(before, one) for one in conditions]
    found: list[_Cleaner] = []
    for of_labels in _cleaner_labels(labels):
        for of_context in _cleaner_labels(context):
            if (of_labels, of_context) != (labels, context):
                scope = Scope(_label_values(of_labels, of_context))
                differs = any(_differ(one, answer_in(scope, two)) for one, two in zip(said, conditions, strict=True))
                found.append((of_labels, of_context, differs))
    return tuple(found)


@functools.lru_cache(maxsize=256)
def _cleaner_labels(labels: Labels) -> tuple[Labels, ...]:
    trusts: list[Integrity] = ["external", "agent", "operator"]
    secrecies: list[Sensitivity] = ["public", "private", "secret"]
    return tuple(
        Labels(integrity=integrity, sensitivity=sensitivity, sources=labels.sources)
        for integrity in trusts[INTEGRITY_ORDER[labels.integrity] :]
        for sensitivity in secrecies[: SENSITIVITY_ORDER[labels.sensitivity] + 1]
    )
