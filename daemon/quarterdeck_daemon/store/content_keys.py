"""The keys that content is sealed with: one for each subject, all of them derived from one small file.

Owns     `content.key`: what is left of the tree of keys (key_tree.py), readable by the owner alone.
Promises a new subject costs no write; after `forget` returns, the keys of what it named cannot be derived any
         more, by nobody, while all others stay as they were; a damaged, older or foreign file is refused.
Leaves   what a subject is to core/erasure.py, what is sealed to sealing.py.

A subject has an index of 64 bits in the tree. Of those that the house numbers itself the number is the index
(`memory:m12`), so that neighbours share the way through the tree. Names that people chose (a fact's key) are
hashed with a salt that moves one way at each forgetting: nobody can check by guessing who was forgotten, and a
name that comes back gets a fresh key.

The file: magic, id of the key (16 bytes), epoch (how often something was forgotten, 8), salt (32), number of
nodes (4), then for each node its level (1), its place on that level (8) and its key; BLAKE2b-128 of all before.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from .errors import LogCorrupt
from .files import replace_shredding
from .key_tree import LEAF, LEAF_BYTES, LEVEL_BITS, NODE_BYTES, KeyTree

FILE = "content.key"
INDEX_BYTES = 8
CIPHERS_MAX = 512  # Each holds about 4 KiB of OpenSSL; making one anew takes some ten microseconds.
_MAGIC = b"QDCK\0\0\0\1"
_HEAD = struct.Struct(">8s16sQ32sI")
_NODE = struct.Struct(">BQ")
_CHECK_BYTES = 16
_NUMBERED = re.compile(
    r"(memory:m|document:doc|run:r|action:a|alert:alert|receipt:|link:|event:|erasure:er)([1-9]\d{0,14})"
)
_CLASSES = {
    "memory:m": 1, "document:doc": 2, "run:r": 3, "action:a": 4, "alert:alert": 5, "receipt:": 6, "link:": 7,
    "event:": 8, "erasure:er": 9,
}  # fmt: skip
_CLASS_BITS = 8  # Class 0 holds the hashed names.
_NUMBER_BITS = 64 - _CLASS_BITS
_TRIES_MAX = 8


class KeyState:
    """One state of the keys: what the file says."""

    def __init__(self, id: bytes, epoch: int, salt: bytes, tree: KeyTree) -> None:
        self.id, self.epoch, self.salt, self.tree = id, epoch, salt, tree

    @classmethod
    def fresh(cls, root: bytes, salt: bytes, id: bytes) -> KeyState:
        return cls(id, 0, salt, KeyTree.whole(root))

    def without(self, indexes: Iterable[int]) -> KeyState:
        """The next epoch, in which these indexes have no key, and the salt of this one cannot be found again."""
        salt = hashlib.blake2b(self.salt, digest_size=32, person=b"next salt").digest()
        return KeyState(self.id, self.epoch + 1, salt, self.tree.without(indexes))

    def packed(self) -> bytes:
        nodes = self.tree.nodes
        parts = [_HEAD.pack(_MAGIC, self.id, self.epoch, self.salt, len(nodes))]
        for node in sorted(nodes):
            level = (node.bit_length() - 1) // LEVEL_BITS
            parts += (_NODE.pack(level, node - (1 << (level * LEVEL_BITS))), nodes[node])
        whole = b"".join(parts)
        return whole + _check(whole)

    @classmethod
    def unpacked(cls, path: Path, raw: bytes) -> KeyState:
        """Raises LogCorrupt when the bytes are not what was written."""
        whole, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
        if len(whole) < _HEAD.size or check != _check(whole) or not whole.startswith(_MAGIC):
            raise LogCorrupt(path, "the content key is damaged; without it the content of the log cannot be read")
        _, id, epoch, salt, count = _HEAD.unpack_from(whole)
        nodes: dict[int, bytes] = {}
        at = _HEAD.size
        for _ in range(count):
            level, place = _NODE.unpack_from(whole, at)
            node = (1 << (level * LEVEL_BITS)) + place
            at += _NODE.size
            size = NODE_BYTES if node < LEAF else LEAF_BYTES
            nodes[node] = whole[at : at + size]
            at += size
        return cls(id, epoch, salt, KeyTree(nodes))


class ContentKeys:
    """Seals and opens under the key of a subject. Without a path it lives in memory only."""

    def __init__(self, state: KeyState, path: Path | None = None) -> None:
        self._state, self._path = state, path
        self._ciphers: dict[int, AESSIV] = {}
        self._places: dict[str, tuple[bytes, AESSIV]] = {}

    @classmethod
    def found(cls, path: Path) -> ContentKeys:
        """Make new keys and keep them in `path`, durable on return."""
        state = KeyState.fresh(os.urandom(NODE_BYTES), os.urandom(32), os.urandom(16))
        replace_shredding(path, state.packed())
        return cls(state, path)

    @classmethod
    def read(cls, path: Path) -> ContentKeys | None:
        """Return the keys of the file, None without a file. Raises LogCorrupt when it is damaged."""
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        return cls(KeyState.unpacked(path, raw), path)

    @property
    def id(self) -> bytes:
        return self._state.id

    @property
    def epoch(self) -> int:
        return self._state.epoch

    def packed(self) -> bytes:
        """The file's content, for a copy of it."""
        return self._state.packed()

    def seal(self, subject: str, plain: bytes, associated: bytes) -> bytes:
        """Return index and sealed bytes. The same input gives the same output; `associated` says what it is."""
        place = self._places.get(subject)
        if place is None:
            place = self._place(subject)
        return place[0] + place[1].encrypt(plain, [associated])

    def open(self, sealed: bytes | memoryview, associated: bytes) -> bytes | None:
        """Return what was sealed, None when its key was forgotten. Raises InvalidTag when it was changed."""
        cipher = self._cipher(self.index_in(sealed))
        return None if cipher is None else cipher.decrypt(bytes(sealed[INDEX_BYTES:]), [associated])

    def knows(self, sealed: bytes) -> bool:
        """Whether the key of these sealed bytes is still there."""
        return self._cipher(self.index_in(sealed)) is not None

    @staticmethod
    def index_in(sealed: bytes | memoryview) -> int:
        """Where the key of these sealed bytes lies."""
        return int.from_bytes(sealed[:INDEX_BYTES], "big")

    def index_of(self, subject: str) -> int:
        """Where the key of the subject lies from now on."""
        match = _NUMBERED.fullmatch(subject)
        if match is not None:
            number = _CLASSES[match[1]] << _NUMBER_BITS | int(match[2])
            if self._cipher(number) is not None:
                return number
        for attempt in range(_TRIES_MAX):
            index = self._hashed(subject, attempt)
            if self._cipher(index) is not None:
                return index
        raise AssertionError("a hash of 56 bits does not meet a forgotten one so often")

    def forget(self, subjects: Iterable[str], indexes: Iterable[int] = ()) -> None:
        """Take out the keys of the subjects, and of indexes that were found stored. Durable on return."""
        self.use(self.written_without(subjects, indexes))

    def written_without(self, subjects: Iterable[str], indexes: Iterable[int]) -> KeyState:
        """Make the keys that are left and write them down, durable on return. `use` is the other half of forgetting.

        Slow with many; may run in a thread while others seal and open with the keys of before.
        """
        wanted = {*indexes, *(self.index_of(subject) for subject in subjects)}
        state = self._state.without(wanted)
        if self._path is not None:
            replace_shredding(self._path, state.packed())
        return state

    def use(self, state: KeyState) -> None:
        """From now on there are only these keys. What another thread derives of the old ones right now is not kept."""
        self._state = state
        self._ciphers, self._places = {}, {}

    def _place(self, subject: str) -> tuple[bytes, AESSIV]:
        """Index and cipher of a subject, as they are until something is forgotten."""
        places = self._places  # As in `_cipher`.
        cipher = None
        while cipher is None:  # Again only when its key was taken out between the two.
            index = self.index_of(subject)
            cipher = self._cipher(index)
        if len(places) >= CIPHERS_MAX:
            places.clear()  # All at once: taking out the oldest costs more than the few that are missed.
        place = places[subject] = (index.to_bytes(INDEX_BYTES, "big"), cipher)
        return place

    def _hashed(self, subject: str, attempt: int) -> int:
        size = _NUMBER_BITS // 8
        digest = hashlib.blake2b(
            subject.encode("utf-8", "surrogatepass"), key=self._state.salt, digest_size=size, salt=bytes((attempt,))
        ).digest()
        return int.from_bytes(digest, "big")

    def _cipher(self, index: int) -> AESSIV | None:
        ciphers = self._ciphers  # Before the state: what follows from older keys goes where nobody looks any more.
        cipher = ciphers.get(index)
        if cipher is None:
            key = self._state.tree.leaf(index)
            if key is None:
                return None
            if len(ciphers) >= CIPHERS_MAX:
                ciphers.clear()
            cipher = ciphers[index] = AESSIV(key)
        return cipher


def _check(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=_CHECK_BYTES).digest()


__all__ = ["FILE", "INDEX_BYTES", "ContentKeys", "InvalidTag", "KeyState"]
