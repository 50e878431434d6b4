"""`digest`: the start of the day, its end, the week; in plain lines, what to decide first at the top."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .output import Printer
from .plain import Plain, number, record, records, strings, text
from .session import Session
from .text import cut, line
from .times import countdown, local
from .words import reads, verb

TEXT_COLUMNS, WHAT_COLUMNS = 80, 24
TITLES = {"day": "Start of the day", "evening": "End of the day", "week": "The last seven days"}
PARTS = (
    ("waiting", "Waits for you, by risk"),
    ("cooling", "Cools off; undo is free until it leaves"),
    ("late", "Late, or soon"),
    ("failed", "Went wrong"),
    ("went_out", "Went out"),
    ("reconciled", "Approved today, and how it stands"),
)


def lines(printer: Printer, found: Plain) -> Iterator[str]:
    """Yield the digest; a part with nothing in it is left out."""
    span = text(found, "span")
    yield printer.paint(f"{TITLES.get(span, span)}, since {local(found.get('since'))}", "bold")
    yield _counts(found)
    for name, title in PARTS:
        yield from _part(printer, title, records(found.get(name)))
    yield from _agents(printer, records(found.get("agents")))
    if lessons := strings(found.get("lessons")):
        yield line(f"Learned: {', '.join(lessons)}")
    for one in records(found.get("suggested")):
        yield line(f"Make this a lesson? {text(one, 'id')}: {text(one, 'text')} ({number(one, 'count')} times)")
    yield _attention(record(found.get("attention")))
    if found.get("complete") is False:
        yield "Not complete: the log of this span is longer than one digest reads."


def _counts(found: Plain) -> str:
    waiting = record(found.get("waiting_counts"))
    by_risk = ", ".join(f"{waiting[risk]} {risk}" for risk in ("high", "medium", "low") if waiting.get(risk))
    counts = record(found.get("counts"))
    did = ", ".join(
        f"{counts[word]} {word}" for word in ("done", "approved", "rejected", "failed", "undone") if counts.get(word)
    )
    return line(f"waits: {by_risk or 'nothing'}; happened: {did or 'nothing'}; cost: {text(found, 'cost') or '0'}")


def _part(printer: Printer, title: str, items: list[Plain]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield printer.paint(f"{title} ({len(items)})", "bold")
    for one in items:
        when, said = text(one, "at"), cut(line(text(one, "text")), TEXT_COLUMNS)
        soon = (
            f"in {countdown(when)}"
            if text(one, "what") in ("cools off", "expires soon", "waits") and when
            else local(when)
        )
        what = f"{text(one, 'what')} {soon}".strip()
        yield f"  {line(text(one, 'id')):<7} {line(text(one, 'risk')):<7} {line(what):<{WHAT_COLUMNS}} {said}"


def _agents(printer: Printer, items: list[Plain]) -> Iterator[str]:
    if not items:
        return
    yield ""
    rows = [
        (
            text(one, "id"), str(number(one, "done")), str(number(one, "approved")), str(number(one, "edited")),
            str(number(one, "rejected")), str(number(one, "failed") + number(one, "undone")), text(one, "cost"), _earned(one),
        )
        for one in items
    ]  # fmt: skip
    yield from printer.table(("AGENT", "DONE", "AS IS", "EDITED", "REJECTED", "FAILED", "COST", "EARNED"), rows)


def _earned(one: Plain) -> str:
    return ", ".join(f"{amount} {currency}".strip() for currency, amount in record(one.get("earned")).items()) or "-"


def _attention(used: Plain) -> str:
    estimated = number(used, "estimated")
    how = f", {estimated} of them estimated at {number(used, 'estimate_s')} s each" if estimated else ""
    decisions, minutes = number(used, "decisions"), used.get("minutes", 0)
    return (
        f"Your attention: {decisions} decision{'' if decisions == 1 else 's'}, {minutes} min{how}; "
        f"the aim is at most {number(used, 'decisions_target')} and {number(used, 'minutes_target')} min."
    )


@verb("digest", examples=("quarterdeck digest", "quarterdeck digest --evening", "quarterdeck digest --week --json"))
@click.option("--evening", is_flag=True, help="The end of the day: of what was approved today, how each stands.")
@click.option("--week", is_flag=True, help="The last seven days, by agent: done, wrong, cost, earned.")
@reads
def digest(session: Session, evening: bool, week: bool) -> None:
    """What waits, what went out, what failed, what is late, and the attention it took."""
    if evening and week:
        raise QuarterdeckError("bad_value", "One digest at a time.", hint="Leave --evening or --week out.")
    found = session.ask("digest.get", {"span": "evening" if evening else "week" if week else "day"})
    session.show(found, lines(session.printer, found))
