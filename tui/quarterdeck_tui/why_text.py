"""Why an action is proposed, as lines: cut to a few rows below the list, or whole.

Owns     what is said about an approval, in which order, and what gives way when there is no room.
Promises every value from outside goes through `visible`; `compact` never returns more rows than asked for.
Leaves   opening the numbered links to the Why screen; numbers are those of `links`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from textual.content import Content

from .text import CUT, cut, fit, is_hidden, visible, visible_lines, wrap
from .views import ApprovalView, EvidenceView

LABEL_CELLS = 7
DIGIT_CELLS = 4
LINKS_MAX = 9  # One digit each; the rest are listed without one.
LABEL_STYLE = "$foreground-muted"
ALARM_STYLE = "$text-error bold"
BODY = "text"
MINOR_ARGS = frozenset(("in_reply_to", "references"))  # Threading: of use to mail programs alone.
SEAL = re.compile(r"[0-9a-f]{32,}$")
BRIEF_QUOTE = 32  # Characters; longer quotes are left to the Why screen.
SEAL_SHOWN = 8  # Of a hash; enough to compare by eye.
BODY_ROWS_MIN = 2  # Of the text that would leave; the lesser parts go first.
JOINS = frozenset(("seen", "mem", "args", "risk", BODY))  # May stand side by side in one row.
# What leaves first when rows are short; parts not named here stay.
CONFIRM_ORDER = ("!", "to", BODY, "risk", "undo", "why", "seen", "mem", "args", "rule", "with", "odds", "or", "from")
GIVES_WAY = ("from", "rule", "odds", "mem", "undo", "seen", "with")


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement; `digit` opens its evidence, `brief` says it in fewer words."""

    text: str
    digit: int | None = None
    style: str = ""
    brief: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Statements under one label."""

    label: str
    entries: tuple[Entry, ...]

    def joined(self) -> Part:
        """The same in one row: statements side by side, their digits behind them."""
        if len(self.entries) < 2 and self.label != BODY:
            return self
        short = [(one.brief or one.text, one.digit) for one in self.entries if one.text]
        words = (f"{text} [{digit}]" if digit else text for text, digit in short)
        between = " " if self.label == BODY else "  "
        return replace(
            self, entries=(Entry(between.join(words), style=self.entries[0].style if self.entries else ""),)
        )


def links(view: ApprovalView) -> tuple[EvidenceView, ...]:
    """Return the evidence in the order of its digits: what was seen, then what was remembered, then the minor rest."""
    minor = frozenset(index for index, one in enumerate(view.evidence) if _minor(view, one))
    order = sorted(range(len(view.evidence)), key=lambda index: (index in minor, view.evidence[index].remembered))
    return tuple(view.evidence[index] for index in order)


def _minor(view: ApprovalView, one: EvidenceView) -> bool:
    """Whether it says nothing that is not said already: part of a longer quote, or of the why; or only a seal."""
    if not one.quote:
        return not one.remembered and one.source != ""
    return (
        one.quote in view.why
        or SEAL.match(one.quote) is not None
        or any(_inside(one, other) for other in view.evidence)
    )


def _inside(one: EvidenceView, other: EvidenceView) -> bool:
    """Whether `other` quotes the same source and more of it: a first name inside a name."""
    return one.source == other.source and one.quote != other.quote and one.quote in other.quote


def hidden_count(view: ApprovalView) -> int:
    """Return how many characters of the arguments a terminal would not show."""
    texts = (str(value) for value in view.args.values())
    return sum(is_hidden(char) for text in texts for char in text if char not in "\n\r\t")


def trust(view: ApprovalView) -> str:
    """Return the labels in words, the least trusted first."""
    words = {"external": "from outside", "agent": "by an agent", "operator": "your words"}
    said = (words.get(view.integrity, view.integrity), view.sensitivity)
    return ", ".join(visible(word) for word in said if word)


def compact(view: ApprovalView, width: int, rows: int) -> list[Content]:
    """Return at most `rows` lines of `width` cells; rows left over go to the text, then to the reasons."""
    parts = [part for part in _parts(view, brief=True) if part.entries]
    if _rows(parts) > rows:
        parts = [part.joined() if part.label in JOINS else part for part in parts]
    for label in GIVES_WAY:
        if _rows(parts) + BODY_ROWS_MIN - 1 <= rows:
            break
        parts = [part for part in parts if part.label != label]
    lines = _drawn(parts, width, spare=max(rows - _rows(parts), 0))
    return lines[:rows]


def full(view: ApprovalView, width: int, *, spaced: bool = True) -> list[Content]:
    """Return everything that is known, wrapped to `width` cells; `spaced` puts an empty line between the parts."""
    lines: list[Content] = []
    for part in _parts(view, brief=False):
        if part.entries:
            lines.extend(_part(part, width, rows_each=None))
            lines += [Content("")] if spaced else []
    return lines[:-1] if spaced else lines


def to_confirm(view: ApprovalView, width: int) -> list[Content]:
    """Return the same as `full` in the order of a typed yes: what would leave first, where it comes from last."""
    parts = {part.label: part for part in _parts(view, brief=False) if part.entries}
    order = [label for label in CONFIRM_ORDER if label in parts]
    return [line for label in order for line in _part(parts[label], width, rows_each=None)]


def _since_then(changed: str) -> str:
    return f"changed since you approved it: {changed}"


def _parts(view: ApprovalView, *, brief: bool) -> list[Part]:
    numbered = list(enumerate(links(view), start=1))
    if brief:
        numbered = [(digit, one) for digit, one in numbered if not _minor(view, one)]
    seen = tuple(_evidence(one, digit) for digit, one in numbered if not one.remembered)
    memory = tuple(_evidence(one, digit) for digit, one in numbered if one.remembered)
    return [
        Part("!", _warning(view)),
        Part("why", _text(view.why)),
        Part("seen", seen),
        Part("mem", memory),
        *_preview(view, brief=brief),
        Part("risk", tuple(Entry(visible(risk)) for risk in (*map(_since_then, view.returned), *view.risks))),
        Part("undo", _text(_undo(view))),
        Part("rule", _text(_rule(view))),
        Part("with", _text(_with(view))),
        Part("odds", (*_text(_odds(view)), *(() if brief else _text(view.worth)))),
        Part("or", () if brief else tuple(Entry(visible(one)) for one in view.others)),
        Part("from", _text("; ".join(filter(None, (trust(view), ", ".join(map(visible, view.sources))))))),
    ]


def _text(text: str) -> tuple[Entry, ...]:
    return (Entry(visible(text)),) if text else ()


def _evidence(one: EvidenceView, digit: int) -> Entry:
    name = visible(one.claim.removesuffix("_text").replace("_", " "))
    quote = visible(one.quote[:SEAL_SHOWN] + ".." if SEAL.match(one.quote) else one.quote)
    said = f'{name}: "{quote}"' if quote and quote not in name else name
    brief = f"{name}: {quote}" if quote and len(quote) <= BRIEF_QUOTE else name
    if not quote:
        said = f"{name}: {visible(one.source)}"
    return Entry(said, digit if digit <= LINKS_MAX else None, brief=brief)


def _preview(view: ApprovalView, *, brief: bool) -> list[Part]:
    subject = view.args.get("subject")
    to = ", ".join(visible(target) for target in view.targets)
    head = [f"{to}   {visible(str(subject))}" if brief and subject else to]
    if subject and not brief:
        head.append(f"Subject: {visible(str(subject))}")
    shown = frozenset(("body", "subject", "to")) | (MINOR_ARGS if brief else frozenset())
    said = (
        (name, value) for name, value in view.args.items() if name not in shown and value not in ("", [], (), None)
    )
    others = tuple(Entry(f"{visible(name)}: {visible(_plain(value))}") for name, value in said)
    body = () if view.body is None else tuple(Entry(line) for line in visible_lines(view.body))
    body = tuple(one for one in body if one.text) if brief else body
    return [Part("to", tuple(Entry(line) for line in head if line)), Part("args", others), Part(BODY, body)]


def _plain(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, (list, tuple)) else str(value)


def _warning(view: ApprovalView) -> tuple[Entry, ...]:
    hidden = hidden_count(view)
    if not hidden:
        return ()
    words = f"{hidden} hidden character{'s' * (hidden != 1)} inside, shown as \\x.. or \\u...."
    return (Entry(words, style=ALARM_STYLE),)


def _undo(view: ApprovalView) -> str:
    held = "" if not view.hold_s else f"held {view.hold_s:g} s after yes, z takes it back. "
    return f"{held}{view.undo}".strip()


def _rule(view: ApprovalView) -> str:
    reasons = " ".join(one if one.endswith(".") else f"{one}." for one in view.rule_reasons)
    return "   ".join(part for part in (view.rule, view.rule_where, reasons) if part)


def _with(view: ApprovalView) -> str:
    """The lessons that lay before whoever made it; its template stands with what was seen."""
    lessons = [one.removeprefix("memory:") for one in view.made_with if not one.startswith("asset:")]
    return f"lesson {', '.join(lessons)}" if lessons else ""


def _odds(view: ApprovalView) -> str:
    said = (
        view.basis
        if view.confidence is None
        else f"confidence {view.confidence:.2f}: {view.basis}".removesuffix(": ")
    )
    cost = f"cost {view.cost}" if view.cost else ""
    run = f"run {view.run} {view.step}".rstrip() if view.run else ""
    return "   ".join(part for part in (said, cost, run) if part)


def _rows(parts: list[Part]) -> int:
    return sum(len(part.entries) for part in parts)


def _drawn(parts: list[Part], width: int, spare: int) -> list[Content]:
    """Draw each entry in one row, and let those that need more have the spare rows, the text first."""
    wish = {part.label: len(_wrapped(part, width)) - len(part.entries) for part in parts}
    extra: dict[str, int] = {}
    for label in sorted(wish, key=lambda name: (name != BODY, name != "why")):
        extra[label] = min(wish[label], spare)
        spare -= extra[label]
    lines: list[Content] = []
    for part in parts:
        lines.extend(_part(part, width, rows_each=len(part.entries) + extra[part.label]))
    return lines


def _wrapped(part: Part, width: int) -> list[tuple[Entry, str, bool]]:
    """Return (entry, line, first of its entry) for every row the part would like to have."""
    room = width - LABEL_CELLS - DIGIT_CELLS
    return [(one, line, index == 0) for one in part.entries for index, line in enumerate(wrap(one.text, room))]


def _part(part: Part, width: int, rows_each: int | None) -> list[Content]:
    room = width - LABEL_CELLS - DIGIT_CELLS
    rows = _wrapped(part, width)
    if rows_each is not None and rows_each < len(rows):
        rows = _squeezed(part, rows, rows_each, room)
    return [
        _row(part.label if number == 0 else "", one, line, first, width)
        for number, (one, line, first) in enumerate(rows)
    ]


def _squeezed(
    part: Part, rows: list[tuple[Entry, str, bool]], rows_max: int, room: int
) -> list[tuple[Entry, str, bool]]:
    """Cut to `rows_max` rows: one a statement, or the beginning of the text with a mark that more follows."""
    if len(part.entries) == rows_max:
        return [(one, cut(one.text, room), True) for one in part.entries]
    kept = rows[:rows_max]
    one, line, first = kept[-1]
    return [*kept[:-1], (one, cut(line + " " * room, room - 1).rstrip(CUT).rstrip() + CUT, first)]


def _row(label: str, one: Entry, line: str, first: bool, width: int) -> Content:
    digit = f"[{one.digit}]" if one.digit and first else ""
    room = width - LABEL_CELLS - len(digit)
    return Content.assemble(
        (fit(f" {label}", LABEL_CELLS), LABEL_STYLE), (fit(line, room), one.style), (digit, "$text-accent")
    )
