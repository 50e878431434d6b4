"""The hybrid index: catalogue, words and vectors in one folder, answering as one.

Promises filters apply before ranking; a part that cannot be trusted is empty, behind, and filled again by whoever
         feeds rows from `applied.feed_from` on, while the other part answers. Another embedder gets a part of its
         own; the old one answers until the new one has every row. While an embedder cannot be asked, words are
         indexed and its vectors stay behind.
Leaves   which rows there are to the caller, the numbers to `Weights`.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.language import language_of
from ..embedders.api import Embedder, Vectors
from ..store.files import PRIVATE_FOLDER
from .answering import Answering, Asked, Side
from .api import LIMIT_MAX, QUESTIONS_MAX, Applied, Find, Question, Row
from .catalogue import CURRENT, Catalogue, Entry, Put, digest_of
from .keyword import KeywordPart, Text
from .sealed import Doubt, read_note, write_note
from .vectors import VectorPart
from .weights import Weights

VECTORS_REST_S = 30.0  # After an embedder could not be asked, rows are taken in without it for so long.

log = logging.getLogger("quarterdeck.recall")


class _Answering(msgspec.Struct, frozen=True):
    """Note of which embedder's vectors answer."""

    embedder: str


class HybridIndex:
    """An Index (see api.py). Made by `open`, ended by `close`; `tidy` and `fold` belong to quiet moments."""

    VERSION: ClassVar[str] = "hybrid-2"  # Names the folder: what another version wrote is not looked at.

    def __init__(
        self, folder: Path, catalogue: Catalogue, keyword: KeywordPart, answering: Side | None, coming: Side | None,
        weights: Weights, language: str, now_us: Callable[[], int],
    ) -> None:  # fmt: skip
        self._folder, self._catalogue, self._keyword = folder, catalogue, keyword
        self._answering, self._coming = answering, coming
        self._language, self._now_us = language, now_us
        self._answers = Answering(catalogue, keyword, weights, language)
        self._writing = threading.Lock()
        self._state = threading.Lock()  # Held while columns change, and while a search reads them.
        self._learned = False  # Something that is not noted yet.

    @classmethod
    def open(
        cls,
        folder: Path,
        embedder: Embedder | None,
        *,
        former: Callable[[str], Embedder | None] = lambda id: None,
        weights: Weights | None = None,
        language: str = "en",
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> HybridIndex:
        """Open what is there and can be trusted; the rest is empty and behind.

        embedder: None for words alone.  former: opens the embedder whose vectors are there, None when it cannot.
        language: of rows that do not say and whose text does not tell.  Raises LogLocked, OSError.
        """
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        catalogue = Catalogue.open(folder)
        keyword = KeywordPart.open(folder / "words", catalogue.generation, catalogue.step)
        answering, coming = _sides(folder, catalogue, embedder, former)
        return cls(folder, catalogue, keyword, answering, coming, weights or Weights(), language, now_us)

    @property
    def applied(self) -> Applied:
        answering, coming = self._answering, self._coming
        sides = [side.part.seq for side in (answering,) if side is not None]
        seq = min([self._catalogue.seq, self._keyword.seq, *sides])
        feed_from = min([seq, *([coming.part.seq] if coming else [])])
        return Applied(
            seq=seq,
            embedder=answering.embedder.id if answering else "",
            rows=self._catalogue.rows,
            migrating_to=coming.embedder.id if coming else "",
            migrated=coming.part.rows if coming else 0,
            fed=self._catalogue.seq,
            feed_from=feed_from,
            anchor=self._catalogue.anchor,
        )

    # --- putting ---

    def put(
        self,
        rows: Sequence[Row],
        *,
        removed: Sequence[str] = (),
        seq: int,
        after: int | None = None,
        at: int | None = None,
        erased: Sequence[str] = (),
        anchor: str = "",
    ) -> None:
        """Replace rows by id, drop the removed ids, then note `seq`. Give it many rows at a time.

        after: the position from which on the caller has fed everything; a part that is behind it takes the rows
        and stays behind. None: everything up to `seq` has been fed.
        at, erased, anchor: see `Feed`.
        """
        with self._writing:
            texts, gone = self._sorted_out(rows, removed)
            gone = (*gone, *self._catalogue.keys_of(erased))
            known = self._catalogue.count
            old = at is not None and at <= self._catalogue.seq
            changed = tuple(
                entry for entry, _ in texts if entry.key >= known or not (old or self._catalogue.same(entry))
            )
            reached = _reached(self._catalogue.seq, seq, after)
            put = Put(self._catalogue.step + 1, reached, changed, gone, anchor if reached == seq else "")
            ended = frozenset(entry.key for entry in changed if entry.key < known and self._ends(entry))
            if changed or gone or put.seq > self._catalogue.seq:
                self._catalogue.write(put)
                with self._state:
                    self._catalogue.take(put)
            fresh = [(entry, row) for entry, row in texts if entry.key >= known or self._keyword.seq <= row.from_seq]
            self._index_words(fresh, gone, seq, after)  # First: an embedder may take its time, words need not wait.
            for side in (self._answering, self._coming):
                if side is not None:
                    self._unlearn(side, [(entry.key, row) for entry, row in texts if entry.key in ended])
                    self._embed(side, texts, seq, after)
            self._take_over()

    def _ends(self, entry: Entry) -> bool:
        """Whether a row that holds now holds no longer with this entry."""
        return entry.to_seq != CURRENT and self._holds_now(entry.key)

    def _holds_now(self, key: int) -> bool:
        return int(self._catalogue.columns["to_seq"][key]) == CURRENT

    def _unlearn(self, side: Side, ended: Sequence[tuple[int, Row]]) -> None:
        """What holds no longer counts no longer for how rare its words are. Before `_embed`: what it has was learned."""
        there = side.part.has([key for key, _ in ended])
        if words := [_said(row) for (_, row), had in zip(ended, there, strict=True) if had]:
            side.embedder.learn(words, forget=True)
            self._learned = True

    def _sorted_out(
        self, rows: Sequence[Row], removed: Sequence[str]
    ) -> tuple[list[tuple[Entry, Row]], tuple[int, ...]]:
        """Give every row its key, and name the keys that go. A row whose text changed is a new one."""
        free = self._catalogue.count
        gone = [key for key in map(self._catalogue.key_of, removed) if key is not None]
        entries: list[tuple[Entry, Row]] = []
        for row in {row.id: row for row in rows}.values():
            language = row.language or language_of(row.text) or self._language
            key = self._catalogue.key_of(row.id)
            if key is not None and int(self._catalogue.columns["digest"][key]) != digest_of(row, language):
                gone.append(key)
                key = None
            entries.append((self._catalogue.entry(free if key is None else key, row, language), row))
            free += key is None
        return entries, tuple(gone)

    def _embed(self, side: Side, texts: Sequence[tuple[Entry, Row]], seq: int, after: int | None) -> None:
        has = side.part.has([entry.key for entry, _ in texts])
        lacking = [pair for pair, there in zip(texts, has, strict=True) if not there]
        readable = [pair for pair in lacking if not (side.embedder.remote and pair[1].sensitivity == "secret")]
        words = [_said(row) for _, row in readable]
        learned = [_said(row) for entry, row in readable if self._holds_now(entry.key)]
        vectors = self._asked(side, words, learned) if words else np.empty((0, side.embedder.dimension), np.float32)
        if vectors is None:
            words, readable, vectors = [], [], np.empty((0, side.embedder.dimension), np.float32)
            side.lacks = True
        reached = self._vectors_reach(side, seq, after)
        if words or reached > side.part.seq:
            keys = [entry.key for entry, _ in readable]
            side.part.put(keys, vectors, seq=reached, step=self._catalogue.step)

    def _asked(self, side: Side, words: list[str], learned: list[str]) -> Vectors | None:
        """The vectors of texts, of which some are learned from; None while the embedder cannot be asked."""
        if time.monotonic() < side.rests_until_s:
            return None
        try:
            side.embedder.learn(learned)
            self._learned = True
            return side.embedder.documents(words)
        except QuarterdeckError as error:
            log.warning("rows are taken in without vectors for %.0f s: %s", VECTORS_REST_S, error.message)
            side.rests_until_s = time.monotonic() + VECTORS_REST_S
            return None

    def _vectors_reach(self, side: Side, seq: int, after: int | None) -> int:
        """How far vectors go after a put. What is fed in several puts must all have been embedded: the last tells."""
        lacks, last = side.lacks, seq != after
        side.lacks = lacks and not last
        return side.part.seq if lacks else _reached(side.part.seq, seq, after)

    def _index_words(
        self, fresh: Sequence[tuple[Entry, Row]], gone: Sequence[int], seq: int, after: int | None
    ) -> None:
        reached = _reached(self._keyword.seq, seq, after)
        texts = [Text(entry.key, row.title, row.text, entry.language) for entry, row in fresh]
        if texts or gone or reached > self._keyword.seq:
            self._keyword.put(texts, gone, seq=reached, step=self._catalogue.step)

    def _take_over(self) -> None:
        """The coming vectors answer once they go as far as the words; the old ones are removed."""
        if self._coming is None or self._coming.part.seq < self._keyword.seq:
            return
        old, self._answering, self._coming = self._answering, self._coming, None
        self._answering.part.note_learned(self._answering.embedder.learned())
        write_note(self._folder / "answering.json", _Answering(self._answering.embedder.id))
        if old is not None:
            old.part.close()
            shutil.rmtree(old.part.folder)

    def holds(self, entities: Sequence[str]) -> bool:
        """Whether there is a row of any of these."""
        with self._writing:
            return bool(self._catalogue.keys_of(entities))

    # --- quiet moments ---

    @property
    def stands(self) -> bool:
        """Whether its folder is still there."""
        return (self._folder / "answering.json").exists() or (self._folder / "rows.save").exists()

    def tidy(self) -> None:
        """Save what has grown long, note what was learned. Takes milliseconds; `fold` takes longer."""
        with self._writing:
            self._keyword.tidy()
            self._catalogue.tidy()
            if self._learned:
                self._note_learned()

    def ripe(self, *, quiet: bool = False) -> bool:
        """Whether so many vectors have come that a graph should take them in; fewer will do when it is quiet."""
        return bool(self._ripe_sides(quiet))

    def fold(self, *, quiet: bool = False) -> None:
        """Build graphs over what has come. Takes seconds; searches and puts go on. Raises OSError."""
        for side in self._ripe_sides(quiet):
            side.part.fold()

    def _ripe_sides(self, quiet: bool) -> list[Side]:
        sides = (self._answering, self._coming)
        return [side for side in sides if side is not None and side.part.ripe(quiet=quiet)]

    def _note_learned(self) -> None:
        for side in (self._answering, self._coming):
            if side is not None:
                side.part.note_learned(side.embedder.learned())
        self._learned = False

    def close(self) -> None:
        with self._writing:
            self._note_learned()
            self._catalogue.tidy(all=True)
            self._catalogue.close()
            self._keyword.close()  # Last, since it may wait for a merge, and whoever ends us may not.
            for side in (self._answering, self._coming):
                if side is not None:
                    side.part.close()

    def abandon(self) -> None:
        """Stop writing, save nothing: the folder goes. Searches are answered until the index itself goes."""
        with self._writing:
            self._keyword.abandon()
            self._catalogue.close()
            for side in (self._answering, self._coming):
                if side is not None:
                    side.part.close()

    # --- searching ---

    @property
    def words_only(self) -> bool:
        """Whether meaning does not count now: there is no embedder, or it could not be asked a moment ago."""
        return self._answering is None or self._answering.embedder.resting

    def search(self, questions: Sequence[Question]) -> list[list[Find]]:
        """Best first, at most `limit` each; an empty list when nothing is relevant. Raises `out_of_range`."""
        if len(questions) > QUESTIONS_MAX:
            raise QuarterdeckError("out_of_range", f"{len(questions)} questions; at most {QUESTIONS_MAX} at once")
        for question in questions:
            if not 1 <= question.limit <= LIMIT_MAX:
                raise QuarterdeckError("out_of_range", f"limit is {question.limit}; it must be 1 to {LIMIT_MAX}")
        side, now_us = self._answering, self._now_us()
        asked = [self._answers.asked(question) for question in questions]
        vectors = _vectors_of(side, asked, self._answers.likened)
        found: list[list[Find]] = []
        for one, vector in zip(asked, vectors, strict=True):
            with self._state:
                found.append(self._answers.answer(one, side, vector, now_us))
        return found


def _vectors_of(
    side: Side | None, asked: Sequence[Asked], likened: Callable[[Asked], tuple[str, ...]]
) -> Sequence[Vectors | None]:
    """For each question a row for every text that `likened` gives of it; None where likeness does not count."""
    if side is None:
        return [None] * len(asked)
    texts = [() if one.question.mode == "keyword" else likened(one) for one in asked]
    every = list(itertools.chain(*texts))
    made = iter(side.embedder.queries(every)) if every else iter(())
    return [np.stack([next(made) for _ in some]) if some else None for some in texts]


def _said(row: Row) -> str:
    """Title and text. A title that only repeats how the text begins would count its words twice."""
    return row.text if row.text.startswith(row.title) else f"{row.title}\n{row.text}"


def _reached(had: int, seq: int, after: int | None) -> int:
    """How far a part goes after a put: no further than before when it lacks what came before `after`."""
    return max(had, seq) if after is None or had >= after else had


def _sides(
    folder: Path, catalogue: Catalogue, embedder: Embedder | None, former: Callable[[str], Embedder | None]
) -> tuple[Side | None, Side | None]:
    """The vectors that answer, and those that will when they are complete."""
    if embedder is None:
        return None, None
    try:
        before = read_note(folder / "answering.json", _Answering).embedder
    except Doubt:
        before = embedder.id
        write_note(folder / "answering.json", _Answering(before))
    new = _opened(folder, catalogue, embedder)
    if before == embedder.id:
        _remove_others(folder, [new])
        return new, None
    old_embedder = former(before)
    old = _opened(folder, catalogue, old_embedder) if old_embedder is not None else None
    _remove_others(folder, [side for side in (new, old) if side is not None])
    return old, new


def _opened(folder: Path, catalogue: Catalogue, embedder: Embedder) -> Side:
    part = VectorPart.open(folder, embedder.id, embedder.dimension, catalogue.generation, catalogue.step)
    with _doubtful(part):
        embedder.recollect(part.learned)
    return Side(embedder, part)


@contextlib.contextmanager
def _doubtful(part: VectorPart) -> Iterator[None]:
    try:
        yield
    except ValueError:
        part.note_learned(b"")  # Of another version of the embedder: its words count anew from here on.


def _remove_others(folder: Path, kept: Sequence[Side]) -> None:
    names = {side.part.folder for side in kept}
    for path in folder.glob("vectors-*"):
        if path not in names:
            shutil.rmtree(path)
