"""Playbooks: YAML text in, a checked workflow out. What it may contain is described in docs/workspace.md."""

from __future__ import annotations

import functools
import graphlib
import re
from typing import Literal

import msgspec
import yaml

from quarterdeck_protocol.codes import QuarterdeckError

from .durations import duration_us
from .entities import Plain
from .expressions import Unanswerable, program

STEPS_MAX = 200
PLAYBOOK_BYTES_MAX = 256 * 1024
RETRY_TIMES_MAX = 20
CONTEXT_TOKENS_MAX = 100_000


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    times: int = 3
    backoff: str = "2s"


class Wait(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"limit": "for"}):
    signal: str = ""
    limit: str = ""


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: Literal["string", "number", "integer", "boolean", "list", "map"] = "string"
    required: bool = False
    default: object = None
    description: str = ""


class Trigger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    event: str
    when: str = "true"


class StepSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"input": "in"}):
    id: str
    agent: str = ""
    needs: tuple[str, ...] = ()
    when: str = ""
    reads: dict[str, Plain] = {}
    input: Plain = {}
    retry: Retry = Retry()
    timeout: str = ""
    wait: Wait | None = None
    description: str = ""


class Playbook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"triggers": "on"}):
    name: str
    steps: tuple[StepSpec, ...]
    version: int = 1
    description: str = ""
    triggers: tuple[Trigger, ...] = ()
    inputs: dict[str, Input] = {}

    def step(self, id: str) -> StepSpec:
        return next(step for step in self.steps if step.id == id)


class _TextKeys(yaml.SafeLoader):
    """YAML 1.1 takes `on` for true and a date for an object; a playbook means the text.

    No aliases: a few lines of them unfold into more than any memory holds, or into themselves.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # The stubs leave it out.
            raise yaml.MarkedYAMLError(problem="aliases are not taken here", problem_mark=mark)
        return super().compose_node(parent, index)


_TextKeys.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_TextKeys.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"\A(?:true|false)\Z"), list("tf"))


@functools.lru_cache(maxsize=256)
def parse_playbook(text: str) -> Playbook:
    """Return the checked playbook. Raises QuarterdeckError `schema` with the place and the reason."""
    if len(text) > PLAYBOOK_BYTES_MAX:
        raise QuarterdeckError("schema", f"a playbook has at most {PLAYBOOK_BYTES_MAX} characters")
    try:
        plain: object = yaml.load(text, Loader=_TextKeys)
        playbook = msgspec.convert(plain, Playbook)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise QuarterdeckError("schema", f"line {line}: {error.problem}", hint="Mend the YAML there.") from error
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError) as error:
        raise QuarterdeckError(
            "schema", str(error), hint="See docs/workspace.md for what a playbook holds."
        ) from error
    _check(playbook)
    return playbook


def _check(playbook: Playbook) -> None:
    if not 0 < len(playbook.steps) <= STEPS_MAX:
        raise QuarterdeckError("schema", f"a playbook has 1 to {STEPS_MAX} steps")
    ids = [step.id for step in playbook.steps]
    for id in ids:
        if ids.count(id) > 1:
            raise QuarterdeckError("schema", f"two steps are called {id!r}")
    for step in playbook.steps:
        _check_step(step, set(ids))
    for trigger in playbook.triggers:
        _check_trigger(trigger)
    try:
        graphlib.TopologicalSorter({step.id: step.needs for step in playbook.steps}).prepare()
    except graphlib.CycleError as error:
        raise QuarterdeckError("schema", f"steps wait for each other: {' -> '.join(error.args[1])}") from error


def _check_trigger(trigger: Trigger) -> None:
    if trigger.event != "mail.received":
        raise QuarterdeckError("schema", f"no run starts on {trigger.event!r}", hint="It can be mail.received.")
    try:
        program(trigger.when)
    except Unanswerable as error:
        raise QuarterdeckError("schema", f"on {trigger.event}: {error}") from error


def _check_step(step: StepSpec, ids: set[str]) -> None:
    for need in step.needs:
        if need not in ids:
            raise QuarterdeckError("schema", f"step {step.id!r} needs {need!r}, which is no step of this playbook")
    if bool(step.agent) == bool(step.wait):
        raise QuarterdeckError("schema", f"step {step.id!r} has either an agent or a wait")
    if step.wait is not None and not (step.wait.signal or step.wait.limit):
        raise QuarterdeckError("schema", f"step {step.id!r} waits for neither a signal nor a time")
    if not 0 <= step.retry.times <= RETRY_TIMES_MAX:
        raise QuarterdeckError("schema", f"step {step.id!r}: retry.times is 0 to {RETRY_TIMES_MAX}")
    for name, read in step.reads.items():
        if len(set(read) & READ_KINDS) != 1:
            raise QuarterdeckError(
                "schema", f"step {step.id!r}, read {name!r}: exactly one of {', '.join(sorted(READ_KINDS))}"
            )
        if "context" in read:
            _check_context(step.id, name, read["context"])
    try:
        duration_us(step.retry.backoff)
        for text in (step.timeout, step.wait.limit if step.wait else ""):
            if text:
                duration_us(text)
        if step.when:
            program(step.when)
    except (QuarterdeckError, Unanswerable) as error:
        raise QuarterdeckError("schema", f"step {step.id!r}: {error}") from error


def _check_context(step: str, name: str, wanted: object) -> None:
    fault = ""
    if not isinstance(wanted, dict) or set(wanted) - {"query", "budget"}:
        fault = "it is a map with query and budget"
    elif not isinstance(wanted.get("budget", 0), int) or not 0 <= wanted.get("budget", 0) <= CONTEXT_TOKENS_MAX:
        fault = f"its budget is 0 to {CONTEXT_TOKENS_MAX:,} tokens"
    elif not isinstance(wanted.get("query", ""), str):
        fault = "its query is a text"
    if fault:
        raise QuarterdeckError("schema", f"step {step!r}, context {name!r}: {fault}", hint="See docs/context.md.")


READ_KINDS = frozenset(("document", "fact", "facts", "template", "recall", "action", "context"))


def check_inputs(playbook: Playbook, given: Plain) -> Plain:
    """Return the inputs with defaults filled in. Raises QuarterdeckError `schema` for what does not fit."""
    unknown = sorted(set(given) - set(playbook.inputs))
    if unknown:
        raise QuarterdeckError(
            "schema",
            f"{playbook.name} takes no input {unknown[0]!r}",
            hint=f"Its inputs: {', '.join(playbook.inputs) or 'none'}.",
        )
    filled: Plain = {}
    for name, spec in playbook.inputs.items():
        value = given.get(name, spec.default)
        if value is None:
            if spec.required:
                raise QuarterdeckError("schema", f"{playbook.name} needs the input {name!r} ({spec.type})")
            continue
        if not isinstance(value, _TYPES[spec.type]) or (isinstance(value, bool) and spec.type != "boolean"):
            raise QuarterdeckError("schema", f"input {name!r} is a {type(value).__name__}, not a {spec.type}")
        filled[name] = value
    return filled


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
}
