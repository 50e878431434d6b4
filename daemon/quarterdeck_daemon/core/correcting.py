"""Working out what takes an effect back, when no verb of its own does: by a playbook, by an agent, or in plain words.

    action.correction_wanted ─┬─ a mail: the workspace's playbook `correction`; plain words when it has none
                              └─ `compensate: {agent}`: a run of one step, in which that agent proposes one action

What such a run proposes takes back the action that it was begun for, whatever the agent says of it, and goes through policy
and approval like any other. undoing.py follows what becomes of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import yaml

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels, join

from .actions import propose_as
from .compensations import Declared, Way, plain_correction, way_back
from .entities import Action, Asset, Plain, Run
from .hashing import text_hash
from .lookup import find
from .pinned import pin_text
from .playbook import base_of, check_inputs, parse_playbook
from .settings import settings_of
from .starting import begin_run
from .turn import Turn
from .undo_plan import CORRECTION, WORKS_OUT, declared_compensation

STEP = "undo"  # The one step of a run in which an agent works it out.


def start(turn: Turn, event: Event) -> None:
    action = find(turn, Action, str(event.body["action"]))
    origin = f"{WORKS_OUT}{event.body['undoing']}"
    said = declared_compensation(turn.draft, action)
    way = way_back(action, said)
    if way.agent and said is not None:
        _ask_agent(turn, action, said, way, origin)
    elif not _ask_playbook(turn, action, origin):
        plainly(turn, action, str(event.body["reason"]))


def plainly(turn: Turn, action: Action, reason: str) -> None:
    """Propose a correction in plain words. The operator asked for it, but whom it goes to is the first mail's word."""
    proposed = plain_correction(action, settings_of(turn.draft).operator, reason)
    propose_as(turn, proposed, action.labels, agent="kernel", made_from=(f"action:{action.id}",))


# --- by a playbook --------------------------------------------------------------------------------


def _ask_playbook(turn: Turn, action: Action, origin: str) -> bool:
    """Begin the workspace's own. False: it has none, or one that wants to know more than is known."""
    asset = turn.draft.get(Asset, f"playbook/{CORRECTION}")
    if asset is None or asset.removed:
        return False
    run = turn.draft.get(Run, action.run)
    given: Plain = {"action": action.id, "subject": str(action.args.get("subject", ""))}
    if run is not None and "document" in run.inputs:
        given["document"] = run.inputs["document"]
    try:
        playbook = parse_playbook(asset.text)
        inputs = check_inputs(playbook, {name: value for name, value in given.items() if name in playbook.inputs})
    except QuarterdeckError:
        return False
    begin_run(
        turn, f"r{turn.number('r')}", playbook, asset.hash, inputs, action.labels, namespace=action.namespaces[0],
        origin=origin,
    )  # fmt: skip
    return True


# --- by an agent ----------------------------------------------------------------------------------


def _ask_agent(turn: Turn, action: Action, said: Declared, way: Way, origin: str) -> None:
    """Begin a run of one step. Its playbook holds the operator's words only; what they stand for comes as inputs."""
    run = find(turn, Run, action.run)
    text = _playbook_for(run, base_of(action.step), said)
    playbook, hash = parse_playbook(text), text_hash(text)
    pin_text(turn, playbook.name, text, hash)
    inputs: Plain = {"action": action.id, "given": way.args, "shown": way.reads}
    begin_run(
        turn, f"r{turn.number('r')}", playbook, hash, inputs, _labels(action, run), namespace=action.namespaces[0],
        origin=origin, priority=run.priority,
    )  # fmt: skip


def _labels(action: Action, run: Run) -> Labels:
    """Its input may use whatever the run knows."""
    return join((action.labels, run.labels, *(step.labels for step in run.steps.values())))


def _playbook_for(run: Run, step: str, said: Declared) -> str:
    reads, given = _referring(said.reads, "inputs.shown"), _referring(said.args, "inputs.given")
    work: Plain = {"id": STEP, "agent": said.agent, "reads": reads, "in": given}
    plain: Plain = {
        "name": f"undo-{run.playbook}-{step}",
        "description": f"Works out what takes back what the step {step} of {run.playbook} did.",
        "inputs": {"action": {"type": "string"}, "given": {"type": "map"}, "shown": {"type": "map"}},
        "steps": [work],
    }
    return yaml.safe_dump(plain, allow_unicode=True)


def _referring(values: Mapping[str, object], path: str) -> Plain:
    """The same map with a reference for each expression, which has its answer: what came from outside is never read as one."""
    return {
        name: _reference(value, f"{path}.{name}" if name.isidentifier() else f"{path}[{json.dumps(name)}]")
        for name, value in values.items()
    }


def _reference(value: object, path: str) -> object:
    if isinstance(value, dict):
        return _referring(value, path)
    return f"${{{path}}}" if "${" in str(value) else value


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"action.correction_wanted": start}
