"""Agent files in the making: a new one that works as it is, and what is wrong with one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.agent_files import agent_faults, parse_agent
from ..core.entities import Plain
from .playbook_files import write_new

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_OWN_NAME: Final = re.compile(r"^name:.*$", re.MULTILINE)

NEW: Final = """---
name: {name}
purpose: Sums up a text in a few sentences.      # what it is for, in one sentence
intents: [sum this up, what does this say]        # what people say when they want it
mode: exploratory                                 # deterministic: no model; exploratory; creative
inputs:
  text: {{type: string, about: what is summed up}}
outputs:
  summary: {{type: string, about: a few sentences}}
effects: []                                       # connector.verb that it may propose, such as files.write
facts: []                                         # kinds of fact that it may propose
scope:
  read: {{facts: [], memories: [], records: []}}    # what its `reads` may see; nothing else is shown to it
budget: [{{per: day, calls: 200, tokens: 200000}}]
model: {{purpose: summarise, tokens_max: 300}}
without_model:                                    # its answer when no model answers
  summary: "{{{{ input.text[:300] }}}}"
examples:
  - name: without a model it gives the beginning
    input: {{text: We meet on Tuesday at ten. Bring the contract.}}
    expect: {{summary: We meet on Tuesday at ten. Bring the contract.}}
  - name: a model's words are taken
    input: {{text: We meet on Tuesday at ten. Bring the contract.}}
    replies: [{{summary: "Tuesday at ten, with the contract."}}]
    expect: {{summary: "Tuesday at ten, with the contract."}}
---
Sum up the text in at most three sentences. Keep names, dates and amounts exactly as they stand. Add nothing.
"""


def scaffold(name: str, source: str = "") -> str:
    """The text of a new agent, or of another one under this name. Raises QuarterdeckError `bad_value` for no name."""
    if not NAME.fullmatch(name):
        hint = "Small letters, digits, `-` and `_`; the first is a letter."
        raise QuarterdeckError("bad_value", f"{name!r} is no name of an agent", hint=hint)
    return _OWN_NAME.sub(f"name: {name}", source, count=1) if source else NEW.format(name=name)


def write_agent(path: Path, content: str) -> None:
    """Write a new file. Raises QuarterdeckError `conflict` when another one lies there."""
    write_new(path, content)


def checked_text(text: str) -> Plain:
    """Every fault of an agent file, as {line, column, message, hint, level}."""
    found: list[Plain] = [msgspec.structs.asdict(fault) for fault in agent_faults(text)]
    errors = [one for one in found if one["level"] == "error"]
    name = "" if errors else parse_agent(text).name
    return {"ok": not errors, "name": name, "errors": errors, "warnings": [one for one in found if one not in errors]}
