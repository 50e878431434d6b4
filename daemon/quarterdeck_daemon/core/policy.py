"""Policy: may this action happen? Built-in guards first, then the operator's rules; the stricter word stands.

Guards (numbers as in docs/architecture.md) can only make things stricter, and no rule can loosen them:
R1 a secret never leaves; R2 a target that text from outside could have shaped is asked about; R3 so is an
outward effect shaped by such text; R5 so is what cannot be taken back or goes to many; R9 what stays inside
and can be taken back may happen. The operator's rules: first match wins, none means ask, and a condition
that has no answer means ask, unless a later rule says deny.
"""

from __future__ import annotations

import fnmatch
import functools
import tomllib
from collections.abc import Iterable
from typing import Literal

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels

from .durations import duration_us
from .entities import Plain, Risk, Verdict
from .expressions import Unanswerable, holds, program
from .verbs import VERBS

Word = Literal["allow", "ask", "deny"]
STRICTNESS: dict[str, int] = {"allow": 0, "ask": 1, "deny": 2}
RISK_ORDER: dict[str, int] = {"low": 0, "medium": 1, "high": 2}
BULK_TARGETS = 5  # More than these is a mailing, not a letter.
RULES_MAX = 1_000


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"pattern": "match"}):
    id: str
    pattern: str
    verdict: Word
    when: str = ""
    risk: Risk = "medium"
    hold: str = ""
    reason: str = ""


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rule: tuple[Rule, ...] = ()
    description: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy is asked about. `known` are addresses that the operator's own facts name."""

    connector: str
    verb: str
    args: Plain
    targets: tuple[str, ...]
    labels: Labels
    agent: str
    confidence: float
    known: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.connector}.{self.verb}"

    def values(self) -> Plain:
        """The names that a condition may use."""
        return {
            "action": {"name": self.name, "connector": self.connector, "verb": self.verb},
            "args": self.args,
            "targets": list(self.targets),
            "labels": {
                "integrity": self.labels.integrity,
                "sensitivity": self.labels.sensitivity,
                "sources": list(self.labels.sources),
            },
            "agent": self.agent,
            "confidence": self.confidence,
            "known": list(self.known),
        }


@functools.lru_cache(maxsize=64)
def parse_policy(text: str) -> PolicyFile:
    """Return the rules of one file. Raises QuarterdeckError `schema` with place and reason."""
    try:
        policy = msgspec.convert(tomllib.loads(text), PolicyFile)
        for rule in policy.rule:
            if rule.hold:
                duration_us(rule.hold)
            if rule.when:
                program(rule.when)
    except (
        tomllib.TOMLDecodeError,
        msgspec.ValidationError,
        QuarterdeckError,
        Unanswerable,
        RecursionError,
    ) as error:
        raise QuarterdeckError("schema", str(error), hint="See docs/workspace.md for what a policy holds.") from error
    if len(policy.rule) > RULES_MAX:
        raise QuarterdeckError("schema", f"a policy file has at most {RULES_MAX} rules")
    return policy


def judge(question: Question, files: Iterable[tuple[str, PolicyFile]], *, hold_us: int) -> Verdict:
    """Return the verdict for an action. `files` are (path, rules) in order; `hold_us` is the usual hold."""
    guard = _guard(question)
    rule = _first_match(question, files, hold_us)
    word = max((guard.verdict, rule.verdict), key=STRICTNESS.__getitem__)
    risk = max((guard.risk, rule.risk), key=RISK_ORDER.__getitem__)
    verb = VERBS.get(question.name)
    named = guard if STRICTNESS[guard.verdict] > STRICTNESS[rule.verdict] else rule
    return Verdict(
        verdict=word,
        rule=named.rule,
        where=named.where,
        risk=risk,
        hold_us=rule.hold_us if verb is not None and verb.outward else 0,
        reasons=(*rule.reasons, *guard.reasons),
    )


