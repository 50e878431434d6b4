"""What must hold after every step of the simulation, whatever happened. Knows nothing of how it is done."""

from __future__ import annotations

from typing import Protocol

import msgspec

from quarterdeck_daemon.core.entities import ACTION_ENDED, ENTITIES, RUN_ENDED, Action, Entity, Plain, Receipt, Run
from quarterdeck_daemon.core.hashing import action_hash
from quarterdeck_daemon.core.kernel import fold
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.events import Event

from .world import Sent

NEVER_SENT = ("proposed", "denied", "rejected", "expired", "withdrawn")


class Violation(AssertionError):
    """An invariant does not hold."""


class Wire(Protocol):
    def sent(self) -> list[Sent]: ...


def hold(condition: bool, claim: str) -> None:
    if not condition:
        raise Violation(claim)


class Auditor:
    """Told of what was acknowledged and what the operator agreed to; compares log, state and the outside."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._shadow = Draft(InMemoryStore())
        self._folded = 0
        self._acknowledged: dict[int, Event] = {}
        self._replies: dict[str, Plain] = {}
        self._agreed: set[tuple[str, str]] = set()
        self._checked_sent = 0

    # --- what it is told ---

    def agrees(self, action: Action, edits: Plain) -> None:
        """The operator says yes to exactly this."""
        args = {**action.args, **edits}
        targets = tuple(str(one) for one in _list(args.get("to"))) or (str(args.get("path", "")),)
        self._agreed.add((action.id, action_hash(action.connector, action.verb, args, targets)))

    def acknowledged(self, events: tuple[Event, ...], request_id: str | None, reply: Plain) -> None:
        self._acknowledged |= {event.seq: event for event in events}
        if request_id is not None:
            known = self._replies.setdefault(request_id, reply)
            hold(known == reply, f"request {request_id} was answered {known} and then {reply}")

    def restarted(self, store: InMemoryStore) -> None:
        """After a crash everything is checked anew, from the log alone."""
        self._shadow, self._folded = Draft(InMemoryStore()), 0
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
        changed = self._fold_new(store)
        for entity in changed:
            hold(store.get(type(entity), entity.id) == entity, f"{entity.kind}:{entity.id} differs from its fold")
            if isinstance(entity, Run):
                _check_run(store, entity)
        sent = self._wire.sent()
        hold(len({one.operation_id for one in sent}) == len(sent), f"something was sent twice: {sent}")
        hold(not any(one.stopped for one in sent), "something was sent while stopped")
        if changed or len(sent) != self._checked_sent:
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
            events = {event.kind: event for event in store.events_of(f"action:{action.id}")}
            hold("effect.intended" in events, f"{action.id} was sent without a recorded intent")
            given = events.get("approval.given")
            permitted = "action.permitted" in events and action.verdict.verdict == "allow"
            hold(given is not None or permitted, f"{action.id} was sent without a recorded decision")
            decided = given.body["approved_hash"] if given is not None else action.shown_hash
            hold(decided == one.hash, f"what was sent for {action.id} is not what was decided")
            agreed = given is None or (action.id, one.hash) in self._agreed
            hold(agreed, f"the operator never agreed to what was sent for {action.id}")

    def check_rest(self, store: InMemoryStore) -> None:
        """When all is quiet: every permitted action has its one end, and no run hangs."""
        count = {one.operation_id: 1 for one in self._wire.sent()}
        for action in store.scan(Action):
            hold(action.status in ACTION_ENDED, f"{action.id} is still {action.status}")
            done = action.status in ("succeeded", "compensated", "compensation_failed")
            times = count.get(action.operation_id, 0)
            hold(times == int(done), f"{action.id} is {action.status} and was sent {times} times")
        for run in store.scan(Run):
            hold(run.status in RUN_ENDED, f"{run.id} is still {run.status}: {run.steps}")
        for (kind, id), entity in self._shadow.puts.items():
            hold(store.get(ENTITIES[kind], id) == entity, f"{kind}:{id} differs from its fold")


def _check_run(store: InMemoryStore, run: Run) -> None:
    """An ended run has nothing under way but actions; a running one always has something that can move it."""
    busy = [step for step in run.steps.values() if step.status in ("recalling", "started", "backoff", "waiting")]
    if run.live:
        hold(run.status == "paused" or bool(busy), f"{run.id} is {run.status} and nothing moves it")
        return
    for step in busy:
        open_actions = [id for id in step.actions if (found := store.get(Action, id)) is not None and found.live]
        hold(step.status == "waiting" and bool(open_actions), f"{run.id} is {run.status}, {step.id} {step.status}")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _plain(event: Event) -> Event:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Event)


def _plain_reply(reply: Plain) -> Plain:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=dict[str, object])
