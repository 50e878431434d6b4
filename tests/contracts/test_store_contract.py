"""What every store promises (store/api.py), run over RocksDB and over its twin in dicts."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import Counter, DeadLetter, Document, Entity, Fact, Link, Memory
from quarterdeck_daemon.store.api import Removal, Removed, Store, Verification
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR


@dataclasses.dataclass
class Log:
    """A store with a short way to write to it: one command, one commit."""

    store: Store
    reopen: Callable[[Store], Store]

    def write(
        self, *puts: Entity, links: tuple[Link, ...] = (), unlinks: tuple[Link, ...] = (), events: int = 1,
        concerns: tuple[str, ...] | None = None, sync: bool = True,
    ) -> int:  # fmt: skip
        """Append one commit; entities get the sequence of its last event. Returns that sequence."""
        first = self.store.head.seq + 1
        last = first + events - 1
        touched = tuple(f"{one.kind}:{one.id}" for one in puts) if concerns is None else concerns
        commit = Commit(
            events=tuple(event(seq) for seq in range(first, last + 1)),
            touched=(touched,) * events,
            puts=tuple(msgspec.structs.replace(one, seq=last) for one in puts),
            links=tuple(msgspec.structs.replace(one, seq=last) for one in links),
            unlinks=unlinks,
        )
        self.store.append([commit])
        if sync:
            self.store.sync()
        return last

    def restart(self) -> None:
        self.store = self.reopen(self.store)


def event(seq: int) -> Event:
    return Event(
        seq=seq, id=f"e{seq}", at_us=seq, kind="note.taken", actor="operator", body={"text": f"number {seq}"}
    )


def memory(id: str, text: str = "a note", **changes: object) -> Memory:
    return msgspec.structs.replace(Memory(id=id, text=text, at_us=1, labels=OPERATOR), **changes)


@pytest.fixture(params=["rocks", "in_memory"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    def reopen(store: Store) -> Store:
        if isinstance(store, InMemoryStore):
            store.sync()
            return store.crashed()
        store.close()
        return RocksStore.open(tmp_path / "home")

    first: Store = InMemoryStore() if request.param == "in_memory" else RocksStore.open(tmp_path / "home")
    log = Log(first, reopen)
    yield log
    log.store.close()


def test_an_empty_store_has_nothing(log: Log) -> None:
    store = log.store
    assert (store.head.seq, store.head.mac, store.get(Memory, "m1"), list(store.events())) == (0, b"", None, [])
    assert store.verify() == Verification(checked=0, head=store.head)


def test_what_was_put_is_read_back_equal(log: Log) -> None:
    fact = Fact(
        id="client/acme", fact_kind="client", key="acme", version=1, at_us=5, labels=EXTERNAL,
        value={"name": "Ärger & Söhne", "n": [1, 2.5, None, True], "deep": {"a": {"b": b"\x00\xff"}}},
    )  # fmt: skip
    seq = log.write(fact, memory("m1", "مرحبا", span=(3, 9), tags=("a", "b")))
    log.restart()
    assert log.store.get(Fact, "client/acme") == msgspec.structs.replace(fact, seq=seq)
    assert log.store.get(Memory, "m1") == memory("m1", "مرحبا", span=(3, 9), tags=("a", "b"), seq=seq)


def test_changing_a_value_that_was_handed_out_or_in_does_not_change_the_store(log: Log) -> None:
    value: dict[str, object] = {"name": "Acme"}
    log.write(Fact(id="k/a", fact_kind="k", key="a", version=1, at_us=1, labels=OPERATOR, value=value))
    value["name"] = "changed outside"
    held = log.store.get(Fact, "k/a")
    assert held is not None
    assert held.value == {"name": "Acme"}


def contact(key: str, *emails: str, withdrawn: bool = False) -> Fact:
    value: dict[str, object] = {"email": emails[0], "contacts": list(emails[1:])}
    return Fact(
        id=f"contact/{key}", fact_kind="contact", key=key, version=1, at_us=1, labels=OPERATOR, value=value, withdrawn=withdrawn
    )  # fmt: skip


def test_what_has_a_name_is_found_by_it_before_and_after_it_is_first_asked_for(log: Log) -> None:
    """The names of a kind are read when somebody first asks, kept up with each write, and made again after a restart."""

    def named(name: str) -> list[str]:
        return [one.id for one in log.store.named(Fact, name)]

    log.write(contact("b", "Ben@x.test", "ben@x.test"), contact("a", "ann@x.test", "ben@x.test"))
    for _ in range(2):
        assert (named("ben@x.test"), named("ann@x.test"), named("Ben@x.test")) == (
            ["contact/a", "contact/b"],
            ["contact/a"],
            [],
        )
        log.restart()
    log.write(contact("a", "ann@y.test"))
    assert (named("ben@x.test"), named("ann@x.test"), named("ann@y.test")) == (["contact/b"], [], ["contact/a"])
    log.write(contact("b", "ben@x.test", withdrawn=True), memory("m1"))
    assert (named("ben@x.test"), list(log.store.named(Memory, "m1"))) == ([], [])


def test_what_was_erased_is_found_by_no_name(log: Log) -> None:
    two_notes_and_a_client(log)
    ines = msgspec.structs.replace(fact("ines", "x"), value={"email": "ines@x.test"}, seq=5)
    keep(log, asserted(5, "ines", "has an address"), ines)
    assert [one.id for one in log.store.named(Fact, "ines@x.test")] == ["client/ines"]
    log.store.erase(msgspec.structs.replace(FORGET_INES, events=(1, 3, 4, 5)))
    assert list(log.store.named(Fact, "ines@x.test")) == []


def test_reads_see_what_is_appended_and_not_yet_synced(log: Log) -> None:
    document = Document(id="d1", external_id="x", media_type="t", blob="", size_bytes=0, at_us=1, labels=OPERATOR)
    log.write(memory("m1"), document, sync=False)
    assert [one.id for one in log.store.scan(Memory)] == ["m1"]
    assert [one.id for one in log.store.live(Document)] == ["d1"]
    assert log.store.head.seq == 1


def test_as_of_reads_the_value_of_then(log: Log) -> None:
    seqs = [log.write(Counter(id="m", value=number)) for number in range(1, 6)]
    log.restart()
    seen = [log.store.get(Counter, "m", as_of=at) for at in range(0, 8)]
    values = [one.value if one else None for one in seen]
    assert (seqs, values) == ([1, 2, 3, 4, 5], [None, 1, 2, 3, 4, 5, 5, 5])


def test_history_is_every_version_oldest_first(log: Log) -> None:
    for number in range(3):
        log.write(Counter(id="m", value=number))
        log.write(Counter(id="m/other", value=100 + number))
    assert [(one.seq, one.value) for one in log.store.history(Counter, "m")] == [(1, 0), (3, 1), (5, 2)]
    assert log.store.history(Counter, "unknown") == []


def test_two_commits_in_one_batch_keep_the_value_between(log: Log) -> None:
    commits = [
        Commit(events=(event(seq),), touched=((),), puts=(Counter(id="m", seq=seq, value=seq),)) for seq in (1, 2, 3)
    ]
    log.store.append(commits)
    log.store.sync()
    assert [one.value for one in log.store.history(Counter, "m")] == [1, 2, 3]
    assert log.store.get(Counter, "m", as_of=2) == Counter(id="m", seq=2, value=2)


def test_scan_pages_in_codepoint_order_in_both_directions(log: Log) -> None:
    ids = ["a", "a/1", "a/10", "a/2", "a:x", "b", "ä", "z", "\U0001f600", "\uffee"]
    log.write(*(memory(id) for id in ids), Counter(id="a/3", value=1))
    order = sorted(ids)
    store = log.store
    assert [one.id for one in store.scan(Memory)] == order
    assert [one.id for one in store.scan(Memory, reverse=True)] == order[::-1]
    assert [one.id for one in store.scan(Memory, after="a/10")] == order[3:]
    assert [one.id for one in store.scan(Memory, after="a/10", reverse=True)] == order[:2][::-1]
    assert [one.id for one in store.scan(Memory, prefix="a/")] == ["a/1", "a/10", "a/2"]
    assert [one.id for one in store.scan(Memory, prefix="a/", after="a/1", reverse=True)] == []
    assert [one.id for one in store.scan(Memory, prefix="a/", after="a/2", reverse=True)] == ["a/10", "a/1"]
    assert [one.id for one in store.scan(Memory, prefix="a/", after="0")] == ["a/1", "a/10", "a/2"]


def test_scan_as_of_leaves_out_what_came_later(log: Log) -> None:
    log.write(memory("m1", "first"), memory("m2", "first"))
    log.write(memory("m2", "second"), memory("m3", "second"))
    assert [(one.id, one.text) for one in log.store.scan(Memory, as_of=1)] == [("m1", "first"), ("m2", "first")]
    assert [one.id for one in log.store.scan(Memory, as_of=0)] == []


def test_live_ones_are_found_again_until_their_work_is_done(log: Log) -> None:
    def dead(id: str, resolved: str = "") -> DeadLetter:
        return DeadLetter(
            id=id, run="r", step="s", error={}, attempts=1, at_us=1, remedies=("retry",), resolved=resolved
        )

    log.write(dead("d2"), dead("d1"), dead("d3", "done"))
    log.write(dead("d2", "done"))
    log.restart()
    assert [one.id for one in log.store.live(DeadLetter)] == ["d1"]


def test_events_are_read_lazily_in_both_directions_and_bounded(log: Log) -> None:
    log.write(events=1_300, concerns=())
    log.restart()
    store = log.store
    assert [one.seq for one in store.events(after=1_290)] == list(range(1_291, 1_301))
    assert [one.seq for one in store.events(after=3, before=7)] == [4, 5, 6]
    assert [one.seq for one in store.events(after=3, before=7, reverse=True)] == [6, 5, 4]
    assert [one.seq for one in store.events(reverse=True)] == list(range(1_300, 0, -1))
    assert [one.seq for one in store.events(after=9_999)] == []
    assert next(store.events()).body == {"text": "number 1"}
    assert (store.event(0), store.event(1_301), store.event(-1)) == (None, None, None)


def test_a_half_read_listing_does_not_stand_in_the_way_of_closing(log: Log) -> None:
    log.write(memory("m1"), events=1_100)
    listing, scan = log.store.events(), log.store.scan(Memory)
    next(listing)
    next(scan)
    log.restart()
    assert log.store.head.seq == 1_100


def test_each_event_carries_the_keyed_hash_of_the_one_before(log: Log) -> None:
    log.write(events=3)
    events = list(log.store.events())
    assert [len(one.prev_mac) for one in events] == [0, 32, 32]
    assert len({one.prev_mac for one in events}) == 3
    log.restart()
    assert log.store.verify() == Verification(checked=3, head=log.store.head)
    assert log.store.verify(after=2) == Verification(checked=1, head=log.store.head)
    assert log.store.verify(after=4).broken_at == 4


def test_events_of_an_entity_are_its_own(log: Log) -> None:
    log.write(memory("m1"))
    log.write(memory("m10"))
    log.write(memory("m2"), concerns=("memory:m2", "memory:m1"))
    assert [one.seq for one in log.store.events_of("memory:m1")] == [1, 3]
    assert [one.seq for one in log.store.events_of("memory:m1", reverse=True)] == [3, 1]
    assert [one.seq for one in log.store.events_of("memory:m1", after=1)] == [3]
    assert [one.seq for one in log.store.events_of("memory:m")] == []


def test_links_are_seen_from_both_ends(log: Log) -> None:
    made = Link(source="fact:client/a", relation="derived_from", target="document:d1")
    read = Link(source="run:r1", relation="read", target="document:d1")
    log.write(links=(made, read))
    log.restart()
    store = log.store
    assert store.links_from("fact:client/a") == [msgspec.structs.replace(made, seq=1)]
    assert store.links_to("document:d1", "read") == [msgspec.structs.replace(read, seq=1)]
    assert [one.source for one in store.links_to("document:d1")] == ["fact:client/a", "run:r1"]
    assert store.links_to("document:d") == []
    log.write(unlinks=(made,))
    assert (store.links_from("fact:client/a"), len(store.links_to("document:d1"))) == ([], 1)


@pytest.mark.parametrize("id", ["a\0b", "\ud800", "x" * 5_000])
def test_an_id_that_cannot_be_a_key_is_refused_and_changes_nothing(log: Log, id: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        log.write(memory(id))
    assert (refused.value.code, log.store.head.seq, list(log.store.scan(Memory))) == ("bad_value", 0, [])
    assert log.write(memory("fine")) == 1


@pytest.mark.parametrize("value", [object(), 2**70, {1, object()}, "\ud800"])
def test_a_value_that_is_not_plain_data_is_refused_and_changes_nothing(log: Log, value: object) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        log.write(Fact(id="k/a", fact_kind="k", key="a", version=1, at_us=1, labels=OPERATOR, value={"v": value}))
    assert (refused.value.code, log.store.head.seq, log.store.get(Fact, "k/a")) == ("bad_value", 0, None)
    assert log.write(memory("fine")) == 1


def test_a_gap_in_the_sequence_is_our_mistake_and_writes_nothing(log: Log) -> None:
    with pytest.raises(AssertionError):
        log.store.append([Commit(events=(event(2),), touched=((),))])
    assert log.write(memory("fine")) == 1


def test_a_commit_without_events_is_kept_too(log: Log) -> None:
    log.write(memory("m1"))
    log.store.append([Commit(events=(), touched=(), puts=(Counter(id="c", seq=1, value=7),))])
    log.store.sync()
    log.restart()
    assert log.store.get(Counter, "c") == Counter(id="c", seq=1, value=7)


def test_equal_states_have_equal_hashes_whatever_the_order_of_writing(log: Log) -> None:
    def fact(value: dict[str, object]) -> Fact:
        return Fact(id="k/a", fact_kind="k", key="a", version=1, at_us=1, labels=OPERATOR, value=value)

    log.write(fact({"x": 1, "y": 2}), memory("m1"))
    twin = Log(InMemoryStore(), lambda store: store)
    twin.write(memory("m1"), fact({"y": 2, "x": 1}))
    assert log.store.state_hash() == twin.store.state_hash()
    log.write(Counter(id="c", value=1))
    assert log.store.state_hash() != twin.store.state_hash()
    assert log.store.state_hash(without=frozenset({"counter"})) == twin.store.state_hash()


def test_blobs_are_kept_once_under_their_hash(log: Log) -> None:
    name = log.store.put_blob(b"%PDF")
    assert log.store.put_blob(b"%PDF") == name
    assert name == hashlib.blake2b(b"%PDF", digest_size=32).hexdigest()
    log.restart()
    assert (log.store.get_blob(name), log.store.get_blob("0" * 64)) == (b"%PDF", None)
    assert log.store.get_blob("../../etc/passwd") is None


# --- forgetting -------------------------------------------------------------------------------------


def remembered(seq: int, id: str, text: str) -> Event:
    return Event(
        seq=seq, id=f"e{seq}", at_us=seq, kind="memory.remembered", actor="operator", body={"id": id, "text": text}
    )


def fact(key: str, says: str) -> Fact:
    return Fact(
        id=f"client/{key}", fact_kind="client", key=key, version=1, at_us=1, labels=OPERATOR, value={"says": says}
    )


def asserted(seq: int, key: str, says: str) -> Event:
    body: dict[str, object] = {"kind": "client", "key": key, "value": {"says": says}}
    return Event(seq=seq, id=f"e{seq}", at_us=seq, kind="fact.asserted", actor="operator", body=body)


def keep(log: Log, event: Event, entity: Entity, *links: Link) -> None:
    seq = event.seq
    commit = Commit(
        events=(event,), touched=((f"{entity.kind}:{entity.id}",),), puts=(msgspec.structs.replace(entity, seq=seq),),
        links=tuple(msgspec.structs.replace(one, seq=seq) for one in links),
    )  # fmt: skip
    log.store.append([commit])
    log.store.sync()


def two_notes_and_a_client(log: Log) -> None:
    keep(log, remembered(1, "m1", "Ines is ill"), memory("m1", "Ines is ill"))
    keep(log, remembered(2, "m2", "Buy paper"), memory("m2", "Buy paper"))
    made_from = Link(source="fact:client/ines", relation="derived_from", target="memory:m1")
    keep(log, asserted(3, "ines", "was here"), fact("ines", "was here"), made_from)
    keep(log, asserted(4, "ines", "is here"), fact("ines", "is here"))


FORGET_INES = Removal(
    epoch=0, subjects=("memory:m1", "fact:client/ines"), entities=("memory:m1", "fact:client/ines"), events=(1, 3, 4)
)


def test_what_is_erased_reads_as_absent_and_its_events_as_erased(log: Log) -> None:
    two_notes_and_a_client(log)
    before = log.store.head
    assert log.store.erase(FORGET_INES) == Removed(records=2, versions=1, links=5)
    for _ in range(2):
        store = log.store
        assert (store.get(Memory, "m1"), store.get(Memory, "m1", as_of=1), store.history(Memory, "m1")) == (
            None,
            None,
            [],
        )
        assert (store.get(Fact, "client/ines"), store.history(Fact, "client/ines")) == (None, [])
        assert [one.id for one in store.scan(Memory)] == ["m2"]
        assert (list(store.scan(Fact)), list(store.scan(Fact, as_of=3))) == ([], [])
        bodies = [one.body for one in store.events()]
        assert bodies == [{"erased": True}, {"id": "m2", "text": "Buy paper"}, {"erased": True}, {"erased": True}]
        assert (store.links_to("memory:m1"), list(store.events_of("memory:m1"))) == ([], [])
        assert (store.head, store.verify(), store.epoch) == (before, Verification(checked=4, head=before), 1)
        log.restart()


def test_erasing_again_changes_nothing(log: Log) -> None:
    two_notes_and_a_client(log)
    log.store.erase(FORGET_INES)
    state = log.store.state_hash()
    assert log.store.erase(FORGET_INES) == Removed()
    assert (log.store.state_hash(), log.store.epoch) == (state, 1)


def test_what_comes_back_under_an_erased_name_is_kept_also_when_the_erasure_is_tried_again(log: Log) -> None:
    """The erasure was cut short after the keys were gone; meanwhile the operator puts the client anew."""
    two_notes_and_a_client(log)
    log.store.erase(FORGET_INES)
    link = Link(source="fact:client/ines", relation="derived_from", target="memory:m2")
    keep(log, asserted(5, "ines", "is back"), fact("ines", "is back"), link)
    assert log.store.erase(FORGET_INES) == Removed()
    log.restart()
    assert [one.value for one in log.store.history(Fact, "client/ines")] == [{"says": "is back"}]
    assert [one.source for one in log.store.links_to("memory:m2")] == ["fact:client/ines"]
    assert [one.seq for one in log.store.events_of("fact:client/ines")] == [5]


def test_equal_content_under_different_keys_has_equal_hashes(log: Log) -> None:
    two_notes_and_a_client(log)
    log.store.erase(FORGET_INES)
    other = Log(InMemoryStore(key=b"another key ".ljust(32)), lambda store: store)
    other.write(events=1, concerns=())
    keep(other, remembered(2, "m2", "Buy paper"), memory("m2", "Buy paper"))
    assert log.store.state_hash() == other.store.state_hash()


def test_a_tombstone_stays_where_its_content_went(log: Log) -> None:
    two_notes_and_a_client(log)
    tombstone = memory("m1", "", forgotten=True)
    log.write(tombstone)
    assert log.store.erase(FORGET_INES) == Removed(records=1, versions=2, links=5)
    log.restart()
    assert log.store.history(Memory, "m1") == [msgspec.structs.replace(tombstone, seq=5)]
    assert [one.seq for one in log.store.events_of("memory:m1")] == [5]


def test_one_key_of_a_document_and_its_chunks(log: Log) -> None:
    document = Document(id="doc1", external_id="x", media_type="t", blob="", size_bytes=0, at_us=1, labels=OPERATOR)
    log.write(document, memory("m1", "first", document="doc1"), memory("m2", "second", document="doc1"), memory("m3"))
    log.store.erase(Removal(epoch=0, subjects=("document:doc1",)))
    assert [one.id for one in log.store.scan(Memory)] == ["m3"]
    assert (list(log.store.scan(Document)), list(log.store.live(Document))) == ([], [])
    assert log.store.erase(Removal(epoch=0, entities=("document:doc1", "memory:m1", "memory:m2"))).records == 3


def test_an_erased_blob_is_gone_until_somebody_brings_it_again(log: Log) -> None:
    names = [log.store.put_blob(data) for data in (b"passport of Ines", b"price list")]
    removal = Removal(epoch=0, blobs=(names[0],))
    assert log.store.erase(removal).blobs == 1
    log.restart()
    assert [log.store.get_blob(name) for name in names] == [None, b"price list"]
    assert log.store.put_blob(b"passport of Ines") == names[0]
    assert log.store.erase(removal).blobs == 0
    assert log.store.get_blob(names[0]) == b"passport of Ines"


def test_an_event_in_clear_cannot_be_forgotten_and_nothing_else_is(log: Log) -> None:
    """Nobody's content is not sealed, and neither is a log from before sealing."""
    two_notes_and_a_client(log)
    stopped = Event(seq=5, id="e5", at_us=5, kind="stop.engaged", actor="operator", body={"reason": "Ines"})
    keep(log, stopped, Counter(id="c", value=1))
    assert log.store.unsealed([1, 5]) == [5]
    with pytest.raises(QuarterdeckError) as refused:
        log.store.erase(msgspec.structs.replace(FORGET_INES, events=(1, 3, 5)))
    assert (refused.value.code, refused.value.details) == ("conflict", {"events": [5]})
    assert (log.store.epoch, log.store.get(Memory, "m1") is not None) == (0, True)


