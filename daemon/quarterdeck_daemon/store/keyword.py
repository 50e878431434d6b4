"""Full-text index over memories, with tantivy (BM25). Derived data: deleting it costs only time.

Owns     the folder it is opened in, and a sidecar `applied.json` there: the last log position applied and the
         hashes of the segment files. Written after each commit, so it never claims more than is searchable.
Promises on any doubt (no sidecar, another schema, a changed file) the index starts anew at seq 0, and the
         caller feeds it again; a crash costs work, never a wrong answer. User text cannot be a syntax error.
Leaves   which memories to feed, and mixing with other evidence, to recall.

Text is indexed twice, stemmed as English and unstemmed for every other language; a term counts once, by its
better match. Characters of scripts without spaces are single terms. Filters apply before ranking.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import tantivy
from tantivy import Filter, Index, Occur, Query, SchemaBuilder, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from quarterdeck_protocol.codes import QuarterdeckError

from .api import IndexRow, KeywordHit
from .errors import LogLocked
from .files import PRIVATE_FOLDER, write_durably

VERSION = "keyword-v1"  # Changes with schema and analysis; another version is another folder.
WRITER_BYTES = 15_000_000
QUERY_TERMS_MAX = 32
TERM_BYTES_MAX = 80
HITS_MAX = 1_000
TITLE_BOOST = 2.0
_SIDECAR = "applied.json"
_TEXTS = (("text_en", 1.0), ("text", 1.0), ("title_en", TITLE_BOOST), ("title", TITLE_BOOST))
_FILTERS = ("id", "tier", "memory_kind", "namespace", "source", "tags")
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])"
)
_log = logging.getLogger(__name__)


class Applied(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sidecar. `files`: BLAKE2b-256 of each segment file; `check` covers all other fields."""

    version: str
    seq: int
    files: dict[str, str]
    check: str = ""


class TantivyIndex:
    """A KeywordIndex (see api.py). One at a time may be open in a folder. Made by `open`, ended by `close`."""

    def __init__(self, folder: Path, index: Index, applied: Applied) -> None:
        self._folder, self._index, self._schema = folder, index, index.schema
        self._plain, self._english = _plain(), _english()
        index.register_tokenizer("plain", self._plain)
        index.register_tokenizer("english", self._english)
        self._writer = index.writer(WRITER_BYTES, 1)
        self._writing = threading.Lock()
        self._seq, self._hashes = applied.seq, dict(applied.files)

    @classmethod
    def open(cls, folder: Path) -> TantivyIndex:
        """Open the index in `folder`, or start a new one there with seq 0. Raises LogLocked when it is in use."""
        try:
            applied = _trusted(folder)
            return cls(folder, Index(_schema(), str(folder), True), applied)
        except (_Doubt, ValueError, OSError, msgspec.DecodeError) as doubt:
            if "LockBusy" in str(doubt):
                raise LogLocked(folder, None) from doubt
            if folder.exists():
                _log.warning("the keyword index is built anew: %s", doubt)
                shutil.rmtree(folder)
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
        fresh = cls(folder, Index(_schema(), str(folder), True), Applied(version=VERSION, seq=0, files={}))
        fresh._note(0)
        return fresh

    @property
    def seq(self) -> int:
        return self._seq

    def put(self, rows: Iterable[IndexRow], *, removed: Iterable[str], seq: int) -> None:
        """Replace `rows` by id, drop `removed`, then note `seq`. One commit (about 10 ms): give it many rows."""
        with self._writing:
            for id in removed:
                self._writer.delete_documents_by_term("id", id)
            for row in rows:
                self._writer.delete_documents_by_term("id", row.id)
                self._writer.add_document(_document(row))
            self._writer.commit()
            self._index.reload()
            self._note(seq)

    def search(
        self, query: str, *, limit: int, where: Mapping[str, str | tuple[str, ...]],
        since_us: int | None = None, until_us: int | None = None,
    ) -> list[KeywordHit]:  # fmt: skip
        """Return up to `limit` rows that contain a word of `query`, best first, ties by id.

        where: IndexRow fields (id, tier, memory_kind, namespace, source, tags); a tuple means any of these.
        since_us, until_us: since <= at_us < until. `terms` of a hit are the words of the query that it contains.
        Raises QuarterdeckError `bad_value` for an unknown field, `out_of_range` for a limit outside 1..HITS_MAX.
        """
        if not 1 <= limit <= HITS_MAX:
            raise QuarterdeckError("out_of_range", f"limit is {limit}; it must be 1 to {HITS_MAX}")
        words = self._words(query)
        if not words or any(value == () for value in where.values()):
            return []
        filters = [*self._filters(where), *self._times(since_us, until_us)]
        matches = {word: self._matches(word) for word in words}
        searcher = self._index.searcher()
        ranked = Query.boolean_query([(Occur.Should, one) for one in matches.values()])
        found = searcher.search(Query.boolean_query([(Occur.Must, one) for one in (ranked, *filters)]), limit, False)
        scores = {_id(searcher, address): float(score) for score, address in found.hits}
        terms = self._matched_terms(searcher, matches, list(scores))
        hits = [KeywordHit(id=id, score=score, terms=tuple(terms[id])) for id, score in scores.items()]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))

    def close(self) -> None:
        """Wait for background merges and note the files they made. Without it the index may be built anew."""
        with self._writing:
            self._writer.wait_merging_threads()
            self._note(self._seq)

    def _words(self, query: str) -> list[str]:
        words = list(dict.fromkeys(self._plain.analyze(_spaced(query))))[:QUERY_TERMS_MAX]
        # English stop words say nothing, unless they are all there is.
        return [word for word in words if self._english.analyze(word)] or words

    def _matches(self, word: str) -> Query:
        stem = next(iter(self._english.analyze(word)), word)
        return Query.disjunction_max_query(
            [
                Query.boost_query(
                    Query.term_query(self._schema, field, stem if field.endswith("_en") else word, "freq"), boost
                )
                for field, boost in _TEXTS
            ]
        )

    def _filters(self, where: Mapping[str, str | tuple[str, ...]]) -> list[Query]:
        unknown = sorted(set(where) - set(_FILTERS))
        if unknown:
            hint = f"Filter by {', '.join(_FILTERS)}."
            raise QuarterdeckError("bad_value", f"no such field to filter by: {unknown[0]}", hint=hint)
        sets = {field: [value] if isinstance(value, str) else list(value) for field, value in where.items()}
        return [_unranked(Query.term_set_query(self._schema, field, values)) for field, values in sets.items()]

    def _times(self, since_us: int | None, until_us: int | None) -> list[Query]:
        if since_us is None and until_us is None:
            return []
        kind = tantivy.FieldType.Integer
        return [_unranked(Query.range_query(self._schema, "at_us", kind, since_us, until_us, include_upper=False))]

    def _matched_terms(
        self, searcher: tantivy.Searcher, matches: Mapping[str, Query], ids: list[str]
    ) -> dict[str, list[str]]:
        """Ask for each word which of the hits contain it; cheaper than keeping all text a second time."""
        terms: dict[str, list[str]] = {id: [] for id in ids}
        if not ids:
            return terms
        among = Query.term_set_query(self._schema, "id", ids)
        for word, query in matches.items():
            found = searcher.search(Query.boolean_query([(Occur.Must, query), (Occur.Must, among)]), len(ids), False)
            for _, address in found.hits:
                terms[_id(searcher, address)].append(word)
        return terms

    def _note(self, seq: int) -> None:
        """Write the sidecar. Segment files never change once written, so only new ones are hashed."""
        hashes: dict[str, str] = {}
        for path in _segment_files(self._folder):
            try:
                hashes[path.name] = self._hashes.get(path.name) or _hash(path)
            except FileNotFoundError:  # A merge has just replaced it; `close`, or the next commit, notes the new one.
                continue
        self._hashes, self._seq = hashes, seq
        applied = Applied(version=VERSION, seq=seq, files=hashes)
        write_durably(self._folder / _SIDECAR, msgspec.json.encode(_checked(applied)))


