"""The command palette: everything that can be done here, found by its name."""

from __future__ import annotations

from textual.command import CommandList, CommandPalette


class Palette(CommandPalette):
    """Textual's own, without an id: a second one over a sheet, or paging in a hidden list, ended the program."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "command_list":
            return self.query_one(CommandList).size.height > 0
        return super().check_action(action, parameters)
