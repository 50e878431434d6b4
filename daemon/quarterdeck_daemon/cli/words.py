"""The building blocks of commands: a verb with the common options, a noun with its verbs, shared options."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import click

from .session import Session

F = TypeVar("F", bound=Callable[..., object])
Setter = Callable[[click.Context, click.Parameter, object], None]


def _sets(apply: Callable[[Session, object], None]) -> Setter:
    """Return a callback that puts the option into the session, when it was given."""

    def callback(ctx: click.Context, _: click.Parameter, value: object) -> None:
        session = ctx.find_object(Session)
        if session is not None and value not in (None, False, ""):
            apply(session, value)

    return callback


def _workspace(session: Session, value: object) -> None:
    session.named = Path(str(value))


def _color(session: Session, value: object) -> None:
    session.printer.color = str(value)


def _json(session: Session, value: object) -> None:
    session.printer.json = bool(value)


def _quiet(session: Session, value: object) -> None:
    session.printer.quiet = bool(value)


def _no_input(session: Session, value: object) -> None:
    session.no_input = bool(value)


def _dry_run(session: Session, value: object) -> None:
    session.dry_run = bool(value)


def _reason(session: Session, value: object) -> None:
    session.reason = str(value)


def _request_id(session: Session, value: object) -> None:
    session.request_id = str(value)


def _yes(session: Session, value: object) -> None:
    session.yes = bool(value)


def common_options() -> list[click.Parameter]:
    """Options that stand before or after the command's name alike."""
    return [
        click.Option(
            ["-w", "--workspace"], metavar="DIR", callback=_sets(_workspace), expose_value=False,
            help="The workspace; else QUARTERDECK_WORKSPACE, else the folder with quarterdeck.toml here or above.",
        ),
        click.Option(
            ["--color"], type=click.Choice(("auto", "always", "never")), callback=_sets(_color), expose_value=False,
            help="Colour on stdout.",
        ),
        click.Option(["-q", "--quiet"], is_flag=True, callback=_sets(_quiet), expose_value=False, help="No talk on stderr."),
        click.Option(["--no-input"], is_flag=True, callback=_sets(_no_input), expose_value=False, help="Never ask."),
    ]  # fmt: skip


def reads(function: F) -> F:
    """Add `--json`."""
    return click.option(
        "--json", is_flag=True, callback=_sets(_json), expose_value=False, help="JSON on stdout, for scripts."
    )(function)


def changes(function: F) -> F:
    """Add the options of a change: `--dry-run`, `--reason`, `--request-id`, `--json`."""
    function = click.option(
        "--request-id", metavar="ID", callback=_sets(_request_id), expose_value=False,
        help="Yours; the same id with the same words is done once.",
    )(function)  # fmt: skip
    function = click.option(
        "--reason", metavar="TEXT", callback=_sets(_reason), expose_value=False, help="Kept in the log."
    )(function)
    function = click.option(
        "--dry-run",
        is_flag=True,
        callback=_sets(_dry_run),
        expose_value=False,
        help="Say what would happen, do nothing.",
    )(function)
    return reads(function)


def confirms(function: F) -> F:
    """Add `--yes`."""
    return click.option(
        "-y", "--yes", is_flag=True, callback=_sets(_yes), expose_value=False, help="Do not ask whether you are sure."
    )(function)


def near(word: str, words: Sequence[str]) -> str:
    """Return ` Did you mean …?` for the words that look like it, or nothing."""
    found = difflib.get_close_matches(word, words, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(f'`{one}`' for one in found)}?" if found else ""


class Verb(click.Command):
    """A command: takes the common options anywhere, shows its examples before its options."""

    examples: Sequence[str] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"), formatter.indentation():
                formatter.write("".join(f"{'':>{formatter.current_indent}}{one}\n" for one in self.examples))
        super().format_options(ctx, formatter)


class Noun(click.Group):
    """A group of verbs. Without one it lists, so that `quarterdeck runs` is enough.

    free: words that are no verb, and look like none, go to the default
    elsewhere: words that people say here, with the command that they mean
    """

    default = ""
    free = False
    elsewhere: Mapping[str, str] = {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if self.default and not ctx.resilient_parsing and self._wants_default(ctx, args):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def _wants_default(self, ctx: click.Context, args: list[str]) -> bool:
        if not args or args[0].startswith("-"):
            return not args or args[0] not in ("--help", "-h")
        word, known = args[0], self.list_commands(ctx)
        return self.free and word not in known and (" " in word or not near(word, known))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            refuse_word(ctx, args[0], self.list_commands(ctx), self.elsewhere.get(args[0], ""))
        return super().resolve_command(ctx, args)


def refuse_word(ctx: click.Context, word: str, known: Sequence[str], meant: str = "") -> None:
    """Raise a usage error that names the nearest words. meant: the command of another place that does it."""
    whole = ctx.command_path
    guess = f" Did you mean `{ctx.find_root().command_path} {meant}`?" if meant else near(word, known)
    raise click.UsageError(f"There is no `{whole} {word}`.{guess}", ctx=ctx)


def verb(name: str, *, examples: Sequence[str] = ()) -> Callable[[Callable[..., None]], Verb]:
    """Return a decorator that makes a function a top-level command, given the session first."""

    def decorate(function: Callable[..., None]) -> Verb:
        made = click.command(name, cls=Verb)(click.pass_obj(function))
        made.examples = examples
        made.params += common_options()
        return made

    return decorate


def verb_of(noun: Noun, name: str, *, examples: Sequence[str] = ()) -> Callable[[Callable[..., None]], Verb]:
    """Return a decorator that makes a function a verb of the noun."""

    def decorate(function: Callable[..., None]) -> Verb:
        made = verb(name, examples=examples)(function)
        noun.add_command(made)
        return made

    return decorate


def noun(
    name: str, help: str, *, default: str = "", free: bool = False, elsewhere: Mapping[str, str] | None = None
) -> Noun:
    """Return a group of verbs, `default` being the one that runs when none is named. free, elsewhere: as in Noun."""
    made = Noun(name=name, help=help)
    made.default, made.free, made.elsewhere = default, free, elsewhere or {}
    return made


PAST: Final = {
    "pause": "paused", "resume": "resumed", "cancel": "cancelled", "kill": "killed", "retry": "retried",
    "skip": "skipped", "signal": "signalled", "edit": "edited", "reassign": "reassigned", "remove": "removed",
    "reroute": "rerouted", "compensate": "compensated", "drop": "dropped",
}  # fmt: skip


def past(does: str) -> str:
    """`paused r47` for `pause r47`: what is said once it was done."""
    verb, _, rest = does.partition(" ")
    return f"{PAST[verb]} {rest}"
