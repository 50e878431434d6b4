"""One seed, one life of a workspace: the real core between a fake operator, fake workers and a fake outside.

The office is what engine, doing, hub, recall and timers are in production, turned by a seeded scheduler instead of
an event loop: commands are decided at once, become durable together, and only then are answered and acted upon.
A crash loses what was not durable and everything that was under way; the log says how to go on.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
from tests.daemon.core.core_bench import check_read_soon

from quarterdeck_daemon.core.commands import (
    AssetFile,
    Command,
    Configure,
    ConfigureModels,
    DocumentAnswered,
    EffectAnswered,
    EffectStarted,
    EngageStop,
    LoadAssets,
    ModelAnswered,
    Needs,
    RecallAnswered,
    ReceiveDocument,
    ReleaseStop,
    StepAnswered,
    Wake,
)
from quarterdeck_daemon.core.entities import Action, Document, Memory, Mode, ModelCall, Plain, Run, Stop
from quarterdeck_daemon.core.hashing import action_hash, text_hash, value_hash
from quarterdeck_daemon.core.kernel import all_needs, decide
from quarterdeck_daemon.core.orders import ExecuteEffect, ReconcileEffect
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.service.fence import Fence
from quarterdeck_daemon.service.model_calls import order_for, replies_for
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .auditor import Auditor
from .models import MODELS, ROUTES, Host
from .people import Request, parse_answer, step_answer
from .scripts import PLAYBOOKS, POLICIES
from .world import Effector, Faults

SECOND = 1_000_000
SETTINGS: Plain = {
    "name": "Sim", "operator": "Mara <mara@example.test>", "timezone": "Europe/Berlin", "hold_us": 8 * SECOND,
    "expires_us": 7 * 86_400 * SECOND, "step_deadline_ms": 30_000,
}  # fmt: skip


class _Undurable(msgspec.Struct):
    """A decision that waits for its sync."""

    request: Request
    reply: Plain | None
    events: tuple[Event, ...]
    needs: tuple[Needs, ...]
    job: str


class Office:
    """`acknowledge_first` is the twin that answers before it is durable, `hand_on_first` the one that runs steps before."""

    def __init__(self, seed: int, *, acknowledge_first: bool = False, hand_on_first: bool = False) -> None:
        self.chance = random.Random(seed)
        self.faults = Faults(self.chance)
        self.store = InMemoryStore()
        self.now_us = 1_790_000_000_000_000
        self.fence = Fence()
        self.effector = Effector(self.faults, lambda: self.fence, self._interrupted)
        self.host = Host(self.faults)
        self.auditor = Auditor(self.effector, self.host)
        self.unanswered: list[Request] = []
        self.policy = self.chance.choice(("careful", "trusting", "careless"))
        self.crashes = 0
        self._acknowledge_first, self._hand_on_first = acknowledge_first, hand_on_first
        self._undurable: list[_Undurable] = []
        self._jobs: dict[str, Needs] = {}
        self._answered: set[str] = set()
        self._timers: dict[str, Needs] = {}
        self._mails = 0
        self.submit(Request(Configure(cooling_us=self.chance.choice((0, 0, 60 * SECOND)), **SETTINGS)))  # type: ignore[arg-type]
        mode: Mode = self.chance.choice(("creative", "creative", "deterministic"))
        self.submit(Request(ConfigureModels(specs=MODELS, routes=ROUTES, mode=mode)))
        self.load_assets()

    # --- the engine ---

    def submit(self, request: Request, actor: str = "operator", job: str = "") -> None:
        """Decide; the answer comes with the next sync."""
        reply: Plain | None = None
        events: tuple[Event, ...] = ()
        needs: tuple[Needs, ...] = ()
        try:
            decision = decide(
                self.store, request.command, Env(now_us=self.now_us, chance=self.chance.random()),
                head=self.store.head.seq, actor=actor, request_id=request.id,
                body_hash=value_hash(repr(request.command)),
            )  # fmt: skip
        except QuarterdeckError:
            pass  # A refusal is an answer, and changes nothing.
        else:
            reply, events, needs = decision.reply, decision.commit.events, decision.needs
            if events:
                self.store.append([decision.commit])
                check_read_soon(decision.commit.puts)
        self._undurable.append(_Undurable(request, reply, events, needs, job))
        if self._acknowledge_first:
            self._acknowledge()
        if self._hand_on_first:
            self._see_to(tuple(need for need in needs if need.kind == "step"))
        self.auditor.check(self.store)

    def sync(self) -> None:
        self.store.sync()
        self._acknowledge()

    def _acknowledge(self) -> None:
        done, self._undurable = self._undurable, []
        for one in done:
            if one.request in self.unanswered:
                self.unanswered.remove(one.request)
            if one.reply is not None:
                self.auditor.acknowledged(one.events, one.request.id, one.reply)
            self._see_to(one.needs)
            self._jobs.pop(one.job, None)
            self._answered.discard(one.job)

    def crash(self) -> None:
        """kill -9, or the power is gone; then the start of the next life."""
        self.crashes += 1
        self.store = self.store.crashed()
        self._undurable.clear()
        self._jobs.clear()
        self._answered.clear()
        self._timers.clear()
        self.auditor.restarted(self.store)
        self.auditor.check(self.store)
        if self.chance.random() < 0.5:
            self.hear_fence()
        self.load_assets()
        self._see_to(all_needs(self.store))

    # --- what is under way ---

    def _see_to(self, needs: tuple[Needs, ...]) -> None:
        for need in needs:
            (self._timers if need.kind == "wake" else self._jobs).setdefault(need.key, need)

    def open_jobs(self) -> list[str]:
        return [key for key in self._jobs if key not in self._answered]

    def work(self, key: str) -> None:
        """One piece of work that is under way comes to its end, good or bad."""
        need = self._jobs[key]
        command = self._DO[need.kind](self, need)
        if command is not None and key in self._jobs:
            self._answered.add(key)
            self.submit(Request(command), "worker", key)

    def _parse(self, need: Needs) -> Command | None:
        document = self.store.get(Document, need.entity)
        assert document is not None, "needs name what exists"
        return DocumentAnswered(document=document.id, outcome=parse_answer(self.faults, document))

    def _step(self, need: Needs) -> Command | None:
        run = self.store.get(Run, need.entity)
        assert run is not None, "needs name what exists"
        step = run.steps[need.step]
        if step.status == "asking" or len(step.calls) != need.replies:
            del self._jobs[need.key]  # It has asked meanwhile.
            return None
        started = self.store.event(step.input_seq)
        assert started is not None, "a started step has its input in the log"
        replies, _ = replies_for(self.store, step)
        self.auditor.used(self.store, step, replies)
        purposes = started.body.get("purposes", ())
        outcome = step_answer(self.faults, run, step, replies, tuple(purposes))  # type: ignore[arg-type]
        return StepAnswered(run=run.id, step=need.step, attempt=need.attempt, outcome=outcome, replies=len(replies))

    def _ask(self, need: Needs) -> Command | None:
        found = order_for(self.store, need)
        if found is None:
            del self._jobs[need.key]  # Its run is paused: asked again when that goes on. Or nobody waits for it.
            return None
        call = self.store.get(ModelCall, need.entity)
        assert call is not None, "needs name what exists"
        outcome = self.host.do(found[0], call)
        return ModelAnswered(call=call.id, attempt=need.attempt, outcome=outcome)

    def _recall(self, need: Needs) -> Command | None:
        run = self.store.get(Run, need.entity)
        assert run is not None, "needs name what exists"
        known = [memory.id for memory in self.store.scan(Memory)]
        hits: list[Plain] = [{"id": id} for id in self.chance.sample(known, min(2, len(known)))]
        return RecallAnswered(run=run.id, step=need.step, hits=dict.fromkeys(run.steps[need.step].recall, hits))

    def _effect(self, need: Needs) -> Command | None:
        action = self.store.get(Action, need.entity)
        assert action is not None, "needs name what exists"
        hash = action_hash(action.connector, action.verb, action.args, action.targets)
        work: ExecuteEffect | ReconcileEffect = ExecuteEffect(
            action=action.id, operation_id=action.operation_id, connector=action.connector, verb=action.verb,
            args=action.args, targets=action.targets, epoch=action.epoch,
            approved_hash=action.approval.shown_hash if action.approval else hash,
        )  # fmt: skip
        if need.kind == "reconcile":
            work = ReconcileEffect(
                action=action.id, operation_id=action.operation_id, connector=action.connector, verb=action.verb,
                args=action.args,
            )  # fmt: skip
        lives = self.crashes
        outcome = self.effector.do(work, lambda: self.submit(Request(EffectStarted(action=action.id)), "effector"))
        self.auditor.check(self.store)
        answered = lives == self.crashes and need.key in self._jobs  # Else nobody is there to hear it.
        return EffectAnswered(action=action.id, outcome=outcome) if answered else None

    _DO: dict[str, Callable[[Office, Needs], Command | None]] = {
        "parse": _parse,
        "step": _step,
        "ask": _ask,
        "recall": _recall,
        "effect": _effect,
        "reconcile": _effect,
    }

    def _interrupted(self) -> None:
        """The effector is about to send: what else may happen at this moment."""
        if self.faults.hit(0.07):
            self.stop("at the last moment")
        elif self.faults.hit(0.05):
            self.crash()

    # --- time ---

    def pass_time(self, us: int) -> None:
        """Turn the clock; whatever is due by then wakes, in order."""
        self.now_us += us
        for key, need in sorted(self._timers.items(), key=lambda item: (item[1].at_us, item[0])):
            if need.at_us <= self.now_us:
                del self._timers[key]
                self.submit(Request(Wake(entity=need.entity, due_us=need.at_us)), "clock")

    def next_timer_us(self) -> int:
        """Microseconds until something is due, 0 when nothing waits for a time."""
        return max(0, min((need.at_us for need in self._timers.values()), default=self.now_us) - self.now_us)

    # --- the emergency stop ---

    def stop(self, reason: str) -> None:
        """The fence closes and the effector's orders are dropped; the log hears of it afterwards."""
        self.fence = Fence(epoch=self.fence.epoch + 1, stopped=True, reason=reason)
        self._jobs = {key: need for key, need in self._jobs.items() if need.kind not in ("effect", "reconcile")}
        self.submit(Request(EngageStop(epoch=self.fence.epoch, reason=reason)))

    def release(self, runs: tuple[str, ...] | None = None) -> None:
        stop = self.store.get(Stop, "stop")
        if stop is not None and stop.engaged:
            self.fence = Fence(epoch=self.fence.epoch + 1)
            self.submit(Request(ReleaseStop(epoch=self.fence.epoch, reason="go on", runs=runs)))

    def hear_fence(self) -> None:
        """The daemon learns how the fence stands; it may have missed something in its last life."""
        stop = self.store.get(Stop, "stop")
        if self.fence.epoch <= (stop.epoch if stop else 0):
            return
        if self.fence.stopped:
            self.submit(Request(EngageStop(epoch=self.fence.epoch, reason=self.fence.reason)))
        else:
            self.submit(Request(ReleaseStop(epoch=self.fence.epoch, reason="go on")))

    # --- news ---

    def load_assets(self) -> None:
        files = [
            AssetFile(
                asset_kind="playbook", name=name, path=f"playbooks/{name}.yaml", text=text, hash=text_hash(text)
            )
            for name, text in PLAYBOOKS.items()
        ]
        text = POLICIES[self.policy]
        files.append(
            AssetFile(asset_kind="policy", name="mine", path="policies/mine.toml", text=text, hash=text_hash(text))
        )
        self.submit(Request(LoadAssets(files=tuple(files))))

    def receive_mail(self) -> None:
        """A new mail, or one that was offered before."""
        if self._mails == 0 or self.chance.random() < 0.8:
            self._mails += 1
        name = f"mail-{self.chance.randint(1, self._mails)}.eml"
        blob = self.store.put_blob(name.encode())
        command = ReceiveDocument(
            connector="mail", external_id=name, media_type="message/rfc822", name=name, blob=blob,
            size_bytes=len(name), trigger=self.chance.random() < 0.8,
        )  # fmt: skip
        self.submit(Request(command), "connector:mail")
