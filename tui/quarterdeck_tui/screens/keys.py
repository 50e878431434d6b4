"""Help: the keys that work here, taken from the live bindings, the focused widget first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.widgets import Static

from ..text import fit
from ..widgets.row_list import RowList
from .sheet import Sheet

KEY_CELLS = 16
PLACES = ("In the list", "On this screen", "Everywhere")  # The focused widget first.


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """One action: all its keys, its word and what it does."""

    place: str
    keys: str
    word: str
    help: str


def key_help(active: Iterable[ActiveBinding], display: dict[str, str]) -> tuple[KeyHelp, ...]:
    """Return the help of live bindings, one for each action, those of the footer first in their place."""
    found: dict[tuple[str, str], KeyHelp] = {}
    for one in sorted(active, key=lambda one: not one.binding.show):
        binding: Binding = one.binding
        if binding.system or not binding.description or not one.enabled:
            continue
        place = place_of(one.node)
        key = display.get(binding.key, binding.key)
        known = found.get((place, binding.action))
        keys = f"{known.keys} {key}" if known else key
        found[place, binding.action] = KeyHelp(place, keys, binding.description, one.tooltip or binding.tooltip)
    return tuple(sorted(found.values(), key=lambda one: PLACES.index(one.place)))


def place_of(node: DOMNode) -> str:
    return "In the list" if isinstance(node, RowList) else "Everywhere" if isinstance(node, App) else "On this screen"


class KeysScreen(Sheet[None]):
    """Shows the help it was given."""

    TITLE_TEXT = "Keys that work here"
    KEYS = "arrows scroll   esc back"
    BINDINGS = [Binding("question_mark,q", "close", "back", show=False)]

    def __init__(self, helps: tuple[KeyHelp, ...]) -> None:
        super().__init__()
        self._helps = helps

    def compose_sheet(self) -> ComposeResult:
        with VerticalScroll(classes="sheet-scroll"):
            yield Static(Content("\n").join(self._lines()))

    def _lines(self) -> list[Content]:
        lines: list[Content] = []
        for place in dict.fromkeys(one.place for one in self._helps):
            lines += [Content.styled(place, "bold"), *(self._line(one) for one in self._helps if one.place == place)]
            lines.append(Content(""))
        return lines

    def _line(self, one: KeyHelp) -> Content:
        said = one.help or one.word
        return Content.assemble("  ", (fit(one.keys, KEY_CELLS), "$text-accent bold"), " ", said)
