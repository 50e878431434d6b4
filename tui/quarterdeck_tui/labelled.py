"""Statements under labels, for what stands beside a list: everything from outside is made safe here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.content import Content

from .text import fit, visible, visible_lines, wrap

LABEL_CELLS = 8
LABEL_STYLE = "$foreground-muted"
VALUE_CHARS_MAX = 2_000  # Of one value; the rest is counted.


def labelled(label: str, text: str, width: int, style: str = "") -> list[Content]:
    """Return `text` wrapped to `width` cells behind its label; nothing when there is no text."""
    if not text:
        return []
    room = max(width - LABEL_CELLS - 1, 10)
    lines = [part for line in visible_lines(text) for part in wrap(line, room)]
    heads = [label, *[""] * (len(lines) - 1)]
    return [
        Content.assemble((f"{fit(head, LABEL_CELLS)} ", LABEL_STYLE), (line, style))
        for head, line in zip(heads, lines, strict=True)
    ]


def values(label: str, found: Mapping[str, object], width: int) -> list[Content]:
    """Return the fields of a map, one after the other, as `name = value`."""
    lines: list[Content] = []
    for name, value in found.items():
        said = value if isinstance(value, str) else short(value)
        over = f" ... {len(said) - VALUE_CHARS_MAX} more characters" if len(said) > VALUE_CHARS_MAX else ""
        lines += labelled("" if lines else label, f"{name} = {said[:VALUE_CHARS_MAX]}{over}", width)
    return lines


def short(value: object) -> str:
    """Return a value in the words of a person: lists by commas, maps by their fields."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {short(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(short(inner) for inner in value) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(bool(value), "") if value is not None else "nothing"
    return str(value)


def heading(words: str) -> Content:
    return Content.styled(visible(words), "bold")


def listed(items: Iterable[str]) -> str:
    return ", ".join(item for item in items if item)
