"""`Name: …` lines of a web site's contact form, as it is relayed by mail."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What forms call their fields, in the languages we read. Compared in lower case without punctuation.
FIELD_NAMES: dict[str, str] = {
    **dict.fromkeys(("name", "your name", "full name", "ihr name", "vollständiger name", "nom", "votre nom", "nombre",
                     "namn", "ditt namn", "contact name", "from", "von", "ansprechpartner"), "name"),
    **dict.fromkeys(("first name", "vorname", "prénom", "förnamn"), "first_name"),
    **dict.fromkeys(("last name", "surname", "nachname", "nom de famille", "apellidos", "apellido", "efternamn"),
                    "last_name"),
    **dict.fromkeys(("email", "e-mail", "mail", "your email", "your e-mail", "email address", "e-mail address",
                     "e-mail-adresse", "ihre e-mail", "ihre e-mail-adresse", "adresse e-mail", "courriel",
                     "votre e-mail", "e-post", "epost", "e-postadress", "correo", "correo electrónico"), "email"),
    **dict.fromkeys(("company", "company name", "organisation", "organization", "firma", "unternehmen", "société",
                     "entreprise", "empresa", "företag", "your company"), "company"),
    **dict.fromkeys(("message", "your message", "nachricht", "ihre nachricht", "mensaje", "votre message",
                     "meddelande", "comment", "comments", "anfrage", "enquiry", "inquiry", "details",
                     "project details", "description", "projektbeschreibung", "how can we help"), "message"),
    **dict.fromkeys(("budget", "presupuesto", "budgetrahmen", "project budget", "your budget"), "budget"),
    **dict.fromkeys(("subject", "betreff", "objet", "sujet", "asunto", "ämne"), "subject"),
    **dict.fromkeys(("phone", "telephone", "telefon", "téléphone", "teléfono", "tel", "phone number",
                     "telefonnummer"), "phone"),
    **dict.fromkeys(("deadline", "timeline", "termin", "zeitrahmen", "délai", "plazo", "start date"), "deadline"),
}  # fmt: skip
VALUE_CHARS_MAX = 20_000
LABEL_CHARS_MAX = 48
LINES_MAX = 2_000

_REMARK = re.compile(r"\([^()]{1,20}\)$")


@dataclass(frozen=True)
class _Mark:
    """A line that begins a field: canonical name, line number, and what stands behind the colon."""

    name: str
    line: int
    rest: str


def form_fields(text: str) -> dict[str, str]:
    """Return canonical field name -> value, the first of a name wins.

    A field whose line is empty takes the next line that is not one itself.
    """
    lines = text.split("\n", LINES_MAX)[:LINES_MAX]
    marks = [mark for number, line in enumerate(lines) if (mark := _mark(number, line))]
    found: dict[str, str] = {}
    for index, mark in enumerate(marks):
        later = [other.line for other in marks[index + 1 :]]
        end = later[0] if later else len(lines)
        if mark.name == "message":
            # It goes on to the end, or to a block of further fields that follows an empty line.
            end = next((line for line in later if not lines[line - 1].strip()), len(lines))
        below = [mark.rest, *lines[mark.line + 1 : end]]
        value = "\n".join(below).strip() if mark.name == "message" else next(filter(str.strip, below), "").strip()
        if value:
            found.setdefault(mark.name, value[:VALUE_CHARS_MAX])
    return found


def _mark(number: int, line: str) -> _Mark | None:
    label, colon, rest = line.partition(":")
    if not colon or len(label) > LABEL_CHARS_MAX:
        return None
    label = _REMARK.sub("", label.strip(" \t>*_|-").lower()).strip(" \t*_")
    name = FIELD_NAMES.get(label)
    return _Mark(name, number, rest.strip(" \t*_")) if name else None
