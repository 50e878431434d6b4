"""Dates in a text: where they stand, which day they mean, and which of them is a deadline.

Own grammar finds the phrases, by language; the dateparser library resolves those that name one day. Searching a
whole text with that library is slow and finds dates in ordinary words ("we", "may").
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from .date_words import FEASTS, MONTHS, PARTS, RELATIVE
from .words import DEADLINE, START, compiled

DATES_MAX = 20
CUE_CHARS = 40  # How far before a date the word stands that makes it a deadline or a start.
PAST_DAYS_MAX = 2
ROLE_WEIGHTS = {"deadline": 4, "start": 2, "": 0}
EXACT_WEIGHT = 3
DAY_AND_MONTH = frozenset({"de"})  # Where 3.5. is written for the third of May.
AHEAD_DAYS_MAX = 3 * 366

_ISO = r"\d{4}-\d{2}-\d{2}"
_NUMERIC = r"\d{1,2}\.\s?\d{1,2}\.(?:\s?\d{4}|\d{2})?|\d{1,2}/\d{1,2}/\d{4}|\d{1,2}-\d{1,2}-\d{4}"


@dataclass(frozen=True)
class Moment:
    """text: the phrase; day: ISO, "" when it names no day; exact: one certain day; role: deadline, start or ""."""

    text: str
    day: str
    exact: bool
    span: tuple[int, int]
    role: str


def dates_in(text: str, *, language: str, now: datetime) -> list[Moment]:
    """Dates from `now` on, in the order of the text; spans are characters of `text`."""
    language = language if language in MONTHS else "en"
    found: list[Moment] = []
    for match in _phrases(language).finditer(text):
        moment = _moment(match, text, language, now.date())
        if moment is not None:
            found.append(moment)
        if len(found) == DATES_MAX:
            break
    return found


def deadline_of(moments: list[Moment]) -> Moment | None:
    """The date that a word calls a deadline, else an exact one, else one called a start, else the only one."""
    weights = [ROLE_WEIGHTS[moment.role] + EXACT_WEIGHT * moment.exact for moment in moments]
    if not moments or (max(weights) == 0 and len(moments) > 1):
        return None
    return moments[weights.index(max(weights))]


@cache
def _phrases(language: str) -> re.Pattern[str]:
    month = "|".join(MONTHS[language])
    part = "|".join(words for words, _ in PARTS[language])
    day = r"\d{1,2}(?:st|nd|rd|th|er|:?e)?\.?"
    year = r"(?:,? (?:de |del )?(?:20)\d\d)"
    named = rf"(?:(?P<d1>{day}) (?:of |de )?(?P<m1>{month})\b\.?{year}?|(?P<m2>{month})\.? (?P<d2>{day})\b{year}?)"
    parted = rf"(?P<part>{part}) ?(?P<m3>{month})\b{year}?"
    loose = rf"(?P<m4>{month})\b{year}|(?<=\bin |\bim |\bby |\bof |\ben |\bab |\bi |\btill |\bvon )(?P<m5>{month})\b"
    return re.compile(
        rf"(?<![\w/.-])(?:(?P<iso>{_ISO})|{named}|{parted}|(?P<numeric>{_NUMERIC})(?!\d)|{_lookbehinds(loose)}"
        rf"|(?P<relative>{RELATIVE[language]})\b|(?P<feast>{FEASTS[language]})\b)",
        re.IGNORECASE,
    )


def _lookbehinds(loose: str) -> str:
    """Lookbehinds of different width must be told one by one."""
    month_year, _, rest = loose.partition("|(?<=")
    words, _, month = rest.partition(")")
    behind = "|".join(rf"(?<={word})" for word in words.split("|"))
    return rf"{month_year}|(?:{behind}){month}"


def _moment(match: re.Match[str], text: str, language: str, today: date) -> Moment | None:
    groups = match.groupdict()
    if language == "en" and any(groups[name] in ("may", "march", "mar") for name in ("m1", "m2", "m3", "m4", "m5")):
        return None  # Ordinary words, unless written like the month.
    if groups["numeric"] and language not in DAY_AND_MONTH and not re.search(r"\d{4}|\.\d\d$", match[0]):
        return None  # "a rating of 1.9." is no date.
    if groups["part"]:
        day, exact = _part_of_month(groups, match[0], language, today), False
    elif groups["m4"] or groups["m5"]:
        day, exact = _last_of_month(groups["m4"] or groups["m5"], match[0], language, today), False
    elif groups["feast"]:
        day, exact = None, False
    else:
        day, exact = _one_day(match[0], groups, language, today), not groups["relative"]
        if day is None and (groups["m1"] or groups["m2"] or groups["iso"]):
            return None  # "31 February"
    if day is not None and not -PAST_DAYS_MAX <= (day - today).days <= AHEAD_DAYS_MAX:
        return None
    iso = day.isoformat() if day else ""
    return Moment(match[0].strip(), iso, exact and bool(iso), match.span(), _role(text, match.start(), match.end()))


def _role(text: str, begin: int, end: int) -> str:
    before = re.split(
        r"[.!?;]\s|\n\s*\n|\b(?:because|since|weil|car|porque|eftersom)\b", text[max(0, begin - CUE_CHARS) : begin]
    )[-1]
    inside = text[begin:end]
    # A word of a deadline outweighs one of a start: "to start before March" names a limit.
    for role, cues in (("deadline", DEADLINE), ("start", START)):
        if compiled(cues).search(before) or compiled(cues).match(inside):
            return role
    return ""


def _month_number(word: str, language: str) -> int:
    return next(
        index
        for index, names in enumerate(MONTHS[language], 1)
        if re.fullmatch(names, word.rstrip("."), re.IGNORECASE)
    )


def _year(phrase: str, month: int, today: date) -> int:
    written = re.search(r"20\d\d", phrase)
    if written:
        return int(written[0])
    return today.year + (month < today.month)


def _part_of_month(groups: dict[str, str | None], phrase: str, language: str, today: date) -> date:
    month = _month_number(str(groups["m3"]), language)
    year = _year(phrase, month, today)
    last = next(day for words, day in PARTS[language] if re.fullmatch(words, str(groups["part"]), re.IGNORECASE))
    return date(year, month, last or monthrange(year, month)[1])


def _last_of_month(word: str | None, phrase: str, language: str, today: date) -> date:
    month = _month_number(str(word), language)
    year = _year(phrase, month, today)
    return date(year, month, monthrange(year, month)[1])


def _one_day(phrase: str, groups: dict[str, str | None], language: str, today: date) -> date | None:
    if groups["iso"]:
        return _iso(phrase)
    if groups["numeric"] and not _order_is_certain(phrase, language):
        return None
    if groups["numeric"] and (short := re.fullmatch(r"(\d{1,2})\.\s?(\d{1,2})\.", phrase)):
        return _day_and_month(int(short[1]), int(short[2]), today)  # The library takes 15.10. for a time of day.
    return _parsed(phrase, language, today)


def _day_and_month(day: int, month: int, today: date) -> date | None:
    """The next such day; one that has just passed is still meant."""
    for year in (today.year, today.year + 1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if (found - today).days >= -PAST_DAYS_MAX:
            return found
    return None


def _iso(phrase: str) -> date | None:
    try:
        return date.fromisoformat(phrase)
    except ValueError:
        return None


def _order_is_certain(phrase: str, language: str) -> bool:
    """3/4/2027 in English is March or April, depending on the writer; 3/14/2027 and 3.4.2027 are certain."""
    first, second = (int(number) for number in re.findall(r"\d+", phrase)[:2])
    return "." in phrase or language != "en" or first > 12 or second > 12 or first == second


def _parsed(phrase: str, language: str, today: date) -> date | None:
    import dateparser  # A third of a second and many tables: loaded by the first date, or while the worker idles.

    first = int((re.findall(r"\d+", phrase) or ["0"])[0])
    order = "MDY" if "/" in phrase and language == "en" and first <= 12 else "DMY"
    cleaned = re.sub(r"(?<=\d)(?:er|:?e|st|nd|rd|th)\b", "", phrase)
    settings = {
        "RELATIVE_BASE": datetime.combine(today, datetime.min.time()),
        "PREFER_DATES_FROM": "future",
        "DATE_ORDER": order,
    }
    found = dateparser.parse(cleaned, languages=[language], settings=settings)
    return found.date() if found else None


def start_of_day(iso: str, fallback_us: int) -> datetime:
    """The mail's own date when it has one, else the given time; naive, as dates in mails are."""
    try:
        return datetime.fromisoformat(iso).replace(tzinfo=None)
    except ValueError:
        return datetime(1970, 1, 1) + timedelta(microseconds=fallback_us)
