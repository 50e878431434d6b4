"""Cooling off: what is risky waits after a yes, and is read again before it leaves. It stands in for a second person.

    held (cooling) ── nothing changed ── it leaves as it was approved
          ├────────── something changed ── back to the operator, with what changed in words
          └────────── undo: free

With the yes is kept what it rested on: versions of the facts that name its recipients or were its evidence, the texts it was
made from, and the verdict. Of the facts' fields only hashes are kept: enough to name what changed, not what it was.

Risky is: a high risk, money, many recipients, what nothing takes back; and whatever a rule of the operator's says with `cool`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from .entities import Action, Alert, Document, Fact, Memory, Plain, Run, Verdict
from .guards import BULK_TARGETS, RISK_ORDER, STRICTNESS, past_mending
from .hashing import value_hash
from .settings import settings_of
from .table import Table
from .turn import Turn
from .verbs import VERBS

BASIS_MAX = 200  # Facts, and texts, that one yes is said to rest on; beyond it the first ones count.
HASH_CHARS = 16
PARTIES = ("client", "contact", "supplier")
CHANGES_MAX = 20


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What a yes rested on. facts: id -> field -> hash.  texts: ids that were in force.  alerts: those open then."""

    verdict: str
    risk: str
    guards: tuple[str, ...] = ()
    rule: str = ""
    facts: dict[str, dict[str, str]] = {}
    texts: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()


def cooling_us(table: Table, action: Action, verdict: Verdict) -> int:
    """How long it waits after a yes, beyond nothing; 0: it is not risky, or the operator wants no wait."""
    if verdict.cool_us is not None:
        return verdict.cool_us
    return settings_of(table).cooling_us if is_risky(action, verdict) else 0


def is_risky(action: Action, verdict: Verdict) -> bool:
    rule = VERBS.get(f"{action.connector}.{action.verb}")
    mended = rule is not None and not (rule.spends or "money" in rule.touches or past_mending(rule))
    return verdict.risk == "high" or len(action.targets) > BULK_TARGETS or not mended


# --- what it rests on -----------------------------------------------------------------------------


def basis_of(table: Table, action: Action, verdict: Verdict) -> Basis:
    """What a yes to the action as it stands rests on now."""
    facts = _facts(table, action)
    return Basis(
        verdict=verdict.verdict,
        risk=verdict.risk,
        guards=verdict.guards,
        rule=verdict.rule,
        facts={fact.id: _fields(fact) for fact in facts},
        texts=tuple(text.id for text in _texts_read(table, action) if not _replaced(text)),
        alerts=tuple(alert.id for alert in _alerts(table, [fact.id for fact in facts])),
    )


def _fields(fact: Fact) -> dict[str, str]:
    said = {**fact.value, "(valid)": [fact.valid_from, fact.valid_to], "(withdrawn)": fact.withdrawn}
    return {name: value_hash(value)[:HASH_CHARS] for name, value in said.items()}


def _facts(table: Table, action: Action) -> list[Fact]:
    """Facts that its evidence names, and those of parties whose address or account it uses."""
    named = [table.get(Fact, id.removeprefix("fact:")) for id in _sources(table, action)]
    found = {fact.id: fact for fact in named if fact is not None}
    uses = {_bare(text) for text in (*action.targets, *_texts(action.args.values()))}
    for kind in PARTIES:
        for fact in table.scan(Fact, prefix=f"{kind}/"):
            if fact.canonical and uses & {_bare(text) for text in _texts(fact.value.values())}:
                found[fact.id] = fact
    return list(found.values())[:BASIS_MAX]


def _texts(values: Iterable[object]) -> Iterator[str]:
    """Short texts among values, one level of lists deep: addresses, accounts, names of records."""
    for value in values:
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, str) and 5 <= len(item) <= 100:
                yield item


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()


def _sources(table: Table, action: Action) -> list[str]:
    """Entity ids of its evidence, and of what the step that proposed it read."""
    run = table.get(Run, action.run) if action.run else None
    step = run.steps.get(action.step) if run is not None else None
    read = step.sources if step is not None else ()
    return list(dict.fromkeys((*(one.source for one in action.evidence if one.source), *read)))[:BASIS_MAX]


