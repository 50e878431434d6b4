"""What a step may see: its `reads`, looked up once and recorded, so that a replay sees the same."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.labels import EXTERNAL, Labels

from .entities import Action, Asset, Document, Fact, Memory, Plain
from .expressions import resolve
from .kind_versions import lifted
from .table import Draft
from .validity import in_force

FACTS_MAX = 500  # Of one kind; more than that is for `recall` and queries, not for a context.


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """context: read name -> value (shapes in orders.RunStep); sources: `kind:id` of all that was seen."""

    context: Plain
    sources: tuple[str, ...]
    labels: tuple[Labels, ...]


class _Reader:
    def __init__(self, draft: Draft, now_us: int) -> None:
        self.draft = draft
        self.now_us = now_us
        self.sources: dict[str, None] = {}
        self.labels: list[Labels] = []

    def saw(self, entity: Document | Fact | Memory | Action) -> None:
        self.sources[f"{entity.kind}:{entity.id}"] = None
        self.labels.append(entity.labels)


def read_all(
    draft: Draft, reads: dict[str, Plain], values: Plain, hits: dict[str, list[Plain]], *, now_us: int
) -> Reading:
    """Look up every read of a step. `hits` are the answers of the index for its recalls."""
    reader = _Reader(draft, now_us)
    context: Plain = {}
    for name, read in reads.items():
        resolved = resolve(read, values)
        assert isinstance(resolved, dict), "a read is a map and stays one"
        if "recall" in read:
            context[name] = [_seen_hit(reader, hit) for hit in hits.get(name, [])]
            continue
        kind = next(kind for kind in READERS if kind in read)
        context[name] = READERS[kind](reader, resolved)
    return Reading(context=context, sources=tuple(reader.sources), labels=tuple(reader.labels))


def _document(reader: _Reader, read: Plain) -> object:
    document = reader.draft.get(Document, str(read["document"]))
    if document is None:
        return None
    reader.saw(document)
    labels = msgspec.to_builtins(document.labels)
    return {
        "id": document.id,
        "title": document.title,
        "text": document.text,
        "meta": document.meta,
        "labels": labels,
    }


def _fact(reader: _Reader, read: Plain) -> object:
    fact = reader.draft.get(Fact, f"{read['fact']}/{read.get('key', '')}")
    if fact is None or not fact.canonical:
        return None
    reader.saw(fact)
    return _plain_fact(fact, reader.now_us)


def _facts(reader: _Reader, read: Plain) -> object:
    found: list[Plain] = []
    for fact in reader.draft.scan(Fact, prefix=f"{read['facts']}/"):
        if len(found) == FACTS_MAX:
            break
        if not fact.canonical:
            continue
        reader.saw(fact)
        found.append(_plain_fact(fact, reader.now_us))
    return found


def _plain_fact(fact: Fact, now_us: int) -> Plain:
    """What is true now, when the fact says so; else what it says, with the time for which it says so."""
    true = in_force(fact, now_us)
    said = true or fact
    value = lifted(fact.fact_kind, fact.kind_version, said.value)
    span: Plain = {} if true else {"valid_from": fact.valid_from, "valid_to": fact.valid_to}
    return {"id": fact.id, "key": fact.key, "value": value, "version": said.version, **span}


def _action(reader: _Reader, read: Plain) -> object:
    action = reader.draft.get(Action, str(read["action"]))
    if action is None:
        return None
    reader.saw(action)
    shown = ("id", "connector", "verb", "args", "targets", "result", "status")
    return {name: msgspec.to_builtins(getattr(action, name)) for name in shown}


def _template(reader: _Reader, read: Plain) -> object:
    name = str(read["template"])
    variants: Plain = {}
    base: Plain | None = None
    for asset in reader.draft.scan(Asset, prefix=f"template/{name}"):
        if asset.removed or "@" in asset.id or asset.name.partition(".")[0] != name:
            continue
        reader.sources[f"asset:{asset.id}"] = None
        text: Plain = {"id": f"asset:{asset.id}", "name": asset.name, "text": asset.text, "hash": asset.hash}
        if asset.name == name:
            base = text
        else:
            variants[asset.name.removeprefix(f"{name}.")] = text
    return {**base, "variants": variants} if base else None


def _seen_hit(reader: _Reader, hit: Plain) -> Plain:
    memory = reader.draft.get(Memory, str(hit["id"]))
    if memory is not None:
        reader.saw(memory)
    else:
        reader.labels.append(EXTERNAL)
    return hit


READERS: dict[str, Callable[[_Reader, Plain], object]] = {
    "document": _document,
    "facts": _facts,
    "fact": _fact,
    "template": _template,
    "action": _action,
}
