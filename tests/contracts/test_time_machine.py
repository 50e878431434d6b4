"""Put, read as of, rewind, undo, fork, forget, restart in any order, against plain dicts, over both stores."""

from __future__ import annotations

import asyncio
import copy
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from quarterdeck_daemon.core.commands import (
    BeginErasure,
    CloseErasure,
    Command,
    MakeLink,
    Names,
    ProveErasure,
    PutFact,
    Remember,
    RewindRecords,
    WithdrawMemories,
)
from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import ENTITIES, Entity, Erasure, Fact, Memory, Rewind
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.time_travel import is_current
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.service.changes import Scope
from quarterdeck_daemon.service.diff import differences
from quarterdeck_daemon.service.past_links import links_from
from quarterdeck_daemon.service.rewinding import make_plan
from quarterdeck_daemon.store.api import Removal, Store
from quarterdeck_daemon.store.cut import cut_log
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_daemon.store.rocks import RocksStore

KEYS = st.sampled_from(["a", "b", "ä/c"])
NUMBERS = st.integers(0, 9)
BACK = st.integers(0, 11)
WORDS = st.sampled_from(["red", "blue", "green"])


@dataclass
class Seen:
    """What counts at a moment: the plain model."""

    facts: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    links: set[tuple[str, str]] = field(default_factory=set)

    def without(self, forgotten: set[str]) -> Seen:
        return Seen(self.facts, {id: text for id, text in self.notes.items() if id not in forgotten}, self.links)


def seen_in(store: Store, as_of: int | None = None) -> Seen:
    facts = {
        one.key: int(str(one.value["n"])) for one in store.scan(Fact, prefix="k/", as_of=as_of) if is_current(one)
    }
    notes = {one.id: one.text for one in store.scan(Memory, as_of=as_of) if is_current(one)}
    links = {
        (one.key, link.target.removeprefix("fact:k/"))
        for one in store.scan(Fact, prefix="k/")
        for link in links_from(store, f"fact:{one.id}", as_of)
        if link.relation == "knows"
    }
    return Seen(facts, notes, links)


def bare(store: Store) -> dict[str, Entity]:
    """The records of the kinds that a rewind writes, without the numbers that only go up."""
    found: dict[str, Entity] = {}
    for cls in (Fact, Memory):
        for one in store.scan(cls):
            same = msgspec.structs.replace(one, seq=0)
            found[f"{cls.kind}:{one.id}"] = (
                msgspec.structs.replace(same, version=0) if isinstance(same, Fact) else same
            )
    return found


