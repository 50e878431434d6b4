"""What is remembered, and the documents that it came in."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from quarterdeck_protocol.labels import Labels

from .base import Entity, Plain

Tier = Literal["instructions", "core", "working", "project", "long-term", "review", "prospective"]


class Memory(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """One remembered piece of text: a note, or one chunk of a document. Id `m12`."""

    kind: ClassVar[str] = "memory"
    text: str
    at_us: int
    labels: Labels
    title: str = ""
    source: str = ""  # Where it came from, for people: a path, a mail's subject, "operator".
    document: str = ""  # The document's id when it is a chunk.
    span: tuple[int, int] | None = None  # Characters [from, to) in the document's text.
    tier: Tier = "long-term"
    memory_kind: str = "note"
    tags: tuple[str, ...] = ()
    namespace: str = "default"
    language: str = ""  # ISO 639-1 of the text, "" when nobody could tell.
    pinned: bool = False  # Always in a step's context, before anything recalled.
    run: str = ""  # The run whose working memory it is.
    when: str = ""  # Of the prospective tier: the words whose appearance brings it back.
    repeats: bool = False  # Brought back each time, not only the first.
    fired: tuple[str, ...] = ()  # What brought it back, as `kind:id`, latest last.
    supersedes: str = ""  # The memory whose place it took.
    endorsed: str = ""  # Hash of the text that the operator vouched for, when it came from somebody else.
    depth: int = 0  # 0: said or read; 1 and more: made from memories, so it is no source for anything further.
    stands_for: tuple[str, ...] = ()  # Ids of the memories that this summary replaces.
    superseded_by: str = ""  # The memory or document that took its place; kept, not recalled unless asked for.
    expires_us: int | None = None
    withdrawn: bool = False  # Expired, compressed away or rewound: kept in the log, not recalled, can come back.
    forgotten: bool = False  # Erased for good: this is the tombstone.

    @property
    def current(self) -> bool:
        """Whether it is recalled when nothing else is asked for."""
        return not (self.forgotten or self.withdrawn or self.superseded_by)

    @property
    def live(self) -> bool:
        return self.current and self.expires_us is not None


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands on a shelf: a memory's size in tokens, and what brings it back if it waits for something."""

    tier: Tier
    tokens: int
    pinned: bool = False
    when: tuple[tuple[str, ...], ...] = ()


class Shelf(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """What every step sees without asking, by memory id. Id `standing`, or `working/` and a run."""

    kind: ClassVar[str] = "shelf"
    places: dict[str, Place] = {}


class Use(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """How often a memory was shown to somebody who searched. Its id is the memory's."""

    kind: ClassVar[str] = "use"
    count: int
    last_us: int


class Upkeep(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Where the keeper of memory stands, so that a restart goes on. Id `memory`."""

    kind: ClassVar[str] = "upkeep"
    began_us: int
    ended_us: int | None = None
    phase: str = ""
    cursor: str = ""  # The last one looked at in this phase.
    counts: dict[str, int] = {}  # What became of memories in this pass.

    @property
    def live(self) -> bool:
        return self.ended_us is None


class Document(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Something that arrived whole: a mail, a file. Raw bytes lie in the blob store. Id `doc3`.

    meta, for a mail: message_id, from_name, from_address, reply_to, to, subject, date, in_reply_to,
    references, auto (bulk/bounce markers), language, warnings. Strings and lists of strings only.
    """

    kind: ClassVar[str] = "document"
    external_id: str  # What the source calls it; one external id is taken in once per content.
    media_type: str
    blob: str
    size_bytes: int
    at_us: int
    labels: Labels
    connector: str = ""
    status: Literal["received", "parsed", "unreadable"] = "received"
    title: str = ""
    text: str = ""  # Readable text; chunks point into it.
    meta: Plain = {}
    chunks: tuple[str, ...] = ()
    error: str = ""
    namespace: str = "default"
    tier: Tier = "long-term"  # Where its chunks belong when it is the operator's; else they are in review.
    memory_kind: str = "document"
    places: tuple[
        str, ...
    ] = ()  # Files in which it lies now. One that was in a file and is in none any more is withdrawn.
    supersedes: str = ""  # The document whose place it took: the same file or mail, read again after a change.
    superseded_by: str = ""
    withdrawn: bool = False
    forgotten: bool = False
    pruned: bool = False  # The original was given up after a time; what it said is still here.

    @property
    def live(self) -> bool:
        return self.status == "received"


class CaptureMark(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """How far the log has been read for facts to propose. Id `mark`."""

    kind: ClassVar[str] = "capture"
    upto: int


class Alias(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """Another name of an entity: `connector:external id` of a document, so that it is taken in once."""

    kind: ClassVar[str] = "alias"
    target: str
    gone: bool = False  # Of a file's name: nothing lies there any more; the target lay there last.
