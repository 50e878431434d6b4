"""Rows for the index out of the log: what each event began and what it ended.

A row stands for one stretch of time in which an entity said the same. An event that changes it ends one row and
begins another, so feeding the events of the log in order gives the index the state at the last of them; feeding
some of them twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from quarterdeck_protocol.events import Event

from ..core.entities import Document, Fact, Memory, Plain
from ..recall.api import Row
from ..store.api import Store

KINDS = ("memory.", "document.", "fact.", "reminder.", "rewind.")
SILENT = frozenset(("memory.used", "memory.recalled", "fact.refused", "document.received", "document.unreadable"))
BEGINS = "memory.remembered"
WALK_MAX = 1_000  # Versions that said the same, walked back to where they began.
STRINGS_MAX = 50_000
ID_CHARS_MAX = 420
_MEMORY = re.compile(r"(?:memory:)?(m\d+)")
_DOCUMENT = re.compile(r"(?:document:)?(doc\d+)")


class Found(msgspec.Struct):
    """What some events come to: rows by id, the last word on each, and entities that are erased."""

    rows: dict[str, Row] = {}
    erased: dict[str, None] = {}


def concerns_rows(event: Event) -> bool:
    return event.kind.startswith(KINDS) and event.kind not in SILENT


def rows_of(store: Store, events: Sequence[Event]) -> Found:
    """What these events began and ended, in their order."""
    found = Found({}, {})
    for event in events:
        if concerns_rows(event):
            for cls, id in _entities_of(store, event):
                _note(store, found, cls, id, event)
    return found


def _note(store: Store, found: Found, cls: type[Memory] | type[Fact], id: str, event: Event) -> None:
    now, seq = store.get(cls, id), event.seq
    if isinstance(now, Memory) and now.forgotten:
        found.erased[f"memory:{id}"] = None
        return
    if isinstance(now, Memory) and now.seq == seq and event.kind == BEGINS and event.body.get("id") == id:
        if (row := _row(now)) is not None:  # There is no version before the first; so nobody needs to look for one.
            found.rows[row.id] = row
        return
    new, old = _stretch(store, cls, id, seq), _stretch(store, cls, id, seq - 1)
    if old is not None and (new is None or new.from_seq != old.from_seq):
        found.rows[old.id] = msgspec.structs.replace(old, to_seq=seq)
    if new is not None and (old is None or new.from_seq != old.from_seq):
        found.rows[new.id] = new


def _stretch(store: Store, cls: type[Memory] | type[Fact], id: str, seq: int) -> Row | None:
    """The row that stood at this position, from where it began; None when there was nothing to recall."""
    one = store.get(cls, id, as_of=seq)
    row = _row(one) if one is not None else None
    if row is None:
        return None
    before: Memory | Fact | None = None
    for _ in range(WALK_MAX):
        before = store.get(cls, id, as_of=row.from_seq - 1)
        earlier = _row(before) if before is not None else None
        if earlier is None or not _says_the_same(earlier, row):
            break
        row = msgspec.structs.replace(row, from_seq=earlier.from_seq, at_us=earlier.at_us)
    return msgspec.structs.replace(row, id=_row_id(row, one, before))


def _row_id(row: Row, one: Memory | Fact | None, before: Memory | Fact | None) -> str:
    """`m12`, `fact:client/acme@3`; a later stretch of the same adds where it began."""
    if isinstance(one, Fact):
        known = isinstance(before, Fact) and before.version == one.version
        return f"{row.entity}@{one.version}.{row.from_seq}" if known else f"{row.entity}@{one.version}"
    return row.id if before is None else f"{row.id}@{row.from_seq}"


def _says_the_same(one: Row, other: Row) -> bool:
    return msgspec.structs.replace(one, from_seq=0, at_us=0) == msgspec.structs.replace(other, from_seq=0, at_us=0)


def _row(entity: Memory | Fact) -> Row | None:
    """The row of one version; None when it is not recalled."""
    if isinstance(entity, Fact):
        return _fact_row(entity) if entity.canonical else None
    if not entity.current:
        return None
    return Row(
        id=entity.id,
        entity=f"memory:{entity.id}",
        title=entity.title,
        text=entity.text,
        from_seq=entity.seq,
        at_us=entity.at_us,
        language=entity.language,
        tier=entity.tier,
        kind=entity.memory_kind,
        namespace=entity.namespace,
        source=entity.source,
        tags=entity.tags,
        sensitivity=entity.labels.sensitivity,
    )


def _fact_row(fact: Fact) -> Row:
    return Row(
        id=f"fact:{fact.id}",
        entity=f"fact:{fact.id}",
        title=f"{fact.fact_kind} {fact.key}",
        text=fact_text(fact),
        from_seq=fact.seq,
        at_us=fact.at_us,
        tier=fact.tier,
        kind=fact.fact_kind,
        namespace=fact.namespace,
        source=fact.source,
        sensitivity=fact.labels.sensitivity,
    )


def fact_text(fact: Fact) -> str:
    """A fact as lines of `field: value`, fields of fields with their path."""
    return "\n".join(f"{name}: {value}" for name, value in _lines("", fact.value))


def _lines(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _lines(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, list | tuple) and any(isinstance(one, dict | list) for one in value):
        for inner in value:
            yield from _lines(path, inner)
    elif isinstance(value, list | tuple):
        yield path, ", ".join(map(str, value))
    elif value is not None and value != "":
        yield path, value


# --- which entities -------------------------------------------------------------------------------


def _entities_of(store: Store, event: Event) -> Iterator[tuple[type[Memory] | type[Fact], str]]:
    """Memories and facts that the event may have changed; naming one too many costs a look, no more."""
    memories: dict[str, None] = {}
    facts: dict[str, None] = {}
    kind, key = event.body.get("kind"), event.body.get("key")
    if isinstance(kind, str) and isinstance(key, str):
        facts[f"{kind}/{key}"] = None
    for word in _ids(event.body, STRINGS_MAX):
        if memory := _MEMORY.fullmatch(word):
            memories[memory[1]] = None
        elif document := _DOCUMENT.fullmatch(word):
            memories |= dict.fromkeys(_chunks(store, document[1]))
        elif "/" in word:
            facts[word.removeprefix("fact:")] = None
    yield from ((Memory, id) for id in memories)
    yield from ((Fact, id) for id in facts if store.get(Fact, id) is not None)


def _chunks(store: Store, id: str) -> Iterable[str]:
    """Chunks of a document, and of the one whose place it took."""
    document = store.get(Document, id)
    if document is None:
        return ()
    before = store.get(Document, document.supersedes) if document.supersedes else None
    return (*document.chunks, *(before.chunks if before is not None else ()))


def _ids(body: Plain, most: int) -> Iterator[str]:
    """Strings in the body that could be ids: values of any depth, and names of fields."""
    waiting: list[object] = [body]
    while waiting and most > 0:
        value = waiting.pop()
        most -= 1
        if isinstance(value, str):
            if len(value) <= ID_CHARS_MAX and not any(map(str.isspace, value)):
                yield value
        elif isinstance(value, dict):
            waiting += (name for name in value if isinstance(name, str))
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
