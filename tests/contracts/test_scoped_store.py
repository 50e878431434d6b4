"""A store behind a scope: over both stores, for random worlds and random scopes, nothing out of scope comes out of it.

Every text carries a mark of its own. Whatever a scoped store gives away is gathered, and searched for the marks of what
the scope hides: a leak by any road is found, also by one that nobody thought of.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core.commands import Command, EditMemory, MakeLink, PutFact, ReceiveDocument, Remember
from quarterdeck_daemon.core.declared import ANY, ReadScope
from quarterdeck_daemon.core.entities import ENTITIES, Document, Entity, Fact, Memory, Plain
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.scopes import OutOfScope, rule_against
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store import scoped as scoped_module
from quarterdeck_daemon.store.api import Store
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_daemon.store.scoped import HIDDEN, ScopedStore
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Integrity, Labels, Sensitivity

NAMESPACES = ("default", "acme", "home")
KINDS = ("note", "call", "diary")
FACT_KINDS = ("seen", "said")
LEVELS: tuple[Sensitivity, ...] = ("public", "private", "secret")
TRUST: tuple[Integrity, ...] = ("external", "agent", "operator")


class World:
    """Memories, facts, documents and links of all sorts, changed now and then. marks: by entity, in order of writing."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.chance = store, random.Random(seed)
        self.marks: list[tuple[int, str, str]] = []  # (log position, kind:id, mark)

    def tell(self, command: Command) -> Plain:
        decision = decide(
            self.store, command, Env(now_us=self.store.head.seq + 1), head=self.store.head.seq, actor="operator"
        )
        self.store.append([decision.commit])
        self.store.sync()
        return decision.reply

    def mark(self) -> str:
        return f"mark{len(self.marks):05d}."

    def noted(self, entity: str, mark: str) -> None:
        self.marks.append((self.store.head.seq, entity, mark))

    def labels(self) -> Labels:
        return Labels(integrity=self.chance.choice(TRUST), sensitivity=self.chance.choice(LEVELS))

    def live(self, rounds: int) -> World:
        for _ in range(rounds):
            try:
                self.chance.choice(
                    (self.remember, self.remember, self.put, self.put, self.edit, self.link, self.receive)
                )()
            except QuarterdeckError as refused:
                if refused.code not in ("policy_denied", "not_found", "conflict", "bad_value"):
                    raise
        return self

    def remember(self) -> None:
        mark = self.mark()
        command = Remember(
            text=f"{mark} is remembered", namespace=self.chance.choice(NAMESPACES), labels=self.labels(),
            memory_kind=self.chance.choice(KINDS), tier=self.chance.choice(("long-term", "project", "core")),
        )  # fmt: skip
        self.noted(f"memory:{self.tell(command)['id']}", mark)

    def put(self) -> None:
        mark, key = self.mark(), self.chance.choice("abc")
        command = PutFact(
            fact_kind=self.chance.choice(FACT_KINDS), key=key, value={"text": mark, "email": address(mark)}, labels=self.labels(),
            namespace=self.chance.choice(("", *NAMESPACES)),
        )  # fmt: skip
        self.noted(f"fact:{self.tell(command)['id']}", mark)

    def edit(self) -> None:
        known = [memory.id for memory in self.store.scan(Memory)]
        if known:
            mark, id = self.mark(), self.chance.choice(known)
            self.tell(
                EditMemory(id=id, text=f"{mark} is new", memory_kind=self.chance.choice(KINDS), labels=self.labels())
            )
            self.noted(f"memory:{id}", mark)

    def link(self) -> None:
        names = [name for _, name, _ in self.marks if name.startswith("fact:")]
        if names:
            self.tell(MakeLink(source=self.chance.choice(names), relation="near", target=self.chance.choice(names)))

    def receive(self) -> None:
        mark = self.mark()
        blob = self.store.put_blob(mark.encode())
        command = ReceiveDocument(
            connector="files", external_id=f"{mark}#1", media_type="text/plain", name=mark, blob=blob, size_bytes=1,
            labels=self.labels(), namespace=self.chance.choice(NAMESPACES),
        )  # fmt: skip
        self.noted(f"document:{self.tell(command)['id']}", mark)

    def hidden(self, scope: ReadScope) -> set[str]:
        """Marks of every version that the scope hides, as it was written or as its entity is today."""
        return {mark for seq, name, mark in self.marks if self._hides(scope, name, seq)}

    def _hides(self, scope: ReadScope, name: str, seq: int) -> bool:
        kind, _, id = name.partition(":")
        versions = (self.store.get(ENTITIES[kind], id), self.store.get(ENTITIES[kind], id, as_of=seq))
        return any(one is not None and rule_against(scope, one) != "" for one in versions)


