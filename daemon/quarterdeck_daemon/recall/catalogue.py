"""What is known of every row but its text: columns by key, so that filters are arithmetic on arrays.

Owns     the keys: a row gets the next number when it comes in, and never another; the parts of the index know rows
         by key alone. Files `rows.save` (all columns, sealed) and `rows.log` (what came since).
Promises a put is durable here before any other part has it, so no part ever knows a key that means another row
         after a crash: a part with a later step, or of another generation, is not believed.
Leaves   words to keyword.py and vectors to vectors.py.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from ..store.files import PRIVATE_FOLDER
from .api import Row
from .journal import Journal
from .sealed import Doubt, read_sealed, write_sealed

VERSION = "rows-2"
CURRENT = 2**62  # `to_seq` of a row that nothing has replaced.
LOG_BYTES_MAX = 4 * 1024 * 1024  # Beyond it, and a quarter of the save, all is saved anew.
GROW = 1.5
RECENT_MAX = 20_000  # Rows looked up in a dict; beyond it they join the sorted ones.
_log = logging.getLogger(__name__)

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
COLUMNS: dict[str, str] = {
    "hash": "u8", "entity": "u8", "digest": "u8", "from_seq": "i8", "to_seq": "i8", "at_us": "i8", "alive": "?",
    "tier": "u4", "kind": "u4", "namespace": "u4", "source": "u4", "tags": "u4", "sensitivity": "u4", "language": "u4",
    "id_end": "i8",
}  # fmt: skip
VOCABULARIES = ("tier", "kind", "namespace", "source", "tags", "sensitivity", "language")
_SEPARATOR = "\x1f"
FACT_BYTE = ord("f")  # `fact:client/acme@3`; a memory is `m12`.


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One row without its text, as the log keeps it."""

    key: int
    id: str
    entity: str
    digest: int  # Of title, text and language.
    from_seq: int
    to_seq: int
    at_us: int
    tier: str
    kind: str
    namespace: str
    source: str
    tags: str
    sensitivity: str
    language: str


class Put(msgspec.Struct, frozen=True, array_like=True):
    step: int
    seq: int
    entries: tuple[Entry, ...]
    dead: tuple[int, ...]
    anchor: str


