"""`approve ID --always`: the rule that one approval could become, what it would have let go in the past, and a yes to both."""

from __future__ import annotations

from collections.abc import Iterator

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, records, strings, text
from .prompt import sure
from .session import Session
from .text import line
from .times import iso, local, moment

GRANT_SPAN = "30d"


def delegate(session: Session, item: Plain, *, until: str = "", uses: int = 20) -> bool:
    """Show the draft of a rule, or with `until` of a permission; write it after a yes. Returns whether it was written."""
    params = _params(item, until, uses)
    if session.dry_run:
        preview = session.client.call("approval.delegate", params).result
        session.show(preview, _preview(session, preview, until, uses))
        return False
    preview = session.client.call("approval.delegate", params).result
    for row in _preview(session, preview, until, uses):
        if not session.printer.json:
            session.printer.say(row)
    if refused := strings(preview.get("refused")):
        raise QuarterdeckError(
            "policy_denied", f"{text(item, 'id')} cannot be delegated: {refused[0]}.", hint="Approve it by itself."
        )
    question = "Write this rule" if not until else f"Give this permission until {local(str(params['until']))}"
    if not sure(session, f"{question}?"):
        session.printer.talk("Nothing was written.")
        return False
    written = session.client.call("approval.delegate", {**params, "plan_hash": text(preview, "plan_hash")}).result
    where = text(written, "written")
    undo = f"take it out of {where}" if not until else session.command(f"policies revoke {where}")
    session.printer.talk(f"delegated: {where}")
    session.printer.talk(f"undo: {undo}")
    return True


def _params(item: Plain, until: str, uses: int) -> Plain:
    params: Plain = {"id": text(item, "id"), "shown_hash": text(item, "shown_hash")}
    if until:
        params |= {"form": "grant", "until": iso(moment(until, past=False)), "max": uses}
    return params


def _preview(session: Session, preview: Plain, until: str, uses: int) -> Iterator[str]:
    if refused := strings(preview.get("refused")):
        yield "It cannot be delegated:"
        yield from (line(f"  - {one}") for one in refused)
        return
    if until:
        yield f"A permission of {uses} uses until {until}, for what this rule would cover:"
    for row in text(preview, "text").rstrip("\n").split("\n"):
        yield line(f"  | {row}")
    matched, against = number(preview, "matched"), number(preview, "against")
    yield (
        f"Of {number(preview, 'compared')} earlier ones of this agent and kind it would have let {matched} go unasked"
        + (f"; {against} of these you rejected or changed." if against else ".")
    )
    for one in records(preview.get("items")):
        decided = text(one, "decided") or text(one, "status")
        yield line(f"    {text(one, 'id'):<6} {decided:<9} {text(one, 'summary')}")
    if not until:
        again = f"approve {text(preview, 'id')} --always --until {GRANT_SPAN}"
        yield line(f"  Or with an end: {session.command(again)}")