def _texts_read(table: Table, action: Action) -> list[Document | Memory]:
    found = [_text_of(table, id) for id in _sources(table, action)]
    return [text for text in found if text is not None]


def _alerts(table: Table, facts: list[str]) -> list[Alert]:
    """Open alerts about these facts: somebody contradicts them."""
    about = {f"fact:{id}" for id in facts}
    return [alert for alert in table.live(Alert) if alert.level != "info" and about & set(alert.about)]


def _text_of(table: Table, id: str) -> Document | Memory | None:
    """The text that a source names: `doc3`, `document:doc3`, `m12`, `memory:m12`; None for anything else."""
    name = id.rpartition(":")[2]
    found: Document | Memory | None = None
    if name.startswith("doc"):
        found = table.get(Document, name)
    elif name.startswith("m"):
        found = table.get(Memory, name)
    return found


def _replaced(text: Document | Memory) -> str:
    """Why a text no longer stands, "" when it does."""
    if text.superseded_by:
        return f"{text.id}, from which it was made, was replaced by {text.superseded_by}"
    return f"{text.id}, from which it was made, was taken back" if text.forgotten or text.withdrawn else ""


# --- reading again --------------------------------------------------------------------------------


def changes(table: Table, action: Action, verdict: Verdict) -> tuple[str, ...]:
    """What is no longer as it was when it was approved, in words; () when it may leave."""
    then = msgspec.convert(action.cooling["basis"], Basis)
    said = [*_by_rules(then, verdict), *_by_facts(table, then), *_by_texts(table, then)]
    said += [
        f"new alert {one.id}: {one.text}" for one in _alerts(table, list(then.facts)) if one.id not in then.alerts
    ]
    return tuple(said[:CHANGES_MAX])


def _by_rules(then: Basis, now: Verdict) -> Iterator[str]:
    if STRICTNESS[now.verdict] > STRICTNESS[then.verdict]:
        yield f"the rules are stricter: {now.verdict} by {now.rule} ({now.where}), it was {then.verdict}"
    if RISK_ORDER[now.risk] > RISK_ORDER[then.risk]:
        yield f"the rules call it a {now.risk} risk, it was {then.risk}"
    if new := [number for number in now.guards if number not in then.guards]:
        yield f"{', '.join(new)} spoke up: {'; '.join(now.reasons)}"


def _by_facts(table: Table, then: Basis) -> Iterator[str]:
    for id, fields in then.facts.items():
        fact = table.get(Fact, id)
        now = _fields(fact) if fact is not None else {}
        changed = [name for name in {**fields, **now} if fields.get(name) != now.get(name)]
        if not now or "(withdrawn)" in changed:
            yield f"{id} was taken back"
        elif changed:
            yield f"{id} changed: {', '.join(name.strip('()') for name in changed)}"


def _by_texts(table: Table, then: Basis) -> Iterator[str]:
    for id in then.texts:
        text = _text_of(table, id)
        if text is not None and (gone := _replaced(text)):
            yield gone


def reread(turn: Turn, action: Action, verdict: Verdict) -> bool:
    """Look once more before it leaves. Returns whether it went back to the operator instead."""
    if not action.cooling or action.approval is None:
        return False
    changed = changes(turn.draft, action, verdict)
    if changed:
        ask_again(turn, action, verdict, changed)
    return bool(changed)


def ask_again(turn: Turn, action: Action, verdict: Verdict, changed: tuple[str, ...]) -> None:
    """It goes back to the operator with what is no longer as it was."""
    body: Plain = {
        "action": action.id,
        "given": action.approval is not None,
        "changed": list(changed),
        "verdict": msgspec.to_builtins(verdict),
        "expires_us": max(action.expires_us or 0, turn.env.now_us + settings_of(turn.draft).expires_us),
        "shown_hash": value_hash([action.shown_hash, *changed]),  # A yes to what was seen before is none to this.
    }
    turn.emit("approval.returned", body, run=action.run or None, labels=action.labels)
