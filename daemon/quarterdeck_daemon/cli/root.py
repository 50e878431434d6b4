"""The root command: finds commands by name and imports only the one that is called."""

from __future__ import annotations

from importlib import import_module

import click

from .commands import COMMANDS, SECTIONS
from .session import Session
from .words import Noun, common_options

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
HELP = """An AI-native workspace for a one-person company.

It remembers, plans, asks before anything leaves the house, and can show, explain and undo all it did.
Without a command it opens the screen, starting the daemon if needed."""


class Root(Noun):
    """All commands, by sections."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(f"{__package__}.{entry.module}"), entry.attribute)
        assert isinstance(command, click.Command), f"{cmd_name} is no command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.about) for name, entry in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        """Complete names from the table; click's own way would import every command."""
        names = [click.shell_completion.CompletionItem(name, help=entry.about) for name, entry in COMMANDS.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [one for one in names if one.value.startswith(incomplete)] + options


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from .release import version_line

        click.echo(version_line())
        ctx.exit(0)


def _bare(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        from .home import open_home

        open_home(ctx.ensure_object(Session))


def make_root() -> Root:
    """Return the root command."""
    root = Root(
        name="quarterdeck",
        help=HELP,
        invoke_without_command=True,
        callback=click.pass_context(_bare),
        context_settings=SETTINGS,
        epilog="`quarterdeck COMMAND --help` shows examples. `quarterdeck help exit-codes` lists the exit statuses.",
    )
    show = click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
    )
    root.params += [*common_options(), show]
    return root
