"""Provenance: everything has a parent or somebody who brought it; why leads to the line, use to the decision."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import MakeLink, PutFact, Remember
from quarterdeck_daemon.core.entities import Action, DeadLetter, Document, Entity, Fact, Memory, Run
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.service.provenance import BACK, find_entity, origin_of, used_by, why
from quarterdeck_daemon.store.in_memory import InMemoryStore

from .recorded_story import Story, tell_all

KINDS: tuple[type[Entity], ...] = (Memory, Document, Fact, Run, Action, DeadLetter)
OUTSIDE = ("operator", "script", "editor")  # Who may bring something that was made from nothing.


def orphans(store: InMemoryStore) -> list[str]:
    """Entities that were made from nothing and that nobody outside of the house brought."""
    found: list[str] = []
    for cls in KINDS:
        for entity in store.scan(cls):
            name = f"{entity.kind}:{entity.id}"
            if any(link.relation in BACK for link in store.links_from(name)):
                continue
            if isinstance(entity, DeadLetter) and store.get(Run, entity.run) is not None:
                continue  # Its run is a field of it.
            if isinstance(entity, Run) and entity.origin:
                continue  # So is the schedule that began it.
            origin = origin_of(store, entity)
            if origin not in OUTSIDE and not origin.startswith("connector:"):
                found.append(f"{name} by {origin!r}")
    return found


def test_nothing_is_derived_without_parents_in_the_story() -> None:
    assert orphans(tell_all().store) == []


def test_the_twin_without_links_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a story in which the kernel forgets to link."""
    monkeypatch.setattr(Draft, "link", lambda self, source, relation, target, seq: None)
    assert orphans(tell_all().store) != []


def test_why_leads_back_to_the_line_and_use_forward_to_the_decision() -> None:
    store = tell_all().store
    action = next(one for one in store.scan(Action) if one.compensates == "")
    items = why(store, action.id)["items"]
    assert isinstance(items, list)
    documents = [one["id"] for one in items if one["kind"] == "document"]
    assert documents, "a mail is behind it"
    forward = [one["id"] for one in used_by(store, str(documents[0]))]
    assert f"action:{action.id}" in forward
    chunk = next(one for one in store.scan(Memory) if one.document and one.span)
    place = why(store, chunk.id)["items"]
    assert isinstance(place, list)
    document = store.get(Document, chunk.document)
    assert document is not None
    assert chunk.span is not None
    assert place[0]["place"] == {
        "document": document.id, "source": document.external_id.partition("#")[0], "line": 1, "to_line": 1, "page": "",
        "quote": document.text[chunk.span[0] : chunk.span[1]],
    }  # fmt: skip


def test_why_and_use_of_then_know_nothing_of_later() -> None:
    story = tell_all()
    store = story.store
    action = next(one for one in store.scan(Action))
    proposed = next(iter(store.events_of(f"action:{action.id}"))).seq
    document = next(one["id"] for one in _items(why(store, action.id)) if one["kind"] == "document")
    now = {one["id"] for one in used_by(store, str(document))}
    then = {one["id"] for one in used_by(store, str(document), as_of=proposed - 1)}
    assert f"action:{action.id}" in now - then
    assert then < now


def test_what_was_typed_says_who_typed_it() -> None:
    story = Story()
    story.tell(Remember(text="Ines likes blue."))
    story.tell(PutFact(fact_kind="client", key="acme", value={"n": 1}))
    story.tell(MakeLink(source="fact:client/acme", relation="knows", target="memory:m1"))
    item = _items(why(story.store, "m1"))[0]
    assert (item["origin"], item["relation"], find_entity(story.store, "m1").id) == ("operator", "", "m1")


def _items(answer: dict[str, object]) -> list[dict[str, object]]:
    items = answer["items"]
    assert isinstance(items, list)
    return items
