"""Policy: may this action happen? Guards, then rules, then grants and autonomy; the stricter word stands.

    guards (guards.py)      can only make it stricter; no rule, grant or level loosens them
    rules (rulebook.py)     the operator's files, then the preset; first match wins; none and nothing against it: R9, else ask
    grants (grants.py)      turn the *ask* of a rule that is not firm into *allow* (R8), and count
    levels (autonomy.py)    observe and suggest hold back; act_and_report and autonomous widen as grants do

There is no model in it. What cannot be answered asks.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .entities import Grant, Plain, Verdict
from .grants import may_use
from .guards import BULK_TARGETS as BULK_TARGETS
from .guards import RISK_ORDER as RISK_ORDER
from .guards import STRICTNESS as STRICTNESS
from .guards import Finding, findings, touches_of, widens
from .guards import Word as Word
from .rulebook import Ruling, book_of
from .rules import RULES_MAX as RULES_MAX
from .rules import PolicyFile as PolicyFile
from .rules import Rule as Rule
from .rules import parse_policy as parse_policy
from .telling import Tried, tried
from .verbs import VERBS
from .vocabulary import Question as Question

LEVELS = ("observe", "suggest", "act_with_approval", "act_and_report", "autonomous")
HELD_BACK: dict[str, Word] = {"observe": "deny", "suggest": "ask", "act_with_approval": "ask"}
WIDENING: frozenset[str] = frozenset(("act_and_report", "autonomous"))
ASKS = Ruling(
    word="ask", rule="default", where="built-in", risk="medium", hold_us=None,
    reasons=("No rule of yours covers this, so you are asked.",),
)  # fmt: skip
STAYS_INSIDE = Ruling(word="allow", rule="R9", where="built-in R9", risk="low", hold_us=None)


def judge(question: Question, files: Iterable[tuple[str, PolicyFile]], *, hold_us: int) -> Verdict:
    """Return the verdict for an action. `files` are (path, rules) in order; `hold_us` is the usual hold."""
    book = book_of(tuple(files))
    against = findings(question, book.sinks)
    ruled = book.ruling(question, _default(question))
    ruled, grant = _widened(question, ruled, against)
    ruled = _held_back(question, ruled, grant)
    return _verdict(question, ruled, against, grant, hold_us)


def explain(question: Question, files: Iterable[tuple[str, PolicyFile]], *, hold_us: int) -> Plain:
    """Return the verdict and all that led to it.

    tried   every rule on the way: {rule, where, outcome, terms}, terms being what the names in it stood for
    spoke   every guard with something against it: {number, word, reason}
    """
    files = tuple(files)
    verdict = judge(question, files, hold_us=hold_us)
    rules: list[Tried] = list(tried(files, question))
    spoke = [
        {"number": one.number, "word": one.word, "reason": one.reason}
        for one in findings(question, book_of(files).sinks)
    ]
    return {**msgspec.to_builtins(verdict), "tried": [msgspec.to_builtins(one) for one in rules], "spoke": spoke}


def _default(question: Question) -> Ruling:
    verb = VERBS.get(question.name)
    return STAYS_INSIDE if verb is not None and verb.reversible and not verb.outward else ASKS


def may_widen(question: Question) -> bool:
    """Whether a grant or a level may allow it: never money, secrets or deletion, nor what text from outside shaped."""
    verb = VERBS.get(question.name)
    clean = question.labels.integrity != "external" and question.labels.sensitivity != "secret"
    return verb is not None and clean and widens(question.name) and not touches_of(question, verb)


def _widened(question: Question, ruled: Ruling, against: list[Finding]) -> tuple[Ruling, Grant | None]:
    """What a grant or a level makes of a rule's ask. A guard that spoke, or a firm rule, leaves it as it is."""
    if ruled.word != "ask" or ruled.firm or against or not may_widen(question):
        return ruled, None
    if question.level in ("observe", "suggest"):
        return ruled, None
    grant = next((one for one in question.grants if may_use(one, question)), None)
    if grant is not None:
        return _allowed(ruled, grant.id, "built-in R8", f"Your permission {grant.id} covers it."), grant
    if question.level in WIDENING:
        return _allowed(
            ruled, "autonomy", f"autonomy {question.level}", f"{question.agent} may do this by itself."
        ), None
    return ruled, None


def _allowed(ruled: Ruling, rule: str, where: str, reason: str) -> Ruling:
    return msgspec.structs.replace(ruled, word="allow", rule=rule, where=where, reasons=(reason,))


def _held_back(question: Question, ruled: Ruling, grant: Grant | None) -> Ruling:
    word = HELD_BACK.get(question.level)
    if word is None or grant is not None or STRICTNESS[ruled.word] >= STRICTNESS[word]:
        return ruled
    said = "is only watched here: noted, not done" if word == "deny" else "asks here"
    reason = f"{question.agent} {said} ({question.level})."
    changed = msgspec.structs.replace(
        ruled, word=word, rule="autonomy", where=f"autonomy {question.level}", firm=True
    )
    return msgspec.structs.replace(changed, reasons=(*ruled.reasons, reason))


def _verdict(question: Question, ruled: Ruling, against: list[Finding], grant: Grant | None, hold_us: int) -> Verdict:
    verb = VERBS.get(question.name)
    first = against[0] if against else None
    by_guard = first is not None and STRICTNESS[first.word] > STRICTNESS[ruled.word]
    numbers = tuple(dict.fromkeys(one.number for one in against))
    where = ruled.where
    if by_guard and first is not None:
        where = f"built-in {', '.join(dict.fromkeys(one.number for one in against if one.word == first.word))}"
    word = first.word if first is not None and by_guard else ruled.word
    held = ruled.hold_us if ruled.hold_us is not None else hold_us
    return Verdict(
        verdict=word,
        rule=first.number if first is not None and by_guard else ruled.rule,
        where=where,
        risk=max((ruled.risk, *(one.risk for one in against)), key=RISK_ORDER.__getitem__) if against else ruled.risk,
        hold_us=held if verb is not None and verb.outward else 0,
        reasons=_reasons(ruled, against, by_guard=by_guard),
        guards=numbers,
        grant=grant.id if grant is not None and word == "allow" else "",
        level=question.level,
        typed=word == "ask" and any(one.typed for one in against),
        alone=word == "ask" and _alone(question, against),
        report=word == "allow" and question.level == "act_and_report",
        sinks=tuple(one.sink for one in against if one.sink),
        cool_us=ruled.cool_us,
    )


def _reasons(ruled: Ruling, against: list[Finding], *, by_guard: bool) -> tuple[str, ...]:
    """What decided comes first."""
    guards = tuple(one.reason for one in against)
    return (*guards, *ruled.reasons) if by_guard else (*ruled.reasons, *guards)


def _alone(question: Question, against: list[Finding]) -> bool:
    """Money, secrets, deletion, first of a kind, chosen from outside, only suggested: each is read by itself."""
    return any(one.alone for one in against) or question.first or question.level == "suggest"
