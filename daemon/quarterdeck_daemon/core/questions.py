"""What a policy is asked about an action: put together from the state, and kept with the action as it was.

question_of(table, …)   as things stand now
seen_in(question)       what the answer rested on besides the action itself; recorded with it
asked_then(action, …)   the same question again, from what was recorded: for trying other rules on the past
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import msgspec

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels, join

from ..almanac.zones import wall, zone_of
from .alerts import raise_alert
from .entities import Action, Asset, Consent, Fact, Plain, Reached, Record, Run, Stop, Tally
from .grants import grants_for
from .hashing import text_hash
from .lookup import find
from .rules import PolicyFile, parse_policy, unreadable
from .settings import settings_of
from .table import Draft, Table
from .track import autonomy_at, confidence_of, reached_id, record_id
from .turn import Applier, Turn
from .verbs import VERBS, targets_of
from .vocabulary import Question

CONSENT_CHARS = 24


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants something, when. used: the grant that the action has used already."""

    agent: str = ""
    run: str = ""
    now_us: int = 0
    last_us: int = 0
    used: str = ""


def question_of(
    table: Table, connector: str, verb: str, args: Plain, labels: Labels, asker: Asker, *, targets: tuple[str, ...] = ()
) -> Question:  # fmt: skip
    """The question as things stand now. targets: only for a verb that nobody offers."""
    name = f"{connector}.{verb}"
    targets = targets_of(name, args) if name in VERBS else targets
    id = record_id(asker.agent, name)
    record = table.get(Record, id)
    run = table.get(Run, asker.run) if asker.run else None
    stop = table.get(Stop, "stop")
    return Question(
        connector=connector,
        verb=verb,
        args=args,
        targets=targets,
        labels=labels,
        agent=asker.agent,
        confidence=confidence_of(record)[0],
        known=Known(table),
        context=_read_by(run, labels),
        now_us=asker.now_us,
        offset_s=_offset_s(table, asker.now_us),
        run=asker.run,
        playbook=run.playbook if run is not None else "",
        priority=run.priority if run is not None else "",
        tally=record.tally if record is not None else Tally(),
        level=autonomy_at(table, id).level,
        new=tuple(target for target in targets if table.get(Reached, reached_id(name, target)) is None),
        first=record is None or not record.tally.decisions,
        stopped=(stop.reason or "by you") if stop is not None and stop.engaged else "",
        grants=grants_for(table, asker.agent, name, now_us=asker.now_us, last_us=asker.last_us, used=asker.used),
        used=asker.used,
        consents=tuple(f"{one.sink}:{one.sensitivity}" for one in table.scan(Consent)),
    )


def _read_by(run: Run | None, labels: Labels) -> Labels | None:
    """Labels of all that a run has read so far: every step that has begun, not only those that led to this."""
    if run is None:
        return None
    return join((labels, run.labels, *(step.labels for step in run.steps.values() if step.attempts)))


def _offset_s(table: Table, now_us: int) -> int:
    offset = wall(now_us, zone_of(settings_of(table).timezone)).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


class Known:
    """Addresses that the operator's own facts name. One is looked up; all are read only by a rule that wants the list."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __contains__(self, address: object) -> bool:
        return isinstance(address, str) and any(True for _ in self._table.named(Fact, address))

    def __iter__(self) -> Iterator[str]:
        facts = (fact for prefix in Fact.named_under for fact in self._table.scan(Fact, prefix=prefix))
        yield from dict.fromkeys(address for fact in facts for address in fact.names)


def policies(table: Table) -> list[tuple[str, PolicyFile]]:
    """The rules in force: the operator's in order of file names, then those of the preset."""
    return [*own_policies(table), *preset_policies(table)]


def own_policies(table: Table) -> list[tuple[str, PolicyFile]]:
    """Files that cannot be read come first: nobody knows what they would say, so everything asks."""
    doubtful: list[tuple[str, PolicyFile]] = []
    found: list[tuple[str, PolicyFile]] = []
    for asset in table.named(Asset, "policy"):
        if asset.refused:
            doubtful.append((asset.path, _unreadable(asset.path, asset.refused)))
        if not asset.removed:
            found.append((asset.path, parse_policy(asset.text)))
    return [*doubtful, *found]


