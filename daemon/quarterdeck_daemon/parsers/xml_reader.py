"""XML as a stream of tags and text, from bytes that nobody vouches for.

Document types are refused, and with them every entity that could grow or point outside. Depth is bounded.
"""

from __future__ import annotations

import xml.parsers.expat as expat
from collections.abc import Iterator
from dataclasses import dataclass, field

from .limits import XML_DEPTH_MAX
from .refusal import Refused

PIECE_BYTES = 64 * 1024
ATTRIBUTES_MAX = 200


@dataclass(frozen=True, slots=True)
class Tag:
    """kind: "start", "end" or "text". Names are without their namespace; `text` is for kind "text"."""

    kind: str
    name: str = ""
    values: dict[str, str] = field(default_factory=dict)
    text: str = ""


def tags(data: bytes) -> Iterator[Tag]:
    """Yield the tags and texts in order. Raises Refused `malformed`, `xml_entities`, `too_deep`."""
    reader = _Reader()
    for at in range(0, len(data), PIECE_BYTES):
        yield from reader.feed(data[at : at + PIECE_BYTES], last=False)
    yield from reader.feed(b"", last=True)


class _Reader:
    def __init__(self) -> None:
        self._found: list[Tag] = []
        self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, data: bytes, *, last: bool) -> list[Tag]:
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            raise Refused("malformed", f"the XML inside is damaged: {error}") from error
        except ValueError as error:  # An encoding that is not known.
            raise Refused("malformed", f"the XML inside cannot be decoded: {error}") from error
        found, self._found = self._found, []
        return found

    def _start(self, name: str, values: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > XML_DEPTH_MAX:
            raise Refused("too_deep", f"the XML inside is nested deeper than {XML_DEPTH_MAX}")
        plain = {_local(key): value for key, value in list(values.items())[:ATTRIBUTES_MAX]}
        self._found.append(Tag("start", _local(name), plain))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._found.append(Tag("end", _local(name)))

    def _text(self, text: str) -> None:
        self._found.append(Tag("text", text=text))

    def _doctype(self, *_: object) -> None:
        raise Refused("xml_entities", "the XML inside declares a document type, which office files never do")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
