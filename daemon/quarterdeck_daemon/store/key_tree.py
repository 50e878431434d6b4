"""A tree of keys from which single keys can be taken out for good.

A pseudo-random function after Goldreich, Goldwasser and Micali ("How to construct random functions", 1986), made
puncturable as by Boneh and Waters (2013): every node is a key, a child's key is a hash of its parent's, and the
leaf of an index is the key of that index. Whoever holds the root holds all 2^64 keys in 32 bytes. To take a leaf
out, the root is replaced by the siblings of the path to that leaf (at most 96 nodes): from these every other leaf
still follows, and this one does not, because the hash has no way back.

A node is written as one number: 1 is the root, and the children of n are 4n to 4n + 3. So the leaf of an index
is 2^64 + index, and a parent is n >> 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

LEVEL_BITS = 2
LEAF = 1 << 64
INDEX_MAX = LEAF - 1
ROOT = 1
NODE_BYTES = 32
LEAF_BYTES = 64  # An AES-256-SIV key.
MEMO_MAX = 8_192  # Nodes on the paths of late; neighbours share nearly all of theirs.


class KeyTree:
    """The nodes that are left. Never changes: `without` makes another tree."""

    def __init__(self, nodes: Mapping[int, bytes]) -> None:
        self.nodes = nodes
        self._memo: dict[int, bytes] = {}

    @classmethod
    def whole(cls, root: bytes) -> KeyTree:
        assert len(root) == NODE_BYTES, "a root has as many bytes as any node"
        return cls({ROOT: root})

    def leaf(self, index: int) -> bytes | None:
        """Return the key of an index, None when it was taken out."""
        at = LEAF | index
        path: list[int] = []
        while at:
            key = self.nodes.get(at) or self._memo.get(at)
            if key is not None:
                return self._down(key, path)
            path.append(at)
            at >>= LEVEL_BITS
        return None

    def _down(self, key: bytes, path: list[int]) -> bytes:
        if len(self._memo) > MEMO_MAX:
            self._memo.clear()
        for node in reversed(path):
            key = child_key(key, node)
            if node < LEAF:
                self._memo[node] = key
        return key

    def without(self, indexes: Iterable[int]) -> KeyTree:
        """Return the tree in which these indexes have no key. Those that have none already stay so."""
        nodes = dict(self.nodes)
        for index in indexes:
            _take_out(nodes, LEAF | index)
        return KeyTree(nodes)


def child_key(parent: bytes, node: int) -> bytes:
    """The key of `node`, whose parent has the key `parent`. One block of BLAKE2b over a secret of fixed length."""
    size = NODE_BYTES if node < LEAF else LEAF_BYTES
    return hashlib.blake2b(parent + bytes((node & 3,)), digest_size=size).digest()


def _take_out(nodes: dict[int, bytes], leaf: int) -> None:
    at = leaf
    while at and at not in nodes:
        at >>= LEVEL_BITS
    if not at:
        return
    key = nodes.pop(at)
    while at != leaf:
        on_path = leaf >> (leaf.bit_length() - at.bit_length() - LEVEL_BITS)
        for node in range(at << LEVEL_BITS, (at + 1) << LEVEL_BITS):
            if node != on_path:
                nodes[node] = child_key(key, node)
        at, key = on_path, child_key(key, on_path)
