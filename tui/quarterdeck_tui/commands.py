"""What can be typed after `:`. The first word names a row of `COMMANDS`, or its unambiguous beginning; the rest is its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .places import PLACES


class Desk(Protocol):
    """What a command may do to the app."""

    def go(self, name: str, words: str = "") -> None: ...
    def action_stop(self) -> None: ...
    def action_keys(self) -> None: ...
    def action_log(self) -> None: ...
    async def action_quit(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    about: str
    run: Callable[[Desk, str], object]


def _to(name: str) -> Callable[[Desk, str], object]:
    return lambda desk, words: desk.go(name, words)


COMMANDS: tuple[Command, ...] = (
    *(Command(place.name, place.about, _to(place.name)) for place in PLACES),
    Command(
        "at", "Look at a moment: at yesterday 14:00, at #1234", lambda desk, words: desk.go("timeline", f"@{words}")
    ),
    Command("keys", "Every key that works here", lambda desk, words: desk.action_keys()),
    Command("log", "What was asked and said", lambda desk, words: desk.action_log()),
    Command("stop", "Stop everything outward", lambda desk, words: desk.action_stop()),
    Command("quit", "Leave; the daemon goes on", lambda desk, words: desk.action_quit()),
)


def understood(line: str) -> tuple[Command, str] | str:
    """Return the command and its words, or why there is none."""
    word, _, rest = line.strip().partition(" ")
    exact = [one for one in COMMANDS if one.name == word.lower()]
    found = exact or [one for one in COMMANDS if word and one.name.startswith(word.lower())]
    if len(found) == 1:
        return found[0], rest.strip()
    names = ", ".join(one.name for one in found or COMMANDS)
    return f"{word!r} may be {names}" if found else f"there is no {word!r}; there is {names}"
