"""Capture: what was found in texts becomes proposed facts beside the canonical ones, never instead of them.

A proposal is a fact of its own under `KIND/KEY~pN`, in the review tier, with its evidence and a link to the text it
was found in. It counts for nothing until the operator accepts it (or endorses it): then its fields are laid over the
canonical fact as a new version. A rejected one is kept, so that the same is not proposed again.

    equal to what is held true      no news
    says something new              a proposal
    differs from a canonical value  a proposal and an alert; another account number is critical

Texts that we made ourselves are no source: what was recalled, summarised or drafted would come back as its own proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels, join

from .alerts import raise_alert, settle_topic
from .commands import Capture, Captured, Command, DecideProposal, PutFact
from .entities import CaptureMark, Document, Fact, Memory, Plain
from .facts import MARK as MARK
from .facts import assert_fact
from .hashing import value_hash
from .kind_schema import check_value, schemas_of, version_of
from .likeness import ACCOUNT, NAMES, Comparison, compare
from .orders import Finding
from .table import Draft, Table
from .turn import Turn

FINDINGS_MAX = 50  # Of one text.
OPEN_MAX = 5_000  # Proposals that wait; nobody reads more.
FOR_ONE_MAX = 20  # Proposals for the same fact.
OWN_KINDS = frozenset(("summary", "draft", "answer", "context", "lesson", "reminder"))
BELONGS = ("client", "organisation")  # To whom somebody or something belongs: guessed for new facts only.
FULL = "capture.full"


# --- taking in ------------------------------------------------------------------------------------


def capture(turn: Turn, command: Capture) -> Plain:
    """Compare what was found with what is held true; record how far the log has been read."""
    room = OPEN_MAX - sum(1 for _ in turn.draft.live(Fact))
    proposed: list[str] = []
    for item in command.items:
        labels = source_labels(turn.draft, item.source)
        if labels is None:
            continue
        for finding in item.findings[:FINDINGS_MAX]:
            if len(proposed) >= room:
                _tell_full(turn)
                break
            id = _propose(turn, item, finding, labels)
            proposed += [id] if id else []
    mark = turn.draft.get(CaptureMark, "mark")
    if mark is None or command.upto > mark.upto:
        turn.emit("capture.done", {"upto": command.upto, "texts": len(command.items), "proposed": len(proposed)})
    return {"proposed": proposed}


def source_labels(table: Table | Draft, source: str) -> Labels | None:
    """Return the labels of a text that facts may be taken from; None when it may not, or is gone."""
    kind, _, id = source.partition(":")
    found: Memory | Document | None = table.get(Memory, id) if kind == "memory" else table.get(Document, id)
    return found.labels if found is not None and is_source(found) else None


def is_source(entity: Memory | Document) -> bool:
    """Whether facts may be taken from it: somebody said or wrote it, and it is not what we made of our own memory."""
    if entity.forgotten or entity.withdrawn or entity.superseded_by or entity.labels.integrity == "agent":
        return False
    if any(source.partition(":")[0] in ("memory", "run", "action", "fact") for source in entity.labels.sources):
        return False
    if isinstance(entity, Document):
        return entity.status == "parsed" and "facts" not in entity.meta
    made = entity.depth or entity.stands_for or entity.run or entity.document or entity.memory_kind in OWN_KINDS
    return not made and entity.tier not in ("working", "prospective", "instructions")


def _propose(turn: Turn, item: Captured, finding: Finding, labels: Labels) -> str:
    """Return the id of a new proposal, or "" when there is no news in it."""
    held, finding = _target(turn.draft, finding)
    if held is None and finding.party and not finding.value.get("name"):
        return ""  # Of nobody: an account number alone, say.
    id = f"{finding.fact_kind}/{finding.key}"
    found = compare(held.value, finding.value) if held is not None else Comparison(finding.value, ())
    news = {name: item for name, item in found.news.items() if held is None or item != finding.key}
    value = {**news, **{one.field: one.found for one in found.against}}
    if not value or (held is not None and set(value) <= NAMES):
        return ""  # Another way of calling somebody is no news.
    described = schemas_of(turn.draft, finding.fact_kind)
    try:
        check_value(described, finding.fact_kind, {**(held.value if held is not None else {}), **value})
    except QuarterdeckError:
        return ""  # The rules of a kind are stricter than a guess: then it is none.
    if _said_before(turn.draft, id, value):
        return ""
    number = f"p{turn.number('p')}"
    body: Plain = {
        "kind": finding.fact_kind,
        "key": f"{finding.key}{MARK}{number}",
        "proposes": id,
        "number": number,
        "value": value,
        "source": item.source,
        "evidence": msgspec.to_builtins(finding.evidence),
        "kind_version": version_of(described, finding.fact_kind),
        "namespace": held.namespace if held is not None else "default",
    }
    made = join((labels, Labels(integrity="agent", sensitivity="public", sources=(item.source,))))
    turn.emit("fact.proposed", body, labels=made)
    if held is not None:
        _warn(turn, held, found, f"{id}{MARK}{number}", item.source, made)
    return f"{id}{MARK}{number}"


def _target(table: Table | Draft, finding: Finding) -> tuple[Fact | None, Finding]:
    """Return the canonical fact that the finding is about, if there is one, and the finding aimed at it."""
    known = _canonical(table, finding.known)
    if finding.party and known is not None:
        value = {name: item for name, item in finding.value.items() if name not in BELONGS}
        return known, msgspec.structs.replace(finding, fact_kind=known.fact_kind, key=known.key, value=value)
    related = _canonical(table, finding.related)
    if related is not None:
        field = "client" if related.fact_kind == "client" else "organisation"
        named = related.key if related.fact_kind in BELONGS else related.id
        value = {name: item for name, item in finding.value.items() if name not in BELONGS}
        finding = msgspec.structs.replace(finding, value={**value, field: named})
    return _canonical(table, (f"{finding.fact_kind}/{finding.key}",)), finding


def _canonical(table: Table | Draft, ids: tuple[str, ...]) -> Fact | None:
    found = (table.get(Fact, id) for id in ids)
    return next((fact for fact in found if fact is not None and fact.canonical), None)


def _said_before(table: Table | Draft, id: str, value: Plain) -> bool:
    """Whether the same was proposed already, whatever became of it; or too much waits for this one fact."""
    others = [fact for fact in table.scan(Fact, prefix=f"{id}{MARK}p") if fact.proposes == id and not fact.withdrawn]
    if sum(fact.proposal == "open" for fact in others) >= FOR_ONE_MAX:
        return True
    return any(not (after := compare(fact.value, value)).news and not after.against for fact in others)


def _warn(turn: Turn, held: Fact, found: Comparison, proposal: str, source: str, labels: Labels) -> None:
    """Say what contradicts a canonical fact. Another account number is how money is led astray."""
    name, called = str(held.value.get("name") or held.key), _called(turn.draft, source)
    for one in found.against:
        account = one.field == ACCOUNT
        ask = "Ask them over a way that you know already. Then: " if account else ""
        said = f"{called} says {one.field} {_shown(one.found)}, held true is {_shown(one.held)}"
        details: Plain = {"field": one.field, "held": one.held, "found": one.found, "source": source}
        raise_alert(
            turn,
            "critical" if account else "warning",
            _topic(held.id, one.field),
            f"{name}: {said}. Nothing was changed.",
            hint=f"{ask}quarterdeck fact accept {proposal}, or reject",
            about=(f"fact:{held.id}", f"fact:{proposal}", source),
            details={**details, "proposal": proposal},
            labels=labels,
        )


def _topic(id: str, field: str) -> str:
    return f"fact.conflict/{id}/{field}"


def _called(table: Table | Draft, source: str) -> str:
    kind, _, id = source.partition(":")
    found: Memory | Document | None = table.get(Memory, id) if kind == "memory" else table.get(Document, id)
    return f"“{_shown(found.title)}” ({id})" if found is not None and found.title else source


def _shown(value: object) -> str:
    """One short line: it may come from outside."""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    return line if len(line) <= 80 else line[:79] + "…"


def _tell_full(turn: Turn) -> None:
    text = f"{OPEN_MAX} proposed facts wait; nothing further is proposed"
    raise_alert(turn, "info", FULL, text, hint="quarterdeck fact proposed")


# --- deciding -------------------------------------------------------------------------------------


def decide(turn: Turn, command: DecideProposal) -> Plain:
    """Accept: its fields become a new version of the fact, by the operator's word. Reject: it is kept as rejected."""
    proposal = _waiting(turn, command)
    if command.hash and command.hash != value_hash(proposal.value):
        raise QuarterdeckError("conflict", f"{proposal.id} is no longer what you saw", hint="Read it again.")
    if not command.accept:
        _close(turn, proposal, "rejected", command.reason)
        return {"id": proposal.id, "fact": proposal.proposes, "outcome": "rejected"}
    return _accept(turn, proposal, command.reason, command.if_version)


