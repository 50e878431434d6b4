"""No laundering: whatever is done with a text, what carries it is no more trusted and no less secret than it was.

Every input has a mark with its labels. Random lives of remembering, editing, summarising, reading documents, running
the worst agent there could be (it copies all it sees into facts and actions), withdrawing and rewinding go by; then
every version of everything that carries a mark is compared with it. Only the operator's endorsement raises trust.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core import memory as memory_module
from quarterdeck_daemon.core import runs
from quarterdeck_daemon.core.commands import (
    CompressMemories,
    DeclareScopes,
    DocumentAnswered,
    EditMemory,
    Endorse,
    PutFact,
    RecallAnswered,
    ReceiveDocument,
    Remember,
    Restored,
    RewindRecords,
    StartRun,
    StepAnswered,
    SupersedeMemory,
    WithdrawMemories,
)
from quarterdeck_daemon.core.declared import ANY, Declared, ReadScope, WriteScope
from quarterdeck_daemon.core.entities import Action, Document, Fact, Memory, Plain, Run, Tier
from quarterdeck_daemon.core.orders import Parsed, ParsedChunk, ProposedAction, ProposedFact, StepDone
from quarterdeck_daemon.core.retention import group_of, may_compress
from quarterdeck_daemon.core.shown import rebuild
from quarterdeck_daemon.core.time_travel import restoration
from quarterdeck_daemon.store.scoped import versions_of
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import INTEGRITY_ORDER, OPERATOR, SENSITIVITY_ORDER, Integrity, Labels, Sensitivity

from .core_bench import Bench

LEVELS: tuple[Sensitivity, ...] = ("public", "private", "secret")
TRUST: tuple[Integrity, ...] = ("external", "agent", "operator")
OTHERS: tuple[Integrity, ...] = ("external", "agent")
EXPECTED = frozenset(
    ("policy_denied", "not_found", "conflict", "bad_value", "budget_exceeded", "schema", "forbidden")
)
MARK = re.compile(r"mk\d{4}")
WIDE = Declared(
    read=ReadScope(namespaces=(ANY,), sensitivity="secret"),
    write=WriteScope(namespaces=(ANY,), sensitivity="secret"),
    context_tokens=4_000,
    context_query="anything",
)
PLAYBOOK = """
name: lead
inputs: {document: {type: string}}
steps:
  - id: read
    agent: parrot
    reads: {mail: {document: "${inputs.document}"}, said: {facts: said}, found: {recall: "anything"}}
  - id: think
    needs: [read]
    agent: parrot
    reads: {mine: {context: {query: "anything", budget: 3000}}}
    in: {said: "${steps.read.output.said}"}
