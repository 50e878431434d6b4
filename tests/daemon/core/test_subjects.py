"""Every kind of event and of value says whose content it is, so that nothing is sealed where nobody would look."""

from __future__ import annotations

from quarterdeck_daemon.core.entities import ENTITIES, Alias, Memory
from quarterdeck_daemon.core.kernel import APPLY
from quarterdeck_daemon.core.subjects import (
    SUBJECT_OF_KIND,
    SUBJECT_OF_VALUE,
    erased,
    subject_of,
    subject_of_entity,
)
from quarterdeck_protocol.events import Body, Event
from quarterdeck_protocol.labels import OPERATOR


def event(kind: str, body: Body, *, run: str | None = None) -> Event:
    return Event(seq=9, id="e9", at_us=1, kind=kind, actor="operator", body=body, run=run)


def test_every_kind_of_event_has_an_entry() -> None:
    assert set(SUBJECT_OF_KIND) >= set(APPLY)


def test_every_kind_of_value_has_an_entry() -> None:
    assert {cls.kind for cls in SUBJECT_OF_VALUE} >= set(ENTITIES)


def test_events_belong_to_what_they_speak_of() -> None:
    told = {
        "memory:m1": event("memory.remembered", {"id": "m1"}),
        "document:doc1": event("document.parsed", {"document": "doc1"}),
        "fact:client/ines": event("fact.asserted", {"kind": "client", "key": "ines"}),
        "run:r1": event("action.proposed", {"action": "a1"}, run="r1"),
        "action:a1": event("action.proposed", {"action": "a1"}),
        "link:9": event("link.made", {"source": "fact:a/b", "relation": "knows", "target": "fact:c/d"}),
        "document:doc2": event("memory.restored", {"id": "m7", "document": "doc2"}),
    }
    assert {subject: subject_of(one) for subject, one in told.items()} == {subject: subject for subject in told}


def test_an_unknown_or_odd_event_is_sealed_by_itself_never_left_in_clear() -> None:
    odd = (event("quite.new", {"text": "x"}), event("memory.remembered", {"text": "x"}), event("run.started", {}))
    assert {subject_of(one) for one in odd} == {"event:9"}


def test_a_chunk_and_every_name_of_a_document_share_its_key() -> None:
    chunk = Memory(id="m7", text="x", at_us=1, labels=OPERATOR, document="doc1")
    names = (chunk, Alias(id="mail:inbox/a.eml", target="doc1"))
    assert {subject_of_entity(one) for one in names} == {"document:doc1"}


def test_a_tombstone_is_nobody_s_content() -> None:
    tombstone = Memory(id="m7", text="", at_us=1, labels=OPERATOR, forgotten=True)
    assert subject_of_entity(tombstone) is None


def test_only_an_erased_event_reads_as_erased() -> None:
    assert erased(event("memory.remembered", {"erased": True}))
    assert not erased(event("memory.remembered", {"erased": True, "id": "m1"}))
