"""Promises with a day ("I'll send the draft by Friday") and appointments with one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Finding

from .dates import Moment, dates_in
from .outside_text import one_line
from .sightings import Sighting

PROMISES_MAX = 10
SPOKEN = (
    "",
    "message/rfc822",
    "text/plain",
    "text/vtt",
    "text/calendar",
)  # Elsewhere a sentence is an example of one.
WHAT_CHARS = 200
SENTENCE = re.compile(r"[^.!?\n](?:[^.!?\n]|[.](?=\S)|\n(?!\s*\n))*")
# Who promises: the writer, or all of them. A question or a request is no promise.
PROMISE: dict[str, str] = {
    "en": (
        r"\b(?:I|we)(?:['’]ll|\s+will|\s+shall|\s+am\s+going\s+to|\s+are\s+going\s+to|\s+promise\s+to|['’]m\s+going\s+to)"
        r"\s+(?!not\b|be\b(?!\s+(?:sending|paying)))"
    ),
    "de": (
        r"\b(?:ich|wir)\s+(?:werden?|schicken?|senden?|liefern?|liefere|zahlen?|überweisen?|melden?|bringen?|erledigen?"
        r"|versprechen?|übergeben?)\b(?!\s+nicht)"
    ),
    "fr": (
        r"\b(?:je|nous)\s+(?:(?:vous|te|lui|leur|l['’]|le|la|les)\s*)?"
        r"(?:vais|allons|\w+(?:erai|irai|rai|erons|irons|rons))\b"
    ),
    "sv": r"\b(?:jag|vi)\s+(?:ska|skall|kommer\s+att|skickar|levererar|betalar|lovar|återkommer)\b(?!\s+inte)",
    "es": (
        r"\b(?:(?:te|le|les|os|lo|la)\s+)?(?:enviaré|enviaremos|mandaré|mandaremos|pagaré|pagaremos|entregaré"
        r"|entregaremos|haré|haremos|voy\s+a|vamos\s+a)\b"
    ),
}
APPOINTMENT = (
    r"\b(?:meeting|call|workshop|kick-?off|appointment|demo|presentation|interview|launch|termin|treffen|besprechung|telefonat"
    r"|réunion|rendez-vous|atelier|möte|samtal|reunión|cita|llamada|videocall)\b"
)
_APPOINTMENT = re.compile(APPOINTMENT, re.IGNORECASE)


def promises(seen: Sighting) -> Iterator[Finding]:
    pattern = re.compile(
        "|".join([PROMISE[seen.language]] if seen.language in PROMISE else PROMISE.values()), re.IGNORECASE
    )
    moments = dates_in(seen.text, language=seen.language, now=seen.now) if seen.source.media_type in SPOKEN else []
    count = 0
    for sentence in SENTENCE.finditer(seen.text):
        match = pattern.search(seen.text, sentence.start(), sentence.end())
        moment = _within(moments, match.end() if match else sentence.end(), sentence.end())
        if match is None or moment is None or "?" in seen.text[sentence.end() : sentence.end() + 1]:
            continue
        what = one_line(seen.text[match.start() : sentence.end()], WHAT_CHARS)
        value: Plain = {"what": what, "due": moment.day, "who": _who(seen)}
        key = f"{moment.day} {_who(seen)} {one_line(seen.text[match.end() : sentence.end()], 60)}"
        spans = {"what": (match.start(), sentence.end()), "due": moment.span}
        yield seen.finding("commitment", key, value, spans, beside=seen.sender)
        count += 1
        if count == PROMISES_MAX:
            return


def appointments(seen: Sighting) -> Iterator[Finding]:
    """A sentence that names a kind of meeting and one certain day."""
    if seen.source.media_type not in SPOKEN:
        return
    moments = [one for one in dates_in(seen.text, language=seen.language, now=seen.now) if one.exact]
    count = 0
    for sentence in SENTENCE.finditer(seen.text):
        match = _APPOINTMENT.search(seen.text, sentence.start(), sentence.end())
        moment = _within(moments, sentence.start(), sentence.end())
        alone = sum(sentence.start() <= one.span[0] < sentence.end() for one in moments) == 1
        if match is None or moment is None or not alone or moment.role == "deadline":
            continue  # Two days in one sentence: one of them is moved.
        title = one_line(seen.text[sentence.start() : sentence.end()], WHAT_CHARS)
        value: Plain = {"title": title, "starts": moment.day}
        spans = {"title": sentence.span(), "starts": moment.span}
        beside = (*seen.sender, *seen.names_near(*match.span()))
        yield seen.finding("event", f"{moment.day} {match[0]}", value, spans, beside=beside)
        count += 1
        if count == PROMISES_MAX:
            return


def _within(moments: list[Moment], start: int, end: int) -> Moment | None:
    return next((one for one in moments if one.day and start <= one.span[0] < end), None)


def _who(seen: Sighting) -> str:
    if seen.person is not None:
        return seen.person.name or seen.person.address
    return "operator" if seen.source.by_operator else "somebody"
