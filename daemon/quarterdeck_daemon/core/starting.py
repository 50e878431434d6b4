"""How a run begins: by the operator, by a trigger, or as a step of another run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels

from .budgets import set_own
from .commands import Command, StartRun
from .durations import duration_us
from .entities import Document, Objective, Plain, Run
from .lookup import find
from .modes import mode_of_run, strictest
from .pinned import find_playbook
from .playbook import Playbook, StepSpec, check_inputs, parse_playbook
from .scopes import COMMONS
from .settings import settings_of
from .turn import Turn

RUN_ID: Final = re.compile(
    r"\A(?!r\d{10,}\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"
)  # Numbers this high stay free for us.


def start(turn: Turn, command: StartRun) -> Plain:
    asset = find_playbook(turn, command.playbook)
    playbook = parse_playbook(asset.text)
    inputs = check_inputs(playbook, command.inputs)
    if command.dry_run:
        return {
            "dry_run": True,
            "playbook": playbook.name,
            "inputs": inputs,
            "steps": [_outline(s) for s in playbook.steps],
        }
    if command.run_id and not RUN_ID.match(command.run_id):
        raise QuarterdeckError(
            "bad_value", f"{command.run_id!r} is no run id", hint="Letters, digits, `.`, `_`, `-`; at most 64."
        )
    id = command.run_id or f"r{turn.number('r')}"
    if turn.draft.get(Run, id) is not None:
        raise QuarterdeckError("conflict", f"there is a run {id} already", hint=f"See it: quarterdeck runs show {id}")
    namespace = command.namespace or _namespace_of(turn, inputs)
    if command.objective:
        find(turn, Objective, command.objective)
    begin_run(
        turn, id, playbook, asset.hash, inputs, command.labels, namespace=namespace, objective=command.objective,
        mode=command.mode,
    )  # fmt: skip
    if command.caps:
        set_own(turn, id, command.caps)
    return {"run_id": id, "status": find(turn, Run, id).status}


def _namespace_of(turn: Turn, inputs: Plain) -> str:
    """Whose documents it is about; without any, or with those of several, it is the house's own."""
    documents = [turn.draft.get(Document, value) for value in inputs.values() if isinstance(value, str)]
    found = {document.namespace for document in documents if document is not None}
    return found.pop() if len(found) == 1 else COMMONS


def _outline(step: StepSpec) -> Plain:
    return {
        "id": step.id,
        "agent": step.agent,
        "playbook": step.playbook,
        "needs": list(step.needs),
        "when": step.when,
        "each": step.each,
        "reads": sorted(step.reads),
    }


def begin_run(
    turn: Turn, id: str, playbook: Playbook, hash: str, inputs: Plain, labels: Labels, *, namespace: str,
    origin: str = "", objective: str = "", chain: int = 0, priority: str = "", cause: str | None = None,
    parent: Run | None = None, parent_step: str = "", mode: str = "",
) -> None:  # fmt: skip
    """origin: what began it, `schedule:s2`.  objective: what it serves.  chain: runs before it that it follows from.

    parent, parent_step: the run and the step of it that this one is.  mode: in place of the playbook's.
    """
    body: Plain = {
        "run": id,
        "playbook": playbook.name,
        "playbook_hash": hash,
        "inputs": inputs,
        "steps": [{"id": step.id, "agent": step.agent} for step in playbook.steps],
    }
    if namespace != COMMONS:
        body["namespace"] = namespace
    more: Plain = {
        "origin": origin,
        "objective": objective,
        "chain": chain or (parent.chain if parent else 0),
        **_times(turn, playbook, parent, priority),
        "mode": mode or playbook.mode,
    }
    if parent is not None:
        more |= {"parent": parent.id, "parent_step": parent_step, "depth": parent.depth + 1}
        more["objective"] = objective or parent.objective
        more["mode"] = _mode_within(turn, parent, playbook)
    body |= {name: value for name, value in more.items() if value}
    turn.emit("run.started", body, run=id, labels=labels, cause=cause)


def _mode_within(turn: Turn, parent: Run, playbook: Playbook) -> str:
    """A run within a run is no freer than the one above; what neither says is left to the workspace."""
    return strictest(mode_of_run(turn.draft, parent), playbook.mode) if parent.mode or playbook.mode else ""


def _times(turn: Turn, playbook: Playbook, parent: Run | None, given: str) -> Plain:
    """What is said about its urgency, and the moments that follow from it."""
    now = turn.env.now_us
    priority = given or playbook.priority or (parent.priority if parent else "normal")
    own = settings_of(turn.draft).batch_window if priority == "batch" else ""
    return {
        "priority": priority if priority != "normal" else "",
        "window": playbook.window or (parent.window if parent else "") or own,
        "late_us": now + duration_us(playbook.sla) if playbook.sla else None,
        "deadline_us": now + duration_us(playbook.deadline) if playbook.deadline else None,
        "stall_us": duration_us(playbook.stalls_after) if playbook.stalls_after else 0,
    }


DECIDE: dict[type[Command], Callable[..., Plain]] = {StartRun: start}
