"""How dates are written in the languages we read, as data. Every entry is a regular expression."""

# ruff: noqa: E501 - tables of expressions are easier to check with one idea on a line

from __future__ import annotations

MONTHS: dict[str, tuple[str, ...]] = {
    "en": ("jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?", "aug(?:ust)?",
           "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?"),
    "de": ("jan(?:uar)?|jänner", "feb(?:ruar)?", "märz", "apr(?:il)?", "mai", "juni?", "juli?", "aug(?:ust)?",
           "sept?(?:ember)?", "okt(?:ober)?", "nov(?:ember)?", "dez(?:ember)?"),
    "fr": ("janv(?:ier)?", "févr(?:ier)?|fevrier", "mars", "avril", "mai", "juin", "juil(?:let)?", "ao[ûu]t",
           "sept(?:embre)?", "oct(?:obre)?", "nov(?:embre)?", "d[ée]c(?:embre)?"),
    "sv": ("jan(?:uari)?", "feb(?:ruari)?", "mars", "april", "maj", "juni", "juli", "augusti", "sept?(?:ember)?",
           "okt(?:ober)?", "nov(?:ember)?", "dec(?:ember)?"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "sept?iembre", "octubre",
           "noviembre", "diciembre"),
}  # fmt: skip
# Words for a part of a month -> the last day of that part; 0 is the last of the month.
PARTS: dict[str, tuple[tuple[str, int], ...]] = {
    "en": (("(?:the )?end of|late", 0), ("(?:the )?middle of|mid[- ]", 15), ("(?:the )?(?:beginning|start) of|early", 10)),
    "de": (("ende", 0), ("mitte", 15), ("anfang", 10)),
    "fr": (("(?:la )?fin(?: de)?", 0), ("(?:la )?mi-", 15), ("(?:le )?début(?: de)?", 10)),
    "sv": (("(?:i )?slutet av", 0), ("(?:i )?mitten av", 15), ("(?:i )?början av", 10)),
    "es": (("(?:a )?(?:finales|fines|fin) de", 0), ("(?:a )?mediados de", 15), ("(?:a )?(?:principios|comienzos) de", 10)),
}  # fmt: skip
RELATIVE = {
    "en": r"(?:in|within) (?:\d{1,2}|an?|one|two|three|four|five|six|eight|ten|twelve) (?:days?|weeks?|months?)"
    r"|next (?:week|month|monday|tuesday|wednesday|thursday|friday)|tomorrow|(?:by|on|until) (?:monday|tuesday|wednesday|thursday|friday)",
    "de": r"(?:in|innerhalb von|binnen) (?:\d{1,2}|einem|einer|zwei|drei|vier|fünf|sechs|acht|zehn|zwölf) (?:tagen?|wochen?|monat(?:en)?)"
    r"|nächste[nrs]? (?:woche|monat|montag|dienstag|mittwoch|donnerstag|freitag)|morgen früh",
    "fr": r"(?:dans|sous) (?:\d{1,2}|une?|deux|trois|quatre|cinq|six|huit|dix|douze) (?:jours?|semaines?|mois)|(?:la semaine|le mois) prochaine?",
    "sv": r"(?:om|inom) (?:\d{1,2}|en|ett|två|tre|fyra|fem|sex|åtta|tio|tolv) (?:dagar|veckor|vecka|månader|månad)|nästa (?:vecka|månad)",
    "es": r"(?:en|dentro de) (?:\d{1,2}|una?|dos|tres|cuatro|cinco|seis|ocho|diez|doce) (?:días?|semanas?|mes(?:es)?)|(?:la semana|el mes) próxim[oa]",
}  # fmt: skip
FEASTS = {
    "en": "(?:before |by |until |after )?(?:christmas|easter|new year(?:'s eve)?|(?:the )?end of (?:the|this) year|q[1-4](?: 20\\d\\d)?"
    "|(?:the )?(?:spring|summer|autumn|winter|end of (?:spring|summer|winter))(?: 20\\d\\d)?)",
    "de": "(?:vor|bis|zu|nach) (?:weihnachten|ostern|pfingsten|silvester)|jahresende|ende (?:des|dieses) jahres|(?:im )?(?:frühjahr|sommer|herbst)(?: 20\\d\\d)|q[1-4](?: 20\\d\\d)?",
    "fr": "(?:avant|d['’]ici|pour) (?:noël|pâques|l['’]été|la rentrée)|(?:la )?fin (?:de l['’]|d['’])année",
    "sv": "(?:före|innan|till|efter) (?:jul|påsk|midsommar|sommaren)|årsskiftet",
    "es": "(?:antes de|para|hasta) (?:navidad(?:es)?|semana santa|verano)|(?:a )?(?:finales|fin) de año",
}  # fmt: skip
