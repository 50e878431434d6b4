"""The operator's rules: files of TOML, conditions in CEL, compiled once, asked in order until one matches.

    ask a Book what a question leads to  ->  Ruling(verdict, tried)

A rule whose condition has no answer asks, and hides no later rule that denies. Two more things make rules safe
to write: what a rule says of cleaner text holds for tainted text as well (so taint never loosens), and an *allow* that
was reached by looking at words from outside is an *ask* (so such words choose nothing).
"""

from __future__ import annotations

import difflib
import fnmatch
import functools
import re
import tomllib
from collections.abc import Iterator, Sequence

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import INTEGRITY_ORDER, SENSITIVITY_ORDER, Labels

from .durations import duration_us
from .entities import Plain, Risk
from .expressions import EXPRESSION_CHARS_MAX, Program, Scope, Unanswerable, program
from .guards import RISK_ORDER, STRICTNESS, Sink, Word
from .vocabulary import TERMS, Question

RULES_MAX = 1_000
SINKS_MAX = 200
SECTION_MAX = 16  # Conditions that are asked at once.
JOINT_CHARS = 7
TRUST: frozenset[str] = frozenset(("labels", "context"))
SHAPED: frozenset[str] = frozenset(name for name, term in TERMS.items() if term.shaped)
_PATH = re.compile(r"""("[^"]*"|'[^']*')|([a-z_][a-zA-Z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)*)(?![a-zA-Z0-9_(])""")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"pattern": "match"}):
    """firm: its *ask* is one whatever permission or autonomy was given.  cool: how long it waits after a yes."""

    id: str
    pattern: str
    verdict: Word
    when: str = ""
    risk: Risk = "medium"
    hold: str = ""
    reason: str = ""
    firm: bool = False
    cool: str = ""


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...] = ()
    sink: tuple[Sink, ...] = ()
    description: str = ""


Files = Sequence[tuple[str, PolicyFile]]


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


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """terms: what the names in its condition stood for; a term that is missing says so."""

    rule: str
    where: str
    outcome: str
    terms: Plain = {}


@functools.lru_cache(maxsize=64)
def parse_policy(text: str) -> PolicyFile:
    """Return the rules of one file. Raises QuarterdeckError `schema` with place and reason."""
    try:
        policy = msgspec.convert(tomllib.loads(text), PolicyFile)
        for rule in policy.rule:
            if rule.hold:
                duration_us(rule.hold)
            if rule.cool:
                duration_us(rule.cool)
            if rule.when:
                program(rule.when)
    except (
        tomllib.TOMLDecodeError,
        msgspec.ValidationError,
        QuarterdeckError,
        Unanswerable,
        RecursionError,
    ) as error:
        raise QuarterdeckError("schema", str(error), hint="See docs/policies.md for what a policy holds.") from error
    if len(policy.rule) > RULES_MAX or len(policy.sink) > SINKS_MAX:
        raise QuarterdeckError("schema", f"a policy file has at most {RULES_MAX} rules and {SINKS_MAX} sinks")
    return policy


def slips_in(rule: Rule) -> list[str]:
    """Names in its condition that no term has: it will always ask. Each with the nearest term."""
    if not rule.when:
        return []
    known = program(rule.when).names - _own_names(rule.when)
    return [_slip(name) for name in sorted(known - TERMS.keys())]


def _slip(name: str) -> str:
    near = difflib.get_close_matches(name, TERMS, n=1)
    return f"there is no term {name!r}" + (f"; did you mean {near[0]}?" if near else "")


def _own_names(when: str) -> set[str]:
    """Names that the condition gives itself: the first argument of all, exists, map and filter."""
    return set(re.findall(r"\.(?:all|exists|exists_one|map|filter)\(\s*([a-z_][a-zA-Z0-9_]*)\s*,", when))


def unreadable(where: str, reason: str) -> PolicyFile:
    """What stands for a file that cannot be read: everything asks, unless a rule that can be read denies."""
    rule = Rule(id="unreadable", pattern="*", verdict="ask", when="unreadable", firm=True, reason=reason)
    return PolicyFile(rule=(rule,), description=where)


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
    """All rules about one kind of action. trust: those that look at labels.  names: all terms that any looks at."""

    sections: tuple[Section, ...]
    trust: tuple[Entry, ...]
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
        for cleaner in _cleaner(asked, chapter) if chapter.trust and found.word != "deny" else ():
            if not _answers_otherwise(chapter, reading, cleaner):
                continue
            other = _first(chapter, reading.of(cleaner)) or default
            if _strictness(other) > _strictness(found):
                found = msgspec.structs.replace(other, reasons=(*other.reasons, _as_cleaner(cleaner)))
        return found


