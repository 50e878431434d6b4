"""The language of playbooks: what a workflow file may contain.

The structs are the language; their descriptions go into the published JSON Schema (playbook_schema.py) and are what an
editor shows. docs/playbooks.md explains it with an example.

Leaves   places in the text to playbook_text.py, all checks to playbook_faults.py, carrying it out to runs.py.
"""

from __future__ import annotations

import functools
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from .entities import Plain
from .news import NEWS
from .orders import FailureClass
from .schedule_spec import ScheduleSpec

STEPS_MAX: Final = 200
PLAYBOOK_BYTES_MAX: Final = 256 * 1024
RETRY_TIMES_MAX: Final = 20
CONTEXT_TOKENS_MAX: Final = 100_000
FAN_OUT_MAX: Final = 200  # Children of one `each`.
RUN_STEPS_MAX: Final = 1_000  # Of one run, with the children of its fan-outs.
DEPTH_MAX: Final = 5  # Runs within runs.
CHILDREN_MAX: Final = 500  # Runs that one run may start, their own not counted.
READ_KINDS: Final = frozenset(
    ("document", "fact", "facts", "template", "recall", "action", "tasks", "context", "playbooks", "agents", "plans")
)
TRIGGER_EVENTS: Final = frozenset(NEWS)

Duration = Annotated[str, Meta(description="A length of time: 500ms, 8s, 30m, 2h, 7d.")]
Expression = Annotated[
    str, Meta(description="A CEL expression over `inputs`, `steps`, `run` and, in a fan-out, the item.")
]
Template = Annotated[Plain, Meta(description="Values; a text may hold `${…}`, a CEL expression.")]


class ClassRetry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Tries for one class of failure; what is left out is that of the step."""

    times: Annotated[int | None, Meta(description="How often it is tried again; 0 to 20.")] = None
    backoff: Annotated[str, Meta(description="Wait before the first new try; it doubles each time.")] = ""


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a step that failed is tried again."""

    times: Annotated[int, Meta(description="How often it is tried again; 0 to 20.")] = 3
    backoff: Annotated[str, Meta(description="Wait before the first new try; it doubles each time.")] = "2s"
    on: Annotated[
        tuple[FailureClass, ...],
        Meta(description="Classes of failure that are tried again; the others fail at once."),
    ] = ("transient", "crash", "timeout")
    classes: Annotated[
        dict[FailureClass, ClassRetry],
        Meta(description="Other numbers for single classes; naming one puts it into `on`."),
    ] = {}

    def for_class(self, failure: str) -> tuple[int, str]:
        """How often a failure of this class is tried again, and the first wait. (0, …): not at all."""
        own = next((one for name, one in self.classes.items() if name == failure), None)
        if own is None:
            return (self.times if failure in self.on else 0), self.backoff
        return (self.times if own.times is None else own.times), own.backoff or self.backoff


class Wait(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename={"limit": "for"}
):
    """What a step waits for. One of signal, reply_to, until and approval; or `for` alone, as a pause."""

    signal: Annotated[str, Meta(description="Name of a signal: `quarterdeck runs signal RUN NAME`.")] = ""
    reply_to: Annotated[
        str, Meta(description="A step whose mails are waited on for an answer: `steps.send` or `send`.")
    ] = ""
    until: Annotated[
        str, Meta(description="A time, 2026-12-01T09:00 in the workspace's zone, or `${…}` that gives one.")
    ] = ""
    approval: Annotated[str, Meta(description="What the operator is asked; the step goes on after a yes.")] = ""
    limit: Annotated[str, Meta(description="How long at most; then `output.timed_out` is true.")] = ""


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A parameter of the playbook."""

    type: Literal["string", "number", "integer", "boolean", "list", "map"] = "string"
    required: bool = False
    default: object = None
    description: str = ""


def fits(value: object, type_name: str) -> bool:
    """Whether a value is of the named type of input."""
    return isinstance(value, _TYPES[type_name]) and (type_name == "boolean" or not isinstance(value, bool))


def type_of(value: object) -> str:
    """The word of the playbook language for the type of a value."""
    return next((name for name in _TYPES if fits(value, name)), "nothing")


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
}


class Trigger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What starts a run by itself."""

    event: Annotated[str, Meta(description="Kind of event: mail.received, fact.asserted, run.ended …")]
    when: Annotated[str, Meta(description="A CEL expression over the news, such as `doc`.")] = "true"
    inputs: Annotated[Plain, Meta(description="Inputs of the run; a text may hold `${…}` over the news.")] = {}


class Compensate(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename={"input": "in"}
):
    """What takes an effect of the step back: another effect, or an agent that works out and proposes one."""

    connector: str = ""
    verb: str = ""
    args: Template = {}
    agent: str = ""
    input: Template = {}
    reads: Annotated[dict[str, Plain], Meta(description="What that agent is shown, by name.")] = {}


CAPABLE = "*"  # Whoever declares that it can.


class Reroute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another agent takes over a step that failed for good."""

    reroute: Annotated[
        str,
        Meta(description='Name of the agent; "*": one that declares the same intents and takes what the step gives.'),
    ]


Amount = Annotated[int, Meta(ge=0, le=1 << 50)]
ModeKey = Literal["", "deterministic", "exploratory", "creative"]


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The most that a run may use, the runs that it starts included; 0 is no limit."""

    calls: Annotated[Amount, Meta(description="Tries of steps, and effects.")] = 0
    minutes: Annotated[float, Meta(ge=0, le=5_256_000, description="Of work, not of waiting.")] = 0.0
    tokens: Amount = 0
    money: Annotated[Amount, Meta(description="In minor units, such as cents.")] = 0
    over: Annotated[
        Literal["escalate", "stop"],
        Meta(description="What is done with work that does not fit: ask the operator, or end the run as exhausted."),
    ] = "escalate"


