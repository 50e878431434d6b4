"""A plain letter to somebody we know, in the operator's words: salutation, language and signature come from facts.

How    Without a model the letter says what the operator said, and nothing else; what is only a topic becomes a gap to fill in.
       With one (purpose `draft`) it is worded from those words and the facts about the recipient. A number, day or name that
       stands in neither is taken out and marked as a gap; an address, an account, or too many of the others, and the plain
       letter stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ModelReply, ModelRequest, RunStep, StepDone

from .asking import ask_better
from .contract import AgentFailure, plain_map
from .fact_words import text_of
from .grounding import Ground, Stranger
from .outside_text import one_line
from .seen import Fact, facts_of

ABOUT_CHARS_MAX: Final = 4_000
BODY_CHARS_MAX: Final = 4_000
SUBJECT_CHARS_MAX: Final = 70
GAPS_MAX: Final = 3  # More inventions than that, and the model's letter is not used at all.
STYLE_CHARS_MAX: Final = 1_500
SAYING: Final = re.compile(r"^(?:that|dass|que|qu['’])[\s:]*", re.IGNORECASE)
TOPIC: Final = re.compile(
    r"^(?:about|regarding|concerning|über|wegen|zu|bezüglich|à propos d[eu']|sur)\s+", re.IGNORECASE
)
_WORDS: Final[dict[str, frozenset[str]]] = {
    language: frozenset(words.split())
    for language, words in (
        ("de", "der die das und nicht ist wird dass wir ich sie ein eine mit von für auf noch erst später"),
        ("fr", "le la les et ne pas est sera que nous je vous un une avec pour sur plus tard sont"),
        ("en", "the and not is will that we i you a an with for on of to later are be"),
    )
}


@dataclass(frozen=True)
class Form:
    """How a letter goes in a language."""

    hello: str
    topic: str
    gap: str
    bye: str


FORMS: Final[dict[str, Form]] = {
    "en": Form("Dear {first},", "I am writing about {topic}.", "[what you want to say about it]", "Best regards"),
    "de": Form("Guten Tag {name},", "ich schreibe Ihnen wegen: {topic}.", "[was Sie dazu sagen möchten]", "Viele Grüße"),
    "fr": Form("Bonjour {name},", "je vous écris au sujet de : {topic}.", "[ce que vous voulez en dire]", "Bien cordialement"),
}  # fmt: skip
GAPS: Final = {"number": "[number?]", "day": "[day?]", "name": "[name?]"}
SYSTEM: Final = (
    "Write the body of a short, plain letter in {language} that says what the operator wants to say. No salutation, no signature, "
    "no subject. Use no amount, number, date or name that does not stand below."
)


@dataclass(frozen=True)
class Letter:
    """What is known about the letter before it is worded."""

    contact: Fact
    client: Fact | None
    language: str
    about: str
    signature: tuple[str, str]  # The words, and where they stand.


def write_letter(step: RunStep) -> StepDone:
    letter = _letter(step)
    plain, gaps = _said(letter)
    worded = _by_model(step, letter, plain)
    body, gaps, by = worded or (plain, gaps, "the operator's words")
    return StepDone(output=_output(letter, body, gaps, by))


# --- what is known --------------------------------------------------------------------------------


def _letter(step: RunStep) -> Letter:
    facts = facts_of(step)
    contact = contact_of(facts, str(step.input.get("to") or ""))
    client = next(
        (one for one in facts.get("client", []) if one.key == contact.text("client").removeprefix("client/")), None
    )
    about = str(step.input.get("about") or "").strip()[:ABOUT_CHARS_MAX]
    if not about:
        raise AgentFailure(
            "contract", "missing_input", "it is not said what the letter is about", "Give it `in: {about: …}`."
        )
    wanted = [
        str(step.input.get("language") or ""),
        contact.text("language"),
        client.text("language") if client else "",
        "en",
    ]
    language = next(one for one in wanted if one in FORMS)
    return Letter(contact, client, language, about, _signature(step, facts))


def contact_of(facts: dict[str, list[Fact]], key: str) -> Fact:
    """The contact of this key. Raises AgentFailure `unknown_contact`."""
    found = next((one for one in facts.get("contact", []) if one.key == key.removeprefix("contact/")), None)
    if found is None or not found.text("email"):
        said = f"there is no contact {one_line(key, 60)!r} with an address"
        raise AgentFailure("contract", "unknown_contact", said, "Those there are: quarterdeck fact query contact")
    return found


def _signature(step: RunStep, facts: dict[str, list[Fact]]) -> tuple[str, str]:
    own = next((one for one in facts.get("preference", []) if one.key == "signature" and one.text("text")), None)
    if own is not None:
        return own.text("text"), own.source
    operator = str(plain_map(step.context.get("workspace")).get("operator", ""))
    return operator.partition("<")[0].strip().strip('"'), "workspace"


# --- without a model ------------------------------------------------------------------------------


def _said(letter: Letter) -> tuple[str, list[str]]:
    """(what the letter says, its gaps)."""
    form = FORMS[letter.language]
    if TOPIC.search(letter.about):
        topic = TOPIC.sub("", letter.about).rstrip(" .!?")
        return f"{form.topic.format(topic=topic)}\n\n{form.gap}", [form.gap]
    return _sentence(SAYING.sub("", letter.about)), []


def _sentence(words: str) -> str:
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?", "…", ":")) else ".")


def language_of_words(text: str) -> str:
    """The language whose small words are most frequent, "" when none are."""
    words = re.findall(r"\w+", text.lower())
    counted = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    best = max(counted, key=lambda language: counted[language])
    return best if counted[best] else ""


# --- with a model ---------------------------------------------------------------------------------


def _by_model(step: RunStep, letter: Letter, plain: str) -> tuple[str, list[str], str] | None:
    """(body, gaps, who worded it); None: nobody did, or it cannot be used."""
    known = [text_of(one) for one in (letter.contact, letter.client) if one is not None]
    style = str(plain_map(step.context.get("template")).get("text") or "")[:STYLE_CHARS_MAX]
    told = "\n".join(known) + (f"\n\nIn this style:\n{style}" if style else "")
    request = ModelRequest(
        purpose="draft",
        system=SYSTEM.format(language=letter.language),
        prompt=f"{told}\n\nThe operator wants to say: {letter.about}\n\nBody:",
    )
    today = datetime.fromtimestamp(step.now_us / 1e6, UTC).date().isoformat()
    ground = Ground([letter.about, plain, today, letter.signature[0], *known])
    reply = ask_better(step, request, lambda one: bool(ground.strangers(one.text, letter.language)))
    return None if reply.refused else _usable(reply, ground, letter)


def _usable(reply: ModelReply, ground: Ground, letter: Letter) -> tuple[str, list[str], str] | None:
    body = reply.text.strip()
    strangers = ground.strangers(body, letter.language)
    if (
        not body
        or len(body) > BODY_CHARS_MAX
        or len(strangers) > GAPS_MAX
        or any(one.kind not in GAPS for one in strangers)
    ):
        return None
    body, gaps = _with_gaps(body, strangers)
    return body, gaps, reply.model


def _with_gaps(body: str, strangers: list[Stranger]) -> tuple[str, list[str]]:
    for one in reversed(strangers):
        begin, end = one.span
        body = f"{body[:begin]}{GAPS[one.kind]}{body[end:]}"
    return body, [GAPS[one.kind] for one in strangers]


# --- the whole ------------------------------------------------------------------------------------


def _output(letter: Letter, said: str, gaps: list[str], by: str) -> Plain:
    form, name = FORMS[letter.language], letter.contact.text("name") or letter.contact.key
    name = one_line(name.partition("(")[0], 80)
    hello = form.hello.format(name=name, first=name.partition(" ")[0])
    signature, signed_by = letter.signature
    body = f"{hello}\n\n{said}\n\n{form.bye}\n{signature}".rstrip() + "\n"
    parts = ((hello, letter.contact.source), (said, "input:about"), (signature, signed_by))
    return {
        "subject": _subject(letter.about),
        "body": body,
        "language": letter.language,
        "language_wanted": letter.language,
        "inserted": [one for text, source in parts if text for one in _inserted(body, text, source)],
        "template": {"id": "", "name": "letter", "hash": ""},
        "considered": [],
        "to": letter.contact.key,
        "gaps": gaps,
        "notes": _notes(letter, by),
        "by": by,
    }


def _subject(about: str) -> str:
    words = one_line(TOPIC.sub("", SAYING.sub("", about)), 400).rstrip(" .!?")
    first = re.split(r"[.!?;:]\s|,\s", words)[0]
    return one_line(first[:1].upper() + first[1:], SUBJECT_CHARS_MAX)


def _inserted(body: str, text: str, source: str) -> list[Plain]:
    begin = body.rfind(text) if source != "input:about" else body.find(text)
    return [{"value": text, "source": source, "span_in_body": (begin, begin + len(text))}]


def _notes(letter: Letter, by: str) -> list[str]:
    spoken = language_of_words(letter.about)
    if by == "the operator's words" and spoken and spoken != letter.language:
        return [f"Your words are in {spoken}; {letter.contact.text('name')} reads {letter.language}."]
    return []
