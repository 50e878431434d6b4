"""One event in full, as lines under headings: what went in, what came out, what it knew, which rule, what it cost.

Promises every value from outside goes through `labelled`, which makes it safe to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.content import Content

from quarterdeck_protocol.events import Event

from .labelled import labelled, short, values
from .past import clock_words
from .replies import Plain
from .timeline import gist
from .timeline_reads import Opened, Recalled, versions

HINT = "$foreground-muted"
ALARM = "$text-error bold"
LINKS_MAX = 9  # One digit each.
BAR_CELLS_MAX = 20
COSTS = ("model", "purpose", "tokens_in", "tokens_out", "tokens", "input_tokens", "output_tokens", "cached", "seed",
         "seconds", "took_ms", "wait_ms", "money", "cost", "usage", "deadline_ms", "attempt")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """All that was read of one event. `memory`, `policy`: None until they were asked for."""

    opened: Opened
    memory: tuple[Recalled, ...] | None = None
    policy: Plain | None = None


def links(opened: Opened) -> list[Event]:
    """Return the events that digits lead to: the cause first, then the consequences in their order."""
    cause = [opened.cause] if opened.cause is not None else []
    return [*cause, *opened.consequences][:LINKS_MAX]


def _in(story: Story, width: int) -> list[Content]:
    opened = story.opened
    lines = values("in", opened.inputs or opened.args, width)
    lines += labelled("prompt", opened.prompt, width)
    if not lines:
        lines = values("says", {k: v for k, v in opened.event.body.items() if k not in ("output", "context")}, width)
    lines += _linked(opened, width)
    return lines or [Content.styled("It was given nothing.", HINT)]


def _out(story: Story, width: int) -> list[Content]:
    opened = story.opened
    error = opened.event.body.get("error")
    lines = values("out", opened.output, width)
    lines += labelled("error", short(error) if error else "", width, ALARM)
    lines += labelled("reason", str(opened.event.body.get("reason") or ""), width)
    lines += _linked(opened, width)
    return lines or [Content.styled("Nothing came of it that the log knows of.", HINT)]


def _linked(opened: Opened, width: int) -> list[Content]:
    lines: list[Content] = []
    for number, event in enumerate(links(opened), start=1):
        cause = event is opened.cause
        label = "cause" if cause else "then" if number == (2 if opened.cause else 1) else ""
        lines += labelled(label, f"{number} {clock_words(event.at_us)}  {event.kind}  {gist(event)}"[:width], width)
    more = len(opened.consequences) + (opened.cause is not None) - LINKS_MAX
    return lines + labelled("", f"and {more} more" if more > 0 else "", width, HINT)


def _context(story: Story, width: int) -> list[Content]:
    opened = story.opened
    tokens = {name: value for name, value in opened.context_tokens.items() if isinstance(value, int)}
    most = max(tokens.values(), default=0)
    lines = labelled("saw", f"{sum(tokens.values())} tokens" if tokens else "", width)
    for name, value in tokens.items():
        bar = "#" * max(round(value / most * BAR_CELLS_MAX), 1) if most else ""
        lines += labelled("", f"{name:<14.14} {value:>6} {bar}", width)
    lines += labelled("gone", ", ".join(opened.context_forgotten), width, ALARM)
    lines += labelled("differs", ", ".join(opened.context_differs), width, ALARM)
    for name, held in opened.context.items():
        lines += [Content("")] + (
            values(name, held, width) if isinstance(held, dict) else labelled(name, short(held), width)
        )
    return lines or [Content.styled("This event has no context: nobody was asked.", HINT)]


def _memory(story: Story, width: int) -> list[Content]:
    shown = versions(story.opened)
    if not shown:
        sources = story.opened.event.labels.sources
        rests = labelled("rests on", ", ".join(sources), width)
        return rests or [Content.styled("It read nothing from memory.", HINT)]
    if story.memory is None:
        return [Content.styled("Reading ...", HINT)]
    lines = labelled("as of", clock_words(story.opened.event.at_us), width)
    for one in story.memory:
        state = (
            "can no longer be read"
            if one.now_seq is None
            else "has changed since"
            if one.changed
            else "is the same now"
        )
        style = ALARM if one.changed else ""
        lines += labelled("", f"{one.id}  {one.title}".rstrip() + f"   {state}", width, style)
    more = len(shown) - len(story.memory)
    return lines + labelled("", f"and {more} more records" if more > 0 else "", width, HINT)


def _policy(story: Story, width: int) -> list[Content]:
    found = story.opened.verdict or story.policy
    if found is None:
        return [Content.styled("Reading ...", HINT)]
    said = f"{found.get('rule', '')} -> {found.get('verdict', '')}".strip()
    lines = labelled("rule", said if said != "->" else "", width, "bold")
    lines += labelled("where", str(found.get("where") or ""), width)
    lines += labelled("risk", str(found.get("risk") or ""), width)
    reasons = found.get("reasons")
    for number, reason in enumerate(reasons if isinstance(reasons, (list, tuple)) else ()):
        lines += labelled("" if number else "because", str(reason), width)
    guards = found.get("guards")
    lines += labelled("guards", ", ".join(map(str, guards)) if isinstance(guards, (list, tuple)) else "", width)
    return lines or [Content.styled("No rule was asked for this event.", HINT)]


def _cost(story: Story, width: int) -> list[Content]:
    body = story.opened.event.body
    found = {name: body[name] for name in COSTS if body.get(name) not in (None, "", {}, [])}
    money = story.opened.cost
    lines = labelled("cost", f"${money}" if money not in ("", "0") else "nothing", width)
    return lines + values("used", found, width)


def _all(story: Story, width: int) -> list[Content]:
    event = story.opened.event
    labels = event.labels
    lines = labelled("event", f"{event.seq}  {event.kind}  version {event.version}", width, "bold")
    lines += labelled("at", f"{clock_words(event.at_us)}  by {event.actor}", width)
    lines += labelled("run", event.run or "", width) + labelled("cause", event.cause or "", width)
    lines += labelled("labels", f"{labels.integrity}, {labels.sensitivity}  {', '.join(labels.sources)}", width)
    return lines + values("body", event.body, width)


PARTS: dict[str, Callable[[Story, int], list[Content]]] = {
    "In": _in, "Out": _out, "Context": _context, "Memory then": _memory, "Policy": _policy, "Cost": _cost, "All": _all,
}  # fmt: skip


def lines(story: Story, part: str, width: int) -> Sequence[Content]:
    """Return what stands under one heading, in lines of at most `width` cells."""
    return PARTS[part](story, width)
