"""Canonical facts: typed keys, versions, compare-and-set, and never overwritten by text from outside."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels

from .commands import Command, PutFact
from .entities import Document, Fact, Plain
from .table import Draft
from .turn import Applier, Turn

FACT_BYTES_MAX = 64 * 1024


def put_fact(turn: Turn, command: PutFact) -> Plain:
    present = turn.draft.get(Fact, f"{command.fact_kind}/{command.key}")
    version = present.version if present else 0
    if command.if_version is not None and command.if_version != version:
        raise QuarterdeckError(
            "conflict",
            f"{command.fact_kind}/{command.key} is at version {version}, not {command.if_version}",
            hint="Read it again, then decide on what it says now.",
            details={"version": version},
        )
    return assert_fact(turn, command)


def assert_fact(turn: Turn, command: PutFact, *, run: str | None = None, made_from: tuple[str, ...] = ()) -> Plain:
    """Record the fact as the next version. `made_from` are entities (`kind:id`) it was derived from."""
    if len(msgspec.msgpack.encode(command.value)) > FACT_BYTES_MAX:
        raise QuarterdeckError("out_of_range", f"a fact has at most {FACT_BYTES_MAX:,} bytes")
    for part in (command.fact_kind, command.key):
        if not part or len(part) > 200 or any(ord(char) < 32 for char in part) or "/" in command.fact_kind:
            raise QuarterdeckError("bad_value", f"{part!r} is no kind or key of a fact")
    id = f"{command.fact_kind}/{command.key}"
    present = turn.draft.get(Fact, id)
    if present is not None and _would_launder(present, command.labels):
        raise QuarterdeckError(
            "policy_denied",
            f"{id} was confirmed by the operator; text from outside cannot change it",
            hint="Propose it under another key, or let the operator put it.",
        )
    body: Plain = {
        "kind": command.fact_kind,
        "key": command.key,
        "value": command.value,
        "version": (present.version if present else 0) + 1,
        "source": command.source,
        "made_from": list(made_from),
    }
    if command.valid_from:
        body["valid_from"] = command.valid_from
    if command.valid_to:
        body["valid_to"] = command.valid_to
    turn.emit("fact.asserted", body, run=run, labels=command.labels)
    return {"id": id, "version": body["version"]}


def _would_launder(present: Fact, labels: Labels) -> bool:
    return present.labels.integrity == "operator" and labels.integrity != "operator"


def assert_from_file(turn: Turn, document: Document, fact_kind: str, key: str, value: Plain) -> None:
    """A file of the operator's says so. The same value again is no news."""
    present = turn.draft.get(Fact, f"{fact_kind}/{key}")
    if present is not None and (present.value == value or _would_launder(present, document.labels)):
        return
    source = document.external_id.partition("#")[0]
    command = PutFact(fact_kind=fact_kind, key=key, value=value, source=source, labels=document.labels)
    assert_fact(turn, command, made_from=(f"document:{document.id}",))


def apply_asserted(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Asserted)
    fact = Fact(
        id=f"{body.kind}/{body.key}",
        seq=event.seq,
        fact_kind=body.kind,
        key=body.key,
        value=body.value,
        version=body.version,
        at_us=event.at_us,
        labels=event.labels,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        source=body.source,
        tier="long-term" if event.labels.integrity == "operator" else "review",
    )
    draft.put(fact)
    for parent in body.made_from:
        draft.link(f"fact:{fact.id}", "derived_from", parent, event.seq)


class _Asserted(msgspec.Struct):
    kind: str
    key: str
    value: Plain
    version: int
    source: str
    made_from: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_to: str | None = None


DECIDE: dict[type[Command], Callable[..., Plain]] = {PutFact: put_fact}
APPLY: dict[str, Applier] = {"fact.asserted": apply_asserted}
