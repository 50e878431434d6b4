"""No path raises trust but an endorsement of the exact text: over random sequences of everything memory can be told."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest

from quarterdeck_daemon.core import endorsement, kernel
from quarterdeck_daemon.core import memory as notes
from quarterdeck_daemon.core.commands import (
    Command,
    CompressMemories,
    DocumentAnswered,
    EditMemory,
    Endorse,
    ExpireMemories,
    MoveMemory,
    PinMemory,
    ReceiveDocument,
    Remember,
    SupersedeMemory,
    WithdrawMemories,
)
from quarterdeck_daemon.core.entities import Document, Memory, Tier
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import Parsed, ParsedChunk
from quarterdeck_daemon.core.retention import OWN_TIME
from quarterdeck_daemon.core.tiers import standing, tokens_in
from quarterdeck_daemon.core.turn import Turn
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import INTEGRITY_ORDER, SENSITIVITY_ORDER, Integrity, Labels, Sensitivity

from .core_bench import Bench, rebuilt

TIERS: tuple[Tier, ...] = ("instructions", "core", "working", "project", "long-term", "review", "prospective")
INTEGRITIES: tuple[Integrity, ...] = ("external", "agent", "operator")
SENSITIVITIES: tuple[Sensitivity, ...] = ("public", "private", "secret")
KINDS = ("note", "rule", "preference")
DAY = 86_400_000_000
OUTSIDERS = ("editor", "script", "agent:composer", "connector:mail")


class World:
    """A bench that is told nonsense, and a book of what the operator really said and vouched for."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.bench = Bench()
        self.said: set[str] = set()  # Texts that came with the operator's own labels.
        self.vouched: set[str] = set()  # Hashes that the operator endorsed.

    # --- making something up

    def labels(self) -> Labels:
        return Labels(integrity=self.chance.choice(INTEGRITIES), sensitivity=self.chance.choice(SENSITIVITIES))

    def text(self) -> str:
        return (
            f"{self.chance.choice(('pay', 'trust', 'call'))} {self.chance.randint(1, 30)} now. "
            * self.chance.randint(1, 9)
        )

    def id(self) -> str:
        known = [one.id for one in self.bench.store.scan(Memory)]
        return self.chance.choice(known) if known else "m1"

    def ids(self) -> tuple[str, ...]:
        return tuple(self.id() for _ in range(self.chance.randint(1, 8)))

    # --- telling it

    def step(self) -> None:
        command = self.chance.choice(self.choices)(self)
        actor = "operator" if _own(command) else self.chance.choice(OUTSIDERS)
        try:
            self.bench.do(command, actor=actor)
        except QuarterdeckError:
            return
        text = getattr(command, "text", None)
        if isinstance(text, str) and text and _own(command):
            self.said.add(text)

    def remember(self) -> Command:
        made_from = tuple({f"memory:{id}" for id in self.ids()}) if self.chance.random() < 0.3 else ()
        when = "pay 7" if self.chance.random() < 0.2 else ""
        return Remember(
            text=self.text(), tier=self.chance.choice(TIERS), memory_kind=self.chance.choice(KINDS), labels=self.labels(),
            made_from=made_from, when=when, pinned=self.chance.random() < 0.1, run=self.chance.choice(("", "r1")),
            source=self.chance.choice(("", "calls")),
        )  # fmt: skip

    def edit(self) -> Command:
        return EditMemory(id=self.id(), text=self.text(), labels=self.labels())

    def supersede(self) -> Command:
        return SupersedeMemory(id=self.id(), text=self.text(), labels=self.labels())

    def move(self) -> Command:
        return MoveMemory(id=self.id(), tier=self.chance.choice(TIERS), run="r1")

    def pin(self) -> Command:
        return PinMemory(id=self.id(), pinned=self.chance.random() < 0.7)

    def withdraw(self) -> Command:
        return WithdrawMemories(ids=self.ids(), back=self.chance.random() < 0.6)

    def expire(self) -> Command:
        self.bench.now_us += DAY
        return ExpireMemories(ids=self.ids(), rule=self.chance.choice((OWN_TIME, "a budget")))

    def compress(self) -> Command:
        known = tuple(one.id for one in self.bench.store.scan(Memory))
        return CompressMemories(ids=known[-40:], topic="calls")

    def document(self) -> Command:
        return ReceiveDocument(
            connector="c", external_id=str(self.chance.random()), media_type="text/plain", name="n", blob="",
            size_bytes=1, labels=Labels(integrity=self.chance.choice(INTEGRITIES[:2])),
        )  # fmt: skip

    def answer(self) -> Command:
        text = self.text()
        chunk = ParsedChunk(text=text, span=(0, len(text)))
        waiting = [one.id for one in self.bench.store.scan(Document) if one.live]
        document = waiting[0] if waiting else "doc1"
        return DocumentAnswered(document=document, outcome=Parsed(title="t", text=text, meta={}, chunks=(chunk,)))

    def endorse(self) -> Command:
        """The operator vouches for what is there, with its hash or with a stale one."""
        entity = self.bench.store.get(Memory, self.id())
        if entity is None:
            return Endorse(id="m1", hash="x")
        hash = text_hash(entity.text)
        if self.chance.random() < 0.3:
            return Endorse(id=entity.id, hash=text_hash("something else"))
        self.vouched.add(hash)
        return Endorse(id=entity.id, hash=hash)

    choices: tuple[Callable[[World], Command], ...] = (
        remember, remember, remember, edit, supersede, move, move, pin, withdraw, expire, compress, document, answer, endorse,
    )  # fmt: skip

    # --- what must hold

    def check(self) -> None:
        for memory in self.bench.store.scan(Memory):
            if memory.labels.integrity == "operator":
                assert self._of_the_operator(memory), memory
            else:
                assert memory.tier == "review", memory
                assert not memory.pinned, memory
            for link in self.bench.store.links_from(f"memory:{memory.id}", "derived_from"):
                self._no_more_than(memory, link.target)
        self._check_standing()

    def _of_the_operator(self, memory: Memory) -> bool:
        own = memory.text in self.said or text_hash(memory.text) in self.vouched
        return own or (bool(memory.stands_for) and all(self._part_is_own(id) for id in memory.stands_for))

    def _part_is_own(self, id: str) -> bool:
        original = self.bench.store.get(Memory, id)
        return original is not None and self._of_the_operator(original)

    def _no_more_than(self, memory: Memory, parent: str) -> None:
        """What was made of something is as tainted and as secret as that was, unless it was vouched for itself."""
        kind, _, id = parent.partition(":")
        source = self.bench.store.get(Memory if kind == "memory" else Document, id)
        assert isinstance(source, Memory | Document)
        if text_hash(memory.text) not in self.vouched and not self._vouched_later(source):
            assert INTEGRITY_ORDER[memory.labels.integrity] <= INTEGRITY_ORDER[source.labels.integrity]
        versions = self.bench.store.history(type(source), source.id)
        least = min(SENSITIVITY_ORDER[one.labels.sensitivity] for one in versions)
        assert SENSITIVITY_ORDER[memory.labels.sensitivity] >= least

    def _vouched_later(self, source: Memory | Document) -> bool:
        endorsed = isinstance(source, Memory) and bool(source.endorsed)
        return endorsed or len(self.bench.store.history(type(source), source.id)) > 1

    def _check_standing(self) -> None:
        now = standing(self.bench.store, "r1")
        for memory in (*now.instructions, *now.pinned, *now.core, *now.working):
            assert memory.labels.integrity == "operator", memory
            assert memory.current, memory
        for memory in now.instructions:
            assert memory.text in self.said, "instructions are typed by the operator, word for word"
            assert (memory.endorsed, memory.depth, memory.document) == ("", 0, "")
        for part, cap in (("core", 2_000), ("instructions", 2_000), ("pinned", 2_000)):
            assert sum(tokens_in(self.bench.store, part).values()) <= cap
        assert standing(rebuilt(self.bench.store), "r1") == now


