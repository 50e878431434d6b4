"""`quarterdeck help TOPIC` and `quarterdeck version`: what can be said offline."""

from __future__ import annotations

import click

from quarterdeck_protocol import PROTOCOL_VERSION
from quarterdeck_protocol.codes import QuarterdeckError

from .commands import COMMANDS
from .release import version_line
from .session import Session
from .words import near, reads, verb

EXIT_STATUSES = {
    0: "done",
    1: "failed",
    2: "the words, or a value in them, make no sense",
    3: "not found",
    4: "denied by policy or not permitted",
    5: "waiting for approval",
    6: "the daemon is not running or does not answer",
    7: "stopped: the emergency stop is on",
    8: "conflict: it changed since you saw it",
    124: "the time was up",
    130: "interrupted by ctrl-C",
    141: "the reader of the pipe went away",
}

ENVIRONMENT = {
    "QUARTERDECK_WORKSPACE": "the workspace, when -w is not given",
    "VISUAL, EDITOR": "the editor of `quarterdeck edit`",
    "NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE": "colour; --color wins over them",
}

TIMES = """A time is 10m, 2h, 1d12h (from now, or back from now), 14:00, tomorrow, tomorrow 9:30,
2026-03-01, or 2026-03-01T14:00. What is printed is local time; --json prints ISO 8601 in UTC."""


@verb("version", examples=("quarterdeck version --json",))
@reads
def version(session: Session) -> None:
    """Print the versions of the program and of the protocol."""
    shown = version_line()
    value = {"version": shown.partition(" ")[2], "protocol": PROTOCOL_VERSION}
    session.show(value, [shown, f"protocol {PROTOCOL_VERSION}"])


def _topics() -> dict[str, list[str]]:
    return {
        "exit-codes": [f"{status:>4}  {meaning}" for status, meaning in EXIT_STATUSES.items()],
        "environment": [f"{names}: {meaning}" for names, meaning in ENVIRONMENT.items()],
        "times": TIMES.splitlines(),
    }


@verb("help", examples=("quarterdeck help exit-codes", "quarterdeck help approve"))
@click.argument("topic", required=False)
@click.pass_context
def help_topic(ctx: click.Context, session: Session, topic: str | None) -> None:
    """Explain a command, or a topic: exit-codes, environment, times."""
    parent = ctx.parent
    assert parent is not None, "help stands below the root"
    topics = _topics()
    if topic is None:
        session.printer.say(parent.get_help())
        session.printer.say(f"\nTopics of `quarterdeck help`: {', '.join(topics)}.")
    elif topic in topics:
        for one in topics[topic]:
            session.printer.say(one)
    elif topic in COMMANDS:
        assert isinstance(parent.command, click.Group), "the root is a group"
        command = parent.command.get_command(parent, topic)
        assert command is not None, "the table has it"
        session.printer.say(command.get_help(click.Context(command, info_name=topic, parent=parent)))
    else:
        known = [*topics, *COMMANDS]
        raise QuarterdeckError(
            "not_found", f"There is no help on `{topic}`.{near(topic, known)}", hint=f"Topics: {', '.join(topics)}."
        )
