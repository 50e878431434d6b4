"""What must hold after every step of the simulation, whatever happened. Knows nothing of how it is done."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import msgspec

from quarterdeck_daemon.core.entities import (
    ACTION_ENDED,
    ENTITIES,
    Action,
    Entity,
    ModelCall,
    Plain,
    Receipt,
    Run,
    Step,
    Undoing,
)
from quarterdeck_daemon.core.hashing import action_hash
from quarterdeck_daemon.core.kernel import fold
from quarterdeck_daemon.core.orders import ModelReply
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.core.verbs import VERBS, VerbRule, targets_of
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.events import Event

from .ledger import Ledger, hold
from .ledger import Violation as Violation
from .world import Sent

NEVER_SENT = ("proposed", "denied", "rejected", "expired", "withdrawn")

UNDER_WAY = ("recalling", "queued", "started", "asking", "backoff", "waiting")
ENDS = ("succeeded", "failed", "cancelled", "timed_out", "blocked", "no_op", "exhausted", "stalled")


class Wire(Protocol):
    def sent(self) -> list[Sent]: ...

    def passed(self) -> Counter[str]: ...


class Answers(Protocol):
    said: dict[str, set[str]]  # By call.


class Auditor:
    """Told of what was acknowledged and what the operator agreed to; compares log, state and the outside."""

    def __init__(self, wire: Wire, models: Answers) -> None:
        self._wire, self._models = wire, models
        self._shadow = Draft(InMemoryStore())
        self._ledger = Ledger()
        self._folded = 0
        self._acknowledged: dict[int, Event] = {}
        self._replies: dict[str, Plain] = {}
        self._agreed: set[tuple[str, str]] = set()
        self._checked_sent = 0

    # --- what it is told ---

    def agrees(self, action: Action, edits: Plain) -> None:
        """The operator says yes to exactly this."""
        args = {**action.args, **edits}
        targets = targets_of(f"{action.connector}.{action.verb}", args)
        self._agreed.add((action.id, action_hash(action.connector, action.verb, args, targets)))

    def acknowledged(self, events: tuple[Event, ...], request_id: str | None, reply: Plain) -> None:
        self._acknowledged |= {event.seq: event for event in events}
        if request_id is not None:
            known = self._replies.setdefault(request_id, reply)
            hold(known == reply, f"request {request_id} was answered {known} and then {reply}")

    def used(self, store: InMemoryStore, step: Step, replies: tuple[ModelReply, ...]) -> None:
        """An agent is given these: each is a durable record of what a model said to that very call, or to one like it."""
        hold(len(replies) == len(step.calls), f"{step.id} asked {len(step.calls)} questions and got {len(replies)}")
        for id, reply in zip(step.calls, replies, strict=True):
            call = store.get(ModelCall, id)
            hold(call is not None and not call.live, f"{id} is not over, and its answer was used")
            assert call is not None
            if reply.refused:
                continue
            origin = store.get(ModelCall, call.reused) if call.reused else call
            assert origin is not None, "nothing is forgotten here"
            hold(origin.over_seq in self._acknowledged, f"the answer to {id} was used before it was recorded")
            hold(reply.text in self._models.said[origin.id], f"no model said {reply.text!r} to {origin.id}")
            hold(call.request_hash == origin.request_hash, f"{id} has the answer to another question")

    def restarted(self, store: InMemoryStore) -> None:
        """After a crash everything is checked anew, from the log alone."""
        self._shadow, self._ledger, self._folded = Draft(InMemoryStore()), Ledger(), 0
        for seq, event in self._acknowledged.items():
            kept = store.event(seq)
            hold(kept is not None, f"event {seq} ({event.kind}) was acknowledged and is gone")
            assert kept is not None
            same = msgspec.structs.replace(kept, prev_mac=b"") == msgspec.structs.replace(_plain(event), prev_mac=b"")
            hold(same, f"event {seq} was acknowledged as {event.kind} and is now {kept.kind}")
        for id, reply in self._replies.items():
            receipt = store.get(Receipt, id)
            hold(receipt is not None and receipt.reply == _plain_reply(reply), f"the receipt of {id} is gone")
        hold(store.verify().broken_at is None, "the chain is broken")

    # --- what it checks ---

    def check(self, store: InMemoryStore) -> None:
        if store.head.seq == self._folded and len(self._wire.sent()) == self._checked_sent:
            return
        changed = self._fold_new(store)
        for entity in changed:
            hold(store.get(type(entity), entity.id) == entity, f"{entity.kind}:{entity.id} differs from its fold")
            if isinstance(entity, Run):
                _check_run(store, entity)
        sent = self._wire.sent()
        twice = [id for id, tries in self._wire.passed().items() if tries > 1]
        hold(not twice, f"{twice} cannot be looked up and went out a second time")
        hold(len({one.operation_id for one in sent}) == len(sent), f"something was sent twice: {sent}")
        hold(not any(one.stopped for one in sent), "something was sent while stopped")
        if len(sent) != self._checked_sent or any(isinstance(entity, Action) for entity in changed):
            self._check_effects(store, sent)
            self._checked_sent = len(sent)

    def _fold_new(self, store: InMemoryStore) -> list[Entity]:
        before = len(self._shadow.puts)
        changed: dict[tuple[str, str], None] = {}
        for event in store.events(after=self._folded):
            hold(event.seq == self._folded + 1, f"the log goes from {self._folded} to {event.seq}")
            for name in fold(self._shadow, event):
                kind, _, id = name.partition(":")
                changed[kind, id] = None
            self._ledger.note(event)
            self._folded = event.seq
        hold(len(self._shadow.puts) >= before, "state only grows")
        return [self._shadow.puts[key] for key in changed if key in self._shadow.puts]

    def _check_effects(self, store: InMemoryStore, sent: list[Sent]) -> None:
        by_operation = {action.operation_id: action for action in store.scan(Action)}
        for one in sent:
            action = by_operation.get(one.operation_id)
            hold(action is not None, f"{one.operation_id} was sent and no action of the log has it")
            assert action is not None
            hold(action.status not in NEVER_SENT, f"{action.id} is {action.status} and was sent")
            told = list(store.events_of(f"action:{action.id}"))
            events = {event.kind: event for event in told}
            self._check_cooling(action, told)
            hold("effect.intended" in events, f"{action.id} was sent without a recorded intent")
            given = events.get("approval.given")
            permitted = "action.permitted" in events and action.verdict.verdict == "allow"
            hold(given is not None or permitted, f"{action.id} was sent without a recorded decision")
            hold(given is not None or not _needs_a_yes(action), f"{action.id} was sent without the operator's yes")
            by_grant = given is None and action.verdict.grant
            hold(not by_grant or self._ledger.permitted(action.verdict.grant), f"{action.id}: nobody permitted it")
            decided = given.body["approved_hash"] if given is not None else action.shown_hash
            hold(decided == one.hash, f"what was sent for {action.id} is not what was decided")
            agreed = given is None or (action.id, one.hash) in self._agreed
            hold(agreed, f"the operator never agreed to what was sent for {action.id}")

    def _check_cooling(self, action: Action, told: list[Event]) -> None:
        """Every time it was let out, the last word on it was a yes, and for a risky one that yes was old enough."""
        yes_us: int | None = None
        for event in told:
            if event.kind == "approval.returned":
                yes_us = None
            if event.kind == "action.permitted":
                yes_us = 0  # By a rule, long before: nothing to cool off from.
            if event.kind == "approval.given":
                yes_us = event.at_us
            if event.kind != "effect.intended" or action.approval is None:
                continue
            hold(yes_us is not None, f"{action.id} went back to the operator and left all the same")
            assert yes_us is not None
            cooled = not _is_risky(action) or event.at_us >= yes_us + self._ledger.cooling_us(event.seq)
            hold(cooled, f"{action.id} is risky and did not cool off")

    def check_rest(self, store: InMemoryStore) -> None:
        """When all is quiet: every permitted action has its one end, and no run hangs."""
        count = {one.operation_id: 1 for one in self._wire.sent()}
        for action in store.scan(Action):
            hold(action.status in ACTION_ENDED, f"{action.id} is still {action.status}")
            done = action.status in ("succeeded", "compensated", "compensation_failed")
            times = count.get(action.operation_id, 0)
            hold(times == int(done), f"{action.id} is {action.status} and was sent {times} times")
        for run in store.scan(Run):
            hold(run.status in ENDS, f"{run.id} is {run.status}, which is no end: {run.steps}")
        for call in store.scan(ModelCall):
            hold(not call.live, f"{call.id} is still {call.status}")
        for undoing in store.scan(Undoing):
            hold(not undoing.live, f"{undoing.id} is still {undoing.status}")
            _check_order(store, undoing)
        _check_replay(store)


def _check_replay(store: InMemoryStore) -> None:
    """The bytes of the log, folded anew from the first event, give the bytes of every entity."""
    draft = Draft(InMemoryStore())
    for event in store.events():
        fold(draft, _plain(event))
    for (kind, id), entity in draft.puts.items():
        kept = store.get(ENTITIES[kind], id)
        hold(_bytes(kept) == _bytes(entity), f"{kind}:{id} differs from its replay")


def _bytes(entity: Entity | None) -> bytes:
    """Every field, defaults too, which the usual encoding leaves out or not."""
    return msgspec.msgpack.encode(_fields(entity), order="sorted")


def _fields(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return {name: _fields(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: _fields(one) for key, one in value.items()}
    return [_fields(one) for one in value] if isinstance(value, list | tuple) else value


def _check_order(store: InMemoryStore, undoing: Undoing) -> None:
    """What takes effects back leaves in the reverse order of the effects. Corrections take nothing back."""
    pairs = [
        (store.get(Action, item.action), store.get(Action, item.by))
        for item in undoing.items
        if item.by and item.state != "corrected"
    ]
    both = [(one.left_seq, by.left_seq) for one, by in pairs if one is not None and by is not None and by.left_seq]
    left = [by_seq for _, by_seq in sorted(both, reverse=True)]
    hold(left == sorted(left), f"{undoing.id} took back in the wrong order: {left}")


def _needs_a_yes(action: Action) -> bool:
    """What text from outside shaped, what spends money, what nothing mends: whatever the rules say."""
    return (_verb(action).outward and action.labels.integrity == "external") or _is_risky(action)


def _is_risky(action: Action) -> bool:
    verb = _verb(action)
    return verb.spends or not (verb.reversible or verb.compensation or verb.mended_by)


def _verb(action: Action) -> VerbRule:
    return VERBS[f"{action.connector}.{action.verb}"]


def _check_run(store: InMemoryStore, run: Run) -> None:
    """An ended run has nothing under way but actions; a running one always has something that can move it."""
    busy = [step for step in run.steps.values() if step.status in UNDER_WAY]
    if run.live:
        hold(run.status == "paused" or bool(busy), f"{run.id} is {run.status} and nothing moves it")
        return
    for step in busy:
        if step.children:
            continue  # A fan-out is under way as far as its children are.
        open_actions = [id for id in step.actions if (found := store.get(Action, id)) is not None and found.live]
        hold(step.status == "waiting" and bool(open_actions), f"{run.id} is {run.status}, {step.id} {step.status}")


def _plain(event: Event) -> Event:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Event)


def _plain_reply(reply: Plain) -> Plain:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=dict[str, object])
