"""What is said about a run and its steps: rows, the graph, the lines beside them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from .clock import age, due, span
from .flows import WENT_WRONG, FlowView, StepView, nodes, shares
from .graph import critical_path, in_order, rails
from .labelled import labelled, listed, values
from .marks import ASCII, Marks
from .replies import moment
from .text import fit, fit_right, visible
from .widgets.table_list import TableRow

SIGNS = {
    "pending": ".", "recalling": "@", "queued": ":", "started": "@", "asking": "@", "waiting": "~", "backoff": ":",
    "succeeded": "o", "failed": "x", "skipped": "/",
}  # fmt: skip
LEGEND = "o done  @ at work  ? asks you  ~ waits  : queued  x failed  / skipped  . to come"
STATUS = {"started": "at work", "recalling": "reading", "asking": "asks a model", "succeeded": "ok", "pending": "-"}


def sign_of(run: FlowView, step: StepView) -> str:
    return "?" if step.status == "waiting" and run.asks_at(step) else SIGNS.get(step.status, "*")


def state_of(run: FlowView, step: StepView, now_us: int) -> str:
    """Return where a step stands, in a few words."""
    if step.status == "waiting":
        if run.asks_at(step):
            return "asks you"
        wakes = moment(step.wakes_at)
        under = shares(run, step)
        if under:
            return f"{sum(one.ended for one in under)} of {len(under)} done"
        return f"waits {due(wakes, now_us)}" if wakes else f"waits for {step.run}" if step.run else "waits"
    if step.status == "backoff":
        return f"again in {due(moment(step.wakes_at), now_us)}"
    if step.status == "queued" and step.queued_for:
        return f"queued: {step.queued_for}"
    return "FAILED" if step.status == "failed" else STATUS.get(step.status, step.status)


def steps_in_order(run: FlowView, now_us: int) -> tuple[StepView, ...]:
    """The steps as the graph has them, the shares of a fan-out below it."""
    known = {step.id: step for step in run.steps}
    ordered = [known[node.id] for node in in_order(nodes(run, now_us))]
    return tuple(one for step in ordered for one in (step, *shares(run, step)))


def graph_of(run: FlowView, now_us: int, marks: Marks) -> dict[str, str]:
    """Return the rails of each step, by its id; all of one width."""
    ordered = in_order(nodes(run, now_us))
    known = {step.id: step for step in run.steps}
    signs = {node.id: sign_of(run, known[node.id]) for node in ordered}
    drawn = rails(ordered, signs, ascii_only=marks is ASCII)
    found = {node.id: row for node, row in zip(ordered, drawn, strict=True)}
    width = len(drawn[0]) if drawn else 0
    return found | {step.id: fit(f"  {sign_of(run, step)}", width) for step in run.steps if step.parent}


def graph_lines(run: FlowView, width: int, now_us: int, marks: Marks) -> list[Content]:
    """Return the plan as lines: rails, number, step, who, where it stands; the critical path in bold."""
    found = graph_of(run, now_us, marks)
    critical = frozenset(critical_ids(run, now_us))
    steps = steps_in_order(run, now_us)
    widest = min(max((len(step.id) for step in steps), default=0) + 1, max(width // 3, 12))
    lines = []
    for number, step in enumerate(steps, start=1):
        end = f"{state_of(run, step, now_us)}  {fit_right(took(step, now_us), 5)}"
        room = max(width - len(found[step.id]) - widest - len(end) - 6, 0)
        style = "$text-error bold" if step.status == "failed" else "bold" if step.id in critical else ""
        who = fit(visible(step.agent or step.does), room)
        said = f"{fit_right(str(number), 3)} {fit(visible(step.id), widest)} {who}"
        lines.append(Content.assemble((f"{found[step.id]}", "$text-accent"), (said, style), f" {visible(end)}"))
    return lines


def took(step: StepView, now_us: int) -> str:
    seconds = step.seconds(now_us)
    if seconds is None:
        return ""
    return f"{seconds:.1f}s" if seconds < 10 else span(seconds)


def critical_ids(run: FlowView, now_us: int) -> tuple[str, ...]:
    """Return the critical path where there is one worth telling: of more than one step."""
    path = critical_path(nodes(run, now_us))
    return path if len(path) > 1 else ()


def path_words(run: FlowView, now_us: int) -> str:
    """Return the critical path in words."""
    steps = steps_in_order(run, now_us)
    number = {step.id: place for place, step in enumerate(steps, start=1)}
    path = critical_ids(run, now_us)
    if not path:
        return ""
    chain = " > ".join(str(number[id]) for id in path)
    if run.ended:
        known = {step.id: step for step in steps}
        total = sum(known[id].seconds(now_us) or 0.0 for id in path)
        return f"{chain}, {span(total)} of work"
    left = [step for step in steps if step.id in path and not step.ended]
    you = sum(bool(run.asks_at(step)) for step in left)
    return f"{chain}, {len(left)} to go{f', {you} by you' if you else ''}"


def run_row(run: FlowView, now_us: int) -> TableRow:
    """Return the row of a run in the list."""
    steps = f"{run.steps_done}/{run.steps_total}" if run.steps_total else ""
    style = "list--high" if run.status in WENT_WRONG else "list--empty" if run.ended else "list--row"
    return TableRow(run.id, (run.id, run.playbook, run_state(run), steps, age(run.at_us, now_us), about(run)), style)


def run_state(run: FlowView) -> str:
    if run.status == "running" and run.asks:
        return "asks you"
    return "set apart" if run.status == "quarantined" else run.status.replace("_", " ")


def about(run: FlowView) -> str:
    """Return why it stands as it does."""
    asked = [gate.text for gate in run.gates]
    waits = f"waits for {listed(run.waits_for)}" if run.waits_for else ""
    return run.trouble or "; ".join(asked) or waits or run.reason or run.origin


def run_lines(run: FlowView, width: int, now_us: int, marks: Marks) -> list[Content]:
    """Return what is said of a run below the list: why it stands there, its plan, what it was given and gave."""
    lines: list[Content] = []
    lines += labelled("trouble", run.trouble, width, "$text-error bold")
    lines += [line for remedy in run.remedies for line in labelled("", remedy, width)]
    lines += [line for gate in run.gates for line in labelled("asks", gate.text, width, "bold")]
    lines += labelled("waits", listed(run.waits_for), width)
    lines += labelled("reason", run.reason, width)
    lines += graph_lines(run, width, now_us, marks)
    lines += labelled("critical", path_words(run, now_us), width)
    lines += values("in", run.inputs, width)
    lines += values("out", run.outputs, width)
    lines += labelled("for", listed((run.origin, run.parent and f"part of {run.parent}", run.mode)), width)
    lines += labelled("late", _when(run.late_at, now_us), width) + labelled(
        "ends", _when(run.deadline_at, now_us), width
    )
    return lines


def _when(at: str | None, now_us: int) -> str:
    at_us = moment(at)
    return "" if at_us is None else "promised time is over" if at_us < now_us else f"in {due(at_us, now_us)}"


def step_lines(run: FlowView, step: StepView, width: int, now_us: int) -> list[Content]:
    """Return everything about one step."""
    lines: list[Content] = []
    lines += labelled("asks", step.gate, width, "bold")
    lines += labelled("error", step.message, width, "$text-error bold")
    lines += labelled("does", step.does, width)
    lines += labelled("needs", listed(step.needs), width) + labelled("if", step.when, width)
    lines += labelled("then", listed(_after(run, step)), width)
    tries = f"try {step.attempts} of {step.tries_max}" if step.tries_max else f"try {step.attempts}"
    limits = listed(
        (
            tries if step.attempts and step.agent else "",
            f"at most {step.timeout} each" if step.timeout else "",
            step.mode,
        )
    )
    lines += labelled("tries", limits, width)
    lines += labelled("waits", step.queued_for, width) + labelled("run", step.run, width)
    lines += labelled("effects", listed(step.actions), width)
    lines += values("in", step.input, width)
    lines += values("out" + (" (you)" if step.given else ""), step.output, width)
    lines += labelled("models", listed(_call(call) for call in step.calls), width)
    if under := shares(run, step):
        lines += labelled("shares", f"{sum(one.ended for one in under)} of {len(under)} done", width)
    return lines


def _after(run: FlowView, step: StepView) -> Sequence[str]:
    return [one.id for one in run.steps if step.id in one.needs]


def _call(call: object) -> str:
    found = call if isinstance(call, dict) else {}
    return " ".join(str(found[name]) for name in ("purpose", "model", "status", "tokens") if found.get(name))