def _waiting(turn: Turn, command: DecideProposal) -> Fact:
    """Find it by its whole id, or by its number alone: p3."""
    fact = turn.draft.get(Fact, command.id)
    if fact is None and "/" not in command.id:
        fact = _numbered(turn.draft.live(Fact), command.id) or _numbered(turn.draft.scan(Fact), command.id)
    if fact is None:
        raise QuarterdeckError(
            "not_found", f"nothing is proposed as {command.id!r}", hint="List them: quarterdeck fact proposed"
        )
    if not fact.proposes:
        raise QuarterdeckError("bad_value", f"{fact.id} is no proposal", hint="List them: quarterdeck fact proposed")
    if not fact.live:
        state = fact.proposal if fact.proposal != "open" else "withdrawn"
        raise QuarterdeckError("conflict", f"{fact.id} is {state} already", hint="quarterdeck fact proposed")
    return fact


def _numbered(facts: Iterable[Fact], number: str) -> Fact | None:
    return next((fact for fact in facts if fact.proposes and fact.id.endswith(MARK + number)), None)


def _accept(turn: Turn, proposal: Fact, reason: str, if_version: int | None = None) -> Plain:
    kind, _, key = proposal.proposes.partition("/")
    present = turn.draft.get(Fact, proposal.proposes)
    held = present.value if present is not None and present.canonical else {}
    version = present.version if present is not None else 0
    if if_version is not None and if_version != version:
        raise QuarterdeckError(
            "conflict",
            f"{proposal.proposes} is at version {version}, not {if_version}",
            hint="Read it again.",
            details={"version": version},
        )
    labels = Labels(sensitivity=proposal.labels.sensitivity, sources=proposal.labels.sources)
    command = PutFact(
        fact_kind=kind,
        key=key,
        value={**held, **proposal.value},
        source=proposal.source,
        labels=labels,
        namespace=proposal.namespace,
    )
    done = assert_fact(turn, command, made_from=(f"fact:{proposal.id}",))
    _close(turn, proposal, "accepted", reason)
    return {**done, "proposal": proposal.id, "outcome": "accepted"}


def _close(turn: Turn, proposal: Fact, outcome: str, reason: str) -> None:
    body: Plain = {"kind": proposal.fact_kind, "key": proposal.key, "outcome": outcome, "reason": reason}
    turn.emit("fact.decided", body, labels=proposal.labels)
    others = [
        fact for fact in turn.draft.scan(Fact, prefix=f"{proposal.proposes}{MARK}p")
        if fact.live and fact.proposes == proposal.proposes
    ]  # fmt: skip
    for field in proposal.value:
        if not any(field in fact.value for fact in others):
            settle_topic(turn, _topic(proposal.proposes, field), f"{proposal.id} was {outcome}")


def follow_endorsement(turn: Turn, event: Event) -> None:
    """Whoever vouches for a proposal accepts it."""
    fact = turn.draft.get(Fact, str(event.body["id"])) if event.body.get("kind") == "fact" else None
    if fact is not None and fact.live:
        _accept(turn, fact, "endorsed")


DECIDE: dict[type[Command], Callable[..., Plain]] = {Capture: capture, DecideProposal: decide}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"memory.endorsed": follow_endorsement}
