"""Who wrote, and for which company: from the sender's name, the signature and the domain. Guesses are left out."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from .outside_text import without_addresses
from .seen import Mail
from .words import CLOSINGS, LEGAL_FORMS, ROLES, compiled

NAME_CHARS_MAX = 80
COMPANY_CHARS_MAX = 80
SIGNATURE_LINES_MAX = 14
COMPANY_WORDS_MAX = 5
LABEL_CHARS_MIN = 5  # Shorter first parts of a domain are ordinary words.

_WORD = r"[^\W\d_][^\W\d_'’.-]*(?:[-'’][^\W\d_]+)*\.?"
_PARTICLE = r"(?:de|da|do|dos|del|della|di|du|van|von|der|den|ter|te|la|le|el|al|bin|ibn|zu|af|av)"
_TITLE = r"(?:dr|prof|mag|ing|dipl|med|phil|rer|nat|mr|mrs|ms|mx|herr|frau|mme|sr|sra)\.?"
_NAME = re.compile(rf"(?:{_TITLE}\s+)*{_WORD}(?:\s+(?:{_PARTICLE}\s+)*{_WORD}){{1,4}}", re.IGNORECASE)
_TAIL = re.compile(
    r"\s*(?:[|/·•(\[]|\s[-–—]\s|,?\s+(?:via|at|from|for|bei|von der|chez|of|für|pour|på|de parte de)\s).*$",
    re.IGNORECASE,
)
_LEGAL = re.compile(rf"(?<!\w){LEGAL_FORMS}(?!\w)", re.IGNORECASE)

# Where many people have an address: the domain says nothing about a company. Open-ended by nature.
FREE_MAIL = frozenset(
    [
        *(
            "gmail",
            "googlemail",
            "gmx",
            "web",
            "outlook",
            "hotmail",
            "live",
            "msn",
            "yahoo",
            "icloud",
            "me",
            "mac",
            "aol",
        ),
        *(
            "proton",
            "protonmail",
            "pm",
            "posteo",
            "mailbox",
            "fastmail",
            "zoho",
            "t-online",
            "freenet",
            "orange",
            "free",
        ),
        *(
            "laposte",
            "wanadoo",
            "sfr",
            "telia",
            "bredband",
            "telefonica",
            "hey",
            "tutanota",
            "tuta",
            "yandex",
            "mail",
        ),
    ]
)
_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "å": "a", "ł": "l", "đ": "d", "œ": "oe"}
)


@dataclass(frozen=True)
class Person:
    """name: "" when not told; address: where an answer goes; from_form: the own contact form relayed the mail."""

    name: str
    first_name: str
    address: str
    from_form: bool


def sender_of(mail: Mail) -> Person:
    """The writer. The address is the From header's, or the e-mail field of the own contact form: nothing else."""
    form = mail.form
    if form:
        name = form.get("name") or " ".join(filter(None, [form.get("first_name"), form.get("last_name")]))
        return _person(name, first_address(form.get("email", "")), from_form=True)
    shown = _personal(mail.meta.from_name)
    signed = _signed_name(mail)
    if not shown or (signed and not _share_a_word(shown, signed) and not _speaks_of(mail, shown)):
        shown = signed or shown
    elif signed and _share_a_word(shown, signed) and " " not in shown:
        shown = signed
    return _person(shown, mail.meta.from_address, from_form=False)


def first_address(text: str) -> str:
    match = re.search(r"[^\s@<>\"(),;:\[\]]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+", text)
    return match[0].lower() if match else ""


def company_of(mail: Mail, person: Person) -> str:
    """The company as the mail writes it; "" when nothing in the mail names one."""
    if mail.form.get("company"):
        return _company(mail.form["company"])
    label = _domain_label(person.address)
    lines = _signature_lines(mail)
    for line in lines:
        for piece in re.split(r"\s*[,|·•]\s*|\s[-–—]\s", line):
            if _LEGAL.search(piece) and not compiled(ROLES).fullmatch(piece):
                return _company(piece)
            if label and len(piece.split()) <= COMPANY_WORDS_MAX and _named_in(piece, label, person):
                return _company(piece)
    if not label:
        return ""
    for text in (mail.meta.from_name, mail.newest, mail.meta.subject):
        named = _named_in(text, label, person)
        if named:
            return _company(named)
    return ""


def _named_in(text: str, label: str, person: Person) -> str:
    """The company as the text names it; a domain that is only the writer's own name is none."""
    named = _like_domain(text, label)
    own = set(map(_squashed, person.name.split()))
    return "" if set(map(_squashed, named.split())) <= own else named


