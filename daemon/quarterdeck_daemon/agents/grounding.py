"""What a text says that its sources do not: numbers, days, names, addresses and accounts that nobody gave.

For words that a model wrote, and for drafts that are to leave: nothing of that kind may stand there by itself. A number is
compared by its digits (EUR 14,400 and 14.400 € are one), a day by the day that it means, a name by its words. It can only
find what is written with digits or a capital letter, or as one of the number words below.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from .date_words import MONTHS

CHARS_MAX: Final = 60_000
READ: Final = ("en", "de", "fr")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LINK: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_NUMBER: Final = re.compile(r"\d(?:[\d.,'’\u00a0\u202f]*\d)?")
_SPACED: Final = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?!\d)")
_WORD: Final = re.compile(r"[^\W\d_][\w'’-]*")
_STARTS: Final = re.compile(r"(?:^|[.!?:…»”\"]|\n)\s*[\"“„«(\[–-]*\s*$")
_COUNTED: Final[dict[str, str]] = {
    word: digits
    for words, digits in (
        ("two zwei deux", "2"), ("three drei trois", "3"), ("four vier quatre", "4"), ("five fünf cinq", "5"),
        ("six sechs", "6"), ("seven sieben sept", "7"), ("eight acht huit", "8"), ("nine neun neuf", "9"),
        ("ten zehn dix", "10"), ("twelve zwölf douze", "12"), ("twenty zwanzig vingt", "20"),
        ("hundred hundert cent", "100"), ("thousand tausend mille", "1000"),
    )
    for word in words.split()
}  # fmt: skip
# Words that stand with a capital in letters and name nobody.
PLAIN: Final = frozenset(
    """i dear hello hi best kind regards sincerely yours thanks thank re mr mrs ms dr herr frau monsieur madame
    monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag
    guten tag sie ihnen ihr ihre ihren liebe lieber grüße gruß viele freundlichen bonjour cordialement vat mwst tva ust eur usd
    gbp chf sek subject betreff objet ps pdf url id ok""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Stranger:
    """Something that stands in no source. kind: number, day, name, address or account."""

    kind: str
    text: str
    span: tuple[int, int]


@dataclass(frozen=True)
class Day:
    """iso: 2026-12-01, or --12-01 when no year is written."""

    iso: str
    text: str
    span: tuple[int, int]


