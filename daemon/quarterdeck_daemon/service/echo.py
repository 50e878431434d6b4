"""Echo: knows again what recall has shown, so that it is not taken for something new when it is remembered.

Owns     hashes of the pieces of text that were shown lately, each with the memory that it stands in. A piece ends
         where a sentence might: it is cut for each hit of each search, so quickly, and both sides alike.
Promises a text that consists mostly of such pieces is remembered as made from those memories: no more trusted than
         they are, and no source for extraction or summaries. Bounded; it forgets the oldest, and all with a restart.
Leaves   copies that are word for word a whole memory to the kernel, which knows them anyway.
"""

from __future__ import annotations

import re
from collections import OrderedDict

PIECES_MAX = 50_000
SHOWN_CHARS_MAX = 20_000  # Of one memory.
SHARE = 0.8  # Of the text's characters.
PARENTS_MAX = 50


_PIECES = re.compile(r"[.!?。！？\n]+")


class Echo:
    def __init__(self) -> None:
        self._seen: OrderedDict[int, str] = OrderedDict()

    def shown(self, id: str, text: str) -> None:
        """A memory was shown to somebody."""
        for piece in _pieces(text[:SHOWN_CHARS_MAX]):
            key = hash(piece)  # Another one in each process, and of no use outside of it.
            self._seen[key] = id
            self._seen.move_to_end(key)
        while len(self._seen) > PIECES_MAX:
            self._seen.popitem(last=False)

    def parents(self, text: str) -> tuple[str, ...]:
        """The memories (`memory:m1`) that a text repeats; none when most of it is new."""
        if not self._seen:
            return ()
        pieces = _pieces(text)
        repeated = {piece: id for piece in pieces if (id := self._seen.get(hash(piece))) is not None}
        same = sum(len(piece) for piece in pieces if piece in repeated)
        if same < SHARE * sum(map(len, pieces)) or not same:
            return ()
        return tuple(dict.fromkeys(f"memory:{id}" for id in repeated.values()))[:PARENTS_MAX]


def _pieces(text: str) -> list[str]:
    """Without regard to case and white space."""
    cut = (" ".join(piece.split()) for piece in _PIECES.split(text.casefold()))
    return [piece for piece in cut if piece]
