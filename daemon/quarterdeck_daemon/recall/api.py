"""What recall takes and gives: rows of versions in, ranked and explained finds out.

A row is one version of one thing: a memory, or a fact. It counts from `from_seq` on, when it was learned, until
`to_seq`, when another version took its place or it was withdrawn; that is how the past can be searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from quarterdeck_protocol.labels import Sensitivity

LIMIT_MAX = 1_000
QUESTIONS_MAX = 256  # Of one batch.
NONE_OF_THEM = ("",)  # No kind is called so.


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version. id: `m12` for a memory, `fact:client/acme@3` for the third version of a fact."""

    id: str
    entity: str  # `memory:m12`, `fact:client/acme`.
    title: str
    text: str
    from_seq: int
    to_seq: int | None = None
    at_us: int = 0  # For the age of it.
    language: str = ""
    tier: str = "long-term"
    kind: str = "note"
    namespace: str = "default"
    source: str = ""
    tags: tuple[str, ...] = ()
    sensitivity: Sensitivity = "private"


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Filters apply before ranking; an empty one lets everything pass, several values mean any of them.

    tags     all of them must be there
    fact_kinds, memory_kinds  what may pass of facts, and of memories, besides `kinds`; NONE_OF_THEM lets none pass
    as_of    a log position; None is now
    past     whether superseded and withdrawn versions are found too
    floor    whether what is not relevant enough is left out
    mode     "hybrid", or one side alone, for measuring
    """

    query: str
    limit: int = 10
    tiers: tuple[str, ...] = ()
    not_tiers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    sensitivities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    since_us: int | None = None
    until_us: int | None = None
    fact_kinds: tuple[str, ...] = ()
    memory_kinds: tuple[str, ...] = ()
    as_of: int | None = None
    past: bool = False
    floor: bool = True
    mode: str = "hybrid"


class Find(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One hit. keyword, vector, recency: the parts of its score, each 0..1 before weighting; terms: words that match."""

    id: str
    entity: str
    score: float
    keyword: float = 0.0
    vector: float = 0.0
    recency: float = 0.0
    terms: tuple[str, ...] = ()
    superseded: bool = False
    relevance: float = 0.0  # What the floor looked at: the share of the question's words it has, and likeness.
    from_seq: int = 0  # The version that was found.


class Applied(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an index goes, and what it is made with.

    seq        everything up to here is searchable by all parts that answer
    fed        rows up to here are known, and searchable by the parts that are not being filled again
    feed_from  rows from here on are wanted: less than `fed` while a part is being filled
    """

    seq: int
    embedder: str = ""
    rows: int = 0
    migrating_to: str = ""  # The embedder that takes over when all rows have its vectors.
    migrated: int = 0
    fed: int = 0
    feed_from: int = 0
    anchor: str = ""  # `position:hash` of the log that the rows came from.


class Feed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the daemon tells an index: rows to take in, and how far the log is covered by them.

    at      the position whose state the rows show; what is known of a row from later on is not changed back
    erased  entities that are forgotten: all their rows go, and nothing of them stays in the files
    anchor  `position:hash` of the log at `seq`, so that the index of another log is known as such
    anew    begin with nothing: what is there belongs to another log
    """

    rows: tuple[Row, ...] = ()
    erased: tuple[str, ...] = ()
    seq: int
    after: int
    at: int
    anchor: str = ""
    anew: bool = False


class Index(Protocol):
    """A hybrid index in one folder. One writer; searches go on meanwhile."""

    @property
    def applied(self) -> Applied: ...

    def put(self, rows: Sequence[Row], *, removed: Sequence[str], seq: int, after: int | None = None) -> None:
        """Replace rows by id, drop the removed ids, then note `seq`. Give it many rows at a time.

        after: from where on the caller has fed everything; what is behind that stays behind. None: from the start.
        """
        ...

    def search(self, questions: Sequence[Question]) -> list[list[Find]]:
        """Best first, at most `limit` each; an empty list when nothing is relevant. Raises `out_of_range`."""
        ...

    def close(self) -> None: ...