def address(mark: str) -> str:
    return f"{mark}@x.test".lower()


def some_scope(chance: random.Random) -> ReadScope:
    def some(names: tuple[str, ...]) -> tuple[str, ...]:
        return (ANY,) if chance.random() < 0.4 else tuple(name for name in names if chance.random() < 0.5)

    return ReadScope(
        namespaces=some(NAMESPACES), facts=some(FACT_KINDS), memories=some(KINDS), tiers=some(("long-term", "core", "review")),
        records=some(("memory", "fact", "document")), sensitivity=chance.choice(LEVELS),
    )  # fmt: skip


def given_away(world: World, store: ScopedStore) -> str:
    """Everything that comes out of a scoped store, by every road there is, as one text."""
    out: list[object] = []
    classes: tuple[type[Entity], ...] = (Memory, Fact, Document)
    positions = [None, *range(0, world.store.head.seq + 1, 3)]
    for cls in classes:
        out += [list(store.live(cls)), *(list(store.scan(cls, as_of=at)) for at in positions)]
        for entity in world.store.scan(cls):
            out.append(store.history(cls, entity.id))
            out += [_asked(lambda at=at, e=entity: store.get(type(e), e.id, as_of=at)) for at in positions]  # type: ignore[misc]
            if isinstance(entity, Document):
                out.append(store.get_blob(entity.blob))
            name = f"{entity.kind}:{entity.id}"
            out += [list(store.events_of(name)), store.links_from(name), store.links_to(name)]
    out += [list(store.named(Fact, address(mark))) for _, _, mark in world.marks]
    out += [list(store.events()), list(store.events(reverse=True))]
    out += [store.event(seq) for seq in range(1, world.store.head.seq + 1)]
    return msgspec.json.encode(msgspec.to_builtins(out)).decode()


def _asked(look: Callable[[], object]) -> object:
    try:
        return look()
    except OutOfScope as refused:
        return refused.message  # What it says of a hidden thing must not show it either.


@contextmanager
def opened(kind: str) -> Iterator[Store]:
    if kind == "in_memory":
        yield InMemoryStore()
        return
    with tempfile.TemporaryDirectory() as folder:
        store = RocksStore.open(Path(folder) / "home")
        try:
            yield store
        finally:
            store.close()


def leaks(kind: str, seed: int, scopes: int = 6) -> int:
    """Marks that came out though their scope hides them, over some scopes."""
    with opened(kind) as store:
        world = World(store, seed).live(25)
        chance = random.Random(seed)
        found = 0
        for _ in range(scopes):
            scope = some_scope(chance)
            text = given_away(world, ScopedStore(store, scope, "script"))
            found += sum(mark in text for mark in world.hidden(scope))
        return found


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000))
def test_nothing_out_of_scope_comes_out_by_any_road(seed: int) -> None:
    assert leaks("in_memory", seed) == 0


@pytest.mark.parametrize("seed", range(4))
def test_nothing_out_of_scope_comes_out_of_the_store_on_disk(seed: int) -> None:
    assert leaks("rocks", seed) == 0


def test_the_twin_without_the_filter_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoped_module, "rule_against", lambda scope, entity: "")
    monkeypatch.setattr(scoped_module, "SENSITIVITY_ORDER", dict.fromkeys(LEVELS, 0))
    assert leaks("in_memory", 1) > 0


def test_a_scope_that_allows_everything_shows_everything() -> None:
    """The filter hides no more than it must: what is given away is the store's own answer."""
    world = World(InMemoryStore(), 7).live(40)
    everything = ReadScope(namespaces=(ANY,), sensitivity="secret")
    store = ScopedStore(world.store, everything, "operator")
    assert (list(store.scan(Memory)), list(store.scan(Fact))) == (
        list(world.store.scan(Memory)),
        list(world.store.scan(Fact)),
    )
    assert list(store.events()) == list(world.store.events())


