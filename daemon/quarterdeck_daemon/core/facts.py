"""Canonical facts: typed, versioned, compare-and-set, and never overwritten by text from outside.

Owns     deciding `fact.asserted` and `fact.retracted`; what they do to the state is in fact_state.py.
Promises a later version never erases an earlier one; several facts are written together or not at all.
Leaves   the form of kinds to kind_schema.py, the two clocks to validity.py, proposals to proposals.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels

from .alerts import raise_alert, settle_topic
from .commands import Command, PutFact, RetractFact, TransactFacts
from .entities import Document, Fact, Plain
from .fact_state import APPLY as APPLY
from .kind_schema import check_in_force, check_value, refs_in, remarks_on, schemas_of, version_of
from .links import make_link
from .turn import Turn
from .validity import check_span

FACT_BYTES_MAX = 64 * 1024
NAME_CHARS_MAX = 200
TRANSACTION_MAX = 1_000  # Facts and links together.
MARK = "~"  # Between the key of a fact and the number of a proposal for it; so in no key.
KIND_GRAMMAR = f"A kind is a letter, then letters, digits, `_`, `-` or `.`: at most {NAME_CHARS_MAX} characters."
KEY_GRAMMAR = (
    f"A key is 1 to {NAME_CHARS_MAX} visible characters, with blanks only between them and without "
    f"`{MARK}`, which marks what is proposed: northwind, 2026-114, ines@northwind.test."
)
_KIND = re.compile(r"[^\W\d_][\w.-]*")


# --- one fact -------------------------------------------------------------------------------------


def put_fact(turn: Turn, command: PutFact) -> Plain:
    conflict = _conflict(turn, command)
    if conflict is not None:
        raise _refused([conflict])
    return assert_fact(turn, command)


def retract_fact(turn: Turn, command: RetractFact) -> Plain:
    conflict = _conflict(turn, command)
    if conflict is not None:
        raise _refused([conflict])
    return _retract(turn, command)


def assert_fact(turn: Turn, command: PutFact, *, run: str | None = None, made_from: tuple[str, ...] = ()) -> Plain:
    """Record the fact as the next version. `made_from` are entities (`kind:id`) it was derived from.

    Raises QuarterdeckError: `schema` for a value its kind does not allow, `bad_value` for names or times that are
    none, `out_of_range` when too big, `policy_denied` when text from outside would change the operator's word.
    """
    id = f"{command.fact_kind}/{command.key}"
    present = turn.draft.get(Fact, id)
    _check_names(command.fact_kind, command.key, known=present is not None)
    if present is not None and present.proposes:
        raise QuarterdeckError(
            "conflict",
            f"{id} is what was proposed for {present.proposes}; it is accepted or rejected, not written",
            hint=f"quarterdeck fact accept {id}, or quarterdeck fact put {command.fact_kind} {present.proposes.partition('/')[2]}",
        )
    if len(msgspec.msgpack.encode(command.value)) > FACT_BYTES_MAX:
        raise QuarterdeckError("out_of_range", f"a fact has at most {FACT_BYTES_MAX:,} bytes")
    check_span(command.valid_from, command.valid_to)
    if present is not None and would_launder(present, command.labels):
        raise QuarterdeckError(
            "policy_denied",
            f"{id} was confirmed by the operator; text from outside cannot change it",
            hint="Propose it under another key, or let the operator put it.",
        )
    check_in_force(turn.draft, command.fact_kind)
    described = schemas_of(turn.draft, command.fact_kind)
    check_value(described, command.fact_kind, command.value)
    body: Plain = {
        "kind": command.fact_kind,
        "key": command.key,
        "value": command.value,
        "version": (present.version if present else 0) + 1,
        "source": command.source,
        "made_from": list(made_from),
    }
    refs = refs_in(turn.draft, described, command.value)
    # A change that does not say since when counts from now; the first statement holds since ever.
    changes = present is not None and not present.withdrawn and command.valid_from is None
    optional: Plain = {
        "valid_from": command.valid_from,
        "valid_to": command.valid_to,
        "namespace": command.namespace or (present.namespace if present else "default"),
        "kind_version": version_of(described, command.fact_kind),
        "refs": [list(ref) for ref in refs],
        "since_us": turn.env.now_us if changes else None,
    }
    defaults: tuple[object, ...] = (None, "default", 0, [])
    body |= {name: value for name, value in optional.items() if value not in defaults}
    turn.emit("fact.asserted", body, run=run, labels=command.labels)
    remarks = remarks_on(described, command.fact_kind, command.value)
    return {"id": id, "version": body["version"], **({"remarks": remarks} if remarks else {})}


def _retract(turn: Turn, command: RetractFact) -> Plain:
    id = f"{command.fact_kind}/{command.key}"
    present = turn.draft.get(Fact, id)
    if present is None or present.withdrawn:
        raise QuarterdeckError(
            "not_found",
            f"there is no fact {id}",
            hint=f"List them first: `quarterdeck fact query {command.fact_kind}`",
        )
    if would_launder(present, command.labels):
        raise QuarterdeckError(
            "policy_denied", f"{id} was confirmed by the operator; only the operator takes it back"
        )
    body: Plain = {"kind": present.fact_kind, "key": present.key, "version": present.version + 1}
    turn.emit("fact.retracted", body | {"reason": command.reason}, labels=command.labels)
    return {"id": id, "version": present.version + 1}


def _check_names(kind: str, key: str, *, known: bool) -> None:
    """Raise `bad_value` for names that a new fact may not have. One that is there keeps the name it was given."""
    if known:
        return
    if len(kind) > NAME_CHARS_MAX or not _KIND.fullmatch(kind):
        raise QuarterdeckError("bad_value", f"{kind[:80]!r} is no kind of fact", hint=KIND_GRAMMAR)
    visible = key.isprintable() and key == key.strip() and key
    if not visible or len(key) > NAME_CHARS_MAX or MARK in key:
        raise QuarterdeckError("bad_value", f"{key[:80]!r} is no key of a fact", hint=KEY_GRAMMAR)


def would_launder(present: Fact, labels: Labels) -> bool:
    return present.labels.integrity == "operator" and labels.integrity != "operator"


# --- several at once ------------------------------------------------------------------------------


def transact(turn: Turn, command: TransactFacts) -> Plain:
    """All or none. Every conflict is named at once, so that the caller reads again only what has changed."""
    size = len(command.items) + len(command.links)
    if not 0 < size <= TRANSACTION_MAX:
        raise QuarterdeckError(
            "out_of_range", f"a transaction has 1 to {TRANSACTION_MAX} facts and links, not {size}"
        )
    ids = [f"{item.fact_kind}/{item.key}" for item in command.items]
    twice = next((id for index, id in enumerate(ids) if id in ids[:index]), None)
    if twice is not None:
        raise QuarterdeckError(
            "bad_value",
            f"{twice} stands in the transaction twice",
            hint="One item for each fact; the last one counts.",
        )
    conflicts = [found for found in (_conflict(turn, item) for item in command.items) if found is not None]
    if conflicts:
        raise _refused(conflicts)
    done: list[Plain] = [_located(index, item, turn) for index, item in enumerate(command.items)]
    links = [make_link(turn, link) for link in command.links]
    return {"items": done, "links": links}


def _located(index: int, item: PutFact | RetractFact, turn: Turn) -> Plain:
    """Do one item; a refusal says which one it was."""
    try:
        return assert_fact(turn, item) if isinstance(item, PutFact) else _retract(turn, item)
    except QuarterdeckError as error:
        details = {**error.details, "item": index, "id": f"{item.fact_kind}/{item.key}"}
        raise QuarterdeckError(
            error.code,
            f"items[{index}] {item.fact_kind}/{item.key}: {error.message}",
            hint=error.hint,
            details=details,
        ) from error


def _conflict(turn: Turn, item: PutFact | RetractFact) -> Plain | None:
    """Return what stands there instead of what the caller believes, if so."""
    if item.if_version is None:
        return None
    id = f"{item.fact_kind}/{item.key}"
    present = turn.draft.get(Fact, id)
    version = present.version if present else 0
    gone = present is None or present.withdrawn
    if item.if_version == version or (gone and item.if_version == 0):
        return None
    return {"id": id, "version": version, "if_version": item.if_version}


def _refused(conflicts: Sequence[Plain]) -> QuarterdeckError:
    said = "; ".join(f"{one['id']} is at version {one['version']}, not {one['if_version']}" for one in conflicts)
    return QuarterdeckError(
        "conflict",
        said,
        hint="Read it again, then decide on what it says now.",
        details={"version": conflicts[0]["version"], "conflicts": list(conflicts)},
    )


# --- files of the operator ------------------------------------------------------------------------


def assert_from_file(turn: Turn, document: Document, fact_kind: str, key: str, value: Plain) -> None:
    """A file of the operator's says so. The same value again is no news; a wrong one costs only itself."""
    id = f"{fact_kind}/{key}"
    present = turn.draft.get(Fact, id)
    same = present is not None and present.value == value and not present.withdrawn
    if same or (present is not None and would_launder(present, document.labels)):
        return
    source = document.external_id.partition("#")[0]
    command = PutFact(fact_kind=fact_kind, key=key, value=value, source=source, labels=document.labels)
    topic = f"fact.refused/{id}"
    try:
        assert_fact(turn, command, made_from=(f"document:{document.id}",))
    except QuarterdeckError as error:
        body: Plain = {"kind": fact_kind, "key": key, "code": error.code, "reason": error.message}
        turn.emit("fact.refused", body, labels=document.labels)
        text = f"{source}: {key} was not taken over. {error.message}"
        raise_alert(turn, "warning", topic, text, hint=error.hint, about=(f"document:{document.id}",))
    else:
        settle_topic(turn, topic, f"{source} is in order")


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    PutFact: put_fact,
    RetractFact: retract_fact,
    TransactFacts: transact,
}
