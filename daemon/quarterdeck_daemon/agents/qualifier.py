"""Qualifier: what kind of mail it is, and whether a lead is worth an answer. Every judgement names its rule."""

from __future__ import annotations

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import RunStep, StepDone

from .contract import Agent
from .engagement import findings
from .extractor import EXTRACTOR
from .kinds import signs_of
from .rules import Reason, View, decide
from .seen import facts_of, input_map, mail_of

KINDS = (
    *("lead", "client", "invoice", "newsletter", "bounce", "auto"),
    *("notification", "spam", "calendar", "personal", "unclear"),
)
NEEDED = ("person", "company", "need", "amount", "deadline_text")
SCORE_MIN = 0.4

# What each observation adds to the score of a lead. They add up to 1.
WEIGHTS: dict[str, float] = {
    "need": 0.4,
    "work": 0.15,
    "person": 0.1,
    "company": 0.1,
    "amount": 0.15,
    "deadline_text": 0.1,
}


def run(step: RunStep) -> StepDone:
    mail = mail_of(step)
    lead = input_map(step, "lead") or EXTRACTOR.run(step).output
    view = View(mail=mail, lead=lead, signs=signs_of(mail), facts=facts_of(step))
    decision = decide(view)
    if decision.kind != "lead":
        return StepDone(output=_output(decision.kind, False, 0.0, [decision.reason], []))
    found = findings(view)
    score = _score(view)
    reasons = [decision.reason, *(finding.reason for finding in found)]
    weak = score < SCORE_MIN
    if weak:
        reasons.append(Reason("score.low", f"Little was found ({score:.2f} of 1).", mail.source))
    damaged = [warning for warning in mail.meta.warnings if "cut off" in warning]
    if damaged:
        reasons.append(Reason("mail.damaged", "The mail is incomplete; ask for it again by hand.", mail.source))
    if not view.sender:
        reasons.append(Reason("sender.none", "There is no address to answer to.", mail.source))
    qualified = not weak and not damaged and bool(view.sender) and not any(finding.obstacle for finding in found)
    return StepDone(
        output=_output("lead", qualified, score, reasons, [name for name in NEEDED if not lead.get(name)])
    )


def _output(kind: str, qualified: bool, score: float, reasons: list[Reason], missing: list[str]) -> Plain:
    return {
        "kind": kind,
        "qualified": qualified,
        "score": score,
        "reasons": [reason.plain() for reason in reasons],
        "missing": missing,
        "rule": reasons[0].rule,
    }


def _score(view: View) -> float:
    observed = {"work": bool(view.signs.work) or bool(view.mail.form)}
    total = sum(weight for name, weight in WEIGHTS.items() if observed.get(name) or view.lead.get(name))
    return round(total, 2)


QUALIFIER = Agent(name="qualifier", run=run)
