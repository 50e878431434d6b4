"""Reminders: memories of the prospective tier, brought back when their words appear in something new.

Whatever arrives is compared with the words of all that wait. A match is recorded with what it came from; so the
operator is alerted, and every step that reads the same thing has the reminder in its context.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import join

from .alerts import raise_alert
from .entities import Document, Memory
from .table import Draft
from .tiers import FIRED_MAX, matches, waiting, words_of
from .turn import Applier, Turn

DONE_KEPT_US = 30 * 86_400_000_000  # How long one that came back once stays at hand.
SHOWN_CHARS = 200


def notice_memory(turn: Turn, event: Event) -> None:
    if waits := waiting(turn.draft):
        memory = turn.draft.get(Memory, str(event.body["id"]))
        if memory is not None and memory.tier not in ("prospective", "instructions"):
            _fire(turn, waits, memory, f"{memory.title}\n{memory.text}")


def notice_document(turn: Turn, event: Event) -> None:
    if waits := waiting(turn.draft):
        document = turn.draft.get(Document, str(event.body["document"]))
        if document is not None:
            sender = document.meta.get("from_address", "")
            _fire(turn, waits, document, f"{document.title}\n{sender}\n{document.text}")


def _fire(turn: Turn, waits: dict[str, tuple[tuple[str, ...], ...]], news: Memory | Document, text: str) -> None:
    words = words_of(text)
    by = f"{news.kind}:{news.id}"
    for id, when in waits.items():
        memory = turn.draft.get(Memory, id) if matches(when, words) else None
        if memory is None or by in memory.fired:
            continue
        turn.emit("reminder.fired", {"id": id, "by": by}, labels=memory.labels)
        raise_alert(
            turn,
            "info",
            f"reminder/{id}",
            f"you wanted to be reminded: {memory.text[:SHOWN_CHARS]}",
            hint=f"It came back with {news.id} ({news.title[:80]}).",
            about=(f"memory:{id}", by),
            labels=join((memory.labels, news.labels)),
        )


def apply_fired(draft: Draft, event: Event) -> None:
    memory = draft.get(Memory, str(event.body["id"]))
    assert memory is not None, "only what waits is brought back"
    expires_us = memory.expires_us
    if not memory.repeats and expires_us is None:
        expires_us = event.at_us + DONE_KEPT_US
    fired = (*memory.fired, str(event.body["by"]))[-FIRED_MAX:]
    draft.put(msgspec.structs.replace(memory, seq=event.seq, fired=fired, expires_us=expires_us))


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "memory.remembered": notice_memory,
    "document.parsed": notice_document,
}
APPLY: dict[str, Applier] = {"reminder.fired": apply_fired}