def _person(name: str, address: str, *, from_form: bool) -> Person:
    name = without_addresses(name, NAME_CHARS_MAX)
    words = [word for word in name.split() if not re.fullmatch(_TITLE, word, re.IGNORECASE)]
    return Person(name, words[0] if words else "", address, from_form)


def _personal(shown: str) -> str:
    """The From name without company, remarks and quotes; "Last, First" turned round."""
    name = _TAIL.sub("", re.sub(r"\S+@\S+", "", shown)).strip(" \"',;")
    last, comma, first = name.partition(", ")
    if comma and first and "," not in first and not _LEGAL.fullmatch(first):
        name = f"{first} {last}"
    if _LEGAL.search(name) or not re.search(r"[^\W\d_]", name):
        return ""
    return " ".join(name.split())


def _signature_lines(mail: Mail) -> list[str]:
    lines = [line.strip(" \t-–—_*|") for line in mail.meta.signature.split("\n")[:SIGNATURE_LINES_MAX]]
    return [line for line in lines if line]


def _signed_name(mail: Mail) -> str:
    """The first line of the signature that reads like a full name."""
    for line in _signature_lines(mail):
        piece = re.split(r"\s*[,|·•(/]\s*|\s[-–—]\s", line)[0]
        if piece[:1].isupper() and not piece.endswith(",") and _reads_like_a_name(piece):
            return piece.strip()
    return ""


def _reads_like_a_name(piece: str) -> bool:
    words = piece.split()
    if compiled(CLOSINGS).match(piece):
        return False
    if (
        not _NAME.fullmatch(piece)
        or compiled(ROLES).search(piece)
        or _LEGAL.search(piece)
        or len(piece) > NAME_CHARS_MAX
    ):
        return False
    return all(word[0].isupper() or re.fullmatch(_PARTICLE + "|" + _TITLE, word, re.IGNORECASE) for word in words)


def _share_a_word(one: str, other: str) -> bool:
    return bool({_squashed(word) for word in one.split()} & {_squashed(word) for word in other.split()})


def _speaks_of(mail: Mail, shown: str) -> bool:
    """Whether the mail is signed with a word of the shown name, e.g. the first name alone."""
    last_words = " ".join([mail.newest[-80:], mail.meta.signature[:200]])
    return any(re.search(rf"(?m)^\W*{re.escape(word)}\W*$", last_words) for word in shown.split() if len(word) > 1)


def _domain_label(address: str) -> str:
    labels = address.partition("@")[2].split(".")
    if len(labels) < 2:
        return ""
    label = labels[-3] if len(labels) > 2 and labels[-2] in ("co", "com", "org", "ac", "gov") else labels[-2]
    return "" if label in FREE_MAIL else label


def _like_domain(text: str, label: str) -> str:
    """Words of the text that, written together, are the domain's name; with the capitalised word that goes on."""
    first = label.split("-")[0]
    targets = {_squashed(label), _squashed(first) if len(first) >= LABEL_CHARS_MIN else ""} - {""}
    words = list(re.finditer(r"[^\W_][\w'’&.-]*|&", text[:4_000]))
    for size in range(COMPANY_WORDS_MAX, 0, -1):
        for at in range(len(words) - size + 1):
            run = words[at : at + size]
            phrase = text[run[0].start() : run[-1].end()].rstrip(".,")
            if run[0][0][:1].isupper() and _squashed(phrase) in targets and "@" not in phrase and "\n" not in phrase:
                return _with_next(text, words, at + size, phrase)
    return ""


def _with_next(text: str, words: list[re.Match[str]], after: int, phrase: str) -> str:
    if after >= len(words):
        return phrase
    following = words[after]
    begin = following.start() - 1
    goes_on = text[begin : begin + 1] == " " and text[begin - 1 : begin] not in (",", ".", ";", ":")
    named = following[0][:1].isupper() and following[0][1:2].islower() and not compiled(ROLES).fullmatch(following[0])
    return f"{phrase} {following[0].rstrip('.')}" if goes_on and named else phrase


def _squashed(text: str) -> str:
    """Letters and digits only, without accents; German umlauts as they are spelled in domains."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_SPELLED))
    return "".join(character for character in plain if character.isalnum())


def _company(text: str) -> str:
    return without_addresses(text, COMPANY_CHARS_MAX).strip(" ,.;-")
