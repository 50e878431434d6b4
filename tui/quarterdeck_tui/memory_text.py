"""One memory or fact in full, as lines under headings: now, its versions, who used it, what it was made from.

Promises every value from outside goes through `labelled`, which makes it safe to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from textual.content import Content

from .labelled import labelled, short, values
from .memories import ForgetPlan, Memory, Node
from .past import clock_words
from .replies import Plain

HINT = "$foreground-muted"
ALARM = "$text-error bold"
NODES_MAX = 40
LINKS_MAX = 9  # One digit each.
TRUST = {"operator": "you said so, or vouched for it", "agent": "written by an agent", "external": "from outside"}
PLAN_ROWS = 8


@dataclass(frozen=True, slots=True)
class Story:
    """All that was read of one. None: not asked for yet."""

    memory: Memory
    history: tuple[Memory, ...] | None = None
    used: tuple[Node, ...] | None = None
    made: tuple[Node, ...] | None = None


def _now(story: Story, width: int) -> list[Content]:
    one = story.memory
    lines = labelled("gone", one.gone, width, ALARM)
    lines += labelled("found", one.why.words, width, "$text-accent")
    lines += values("says", one.value, width) if one.value else labelled("says", one.text, width)
    trust = TRUST.get(one.labels.integrity, one.labels.integrity)
    lines += labelled("trust", ", ".join(word for word in (trust, one.labels.sensitivity, one.tier) if word), width)
    lines += labelled("endorsed", one.endorsed, width)
    lines += labelled("from", one.source or ", ".join(one.labels.sources), width)
    lines += labelled("since", clock_words(one.at_us) if one.at_us else "", width)
    lines += labelled("valid", _valid(one), width)
    lines += labelled("tags", ", ".join(one.tags), width)
    lines += labelled("until", one.expires_at or "", width)
    lines += labelled("was", one.supersedes, width) + labelled("now is", one.superseded_by, width)
    return lines + labelled(
        "version", f"{one.version} of {one.latest_version}" if one.latest_version > 1 else "", width
    )


def _valid(one: Memory) -> str:
    if not one.valid_from and not one.valid_to:
        return ""
    return f"{one.valid_from or 'ever'} to {one.valid_to or 'open'}"


def _history(story: Story, width: int) -> list[Content]:
    found = story.history
    if found is None:
        return [Content.styled("Reading ...", HINT)]
    lines: list[Content] = []
    for number, (before, one) in enumerate(pairwise((None, *found)), start=1):
        assert one is not None, "only the first has nothing before it"
        head = f"{_digit(number)} {clock_words(one.at_us) if one.at_us else ''}  event {one.seq}"
        lines += labelled(f"v{one.version}" if one.version else f"{number}.", head, width, "bold")
        lines += _changes(before, one, width)
    return lines or [Content.styled("No version of it is kept.", HINT)]


def _changes(before: Memory | None, one: Memory, width: int) -> list[Content]:
    if before is None or not one.value:
        changed = before is None or before.text != one.text or before.value != one.value
        return labelled("", one.says if changed else "the text is the same", width)
    lines: list[Content] = []
    for name in dict.fromkeys((*before.value, *one.value)):
        was, now = before.value.get(name), one.value.get(name)
        if was != now:
            lines += labelled("-", f"{name} = {short(was)}" if was is not None else "", width, "$text-error")
            lines += labelled("+", f"{name} = {short(now)}" if now is not None else "", width, "$text-success")
    return lines or labelled("", "the value is the same", width)


def _used(story: Story, width: int) -> list[Content]:
    return _nodes(story.used, width, "Nothing was made from it, and no step has read it.")


def _made(story: Story, width: int) -> list[Content]:
    found = None if story.made is None else tuple(node for node in story.made if node.depth)
    return _nodes(found, width, "It was made from nothing else that is known.")


def _nodes(found: tuple[Node, ...] | None, width: int, none: str) -> list[Content]:
    if found is None:
        return [Content.styled("Reading ...", HINT)]
    lines: list[Content] = []
    for number, node in enumerate(found[:NODES_MAX], start=1):
        said = "  ".join(word for word in (node.id, node.status, node.title if node.title != node.id else "") if word)
        lines += labelled(node.relation.replace("_", " ")[:8], f"{_digit(number)} {said}", width)
        lines += labelled("", node.why, width, HINT)
    more = len(found) - NODES_MAX
    return lines + labelled("", f"and {more} more" if more > 0 else "", width, HINT) or [Content.styled(none, HINT)]


def _digit(number: int) -> str:
    return str(number) if number <= LINKS_MAX else " "


PARTS: dict[str, Callable[[Story, int], list[Content]]] = {
    "Now": _now, "History": _history, "Used by": _used, "Made from": _made,
}  # fmt: skip


def lines(story: Story, part: str, width: int) -> Sequence[Content]:
    """Return what stands under one heading, in lines of at most `width` cells."""
    return PARTS[part](story, width)


def links(story: Story, part: str) -> list[int]:
    """Return the events that digits lead to."""
    if part == "History":
        return [one.seq for one in story.history or ()][:LINKS_MAX]
    found = story.used if part == "Used by" else tuple(one for one in story.made or () if one.depth)
    return [node.seq for node in (found or ()) if part != "Now"][:LINKS_MAX]


def plan_lines(plan: ForgetPlan, width: int) -> list[Content]:
    """Return what forgetting would erase, what it would leave and why."""
    counts = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in sorted(plan.counts.items()))
    lines = labelled("erases", counts or "nothing", width, "bold")
    lines += _listed("", plan.items, "title", width) + _listed("stays", plan.kept, "why", width)
    return lines + _listed("outside", plan.outside, "why", width, ALARM)


def _listed(label: str, items: Sequence[Plain], say: str, width: int, style: str = "") -> list[Content]:
    lines: list[Content] = []
    for number, item in enumerate(items[:PLAN_ROWS]):
        name = str(item.get("entity") or item.get("path") or "")
        lines += labelled("" if number else label, f"{name}  {item.get(say) or ''}".rstrip(), width, style)
    more = len(items) - PLAN_ROWS
    return lines + labelled("", f"and {more} more" if more > 0 else "", width, HINT)