# --- the parts, by example ------------------------------------------------------------------------

SCOPE = ReadScope(namespaces=("default",), sensitivity="private")


def told(*commands: Command) -> World:
    world = World(InMemoryStore(), 0)
    for command in commands:
        world.tell(command)
    return world


def secret_of(text: str, sensitivity: Sensitivity = "secret", namespace: str = "default") -> Remember:
    return Remember(text=text, labels=Labels(sensitivity=sensitivity), namespace=namespace)


def test_an_explicit_look_names_who_what_and_the_rule_but_no_content() -> None:
    world = told(secret_of("the vault opens with 1-2-3"))
    with pytest.raises(OutOfScope) as refused:
        ScopedStore(world.store, SCOPE, "script").get(Memory, "m1")
    error = refused.value
    assert (error.code, error.who, error.entity, error.rule) == ("forbidden", "script", "memory:m1", "what is secret")
    assert "vault" not in error.message + repr(error.details)


def test_a_quiet_store_hides_and_tells_what_it_hid() -> None:
    world = told(secret_of("hidden"), secret_of("shown", "private"))
    told_of: list[OutOfScope] = []
    store = ScopedStore(world.store, SCOPE, "script", refused=told_of.append)
    assert store.get(Memory, "m1") is None
    assert store.get(Memory, "m2") == world.store.get(Memory, "m2")
    assert [one.entity for one in told_of] == ["memory:m1"]


def test_what_became_more_secret_is_hidden_in_the_past_too() -> None:
    world = told(secret_of("once harmless", "private"))
    before = world.store.head.seq
    world.tell(EditMemory(id="m1", title="now", labels=Labels(sensitivity="secret")))
    store = ScopedStore(world.store, SCOPE, "script", refused=lambda refusal: None)
    assert store.get(Memory, "m1", as_of=before) is None
    assert (store.history(Memory, "m1"), list(store.scan(Memory, as_of=before))) == ([], [])


def test_the_log_keeps_its_positions_and_gives_no_content_away() -> None:
    world = told(secret_of("shown", "private"), secret_of("hidden", namespace="acme"))
    events = list(ScopedStore(world.store, SCOPE, "script").events())
    assert [event.seq for event in events] == [1, 2]
    assert (events[0].body["text"], events[1].body, events[1].kind) == ("shown", HIDDEN, "memory.remembered")


def test_what_somebody_else_was_told_is_not_in_the_log_for_others() -> None:
    world = told()
    decision = decide(
        world.store, Remember(text="x"), Env(now_us=1), head=0, actor="operator", request_id="r1", body_hash="b"
    )
    world.store.append([decision.commit])
    (_, answered) = ScopedStore(world.store, SCOPE, "script").events()
    assert (answered.kind, answered.body) == ("request.answered", HIDDEN)


def test_bytes_are_fetched_only_of_a_document_that_was_seen() -> None:
    world = World(InMemoryStore(), 0)
    blob = world.store.put_blob(b"bytes")
    receive = ReceiveDocument(
        connector="files",
        external_id="a#1",
        media_type="text/plain",
        name="a",
        blob=blob,
        size_bytes=5,
        labels=Labels(),
    )
    world.tell(receive)
    store = ScopedStore(world.store, SCOPE, "script")
    assert store.get_blob(blob) is None
    assert store.get(Document, "doc1") is not None
    assert store.get_blob(blob) == b"bytes"


def test_a_link_is_shown_only_when_both_ends_are() -> None:
    world = told(
        PutFact(fact_kind="seen", key="a", value={}),
        PutFact(fact_kind="seen", key="b", value={}, namespace="acme"),
        MakeLink(source="fact:seen/a", relation="near", target="fact:seen/b"),
    )
    store = ScopedStore(world.store, SCOPE, "script")
    assert (store.links_from("fact:seen/a"), store.links_to("fact:seen/b")) == ([], [])
    assert len(world.store.links_from("fact:seen/a")) == 1


def test_nobody_writes_through_a_scope() -> None:
    store = ScopedStore(InMemoryStore(), SCOPE, "script")
    writes: tuple[Callable[[], None], ...] = (lambda: store.append([]), store.sync, store.scour, store.close)
    for write in writes:
        with pytest.raises(QuarterdeckError, match="may not write"):
            write()
