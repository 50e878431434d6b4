"""The keyword side of recall: BM25 over words and stems, with tantivy.

Owns     the folder it is opened in, and a sidecar `applied.json` there: how far it goes, and the hash of each
         segment file. Written after each commit, so it never claims more than is searchable.
Promises on any doubt (no sidecar, another version, a changed file) it starts anew at position 0; a crash costs
         work, never a wrong answer. User text cannot be a syntax error.
Leaves   filters to the catalogue (rows are known here by their key only), mixing to fusion.py.

A row has the stems of its language, or plain words where there is no stemmer. A word of a question is looked for as
each language of the store would have it. All terms lie in one field, and a search is a plain sum over them: only so
can tantivy skip what cannot be among the best.
"""

from __future__ import annotations

import itertools
import logging
import math
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import tantivy
from tantivy import Index, Occur, Query, SchemaBuilder

from ..store.errors import LogLocked
from ..store.files import PRIVATE_FOLDER
from .analysis import Analysis, term_analyzer
from .asking import Role, is_frame, names_in
from .sealed import Doubt, file_hash, read_note, write_note
from .word_families import ALONE_LETTERS_MIN, COMPOUNDING, relatives, splits

VERSION = "keyword-4"
WRITER_BYTES = 15_000_000
QUERY_WORDS_MAX = 20  # Their bits must fit the exact integers of a 32-bit float.
TITLE_TIMES = 2  # A word of the title counts as so many.
RELATIVES_MAX = 2  # Of a word, those that the store has; each is one more term.
LANGUAGES_MAX = 6  # Of the store, the most frequent ones; each costs a term for each word of a query.
WORDS_MAX = 5_000  # Words of questions that are known as the store has them, until something is put.
COUNTS_MAX = 50_000  # Terms whose rows are known by heart; most relatives are no words, and are asked for again.
RELATED = "en"  # The language whose endings are known; see word_families.py.
_SIDECAR = "applied.json"
_log = logging.getLogger(__name__)

Keys = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


class Text(msgspec.Struct, frozen=True):
    """What is indexed of one row. language: ISO 639-1, known."""

    key: int
    title: str
    text: str
    language: str


class Word(msgspec.Struct, frozen=True):
    """One word of a question: as written, as the languages have it, and how rare it is (0: it is everywhere).

    role: of a name "who" when many rows have it, "rare" when few do, "unknown" when none does.
    """

    text: str
    terms: tuple[str, ...]
    weight: float
    role: Role = "what"


