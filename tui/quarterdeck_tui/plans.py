"""Plans: what was understood, step by step, with effects, questions and risks; and the answer when there is one."""

from __future__ import annotations

import msgspec
from textual.content import Content

from .flows import FlowView
from .labelled import heading, labelled, listed, values
from .replies import Plain

WORDS = {"allow": "does it", "ask": "ASKS YOU first", "deny": "is denied"}
SOURCES = {
    "composed": "composed of agents whose contracts fit",
    "model": "composed of agents that a model chose",
    "operator": "as you wrote it",
}
USED_SHOWN = 8


class Effect(msgspec.Struct, frozen=True):
    do: str = ""
    word: str = ""
    risk: str = ""
    undo: str = ""


class PlanStep(msgspec.Struct, frozen=True):
    id: str = ""
    agent: str = ""
    playbook: str = ""
    does: str = ""
    needs: tuple[str, ...] = ()
    mode: str = ""
    effects: tuple[Effect, ...] = ()
    unknown: bool = False


class Foreseen(msgspec.Struct, frozen=True):
    effects: int = 0
    asks: int = 0
    cannot_undo: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    most_ms: int = 0
    typical_ms: float | None = None
    tokens: int = 0
    models: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class PlanView(msgspec.Struct, frozen=True):
    """A plan as it was drawn. `shown_hash` binds the yes to exactly its text and inputs."""

    id: str
    intent: str = ""
    status: str = ""
    source: str = ""
    playbook: str = ""
    inputs: Plain = {}
    question: str = ""
    missing: tuple[Plain, ...] = ()
    why: Plain = {}
    alternatives: tuple[Plain, ...] = ()
    steps: tuple[PlanStep, ...] = ()
    foreseen: Foreseen = Foreseen()
    shown_hash: str = ""
    run: str = ""
    reason: str = ""
    seq: int = 0
    would: Plain = {}
    confidence: float | None = None
    basis: str = ""
    evidence: tuple[Plain, ...] = ()
    used: tuple[str, ...] = ()
    undo: str = ""

    @property
    def harmless(self) -> bool:
        """Whether it has no effect and names nobody unknown, so that it may be answered at once."""
        return not self.foreseen.effects and not self.foreseen.unknown

    @property
    def waits(self) -> bool:
        return self.status in ("asks", "ready")


def plan(result: object) -> PlanView:
    """Return the plan of an answer. Raises ValidationError when it is none."""
    return msgspec.convert(result, PlanView, strict=False)


def lines(one: PlanView, width: int) -> list[Content]:
    """Return the plan as the operator decides about it: the questions first, then each step with its effects."""
    found = labelled("failed", one.reason, width, "$text-error bold") if one.status == "failed" else []
    found += labelled("question", one.question, width, "$text-warning bold")
    found += [
        line
        for missing in one.missing
        for line in labelled("", f"missing: {missing.get('name', '')} {missing.get('about', '')}", width)
    ]
    found += labelled("found", _found(one), width)
    found += [Content(""), heading("Plan")] if one.steps else []
    for number, step in enumerate(one.steps, start=1):
        found += _step(number, step, width)
    found += values("with", one.inputs, width)
    found += labelled("sum", _sum(one.foreseen), width, "bold") if one.steps else []
    found += [line for risk in one.foreseen.risks for line in labelled("risk", risk, width, "$text-warning")]
    found += labelled("for good", listed(one.foreseen.cannot_undo), width, "$text-warning")
    found += labelled("undo", one.undo, width)
    sure = "" if one.confidence is None else f"{one.confidence:.0%}, "
    found += labelled("sure", f"{sure}{one.basis}" if one.basis else "", width)
    for evidence in one.evidence[1:]:  # The first is what was asked, which stands above.
        said = f"{evidence.get('claim', '')}: {evidence.get('quote', '')}  [{evidence.get('source', '')}]"
        found += labelled("because", said, width)
    found += labelled("read", listed(one.used[:USED_SHOWN]), width)
    for other in one.alternatives:
        found += labelled(
            "or", f"the {other.get('kind', '')} {other.get('name', '')}: {other.get('about', '')}", width
        )
    return found + _would(one.would, width)


def _found(one: PlanView) -> str:
    source = SOURCES.get(one.source, f"the playbook {one.playbook}" if one.source else "")
    words = one.why.get("words")
    return f"{source}, by your words: {words}" if source and words else source


def _step(number: int, step: PlanStep, width: int) -> list[Content]:
    who = step.agent or step.playbook or "waits"
    after = f", after {listed(step.needs)}" if step.needs else ""
    missing = "  NOBODY of that name" if step.unknown else ""
    found = labelled(
        f"{number:>4}", f"{step.id}  {who}{after}{missing}  {step.does}", width, "$text-error" if step.unknown else ""
    )
    for effect in step.effects:
        style = "bold" if effect.word == "ask" else "$text-error" if effect.word == "deny" else ""
        said = f"- {effect.do}: {WORDS.get(effect.word, effect.word)} ({listed((effect.risk, effect.undo))})"
        found += labelled("", said, width, style)
    return found


def _sum(foreseen: Foreseen) -> str:
    asks = f"{foreseen.asks} question{'s' * (foreseen.asks != 1)} to you"
    usual = foreseen.typical_ms
    took = f"at most {foreseen.most_ms / 1000:.0f} s of work" if usual is None else f"usually {usual / 1000:.1f} s"
    models = (
        f"a model for {listed(foreseen.models)}, at most {foreseen.tokens} tokens" if foreseen.models else "no model"
    )
    return listed((asks, took, models))


def _would(would: Plain, width: int) -> list[Content]:
    """What a rehearsal said that its agents would propose."""
    if not would:
        return []
    found = [Content(""), heading("Rehearsed; nothing was done")]
    actions = would.get("actions")
    for action in actions if isinstance(actions, (list, tuple)) else ():
        if isinstance(action, dict):
            verdict = action.get("verdict")
            word = verdict.get("verdict", "") if isinstance(verdict, dict) else ""
            name = f"{action.get('connector', '')}.{action.get('verb', '')}"
            said = f"{name}: {action.get('summary', '')} [{WORDS.get(str(word), word)}]"
            found += labelled("would", said, width, "bold")
            args = action.get("args")
            found += values("", args if isinstance(args, dict) else {}, width)
    for name, label in (("stops", "stops"), ("notes", "note")):
        told = would.get(name)
        for said in told if isinstance(told, (list, tuple)) else ():
            found += labelled(label, str(said), width)
    return found


def answer_lines(run: FlowView, width: int) -> list[Content]:
    """Return what a run answered, with its sources; nothing while there is no answer."""
    for step in reversed(run.steps):
        said = step.output.get("answer")
        if isinstance(said, str) and said:
            sources = step.output.get("sources")
            found = labelled("answer", said, width, "bold")
            for one in sources if isinstance(sources, (list, tuple)) else ():
                if isinstance(one, dict):
                    found += labelled("source", f"{one.get('title') or one.get('id')}  {one.get('id', '')}", width)
            return found
    return []


def rehearsed(now: PlanView, was: PlanView) -> PlanView:
    """Return the plan as it is now, with what the rehearsal of the same plan said."""
    return msgspec.structs.replace(now, would=was.would)
