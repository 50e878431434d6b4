"""Agent files: Markdown with a contract in its front matter. Text in, a checked agent out.

Owns     reading and checking the text, the JSON Schemas of inputs and outputs, and what the contract means in terms of
         scopes and limits.
Promises every fault with line and column; nothing of a file with a fault is in use.
Leaves   what enforces the contract at run time to contracts.py.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final, cast

import jsonschema_rs
import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .agent_form import (
    AGENT_CHARS_MAX,
    EXAMPLES_MAX,
    FIELDS_MAX,
    INTENTS_MAX,
    AgentForm,
    BudgetForm,
    ValueForm,
)
from .declared import ANY, Declared, WriteScope
from .durations import duration_us
from .entities import Amounts, Cap, Limit, Plain
from .form_shape import shape_faults
from .hashing import text_hash
from .playbook_text import Fault, Read, read_text, values_of
from .verbs import VERBS

FENCE: Final = "---"
VERSION_SIGNS: Final = 16
_JSON_TYPES: Final = {"list": "array", "map": "object"}
_FENCED: Final = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)(.*)\Z", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class AgentFile:
    """An agent. prompt: below the front matter, "" for one whose work is code."""

    form: AgentForm
    prompt: str
    hash: str

    @property
    def name(self) -> str:
        return self.form.name

    @property
    def version(self) -> str:
        """Of contract and prompt: their hash, shortened."""
        return self.hash[:VERSION_SIGNS]

    @functools.cached_property
    def takes(self) -> jsonschema_rs.Validator:
        """Checks an input."""
        return jsonschema_rs.validator_for(object_schema(self.form.inputs))

    @functools.cached_property
    def gives(self) -> jsonschema_rs.Validator:
        """Checks an output."""
        return jsonschema_rs.validator_for(object_schema(self.form.outputs))


def parse_agent(text: str) -> AgentFile:
    """Return the checked agent. Raises QuarterdeckError `schema` with place and reason of the first fault."""
    found = [fault for fault in agent_faults(text) if fault.level == "error"]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise QuarterdeckError("schema", f"{found[0]}{more}", hint=found[0].hint or "See docs/agents.md.")
    return read_agent(text)


@functools.lru_cache(maxsize=256)
def read_agent(text: str) -> AgentFile:
    """Return the agent of a text that was checked when it was taken in. Raises QuarterdeckError `schema`."""
    front, prompt = _parts(text)
    try:
        form = msgspec.convert(values_of(front), AgentForm)
    except msgspec.ValidationError as error:
        raise QuarterdeckError("schema", str(error), hint="See docs/agents.md.") from error
    return AgentFile(form=form, prompt=prompt, hash=text_hash(text))


def agent_faults(text: str) -> list[Fault]:
    """Every fault of the text, in its order."""
    if len(text) > AGENT_CHARS_MAX:
        return [Fault(line=0, column=0, message=f"an agent has at most {AGENT_CHARS_MAX} characters")]
    if _FENCED.match(text) is None:
        hint = "It begins with a line of ---, then name: and purpose:, then a line of --- again."
        return [Fault(line=1, column=1, message="an agent file has a front matter", hint=hint)]
    front, prompt = _parts(text)
    read = read_text(front)
    if read.plain is None and read.faults:
        return list(read.faults)
    found = [*read.faults, *shape_faults(read, agent_schema(), "an agent")]
    if not found and isinstance(read.plain, dict):
        found += _meaning(read, msgspec.convert(read.plain, AgentForm), prompt)
    return sorted(found, key=lambda fault: (fault.line, fault.column))


def _parts(text: str) -> tuple[str, str]:
    """Front matter and prompt. The first line of the file is the fence: an empty one in its place keeps lines true."""
    match = _FENCED.match(text)
    if match is None:
        raise QuarterdeckError("schema", "an agent file has a front matter", hint="See docs/agents.md.")
    return "\n" + match[1], match[2].strip()


@functools.cache
def agent_schema() -> Plain:
    """JSON Schema of the front matter, for editors."""
    (top,), parts = msgspec.json.schema_components((AgentForm,), schema_hook=_anything, ref_template="#/$defs/{name}")
    return cast(Plain, {"title": "Quarterdeck agent", **top, "$defs": parts})


def _anything(kind: type) -> dict[str, object]:
    assert kind is object, "only a free value has no schema of its own"
    return {"description": "Any value."}


# --- meaning --------------------------------------------------------------------------------------


def _meaning(read: Read, form: AgentForm, prompt: str) -> list[Fault]:
    found: list[Fault] = []
    for index, effect in enumerate(form.effects):
        if effect != ANY and effect not in VERBS:
            hint = f"There are: {', '.join(sorted(VERBS))}."
            found.append(read.fault(("effects", index), f"no connector offers {effect!r}", hint=hint))
    for field, most in (
        ("intents", INTENTS_MAX),
        ("inputs", FIELDS_MAX),
        ("outputs", FIELDS_MAX),
        ("examples", EXAMPLES_MAX),
    ):
        if len(getattr(form, field)) > most:
            found.append(read.fault((field,), f"an agent has at most {most} {field}"))
    if form.sla:
        try:
            duration_us(form.sla)
        except QuarterdeckError as error:
            found.append(read.fault(("sla",), error.message, hint=error.hint))
    for part in ("inputs", "outputs"):
        for name, value in getattr(form, part).items():
            if fault := _schema_fault(value):
                found.append(read.fault((part, name, "schema"), fault, hint="See docs/agents.md, types."))
    if form.without_model and (strange := sorted(set(form.without_model) - set(form.outputs))):
        found.append(read.fault(("without_model", strange[0]), f"{strange[0]!r} is no output of this agent"))
    if not form.outputs and prompt and form.mode != "deterministic":
        found.append(read.fault((), "an agent that asks a model says what its outputs are", hint="outputs: {…}"))
    return found


def _schema_fault(value: ValueForm) -> str:
    try:
        jsonschema_rs.validator_for(value_schema(value))
    except (ValueError, jsonschema_rs.ValidationError) as error:
        return f"this is no JSON Schema: {str(error).splitlines()[0][:120]}"
    return ""


# --- schemas --------------------------------------------------------------------------------------


def value_schema(value: ValueForm) -> Plain:
    """JSON Schema of one value."""
    schema: Plain = dict(value.schema)
    if value.type != "any" and "type" not in schema:
        schema["type"] = _JSON_TYPES.get(value.type, value.type)
    if value.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {"description": value.about, **schema} if value.about else schema


def object_schema(values: dict[str, ValueForm]) -> Plain:
    """JSON Schema of a map of these values; a name that ends in `?` may be missing, others there may not be."""
    named = {name.removesuffix("?"): value_schema(value) for name, value in values.items()}
    needed = [name for name in values if not name.endswith("?")]
    return {"type": "object", "properties": named, "required": needed, "additionalProperties": False}


def misfit(values: dict[str, ValueForm], given: Plain) -> str:
    """Return how `given` is not a map of these values, "" when it is."""
    return misfit_of(jsonschema_rs.validator_for(object_schema(values)), given)


def misfit_of(validator: jsonschema_rs.Validator, given: Plain) -> str:
    """The same by a compiled schema."""
    if validator.is_valid(given):
        return ""
    first = next(validator.iter_errors(given))
    place = ".".join(str(part) for part in first.instance_path)
    said = first.message if len(first.message) <= 160 else f"{first.message[:160]}…"
    return f"{place}: {said}" if place else said


# --- what the contract means elsewhere ------------------------------------------------------------


def declared_by(agent: AgentFile, version: str) -> Declared:
    """Its scope, as the store enforces it. version: of what does its work."""
    form = agent.form
    write = form.scope.write or WriteScope(facts=form.facts, memories=(), effects=form.effects)
    return Declared(
        read=form.scope.read,
        write=write,
        context_tokens=form.context.tokens,
        context_query=form.context.query,
        version=version,
        mode=form.mode,
    )


def limit_by(agent: AgentFile) -> Limit | None:
    """What it may use at once and over time; None when it says nothing of that."""
    form = agent.form
    if not (form.at_once or form.budget):
        return None
    return Limit(of=f"agent:{form.name}", at_once=form.at_once, caps=tuple(_cap(one) for one in form.budget))


def _cap(budget: BudgetForm) -> Cap:
    most = Amounts(calls=budget.calls, ms=budget.minutes * 60_000, tokens=budget.tokens, money=budget.money)
    return Cap(per=budget.per, most=most, over=budget.over)
