"""Playbooks: YAML text in, a checked workflow out. What it may contain is in playbook_form.py and docs/playbooks.md."""

from __future__ import annotations

import difflib
import functools

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import Plain
from .playbook_faults import checked
from .playbook_form import CAPABLE as CAPABLE
from .playbook_form import CONTEXT_TOKENS_MAX as CONTEXT_TOKENS_MAX
from .playbook_form import PLAYBOOK_BYTES_MAX as PLAYBOOK_BYTES_MAX
from .playbook_form import READ_KINDS as READ_KINDS
from .playbook_form import STEPS_MAX as STEPS_MAX
from .playbook_form import Compensate as Compensate
from .playbook_form import Input as Input
from .playbook_form import Playbook as Playbook
from .playbook_form import Reroute as Reroute
from .playbook_form import Retry as Retry
from .playbook_form import StepSpec as StepSpec
from .playbook_form import Trigger as Trigger
from .playbook_form import Wait as Wait
from .playbook_form import base_of as base_of
from .playbook_form import fits as fits
from .playbook_form import type_of as type_of


@functools.lru_cache(maxsize=256)
def parse_playbook(text: str) -> Playbook:
    """Return the checked playbook. Raises QuarterdeckError `schema` with place and reason of the first fault."""
    return checked(text)


def check_inputs(playbook: Playbook, given: Plain) -> Plain:
    """Return the inputs with defaults filled in. Raises QuarterdeckError `schema` for what does not fit."""
    unknown = sorted(set(given) - set(playbook.inputs))
    if unknown:
        raise QuarterdeckError(
            "schema",
            f"{playbook.name} takes no input {unknown[0]!r}",
            hint=_near_input(unknown[0], playbook),
        )
    filled: Plain = {}
    for name, spec in playbook.inputs.items():
        value = given.get(name, spec.default)
        if value is None:
            if spec.required:
                told = f"{playbook.name} needs the input {name!r} ({spec.type})"
                raise QuarterdeckError(
                    "schema", told, hint=f"Add {_written(name, spec.type)}. {spec.description}".strip()
                )
            continue
        if not fits(value, spec.type):
            told = f"input {name!r} of {playbook.name} is of type {type_of(value)}, not {spec.type}"
            raise QuarterdeckError("schema", told, hint=f"Write {_written(name, spec.type)}.")
        filled[name] = value
    return filled


def _near_input(name: str, playbook: Playbook) -> str:
    near = difflib.get_close_matches(name, playbook.inputs, n=1)
    return f"Did you mean {near[0]}?" if near else f"Its inputs: {', '.join(playbook.inputs) or 'none'}."


def _written(name: str, type_name: str) -> str:
    """How the command line takes it."""
    return f"{name}{_EXAMPLES[type_name]}"


_EXAMPLES = {
    "string": "=TEXT", "number": ":=1.5", "integer": ":=3", "boolean": ":=true", "list": ":='[\"one\", \"two\"]'",
    "map": ":='{\"key\": \"value\"}'",
}  # fmt: skip
