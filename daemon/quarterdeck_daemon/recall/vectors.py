"""The vector side of recall: one embedder's vectors, by key.

Owns     its folder, whose name carries embedder and dimension. `applied.json` names the files that count:
         `base-N.usearch`, an HNSW graph of eight bits a number, which only says what to look at; `base-N.rows`,
         the same vectors in half precision, which say how near it is; both mapped, never written to, with their
         SHA-256; `side-N.log`, vectors that came since, also held in memory and searched exactly.
Promises what is not exactly what was written is not opened: the part begins anew at position 0. A kill at any
         moment leaves the old files or the new ones, because the note that names them is replaced at once.
Leaves   which keys count to the caller's mask, so a row that is gone needs no change here.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from ..embedders.api import Vectors
from ..store.files import PRIVATE_FOLDER
from .catalogue import Mask
from .graph import Base, fresh_files, graph_to_grow, open_base, save_graph
from .journal import Journal
from .matrix import Keys, write_matrix
from .sealed import Doubt, file_hash, read_note, read_sealed, write_note, write_sealed

VERSION = "vectors-2"
SIDE_ROWS_MAX = 5_000  # Up to so many are searched exactly; a store of that size needs no graph.
SIDE_SHARE_MAX = 0.05  # Of the graph: copying it for every few rows would cost more than it saves.
QUIET_ROWS_MAX, QUIET_SHARE_MAX = 500, 0.005  # The same while nothing else is to do.
EXACT_ROWS_MAX = 2_000  # Of the graph's rows that pass a filter: then looking at each is quicker.
FETCHED_MAX = 4_000  # Asked of the graph at most, when a filter lets few through.
BUILD_THREADS = max(1, (os.cpu_count() or 2) // 2)  # The others embed and answer meanwhile.
BUILT_AT_ONCE = 1_000  # Vectors between two looks whether it is still wanted.
NOWHERE, IN_GRAPH = -1, -2  # Where the vector of a key is: from 0 on its row in the side, from -2 down in the base.
_log = logging.getLogger(__name__)

Scores = npt.NDArray[np.float32]


class Applied(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The note. graph, rows: SHA-256 of the two files of the base, "" when there is none; step, seq: as of its save.

    learned: whether the file of that name must be there.
    """

    version: str
    embedder: str
    dimension: int
    generation: str
    number: int
    graph: str
    rows: str
    learned: bool
    step: int
    seq: int


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    step: int
    seq: int
    keys: bytes
    vectors: bytes