def _own(command: Command) -> bool:
    """Whether only the operator's own hand gives such a command: the protocol asks for that role."""
    labels = getattr(command, "labels", None)
    return labels.integrity == "operator" if isinstance(labels, Labels) else True


@pytest.mark.parametrize("seed", range(25))
def test_no_sequence_of_commands_raises_trust_but_an_endorsement_of_the_exact_text(seed: int) -> None:
    world = World(seed)
    for number in range(120):
        world.step()
        if number % 20 == 19:
            world.check()
    kinds = set(world.bench.kinds())
    assert (
        len(kinds & {"memory.edited", "memory.moved", "memory.endorsed", "memory.withdrawn", "document.parsed"}) > 3
    )


def all_seeds() -> None:
    for seed in range(25):
        test_no_sequence_of_commands_raises_trust_but_an_endorsement_of_the_exact_text(seed)


def test_the_twin_whose_edits_forget_the_labels_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit that takes the editor's labels instead of joining them launders what came from outside."""
    monkeypatch.setattr(notes, "join", lambda labels: Labels())
    with pytest.raises(AssertionError):
        all_seeds()


def test_the_twin_that_endorses_whatever_is_there_now_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the hash, what changed since it was read is vouched for unseen."""

    def blind(turn: Turn, command: Command) -> dict[str, object]:
        assert isinstance(command, Endorse)
        return endorsement.endorse(turn, msgspec.structs.replace(command, hash=""))

    deciders: dict[type[Command], kernel.Decider] = kernel.DECIDE | {Endorse: blind}
    monkeypatch.setattr(kernel, "DECIDE", deciders)
    with pytest.raises(AssertionError):
        all_seeds()
