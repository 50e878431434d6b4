"""`recall` and `memory`: search what is remembered; one memory, its versions, its past and its use."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .plain import Plain, record, records, strings, text
from .session import Session
from .text import block, cut, line
from .times import local, position
from .why import lines_of_tree, root_lines
from .words import changes, noun, reads, verb, verb_of

SNIPPET_COLUMNS = 300
TELLING = ("text", "value", "summary", "status")  # Of an entity of any kind, the first that it has.

memory = noun("memory", "Memories: list, show, edit, pin, endorse, health, retention …", default="list")


@verb(
    "recall",
    examples=("quarterdeck recall 'payment terms northwind'", "quarterdeck recall budget --since 30d --json"),
)
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True)
@click.option("--tag", "tags", multiple=True, metavar="WORD")
@click.option("--tier", metavar="WORD")
@click.option("--kind", metavar="WORD")
@click.option("--source", metavar="TEXT")
@click.option("--since", metavar="TIME")
@click.option("--until", metavar="TIME")
@click.option("--namespace", metavar="WORD")
@click.option("--as-of", metavar="SEQ|TIME", help="What would have been found then.")
@click.option("--past", is_flag=True, help="What has been superseded or withdrawn, too.")
@click.option("--all", "everything", is_flag=True, help="What has little to do with it, too.")
@reads
def recall(
    session: Session, query: tuple[str, ...], limit: int, tags: tuple[str, ...], past: bool, everything: bool,
    **more: str | None,
) -> None:  # fmt: skip
    """Search what is remembered. No result is a right answer; the exit status stays 0."""
    params: Plain = {"query": " ".join(query), "limit": limit}
    if tags:
        params["tags"] = list(tags)
    if past:
        params["past"] = True
    if everything:
        params["floor"] = False
    for name, value in more.items():
        if value:
            params[name] = position(value) if name in ("since", "until", "as_of") else value
    found = session.ask("memory.search", params)
    items = records(found.get("items"))
    session.show_items(items, _hits(session, items), none="Nothing is remembered about that.")
    if found.get("words_only"):
        session.printer.talk("By words alone: the embedder does not answer now. See `quarterdeck doctor`.")
    elif found.get("behind"):
        session.printer.talk("The index is being filled; something may be missing yet.")


def _hits(session: Session, items: list[Plain]) -> Iterator[str]:
    for one in items:
        score = one.get("score")
        number = f"{score:.2f}" if isinstance(score, int | float) else ""
        head = f"{text(one, 'id')}  {number}  {text(one, 'title', 'source')}"
        yield session.printer.paint(line(head), "bold")
        if line(text(one, "text")) != line(text(one, "title", "source")):  # A short note is its own title.
            yield f"  {cut(line(text(one, 'text')), SNIPPET_COLUMNS)}"
        yield session.printer.paint(f"  {line(_because(one))}", "dim")


def _because(hit: Plain) -> str:
    why = record(hit.get("why"))
    terms = ", ".join(strings(why.get("terms")))
    parts = [text(hit, "source"), local(hit.get("at") or hit.get("at_us")), text(hit, "tier")]
    parts.append(f"matched {terms}" if terms else "")
    vector = why.get("vector")
    near = not terms and isinstance(vector, float) and vector > 0
    parts += ["close in meaning" if near else "", "no longer so" if hit.get("superseded") else ""]
    return "  ".join(part for part in parts if part)


@verb_of(memory, "show", examples=("quarterdeck memory show m12",))
@click.argument("id")
@reads
def show(session: Session, id: str) -> None:
    """Show one memory with its labels and source."""
    found = session.ask("memory.get", {"id": id})
    session.show(found, _whole(found))


def flat(found: Plain) -> Plain:
    """Return an entity's own values beside those of its record."""
    return found | record(found.get("fields"))


def _whole(found: Plain) -> Iterator[str]:
    one = flat(found)
    yield line(f"{text(one, 'id')}  {text(one, 'title')}")
    if one.get("forgotten"):
        yield "  forgotten for good: nothing of it is left but its number"
        return
    for name, value in memory_tiers.facts_of(one):
        if value:
            yield f"  {name + ':':<12}{line(value)}"
    yield ""
    for row in block(text(one, "text", "value", "summary", "status")).split("\n"):
        yield f"  | {row}".rstrip()


@verb_of(memory, "history")
@click.argument("id")
@reads
def history(session: Session, id: str) -> None:
    """List the versions of a memory, or of kind:id, oldest first."""
    items = [flat(one) for one in session.items("memory.history", {"id": id})]
    rows = [
        (
            text(one, "seq"),
            local(one.get("at") or one.get("at_us")),
            text(one, "tier"),
            text(one, "text", "value", "summary", "status"),
        )
        for one in items
    ]
    session.show_items(items, session.printer.table(("SEQ", "WHEN", "TIER", "CONTENT"), rows), none="No versions.")


@verb_of(memory, "why")
@click.argument("id")
@reads
def why(session: Session, id: str) -> None:
    """Show what a memory was made from."""
    found = session.ask("memory.why", {"id": id})
    lines = [*root_lines(session.printer, found), "made from:", *lines_of_tree(session.printer, found)]
    session.show(found, lines)


@verb_of(memory, "used-by")
@click.argument("id")
@reads
def used_by(session: Session, id: str) -> None:
    """Show what was made with a memory."""
    found = session.ask("memory.used_by", {"id": id})
    session.show(found, lines_of_tree(session.printer, found, none="  nothing yet"))


@verb_of(memory, "endorse")
@click.argument("id")
@changes
def endorse(session: Session, id: str) -> None:
    """Vouch for the exact text of a memory; from then on it counts as yours."""
    found = session.ask("memory.get", {"id": id})
    one = flat(found)
    params: Plain = {"id": id}
    if text(one, "hash"):
        params["hash"] = text(one, "hash")
    shown = cut(line(text(one, "text", "value", "summary", "status")), SNIPPET_COLUMNS)
    result = session.change("memory.endorse", params, does=f"endorse {id}: {shown}")
    if result is not None:
        session.done(
            result, id, f"endorsed {id}: {shown}", then="agents may rely on it", undo="remember the opposite"
        )


from . import forget, memory_care, memory_files, memory_tiers  # noqa: E402, F401 - they add their verbs to the noun above