class VectorPart:
    """One writer, any number of readers; `fold` may run beside both."""

    def __init__(self, folder: Path, applied: Applied, base: Base | None) -> None:
        self._folder, self._applied, self._base = folder, applied, base
        self._side_keys: Keys = np.empty(0, np.int64)
        self._side: Vectors = np.empty((0, applied.dimension), np.float32)
        self._side_rows = 0
        self._places: Keys = np.empty(0, np.int64)
        self._place_base()
        self._swap = threading.Lock()  # Held for the moment in which files or arrays change places.
        self.step, self.seq = applied.step, applied.seq
        self._journal: Journal | None = None
        self._closed = False

    @classmethod
    def open(cls, root: Path, embedder: str, dimension: int, generation: str, step: int) -> VectorPart:
        """Open the part of this embedder that goes with the catalogue, or begin a new one."""
        folder = root / f"vectors-{embedder}-{dimension}"
        try:
            applied, base = _trusted(folder, generation, step)
        except Doubt as doubt:
            if folder.exists():
                _log.warning("the vectors of %s are made anew: %s", embedder, doubt)
                shutil.rmtree(folder)
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
            applied, base = _nothing(embedder, dimension, generation, step), None
            write_note(folder / "applied.json", applied)
        part = cls(folder, applied, base)
        part._replay(step)
        _clear(folder, applied.number)
        return part

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def rows(self) -> int:
        return self._base_rows + self._side_rows

    @property
    def _base_rows(self) -> int:
        return len(self._base.matrix) if self._base is not None else 0

    @property
    def learned(self) -> bytes:
        """What the embedder had learned when this was last noted."""
        return read_sealed(self._folder / "learned") if self._applied.learned else b""

    def has(self, keys: Sequence[int]) -> Mask:
        """Whether there is a vector for each."""
        with self._swap:
            there: Mask = self._places_of(np.asarray(keys, np.int64)) != NOWHERE
        return there

    def _places_of(self, keys: Keys) -> Keys:
        known = np.full(len(keys), NOWHERE, np.int64)
        old = keys < len(self._places)
        known[old] = self._places[keys[old]]
        return known

    def _place_base(self) -> None:
        if self._base is not None:
            self._place(self._base.matrix.keys, IN_GRAPH - np.arange(len(self._base.matrix)))

    def _place(self, keys: Keys, places: Keys) -> None:
        if len(keys) and (top := int(keys.max())) >= len(self._places):
            more = max(top + 1, int(len(self._places) * 1.5)) - len(self._places)
            self._places = np.concatenate([self._places, np.full(more, NOWHERE, np.int64)])
        self._places[keys] = places

    # --- writing ---

    def put(self, keys: Sequence[int], vectors: Vectors, *, seq: int, step: int) -> None:
        """Add vectors of new keys; rows of zeros say nothing and are left out. Durable on return."""
        telling = np.flatnonzero(np.any(vectors, axis=1))
        kept, chosen = np.asarray(keys, np.int64)[telling], vectors[telling]
        frame = _Frame(step, seq, kept.astype("<u4").tobytes(), chosen.astype("<f2").tobytes())
        with self._swap:
            assert self._journal is not None, "opened with a journal"
            self._journal.append(msgspec.msgpack.encode(frame))
            self._take(frame)

    def note_learned(self, learned: bytes) -> None:
        """Keep what the embedder has learned."""
        if not learned and not self._applied.learned:
            return
        with self._swap:
            write_sealed(self._folder / "learned", learned)
            if not self._applied.learned:
                self._applied = msgspec.structs.replace(self._applied, learned=True)
                write_note(self._folder / "applied.json", self._applied)

    def _take(self, frame: _Frame) -> None:
        keys = np.frombuffer(frame.keys, "<u4").astype(np.int64)
        vectors = np.frombuffer(frame.vectors, "<f2").astype(np.float32).reshape(len(keys), self._applied.dimension)
        end = self._side_rows + len(keys)
        if end > len(self._side_keys):
            more = max(end, int(len(self._side_keys) * 1.5), 256) - len(self._side_keys)
            self._side_keys = np.concatenate([self._side_keys, np.zeros(more, np.int64)])
            self._side = np.concatenate([self._side, np.zeros((more, self._side.shape[1]), np.float32)])
        if len(keys):
            self._side_keys[self._side_rows : end] = keys
            self._side[self._side_rows : end] = vectors
            self._place(keys, np.arange(self._side_rows, end))
        self._side_rows = end
        self.step, self.seq = frame.step, max(self.seq, frame.seq)

    def _replay(self, step: int) -> None:
        """Take what came since the graph was saved; what the catalogue does not know of is cut off."""

        def known(data: bytes) -> bool:
            return msgspec.msgpack.decode(data, type=_Frame).step <= step

        self._journal, frames = Journal.open(self._folder / f"side-{self._applied.number}.log", known)
        for data in frames:
            self._take(msgspec.msgpack.decode(data, type=_Frame))

    def close(self) -> None:
        """A fold that is under way comes to nothing."""
        assert self._journal is not None, "opened with a journal"
        with self._swap:
            self._closed = True
            self._journal.close()

    # --- folding the side into the graph ---

    def ripe(self, *, quiet: bool) -> bool:
        """Whether the side has grown so that a graph should take it in. quiet: nobody waits for the processor."""
        rows, share = (QUIET_ROWS_MAX, QUIET_SHARE_MAX) if quiet else (SIDE_ROWS_MAX, SIDE_SHARE_MAX)
        return self._side_rows + self._base_rows > SIDE_ROWS_MAX and self._side_rows > max(
            rows, share * self._base_rows
        )

    def fold(self) -> None:
        """Build the graph with all that is here now, save it beside, and put it in place of the old one.

        Searches and puts go on meanwhile. Raises OSError; then everything is as it was.
        """
        with self._swap:
            rows, number, before = self._side_rows, self._applied.number + 1, self._base
            keys, vectors = self._side_keys[:rows].copy(), self._side[:rows].copy()
            step, seq = self.step, self.seq
        grown = graph_to_grow(self._graph_path(number - 1) if before is not None else None, vectors.shape[1])
        for begin in range(0, rows, BUILT_AT_ONCE):
            if self._closed:
                return
            some = slice(begin, begin + BUILT_AT_ONCE)
            grown.add(keys[some].astype(np.uint64), vectors[some], threads=BUILD_THREADS)
        with fresh_files(self._folder) as (graph, matrix):
            rows_hash = write_matrix(matrix, before.matrix if before is not None else None, keys, vectors)
            graph_hash = save_graph(grown, graph)
            del grown
            with self._swap:
                if self._closed:
                    return
                applied = msgspec.structs.replace(
                    self._applied, number=number, graph=graph_hash, rows=rows_hash, step=step, seq=seq
                )
                graph.replace(self._graph_path(number))
                matrix.replace(self._rows_path(number))
                self._replace(open_base(self._graph_path(applied.number), applied.dimension), rows, applied)

    def _replace(self, base: Base, rows: int, applied: Applied) -> None:
        """The new files are complete before the note names them; the old ones go afterwards."""
        assert self._journal is not None, "opened with a journal"
        (self._folder / f"side-{applied.number}.log").unlink(missing_ok=True)
        journal, _ = Journal.open(self._folder / f"side-{applied.number}.log")
        keys, vectors = self._side_keys[rows : self._side_rows].copy(), self._side[rows : self._side_rows].copy()
        frame = _Frame(self.step, self.seq, keys.astype("<u4").tobytes(), vectors.astype("<f2").tobytes())
        journal.append(msgspec.msgpack.encode(frame))
        write_note(self._folder / "applied.json", applied)
        old, self._journal = self._journal, journal
        old.close()
        self._applied, self._base = applied, base
        self._side_keys, self._side, self._side_rows = keys, vectors, len(keys)
        self._place_base()
        self._place(keys, np.arange(len(keys)))
        _clear(self._folder, applied.number)

    def _graph_path(self, number: int) -> Path:
        return self._folder / f"base-{number}.usearch"

    def _rows_path(self, number: int) -> Path:
        return self._folder / f"base-{number}.rows"

    # --- searching ---

    def search(self, query: Vectors, mask: Mask, passing: int, limit: int) -> tuple[Keys, Scores]:
        """Up to about `limit` keys of the mask (`passing` of them are true) with their cosine to the query."""
        with self._swap:
            base, places = self._base, self._places
            side_keys, side = self._side_keys[: self._side_rows], self._side[: self._side_rows]
        found = [_exact(side_keys, side, query, mask, limit)]
        if base is not None:
            found.append(_in_base(base, places, query, mask, passing, limit))
        keys, scores = np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])
        best = np.argsort(-scores, kind="stable")[:limit]
        return keys[best], scores[best]

    def cosines(self, keys: Keys, query: Vectors) -> Scores:
        """The cosine of each key to the query; 0 for a key without a vector."""
        with self._swap:
            base, side, places = self._base, self._side, self._places_of(keys)
        result = np.zeros(len(keys), np.float32)
        beside, within = np.flatnonzero(places >= 0), np.flatnonzero(places <= IN_GRAPH)
        result[beside] = side[places[beside]] @ query
        if len(within):
            assert base is not None, "a place in the graph means that there is one"
            result[within] = base.matrix.at(IN_GRAPH - places[within]) @ query
        return result


