"""Echo: knows again what recall has shown, so that it is not taken for something new when it is remembered.

Owns     hashes of the sentences that were shown lately, each with the memory that it stands in.
Promises a text that consists mostly of such sentences is remembered as made from those memories: no more trusted than
         they are, and no source for extraction or summaries. Bounded; it forgets the oldest, and all with a restart.
Leaves   copies that are word for word a whole memory to the kernel, which knows them anyway.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict

from ..core.summary import sentences_of

SENTENCES_MAX = 50_000
SHOWN_CHARS_MAX = 20_000  # Of one memory.
SHARE = 0.8  # Of the text's characters.
PARENTS_MAX = 50


class Echo:
    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, str] = OrderedDict()
        self._key = os.urandom(16)

    def shown(self, id: str, text: str) -> None:
        """A memory was shown to somebody."""
        for sentence in sentences_of(text[:SHOWN_CHARS_MAX]):
            key = self._hash(sentence.text)
            self._seen[key] = id
            self._seen.move_to_end(key)
        while len(self._seen) > SENTENCES_MAX:
            self._seen.popitem(last=False)

    def parents(self, text: str) -> tuple[str, ...]:
        """The memories (`memory:m1`) that a text repeats; none when most of it is new."""
        if not self._seen:
            return ()
        sentences = sentences_of(text)
        repeated = {one.text: id for one in sentences if (id := self._seen.get(self._hash(one.text))) is not None}
        same = sum(len(one.text) for one in sentences if one.text in repeated)
        if same < SHARE * sum(len(one.text) for one in sentences) or not same:
            return ()
        return tuple(dict.fromkeys(f"memory:{id}" for id in repeated.values()))[:PARENTS_MAX]

    def _hash(self, sentence: str) -> bytes:
        words = " ".join(sentence.casefold().split())
        return hashlib.blake2b(words.encode(), digest_size=8, key=self._key).digest()
