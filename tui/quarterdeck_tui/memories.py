"""What is remembered, as values: what is asked for, one memory or fact as a row, and how its story reads.

Owns     the words of the search field. Unknown fields of a reply are ignored, missing ones have defaults.
Leaves   asking to `memory_reads.py`, drawing to the widgets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from .labelled import short
from .replies import Plain, each, moment

VIEWS = ("all", "notes", "facts", "lessons", "pinned")
FIND_HELP = "words; kind:lead, tier:review, tag:mail, source:PATH, past:yes; esc clears"


class _Labels(msgspec.Struct, frozen=True):
    integrity: str = ""
    sensitivity: str = ""
    sources: tuple[str, ...] = ()


class _Why(msgspec.Struct, frozen=True):
    words: str = ""
    relevance: float = 0.0


class Memory(msgspec.Struct, frozen=True):
    """A memory, a document or a fact: of a list, a search, or by itself. Facts have `key` and `value`."""

    id: str
    entity: str = ""
    kind: str = ""
    key: str = ""
    value: Plain = {}
    text: str = ""
    title: str = ""
    source: str = ""
    at: str | None = None
    seq: int = 0
    tier: str = ""
    tags: tuple[str, ...] = ()
    labels: _Labels = _Labels()
    why: _Why = _Why()
    hash: str = ""
    version: int = 0
    latest_version: int = 0
    valid_from: str | None = None
    valid_to: str | None = None
    namespace: str = ""
    retracted: bool = False
    pinned: bool = False
    withdrawn: bool = False
    superseded: bool = False
    superseded_by: str = ""
    supersedes: str = ""
    endorsed: str = ""
    expires_at: str | None = None
    document: str = ""

    @property
    def about(self) -> str:
        """`kind:id`, as every method of memory takes it."""
        if self.entity:
            return self.entity
        return f"fact:{self.id}" if self.key else f"memory:{self.id}"

    @property
    def fact(self) -> bool:
        return self.about.startswith("fact:")

    @property
    def at_us(self) -> int | None:
        return moment(self.at)

    @property
    def name(self) -> str:
        """Its id in short: `m42`, `client/acme`."""
        return self.about.partition(":")[2]

    @property
    def says(self) -> str:
        """What it says, in one line."""
        body = self.text or "  ".join(f"{name}: {short(value)}" for name, value in self.value.items())
        line = " ".join(body.split())
        return f"{self.title}  {line}" if self.title and not self.fact else line

    @property
    def gone(self) -> str:
        """Why it is no longer recalled; "" when it is."""
        if self.withdrawn or self.retracted:
            return "withdrawn"
        return "replaced" if self.superseded or self.superseded_by else ""


class Node(msgspec.Struct, frozen=True):
    """Something that was made from it, read it, or that it was made from."""

    id: str
    kind: str = ""
    relation: str = ""
    title: str = ""
    status: str = ""
    why: str = ""
    via: str = ""
    source: str = ""
    depth: int = 0
    seq: int = 0
    at: str | None = None

    @property
    def at_us(self) -> int | None:
        return moment(self.at)


class ForgetPlan(msgspec.Struct, frozen=True):
    """What forgetting would erase, and what it would leave. `plan`: the hash that carries it out."""

    plan: str
    counts: dict[str, int] = {}
    items: tuple[Plain, ...] = ()
    kept: tuple[Plain, ...] = ()
    outside: tuple[Plain, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """One line of the list; `id` stays the same whichever way it was found."""

    memory: Memory

    @property
    def id(self) -> str:
        return self.memory.about


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. Without words: what is there, newest first."""

    view: str = "all"
    words: str = ""
    kind: str = ""
    tier: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    past: bool = False

    @property
    def filters(self) -> Plain:
        kind = self.kind or ("lesson" if self.view == "lessons" else "")
        given: Plain = {
            "kind": kind,
            "tier": self.tier,
            "tags": list(self.tags),
            "source": self.source,
            "past": self.past,
        }
        return {name: value for name, value in given.items() if value}

    def fits(self, memory: Memory) -> bool:
        """Whether the view shows it; the rest was asked for."""
        if self.view in ("notes", "lessons"):
            return not memory.fact
        return memory.fact if self.view == "facts" else memory.pinned or self.view != "pinned"


def query(text: str, view: str) -> Query:
    """Return what `text` asks for. A field without a known name is a word."""
    found, words = Query(view=view), []
    for word in text.split():
        name, colon, value = word.partition(":")
        if colon and value and name in ("kind", "tier", "source"):
            found = replace(found, **{name: value})  # type: ignore[arg-type]
        elif colon and value and name == "tag":
            found = replace(found, tags=(*found.tags, value))
        elif name == "past" and value in ("yes", "no"):
            found = replace(found, past=value == "yes")
        else:
            words.append(word)
    return replace(found, words=" ".join(words))


def rows(memories: Iterable[Memory], asked: Query) -> tuple[MemoryRow, ...]:
    """Return the rows that are shown, each thing once, in the order given."""
    by_id = {one.about: one for one in reversed([one for one in memories if asked.fits(one)])}
    return tuple(MemoryRow(one) for one in reversed(by_id.values()))


def newest_first(memories: Iterable[Memory]) -> list[Memory]:
    return sorted(memories, key=lambda one: -(one.at_us or 0))


def memories(result: Plain) -> list[Memory]:
    return each(result.get("items"), Memory)[0]


def nodes(result: Plain) -> tuple[Node, ...]:
    return tuple(each(result.get("items"), Node)[0])