"""
FILLER = (
    "The weather was mild and the coffee was strong. We met at ten and spoke for an hour. Nothing else came up. " * 2
)
Carrier = Memory | Fact | Document | Action


class Life:
    def __init__(self, seed: int) -> None:
        self.bench = Bench(playbook=PLAYBOOK)
        self.chance = random.Random(seed)
        self.marks: dict[str, Labels] = {}
        self.count = 0
        self.bench.do(DeclareScopes(declared={"agent:parrot": WIDE}))

    def mark(self, labels: Labels) -> str:
        mark = f"mk{len(self.marks):04d}"
        self.marks[mark] = labels
        return mark

    def labels(self, trust: tuple[Integrity, ...] = TRUST) -> Labels:
        return Labels(integrity=self.chance.choice(trust), sensitivity=self.chance.choice(LEVELS))

    def live(self, rounds: int) -> Life:
        steps = (
            self.remember, self.remember, self.remember, self.remake, self.edit, self.supersede, self.receive, self.put,
            self.run, self.run, self.compress, self.withdraw, self.rewind, self.endorse,
        )  # fmt: skip
        for _ in range(rounds):
            self.bench.now_us += 1_000_000
            try:
                self.chance.choice(steps)()
            except QuarterdeckError as refused:
                if refused.code not in EXPECTED:
                    raise
        return self

    # --- what can happen ---

    def memories(self) -> list[Memory]:
        return list(self.bench.store.scan(Memory))

    def remember(self) -> None:
        labels = self.labels()
        text = f"{self.mark(labels)} was said about the budget of the spring campaign. {FILLER}"
        tiers: tuple[Tier, ...] = ("long-term", "long-term", "core", "working")
        tier = self.chance.choice(tiers)
        kind = self.chance.choice(("note", "note", "lesson"))
        self.bench.do(Remember(text=text, labels=labels, tier=tier, memory_kind=kind))

    def remake(self) -> None:
        """Something is written out of what was remembered before, by somebody who is trusted."""
        parents = self.chance.sample(self.memories(), min(2, len(self.memories())))
        text = " ".join([f"{self.mark(OPERATOR)} made of", *(parent.text for parent in parents)])
        self.bench.do(Remember(text=text, made_from=tuple(f"memory:{parent.id}" for parent in parents)))

    def edit(self) -> None:
        memory, labels = self.chance.choice(self.memories() or [None]), self.labels()
        if memory is not None:
            text = f"{memory.text} {self.mark(labels)} was added."
            self.bench.do(EditMemory(id=memory.id, text=text, labels=labels))

    def supersede(self) -> None:
        memory, labels = self.chance.choice(self.memories() or [None]), self.labels()
        if memory is not None:
            self.bench.do(SupersedeMemory(id=memory.id, text=f"{self.mark(labels)} instead.", labels=labels))

    def put(self) -> None:
        labels = self.labels()
        key = self.chance.choice("abc")
        self.bench.do(PutFact(fact_kind="said", key=key, value={"text": self.mark(labels)}, labels=labels))

    def receive(self) -> None:
        labels = self.labels(OTHERS)
        self.count += 1
        name, text = f"d{self.count}", f"{self.mark(labels)} stands in a letter. {self.mark(labels)} too."
        command = ReceiveDocument(
            connector="mail",
            external_id=name,
            media_type="text/plain",
            name=name,
            blob=name,
            size_bytes=1,
            labels=labels,
        )
        id = str(self.bench.do(command)["id"])
        chunk = ParsedChunk(text=text, span=(0, len(text)))
        self.bench.do(DocumentAnswered(document=id, outcome=Parsed(title=name, text=text, meta={}, chunks=(chunk,))))

    def run(self) -> None:
        documents = [document.id for document in self.bench.store.scan(Document)]
        self.count += 1
        inputs: Plain = {"document": self.chance.choice([*documents, "none"])}
        self.bench.do(StartRun(playbook="lead", run_id=f"q{self.count}", inputs=inputs))
        while needs := [*self.bench.needs("step"), *self.bench.needs("recall")]:
            self.answer(needs[0].kind, needs[0].entity, needs[0].step, needs[0].attempt)

    def answer(self, kind: str, run: str, step: str, attempt: int) -> None:
        found = self.bench.store.get(Run, run)
        assert found is not None
        if kind == "recall":
            some = self.chance.sample(self.memories(), min(3, len(self.memories())))
            hits: list[Plain] = [{"id": memory.id, "score": 0.5} for memory in some]
            self.bench.do(RecallAnswered(run=run, step=step, hits=dict.fromkeys(found.steps[step].recall, hits)))
            return
        event = self.bench.store.event(found.steps[step].input_seq)
        assert event is not None
        rebuilt = rebuild(event.body, event.at_us, versions_of(self.bench.store))
        assert rebuilt.differs == ()
        seen = " ".join(MARK.findall(repr((event.body["input"], rebuilt.context))))
        args: Plain = {"to": ["a@x.test"], "subject": "s", "body": seen}
        action = ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="", why="")
        fact = ProposedFact(fact_kind="said", key=f"{step}{self.chance.choice('ab')}", value={"text": seen})
        done = StepDone(output={"said": seen}, facts=(fact,), actions=(action,) if step == "think" else ())
        self.bench.do(StepAnswered(run=run, step=step, attempt=attempt, outcome=done), actor="worker")

    def compress(self) -> None:
        groups: dict[tuple[str, ...], list[str]] = {}
        for memory in self.memories():
            if may_compress(memory):
                groups.setdefault(group_of(memory), []).append(memory.id)
        for ids in groups.values():
            self.bench.do(CompressMemories(ids=tuple(ids), topic="budget"), actor="kernel")

    def withdraw(self) -> None:
        memory = self.chance.choice(self.memories() or [None])
        if memory is not None:
            self.bench.do(WithdrawMemories(ids=(memory.id,), back=self.chance.random() < 0.5))

    def rewind(self) -> None:
        """One record back to one of its versions, as the planner of rewinds would."""
        kinds: tuple[type[Memory | Fact], ...] = (Memory, Fact)
        cls = self.chance.choice(kinds)
        found = [one for one in self.bench.store.scan(cls) if len(self.bench.store.history(cls, one.id)) > 1]
        if not found:
            return
        now = self.chance.choice(found)
        history = self.bench.store.history(cls, now.id)
        then = self.chance.choice(history[:-1])
        later = [one for one in history if one.seq > then.seq]
        fields = restoration(now, then, later)
        if fields:
            change = Restored(entity=f"{cls.kind}:{now.id}", expected_seq=now.seq, then_seq=then.seq, fields=fields)
            self.bench.do(RewindRecords(to_seq=then.seq, scope="workspace", changes=(change,), total=1))

    def endorse(self) -> None:
        """The one way up: the operator vouches for the exact text, and so for every mark in it."""
        memory = self.chance.choice(self.memories() or [None])
        if memory is None or self.chance.random() < 0.7:
            return
        self.bench.do(Endorse(id=memory.id))
        for mark in MARK.findall(memory.text):
            self.marks[mark] = msgspec.structs.replace(self.marks[mark], integrity="operator")

    # --- what must hold ---

    def carriers(self) -> Iterator[Carrier]:
        """Every version of everything that has a text and labels."""
        kinds: tuple[type[Carrier], ...] = (Memory, Fact, Document, Action)
        for cls in kinds:
            for entity in self.bench.store.scan(cls):
                yield from self.bench.store.history(cls, entity.id)


def washed(life: Life) -> tuple[list[str], int]:
    """(carriers that are better than a mark they carry, marks compared)."""
    found: list[str] = []
    compared = 0
    for one in life.carriers():
        for mark in MARK.findall(_text(one)):
            source, compared = life.marks[mark], compared + 1
            trusted = INTEGRITY_ORDER[one.labels.integrity] > INTEGRITY_ORDER[source.integrity]
            guarded = SENSITIVITY_ORDER[one.labels.sensitivity] >= SENSITIVITY_ORDER[source.sensitivity]
            if trusted or not guarded:
                found.append(f"{one.kind}:{one.id}@{one.seq} {one.labels} carries {mark} {source}")
    return found, compared


def _text(one: Carrier) -> str:
    if isinstance(one, Memory):
        return one.text
    return repr(one.value) if isinstance(one, Fact) else one.text if isinstance(one, Document) else repr(one.args)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000))
def test_nothing_that_is_done_with_a_text_washes_its_labels(seed: int) -> None:
    found, _ = washed(Life(seed).live(30))
    assert found == []


def test_the_lives_are_full_of_derived_things() -> None:
    """Else the property above would hold of nothing."""
    lives = [Life(seed).live(60) for seed in range(3)]
    kinds = {event.kind for life in lives for event in life.bench.store.events()}
    assert all(washed(life)[1] > 100 for life in lives)
    assert kinds >= {
        "memory.compressed",
        "memory.restored",
        "memory.edited",
        "fact.asserted",
        "action.proposed",
        "memory.endorsed",
    }


def test_the_twin_whose_steps_forget_what_they_read_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "join", lambda labels: OPERATOR)
    assert any(washed(Life(seed).live(30))[0] for seed in range(5))


def test_the_twin_that_forgets_what_a_memory_was_made_of_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "join", lambda labels: next(iter(labels)))
    assert any(washed(Life(seed).live(30))[0] for seed in range(5))
