"""`budget`: limits and budgets, what is used of them, and giving more."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, text
from .session import Session
from .text import line
from .words import changes, noun, reads, verb_of

budget = noun("budget", "Limits and budgets: list, raise, set.", default="list")
SPANS = ("minute", "hour", "day", "month", "ever")
AMOUNTS = ("calls", "ms", "tokens", "money")


@verb_of(budget, "list", examples=("quarterdeck budget", "quarterdeck budget --json"))
@reads
def list_budgets(session: Session) -> None:
    """List what is limited: the limit, what is used, reserved and left in the present span, and who waits."""
    items = session.items("budget.list", {"limit": 1000})
    session.show_items(items, table_of(session, items), none="Nothing is limited; see docs/limits.md.")
    if any(number(one, "waiting") for one in items):
        session.printer.talk("next: `quarterdeck budget raise WHAT --per SPAN --calls N`, or wait for the next span")


def table_of(session: Session, items: list[Plain]) -> Iterator[str]:
    rows = [row for one in items for row in _rows(one)]
    headers = ("WHAT", "PER", "OF", "LIMIT", "USED", "RESERVED", "LEFT", "WAITING", "OVER")
    return session.printer.table(headers, rows)


def _rows(item: Plain) -> Iterator[tuple[str, ...]]:
    """One row for each amount that is limited."""
    id, waiting = text(item, "id"), str(number(item, "waiting"))
    if number(item, "at_once"):
        limit, in_use = number(item, "at_once"), number(item, "in_use")
        left = max(0, limit - in_use)
        yield (id, "at once", "work", str(limit), "", str(in_use), str(left), waiting, "throttle")
        return
    limit_of, used, reserved, left_of = (record(item.get(name)) for name in ("limit", "used", "reserved", "left"))
    for name in AMOUNTS:
        if number(limit_of, name):
            shown = (_shown(name, number(one, name)) for one in (limit_of, used, reserved, left_of))
            called = "minutes" if name == "ms" else name
            yield (id, text(item, "per"), called, *shown, waiting, text(item, "over"))


def _shown(name: str, amount: int) -> str:
    if name == "ms":
        return f"{amount / 60_000:.1f}"
    return f"{amount // 100}.{amount % 100:02d}" if name == "money" else f"{amount:,}"


def budget_of(words: str) -> Plain:
    """Return what `calls=20,over=stop` spells. Raises QuarterdeckError `bad_value`."""
    found: Plain = {}
    for word in words.split(","):
        name, _, value = word.strip().partition("=")
        if name == "over" and value in ("escalate", "stop"):
            found[name] = value
        elif name in ("calls", "tokens", "money") and value.isdecimal():
            found[name] = int(value)
        elif name == "minutes" and value.replace(".", "", 1).isdecimal():
            found[name] = float(value)
        else:
            hint = "calls=20,minutes=5,tokens=1000,money=50 (in cents),over=escalate or stop"
            raise QuarterdeckError("bad_value", f"{word!r} is no budget.", hint=hint)
    return found


def _given(calls: int, minutes: float, tokens: int, money: int) -> Plain:
    return {"calls": calls, "minutes": minutes, "tokens": tokens, "money": money}


@verb_of(
    budget,
    "raise",
    examples=(
        "quarterdeck budget raise run:r7 --calls 20",
        "quarterdeck budget raise agent:composer --per day --tokens 5000",
    ),
)
@click.argument("what")
@click.option(
    "--per", type=click.Choice(SPANS), default=None, help="Which of its limits; for a run `ever`, else `day`."
)
@click.option("--calls", type=click.IntRange(0), default=0)
@click.option("--minutes", type=click.FloatRange(0), default=0.0)
@click.option("--tokens", type=click.IntRange(0), default=0)
@click.option("--money", type=click.IntRange(0), default=0, help="In minor units, such as cents.")
@changes
def raise_budget(
    session: Session, what: str, per: str | None, calls: int, minutes: float, tokens: int, money: int
) -> None:
    """Give WHAT more for the present span of time; work that waits for it goes on at once."""
    span = per or ("ever" if what.startswith("run:") else "day")
    params: Plain = {"scope": what, "per": span, **_given(calls, minutes, tokens, money)}
    result = session.change("budget.raise", params, does=f"raise the budget of {what}")
    if result is not None:
        session.done(
            result, what, f"raised {what}", then=session.command("budget"), undo="it holds for this span of time only"
        )


@verb_of(budget, "set", examples=("quarterdeck budget set r7 --calls 50 --over stop",))
@click.argument("run")
@click.option("--calls", type=click.IntRange(0), default=0)
@click.option("--minutes", type=click.FloatRange(0), default=0.0)
@click.option("--tokens", type=click.IntRange(0), default=0)
@click.option("--money", type=click.IntRange(0), default=0, help="In minor units, such as cents.")
@click.option("--over", type=click.Choice(("escalate", "stop")), default="escalate", show_default=True)
@changes
def set_budget(session: Session, run: str, calls: int, minutes: float, tokens: int, money: int, over: str) -> None:
    """Limit RUN, in place of what its playbook says; without an amount it has no budget of its own."""
    params: Plain = {"id": run, "over": over, **_given(calls, minutes, tokens, money)}
    result = session.change("budget.set", params, does=f"set the budget of {run}")
    if result is not None:
        session.done(
            result, run, line(f"set the budget of {run}"), then=session.command("budget"), undo="set it again"
        )