def test_an_event_keeps_everything_it_was_written_with(log: Log) -> None:
    """Whatever was sealed is opened again: cause, sources, names that a caller chose, bytes and numbers."""
    labels = msgspec.structs.replace(EXTERNAL, sensitivity="secret", sources=("mail:ines@example.test", "…"))
    body: dict[str, object] = {"n": [2**40, 0.25, None, False, b"\x00\xff"], "deep": {"مصدر": {}}}
    events = [
        Event(
            seq=1,
            id="e1",
            at_us=1,
            kind="memory.remembered",
            actor="editor",
            body={"id": "m1", **body},
            labels=labels,
        ),
        Event(
            seq=2, id="e2", at_us=2, kind="run.started", actor="a", body=body, run="r12", task="t", cause="Ines' wish"
        ),
        Event(seq=3, id="e3", at_us=3, kind="run.ended", actor="a", body={}, run="ines-lead", version=2),
        Event(seq=4, id="e4", at_us=4, kind="stop.engaged", actor="operator", body={"reason": "x"}, cause="c"),
    ]
    log.store.append([Commit(events=tuple(events), touched=((),) * 4)])
    log.restart()
    assert [msgspec.structs.replace(one, prev_mac=b"") for one in log.store.events()] == events
    log.store.erase(Removal(epoch=0, subjects=("memory:m1", "run:r12", "run:ines-lead")))
    first, second, third, fourth = log.store.events()
    assert (first.labels, first.kind, first.actor) == (
        msgspec.structs.replace(labels, sources=()),
        "memory.remembered",
        "editor",
    )
    assert (second.run, second.cause, second.task) == ("r12", None, None)
    assert (third.run, third.body, third.version) == (None, {"erased": True}, 2)
    assert msgspec.structs.replace(fourth, prev_mac=b"") == events[3]
