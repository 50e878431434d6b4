"""The JSON Schema of playbooks, for editors. Published as docs/playbook.schema.json; a test holds the two equal."""

from __future__ import annotations

import functools
from typing import Final, cast, get_args

import msgspec

from .entities import Plain
from .orders import FailureClass
from .playbook_form import RETRY_TIMES_MAX, STEPS_MAX, Playbook

SCHEMA_NAME: Final = "playbook.schema.json"
FIRST_LINE: Final = f"# yaml-language-server: $schema={SCHEMA_NAME}"
"""First line of a playbook, so that an editor with a YAML language server completes and checks it, when the schema lies
beside it: `quarterdeck playbooks schema > playbooks/playbook.schema.json`."""


@functools.cache
def playbook_schema() -> Plain:
    """The whole schema, draft 2020-12."""
    (top,), parts = msgspec.json.schema_components((Playbook,), schema_hook=_anything, ref_template="#/$defs/{name}")
    parts["Playbook"]["properties"]["steps"] |= {"minItems": 1, "maxItems": STEPS_MAX}
    parts["Retry"]["properties"]["times"] |= {"minimum": 0, "maximum": RETRY_TIMES_MAX}
    parts["Retry"]["properties"]["classes"] |= {"propertyNames": {"enum": sorted(get_args(FailureClass))}}
    parts["StepSpec"]["properties"]["at_most"] |= {"minimum": 0}
    return cast(
        Plain,
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Quarterdeck playbook",
            **top,
            "$defs": parts,
        },
    )


def schema_text() -> str:
    """The schema as it is published."""
    return msgspec.json.format(msgspec.json.encode(playbook_schema()), indent=2).decode() + "\n"


def _anything(kind: type) -> dict[str, object]:
    assert kind is object, "only a free value has no schema of its own"
    return {"description": "Any value."}
