"""What is wrong with a playbook: all of it at once, each fault with line, column and the next step.

Errors keep a playbook from being used. Warnings name what may be right later or elsewhere: an agent that no worker
offers, a playbook that is not there, a name in an expression that nothing gives.
"""

from __future__ import annotations

import graphlib
import re
from typing import Final, TypeVar

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .durations import duration_us
from .entities import Plain
from .expressions import Unanswerable, program, templates_in
from .form_shape import shape_faults
from .local_time import window_fault
from .moments import moment_us
from .playbook_form import (
    CAPABLE,
    CONTEXT_TOKENS_MAX,
    READ_KINDS,
    RETRY_TIMES_MAX,
    TRIGGER_EVENTS,
    Compensate,
    Input,
    Playbook,
    Reroute,
    StepSpec,
    Trigger,
    Wait,
    fits,
    type_of,
)
from .playbook_names import RESERVED, Names, before_each, is_unclosed, near
from .playbook_schema import playbook_schema
from .playbook_text import Fault, Path, Read, read_text
from .schedule_spec import SPECS_MAX, ScheduleSpec, check_spec
from .verbs import VERBS

FAULTS_MAX: Final = 100
STEP_ID: Final = re.compile(r"[^\s\[\]/:]{1,64}")
ITEM_NAME: Final = re.compile(r"[a-z_][A-Za-z0-9_]*")


