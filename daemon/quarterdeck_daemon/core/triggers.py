"""Triggers: runs that begin on a mail. All other news begin runs through schedules, see firing.py."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .entities import Asset, Document, Plain
from .expressions import Unanswerable, holds, resolve
from .lookup import find
from .playbook import Trigger, check_inputs, parse_playbook
from .runs import begin_run
from .turn import Turn


def start_triggered(turn: Turn, event: Event) -> None:
    """A document was taken in: start every playbook that waits for such news."""
    document = find(turn, Document, str(event.body["document"]))
    if not document.meta.get("trigger"):
        return
    values: Plain = {
        "doc": {"id": document.id, "title": document.title, "meta": document.meta, "text": document.text}
    }
    for asset in list(turn.draft.scan(Asset, prefix="playbook/")):
        if asset.removed or "@" in asset.id:
            continue
        try:
            playbook = parse_playbook(asset.text)
            on_mail = [trigger for trigger in playbook.triggers if trigger.event == "mail.received"]
            wanted = next((trigger for trigger in on_mail if holds(trigger.when, values)), None)
            inputs = check_inputs(playbook, _given(wanted, document, values)) if wanted is not None else {}
        except (Unanswerable, QuarterdeckError) as error:
            body: Plain = {"playbook": asset.name, "document": document.id, "reason": str(error)}
            turn.emit("trigger.refused", body, labels=document.labels)
            continue
        if wanted is not None:
            begin_run(
                turn,
                f"r{turn.number('r')}",
                playbook,
                asset.hash,
                inputs,
                document.labels,
                namespace=document.namespace,
            )


def _given(trigger: Trigger, document: Document, values: Plain) -> Plain:
    """The document, and what the trigger says besides."""
    filled = resolve(trigger.inputs, values)
    assert isinstance(filled, dict), "a map stays a map"
    return {"document": document.id, **filled}


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"document.parsed": start_triggered}