@functools.lru_cache(maxsize=64)
def _unreadable(path: str, why: str) -> PolicyFile:
    """The same object for the same file, as the book of rules is made once per set of files."""
    return unreadable(path, f"{path} cannot be read, so everything asks: {why}")


def preset_policies(table: Table) -> list[tuple[str, PolicyFile]]:
    presets = (asset for asset in table.named(Asset, "preset") if not asset.removed)
    return [(asset.path, parse_policy(asset.text)) for asset in presets]


# --- the past -------------------------------------------------------------------------------------


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the answer rested on besides the action: kept with it, so that other rules can be asked about it later."""

    confidence: float | None = None
    known: tuple[str, ...] = ()  # Those of its targets that the facts named.
    new: tuple[str, ...] = ()
    context: Labels | None = None
    now_us: int = 0
    offset_s: int = 0
    cost: int = 0
    playbook: str = ""
    priority: str = ""
    tally: Tally = Tally()
    level: str = ""
    first: bool = False
    consents: tuple[str, ...] = ()


def seen_in(asked: Question) -> Plain:
    known = tuple(target.lower() for target in asked.targets if target.lower() in asked.known)
    fields = {name: getattr(asked, name) for name in Seen.__struct_fields__}
    plain: Plain = msgspec.to_builtins(Seen(**{**fields, "known": known}))
    return plain


def asked_then(action: Action, table: Table) -> Question:
    """The question that was asked when it was proposed. table: for what older logs did not keep, as of now.

    The arguments are those that the agent proposed, before any edit of the operator's.
    """
    name = f"{action.connector}.{action.verb}"
    args = action.proposed_args or action.args
    targets = targets_of(name, args) if name in VERBS else action.targets
    seen = msgspec.convert(action.seen, Seen) if action.seen else Seen(now_us=action.at_us)
    plain = {field: getattr(seen, field) for field in Seen.__struct_fields__}
    if not action.seen:
        plain["known"] = Known(table)
    return Question(
        connector=action.connector, verb=action.verb, args=args, targets=targets, labels=action.labels,
        agent=action.agent, run=action.run, **plain,
    )  # fmt: skip


# --- consents -------------------------------------------------------------------------------------


def note_consent(turn: Turn, event: Event) -> None:
    """A yes to something that R4 asked about: that place may receive that class from now on."""
    action = find(turn, Action, str(event.body["action"]))
    held = action.labels.sensitivity
    for sink in action.verdict.sinks:
        if held != "secret" and turn.draft.get(Consent, _consent_id(sink, held)) is None:
            body: Plain = {"id": _consent_id(sink, held), "sink": sink, "sensitivity": held, "action": action.id}
            turn.emit("sink.consented", body, run=action.run or None, labels=action.labels)


def _consent_id(sink: str, sensitivity: str) -> str:
    return text_hash(f"{sink}:{sensitivity}")[:CONSENT_CHARS]


def _consented(draft: Draft, event: Event) -> None:
    draft.put(msgspec.convert({**event.body, "seq": event.seq, "at_us": event.at_us}, Consent))


# --- alarms ---------------------------------------------------------------------------------------


def alarm(turn: Turn, event: Event) -> None:
    """Something secret was about to leave (R1). The alert names who and what, never the secret."""
    action = find(turn, Action, str(event.body["action"]))
    if "R1" not in action.verdict.guards:
        return
    name = f"{action.connector}.{action.verb}"
    raise_alert(
        turn, "critical", f"policy.secret/{action.agent}/{name}",
        f"{action.agent} was about to let something secret out by {name}; it was denied.",
        hint=f"See it: quarterdeck why {action.id}", about=(f"action:{action.id}",),
    )  # fmt: skip


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"approval.given": note_consent, "action.denied": alarm}
APPLY: dict[str, Applier] = {"sink.consented": _consented}
