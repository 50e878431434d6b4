"""Fields of a step, a plan or a rule, open for editing as JSON; what would change stands below while you type."""

from __future__ import annotations

import json
from collections.abc import Mapping

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static, TextArea

from ..labelled import short
from ..replies import Plain
from ..text import cut, visible
from .sheet import Sheet

CHANGES_SHOWN = 4
LINE_CELLS = 92


def read_fields(text: str) -> Plain | str:
    """Return the map that `text` spells, or in words why it is none."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    return found if isinstance(found, dict) else 'it must be fields in braces, such as {"to": "ines"}'


def changed_fields(before: Mapping[str, object], after: Mapping[str, object]) -> Plain:
    """Return the fields that are new or different; those that were taken away as None."""
    gone: Plain = {name: None for name in before if name not in after}
    return {name: value for name, value in after.items() if name not in before or before[name] != value} | gone


class EditValuesScreen(Sheet[Plain]):
    """Dismisses with the fields that were changed. `more`: fields that are wanted and not there yet."""

    KEYS = "ctrl+s save what is listed as changed   esc back, nothing happens"
    BINDINGS = [Binding("ctrl+s", "save", "save", priority=True, id="values.save", tooltip="Save these fields")]

    def __init__(
        self,
        title: str,
        fields: Mapping[str, object],
        about: str = "",
        *,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(title)
        self._before, self._about, self._more = dict(fields), about, dict(more or {})

    def compose_sheet(self) -> ComposeResult:
        if self._about:
            yield Static(Content(visible(self._about)), classes="sheet-line")
        text = json.dumps({**self._before, **self._more}, indent=2, ensure_ascii=True, default=str)
        yield TextArea(text, id="fields", compact=True, soft_wrap=True, tab_behavior="focus")
        yield Static(id="changes")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()
        self._tell()

    def on_text_area_changed(self) -> None:
        self._tell()

    def _tell(self) -> None:
        found = read_fields(self.query_one(TextArea).text)
        if isinstance(found, str):
            said = Content.styled(visible(f"Not JSON yet: {found}"), "$text-warning")
        else:
            changed = changed_fields(self._before, found)
            lines = [cut(visible(f"{name} = {short(value)}"), LINE_CELLS) for name, value in changed.items()]
            over = [f"and {len(lines) - CHANGES_SHOWN} more"] if len(lines) > CHANGES_SHOWN else []
            said = Content("\n".join([*lines[:CHANGES_SHOWN], *over]) or "no change yet")
        self.query_one("#changes", Static).update(said)

    def action_save(self) -> None:
        found = read_fields(self.query_one(TextArea).text)
        if isinstance(found, str):
            self.say(f"Not saved: {found}.")
        elif changed := changed_fields(self._before, found):
            self.dismiss(changed)
        else:
            self.say("Nothing was changed; esc leaves.")
