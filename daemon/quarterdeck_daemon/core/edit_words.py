"""What an edit changed, in words: which words became which, and where. The same words mean the same habit.

A text is compared line by line, and within lines that were replaced word by word. Of a mail's body the first line is the
greeting when it looks like one, and the last lines after the text are the closing. Digits do not tell habits apart.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from .entities import Plain
from .hashing import value_hash

CHANGES_MAX: Final = 8  # Of one edit; more is another text, not a habit.
LINES_MAX: Final = 400
WORDS_MAX: Final = 400  # Of one block of replaced lines; longer ones count as a whole.
SHOWN_CHARS_MAX: Final = 120
GREETING_CHARS_MAX: Final = 80
CLOSING_LINES: Final = 3
KEY_CHARS: Final = 24
_WORD: Final = re.compile(r"\w[\w'’-]*|[^\w\s]")
_DIGITS: Final = re.compile(r"\d+")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """place: `subject`, `greeting`, `closing`, `text` or the name of an argument. before, after: "" for nothing."""

    place: str
    before: str
    after: str

    @property
    def key(self) -> str:
        """The same for the same words in the same place, whatever the numbers, capitals and spaces.

        Of greetings and closings only what the operator writes counts: what stood there has somebody's name in it.
        """
        named = self.place in ("greeting", "closing") and self.after
        return value_hash([self.place, "" if named else self.old, _plain(self.after)])[:KEY_CHARS]

    @property
    def old(self) -> str:
        return _plain(self.before)

    @property
    def says_something(self) -> bool:
        """Whether it is of words; signs alone are no habit that anybody could learn."""
        return any(char.isalnum() for char in self.before + self.after)


def _plain(text: str) -> str:
    return " ".join(_DIGITS.sub("#", text.casefold()).split())


def changes(before: Plain, after: Plain) -> tuple[Change, ...]:
    """What differs between two sets of arguments, in their order; the first CHANGES_MAX."""
    found: list[Change] = []
    for name, value in after.items():
        if before.get(name) != value:
            found += _in_argument(name, before.get(name), value)
    return tuple(one for one in dict.fromkeys(found) if one.says_something)[:CHANGES_MAX]


def _in_argument(name: str, before: object, after: object) -> Iterator[Change]:
    if isinstance(before, str) and isinstance(after, str):
        yield from _in_text(name, before.strip().split("\n"), after.strip().split("\n"))
    else:
        yield Change(place=name, before=_shown(before), after=_shown(after))


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _in_text(name: str, old: list[str], new: list[str]) -> Iterator[Change]:
    if max(len(old), len(new)) > LINES_MAX:
        return
    places = _places(name, old), _places(name, new)
    for word, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if word != "equal":
            place = places[0][a] if a < b else places[1][c]
            yield from _in_lines(place, old[a:b], new[c:d])


def _places(name: str, lines: Sequence[str]) -> list[str]:
    """Where each line stands."""
    if name != "body":
        return [name] * len(lines)
    filled = [number for number, line in enumerate(lines) if line.strip()]
    places = ["text"] * len(lines)
    if filled and len(lines[filled[0]]) <= GREETING_CHARS_MAX and lines[filled[0]].rstrip().endswith((",", "!", ":")):
        places[filled[0]] = "greeting"
    for number in filled[-CLOSING_LINES:]:
        if len(filled) > CLOSING_LINES and places[number] == "text":
            places[number] = "closing"
    return places


def _in_lines(place: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """Word by word, so that a name in the line does not hide that it is the same habit."""
    before, after = "\n".join(old), "\n".join(new)
    olds, news = list(_WORD.finditer(before)), list(_WORD.finditer(after))
    if not old or not new or max(len(olds), len(news)) > WORDS_MAX:
        yield Change(place=place, before=before.strip(), after=after.strip())
        return
    matcher = difflib.SequenceMatcher(None, [one[0] for one in olds], [one[0] for one in news], autojunk=False)
    for word, a, b, c, d in matcher.get_opcodes():
        if word != "equal":
            yield Change(place=place, before=_span(before, olds[a:b]), after=_span(after, news[c:d]))


def _span(text: str, words: Sequence[re.Match[str]]) -> str:
    return text[words[0].start() : words[-1].end()] if words else ""


def described(found: Sequence[Change], *, whole: bool = True) -> str:
    """The changes in plain words, "" for none. whole: False leaves out what was there before: a stranger may have written it."""
    return "; ".join(_described(one, whole) for one in found)


def _described(one: Change, whole: bool) -> str:
    where = {"greeting": "the greeting", "closing": "the closing", "text": "the text", "subject": "the subject"}
    place = where.get(one.place, one.place)
    old, new = (f'"{_cut(text)}"' for text in (one.before, one.after))
    if not one.before:
        return f"added {new} to {place}"
    if not one.after:
        return f"took {old} out of {place}" if whole else f"took words out of {place}"
    return f"changed {place} from {old} to {new}" if whole else f"changed {place} to {new}"


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN_CHARS_MAX else flat[: SHOWN_CHARS_MAX - 1] + "…"
