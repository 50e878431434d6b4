"""Pruning: the files of documents that are no longer current go after a time; what they said stays.

A document keeps its text, its pieces and its past. What goes is the original, the bytes as they came, and that
only when the operator's settings say so. What else still rests on it the service looks up (service/originals.py).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.events import Event

from .commands import Command, PruneOriginals
from .entities import Document, Plain
from .table import Draft
from .turn import Applier, Turn, strings

IDS_MAX = 1_000  # Of one command.


def prune(turn: Turn, command: PruneOriginals) -> Plain:
    """Note that the originals of these documents go. Returns those that do; what is current again keeps its own."""
    found = [turn.draft.get(Document, id) for id in dict.fromkeys(command.ids[:IDS_MAX])]
    going = [document.id for document in found if document is not None and is_past(document) and not document.pruned]
    if going:
        turn.emit("document.pruned", {"ids": going, "rule": command.rule})
    return {"pruned": going}


def is_past(document: Document) -> bool:
    """Whether it is not current any more, and has an original that might go."""
    past = bool(document.superseded_by) or document.withdrawn
    return past and bool(document.blob) and not document.live and not document.forgotten


def _pruned(draft: Draft, event: Event) -> None:
    for id in strings(event.body["ids"]):
        document = draft.get(Document, id)
        if document is not None and not document.forgotten:
            draft.put(msgspec.structs.replace(document, seq=event.seq, pruned=True))


DECIDE: dict[type[Command], Callable[..., Plain]] = {PruneOriginals: prune}
APPLY: dict[str, Applier] = {"document.pruned": _pruned}
