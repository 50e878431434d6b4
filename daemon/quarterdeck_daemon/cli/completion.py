"""`completion`: the script that makes a shell complete our commands and options."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from .session import Session
from .words import verb

VARIABLE = "_QUARTERDECK_COMPLETE"
SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


def script(shell: str, command: click.Command, name: str) -> str:
    """Return the script for one name of ours. Made from the template alone: no shell is started to ask its version."""
    maker = SHELLS[shell](command, {}, name, VARIABLE)
    return maker.source_template % maker.source_vars()


@verb("completion", examples=('eval "$(quarterdeck completion bash)"', "quarterdeck completion fish | source"))
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
@click.pass_context
def completion(ctx: click.Context, session: Session, shell: str) -> None:
    """Print the completion script for SHELL, for both names: quarterdeck and qd."""
    root = ctx.find_root().command
    for name in ("quarterdeck", "qd"):
        session.printer.say(script(shell, root, name))
