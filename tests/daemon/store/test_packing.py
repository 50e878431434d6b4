"""Content is made smaller before it is sealed, and reads the same for ever."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_daemon.core.entities import Memory
from quarterdeck_daemon.store.codec import joined, pack_entity, payload, seq_key, with_payload
from quarterdeck_daemon.store.content_keys import ContentKeys, KeyState
from quarterdeck_daemon.store.packing import BYTES_MIN, DICTIONARIES, packed, unpacked
from quarterdeck_daemon.store.sealing import Sealing
from quarterdeck_protocol.labels import OPERATOR

NOTE = b"\x81\xa4text\xda\x01\x2c" + b"Anna prefers mail to calls and wants an offer by Friday. " * 6
# What the first version made of NOTE. Never change it: a log on some disk holds the like.
PACKED_BY_1 = "c1016b84d23a8e797989f02c0ecee1c0140a4c3339c5e0e40f290280c90f528000d3222443eb298c6a84968fd8020700"


@given(st.binary(max_size=10_000).filter(lambda one: one[:1] != b"\xc1"))
def test_what_was_packed_comes_out_as_it_was(plain: bytes) -> None:
    small = packed("memory:m1", plain)
    assert (unpacked(small), len(small) <= len(plain)) == (plain, True)


def test_a_note_of_english_takes_less_than_half() -> None:
    assert len(packed("memory:m1", NOTE)) < len(NOTE) / 2


def test_what_was_packed_by_an_earlier_version_is_read() -> None:
    assert unpacked(bytes.fromhex(PACKED_BY_1)) == NOTE


def test_a_dictionary_never_changes() -> None:
    """Another one gets a number of its own: content that was packed with the first is read with the first."""
    assert {number: hash_of(one) for number, one in DICTIONARIES.items()} == {1: "32d3bd902b67a75a"}


def hash_of(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


@pytest.mark.parametrize("subject", ["run:r1", "action:a1", "deadletter:x"])
def test_what_steps_write_is_not_packed(subject: str) -> None:
    assert packed(subject, NOTE) == NOTE


def test_short_content_is_left_alone() -> None:
    assert packed("memory:m1", b"a" * (BYTES_MIN - 1)) == b"a" * (BYTES_MIN - 1)


@pytest.mark.parametrize("raw", [b"\xc1", b"\xc1\x63rest", packed("memory:m1", NOTE)[:-4], b"\xc1\x01\xff\xff\xff"])
def test_nonsense_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        unpacked(raw)


def test_a_value_from_before_packing_is_read() -> None:
    """Sealed by hand as it was done before; opened by what opens today."""
    keys = ContentKeys(KeyState.fresh(bytes(32), bytes(32), bytes(16)))
    memory = Memory(id="m1", seq=1, text="word " * 100, at_us=1, labels=OPERATOR)
    key = joined("memory", "m1")
    value = pack_entity(memory)
    place = b"v" + key + b"\0" + seq_key(1)
    old = with_payload(value, keys.seal("memory:m1", payload(value), place))
    sealing = Sealing(keys, Path("log"))
    fresh = sealing.entity(memory, key)
    assert (sealing.open_entity(Memory, key, old), sealing.open_entity(Memory, key, fresh)) == (memory, memory)
    assert len(fresh) < len(old) / 2
