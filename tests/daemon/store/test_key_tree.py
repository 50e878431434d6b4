"""The tree of keys: exactly what was taken out is gone, in any order, and over the file as well."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core.entities import Memory
from quarterdeck_daemon.store.content_keys import ContentKeys, KeyState
from quarterdeck_daemon.store.errors import LogCorrupt
from quarterdeck_daemon.store.key_tree import INDEX_MAX, LEAF_BYTES, KeyTree, child_key
from quarterdeck_daemon.store.sealing import Sealing
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR, Labels

ROOT = bytes(range(32))
NEAR = st.integers(0, 40)
INDEXES = st.one_of(NEAR, st.integers(0, INDEX_MAX), st.just(INDEX_MAX))
WHOLE = KeyTree.whole(ROOT)


def from_root(index: int) -> bytes:
    """The key of an index, walked by hand: the definition."""
    key, node = ROOT, 1
    for shift in range(62, -1, -2):
        node = node << 2 | index >> shift & 3
        key = child_key(key, node)
    return key


@given(INDEXES)
def test_a_key_is_what_the_walk_from_the_root_gives(index: int) -> None:
    key = WHOLE.leaf(index)
    assert key == from_root(index)
    assert key is not None
    assert len(key) == LEAF_BYTES


@given(st.lists(INDEXES, max_size=12), st.lists(INDEXES, max_size=12))
def test_exactly_what_was_taken_out_is_gone_in_any_order(gone: list[int], others: list[int]) -> None:
    one_by_one = WHOLE
    for index in gone:
        one_by_one = one_by_one.without([index])
    at_once = WHOLE.without(sorted(gone, reverse=True))
    assert one_by_one.nodes == at_once.nodes
    for index in (*gone, *others, *(min(index + 1, INDEX_MAX) for index in gone)):
        assert at_once.leaf(index) == (None if index in gone else from_root(index))


@given(st.lists(INDEXES, max_size=10, unique=True))
def test_no_node_that_is_left_leads_to_a_key_that_is_gone(gone: list[int]) -> None:
    """What a thief of the file could derive: he has the nodes and their descendants, nothing else."""
    left = WHOLE.without(gone).nodes
    for index in gone:
        leaf = 1 << 64 | index
        assert not any(leaf >> shift in left for shift in range(0, 66, 2))
    assert len(left) <= max(1, 96 * len(gone))


def test_a_range_of_neighbours_costs_little() -> None:
    """Ids are numbered, so what is forgotten together often lies together."""
    assert len(WHOLE.without(range(1_000, 2_000)).nodes) < 150


def test_the_twin_that_keeps_the_root_can_still_read() -> None:
    """Without taking the node out, the key is derived again: the test above would see it."""
    kept = KeyTree({**WHOLE.without([7]).nodes, 1: ROOT})
    assert kept.leaf(7) == from_root(7)


# --- the file ---------------------------------------------------------------------------------------

SUBJECTS = st.sampled_from(["memory:m1", "memory:m2", "memory:m10", "fact:client/ines", "run:r1", "run:mine", "x"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(SUBJECTS, min_size=1, max_size=3), max_size=4), st.booleans())
def test_forgetting_holds_over_the_file_and_the_rest_stays_readable(rounds: list[set[str]], reopen: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content.key"
        keys = ContentKeys.found(path)
        names = ("memory:m1", "memory:m2", "memory:m10", "fact:client/ines", "run:r1", "run:mine", "x")
        sealed = {name: keys.seal(name, name.encode(), b"place") for name in names}
        gone: set[str] = set()
        for wanted in rounds:
            indexes = [keys.index_in(sealed[name]) for name in wanted]
            keys.forget((), indexes)
            gone |= wanted
            if reopen:
                read = ContentKeys.read(path)
                assert read is not None
                keys = read
        opened = {name: keys.open(box, b"place") for name, box in sealed.items()}
        assert opened == {name: None if name in gone else name.encode() for name in names}
        assert (keys.epoch, oct(path.stat().st_mode & 0o777)) == (len(rounds), "0o600")


def test_a_name_that_comes_back_gets_a_fresh_key(tmp_path: Path) -> None:
    keys = ContentKeys.found(tmp_path / "content.key")
    before = {name: keys.seal(name, b"old", b"") for name in ("memory:m1", "fact:client/ines")}
    keys.forget(before)
    after = {name: keys.seal(name, b"new", b"") for name in before}
    assert [keys.open(box, b"") for box in (*before.values(), *after.values())] == [None, None, b"new", b"new"]


def test_nobody_can_check_by_guessing_which_name_was_forgotten(tmp_path: Path) -> None:
    """The salt moves on with each forgetting, and there is no way back to the one that named the index."""
    keys = ContentKeys.found(tmp_path / "content.key")
    index = keys.index_of("fact:client/ines")
    keys.forget(["fact:client/ines"])
    assert keys.index_of("fact:client/ines") != index
    assert index.to_bytes(8, "big") not in (tmp_path / "content.key").read_bytes()


def test_the_old_file_is_written_over_not_only_unlinked(tmp_path: Path) -> None:
    """A process that still has the old file open finds zeros in it."""
    keys = ContentKeys.found(tmp_path / "content.key")
    with (tmp_path / "content.key").open("rb") as old:
        keys.forget(["memory:m1"])
        assert set(old.read()) == {0}


@pytest.mark.parametrize("at", [0, 9, 30, 40, 75, -1])
def test_a_damaged_key_file_is_refused(tmp_path: Path, at: int) -> None:
    path = tmp_path / "content.key"
    ContentKeys.found(path)
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)
    with pytest.raises(LogCorrupt, match="damaged"):
        ContentKeys.read(path)


def test_the_form_of_the_file_stays_readable() -> None:
    """A golden file: one forgotten index, known root and salt. A change here loses the content of every log."""
    state = KeyState.fresh(ROOT, b"s" * 32, b"i" * 16).without([5])
    again = KeyState.unpacked(Path("content.key"), state.packed())
    assert (again.id, again.epoch, again.salt, again.tree.nodes) == (
        state.id,
        1,
        state.salt,
        dict(sorted(state.tree.nodes.items())),
    )
    assert from_root(9).hex()[:32] == "3459bafe8ef6a3fcb855998a1e894b12"
    assert len(state.packed()) == 4116


# --- the stored form ----------------------------------------------------------------------------------


def golden_sealing() -> Sealing:
    return Sealing(ContentKeys(KeyState.fresh(ROOT, b"s" * 32, b"i" * 16)), Path("log"))


TOLD = Event(
    seq=7, id="e7", at_us=1_767_225_600_000_000, kind="memory.remembered", actor="operator", cause="q1",
    body={"id": "m12", "text": "Grüße"}, labels=Labels(integrity="external", sources=("doc1",)), prev_mac=b"\x01" * 32,
)  # fmt: skip


def test_an_event_is_sealed_into_the_same_bytes_for_ever() -> None:
    """A difference here means that the form changed: then logs of today could not be read."""
    stored = golden_sealing().event(TOLD)
    assert hashlib.blake2b(stored, digest_size=16).hexdigest() == "a9eba6271da009b540f8818d9ab96b36"
    assert golden_sealing().open_event(7, stored) == TOLD


def test_a_value_and_a_blob_are_sealed_into_the_same_bytes_for_ever() -> None:
    note = Memory(id="m12", seq=7, text="Grüße", at_us=1, labels=OPERATOR)
    value, blob = golden_sealing().entity(note, b"memory\0m12"), golden_sealing().blob("ab" * 32, b"%PDF")
    assert hashlib.blake2b(value, digest_size=16).hexdigest() == "bb6cded9db73d03d08371bbde7dbf8d3"
    assert hashlib.blake2b(blob, digest_size=16).hexdigest() == "1298d3a11ca0a4c71e1dcb834dfa5b66"
    assert golden_sealing().open_entity(Memory, b"memory\0m12", value) == note
    assert golden_sealing().open_blob("ab" * 32, blob) == b"%PDF"


def test_sealed_bytes_cannot_be_moved_to_another_place() -> None:
    sealing = golden_sealing()
    note = Memory(id="m12", seq=7, text="Grüße", at_us=1, labels=OPERATOR)
    with pytest.raises(LogCorrupt, match="cannot be opened"):
        sealing.open_value(b"memory\0m13", sealing.entity(note, b"memory\0m12"))
    with pytest.raises(LogCorrupt, match="stands under"):
        sealing.open_event(8, sealing.event(TOLD))
