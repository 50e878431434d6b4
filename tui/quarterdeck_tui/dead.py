"""Work that gave up, as this program reads and tells it."""

from __future__ import annotations

import msgspec
from textual.content import Content

from .clock import age
from .labelled import labelled, listed, values
from .replies import Plain, each, moment
from .widgets.table_list import TableRow

REMEDIES = ("retry", "edit", "reroute", "compensate", "drop")
SAFE_TO = {"retry": "try again", "edit": "edit it", "reroute": "hand over", "compensate": "take back", "drop": "drop"}


class Try(msgspec.Struct, frozen=True):
    attempt: int = 0
    at: str | None = None
    agent: str = ""
    error: Plain = {}


class DeadView(msgspec.Struct, frozen=True):
    """One dead letter: in a list in short, by itself with every try."""

    id: str
    run: str = ""
    step: str = ""
    error: Plain = {}
    attempts: int = 0
    at: str | None = None
    remedies: tuple[str, ...] = ()
    resolved: str = ""
    agent: str = ""
    playbook: str = ""
    diagnosis: str = ""
    escalated: bool = False
    action: str = ""
    failures: tuple[Try, ...] = ()
    input: Plain = {}

    @property
    def message(self) -> str:
        return str(self.error.get("message", ""))

    @property
    def offers(self) -> tuple[str, ...]:
        """The remedies that the daemon would take."""
        return tuple(one for one in REMEDIES if any(f"dead {one} " in f"{line} " for line in self.remedies))


def letters(result: Plain) -> tuple[tuple[DeadView, ...], int]:
    found, unreadable = each(result.get("items"), DeadView)
    return tuple(found), unreadable


def letter(result: Plain) -> DeadView:
    """Return the letter of `deadletter.get`. Raises ValidationError when it is none."""
    return msgspec.convert(result, DeadView, strict=False)


def row(one: DeadView, now_us: int) -> TableRow:
    what = f"{one.step} of {one.run}" if one.step else one.action or one.run
    said = f"{one.resolved}: {one.message}" if one.resolved else one.message
    first = "" if one.resolved or not one.offers else SAFE_TO[one.offers[0]]
    style = "list--empty" if one.resolved else "list--row"
    return TableRow(
        one.id, (one.id, age(moment(one.at), now_us), one.agent, what, str(one.attempts), said, first), style
    )


def lines(one: DeadView, width: int, now_us: int) -> list[Content]:
    """Return all that is known: the likely cause first, then every try, the input, what can be done."""
    found = labelled("error", one.message, width, "$text-error bold")
    found += labelled("likely", one.diagnosis, width, "bold")
    where = (one.playbook, f"effect {one.action}" if one.action else "", "you were told" if one.escalated else "")
    found += labelled("where", listed(where), width)
    found += values("input", one.input, width)
    for failed in one.failures:
        ago = age(moment(failed.at), now_us)
        said = f"{ago} ago by {failed.agent or 'nobody'}: {failed.error.get('message', '')}"
        found += labelled(f"try {failed.attempt}", said, width)
    if one.resolved:
        return found + labelled("ended", one.resolved, width)
    return found + [
        line for place, said in enumerate(one.remedies) for line in labelled("" if place else "can do", said, width)
    ]
