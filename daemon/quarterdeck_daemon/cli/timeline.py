"""`timeline`: what happened, event by event; the same events the screen and scripts see."""

from __future__ import annotations

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, strings, text
from .session import Session
from .text import cut, line
from .times import local
from .words import reads, verb

SHOWN_COLUMNS = 160
PAGE = 500
EVENTS_MAX = 100_000
HIDDEN = frozenset(("request.answered",))  # Receipts for idempotency: truth for --json, noise for people.
# The fields of a body that say most, in this order; the rest is in `--json` and `quarterdeck why`.
TELLING = (
    "action", "summary", "playbook", "document", "id", "step", "agent", "kind", "key", "title", "status", "verdict",
    "reason", "text",
)  # fmt: skip


def gist(event: Plain) -> str:
    """Return what an event says, in a few words."""
    body = record(event.get("body"))
    said = [text(body, name) for name in TELLING if isinstance(body.get(name), str | int)]
    return cut(line("  ".join(one for one in said if one)), SHOWN_COLUMNS)


def row(session: Session, event: Plain) -> str:
    head = f"{number(event, 'seq'):>6}  {local(event.get('at_us') or event.get('at')):<12}"
    kind, actor, run = (line(text(event, name)) for name in ("kind", "actor", "run"))
    return f"{head}  {session.printer.paint(f'{kind:<22}', 'cyan')}  {actor:<18}  {run:<5}  {gist(event)}".rstrip()


def filter_of(run: str | None, kind: str | None) -> Plain:
    """Return the daemon's filter: `effect` and `effect.*` mean all kinds of that noun."""
    found: Plain = {"run": run} if run else {}
    if kind:
        found["kinds"] = [kind if "." in kind else f"{kind}.*"]
    return found


@verb("timeline", examples=(
    "quarterdeck timeline", "quarterdeck timeline -f --kind approval", "quarterdeck timeline --run r7 --json",
))  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Go on as events come.")
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Only later ones, oldest first.")
@click.option("--run", metavar="ID", help="Only of this run.")
@click.option("--kind", metavar="WORD", help="Only this kind, such as effect.sent, or noun, such as effect.")
@click.option("--limit", type=click.IntRange(1, EVENTS_MAX), default=50, show_default=True)
@reads
def timeline(
    session: Session, follow: bool, after: int | None, run: str | None, kind: str | None, limit: int
) -> None:
    """Show events, the last ones or those after SEQ; receipts of requests only in --json or by --kind request.

    With -f --json: JSON Lines.
    """
    params: Plain = {"filter": filter_of(run, kind)}
    seq = number(session.ask("system.hello"), "seq") if session.as_of is None else 0
    if follow and session.as_of is not None:
        raise QuarterdeckError("bad_value", "The past does not go on.", hint="Leave -f out, or `at TIME`.")
    items = _read(session, params | {"after": after}, limit) if after is not None else _last(session, params, limit)
    items = [one | {"id": text(one, "id") or f"e{number(one, 'seq')}"} for one in items]
    last = number(items[-1], "seq") if after is not None and items else seq
    if not (session.printer.json or kind):
        items = [one for one in items if text(one, "kind") not in HIDDEN]
    if not follow:
        session.show_items(items, (row(session, one) for one in items), none="Nothing happened.")
        return
    for one in items:
        session.printer.stream(one, row(session, one))
    _follow(session, last, params)


def _read(session: Session, params: Plain, limit: int) -> list[Plain]:
    """Return up to `limit` events, page after page, in the daemon's order."""
    found: list[Plain] = []
    forward = "after" in params
    while len(found) < limit:
        page = session.ask("timeline.read", params | {"limit": min(PAGE, limit - len(found))})
        found += records(page.get("items"))
        if page.get("next") is None:
            break
        params = params | {"after" if forward else "before": page["next"]}
    return found[:limit]


def _last(session: Session, params: Plain, limit: int) -> list[Plain]:
    return _read(session, params, limit)[::-1]


def _follow(session: Session, after: int, params: Plain) -> None:
    """Print what comes. Kinds are filtered by the client, the run here: events carry it."""
    import msgspec

    wanted = record(params["filter"])
    for event in session.client.events(after, strings(wanted.get("kinds"))):
        hidden = event.kind in HIDDEN and not (session.printer.json or wanted.get("kinds"))
        if wanted.get("run") in (None, event.run) and not hidden:
            plain = record(msgspec.to_builtins(event))
            session.printer.stream(plain, row(session, plain))