def _exact(keys: Keys, vectors: Vectors, query: Vectors, mask: Mask, limit: int) -> tuple[Keys, Scores]:
    passing = np.flatnonzero(mask[keys])
    scores = vectors @ query if len(passing) > len(keys) // 2 else None
    scores = scores[passing] if scores is not None else vectors[passing] @ query
    if len(passing) > limit:
        best = np.argpartition(-scores, limit)[:limit]
        passing, scores = passing[best], scores[best]
    return keys[passing], scores.astype(np.float32)


def _in_base(base: Base, places: Keys, query: Vectors, mask: Mask, passing: int, limit: int) -> tuple[Keys, Scores]:
    if passing <= EXACT_ROWS_MAX:
        few = np.flatnonzero(mask[base.matrix.keys])
        scores = base.matrix.at(few) @ query
        best = np.argsort(-scores, kind="stable")[:limit]
        return base.matrix.keys[few[best]], scores[best].astype(np.float32)
    wanted = math.ceil(limit * 1.2 * len(mask) / passing)
    while True:
        asked = min(wanted, FETCHED_MAX, len(base.matrix))
        keys = base.graph.search(query, asked, threads=1).keys.astype(np.int64)
        kept = keys[mask[keys]][:limit]
        if len(kept) >= limit or asked < wanted or asked == len(base.matrix):
            return kept, (base.matrix.at(IN_GRAPH - places[kept]) @ query).astype(np.float32)
        wanted *= 4


def _trusted(folder: Path, generation: str, step: int) -> tuple[Applied, Base | None]:
    """Read the note and verify the files that it names. Raises Doubt."""
    applied = read_note(folder / "applied.json", Applied)
    if applied.version != VERSION or applied.generation != generation or applied.step > step:
        raise Doubt("they belong to another catalogue")
    if not (folder / f"side-{applied.number}.log").exists():
        raise Doubt("a file is missing")
    if applied.learned:
        read_sealed(folder / "learned")
    if not applied.graph:
        return applied, None
    for suffix, hash in (("usearch", applied.graph), ("rows", applied.rows)):
        if _hash_or_none(folder / f"base-{applied.number}.{suffix}") != hash:
            raise Doubt(f"base-{applied.number}.{suffix} is not what was written")
    return applied, open_base(folder / f"base-{applied.number}.usearch", applied.dimension)


def _hash_or_none(path: Path) -> str | None:
    try:
        return file_hash(path)
    except OSError:
        return None


def _nothing(embedder: str, dimension: int, generation: str, step: int) -> Applied:
    return Applied(
        version=VERSION,
        embedder=embedder,
        dimension=dimension,
        generation=generation,
        number=0,
        graph="",
        rows="",
        learned=False,
        step=step,
        seq=0,
    )


def _clear(folder: Path, number: int) -> None:
    """Remove the files of other saves."""
    for path in folder.iterdir():
        stale = path.name.startswith(("base-", "side-")) and path.stem.partition("-")[2] != str(number)
        if stale or path.suffix == ".new":
            path.unlink(missing_ok=True)