def explain(question: Question, files: Iterable[tuple[str, PolicyFile]], *, hold_us: int) -> Plain:
    """Return the verdict and every rule that was tried on the way: {rule, where, outcome}."""
    files = list(files)
    verdict = judge(question, files, hold_us=hold_us)
    tried: list[Plain] = []
    for where, file in files:
        for rule in file.rule:
            outcome = _outcome(rule, question)
            tried.append({"rule": rule.id, "where": where, "outcome": outcome})
            if outcome == "matched":
                return {**msgspec.to_builtins(verdict), "tried": tried}
    return {**msgspec.to_builtins(verdict), "tried": tried}


def _outcome(rule: Rule, question: Question) -> str:
    if not fnmatch.fnmatchcase(question.name, rule.pattern):
        return "not matched"
    try:
        return "matched" if not rule.when or holds(rule.when, question.values()) else "not matched"
    except Unanswerable as error:
        return str(error)


def _first_match(question: Question, files: Iterable[tuple[str, PolicyFile]], hold_us: int) -> Verdict:
    values = question.values()
    doubt: Verdict | None = None
    for where, file in files:
        for rule in file.rule:
            if not fnmatch.fnmatchcase(question.name, rule.pattern):
                continue
            try:
                matches = not rule.when or holds(rule.when, values)
            except Unanswerable as error:
                reason = f"rule {rule.id}: {error}"
                doubt = doubt or _verdict("ask", rule.id, where, rule.risk, _hold(rule, hold_us), reason)
                continue
            if matches:
                found = _verdict(rule.verdict, rule.id, where, rule.risk, _hold(rule, hold_us), rule.reason)
                return _doubted(doubt, found) if doubt else found
    return doubt or _verdict(
        "ask", "default", "built-in", "medium", hold_us, "No rule of yours covers this, so you are asked."
    )


def _doubted(doubt: Verdict, found: Verdict) -> Verdict:
    """A rule that could not be answered asks; it does not hide a later rule that is stricter."""
    if found.verdict == "deny":
        return found
    return msgspec.structs.replace(
        doubt,
        risk=max((doubt.risk, found.risk), key=RISK_ORDER.__getitem__),
        hold_us=max(doubt.hold_us, found.hold_us),
        reasons=(*doubt.reasons, *found.reasons),
    )


def _hold(rule: Rule, usual_us: int) -> int:
    return duration_us(rule.hold) if rule.hold else usual_us


def _guard(question: Question) -> Verdict:
    """The strictest built-in answer, with every reason that applies."""
    verb = VERBS.get(question.name)
    if verb is None:
        return _verdict("deny", "R0", "built-in R0", "high", 0, f"No connector offers {question.name}.")
    if question.labels.sensitivity == "secret":
        return _verdict("deny", "R1", "built-in R1", "high", 0, "It carries something secret.")
    if not verb.outward and verb.reversible:
        return _verdict("allow", "R9", "built-in R9", "low", 0, "")
    reasons: list[str] = []
    rules: list[str] = []
    risk: Risk = "low"
    external = question.labels.integrity == "external"
    strangers = [target for target in question.targets if target.lower() not in question.known]
    if external and strangers:
        rules.append("R2")
        reasons.append(f"Text from outside named the target {', '.join(strangers)}.")
    if external and verb.outward:
        rules.append("R3")
        reasons.append("Text from outside shaped what would leave the house.")
    if len(question.targets) > BULK_TARGETS:
        rules.append("R5")
        reasons.append(f"It goes to {len(question.targets)} targets at once.")
        risk = "high"
    if not rules:
        return _verdict("allow", "none", "built-in", "low", 0, "")
    return Verdict(
        verdict="ask",
        rule=rules[0],
        where=f"built-in {', '.join(rules)}",
        risk=risk,
        hold_us=0,
        reasons=tuple(reasons),
    )


def _verdict(word: Word, rule: str, where: str, risk: Risk, hold_us: int, reason: str) -> Verdict:
    reasons = (reason,) if reason else ()
    return Verdict(verdict=word, rule=rule, where=where, risk=risk, hold_us=hold_us, reasons=reasons)
