"""Keeps an answer to its JSON Schema while it is written, and ends it inside its room.

Before each token the mask says what may come next. A token after which the rest would no longer fit into the room is
not taken; when several were not, the answer is ended the shortest way. So there is always an answer, and it is valid.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec
import numpy as np

from .acceptor import Acceptor
from .api import ModelFailure
from .asked import Validator, validator_of
from .draw import Draw, Logits
from .masks import Masks, Vocabulary
from .schema_grammar import BadSchema, Schema, compile_schema

TRIES = 8
KEPT_MAX = 8


class Guides:
    """Compiled schemas, those used last: compiling takes longer than a token."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._kept: OrderedDict[bytes, tuple[Acceptor, Masks, Validator]] = OrderedDict()

    def of(self, schema: Schema, room: int, end: int) -> Guide:
        """Raises ModelFailure `contract`: bad_schema, or too_long when no answer fits into `room` tokens."""
        key = msgspec.json.encode(schema)
        made = self._kept.pop(key, None)
        if made is None or made[0].worn:
            made = self._made(schema)
        self._kept[key] = made
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return Guide(made, self._vocabulary, room, end)

    def _made(self, schema: Schema) -> tuple[Acceptor, Masks, Validator]:
        validator = validator_of(schema)
        if not self._vocabulary.spells_all:
            raise ModelFailure(
                "contract", "bad_schema", "this model cannot spell every byte, so no schema can be kept to",
                "Ask it for text, or another model.",
            )  # fmt: skip
        try:
            acceptor = Acceptor(*compile_schema(schema))
        except BadSchema as error:
            raise ModelFailure(
                "contract", "bad_schema", f"an answer cannot be kept to this schema: {error}",
                "docs/models.md lists what a schema may use.",
            ) from error  # fmt: skip
        return acceptor, Masks(self._vocabulary, acceptor), validator


class Guide:
    """One answer on its way."""

    def __init__(self, made: tuple[Acceptor, Masks, Validator], vocabulary: Vocabulary, room: int, end: int) -> None:
        self._acceptor, self._masks, self._wrong = made
        self._pieces, self._room, self._end = vocabulary.pieces, room, end
        self._state = self._acceptor.start
        self._ending: list[int] = []
        self.hurried = False  # Whether something was not written for want of room.
        needed = self._masks.need(self._state)
        if needed > room:
            raise ModelFailure(
                "contract", "too_long",
                f"the shortest answer under this schema takes {needed} tokens, and only {room} are allowed",
                f"Ask with tokens_max of {needed} or, better, some times that.",
            )  # fmt: skip

    @property
    def over(self) -> bool:
        return not self._ending and self._acceptor.must_end(self._state)

    def choose(self, logits: Logits, draw: Draw) -> int | None:
        """Return the next token, None where the answer ends."""
        if self._acceptor.crowded:
            self._state = self._acceptor.forget(self._state)
            self._masks.forget()
        if not self._ending:
            chosen = self._free(logits, draw)
            if chosen is not None:
                return chosen if chosen != self._end else None
            self._ending = self._masks.ending(self._state)[::-1]
            if not self._ending:
                return None
        token = self._ending.pop()
        self._take(token)
        return token

    def _free(self, logits: Logits, draw: Draw) -> int | None:
        """What the model would like best of what fits; None when nothing did."""
        scores = np.where(self._masks.mask(self._state), logits, np.float32(-np.inf))
        if self._acceptor.may_end(self._state):
            scores[self._end] = logits[self._end]
        for _ in range(TRIES):
            token = draw.one(scores)
            if token is None or token == self._end:
                return token
            after = self._acceptor.advance(self._state, self._pieces[token] or b"")
            if self._masks.need(after) < self._room:
                self._state, self._room = after, self._room - 1
                return token
            scores[token], self.hurried = -np.inf, True
        return None

    def _take(self, token: int) -> None:
        self._state = self._acceptor.advance(self._state, self._pieces[token] or b"")
        self._room -= 1

    def value(self, text: str) -> object:
        """The answer as a value. Raises ModelFailure when it breaks the schema, which is then a fault of this program."""
        try:
            value = msgspec.json.decode(text)
            wrong = self._wrong(value)
        except msgspec.DecodeError as error:
            wrong = str(error)
        if wrong:
            raise ModelFailure("contract", "bad_answer", f"the answer breaks the schema: {wrong}")
        return value
