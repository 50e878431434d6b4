"""`agents autonomy`: how far each agent may go, what its record says, and your decision."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .agents import agents as agents
from .plain import Plain, number, record, text
from .session import Session
from .text import line
from .words import changes, near, verb_of

LEVELS = ("observe", "suggest", "act_with_approval", "act_and_report", "autonomous")
_PROPOSED = "proposed"
RULES = "rules"  # No level: the rules alone decide.


def _level(words: str) -> str:
    """A level as it is typed: with spaces, dashes or underscores. Raises QuarterdeckError `bad_value`."""
    level = "_".join(words.lower().replace("-", " ").replace("_", " ").split())
    if level == RULES:
        return ""
    if level not in LEVELS:
        hint = f"Levels: {', '.join(LEVELS)}; or {RULES} for none.{near(level, LEVELS)}"
        raise QuarterdeckError("bad_value", f"`{words}` is no level.", hint=hint)
    return level


@verb_of(agents, "autonomy", examples=(
    "quarterdeck agents autonomy", "quarterdeck agents autonomy composer mail.send act-and-report",
    "quarterdeck agents autonomy composer mail.send --decline",
))  # fmt: skip
@click.argument("agent", required=False)
@click.argument("action", required=False, metavar="[CONNECTOR.VERB]")
@click.argument("level", required=False)
@click.option("--decline", is_flag=True, help="Leave it as it is, in spite of what is proposed.")
@changes
def autonomy(session: Session, agent: str | None, action: str | None, level: str | None, decline: bool) -> None:
    """Show how far each agent may go, and its record; or decide about one kind of action.

    Levels: observe, suggest, act_with_approval, act_and_report, autonomous; `rules` for none.
    """
    if level is None and not decline:
        _show(session, agent, action)
        return
    if agent is None or action is None:
        raise QuarterdeckError(
            "bad_value", "Name the agent and the kind of action.", hint="Such as composer mail.send."
        )
    params: Plain = {"agent": agent, "action": action, "level": _level(level) if level else "", "decline": decline}
    does = f"leave {agent} as it is" if decline else f"set {agent} to {level} for {action}"
    result = session.change("agent.set_autonomy", params, does=does)
    if result is None:
        return
    found = result.result
    now, was = _said(text(found, "level")), _said(text(found, "was"))
    said = f"{agent} stays at {now} for {action}" if decline else f"{agent} is at {now} for {action}; it was at {was}"
    back = session.command(f"agents autonomy {agent} {action} {text(found, 'was') or RULES}")
    then = "it is proposed again when its record has grown" if decline else "it holds from the next action on"
    session.done(result, text(found, "id"), said, then=then, undo=back)


def _said(level: str) -> str:
    return level.replace("_", " ") or "what the rules say"


def _show(session: Session, agent: str | None, action: str | None) -> None:
    found = session.items("agent.autonomy", {"agent": agent} if agent else None)
    items = [one for one in found if action in (None, one.get("action"))]
    headers = (
        "AGENT",
        "ACTION",
        "LEVEL",
        "CONFIDENCE",
        "UNCHANGED",
        "EDITED",
        "REJECTED",
        "DONE",
        "FAILED",
        "UNDONE",
        "ROW",
    )
    rows = [_row(one) for one in items]
    session.show_items(items, session.printer.table(headers, rows), none="No agent has done anything yet.")
    for said in _proposals(session, items):
        session.printer.talk(said)


def _row(one: Plain) -> list[str]:
    track = record(one.get("track"))
    counts = [
        str(number(track, name)) for name in ("unchanged", "edited", "rejected", "done", "failed", "undone", "streak")
    ]
    sure = text(one, "confidence") or text(one, "basis")
    return [text(one, "agent"), text(one, "action"), _said(text(one, "level")), sure, *counts]


def _proposals(session: Session, items: list[Plain]) -> Iterator[str]:
    for one in items:
        who = f"{text(one, 'agent')} {text(one, 'action')}"
        if text(one, _PROPOSED):
            yield line(f"proposed: {who} → {_said(text(one, 'proposed'))}: {text(one, 'why')}")
            words = f"agents autonomy {who}"
            yield line(f"  yes: {session.command(f'{words} {text(one, _PROPOSED)}')}")
            yield line(f"  no:  {session.command(f'{words} --decline')}")
