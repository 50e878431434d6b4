"""Any sequence of commits, reads and restarts: the store agrees with a plain dict model."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import DeadLetter, Link
from quarterdeck_daemon.store.api import Removal, Store
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.events import Event

IDS = st.sampled_from(["a", "a/1", "a/10", "a:1", "b", "ä", "\U0001f600", "\uffee"])
RELATIONS = st.sampled_from(["read", "derived_from"])
NAMES = IDS.map(lambda id: f"deadletter:{id}")
EDGES = st.tuples(NAMES, RELATIONS, NAMES)
# One commit: number of events, puts {id: (value, still live)}, links, unlinks.
COMMITS = st.tuples(
    st.integers(1, 3),
    st.dictionaries(IDS, st.tuples(st.text(max_size=8), st.booleans()), max_size=3),
    st.sets(EDGES, max_size=2),
    st.sets(EDGES, max_size=2),
)
Plan = tuple[int, dict[str, tuple[str, bool]], set[tuple[str, str, str]], set[tuple[str, str, str]]]


def dead(id: str, seq: int, text: str, live: bool) -> DeadLetter:
    return DeadLetter(
        id=id,
        seq=seq,
        run=text,
        step="s",
        error={},
        attempts=1,
        at_us=1,
        remedies=(),
        resolved="" if live else "done",
    )


class StoreMachine(RuleBasedStateMachine):
    """Every write goes to the store and to three plain containers; every read compares the two."""

    def make(self) -> Store:
        raise AssertionError("each store has its own machine")

    def reopened(self) -> Store:
        raise AssertionError("each store has its own machine")

    @initialize()
    def begin(self) -> None:
        self.store = self.make()
        self.versions: dict[str, list[DeadLetter]] = {}
        self.gone: set[tuple[str, int]] = set()  # (id, seq) of versions that nobody can read any more.
        self.epochs: dict[tuple[str, int], int] = {}  # (id, seq) -> how often something had been forgotten by then.
        self.edges: dict[tuple[str, str, str], int] = {}
        self.concerns: list[set[str]] = []

    @rule(plans=st.lists(COMMITS, min_size=1, max_size=3))
    def write(self, plans: list[Plan]) -> None:
        commits: list[Commit] = []
        for events, puts, links, unlinks in plans:
            first = len(self.concerns) + 1
            last = first + events - 1
            entities = tuple(dead(id, last, text, live) for id, (text, live) in puts.items())
            touched = tuple(f"deadletter:{id}" for id in puts)
            commits.append(
                Commit(
                    events=tuple(self.event(seq) for seq in range(first, last + 1)),
                    touched=(touched,) * events,
                    puts=entities,
                    links=tuple(Link(source=a, relation=r, target=b, seq=last) for a, r, b in links),
                    unlinks=tuple(Link(source=a, relation=r, target=b) for a, r, b in unlinks),
                )
            )
            for entity in entities:
                self.versions.setdefault(entity.id, []).append(entity)
                self.epochs[entity.id, entity.seq] = self.store.epoch
            self.edges = dict.fromkeys(links, last) | self.edges  # One that stands keeps saying since when.
            for edge in unlinks:
                self.edges.pop(edge, None)
            self.concerns += [set(puts)] * events
        self.store.append(commits)

    @staticmethod
    def event(seq: int) -> Event:
        return Event(seq=seq, id=f"e{seq}", at_us=seq, kind="note.taken", actor="operator", body={"n": seq})

    @rule()
    def sync(self) -> None:
        self.store.sync()

    @rule()
    def restart(self) -> None:
        self.store = self.reopened()

    @rule(ids=st.sets(IDS, min_size=1, max_size=2))
    def erase(self, ids: set[str]) -> None:
        """A letter is sealed with its run, which is its text here: whoever shares the text shares the key, as long as
        nothing was forgotten in between; after that a name that comes back has a key of its own."""
        keys = {self.key(one) for id in ids for one in self.versions.get(id, ())}
        self.store.erase(Removal(epoch=self.store.epoch, entities=tuple(f"deadletter:{id}" for id in sorted(ids))))
        for id, versions in self.versions.items():
            self.gone |= {(id, one.seq) for one in versions if self.key(one) in keys}
        for id in ids:
            self.versions.pop(id, None)
            self.edges = {
                edge: seq for edge, seq in self.edges.items() if f"deadletter:{id}" not in (edge[0], edge[2])
            }
            self.concerns = [concerned - {id} for concerned in self.concerns]

    def key(self, one: DeadLetter) -> tuple[str, int]:
        return one.run or f"alone {one.id}", self.epochs[one.id, one.seq]

    def readable(self, one: DeadLetter | None) -> DeadLetter | None:
        return None if one is None or (one.id, one.seq) in self.gone else one

    @rule(id=IDS, back=st.integers(0, 12))
    def read_as_of(self, id: str, back: int) -> None:
        at = max(0, len(self.concerns) - back)
        then = {id: [one for one in versions if one.seq <= at] for id, versions in self.versions.items()}
        known = {id: self.readable(versions[-1]) for id, versions in then.items() if versions}
        assert self.store.get(DeadLetter, id, as_of=at) == known.get(id)
        assert list(self.store.scan(DeadLetter, as_of=at)) == [one for _, one in sorted(known.items()) if one]

    @rule(prefix=st.sampled_from(["", "a", "a/"]), after=st.none() | IDS, reverse=st.booleans())
    def page(self, prefix: str, after: str | None, reverse: bool) -> None:
        ids = sorted((id for id in self.current() if id.startswith(prefix)), reverse=reverse)
        if after is not None:
            ids = [id for id in ids if (id < after if reverse else id > after)]
        found = self.store.scan(DeadLetter, prefix=prefix, after=after, reverse=reverse)
        assert [one.id for one in found] == ids

    @rule(id=NAMES, relation=st.none() | RELATIONS)
    def follow_edges(self, id: str, relation: str | None) -> None:
        edges = {Link(source=a, relation=r, target=b, seq=seq) for (a, r, b), seq in self.edges.items()}
        edges = {one for one in edges if relation in (None, one.relation)}
        assert set(self.store.links_from(id, relation)) == {one for one in edges if one.source == id}
        assert set(self.store.links_to(id, relation)) == {one for one in edges if one.target == id}

    @rule(id=IDS, after=st.integers(0, 10), reverse=st.booleans())
    def read_events_of(self, id: str, after: int, reverse: bool) -> None:
        seqs = [seq for seq, ids in enumerate(self.concerns, 1) if id in ids and seq > after]
        found = self.store.events_of(f"deadletter:{id}", after=after, reverse=reverse)
        assert [one.seq for one in found] == (seqs[::-1] if reverse else seqs)

    def current(self) -> dict[str, DeadLetter]:
        last = {id: self.readable(versions[-1]) for id, versions in self.versions.items()}
        return {id: one for id, one in last.items() if one is not None}

    @invariant()
    def agrees(self) -> None:
        current = self.current()
        assert {one.id: one for one in self.store.scan(DeadLetter)} == current
        assert [one.id for one in self.store.live(DeadLetter)] == sorted(
            id for id, one in current.items() if one.live
        )
        for id, versions in self.versions.items():
            assert self.store.get(DeadLetter, id) == current.get(id)
            assert self.store.history(DeadLetter, id) == [one for one in versions if self.readable(one)]
        bare = [msgspec.structs.replace(one, prev_mac=b"") for one in self.store.events()]
        assert bare == [self.event(seq) for seq in range(1, len(self.concerns) + 1)]
        assert self.store.verify().broken_at is None

    def teardown(self) -> None:
        self.store.close()


class RocksMachine(StoreMachine):
    def make(self) -> Store:
        self.folder = Path(tempfile.mkdtemp(prefix="store-model-"))
        return RocksStore.open(self.folder / "home")

    def reopened(self) -> Store:
        self.store.close()
        return RocksStore.open(self.folder / "home")

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


class InMemoryMachine(StoreMachine):
    def make(self) -> Store:
        return InMemoryStore()

    def reopened(self) -> Store:
        assert isinstance(self.store, InMemoryStore)
        self.store.sync()
        return self.store.crashed()


@pytest.mark.parametrize(("machine", "runs"), [(RocksMachine, 15), (InMemoryMachine, 60)])
def test_the_store_agrees_with_a_plain_model(machine: type[StoreMachine], runs: int) -> None:
    limits = settings(
        max_examples=runs, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    run_state_machine_as_test(machine, settings=limits)