S = TypeVar("S", bound=msgspec.Struct)


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What is known outside the text; None: nobody knows, so nothing is said about it."""

    agents: frozenset[str] | None = None
    playbooks: frozenset[str] | None = None


def checked(text: str) -> Playbook:
    """Return the playbook. Raises QuarterdeckError `schema` for the first error, and says how many there are."""
    found = [fault for fault in faults_of(text) if fault.level == "error"]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise QuarterdeckError("schema", f"{found[0]}{more}", hint=found[0].hint or "See docs/playbooks.md.")
    try:
        return msgspec.convert(read_text(text).plain, Playbook)
    except msgspec.ValidationError as error:
        raise QuarterdeckError("schema", str(error), hint="See docs/playbooks.md.") from error


def faults_of(text: str, around: Around | None = None) -> list[Fault]:
    """Every fault of the text, in the order of the text, at most FAULTS_MAX."""
    read = read_text(text)
    if read.plain is None and read.faults:
        return list(read.faults)
    found = [*read.faults, *shape_faults(read, playbook_schema(), "a playbook")]
    if isinstance(read.plain, dict):
        found += _Checks(read, read.plain, around or Around()).all()
    unique = {(fault.line, fault.column, fault.message): fault for fault in found}
    return sorted(unique.values(), key=lambda fault: (fault.line, fault.column))[:FAULTS_MAX]


class _Checks:
    """The checks of meaning. Parts whose shape is wrong are left out; that is told already."""

    def __init__(self, read: Read, plain: dict[object, object], around: Around) -> None:
        self.read, self.plain, self.around = read, plain, around
        self.found: list[Fault] = []
        listed = plain.get("steps")
        whole = list(enumerate(listed)) if isinstance(listed, list) else []
        self.ids = [str(one["id"]) for _, one in whole if isinstance(one, dict) and isinstance(one.get("id"), str)]
        self.steps = [(index, spec) for index, one in whole if (spec := _step_as_far(one)) is not None]
        inputs = plain.get("inputs")
        self.inputs = frozenset(str(name) for name in inputs) if isinstance(inputs, dict) else frozenset()
        before = before_each({spec.id: spec.after for _, spec in self.steps})
        self.names = Names(steps=self.ids, inputs=self.inputs, before=before)

    def all(self) -> list[Fault]:
        for index, spec in self.steps:
            self._step(("steps", index), spec)
        for name in ("sla", "deadline", "stalls_after"):
            self._duration((name,), self.plain.get(name))
        self._window()
        self._defaults()
        self._templates(("outputs",), self.plain.get("outputs"))
        triggers = self.plain.get("on")
        for index, one in enumerate(triggers if isinstance(triggers, list) else ()):
            if (trigger := _as(one, Trigger)) is not None:
                self._trigger(("on", index), trigger)
        self._schedules()
        self._cycle()
        return self.found

    def say(self, path: Path, message: str, *, hint: str = "", level: str = "error") -> None:
        self.found.append(self.read.fault(path, message, hint=hint, level=level))

    # --- the whole ---

    def _window(self) -> None:
        text = self.plain.get("window")
        if isinstance(text, str) and text and (fault := window_fault(text)):
            self.say(("window",), fault, hint="Write it like 22:00-06:00 or 20:00-23:30 mon-fri.")

    def _defaults(self) -> None:
        """A default of the wrong type is a run that cannot start unless somebody gives another value."""
        inputs = self.plain.get("inputs")
        for name, one in inputs.items() if isinstance(inputs, dict) else ():
            spec = _as(one, Input)
            if spec is not None and spec.default is not None and not fits(spec.default, spec.type):
                told = f"the default of the input {name!r} is of type {type_of(spec.default)}, not {spec.type}"
                self.say(("inputs", str(name), "default"), told, level="warning")

    def _trigger(self, path: Path, trigger: Trigger) -> None:
        if trigger.event not in TRIGGER_EVENTS:
            hint = f"It can be {', '.join(sorted(TRIGGER_EVENTS))}."
            self.say((*path, "event"), f"no run starts on {trigger.event!r}", hint=hint)
        try:
            program(trigger.when)
        except Unanswerable as error:
            self.say((*path, "when"), f"on {trigger.event}: {error}")

    def _schedules(self) -> None:
        listed = self.plain.get("schedules")
        names: set[str] = set()
        for index, one in enumerate(listed if isinstance(listed, list) else ()):
            spec = _as(one, ScheduleSpec)
            try:
                if spec is not None:
                    check_spec(spec, self.inputs)
            except QuarterdeckError as error:
                self.say(("schedules", index), error.message, hint=error.hint)
            if spec is not None and spec.id and spec.id in names:
                self.say(("schedules", index), f"two schedules are called {spec.id!r}")
            names |= {spec.id} if spec is not None else set()
        if isinstance(listed, list) and len(listed) > SPECS_MAX:
            self.say(("schedules",), f"a playbook has at most {SPECS_MAX} schedules")

    def _cycle(self) -> None:
        graph = {spec.id: spec.after for _, spec in self.steps}
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            circle = error.args[1]
            index = next(index for index, spec in self.steps if spec.id == circle[0])
            self.say(("steps", index, "needs"), f"steps wait for each other: {' -> '.join(circle)}")

    # --- one step ---

    def _step(self, path: Path, spec: StepSpec) -> None:
        self._id(path, spec)
        self._needs(path, spec)
        work = [name for name in ("agent", "playbook", "wait") if getattr(spec, name)]
        if len(work) != 1 and not self._some_field_lost(path, spec):
            both = f"not both {' and '.join(work)}" if work else "and this one has none"
            self.say(path, f"step {spec.id!r} has exactly one of agent, playbook and wait, {both}")
        if spec.wait is not None:
            self._wait((*path, "wait"), spec, spec.wait)
        self._each(path, spec)
        self._retry((*path, "retry"), spec)
        self._duration((*path, "timeout"), spec.timeout)
        self._expression((*path, "when"), spec.when)
        self._templates((*path, "in"), spec.input)
        for name, wanted in spec.reads.items():
            self._reads((*path, "reads", name), spec, name, wanted)
        self._names(path, spec)
        if spec.compensate is not None:
            self._compensate((*path, "compensate"), spec, spec.compensate)

    def _some_field_lost(self, path: Path, spec: StepSpec) -> bool:
        """Whether the step has a field that could not be read: it may be the work that seems to be missing."""
        return not any((spec.agent, spec.playbook, spec.wait)) and _as(self._plain_at(path), StepSpec) is None

    def _plain_at(self, path: Path) -> object:
        steps = self.plain["steps"]
        assert isinstance(steps, list), "steps were read as a list"
        return steps[int(path[1])]

    def _id(self, path: Path, spec: StepSpec) -> None:
        if self.ids.count(spec.id) > 1:
            self.say((*path, "id"), f"two steps are called {spec.id!r}")
        if not STEP_ID.fullmatch(spec.id):
            self.say((*path, "id"), f"{spec.id!r} is no id of a step", hint="No spaces, brackets, slashes or colons.")

    def _needs(self, path: Path, spec: StepSpec) -> None:
        for index, need in enumerate(spec.needs):
            if need not in self.ids:
                told = f"step {spec.id!r} needs {need!r}, which is no step of this playbook"
                self.say((*path, "needs", index), told, hint=near(need, self.ids))
        if isinstance(spec.join, int) and spec.join < 1:
            self.say((*path, "join"), f"step {spec.id!r}: join is all, any or 1 and more")
        fanned = {one.id for _, one in self.steps if one.each}
        if isinstance(spec.join, int) and spec.join > len(spec.needs) and not fanned & set(spec.needs):
            self.say((*path, "join"), f"step {spec.id!r} joins {spec.join} of {len(spec.needs)} needs")

    def _wait(self, path: Path, spec: StepSpec, wait: Wait) -> None:
        named = [name for name in ("signal", "reply_to", "until", "approval") if getattr(wait, name)]
        if len(named) > 1:
            self.say(path, f"step {spec.id!r} waits for one thing, not for {' and '.join(named)}")
        if not named and not wait.limit:
            self.say(
                path, f"step {spec.id!r} waits for neither a signal nor a time", hint="See docs/playbooks.md, waits."
            )
        self._duration((*path, "for"), wait.limit)
        self._templates((*path, "until"), wait.until)
        self._templates((*path, "approval"), wait.approval)
        if wait.until and "${" not in wait.until:
            try:
                moment_us(wait.until)
            except QuarterdeckError as error:
                self.say((*path, "until"), error.message, hint=error.hint)
        if wait.reply_to and (sender := wait.reply_to.removeprefix("steps.")) not in self.ids:
            told = f"step {spec.id!r} waits for an answer to {sender!r}, which is no step of this playbook"
            self.say((*path, "reply_to"), told, hint=near(sender, self.ids))

    def _each(self, path: Path, spec: StepSpec) -> None:
        self._expression((*path, "each"), spec.each)
        if spec.each and spec.wait is not None:
            self.say((*path, "each"), f"step {spec.id!r}: a wait is not done for each item")
        if spec.each and (not ITEM_NAME.fullmatch(spec.item) or spec.item in RESERVED):
            self.say(
                (*path, "as"),
                f"{spec.item!r} is no name for an item",
                hint="A word such as lead; not inputs, steps or run.",
            )

    def _retry(self, path: Path, spec: StepSpec) -> None:
        retry = spec.retry
        self._duration((*path, "backoff"), retry.backoff, needed=True)
        if not 0 <= retry.times <= RETRY_TIMES_MAX:
            self.say((*path, "times"), f"step {spec.id!r}: retry.times is 0 to {RETRY_TIMES_MAX}")
        for name, one in retry.classes.items():
            self._duration((*path, "classes", name, "backoff"), one.backoff)
            if one.times is not None and not 0 <= one.times <= RETRY_TIMES_MAX:
                self.say((*path, "classes", name, "times"), f"step {spec.id!r}: times is 0 to {RETRY_TIMES_MAX}")

    def _reads(self, path: Path, spec: StepSpec, name: str, wanted: Plain) -> None:
        if len(set(wanted) & READ_KINDS) != 1:
            self.say(path, f"step {spec.id!r}, read {name!r}: exactly one of {', '.join(sorted(READ_KINDS))}")
        if "context" in wanted and (fault := context_fault(wanted["context"])):
            self.say(path, f"step {spec.id!r}, context {name!r}: {fault}", hint="See docs/context.md.")
        self._templates(path, wanted)

    def _names(self, path: Path, spec: StepSpec) -> None:
        agents, playbooks = self.around.agents, self.around.playbooks
        if spec.agent and agents is not None and spec.agent not in agents:
            told = f"step {spec.id!r}: no worker offers the agent {spec.agent!r}"
            self.say((*path, "agent"), told, hint=near(spec.agent, sorted(agents)), level="warning")
        if isinstance(spec.on_failure, Reroute):
            if agents is not None and spec.on_failure.reroute not in (*agents, CAPABLE):
                told = f"step {spec.id!r}: no worker offers the agent {spec.on_failure.reroute!r}"
                self.say((*path, "on_failure", "reroute"), told, level="warning")
            if not spec.agent:
                self.say((*path, "on_failure"), f"step {spec.id!r} has no agent that another could take over from")
        if spec.playbook and playbooks is not None and spec.playbook not in (*playbooks, self.plain.get("name")):
            told = f"step {spec.id!r}: there is no playbook {spec.playbook!r}"
            self.say((*path, "playbook"), told, hint=near(spec.playbook, sorted(playbooks)), level="warning")

    def _compensate(self, path: Path, spec: StepSpec, what: Compensate) -> None:
        if bool(what.agent) == bool(what.connector or what.verb) or bool(what.connector) != bool(what.verb):
            self.say(path, f"step {spec.id!r}: compensate has either connector and verb, or an agent")
        if what.verb and f"{what.connector}.{what.verb}" not in VERBS:
            told = f"step {spec.id!r}: no connector offers {what.connector}.{what.verb}"
            self.say((*path, "verb"), told, hint=f"There are: {', '.join(sorted(VERBS))}.", level="warning")
        if what.reads and not what.agent:
            self.say((*path, "reads"), f"step {spec.id!r}: only an agent is shown something")
        for name, wanted in what.reads.items():
            self._reads((*path, "reads", name), spec, name, wanted)
        self._templates((*path, "args"), what.args)
        self._templates((*path, "in"), what.input)

    # --- values ---

    def _duration(self, path: Path, text: object, *, needed: bool = False) -> None:
        if not isinstance(text, str) or not (text or needed):
            return
        try:
            duration_us(text)
        except QuarterdeckError as error:
            step = f"step {self._id_at(path)!r}: " if path[0] == "steps" else ""
            self.say(path, f"{step}{error.message}", hint=error.hint)

    def _templates(self, path: Path, value: object) -> None:
        """Every `${…}` below this value."""
        if isinstance(value, dict):
            for key, one in value.items():
                self._templates((*path, str(key)), one)
        elif isinstance(value, list | tuple):
            for index, one in enumerate(value):
                self._templates((*path, index), one)
        elif isinstance(value, str):
            for text in templates_in(value):
                self._expression(path, text)
            if is_unclosed(value):
                told = "`${` is not closed, so it stays in the text as it is"
                self.say(path, told, hint="Write ${…}, such as ${inputs.name}.", level="warning")

    def _expression(self, path: Path, text: str) -> None:
        if not text:
            return
        try:
            asked = program(text)
        except Unanswerable as error:
            step = f"step {self._id_at(path)!r}: " if path[0] == "steps" else ""
            self.say(path, f"{step}{error}", hint="It is written in CEL; see docs/playbooks.md, expressions.")
            return
        spec = next((spec for index, spec in self.steps if path[:2] == ("steps", index)), None)
        for doubt in self.names.doubts(asked, spec, undoing=len(path) > 2 and path[2] == "compensate"):
            self.say(path, doubt.message, hint=doubt.hint, level="warning")

    def _id_at(self, path: Path) -> str:
        return next((spec.id for index, spec in self.steps if index == path[1]), "?")


def context_fault(wanted: object) -> str:
    """What is wrong with a `context` read, "" when nothing is."""
    if not isinstance(wanted, dict) or set(wanted) - {"query", "budget"}:
        return "it is a map with query and budget"
    budget = wanted.get("budget", 0)
    if not isinstance(budget, int) or not 0 <= budget <= CONTEXT_TOKENS_MAX:
        return f"its budget is 0 to {CONTEXT_TOKENS_MAX:,} tokens"
    return "" if isinstance(wanted.get("query", ""), str) else "its query is a text"


def _as(value: object, shape: type[S]) -> S | None:
    """The value as this struct; None when it has another shape, which is told elsewhere."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError:
        return None


def _step_as_far(value: object) -> StepSpec | None:
    """The step with those of its fields that have the right shape; what is wrong with the others is told already."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return None
    fitting = {key: one for key, one in value.items() if _as({"id": value["id"], key: one}, StepSpec) is not None}
    return _as(fitting, StepSpec)