class TimeMachine(RuleBasedStateMachine):
    def make(self) -> Store:
        raise AssertionError("each store has its own machine")

    def reopened(self) -> Store:
        raise AssertionError("each store has its own machine")

    def forked(self, seq: int) -> Store | None:
        """A store whose log ends at `seq`."""
        raise AssertionError("each store has its own machine")

    @initialize()
    def begin(self) -> None:
        self.store = self.make()
        self.model = Seen()
        self.marks: list[tuple[int, Seen]] = [(0, Seen())]
        self.commits: list[Commit] = []
        self.forgotten: set[str] = set()
        self.before_rewind: tuple[int, dict[str, Entity], Seen] | None = None

    def tell(self, command: Command) -> dict[str, object]:
        env = Env(now_us=1_000_000 + self.store.head.seq)
        decision = decide(self.store, command, env, head=self.store.head.seq, actor="operator")
        if decision.commit.events:
            self.store.append([decision.commit])
            self.commits.append(decision.commit)
        return decision.reply

    def mark(self) -> None:
        self.marks.append((self.store.head.seq, copy.deepcopy(self.model)))

    def at(self, back: int) -> tuple[int, Seen]:
        seq, seen = self.marks[max(0, len(self.marks) - 1 - back)]
        return seq, seen.without(self.forgotten)

    # --- what happens ---

    @rule(key=KEYS, n=NUMBERS)
    def put(self, key: str, n: int) -> None:
        self.tell(PutFact(fact_kind="k", key=key, value={"n": n}))
        self.model.facts[key] = n
        self.mark()

    @rule(text=WORDS)
    def say(self, text: str) -> None:
        self.model.notes[str(self.tell(Remember(text=text))["id"])] = text
        self.mark()

    @precondition(lambda self: self.model.notes)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.model.notes)))
        self.tell(WithdrawMemories(ids=(id,)))
        del self.model.notes[id]
        self.mark()

    @precondition(lambda self: len(self.model.facts) > 1)
    @rule(data=st.data(), remove=st.booleans())
    def link(self, data: st.DataObject, remove: bool) -> None:
        source, target = data.draw(st.permutations(sorted(self.model.facts)))[:2]
        names = {"source": f"fact:k/{source}", "target": f"fact:k/{target}"}
        if remove and (source, target) not in self.model.links:
            return  # Refused: nothing is there to take back.
        self.tell(MakeLink(**names, relation="knows", remove=remove))
        (self.model.links.discard if remove else self.model.links.add)((source, target))
        self.mark()

    @precondition(lambda self: self.model.notes)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.model.notes)))
        name = f"memory:{id}"
        events = tuple(event.seq for event in self.store.events_of(name) if event.kind == "memory.remembered")
        names = Names(epoch=self.store.epoch, subjects=(name,), entities=(name,), events=events)
        self.tell(BeginErasure(removal=names, counts={"memory": 1}))
        erasure = next(self.store.live(Erasure))
        self.store.erase(Removal(**{part: getattr(names, part) for part in names.__struct_fields__}))
        self.tell(ProveErasure(id=erasure.id, proof={}))
        self.tell(CloseErasure(id=erasure.id))
        self.forgotten.add(id)
        del self.model.notes[id]
        self.before_rewind = None  # What was forgotten meanwhile does not come back by an undo.
        self.mark()

    @rule()
    def restart(self) -> None:
        self.store = self.reopened()

    # --- going back ---

    def rewind_to(self, seq: int, scope: Scope) -> int:
        plan = asyncio.run(make_plan(self.store, scope, seq, self.store.head.seq))
        again = asyncio.run(make_plan(self.store, scope, seq, self.store.head.seq))
        assert plan.hash == again.hash
        for changes, edges in plan.slices():
            self.tell(RewindRecords(to_seq=seq, scope=str(scope), changes=changes, edges=edges, total=plan.total))
        return plan.total

    @rule(back=BACK)
    def rewind(self, back: int) -> None:
        before = (self.store.head.seq, bare(self.store), copy.deepcopy(self.model))
        seq, seen = self.at(back)
        self.rewind_to(seq, Scope())
        self.before_rewind = before
        self.model = copy.deepcopy(seen)
        self.mark()

    @precondition(lambda self: self.before_rewind is not None)
    @rule(by_name=st.booleans())
    def undo(self, by_name: bool) -> None:
        """Exactly what was there before the rewind; by its name only while nothing else was written since."""
        assert self.before_rewind is not None
        seq, records, model = self.before_rewind
        last = max(self.store.scan(Rewind), key=lambda one: one.from_seq)
        untouched = self.store.head.seq == last.seq
        self.rewind_to(seq, Scope("rewind", last.id) if by_name and untouched else Scope())
        known = {name: one for name, one in bare(self.store).items() if name in records}
        assert known == records
        self.model = model
        self.before_rewind = None
        self.mark()

    @rule(key=KEYS, back=BACK)
    def rewind_fact(self, key: str, back: int) -> None:
        if self.store.get(Fact, f"k/{key}") is None:
            return
        seq, seen = self.at(back)
        self.rewind_to(seq, Scope("fact", f"k/{key}"))
        self.model.facts.pop(key, None)
        if key in seen.facts:
            self.model.facts[key] = seen.facts[key]
        self.model.links = {pair for pair in self.model.links if key not in pair}
        self.model.links |= {pair for pair in seen.links if key in pair}
        self.before_rewind = None
        self.mark()

    # --- looking ---

    @rule(back=BACK)
    def look_back(self, back: int) -> None:
        seq, seen = self.at(back)
        assert seen_in(self.store, seq) == seen

    @rule(back=BACK)
    def compare(self, back: int) -> None:
        """The difference is empty exactly when nothing differs."""
        seq, seen = self.at(back)
        kinds = ("fact", "memory", "link")
        found = asyncio.run(differences(self.store, seq, self.store.head.seq, kinds=kinds))
        facts = {key for key in {*seen.facts, *self.model.facts} if seen.facts.get(key) != self.model.facts.get(key)}
        assert {
            one.name.removeprefix("fact:k/") for one in found if one.kind == "fact" and values_differ(one)
        } == facts
        notes = {id for id in {*seen.notes, *self.model.notes} if (id in seen.notes) != (id in self.model.notes)}
        assert {one.name.removeprefix("memory:") for one in found if one.kind == "memory"} - self.forgotten == notes
        assert sum(one.kind == "link" for one in found) == len(seen.links ^ self.model.links)

    @rule(back=BACK)
    def fork(self, back: int) -> None:
        seq, seen = self.at(back)
        fork = self.forked(seq) if seq else None
        if fork is None:
            return
        try:
            assert seen_in(fork) == seen
            assert fork.head.seq == seq
            assert fork.verify().broken_at is None
            for cls in ENTITIES.values():
                assert list(fork.scan(cls)) == list(self.store.scan(cls, as_of=seq)), cls.kind
        finally:
            fork.close()

    @invariant()
    def agrees(self) -> None:
        assert seen_in(self.store) == self.model

    def teardown(self) -> None:
        self.store.close()


def values_differ(one: object) -> bool:
    before, after = getattr(one, "before", None), getattr(one, "after", None)
    values = [entity.value if isinstance(entity, Fact) else None for entity in (before, after)]
    return values[0] != values[1]


class RocksTime(TimeMachine):
    def make(self) -> Store:
        self.folder = Path(tempfile.mkdtemp(prefix="time-machine-"))
        self.forks = 0
        return RocksStore.open(self.folder / "home")

    def reopened(self) -> Store:
        self.store.close()
        return RocksStore.open(self.folder / "home")

    def forked(self, seq: int) -> Store | None:
        assert isinstance(self.store, RocksStore)
        self.forks += 1
        home = self.folder / f"fork-{self.forks}"
        self.store.checkpoint(home)
        shutil.copyfile(self.folder / "home" / "chain.key", home / "chain.key")
        cut_log(home, seq, lambda phase: None)
        return RocksStore.open(home)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


class InMemoryTime(TimeMachine):
    """Its fork is the log told once more up to there: what the fork on disk must be equal to."""

    def make(self) -> Store:
        return InMemoryStore()

    def reopened(self) -> Store:
        assert isinstance(self.store, InMemoryStore)
        self.store.sync()
        return self.store if self.forgotten else self.store.crashed()

    def forked(self, seq: int) -> Store | None:
        if self.forgotten:
            return None  # Told once more, it would know what was forgotten.
        fork = InMemoryStore()
        fork.append([commit for commit in self.commits if commit.events[-1].seq <= seq])
        return fork


@pytest.mark.parametrize(("machine", "runs"), [(RocksTime, 10), (InMemoryTime, 50)])
def test_time_travel_agrees_with_a_plain_model(machine: type[TimeMachine], runs: int) -> None:
    limits = settings(
        max_examples=runs, stateful_step_count=18, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=limits)
