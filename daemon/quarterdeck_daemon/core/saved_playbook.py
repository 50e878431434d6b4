"""A run as a playbook: what it did becomes a plan that can be started again.

The text is the one that the run began with, with the operator's edits in it. A value that an edit put in and that equals
an input of the run becomes that input again. Triggers and schedules are left out: two playbooks must not start on one
mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
import yaml

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import Plain, Run
from .playbook import Playbook, parse_playbook
from .playbook_schema import FIRST_LINE

LITERAL_CHARS_MIN = 2  # Shorter values are too common to have come from an input.


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    left_out: tuple[str, ...]


def saved(run: Run, playbook: Playbook, name: str, inputs: Sequence[str] | None) -> Saved:
    """inputs: those that must be given to the new one; the others keep what this run was given. None: as they were.

    Raises QuarterdeckError `not_found` for an input that the run does not have.
    """
    plain: Plain = msgspec.to_builtins(playbook)
    left_out = [f"{field} of {playbook.name}" for field in ("on", "schedules") if plain.pop(field, None)]
    plain |= {"name": name, "version": 1, "description": f"Saved from run {run.id} of {playbook.name}."}
    plain["inputs"] = _inputs(run, playbook, inputs)
    plain["steps"] = [_step(run, playbook, cast(Plain, step)) for step in cast(list[object], plain["steps"])]
    left_out += [f"the output of {step.id}, given by hand" for step in run.steps.values() if step.given_output]
    order = (
        "name",
        "version",
        "description",
        "inputs",
        "outputs",
        "priority",
        "sla",
        "deadline",
        "stalls_after",
        "window",
    )
    ordered = {key: plain[key] for key in order if plain.get(key)} | {
        key: value for key, value in plain.items() if key not in (*order, "steps")
    }
    body = yaml.safe_dump({**ordered, "steps": plain["steps"]}, sort_keys=False, allow_unicode=True, width=110)
    text = f"{FIRST_LINE}\n{body}"
    parse_playbook(text)
    return Saved(text=text, left_out=tuple(left_out))


def _inputs(run: Run, playbook: Playbook, wanted: Sequence[str] | None) -> Plain:
    unknown = [name for name in wanted or () if name not in playbook.inputs]
    if unknown:
        raise QuarterdeckError(
            "not_found",
            f"run {run.id} has no input {unknown[0]!r}",
            hint=f"Its inputs: {', '.join(playbook.inputs) or 'none'}.",
        )
    found: Plain = {}
    for name, spec in playbook.inputs.items():
        told: Plain = msgspec.to_builtins(spec)
        if wanted is not None and name in wanted:
            told = {key: value for key, value in told.items() if key != "default"} | {"required": True}
        elif wanted is not None and name in run.inputs:
            told = {key: value for key, value in told.items() if key != "required"} | {"default": run.inputs[name]}
        found[name] = {"type": spec.type, **told}
    return found


def _step(run: Run, playbook: Playbook, plain: Plain) -> Plain:
    step = run.steps.get(str(plain["id"]))
    if step is None:
        return plain
    if step.agent and step.agent != plain.get("agent") and not step.children:
        plain = {**plain, "agent": step.agent}
    if step.override:
        given = plain.get("in")
        plain = {
            **plain,
            "in": {**(given if isinstance(given, dict) else {}), **_as_inputs(step.override, run.inputs)},
        }
    return plain


def _as_inputs(value: Plain, inputs: Plain) -> Plain:
    """The same, with every value that equals an input in place of it."""
    return {key: _as_input(one, inputs) for key, one in value.items()}


def _as_input(value: object, inputs: Plain) -> object:
    if isinstance(value, dict):
        return _as_inputs(cast(Plain, value), inputs)
    if isinstance(value, list):
        return [_as_input(one, inputs) for one in value]
    for name, given in inputs.items():
        if type(value) is type(given) and value == given and not isinstance(value, bool):
            if isinstance(value, str) and len(value) < LITERAL_CHARS_MIN:
                continue
            return f"${{inputs.{name}}}"
    return value
