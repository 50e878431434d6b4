"""Reviewer: holds a text that is to leave against canonical facts and policy, and says what is wrong, with a fix and a source.

How    A table of checks, each a function from the text to problems. What is found is quoted with its place. A model may
       point at more (purpose `judge`); what it quotes must stand in the text, and is told as an opinion, never as a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ModelRequest, RunStep, StepDone

from .asking import ask
from .contract import Agent, AgentFailure, plain_map
from .finance import today_of
from .outside_text import one_line
from .review_checks import CHECKS, Problem, Text
from .seen import facts_of, input_map

TEXT_CHARS_MAX: Final = 60_000
PROBLEMS_MAX: Final = 50
OPINIONS_MAX: Final = 5
SYSTEM: Final = (
    "Name what in this letter could embarrass its writer: a promise nobody can keep, a rude or unclear sentence, a contradiction. "
    "Quote the words exactly. Name nothing when it is fine."
)
OPINIONS: Final[Plain] = {
    "type": "object", "additionalProperties": False, "required": ["problems"],
    "properties": {"problems": {"type": "array", "maxItems": OPINIONS_MAX, "items": {
        "type": "object", "additionalProperties": False, "required": ["quote", "says"],
        "properties": {"quote": {"type": "string", "maxLength": 200}, "says": {"type": "string", "maxLength": 200}}}}},
}  # fmt: skip


@dataclass(frozen=True)
class _Subject:
    """What is reviewed."""

    text: str
    title: str


def run(step: RunStep) -> StepDone:
    subject = _subject(step)
    view = Text(
        subject.text,
        facts_of(step),
        today_of(step),
        str(step.input.get("to") or input_map(step, "draft").get("to") or ""),
    )
    found = sorted((one for check in CHECKS for one in check(view)), key=lambda one: one.span)[:PROBLEMS_MAX]
    found += _opinions(step, subject.text)
    problems = [one.plain() for one in found]
    ok = not any(one.serious for one in found)
    return StepDone(
        output={"ok": ok, "problems": problems, "answer": _told(subject, found), "sources": _sources(found)}
    )


def _subject(step: RunStep) -> _Subject:
    """The text that was given, a draft's, or a document's."""
    draft, document = input_map(step, "draft"), plain_map(step.context.get("document"))
    given = str(step.input.get("text") or "")
    drafted = "\n".join(str(draft.get(name) or "") for name in ("subject", "body")).strip()
    text = given or drafted or str(document.get("text") or "")
    if not text.strip():
        said = "there is no text to review"
        raise AgentFailure(
            "contract", "missing_input", said, "Give it `in: {text: …}`, a draft, or `reads: {document: …}`."
        )
    title = (
        "the text"
        if given
        else "the draft"
        if drafted
        else one_line(str(document.get("title") or "the document"), 80)
    )
    return _Subject(text[:TEXT_CHARS_MAX], title)


def _opinions(step: RunStep, text: str) -> list[Problem]:
    reply = ask(step, ModelRequest(purpose="judge", system=SYSTEM, prompt=text[:8_000], schema=OPINIONS))
    rows = plain_map(reply.value).get("problems") if not reply.refused else None
    found: list[Problem] = []
    for row in map(plain_map, rows if isinstance(rows, list) else []):
        quote = str(row.get("quote", ""))
        at = text.find(quote) if quote.strip() else -1
        if at >= 0:  # What does not stand there was made up.
            span = (at, at + len(quote))
            found.append(
                Problem(
                    "opinion",
                    quote,
                    span,
                    one_line(str(row.get("says", ""))),
                    "",
                    f"model:{reply.model}",
                    serious=False,
                )
            )
    return found[:OPINIONS_MAX]


def _told(subject: _Subject, found: list[Problem]) -> str:
    if not found:
        return f"Nothing is wrong with {subject.title} that facts and policies could tell."
    serious = sum(one.serious for one in found)
    head = f"{subject.title[:1].upper()}{subject.title[1:]}: {serious} to mend, {len(found) - serious} to look at."
    lines = [
        f"{number}. “{one_line(one.quote, 80)}”: {one.says}" + (f" {one.fix}" if one.fix else "")
        for number, one in enumerate(found, 1)
    ]
    return "\n".join([head, *lines])


def _sources(found: list[Problem]) -> list[Plain]:
    """The facts that say otherwise."""
    named = dict.fromkeys(one.source for one in found if one.source.startswith("fact:"))
    return [{"id": source, "title": source.removeprefix("fact:"), "quote": "", "span": None} for source in named]


REVIEWER = Agent(name="reviewer", run=run)
