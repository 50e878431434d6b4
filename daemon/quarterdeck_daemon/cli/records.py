"""`agents record`: what became of each agent's actions, and what a stated confidence was worth."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .autonomy import agents as agents
from .plain import Plain, number, record, records, text
from .session import Session
from .text import line
from .words import reads, verb_of


@verb_of(agents, "record", examples=("quarterdeck agents record", "quarterdeck agents record outreach --json"))
@click.argument("agent", required=False)
@reads
def track_record(session: Session, agent: str | None) -> None:
    """What became of the actions of each agent, and stated confidence against what was observed."""
    items = session.items("agent.record", {"agent": agent} if agent else None)
    session.show_items(items, list(lines(items)), none="Nothing was decided yet.")


def lines(items: list[Plain]) -> Iterator[str]:
    for one in items:
        yield line(f"{text(one, 'agent')}  {text(one, 'action')}")
        yield line(f"  {told(record(one.get('standing')))}")
        stated = one.get("confidence")
        share = f"{round(stated * 100)} %, " if isinstance(stated, int | float) else ""
        yield line(f"  states now: {share}{text(one, 'basis')}")
        for bin in records(one.get("bins")):
            yield line(f"  {text(bin, 'says')}")


def told(standing: Plain) -> str:
    """Counts, then the share in words: `5 as is, 2 edited, 1 rejected: not enough data (8 of 10 decisions)`."""
    names = (
        ("unchanged", "as is"),
        ("edited", "edited"),
        ("rejected", "rejected"),
        ("done", "done unasked"),
        ("failed", "failed"),
        ("undone", "undone"),
    )
    counts = ", ".join(f"{number(standing, name)} {said}" for name, said in names if number(standing, name))
    return f"{counts or 'nothing decided'}: {text(standing, 'says')}"
