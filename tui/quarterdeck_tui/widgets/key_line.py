"""The footer: the keys that work now, as many as fit, `?` always among them."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

HELP_KEY = "question_mark"


class KeyLine(Widget):
    """Reads the live bindings of its screen; a click on a hint presses its key."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> Content:
        return Content.assemble(
            *(
                piece
                for key, display, word in self._hints()
                for piece in (((" " + display), "$footer-key-foreground bold"), (f" {word} ", ""))
            )
        )

    def on_click(self, event: events.Click) -> None:
        left = 0
        for key, display, word in self._hints():
            cells = len(display) + len(word) + 3
            if left <= event.x < left + cells:
                self.app.simulate_key(key)
                return
            left += cells

    def _hints(self) -> list[tuple[str, str, str]]:
        """Return (key, shown key, word) of the hints that fit; one key for each action."""
        found: dict[str, tuple[str, str, str]] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled and binding.action not in found:
                display = self.app.get_key_display(binding)
                found[binding.action] = (binding.key, display, binding.description)
        hints = list(found.values())
        helps = [hint for hint in hints if hint[0] == HELP_KEY]
        kept: list[tuple[str, str, str]] = []
        room = self.size.width - sum(len(display) + len(word) + 3 for _, display, word in helps)
        for hint in hints:
            if hint[0] == HELP_KEY:
                continue
            room -= len(hint[1]) + len(hint[2]) + 3
            if room < 0:
                break
            kept.append(hint)
        return kept + helps