class _Save(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    generation: str
    step: int
    seq: int
    anchor: str
    count: int
    ids: bytes
    vocabularies: dict[str, list[str]]
    columns: dict[str, bytes]


class Catalogue:
    """Columns over all keys. Not locked: one caller at a time, or readers that bring a lock."""

    def __init__(self, folder: Path, save: _Save) -> None:
        self._folder = folder
        self.generation, self.step, self.seq, self.anchor = save.generation, save.step, save.seq, save.anchor
        self.count = save.count
        self._ids = bytearray(save.ids)
        self._names = save.vocabularies
        self._codes = {name: {word: code for code, word in enumerate(words)} for name, words in self._names.items()}
        self.columns = {name: np.frombuffer(save.columns[name], dtype=kind).copy() for name, kind in COLUMNS.items()}
        self._sorted = np.argsort(self.columns["hash"], kind="stable")
        self._recent: dict[int, int] = {}
        self._saved_bytes = sum(map(len, save.columns.values())) + len(save.ids)
        self._journal: Journal | None = None
        self.changes = 0  # Grows with every change, for caches of what was computed from the columns.

    @classmethod
    def open(cls, folder: Path) -> Catalogue:
        """Open what is there, or begin anew with another generation."""
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        try:
            made = cls(folder, _saved(folder / "rows.save"))
        except Doubt as doubt:
            if (folder / "rows.save").exists():
                _log.warning("the index begins anew: %s", doubt)
            (folder / "rows.log").unlink(missing_ok=True)
            made = cls(folder, _nothing())
            made._write_save()
        made._replay()
        return made

    @property
    def rows(self) -> int:
        return int(np.count_nonzero(self.columns["alive"][: self.count]))

    def column(self, name: str) -> Numbers:
        """One column over all keys. Its numbers may be of another width; "alive" is a mask."""
        return self.columns[name][: self.count]

    def key_of(self, id: str) -> int | None:
        """The key of the living row of this id."""
        hash = _hash(id)
        if (recent := self._recent.get(hash)) is not None:
            return recent if self.columns["alive"][recent] else None
        hashes = self.columns["hash"][: len(self._sorted)]
        at = int(np.searchsorted(hashes, np.uint64(hash), side="right", sorter=self._sorted)) - 1
        key = int(self._sorted[at]) if at >= 0 else -1
        if key < 0 or int(hashes[key]) != hash or not self.columns["alive"][key] or self.id_of(key)[0] != id:
            return None
        return key

    def id_of(self, key: int) -> tuple[str, str]:
        """Id and entity of a row."""
        ends = self.columns["id_end"]
        begin = int(ends[key - 1]) if key else 0
        id, _, entity = self._ids[begin : int(ends[key])].decode().partition(_SEPARATOR)
        return id, entity

    def of_facts(self) -> Mask:
        """Rows of facts; all others are of memories. Told by how their ids begin, which no column says again."""
        ends = self.column("id_end")
        begins = np.concatenate((np.zeros(min(1, len(ends)), ends.dtype), ends[:-1]))
        return np.frombuffer(self._ids, np.uint8)[begins] == FACT_BYTE if len(ends) else np.zeros(0, np.bool_)

    def keys_of(self, entities: Sequence[str]) -> list[int]:
        """The keys of all living rows of these entities."""
        if not entities:
            return []
        hashes = np.array([entity_hash(entity) for entity in entities], dtype=np.uint64)
        there = np.isin(self.column("entity"), hashes) & self.column("alive").astype(bool)
        wanted = set(entities)
        return [key for key in np.flatnonzero(there).tolist() if self.id_of(key)[1] in wanted]

    def name(self, column: str, code: int) -> str:
        return self._names[column][code]

    def codes(self, column: str, words: Sequence[str]) -> Numbers:
        """Codes of those words that any row has."""
        known = self._codes[column]
        return np.array([known[word] for word in words if word in known], dtype=np.int64)

    def codes_with_tags(self, tags: Sequence[str]) -> Numbers:
        """Codes of the sets of tags that hold all of these."""
        wanted = set(tags)
        sets = ((code, words.split(_SEPARATOR)) for code, words in enumerate(self._names["tags"]))
        return np.array([code for code, words in sets if wanted <= set(words)], dtype=np.int64)

    def languages(self) -> list[str]:
        return [name for name in self._names["language"] if name]

    # --- changing ---

    def entry(self, key: int, row: Row, language: str) -> Entry:
        """The row as it is kept. `key`: its own, or the next free one."""
        tags = _SEPARATOR.join(sorted(set(row.tags)))
        to_seq = CURRENT if row.to_seq is None else row.to_seq
        return Entry(
            key, row.id, row.entity, digest_of(row, language), row.from_seq, to_seq, row.at_us, row.tier, row.kind,
            row.namespace, row.source, tags, row.sensitivity, language,
        )  # fmt: skip

    def same(self, entry: Entry) -> bool:
        """Whether the row stands there exactly so."""
        key, columns = entry.key, self.columns
        numbers = ("digest", "from_seq", "to_seq", "at_us")
        return all(int(columns[name][key]) == getattr(entry, name) for name in numbers) and all(
            self._names[name][int(columns[name][key])] == getattr(entry, name) for name in VOCABULARIES
        )

    def write(self, put: Put) -> None:
        """Make the put durable; `take` brings it into force. Raises OSError; then nothing has happened."""
        assert self._journal is not None, "opened with a journal"
        self._journal.append(msgspec.msgpack.encode(put))

    def take(self, put: Put) -> None:
        """Bring a put into force."""
        for entry in put.entries:
            self._set(entry)
        if put.dead:
            self.columns["alive"][list(put.dead)] = False
        self.step, self.seq, self.anchor = put.step, max(self.seq, put.seq), put.anchor or self.anchor
        self.changes += 1

    def tidy(self, *, all: bool = False) -> None:
        """Save the columns whole when the log has grown long, or has anything at all."""
        assert self._journal is not None, "opened with a journal"
        if len(self._recent) > RECENT_MAX:
            self._sorted, self._recent = np.argsort(self.column("hash"), kind="stable"), {}
        if self._journal.size > (0 if all else max(LOG_BYTES_MAX, self._saved_bytes // 4)):
            self._write_save()
            self._journal.close()
            (self._folder / "rows.log").unlink()
            self._journal, _ = Journal.open(self._folder / "rows.log")

    def close(self) -> None:
        assert self._journal is not None, "opened with a journal"
        self._journal.close()

    def _set(self, entry: Entry) -> None:
        columns, key = self.columns, entry.key
        if key == self.count:
            self._grow(key + 1)
            self._ids += f"{entry.id}{_SEPARATOR}{entry.entity}".encode()
            columns["id_end"][key] = len(self._ids)
            columns["hash"][key] = hash = _hash(entry.id)
            columns["entity"][key] = entity_hash(entry.entity)
            self._recent[hash] = key
            self.count += 1
        columns["alive"][key] = True
        columns["digest"][key], columns["at_us"][key] = entry.digest, entry.at_us
        columns["from_seq"][key], columns["to_seq"][key] = entry.from_seq, entry.to_seq
        for name in VOCABULARIES:
            columns[name][key] = self._code(name, getattr(entry, name))

    def _code(self, column: str, word: str) -> int:
        codes = self._codes[column]
        code = codes.get(word)
        if code is None:
            code = codes[word] = len(codes)
            self._names[column].append(word)
        return code

    def _grow(self, count: int) -> None:
        have = len(self.columns["hash"])
        if count > have:
            size = max(1_024, int(have * GROW), count)
            for name, column in self.columns.items():
                self.columns[name] = np.concatenate([column, np.zeros(size - have, dtype=column.dtype)])

    def _replay(self) -> None:
        """Take what came after the save. A put that the save has already changes nothing."""
        self._journal, frames = Journal.open(self._folder / "rows.log")
        for frame in frames:
            put = msgspec.msgpack.decode(frame, type=Put)
            if put.step > self.step:
                self.take(put)

    def _write_save(self) -> None:
        columns = {name: np.ascontiguousarray(self.column(name)).tobytes() for name in COLUMNS}
        save = _Save(
            version=VERSION,
            generation=self.generation,
            step=self.step,
            seq=self.seq,
            anchor=self.anchor,
            count=self.count,
            ids=bytes(self._ids),
            vocabularies=self._names,
            columns=columns,
        )
        body = msgspec.msgpack.encode(save)
        write_sealed(self._folder / "rows.save", body)
        self._saved_bytes = len(body)


def _saved(path: Path) -> _Save:
    """Raises Doubt."""
    try:
        save = msgspec.msgpack.decode(read_sealed(path), type=_Save)
    except (msgspec.DecodeError, ValueError) as error:
        raise Doubt(f"{path.name} is of another version") from error
    if save.version != VERSION:
        raise Doubt(f"{path.name} is of version {save.version}")
    return save


def _nothing() -> _Save:
    return _Save(
        version=VERSION,
        generation=secrets.token_hex(8),
        step=0,
        seq=0,
        anchor="",
        count=0,
        ids=b"",
        vocabularies={name: [] for name in VOCABULARIES},
        columns=dict.fromkeys(COLUMNS, b""),
    )


def _hash(id: str) -> int:
    return int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest(), "little")


def entity_hash(entity: str) -> int:
    return _hash(entity)


def digest_of(row: Row, language: str) -> int:
    return _hash(f"{row.title}\x1f{language}\x1f{row.text}")
