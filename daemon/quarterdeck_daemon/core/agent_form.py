"""What an agent file may contain: the front matter of agents/NAME.md, field by field. See docs/agents.md.

An agent is a contract and what does the work: code that came with this package or a plugin, or the prompt below the
front matter. The contract is enforced by the kernel at run time, whatever does the work.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from .declared import ReadScope, WriteScope
from .entities import Over, Per, Plain

AGENT_CHARS_MAX: Final = 256 * 1024
INTENTS_MAX: Final = 64
FIELDS_MAX: Final = 64
EXAMPLES_MAX: Final = 100
TOKENS_MAX: Final = 16_384

ValueType = Literal["any", "string", "number", "integer", "boolean", "list", "map"]
Mode = Literal["deterministic", "exploratory", "creative"]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]


class ReadForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that it finds in its context. read: how a plan composed of agents reads it, as in a playbook's `reads`."""

    about: str
    read: Plain = {}


class ValueForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One named value.

    nullable  it may be nothing      schema  JSON Schema for more than the type
    of        of an input: the agent whose output it is, `composer`, or a part of that, `composer.body`; by this a plan
              composes agents
    """

    type: ValueType = "any"
    about: str = ""
    nullable: bool = False
    of: str = ""
    schema: Plain = {}


class ScopeForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What it may see and change. Without `write` it writes what its `facts` and `effects` say, and nothing else."""

    read: ReadScope = ReadScope(facts=(), memories=(), records=())
    write: WriteScope | None = None


class ContextForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The context that it gets without asking. query: what is recalled for it, an expression over its input."""

    tokens: Annotated[int, msgspec.Meta(ge=0, le=TOKENS_MAX)] = 0
    query: str = ""


class BudgetForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The most it may use in a span of time; 0 is no limit. money: in minor units."""

    per: Per = "day"
    calls: Count = 0
    minutes: Count = 0
    tokens: Count = 0
    money: Count = 0
    over: Over = "throttle"


class ModelForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How an agent that is a prompt asks a model. purpose: by it the router chooses one."""

    purpose: str = "draft"
    tokens_max: Annotated[int, msgspec.Meta(ge=1, le=TOKENS_MAX)] = 512
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0


class ExampleForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A test of the agent: what it is given, what a model says, and what must come of it.

    replies  answers of a model, in the order of asking; none: no model would answer
    expect   a part of its output      fails  code of the failure that is right instead
    """

    name: str
    input: Plain = {}
    context: Plain = {}
    replies: tuple[object, ...] = ()
    expect: Plain = {}
    fails: str = ""


class AgentForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The contract of an agent. Names of inputs and reads that end in `?` may be missing.

    role         what it is in the team, such as composer; ""  as it is called
    intents      what people say when they want what it does: "write a reply to …"
    reads        what it finds in its context, with what that means
    effects      `connector.verb` that it may propose; `*` for any
    facts        kinds of fact that it may propose
    at_once      how many of its steps run at the same time; 0: as many as there are workers
    sla          longest time of one step, such as 30s; "": as the workspace says
    autonomy     "suggest": everything it proposes asks, until the operator says otherwise; "": the rules decide
    compensation how what it did is taken back, in words
    failures     code of a failure: what to do then
    without_model  for an agent that is a prompt: its output when no model answers, as templates
    """

    name: Name
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    role: str = ""
    purpose: str
    intents: tuple[str, ...] = ()
    mode: Mode = "deterministic"
    reads: dict[str, str | ReadForm] = {}
    inputs: dict[str, ValueForm] = {}
    outputs: dict[str, ValueForm] = {}
    effects: tuple[str, ...] = ()
    compensation: str = ""
    facts: tuple[str, ...] = ()
    scope: ScopeForm = ScopeForm()
    context: ContextForm = ContextForm()
    budget: tuple[BudgetForm, ...] = ()
    at_once: Count = 0
    sla: str = ""
    autonomy: Literal["", "observe", "suggest", "act_with_approval"] = ""
    failures: dict[str, str] = {}
    model: ModelForm = ModelForm()
    without_model: dict[str, str] = {}
    examples: tuple[ExampleForm, ...] = ()
