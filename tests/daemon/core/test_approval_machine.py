"""Any order of proposals, decisions, rule changes, crashes and repetitions agrees with a small model of approvals."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quarterdeck_daemon.core import actions, approvals
from quarterdeck_daemon.core.approval_order import awaits
from quarterdeck_daemon.core.commands import (
    AssetFile,
    Choice,
    DecideApprovals,
    EffectAnswered,
    LoadAssets,
    PutFact,
    StartRun,
    StepAnswered,
    Undo,
)
from quarterdeck_daemon.core.entities import Action, Plain
from quarterdeck_daemon.core.groups import cards_of, grouped
from quarterdeck_daemon.core.guards import STRICTNESS
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
HOLD_US, COOL_US, EXPIRES_US = 8_000_000, 600_000_000, 7 * 86_400_000_000
ANOTHER = "another"  # A hash that nobody has been shown yet.
Word = Literal["allow", "ask", "deny"]
NUMBERS = st.integers(0, 2)


class Model(msgspec.Struct):
    """What one action should be: its state, the hash it is shown under, the one that may leave, and who said so.

    basis: while it cools off, what its approval rested on: the rules' word and how often the recipient's record had changed
    """

    status: str
    hash: str
    due_us: int
    leaves: str
    approved: bool = False
    basis: tuple[Word, int] | None = None
    away_us: int = 0

    def decidable(self, hash: str, now_us: int) -> bool:
        return self.status == "proposed" and self.hash == hash and now_us < self.due_us

    def awaits(self, now_us: int) -> bool:
        return self.status == "proposed" and now_us < self.due_us and self.away_us <= now_us

    def wake(self, now_us: int, word: Word, changes: int) -> None:
        if self.status == "proposed" and self.due_us <= now_us:
            self.status = "expired"
        elif self.status == "held" and self.due_us <= now_us:
            stands = word != "deny" if self.approved else word == "allow"
            if stands and self.basis is not None and (self.basis[1] != changes or stricter(word, self.basis[0])):
                self.status, self.approved, self.basis = "proposed", False, None
                self.due_us, self.hash = now_us + EXPIRES_US, ANOTHER
            else:
                self.status = "intent" if stands else "withdrawn"


def stricter(word: Word, than: Word) -> bool:
    return STRICTNESS[word] > STRICTNESS[than]


def policy(word: Word, cool: str = "") -> str:
    cools = f'cool = "{cool}"\n' if cool else ""
    return f'[[rule]]\nid = "r"\nmatch = "mail.send"\nverdict = "{word}"\nhold = "8s"\n{cools}'


def args_of(body: str) -> Plain:
    return {"to": ["a@x.test"], "subject": "s", "body": body}


def hash_of(body: str) -> str:
    return action_hash("mail", "send", args_of(body), ("a@x.test",))


class ApprovalMachine(RuleBasedStateMachine):
    """Two clients decide; each remembers what it saw when it last looked."""

    @initialize(word=st.sampled_from(["allow", "ask", "ask", "deny"]), cool=st.sampled_from(["10m", ""]))
    def begin(self, word: Word, cool: str) -> None:
        self.bench = Bench(playbook=PLAYBOOK, policy=policy(word, cool))
        self.word: Word = word
        self.cool = cool
        self.changes = 0
        self.change_the_recipient()
        self.models: dict[str, Model] = {}
        self.seen: dict[int, dict[str, str]] = {0: {}, 1: {}}
        self.last: tuple[DecideApprovals, str, Plain] | None = None
        self.propose("one")
        self.propose("two")

    def pick(self, number: int) -> str:
        return f"a{number + 1}"

    @rule(body=st.sampled_from(["one", "two"]))
    def propose(self, body: str) -> None:
        run = str(self.bench.do(StartRun(playbook="lead"))["run_id"])
        action = ProposedAction(connector="mail", verb="send", args=args_of(body), targets=(), summary="", why="")
        self.bench.do(StepAnswered(run=run, step="a", attempt=1, outcome=StepDone(output={}, actions=(action,))))
        status = {"allow": "held", "ask": "proposed", "deny": "denied"}[self.word]
        due = self.bench.now_us + (HOLD_US if self.word == "allow" else EXPIRES_US)
        self.models[f"a{len(self.models) + 1}"] = Model(status, hash_of(body), due, hash_of(body))

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
        wait_us = COOL_US if self.cool else HOLD_US
        model.status, model.approved, model.due_us = "held", True, self.bench.now_us + wait_us
        model.basis, model.away_us = ((self.word, self.changes) if self.cool else None), 0
        if body:
            model.leaves = hash_of(body)
            edited = self.bench.store.get(Action, id)
            model.hash = model.leaves if edited is not None and edited.proposed_args else model.hash

    @rule(
        client=st.integers(0, 1),
        number=NUMBERS,
        decision=st.sampled_from(["reject", "snooze"]),
        for_us=st.sampled_from([1_000, HOLD_US, COOL_US]),
    )
    def turn_down(self, client: int, number: int, decision: str, for_us: int) -> None:
        id = self.pick(number)
        accepted = self.decide(client, id, decision, for_us=for_us)
        model = self.models.get(id)
        fits = model is not None and model.decidable(self.seen[client].get(id, ""), self.bench.now_us)
        if model is not None and decision == "snooze":
            fits = fits and self.bench.now_us + for_us < model.due_us
            model.away_us = self.bench.now_us + for_us if fits else model.away_us
        assert accepted == fits
        if model is not None and fits and decision == "reject":
            model.status = "rejected"

    @rule(client=st.integers(0, 1))
    def approve_a_group(self, client: int) -> None:
        """All that is ticked, as it was seen; one that changed meanwhile does not stop the others."""
        waiting = [one for one in self.bench.store.live(Action) if awaits(one, self.bench.now_us)]
        for group in grouped(cards_of(self.bench.store, waiting)):
            assert set(group.ticked).isdisjoint(group.outliers)
            for id in group.ticked:
                self.approve(client, int(id[1:]) - 1, "")

    @rule(client=st.integers(0, 1))
    def look_and_approve_all(self, client: int) -> None:
        self.look(client)
        for id, model in self.models.items():
            if model.awaits(self.bench.now_us):
                self.approve(client, int(id[1:]) - 1, "")

    @rule(changed=st.booleans())
    def approve_and_wait(self, changed: bool) -> None:
        """The usual course, which chance alone would seldom take."""
        self.look_and_approve_all(0)
        if changed:
            self.change_the_recipient()
        self.pass_time(COOL_US)

    @rule()
    def change_the_recipient(self) -> None:
        self.changes += 1
        self.bench.do(PutFact(fact_kind="client", key="a", value={"name": f"A {self.changes}", "email": "a@x.test"}))

    def decide(
        self, client: int, id: str, decision: str, *, edits: Plain | None = None, for_us: int = 1_000
    ) -> bool:  # fmt: skip
        choice = Choice(id=id, shown_hash=self.seen[client].get(id, ""))
        until = self.bench.now_us + for_us
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
        if model is None or model.status in ("succeeded", "intent", "unknown"):
            return  # Corrections and doubt are told elsewhere.
        try:
            self.bench.do(Undo(scope=f"action:{self.pick(number)}"))
        except QuarterdeckError:
            assert model.status not in ("proposed", "held")
        else:
            model.status = "withdrawn"

    @rule(word=st.sampled_from(["allow", "ask", "deny"]))
    def change_policy(self, word: Word) -> None:
        texts = (("playbook", "lead", PLAYBOOK), ("policy", "mail", policy(word, self.cool)))
        files = [{"asset_kind": k, "name": n, "path": n, "text": t, "hash": text_hash(t)} for k, n, t in texts]
        self.bench.do(LoadAssets(files=tuple(msgspec.convert(files, list[AssetFile]))))
        self.word = word

    @rule(us=st.sampled_from([1, 1_000, HOLD_US, HOLD_US, COOL_US, EXPIRES_US]))
    def pass_time(self, us: int) -> None:
        self.bench.pass_time(us)
        for id, model in self.models.items():
            model.wake(self.bench.now_us, self.word, self.changes)
            if model.hash == ANOTHER:
                action = self.bench.store.get(Action, id)
                assert action is not None
                assert action.returned
                assert action.shown_hash not in (model.leaves, *(seen.get(id) for seen in self.seen.values()))
                model.hash = action.shown_hash

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
        waiting = {one.id for one in self.bench.store.live(Action) if awaits(one, self.bench.now_us)}
        assert waiting == {id for id, model in self.models.items() if model.awaits(self.bench.now_us)}

    @invariant()
    def every_intent_has_the_decision_it_needs(self) -> None:
        for id, model in self.models.items():
            events = list(self.bench.store.events_of(f"action:{id}"))
            hashes = {event.body["approved_hash"] for event in events if event.kind == "effect.intended"}
            given = [event.body["approved_hash"] for event in events if event.kind == "approval.given"]
            permitted = [event for event in events if event.kind == "action.permitted"]
            assert hashes <= {model.leaves}
            assert not hashes or given[-1:] == [model.leaves] or (len(permitted) == 1 and given == [])

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


def test_the_twin_that_reads_nothing_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "reread", lambda *_: False)
    machine = ApprovalMachine()
    machine.begin(word="ask", cool="10m")
    with pytest.raises(AssertionError):
        machine.approve_and_wait(changed=True)


def check_machine(phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    run_state_machine_as_test(
        ApprovalMachine,
        settings=settings(
            phases=phases,
            derandomize=True,
            report_multiple_bugs=False,
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