class _Doubt(Exception):
    """Why the index on disk is not used."""


class _Segment(msgspec.Struct):
    segment_id: str


class _Meta(msgspec.Struct):
    """The part of tantivy's meta.json that says which files count."""

    segments: list[_Segment]


def _trusted(folder: Path) -> Applied:
    """Read the sidecar and compare every file that the index would read. Raises _Doubt."""
    try:
        applied = msgspec.json.decode((folder / _SIDECAR).read_bytes(), type=Applied)
    except FileNotFoundError as error:
        raise _Doubt("it has no note of how far it goes") from error
    if applied.version != VERSION or applied != _checked(applied):
        raise _Doubt("the note of how far it goes is of another version, or damaged")
    present = {path.name: path for path in _segment_files(folder)}
    if missing := sorted(set(applied.files) - set(present)):
        raise _Doubt(f"{missing[0]} is missing")
    for name, path in present.items():
        if applied.files.get(name) != _hash(path):
            raise _Doubt(f"{name} is not what was written")
    return applied


def _segment_files(folder: Path) -> list[Path]:
    """Files of the segments that meta.json names; left-overs of merges do not count."""
    meta = msgspec.json.decode((folder / "meta.json").read_bytes(), type=_Meta)
    names = tuple(segment.segment_id.replace("-", "") + "." for segment in meta.segments)
    return sorted(path for path in folder.iterdir() if path.name.startswith(names)) if names else []


def _checked(applied: Applied) -> Applied:
    bare = msgspec.json.encode(msgspec.structs.replace(applied, check=""), order="deterministic")
    return msgspec.structs.replace(applied, check=hashlib.blake2b(bare, digest_size=16).hexdigest())


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _schema() -> tantivy.Schema:
    builder = SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    for field in _FILTERS[1:]:
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    for field, _ in _TEXTS:
        builder.add_text_field(
            field, tokenizer_name="english" if field.endswith("_en") else "plain", index_option="freq"
        )
    builder.add_integer_field("at_us", indexed=True, fast=True)
    return builder.build()


def _document(row: IndexRow) -> tantivy.Document:
    title, text = _spaced(row.title), _spaced(row.text)
    document = tantivy.Document(
        id=row.id, tier=row.tier, memory_kind=row.memory_kind, namespace=row.namespace, source=row.source,
        title=title, title_en=title, text=text, text_en=text,
    )  # fmt: skip
    document.add_integer("at_us", row.at_us)
    for tag in row.tags:
        document.add_text("tags", tag)
    return document


def _plain() -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    return (
        builder.filter(Filter.remove_long(TERM_BYTES_MAX))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .build()
    )


def _english() -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(TERM_BYTES_MAX))
    builder = builder.filter(Filter.lowercase()).filter(Filter.ascii_fold())
    return builder.filter(Filter.stopword("english")).filter(Filter.stemmer("english")).build()


def _spaced(text: str) -> str:
    return _UNSPACED.sub(r" \1 ", text)


def _unranked(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def _id(searcher: tantivy.Searcher, address: tantivy.DocAddress) -> str:
    return str(searcher.doc(address).get_first("id"))