class Applied(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sidecar. generation, step: of the catalogue whose keys are meant, and its last put that is in here."""

    version: str
    generation: str
    step: int
    seq: int
    languages: dict[str, int]
    files: dict[str, str]


class KeywordPart:
    """One writer, any number of readers. Made by `open`, ended by `close`."""

    def __init__(self, folder: Path, index: Index, applied: Applied) -> None:
        self._folder, self._index, self._schema = folder, index, index.schema
        index.register_tokenizer("terms", term_analyzer())
        self._writer: tantivy.IndexWriter | None = index.writer(WRITER_BYTES, 1)
        self._analysis = Analysis()
        self._applied = applied
        self._searcher = index.searcher()
        self._counts: dict[str, int] = {}  # Rows with a term, until something is put; see `_having`.
        self._words: dict[tuple[str, tuple[str, ...], bool, float], Word] = {}  # The same for words of questions.

    @classmethod
    def open(cls, folder: Path, generation: str, step: int) -> KeywordPart:
        """Open the part that goes with this catalogue, or begin a new one. Raises LogLocked when it is in use."""
        try:
            applied = _trusted(folder, generation, step)
            return cls(folder, Index(_schema(), str(folder), True), applied)
        except (Doubt, ValueError, OSError, msgspec.DecodeError) as doubt:
            if "LockBusy" in str(doubt):
                raise LogLocked(folder, None) from doubt
            if folder.exists():
                _log.warning("the keyword index is built anew: %s", doubt)
                shutil.rmtree(folder)
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
        none = Applied(version=VERSION, generation=generation, step=step, seq=0, languages={}, files={})
        fresh = cls(folder, Index(_schema(), str(folder), True), none)
        fresh._note()
        return fresh

    @property
    def seq(self) -> int:
        return self._applied.seq

    @property
    def rows(self) -> int:
        return int(self._searcher.num_docs)

    def put(self, texts: Iterable[Text], dead: Iterable[int], *, seq: int, step: int) -> None:
        """Replace rows by key, drop the dead ones, note the position. One commit: give it many."""
        languages = dict(self._applied.languages)
        try:
            writer = self._writer = self._writer or self._index.writer(WRITER_BYTES, 1)
            for key in dead:
                writer.delete_documents_by_term("key", key)
            for text in texts:
                writer.delete_documents_by_term("key", text.key)
                writer.add_document(self._document(text))
                languages[text.language] = languages.get(text.language, 0) + 1
            writer.commit()
        except (ValueError, OSError) as error:
            # A writer that failed takes nothing more; its successor goes on from the last commit.
            self._writer = None
            raise OSError(f"words could not be written: {error}") from error
        self._index.reload()
        self._searcher, self._counts, self._words = self._index.searcher(), {}, {}
        self._applied = msgspec.structs.replace(self._applied, seq=seq, step=step, languages=languages)
        self._note()

    def tidy(self) -> None:
        """Note files that a merge in the background has made since the last put."""
        try:
            present = {path.name for path in _segment_files(self._folder)}
        except (OSError, msgspec.DecodeError):  # A merge is just replacing them; the next time will do.
            return
        if present != set(self._applied.files):
            self._note()

    def close(self) -> None:
        """Wait for background merges and note the files they made."""
        self.abandon()
        self._note()

    def abandon(self) -> None:
        """Stop writing: a merge in the background would go on writing to this path, whoever's it is by then."""
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.wait_merging_threads()
        except (ValueError, OSError) as error:
            _log.info("a merge did not end well: %s", error)

    # --- searching ---

    def spoken(self, query: str, usual: str) -> str:
        """The language of a question too short to tell it by the text alone: of those of the store, the one that has
        most of its little words; the usual one when none has more."""
        languages = self._languages(usual)
        if len(languages) == 1:
            return usual
        texts = self._analysis.words(query)
        little = {one: sum(self._analysis.says_nothing(text, one) for text in texts) for one in languages}
        return max(languages, key=lambda one: little[one])  # The usual one is the first, and stays where it is even.

    def words(self, query: str, language: str, many: float = 1.0) -> list[Word]:
        """The words of a question in `language`, without those that say nothing unless they are all there is.

        many: rows from which on a name tells none of them apart.
        """
        texts = list(dict.fromkeys(self._analysis.words(query)))
        telling = [text for text in texts if not self._analysis.says_nothing(text, language)]
        spoken = tuple(self._languages(language))
        names = {plain for name in names_in(query, language) for plain in self._analysis.words(name)}
        return [self._known(text, spoken, text in names, many) for text in (telling or texts)[:QUERY_WORDS_MAX]]

    def _known(self, text: str, languages: tuple[str, ...], name: bool, many: float) -> Word:
        words = self._words  # What is made of older counts goes where nobody looks any more.
        asked = text, languages, name, many
        word = words.get(asked)
        if word is None:
            if len(words) >= WORDS_MAX:
                words.clear()
            word = words[asked] = self._word(*asked)
        return word

    def search(self, words: Sequence[Word], limit: int) -> tuple[Keys, Scores]:
        """Keys and scores of the best rows that contain a word, best first."""
        return self._found(self._any_of(words), limit)

    def search_among(self, words: Sequence[Word], keys: Sequence[int]) -> tuple[Keys, Scores]:
        """The same for these rows only, all of them that contain a word. For some hundreds of keys."""
        query = Query.boolean_query([(Occur.Must, self._any_of(words)), (Occur.Must, self._among(keys))])
        return self._found(query, len(keys))

    def covered(self, words: Sequence[Word], keys: Sequence[int]) -> dict[int, list[Word]]:
        """Which of the words each of the rows contains, in the order of the question.

        Asked in one search: word i is worth 2 ** i, and a score is the sum of those that match.
        """
        bits = [
            (Occur.Should, Query.const_score_query(self._any_of([word]), float(1 << place)))
            for place, word in enumerate(words)
        ]
        query = Query.boolean_query([(Occur.Must, Query.boolean_query(bits)), (Occur.Must, self._among(keys))])
        found, scores = self._found(query, len(keys))
        return {
            int(key): [word for place, word in enumerate(words) if int(score) >> place & 1]
            for key, score in zip(found, scores, strict=True)
        }

    def _found(self, query: Query, limit: int) -> tuple[Keys, Scores]:
        searcher = self._searcher
        hits = searcher.search(query, limit, False).hits
        keys = searcher.fast_field_values("key", [address for _, address in hits])
        return np.array(keys, dtype=np.int64), np.array([score for score, _ in hits], dtype=np.float32)

    def _any_of(self, words: Sequence[Word]) -> Query:
        terms = [(Occur.Should, self._term(term)) for word in words for term in word.terms]
        return Query.boolean_query(terms) if len(terms) != 1 else terms[0][1]

    def _among(self, keys: Sequence[int]) -> Query:
        """One term for each key: quicker than a set of terms, which is turned into an automaton first."""
        each = [(Occur.Should, Query.term_query(self._schema, "key", key, "basic")) for key in keys]
        return Query.const_score_query(Query.boolean_query(each), 0.0)

    def _languages(self, language: str) -> list[str]:
        """The question's own and those of most rows; each may have a word in its way."""
        common = sorted(self._applied.languages, key=lambda one: -self._applied.languages[one])[:LANGUAGES_MAX]
        return list(dict.fromkeys((language, *common)))

    def _word(self, text: str, languages: Sequence[str], name: bool, many: float) -> Word:
        terms = dict.fromkeys(term for one in languages for term in self._analysis.terms(text, one))
        if languages[0] == RELATED and not name:
            kin = (one for term in (*terms,) for one in relatives(term) if one not in terms and self._having(one))
            terms.update(dict.fromkeys([*itertools.islice(kin, RELATIVES_MAX)]))  # No more are looked for.
        if languages[0] in COMPOUNDING and not any(map(self._having, terms)):
            terms.update(dict.fromkeys(self._parts(text, languages[0])))
        rows, having = self.rows, max(map(self._having, terms), default=0)
        weight = math.log1p(max(rows - having, 0) / (having + 0.5))
        return Word(text, tuple(terms), weight, _role(text, name, having, many))

    def _parts(self, compound: str, language: str) -> list[str]:
        """Terms of its two halves where the store has both, else of the longest half that it has."""
        single: list[str] = []
        for halves in splits(compound):
            known = [term for half in halves for term in self._analysis.terms(half, language) if self._having(term)]
            if len(known) == len(halves):
                return known
            single += known
        longest = max(single, key=len, default="")
        return [longest] if len(longest) >= ALONE_LETTERS_MIN else []

    def rows_with(self, name: str, language: str) -> int:
        """How many rows have a name."""
        return max(map(self._having, self._analysis.terms(name, language)), default=0)

    def _having(self, term: str) -> int:
        having = self._counts.get(term)
        if having is None:
            if len(self._counts) >= COUNTS_MAX:
                self._counts.clear()
            having = self._counts[term] = int(self._searcher.doc_freq("terms", term))
        return having

    def _term(self, term: str) -> Query:
        return Query.term_query(self._schema, "terms", term, "freq")

    # --- writing ---

    def _document(self, text: Text) -> tantivy.Document:
        # A title that only repeats how the text begins would count its words twice.
        title = [] if text.text.startswith(text.title) else self._analysis.terms(text.title, text.language)
        terms = title * TITLE_TIMES + self._analysis.terms(text.text, text.language)
        document = tantivy.Document(terms=" ".join(terms))
        document.add_integer("key", text.key)
        return document

    def _note(self) -> None:
        """Write the sidecar. Segment files never change once written, so only new ones are hashed."""
        known = self._applied.files
        hashes: dict[str, str] = {}
        for path in _segment_files(self._folder):
            try:
                hashes[path.name] = known.get(path.name) or file_hash(path)
            except FileNotFoundError:  # A merge has just replaced it; `tidy` or the next commit notes the new one.
                continue
        self._applied = msgspec.structs.replace(self._applied, files=hashes)
        write_note(self._folder / _SIDECAR, self._applied)


def _role(text: str, name: bool, having: int, many: float) -> Role:
    if is_frame(text):
        return "frame"
    if not name:
        return "what"
    return "unknown" if not having else "who" if having >= many else "rare"


# --- trusting what lies there ---------------------------------------------------------------------


class _Deletes(msgspec.Struct):
    opstamp: int


class _Segment(msgspec.Struct):
    segment_id: str
    deletes: _Deletes | None = None


class _Meta(msgspec.Struct):
    segments: list[_Segment]


def _trusted(folder: Path, generation: str, step: int) -> Applied:
    """Read the sidecar and compare every file that the index would read. Raises Doubt."""
    applied = read_note(folder / _SIDECAR, Applied)
    if applied.version != VERSION or applied.generation != generation or applied.step > step:
        raise Doubt("it belongs to another catalogue")
    present = {path.name: path for path in _segment_files(folder)}
    if missing := sorted(set(applied.files) - set(present)):
        raise Doubt(f"{missing[0]} is missing")
    for name, path in present.items():
        if applied.files.get(name) != file_hash(path):
            raise Doubt(f"{name} is not what was written")
    return applied


def _segment_files(folder: Path) -> list[Path]:
    """Files of the segments that meta.json names; left-overs of merges and of older deletions do not count."""
    meta = msgspec.json.decode((folder / "meta.json").read_bytes(), type=_Meta)
    deletes = {
        segment.segment_id.replace("-", ""): f".{segment.deletes.opstamp}.del" if segment.deletes else None
        for segment in meta.segments
    }
    found = [path for path in folder.iterdir() if path.name.partition(".")[0] in deletes]
    return sorted(
        path
        for path in found
        if path.suffix != ".del" or path.name.removeprefix(path.name.partition(".")[0]) == deletes[path.name[:32]]
    )


def _schema() -> tantivy.Schema:
    builder = SchemaBuilder()
    builder.add_integer_field("key", indexed=True, fast=True)
    builder.add_text_field("terms", tokenizer_name="terms", index_option="freq")
    return builder.build()
