"""Researcher: answers a question from what is remembered and from canonical facts, and says where that stands.

How    Without a model: the fields and sentences that answer, word for word, each with its source. With one: it words the
       answer from those same statements; every citation must be one of them, and every number, day and name must stand in
       what was cited, else the answer without a model is given. What nobody said is not known, and that is the answer then.
"""

from __future__ import annotations

import re
from typing import Final

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ModelReply, ModelRequest, RunStep, StepDone

from .asking import ask_better
from .contract import Agent, AgentFailure, plain_map
from .grounding import Ground
from .statements import Match, answering, statements_of

QUESTION_CHARS_MAX: Final = 2_000
TOLD_MAX: Final = 5
SHOWN_MAX: Final = 12  # Statements that a model is shown.
UNKNOWN: Final = "unknown"
NOTHING: Final = "Nothing is known about that."
SURE: Final = 0.55  # Below this score it is said to be unsure.
_CITED: Final = re.compile(r"\[(\d{1,3})\]")
SYSTEM: Final = (
    "Answer the question in one to three sentences, from the numbered statements only. "
    f"Put the number of the statement behind each thing you say, like [1]. If they do not answer it, say only: {UNKNOWN}"
)


def run(step: RunStep) -> StepDone:
    question = str(step.input.get("question") or "").strip()[:QUESTION_CHARS_MAX]
    if not question:
        raise AgentFailure("contract", "missing_input", "there is no question", "Give it `in: {question: …}`.")
    workspace = plain_map(step.context.get("workspace"))
    found = answering(question, statements_of(step), f"{workspace.get('operator', '')} {workspace.get('name', '')}")
    if not found:
        return StepDone(output={"answer": NOTHING, "sources": [], "unsure": True, "by": "nothing found"})
    worded = _by_model(step, question, found[:SHOWN_MAX])
    return StepDone(output=worded or _extract(found[:TOLD_MAX]))


def _extract(found: list[Match]) -> Plain:
    numbers = {place: number for number, place in enumerate(dict.fromkeys(map(_place, found)), 1)}
    lines = [f"{one.statement.text} [{numbers[_place(one)]}]" for one in found]
    best = found[0]
    unsure = best.statement.outside or best.score < SURE
    if best.statement.outside:
        lines.append("Somebody else wrote this; it is not one of your facts.")
    return {"answer": "\n".join(lines), "sources": _sources(found), "unsure": unsure, "by": "extract"}


def _place(one: Match) -> tuple[str, tuple[int, int] | None]:
    return one.statement.source, one.statement.span


def _sources(found: list[Match]) -> list[Plain]:
    """One for each place; fields of one fact are quoted together."""
    placed: dict[tuple[str, tuple[int, int] | None], Plain] = {}
    for match in found:
        one = match.statement
        known = placed.get(_place(match))
        if known is not None:
            known["quote"] = f"{known['quote']}; {one.quote}"
            continue
        span = list(one.span) if one.span else None
        placed[_place(match)] = {"id": one.source, "title": one.title, "quote": one.quote, "span": span}
    return list(placed.values())


def _by_model(step: RunStep, question: str, found: list[Match]) -> Plain | None:
    """The answer as a model words it, when it keeps to what it was shown."""
    told = "\n".join(f"[{number}] {one.statement.text}" for number, one in enumerate(found, 1))
    request = ModelRequest(
        purpose="summarise", system=SYSTEM, prompt=f"{told}\n\nQuestion: {question}\nAnswer:", tokens_max=256
    )
    reply = ask_better(step, request, lambda one: _fault(one, question, found) != "")
    if reply.refused or _fault(reply, question, found):
        return None
    cited = list(dict.fromkeys(int(number) for number in _CITED.findall(reply.text)))
    used = [found[number - 1] for number in cited]
    numbers = {place: number for number, place in enumerate(dict.fromkeys(map(_place, used)), 1)}
    answer = _CITED.sub(lambda match: f"[{numbers[_place(found[int(match[1]) - 1])]}]", reply.text.strip())
    unsure = any(one.statement.outside for one in used)
    return {"answer": answer, "sources": _sources(used), "unsure": unsure, "by": reply.model}


def _fault(reply: ModelReply, question: str, found: list[Match]) -> str:
    """Why the answer cannot be taken, "" when it can."""
    text = reply.text.strip()
    cited = [int(number) for number in _CITED.findall(text)]
    if not text or text.lower().startswith(UNKNOWN):
        return "it says that it does not know"
    if not cited or not all(1 <= number <= len(found) for number in cited):
        return "it cites nothing, or what is not there"
    ground = Ground(
        [
            question,
            *(f"{one.statement.text} {one.statement.about}" for one in (found[number - 1] for number in set(cited))),
        ]
    )
    strangers = ground.strangers(_CITED.sub("", text))
    return f"“{strangers[0].text}” stands in nothing that it cites" if strangers else ""


RESEARCHER = Agent(name="researcher", run=run)
