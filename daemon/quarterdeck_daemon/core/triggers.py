"""Triggers: runs that begin on a mail, or to correct one. All other news begin runs through schedules, see firing.py."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .entities import Action, Asset, Document, Plain, Run
from .expressions import Unanswerable, holds, resolve
from .lookup import find
from .playbook import Trigger, check_inputs, parse_playbook
from .runs import begin_run
from .turn import Turn
from .undo import CORRECTION, correct_plainly


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


def start_correction(turn: Turn, event: Event) -> None:
    """A mail that has left is undone: the workspace's own playbook writes the correction, if it has one."""
    action = find(turn, Action, str(event.body["action"]))
    asset = turn.draft.get(Asset, f"playbook/{CORRECTION}")
    document = turn.draft.get(Run, action.run)
    given: Plain = {"action": action.id}
    if document is not None and "document" in document.inputs:
        given["document"] = document.inputs["document"]
    try:
        if asset is None or asset.removed:
            raise QuarterdeckError("not_found", f"no playbook {CORRECTION}")
        playbook = parse_playbook(asset.text)
        inputs = check_inputs(playbook, {name: value for name, value in given.items() if name in playbook.inputs})
    except QuarterdeckError:
        correct_plainly(turn, action, str(event.body["reason"]))
        return
    begin_run(
        turn, f"r{turn.number('r')}", playbook, asset.hash, inputs, action.labels, namespace=action.namespaces[0]
    )


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "document.parsed": start_triggered,
    "action.correction_wanted": start_correction,
}
