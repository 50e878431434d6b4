"""`memory list`, `edit`, `supersede`, `move`, `pin`, `unpin`, `withdraw`, `restore`: what lies where, and changing it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .edit import difference, in_editor
from .memory import memory
from .plain import Plain, number, record, strings, text
from .session import Session
from .text import counted, cut, line
from .times import iso, local, moment, span
from .words import changes, reads, verb_of

TIERS = ("instructions", "core", "working", "project", "long-term", "review", "prospective")
SHOWN_COLUMNS = 60
NEVER = "never"


@verb_of(memory, "list", examples=(
    "quarterdeck memory", "quarterdeck memory list --tier core", "quarterdeck memory list --tier review --limit 20",
    "quarterdeck memory list --past --source notes/acme.md --json",
))  # fmt: skip
@click.option("--tier", type=click.Choice(TIERS))
@click.option("--kind", metavar="WORD")
@click.option("--namespace", metavar="WORD")
@click.option("--tag", "tags", multiple=True, metavar="WORD")
@click.option("--source", metavar="TEXT")
@click.option("--run", metavar="ID", help="Working memory of this run or conversation.")
@click.option("--pinned", is_flag=True, help="Only what is in every context.")
@click.option("--past", is_flag=True, help="What was replaced, withdrawn or has expired too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@reads
def list_memories(session: Session, tags: tuple[str, ...], limit: int, **options: str | bool | None) -> None:
    """List memories, newest first."""
    params: Plain = {name: value for name, value in options.items() if value} | {"limit": limit}
    if tags:
        params["tags"] = list(tags)
    items, more = _first(session, params, limit)
    rows = [
        (text(one, "id"), text(one, "tier"), local(one.get("at")), text(one, "tokens"), _title(one)) for one in items
    ]
    headers = ("ID", "TIER", "WHEN", "TOKENS", "TITLE")
    session.show_items(items, session.printer.table(headers, rows), none="Nothing lies there.")
    if more:
        session.printer.talk(f"There is more; --limit {limit * 2} shows it.")


def _first(session: Session, params: Plain, limit: int) -> tuple[list[Plain], bool]:
    """The first `limit` memories, and whether there are more; a page may be short and still have a next."""
    found: list[Plain] = []
    cursor: object = None
    while len(found) < limit:
        page = session.ask("memory.list", params | ({"cursor": cursor} if cursor else {}))
        items = page.get("items")
        found += [record(one) for one in items] if isinstance(items, list) else []
        cursor = page.get("next")
        if not cursor:
            break
    return found[:limit], bool(cursor)


def _title(one: Plain) -> str:
    return f"{text(one, 'title')}{f'  ({marks})' if (marks := marks_of(one)) else ''}"


def marks_of(one: Plain) -> str:
    """What sets a memory apart, in a few words."""
    marks = ["pinned"] if one.get("pinned") else []
    if text(one, "when"):
        marks.append(f"when {text(one, 'when')}")
    if text(one, "expires_at"):
        marks.append(f"until {local(one.get('expires_at'))}")
    if text(one, "superseded_by"):
        marks.append(f"replaced by {text(one, 'superseded_by')}")
    elif one.get("withdrawn"):
        marks.append("withdrawn")
    if stands_for := strings(one.get("stands_for")):
        marks.append(f"stands for {counted(len(stands_for), 'note')}")
    return ", ".join(marks)


# --- changing ---------------------------------------------------------------------------------------


@verb_of(memory, "edit", examples=(
    "quarterdeck memory edit m12", "quarterdeck memory edit m12 'The rent is 950 euro.'",
    "quarterdeck memory edit m12 --tag rent --expires 90d", "quarterdeck memory edit m12 --expires never",
))  # fmt: skip
@click.argument("id")
@click.argument("words", nargs=-1, metavar="[TEXT]")
@click.option("--title", metavar="TEXT")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="These instead of the ones that it has.")
@click.option("--kind", metavar="WORD")
@click.option("--when", metavar="WORDS", help="Of a reminder: what brings it back.")
@click.option("--repeats/--once", default=None, help="Of a reminder.")
@click.option("--expires", metavar="TIME", help="A time, a length such as 30d, or never.")
@changes
def edit(
    session: Session, id: str, words: tuple[str, ...], tags: tuple[str, ...], expires: str | None,
    **options: str | bool | None,
) -> None:  # fmt: skip
    """Change a note in place: its TEXT, or what the options name. With neither, it opens in your editor."""
    params: Plain = {name: value for name, value in options.items() if value is not None}
    if tags:
        params["tags"] = list(tags)
    if expires:
        params["expires"] = expiry(expires)
    if words:
        params["text"] = " ".join(words)
    elif not params:
        params = _in_editor(session, id)
        if not params:
            session.printer.talk("Nothing changed.")
            return
    _change(session, "memory.edit", {"id": id, **params}, f"edit {id}", undo=f"memory history {id}")


def _in_editor(session: Session, id: str) -> Plain:
    if not session.interactive():
        raise QuarterdeckError(
            "bad_value", "There is no new text.", hint=f"quarterdeck memory edit {id} 'TEXT', or an option."
        )
    found = session.ask("memory.get", {"id": id})
    before = text(found, "text")
    after = in_editor(before + "\n", ".md").rstrip("\n")
    if after == before:
        return {}
    for row in difference(session, before, after):
        session.printer.say(row)
    return {"text": after, "hash": text(found, "hash")}


def expiry(words: str) -> str:
    """Return what the daemon takes: `never`, a length, or an ISO time."""
    plain = words.strip().lower()
    if plain == NEVER or span(plain) is not None:
        return plain
    return iso(moment(words, past=False))


@verb_of(memory, "supersede", examples=("quarterdeck memory supersede m12 'The rent is 950 euro since May.'",))
@click.argument("id")
@click.argument("words", nargs=-1, required=True, metavar="TEXT")
@click.option("--title", metavar="TEXT")
@changes
def supersede(session: Session, id: str, words: tuple[str, ...], title: str | None) -> None:
    """Put a new TEXT in the place of a note. The old one is kept, and no longer recalled."""
    params: Plain = {"id": id, "text": " ".join(words)}
    if title:
        params["title"] = title
    _change(
        session, "memory.supersede", params, f"replace {id}", undo=f"memory withdraw the new one, memory restore {id}"
    )


@verb_of(memory, "move", examples=(
    "quarterdeck memory move m12 core", "quarterdeck memory move m12 working --run r7",
))  # fmt: skip
@click.argument("id")
@click.argument("tier", type=click.Choice(TIERS))
@click.option("--run", metavar="ID", help="Whose working memory it becomes.")
@changes
def move(session: Session, id: str, tier: str, run: str | None) -> None:
    """Lay a memory into another tier."""
    params: Plain = {"id": id, "tier": tier}
    if run:
        params["run"] = run
    _change(session, "memory.move", params, f"move {id} to {tier}", undo=f"memory move {id} TIER")


@verb_of(memory, "pin", examples=("quarterdeck memory pin m12",))
@click.argument("id")
@changes
def pin(session: Session, id: str) -> None:
    """Put a memory into every context; it never expires."""
    _change(session, "memory.pin", {"id": id}, f"pin {id}", undo=f"memory unpin {id}")


@verb_of(memory, "unpin")
@click.argument("id")
@changes
def unpin(session: Session, id: str) -> None:
    """Take a memory out of every context; it is recalled when it fits."""
    _change(session, "memory.pin", {"id": id, "pinned": False}, f"unpin {id}", undo=f"memory pin {id}")


@verb_of(memory, "withdraw", examples=("quarterdeck memory withdraw m12 --reason 'no longer so'",))
@click.argument("id")
@changes
def withdraw(session: Session, id: str) -> None:
    """No longer recall a memory or a whole document. It stays readable; `forget` is what erases."""
    _change(session, "memory.withdraw", {"id": id}, f"withdraw {id}", undo=f"memory restore {id}")


@verb_of(memory, "restore", examples=("quarterdeck memory restore m12",))
@click.argument("id")
@changes
def restore(session: Session, id: str) -> None:
    """Recall again what was withdrawn, has expired or gave way to a summary."""
    _change(session, "memory.restore", {"id": id}, f"restore {id}", undo=f"memory withdraw {id}")


def _change(session: Session, method: str, params: Plain, did: str, *, undo: str) -> None:
    result = session.change(method, params, does=did)
    if result is None:
        return
    found = result.result
    id = text(found, "id")
    unchanged = found.get("changed") in (False, 0)
    also = number({"count": len(strings(found.get("ids")))}, "count")
    told = f"{did}: {'it was so already' if unchanged else text(found, 'tier') or 'done'}"
    if also > 1:
        told += f", {also} changed with it"
    if text(found, "supersedes"):
        told = f"{id} takes the place of {text(found, 'supersedes')}"
    if text(found, "was"):
        undo = undo.replace("TIER", text(found, "was"))
    session.done(
        result,
        id,
        cut(line(told), SHOWN_COLUMNS * 2),
        then=session.command(f"memory show {id}"),
        undo=session.command(undo),
    )


def facts_of(one: Plain) -> Iterator[tuple[str, str]]:
    """What `memory show` says of a memory besides its text, in the order in which it matters."""
    labels = record(one.get("labels"))
    yield "source", text(one, "source")
    yield "when", local(one.get("at") or one.get("at_us"))
    yield "tier", text(one, "tier")
    yield "kind", text(one, "memory_kind", "kind")
    yield "tags", text(one, "tags")
    yield "space", text(one, "namespace") if text(one, "namespace") != "default" else ""
    yield "run", text(one, "run")
    yield "tokens", text(one, "tokens")
    yield "trust", text(labels, "integrity") + (", vouched for by you" if text(one, "endorsed") else "")
    yield "secrecy", text(labels, "sensitivity")
    yield "document", text(one, "document")
    yield "marks", marks_of(one)
    yield "came by", text(one, "fired")
    yield "stands for", text(one, "stands_for")