class Ground:
    """What may be said: everything that stands in these texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        whole = "\n".join(texts)[: 8 * CHARS_MAX]
        self._words = {folded(word) for word in _words(whole)}
        days = days_in(whole)
        self._days = {form for day in days for form in (day.iso, f"--{day.iso[-5:]}")}
        accounts = [match.span() for match in IBAN.finditer(whole)]
        counted = _blanked(
            whole, [*accounts, *(day.span for day in days)]
        )  # The 12 of a month is not twelve of anything.
        self._numbers = {_COUNTED[word] for word in self._words & _COUNTED.keys()}
        self._numbers |= {digits(match[0]) for pattern in (_NUMBER, _SPACED) for match in pattern.finditer(counted)}
        self._numbers |= {day.iso[:4] for day in days}
        self._compact = re.sub(r"\s", "", whole)

    def strangers(self, text: str, language: str = "en") -> list[Stranger]:
        """Return what of the text is not in the ground, in its order."""
        text = text[:CHARS_MAX]
        found: list[Stranger] = []
        left = text
        for kind, pattern in (("account", IBAN), ("address", _EMAIL), ("address", _LINK)):
            for match in pattern.finditer(left):
                if re.sub(r"\s", "", match[0]).rstrip(".,;") not in self._compact:
                    found.append(Stranger(kind, match[0], match.span()))
            left = _blanked(left, [match.span() for match in pattern.finditer(left)])
        days = days_in(left)
        found += [Stranger("day", day.text, day.span) for day in days if not self._has_day(day)]
        left = _blanked(left, [day.span for day in days])
        found += self._strange_numbers(left)
        found += self._strange_names(left, language)
        return sorted(found, key=lambda one: one.span)

    def _has_day(self, day: Day) -> bool:
        return day.iso in self._days

    def _strange_numbers(self, text: str) -> list[Stranger]:
        spaced = [match for match in _SPACED.finditer(text) if digits(match[0]) not in self._numbers]
        rest = _blanked(text, [match.span() for match in _SPACED.finditer(text)])
        plain = [match for match in _NUMBER.finditer(rest) if digits(match[0]) not in self._numbers]
        words = [
            match
            for match in _WORD.finditer(text)
            if (number := _COUNTED.get(match[0].lower())) and number not in self._numbers
        ]
        return [Stranger("number", match[0], match.span()) for match in (*spaced, *plain, *words)]

    def _strange_names(self, text: str, language: str) -> list[Stranger]:
        """Words with a capital inside a sentence. In German every noun has one: there only two in a row are a name."""
        unknown = [
            match
            for match in _WORD.finditer(text)
            if match[0][0].isupper() and not _STARTS.search(text[max(0, match.start() - 12) : match.start()])
            and len(match[0]) > 2 and not self._knows(match[0])
        ]  # fmt: skip
        if language == "de":
            ends = {match.end(): match for match in unknown}
            unknown = [match for match in unknown if match.start() - 1 in ends]
        return [Stranger("name", match[0], match.span()) for match in unknown]

    def _knows(self, word: str) -> bool:
        base = folded(re.sub(r"['’]s?$", "", word))
        return base in self._words or base in PLAIN or base in _month_names()


def folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def digits(number: str) -> str:
    """`14,400`, `14.400` and `14 400` as 14400; `3,046.40` as 304640; without cents that are none."""
    plain = re.sub(r"[.,]00$", "", number)
    return re.sub(r"\D", "", plain).lstrip("0") or "0"


def days_in(text: str) -> list[Day]:
    """Every day that is written with digits, past or future, in the languages that we read."""
    found: list[Day] = []
    for match in _day_pattern().finditer(text):
        day = _day(match)
        if day:
            found.append(Day(day, match[0], match.span()))
    return found


def _words(text: str) -> list[str]:
    return [part for word in _WORD.findall(text) for part in (word, *re.split(r"[-'’]", word)) if part]


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for begin, end in spans:
        text = text[:begin] + " " * (end - begin) + text[end:]
    return text


@cache
def _month_names() -> frozenset[str]:
    found: set[str] = set()
    for language in READ:
        for names in MONTHS[language]:
            for name in names.split("|"):
                found |= {folded(re.sub(r"\(\?:(.*?)\)\??", r"\1", name)), folded(re.sub(r"\(\?:.*?\)\??", "", name))}
    return frozenset(found)


@cache
def _months() -> tuple[re.Pattern[str], ...]:
    """One pattern for each month, in all languages."""
    return tuple(
        re.compile("|".join(MONTHS[language][number] for language in READ), re.IGNORECASE) for number in range(12)
    )


@cache
def _day_pattern() -> re.Pattern[str]:
    month = "|".join(f"(?:{MONTHS[language][number]})" for language in READ for number in range(12))
    day = r"\d{1,2}(?:st|nd|rd|th|er|\.)?"
    year = r"(?:,?\s(?P<{}>20\d\d))?"
    return re.compile(
        r"(?<![\w.-])(?:(?P<iso>20\d\d-\d{2}-\d{2})"
        rf"|(?P<d1>{day})\s(?:of\s|de\s)?(?P<m1>{month})\b\.?{year.format('y1')}"
        rf"|(?P<m2>{month})\.?\s(?P<d2>{day})(?!\d){year.format('y2')}"
        r"|(?P<d3>\d{1,2})\.\s?(?P<m3>\d{1,2})\.\s?(?P<y3>20\d\d)?(?!\d))",
        re.IGNORECASE,
    )


def _day(match: re.Match[str]) -> str:
    found = match.groupdict()
    if found["iso"]:
        return str(found["iso"])
    day = next(value for value in (found["d1"], found["d2"], found["d3"]) if value)
    year = found["y1"] or found["y2"] or found["y3"]
    word = found["m1"] or found["m2"]
    number = int(found["m3"] or 0) or next(
        (number for number, names in enumerate(_months(), 1) if names.fullmatch(str(word))), 0
    )
    count = int(re.sub(r"\D", "", day))
    if not 1 <= number <= 12 or not 1 <= count <= 31:
        return ""
    return f"{year}-{number:02d}-{count:02d}" if year else f"--{number:02d}-{count:02d}"
