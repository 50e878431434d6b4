"""The lines that calendars (RFC 5545) and address books (RFC 6350) are made of: `NAME;PARAM=value:value`, folded.

Reads what is usual in the wild too: bare line feeds, vCard 2.1 with quoted-printable, blanks around names.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .limits import LINE_CHARS_MAX, NESTING_MAX
from .refusal import Refused

LINES_MAX = 2_000_000
PARAMETERS_MAX = 40

_NAME = re.compile(r"\s*(?:[A-Za-z0-9_-]{1,40}\.)?([A-Za-z0-9-]{1,60})\s*(?=[;:])")
_PARAMETER = re.compile(r";\s*([A-Za-z0-9-]{1,60})(?:=((?:\"[^\"]*\"|[^\";:,])*(?:,(?:\"[^\"]*\"|[^\";:,])*)*))?")
_ESCAPED = re.compile(r"\\([\\;,nN:])")
_SPLIT = {";": re.compile(r"(?<!\\);"), ",": re.compile(r"(?<!\\),")}


@dataclass(frozen=True, slots=True)
class ContentLine:
    """name: upper case; parameters by upper-case name, several values with commas; value: not yet unescaped."""

    name: str
    parameters: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        return unescaped(self.value)

    def parts(self, mark: str) -> list[str]:
        """The value's parts between unescaped marks (";" or ",")."""
        return [unescaped(part) for part in _SPLIT[mark].split(self.value)]


@dataclass
class Component:
    """What stands between BEGIN and END."""

    name: str
    lines: list[ContentLine] = field(default_factory=list)
    inner: list[Component] = field(default_factory=list)

    def first(self, name: str) -> ContentLine | None:
        return next((line for line in self.lines if line.name == name), None)

    def all(self, name: str) -> list[ContentLine]:
        return [line for line in self.lines if line.name == name]

    def text(self, name: str) -> str:
        line = self.first(name)
        return line.text.strip() if line is not None else ""


def unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def components(text: str) -> Iterator[Component]:
    """Yield the outermost components in order. One that is cut off is yielded as far as it goes.

    Raises Refused `too_deep`.
    """
    open: list[Component] = []
    for line in _content_lines(text):
        if line.name == "BEGIN":
            if len(open) >= NESTING_MAX:
                raise Refused("too_deep", f"more than {NESTING_MAX} components inside each other")
            made = Component(line.value.strip().upper()[:60])
            if open:
                open[-1].inner.append(made)
            open.append(made)
        elif line.name == "END" and open:
            done = open.pop()
            if not open:
                yield done
        elif open:
            open[-1].lines.append(line)
    if open:
        yield open[0]


def _content_lines(text: str) -> Iterator[ContentLine]:
    for words in _unfolded(text):
        line = _content_line(words)
        if line is not None:
            yield line


def _unfolded(text: str) -> Iterator[str]:
    """Logical lines. A line that begins with a blank goes on; so does quoted-printable that ends with `=`."""
    held = ""
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:LINES_MAX]:
        if line[:1] in (" ", "\t") and held:
            held = (held + line[1:])[:LINE_CHARS_MAX]
        elif held.endswith("=") and "QUOTED-PRINTABLE" in held[:200].upper():
            held = (held[:-1] + line.strip())[:LINE_CHARS_MAX]
        else:
            if held:
                yield held
            held = line[:LINE_CHARS_MAX]
    if held:
        yield held


def _content_line(words: str) -> ContentLine | None:
    name = _NAME.match(words)
    if name is None:
        return None
    at, parameters = name.end(), dict[str, str]()
    while len(parameters) < PARAMETERS_MAX and (found := _PARAMETER.match(words, at)):
        key, value = found[1].upper(), (found[2] or "").replace('"', "")
        if found[2] is None:
            key, value = "TYPE", found[1]  # vCard 2.1 writes the type alone.
        parameters[key] = f"{parameters[key]},{value}" if key in parameters else value
        at = found.end()
    if words[at : at + 1] != ":":
        return None
    value = words[at + 1 :]
    if parameters.get("ENCODING", "").upper() == "QUOTED-PRINTABLE":
        value = quopri.decodestring(value.encode("utf-8", "replace")).decode("utf-8", "replace")
    return ContentLine(name[1].upper(), parameters, value)
