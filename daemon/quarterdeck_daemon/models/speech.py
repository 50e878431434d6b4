"""Bytes of tokens to text: whole characters, nothing that a stop text cuts off."""

from __future__ import annotations

import codecs

from .api import Sink


class Speech:
    """Tells `sink` what is certain and keeps it in `text`. The space that many models begin with is left out."""

    def __init__(self, sink: Sink, stops: tuple[str, ...] = ()) -> None:
        self._sink, self._stops = sink, stops
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._said: list[str] = []
        self._held = ""  # May be the beginning of a stop text.
        self._fresh = True
        self.stopped = False

    @property
    def text(self) -> str:
        return "".join(self._said)

    def hear(self, piece: bytes) -> None:
        text = self._decoder.decode(piece)
        if self._fresh and text:
            text, self._fresh = text.removeprefix(" "), False
        if not self._stops:
            self._say(text)
            return
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self._say(self._held[: min(found)])
            self._held, self.stopped = "", True
            return
        sure = len(self._held) - max(_begun(self._held, stop) for stop in self._stops)
        self._say(self._held[:sure])
        self._held = self._held[sure:]

    def end(self) -> None:
        """No more comes: what was held back is text after all. Half a character is not."""
        self._say(self._held)
        self._held = ""

    def _say(self, text: str) -> None:
        if text:
            self._said.append(text)
            self._sink(text)


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of the text begin the stop text."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