class Uses(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one try of a step may use at most; reserved in all budgets before it begins. Calls and time count anyway."""

    model: Annotated[
        str, Meta(description="Purpose for which it asks a model by itself, for limits on `purpose:PURPOSE`.")
    ] = ""
    tokens: Amount = 0
    money: Annotated[Amount, Meta(description="In minor units, such as cents.")] = 0


class StepSpec(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
    rename={"input": "in", "item": "as"},
):  # fmt: skip
    """One step: an agent's work, a run of another playbook, or a wait."""

    id: Annotated[str, Meta(description="Its name within the playbook.")]
    agent: Annotated[str, Meta(description="Who does it: `quarterdeck agents list`.")] = ""
    playbook: Annotated[str, Meta(description="A playbook that is run as this step; `in` are its inputs.")] = ""
    wait: Annotated[Wait | None, Meta(description="What it waits for, instead of work.")] = None
    needs: Annotated[tuple[str, ...], Meta(description="Steps that come before it.")] = ()
    join: Annotated[
        Literal["all", "any"] | int,
        Meta(description="How many of `needs` must have succeeded; children of a fan-out count one by one."),
    ] = "all"
    when: Annotated[str, Meta(description="A condition in CEL; false: the step is skipped.")] = ""
    each: Annotated[str, Meta(description="A CEL expression that gives a list: the step is done for each item.")] = ""
    item: Annotated[str, Meta(description="Name of the item in the expressions of this step.")] = "item"
    at_most: Annotated[int, Meta(description="Children under way at the same time; 0: all of them.")] = 0
    reads: Annotated[dict[str, Plain], Meta(description="What the agent is shown, by name.")] = {}
    input: Template = {}
    retry: Retry = Retry()
    timeout: Annotated[str, Meta(description="How long one try may take; else [workers] step_deadline.")] = ""
    on_failure: Annotated[
        Literal["fail", "continue"] | Reroute,
        Meta(
            description="When it failed for good: fail ends the run, continue goes on, reroute names another agent."
        ),
    ] = "fail"
    compensate: Annotated[Compensate | None, Meta(description="What takes it back in a rollback.")] = None
    uses: Annotated[Uses, Meta(description="What one try may use at most.")] = Uses()
    mode: Annotated[
        ModeKey, Meta(description="How far models take part in this step; never further than in the run.")
    ] = ""
    description: str = ""

    @property
    def sender(self) -> str:
        """The step to whose mail an answer is waited for, "" for none."""
        return self.wait.reply_to.removeprefix("steps.") if self.wait is not None else ""

    @property
    def after(self) -> tuple[str, ...]:
        """The steps that must be over before this one."""
        return (*self.needs, self.sender) if self.sender and self.sender not in self.needs else self.needs


class Playbook(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"triggers": "on"},
    dict=True,  # For the index of its steps.
):
    """A workflow of Quarterdeck."""

    name: Annotated[str, Meta(description="Its name; the file is called NAME.yaml.")]
    steps: Annotated[tuple[StepSpec, ...], Meta(description="1 to 200 steps, in any order.")]
    version: int = 1
    description: str = ""
    intents: Annotated[
        tuple[str, ...], Meta(description="What people say when they want it; a plan finds the playbook by them.")
    ] = ()
    triggers: Annotated[tuple[Trigger, ...], Meta(description="What starts a run by itself.")] = ()
    schedules: Annotated[tuple[ScheduleSpec, ...], Meta(description="When a run begins by itself.")] = ()
    inputs: Annotated[dict[str, Input], Meta(description="Parameters by name.")] = {}
    outputs: Annotated[Plain, Meta(description="What a run gives back, from `inputs` and `steps`.")] = {}
    priority: Annotated[
        Literal["", "interactive", "normal", "batch"],
        Meta(description="Whose steps go first. Left out: normal, or that of the run which starts it."),
    ] = ""
    sla: Annotated[str, Meta(description="How long a run should take at most; later an alert is raised.")] = ""
    deadline: Annotated[str, Meta(description="How long a run may take at most; then it ends as timed_out.")] = ""
    stalls_after: Annotated[str, Meta(description="A run in which nothing moved for so long ends as stalled.")] = (
        "30d"
    )
    window: Annotated[
        str, Meta(description="Hours of the workspace's zone in which steps may begin, such as 22:00-06:00.")
    ] = ""
    budget: Annotated[Budget | None, Meta(description="The most that a run may use.")] = None
    mode: Annotated[
        ModeKey,
        Meta(
            description="How far models take part: deterministic, exploratory, creative. Left out: as the workspace says."
        ),
    ] = ""

    def step(self, id: str) -> StepSpec:
        """The step of this id; for a child of a fan-out, such as `send[3]`, its own share of it."""
        spec = self._by_id.get(id)
        if spec is None:
            share = self._by_id[base_of(id)]
            spec = msgspec.structs.replace(share, id=id, each="", when="")
        return spec

    @functools.cached_property
    def _by_id(self) -> dict[str, StepSpec]:
        return {step.id: step for step in self.steps}


def base_of(id: str) -> str:
    """`send` of `send[3]`."""
    return id.partition("[")[0]
