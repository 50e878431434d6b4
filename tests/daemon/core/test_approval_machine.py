"""Any order of proposals, decisions, rule changes, crashes and repetitions agrees with a small model of approvals."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quarterdeck_daemon.core import approvals
from quarterdeck_daemon.core.commands import (
    AssetFile,
    Choice,
    DecideApprovals,
    EffectAnswered,
    LoadAssets,
    StartRun,
    StepAnswered,
    UndoAction,
)
from quarterdeck_daemon.core.entities import Action, Plain
from quarterdeck_daemon.core.hashing import action_hash, text_hash
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.lookup import find
from quarterdeck_daemon.core.orders import (
    EffectAbsent,
    EffectDone,
    Failed,
    Failure,
    Outcome,
    ProposedAction,
    StepDone,
)
from quarterdeck_daemon.core.turn import Env, Turn
from quarterdeck_protocol.codes import QuarterdeckError

from .core_bench import Bench, rebuilt

PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: x}\n"
HOLD_US, EXPIRES_US = 8_000_000, 7 * 86_400_000_000
Word = Literal["allow", "ask", "deny"]
NUMBERS = st.integers(0, 5)


class Model(msgspec.Struct):
    """What one action should be: its state, the hash that may leave, and who said so."""

    status: str
    hash: str
    due_us: int
    approved: bool = False

    def decidable(self, hash: str, now_us: int) -> bool:
        return self.status == "proposed" and self.hash == hash and now_us < self.due_us

    def wake(self, now_us: int, word: Word) -> None:
        if self.status == "proposed" and self.due_us <= now_us:
            self.status = "expired"
        elif self.status == "held" and self.due_us <= now_us:
            stands = word != "deny" if self.approved else word == "allow"
            self.status = "intent" if stands else "withdrawn"


def policy(word: Word) -> str:
    return f'[[rule]]\nid = "r"\nmatch = "mail.send"\nverdict = "{word}"\nhold = "8s"\n'


def args_of(body: str) -> Plain:
    return {"to": ["a@x.test"], "subject": "s", "body": body}


def hash_of(body: str) -> str:
    return action_hash("mail", "send", args_of(body), ("a@x.test",))


class ApprovalMachine(RuleBasedStateMachine):
    """Two clients decide; each remembers what it saw when it last looked."""

    @initialize(word=st.sampled_from(["allow", "ask", "ask", "deny"]))
    def begin(self, word: Word) -> None:
        self.bench = Bench(playbook=PLAYBOOK, policy=policy(word))
        self.word: Word = word
        self.models: dict[str, Model] = {}
        self.seen: dict[int, dict[str, str]] = {0: {}, 1: {}}
        self.last: tuple[DecideApprovals, str, Plain] | None = None

    def pick(self, number: int) -> str:
        return f"a{number + 1}"

    @rule(body=st.sampled_from(["one", "two"]))
    def propose(self, body: str) -> None:
        run = str(self.bench.do(StartRun(playbook="lead"))["run_id"])
        action = ProposedAction(connector="mail", verb="send", args=args_of(body), targets=(), summary="", why="")
        self.bench.do(StepAnswered(run=run, step="a", attempt=1, outcome=StepDone(output={}, actions=(action,))))
        status = {"allow": "held", "ask": "proposed", "deny": "denied"}[self.word]
        due = self.bench.now_us + (HOLD_US if self.word == "allow" else EXPIRES_US)
        self.models[f"a{len(self.models) + 1}"] = Model(status, hash_of(body), due)

    @rule(client=st.integers(0, 1))
    def look(self, client: int) -> None:
        self.seen[client] = {action.id: action.shown_hash for action in self.bench.store.scan(Action)}

    @rule(client=st.integers(0, 1), number=NUMBERS, body=st.sampled_from(["", "", "edited", "one"]))
    def approve(self, client: int, number: int, body: str) -> None:
        id = self.pick(number)
        edits: Plain = {"body": body} if body else {}
        accepted = self.decide(client, id, "approve", edits=edits)
        model = self.models.get(id)
        hash = self.seen[client].get(id, "")
        if model is None or not model.decidable(hash, self.bench.now_us) or self.word == "deny":
            assert not accepted
            return
        assert accepted
        model.status, model.approved, model.due_us = "held", True, self.bench.now_us + HOLD_US
        model.hash = hash_of(body) if body else model.hash

    @rule(client=st.integers(0, 1), number=NUMBERS, decision=st.sampled_from(["reject", "snooze"]))
    def turn_down(self, client: int, number: int, decision: str) -> None:
        id = self.pick(number)
        accepted = self.decide(client, id, decision)
        model = self.models.get(id)
        fits = model is not None and model.decidable(self.seen[client].get(id, ""), self.bench.now_us)
        assert accepted == fits
        if model is not None and fits and decision == "reject":
            model.status = "rejected"

    def decide(self, client: int, id: str, decision: str, *, edits: Plain | None = None) -> bool:
        choice = Choice(id=id, shown_hash=self.seen[client].get(id, ""))
        until = self.bench.now_us + 1_000
        command = DecideApprovals(items=(choice,), decision=decision, edits=edits or {}, until_us=until)
        request = f"q{self.bench.store.head.seq}-{client}"
        reply = self.bench.do(command, request_id=request)
        self.last = (command, request, reply)
        items = reply["items"]
        assert isinstance(items, list)
        return bool(items[0]["ok"])

    @rule()
    def repeat(self) -> None:
        """The same request again, for instance because its reply was lost."""
        if self.last is not None:
            command, request, reply = self.last
            head = self.bench.store.head
            assert self.bench.do(command, request_id=request) == reply
            assert self.bench.store.head == head

    @rule(number=NUMBERS)
    def undo(self, number: int) -> None:
        model = self.models.get(self.pick(number))
        if model is None or model.status in ("succeeded", "intent"):
            return  # Corrections are told elsewhere.
        try:
            self.bench.do(UndoAction(id=self.pick(number)))
        except QuarterdeckError:
            assert model.status not in ("proposed", "held")
        else:
            model.status = "withdrawn"

    @rule(word=st.sampled_from(["allow", "ask", "deny"]))
    def change_policy(self, word: Word) -> None:
        texts = (("playbook", "lead", PLAYBOOK), ("policy", "mail", policy(word)))
        files = [{"asset_kind": k, "name": n, "path": n, "text": t, "hash": text_hash(t)} for k, n, t in texts]
        self.bench.do(LoadAssets(files=tuple(msgspec.convert(files, list[AssetFile]))))
        self.word = word

    @rule(us=st.sampled_from([1, 1_000, HOLD_US, HOLD_US, EXPIRES_US]))
    def pass_time(self, us: int) -> None:
        self.bench.pass_time(us)
        for model in self.models.values():
            model.wake(self.bench.now_us, self.word)

    @rule(number=NUMBERS, outcome=st.sampled_from(["done", "uncertain", "absent", "failed"]))
    def answer(self, number: int, outcome: str) -> None:
        id = self.pick(number)
        model = self.models.get(id)
        if model is None or model.status != "intent":
            return
        self.bench.do(EffectAnswered(action=id, outcome=OUTCOMES[outcome]))
        model.status = {"done": "succeeded", "uncertain": "unknown", "absent": "held", "failed": "failed"}[outcome]
        model.due_us = self.bench.now_us

    @rule(number=NUMBERS)
    def crash_before_the_sync(self, number: int) -> None:
        """A decision that was never acknowledged is gone, and everything else is as it was."""
        model = self.models.get(self.pick(number))
        items = (Choice(id=self.pick(number), shown_hash=model.hash if model else ""),)
        command = DecideApprovals(items=items, decision="reject")
        store = self.bench.store
        lost = decide(store, command, Env(now_us=self.bench.now_us), head=store.head.seq, actor="operator")
        if lost.commit.events:
            store.append([lost.commit])
        self.bench.store = store.crashed()

    @invariant()
    def the_model_agrees(self) -> None:
        kept = {action.id: (action.status, action.shown_hash) for action in self.bench.store.scan(Action)}
        assert kept == {id: (model.status, model.hash) for id, model in self.models.items()}

    @invariant()
    def every_intent_has_the_decision_it_needs(self) -> None:
        for id, model in self.models.items():
            events = list(self.bench.store.events_of(f"action:{id}"))
            hashes = {event.body["approved_hash"] for event in events if event.kind == "effect.intended"}
            given = [event.body["approved_hash"] for event in events if event.kind == "approval.given"]
            permitted = [event for event in events if event.kind == "action.permitted"]
            assert hashes <= {model.hash}
            assert not hashes or given == [model.hash] or (len(permitted) == 1 and given == [])

    def teardown(self) -> None:
        folded = rebuilt(self.bench.store)
        assert {key: self.bench.store.get(type(one), one.id) for key, one in folded.puts.items()} == folded.puts


OUTCOMES: dict[str, Outcome] = {
    "done": EffectDone(result={}),
    "uncertain": Failed(failure=Failure(failure="uncertain", code="c", message="m")),
    "absent": EffectAbsent(),
    "failed": Failed(failure=Failure(failure="permanent", code="c", message="m")),
}


def test_any_order_of_decisions_agrees_with_the_model() -> None:
    check_machine()


def test_the_twin_that_looks_at_no_hash_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_hash(turn: Turn, choice: Choice) -> Action:
        return waiting(turn, Choice(id=choice.id, shown_hash=find(turn, Action, choice.id).shown_hash))

    waiting = approvals._waiting
    monkeypatch.setattr(approvals, "_waiting", without_hash)
    with pytest.raises(AssertionError):
        check_machine((Phase.generate,))


def check_machine(phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    run_state_machine_as_test(
        ApprovalMachine,
        settings=settings(
            phases=phases,
            derandomize=True,
            report_multiple_bugs=False,
            max_examples=80,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
