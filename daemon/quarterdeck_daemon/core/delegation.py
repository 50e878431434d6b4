"""Delegation: a narrow rule drafted from one action that waits, so that its like is not asked about again.

The rule names the agent, the verb, exactly these recipients and no more than this amount, and steps aside for every rule that
denies or that always asks: `policies/delegated.toml` is read before the files of most names. It is shown with what it would
have let go in the past; the operator writes it, nobody else.

Money, secrets, deletion, what is the first of its kind, and what text from outside shaped are never delegated.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Iterator

from .confirming import needs_word
from .entities import Action, Record
from .guards import findings, touches_of, widens
from .policy import may_widen
from .questions import Asker, question_of
from .rulebook import book_of
from .rules import Files
from .table import Table
from .track import record_id
from .verbs import VERBS
from .vocabulary import Question, amount_of

FILE = "policies/delegated.toml"
RECIPIENTS_MAX = 50
RULES_MAX = 200  # In the file; whoever has more should write a rule of his own.


def question_for(table: Table, action: Action, now_us: int) -> Question:
    """What the policy would be asked about the action now."""
    asker = Asker(agent=action.agent, run=action.run, now_us=now_us, used=action.verdict.grant)
    return question_of(table, action.connector, action.verb, action.args, action.labels, asker)


def refusals(table: Table, action: Action, asked: Question, files: Files) -> list[str]:
    """Why it cannot be delegated, in words; [] when it can."""
    return list(dict.fromkeys(_refusals(table, action, asked, files)))


def _refusals(table: Table, action: Action, asked: Question, files: Files) -> Iterator[str]:
    verb, record = VERBS.get(asked.name), table.get(Record, record_id(action.agent, asked.name))
    if verb is None or not widens(asked.name) or touches_of(asked, verb):
        yield f"{asked.name} touches money, secrets or deletion, or nothing takes it back: it is asked every time"
    if record is None or not record.tally.decisions:
        yield f"it is the first {asked.name} of {action.agent} that you decide about"
    if asked.labels.integrity == "external":
        yield "text from outside shaped it"
    if asked.labels.sensitivity == "secret" or not may_widen(asked):
        yield "it carries what no rule may let go unasked"
    if needs_word(action):
        yield "it is a high risk"
    if len(action.targets) > RECIPIENTS_MAX or not action.targets:
        yield f"a rule names 1 to {RECIPIENTS_MAX} recipients"
    for one in findings(asked, book_of(tuple(files)).sinks):
        yield f"{one.number} asks whatever your rules say: {one.reason}"
    for rule in _against(asked.name, files):
        if not rule[1]:
            yield f"your rule {rule[0]} always decides about it"


def _against(name: str, files: Files) -> Iterator[tuple[str, str]]:
    """(id, condition) of every rule about this kind of action that denies, or asks whatever was permitted."""
    for _, file in files:
        for rule in file.rule:
            if fnmatch.fnmatchcase(name, rule.pattern) and (rule.verdict == "deny" or rule.firm):
                yield rule.id, rule.when


def condition_of(action: Action, asked: Question, files: Files, *, amount_max: int | None) -> str:
    """The condition in CEL: as narrow as the action itself, and never in the way of a rule that denies."""
    targets = ", ".join(map(json.dumps, action.targets))
    parts = [
        f"agent == {json.dumps(action.agent)}",
        'labels.integrity != "external"',
        f"targets.all(t, t in [{targets}])",
        f"recipients.count <= {len(action.targets)}",
    ]
    if not asked.strangers:
        parts.append("recipients.unknown == 0")
    amount = amount_of(asked.name, action.args)
    if amount is not None:
        cap = amount[0] if amount_max is None else amount_max
        parts += [f"amount.value <= {cap}", f"amount.currency == {json.dumps(amount[1])}"]
    parts += [f"!({when})" for _, when in _against(asked.name, files) if when]
    return " && ".join(parts)


def rule_text(action: Action, condition: str, *, number: int, day: str) -> str:
    """The rule as it would stand in the file."""
    fields = {
        "id": f"delegated-{number}",
        "match": f"{action.connector}.{action.verb}",
        "verdict": "allow",
        "risk": action.verdict.risk,
        "when": condition,
        "reason": f"You delegated it on {day}, from {action.id}.",
    }
    head = f"# Drafted from {action.id} on {day}; take it out to be asked again.\n[[rule]]\n"
    return head + "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())


def next_number(ids: Iterable[str]) -> int:
    """The number after the highest one that a rule of this file has."""
    numbers = [int(id.removeprefix("delegated-")) for id in ids if id.removeprefix("delegated-").isdigit()]
    return max(numbers, default=0) + 1
