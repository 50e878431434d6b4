"""Jinja2 in a sandbox over plain data, with the source of every inserted value kept.

How    Each text handed in is a `Sourced` string. When the template prints a value, `finalize` wraps it in
       private-use characters and a number; after rendering they are taken out again and become spans. Values
       cannot contain such characters: they are cleaned before.
Leaves the time limit to the step's deadline; sizes and the length of `range` are limited here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jinja2 import TemplateError, Undefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from quarterdeck_daemon.core.entities import Plain

from .contract import AgentFailure
from .outside_text import one_line, without_addresses

RENDERED_CHARS_MAX = 64_000
RANGE_MAX = 1_000
VALUE_CHARS_MAX = 20_000
DEPTH_MAX = 12
LIST_MAX = 500
BEGIN, NUMBERED, END = "\ue000", "\ue001", "\ue002"

_MARK = re.compile(f"{BEGIN}(\\d+){NUMBERED}|{END}")
_FORBIDDEN = re.compile(r"[\ue000-\uf8ff\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class Sourced(str):
    """A text that knows the entity it was taken from."""

    _source: str

    def __new__(cls, text: str, source: str) -> Sourced:
        value = super().__new__(cls, text)
        value._source = source
        return value

    @property
    def origin(self) -> str:
        return self._source


class Missing(Undefined):
    """A value that is not there: may be asked about (`{% if … %}`, `or`), and never becomes text."""

    def __str__(self) -> str:
        raise ValueError(f"{self._undefined_name or 'a value'} is missing")


@dataclass
class Rendered:
    """inserted: {value, source, span_in_body} of every value the template printed, in the order of the text."""

    text: str
    inserted: list[Plain] = field(default_factory=list)


def trusted(value: object, source: str, depth: int = 0) -> object:
    """Plain data of the operator's for a template: texts keep their lines and links."""
    return _prepared(value, source, depth, lambda text: _FORBIDDEN.sub("", text[:VALUE_CHARS_MAX]))


def outside(value: object, source: str, depth: int = 0) -> object:
    """Plain data from outside: every text is one line without links and addresses."""
    return _prepared(value, source, depth, without_addresses)


def address(text: str, source: str) -> Sourced:
    return Sourced(one_line(text), source)


def _prepared(value: object, source: str, depth: int, clean: object) -> object:
    assert callable(clean)
    if depth > DEPTH_MAX:
        return None
    if isinstance(value, str):
        return Sourced(str(clean(value)), source)
    if isinstance(value, dict):
        return {str(name): _prepared(item, source, depth + 1, clean) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_prepared(item, source, depth + 1, clean) for item in value[:LIST_MAX]]
    return value if isinstance(value, int | float | bool) else None


def render(template: str, values: Plain, *, name: str) -> Rendered:
    """Fill in a template. Raises AgentFailure naming the template when it cannot be filled."""
    sources: list[str] = []
    environment = _environment(sources)
    pieces: list[str] = []
    size = 0
    try:
        for piece in environment.from_string(template).generate(**values):
            size += len(piece)
            if size > RENDERED_CHARS_MAX:
                raise AgentFailure(
                    "contract", "template_output", f"{name}: more than {RENDERED_CHARS_MAX} characters"
                )
            pieces.append(piece)
    except SecurityError as error:
        raise AgentFailure("contract", "template_unsafe", f"{name}: {error}") from error
    except (TemplateError, TypeError, ValueError, OverflowError, RecursionError, ArithmeticError) as error:
        hint = "Open the template; a value that may be missing needs `{% if … %}`."
        raise AgentFailure("contract", "template_failed", f"{name}: {_explained(error)}", hint) from error
    return _unmarked("".join(pieces), sources)


def _environment(sources: list[str]) -> ImmutableSandboxedEnvironment:
    def marked(value: object) -> object:
        if isinstance(value, Undefined) or value is None:
            shown = getattr(value, "_undefined_name", None) or "a value"
            raise ValueError(f"{shown} is missing")
        if value == "":
            return ""
        sources.append(value.origin if isinstance(value, Sourced) else "template")
        return f"{BEGIN}{len(sources) - 1}{NUMBERED}{value}{END}"

    environment = ImmutableSandboxedEnvironment(finalize=marked, undefined=Missing, autoescape=False)
    environment.globals = {"namespace": environment.globals["namespace"], "range": _short_range}
    return environment


def _short_range(*limits: int) -> range:
    numbers = range(*limits)
    if len(numbers) > RANGE_MAX:
        raise OverflowError(f"range has more than {RANGE_MAX} numbers")
    return numbers


def _explained(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return f"line {line}: {error}" if line else str(error)


def _unmarked(text: str, sources: list[str]) -> Rendered:
    """Take the marks out, from the left; marks may be nested when a block was captured and printed."""
    kept: list[str] = []
    spans: list[tuple[int, int, str]] = []
    open_marks: list[tuple[int, str]] = []
    length = position = 0
    for mark in _MARK.finditer(text):
        piece = text[position : mark.start()]
        kept.append(piece)
        length += len(piece)
        position = mark.end()
        if mark[1] is not None:
            open_marks.append((length, sources[int(mark[1])]))
        elif open_marks:
            begin, source = open_marks.pop()
            spans.append((begin, length, source))
    plain = "".join([*kept, text[position:]])
    stripped = plain.strip()
    left = len(plain) - len(plain.lstrip())
    inserted: list[Plain] = [
        {"value": plain[begin:end], "source": source, "span_in_body": (begin - left, end - left)}
        for begin, end, source in sorted(spans)
        if begin >= left and end - left <= len(stripped)
    ]
    return Rendered(stripped, inserted)