def _chapter(entries: tuple[Entry, ...]) -> Chapter:
    trust = tuple(entry for entry in entries if entry.names & TRUST)
    return Chapter(
        sections=tuple(_sections(entries)),
        trust=trust,
        names=frozenset[str]().union(*[entry.names for entry in entries]),
        fields=fields_of([entry.program for entry in entries if entry.program]),
        of_trust=fields_of([entry.program for entry in trust if entry.program]),
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
            self._scope = Scope(narrowed(self.asked.values(self._fields), self._fields))
        try:
            answer = condition.answer_in(self._scope)
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


def _answers_otherwise(chapter: Chapter, reading: Reading, cleaner: Question) -> bool:
    """Whether any rule that looks at labels says something else about cleaner ones; if none does, the ruling is the same."""
    other = Reading(cleaner, chapter.of_trust)
    for entry in chapter.trust:
        assert entry.program is not None, "a rule without a condition looks at nothing"
        before, after = reading.answer(entry.program), other.answer(entry.program)
        if before is not after and not (isinstance(before, Unanswerable) and isinstance(after, Unanswerable)):
            return True
    return False


# --- what of a term is looked at ------------------------------------------------------------------


def fields_of(conditions: Sequence[Program]) -> dict[str, frozenset[str]]:
    """The terms that conditions look at, and of each the fields; empty: all of it.

    Handing a value to CEL costs by its size, so a mail's body is not handed over for a look at its subject.
    """
    found: dict[str, set[str] | None] = {}
    for condition in conditions:
        for root in condition.names & TERMS.keys():
            fields = _fields_in(condition.text, root)
            known = found.setdefault(root, set())
            found[root] = None if fields is None or known is None else known | fields
    return {root: frozenset(fields or ()) for root, fields in sorted(found.items())}


def _fields_in(text: str, root: str) -> set[str] | None:
    """Fields of a term that the text names by a dot; None when it may look at others. In doubt, it may."""
    if any(mark in text for mark in ("\\", '"""', "'''", "//")):
        return None
    paths = [path.split(".") for quoted, path in _PATH.findall(text) if not quoted]
    mine = [path for path in paths if path[0] == root]
    if not mine or any(len(path) == 1 for path in mine):
        return None
    return {path[1] for path in mine}


def narrowed(values: Plain, fields: dict[str, frozenset[str]]) -> Plain:
    """The values with only those fields of maps that are looked at."""
    kept: Plain = {}
    for name, value in values.items():
        wanted = fields.get(name)
        if wanted and isinstance(value, dict):
            value = {field: value[field] for field in wanted if field in value}
        kept[name] = value
    return kept


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


def _cleaner(asked: Question, chapter: Chapter) -> Iterator[Question]:
    """The same question, less tainted or less secret, as far as any condition looks at that."""
    of_labels = list(_cleaner_labels(asked.labels)) if "labels" in chapter.names else [asked.labels]
    of_context = list(_cleaner_labels(asked.read)) if "context" in chapter.names else [asked.context]
    for labels in of_labels:
        for context in of_context:
            if labels != asked.labels or context not in (asked.context, asked.read):
                yield msgspec.structs.replace(asked, labels=labels, context=context)


def _cleaner_labels(labels: Labels) -> Iterator[Labels]:
    for integrity in INTEGRITY_ORDER:
        for sensitivity in SENSITIVITY_ORDER:
            if (
                INTEGRITY_ORDER[integrity] >= INTEGRITY_ORDER[labels.integrity]
                and SENSITIVITY_ORDER[sensitivity] <= SENSITIVITY_ORDER[labels.sensitivity]
            ):
                yield msgspec.convert(
                    {"integrity": integrity, "sensitivity": sensitivity, "sources": labels.sources}, Labels
                )


# --- telling --------------------------------------------------------------------------------------


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
    own = _own_names(condition.text)
    values = asked.values()
    found: Plain = {}
    for quoted, path in _PATH.findall(condition.text):
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
