"""`why ID`: where a thing comes from, as a tree of plain lines, down to the sentence it was taken from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import click

from . import proposal
from .output import Printer
from .plain import Plain, number, record, records, text
from .session import Session
from .text import cut, line
from .words import reads, verb

DEPTH_MAX = 12
QUOTE_COLUMNS = 300
_GATE = re.compile(r"^(r\d+)/[^/]+$")
_SHAPES = (
    (re.compile(r"a\d+"), "action"), (re.compile(r"doc\d+"), "document"), (re.compile(r"m\d+"), "memory"),
    (re.compile(r"dead\d+"), "deadletter"), (re.compile(r"r\d+"), "run"), (re.compile(r"e\d+|\d+"), "event"),
    (re.compile(r"(?!playbook/|policy/|template/|agent/|instructions/)[^/:]+/.+"), "fact"),
    (re.compile(r"(playbook|policy|template|agent|instructions)/.+"), "asset"),
)  # fmt: skip


def entity_of(id: str) -> tuple[str, str]:
    """Return (kind, id) for `kind:id` or an id whose look says its kind; a run by a name of one's own is left."""
    kind, colon, rest = id.partition(":")
    if colon and kind.isalpha():
        return kind, rest
    return next((kind for shape, kind in _SHAPES if shape.fullmatch(id)), "run"), id


def _fact(session: Session, id: str) -> Plain:
    kind, _, key = id.partition("/")
    return session.ask("fact.get", {"kind": kind, "key": key})


def _event(session: Session, id: str) -> Plain:
    return session.ask("timeline.event", {"seq": int(id.removeprefix("e"))})


GETTERS: dict[str, Callable[[Session, str], Plain]] = {
    "action": lambda session, id: session.ask("action.get", {"id": id}),
    "run": lambda session, id: session.ask("run.get", {"id": id}),
    "fact": _fact,
    "event": _event,
}


def _any(session: Session, id: str) -> Plain:
    return session.ask("memory.get", {"id": id})


def collect(session: Session, id: str) -> Plain:
    """Return `{id, kind, entity, provenance}`; of a run's question those of the run. Raises QuarterdeckError `not_found`."""
    id = _GATE.sub(r"\1", id)
    kind, bare = entity_of(id)
    if kind == "event":
        return {"id": bare, "kind": kind, "entity": _event(session, bare), "provenance": {}}
    provenance = session.ask("memory.why", {"id": id})
    kind = text(record(provenance.get("tree")), "kind") or kind  # The daemon knows better than the look of an id.
    entity = GETTERS[kind](session, bare) if kind in GETTERS else _any(session, id)
    return {"id": bare, "kind": kind, "entity": entity, "provenance": provenance}


def tree(session: Session, id: str) -> Iterator[str]:
    """Yield the lines that say why the thing of this id is as it is."""
    found = collect(session, id)
    yield from lines(session.printer, found)


def lines(printer: Printer, found: Plain, *, everything: bool = False) -> Iterator[str]:
    entity = record(found.get("entity"))
    inner = entity | record(entity.get("fields")) | record(entity.get("event"))
    provenance = record(found.get("provenance"))
    place = place_of({"place": record(provenance.get("tree")).get("place")})
    if place:
        inner["source"] = place
    yield from HEADS.get(str(found["kind"]), _head)(printer, str(found["id"]), inner)
    if provenance:
        yield "made from:"
        cited = frozenset(text(one, "source") for one in records(inner.get("evidence")))
        yield from lines_of_tree(printer, provenance, Tree(printer, cited=cited, everything=everything))


def _head(printer: Printer, id: str, entity: Plain) -> Iterator[str]:
    title = text(entity, "title", "summary", "playbook", "kind")
    yield f"{line(id)}  {printer.paint(line(title), 'bold')}  {line(text(entity, 'status'))}".rstrip()
    for name in ("source", "connector", "actor", "cause", "reason", "at_us"):
        if text(entity, name) and name != "at_us":
            yield f"  {name}: {line(text(entity, name))}"
    for name, value in (record(entity.get("value")) or record(entity.get("body"))).items():
        yield f"  {line(name)}: {cut(line(str(value)), QUOTE_COLUMNS)}"
    if text(entity, "text"):
        yield f"  | {cut(line(text(entity, 'text')), QUOTE_COLUMNS)}"


def _action(printer: Printer, id: str, entity: Plain) -> Iterator[str]:
    shown = entity if "action" in entity else {**entity, "action": entity}
    yield from proposal.whole(printer, {"id": id, **shown})
    status = text(entity, "status")
    if status:
        yield f"status: {line(status)}"
    error = record(entity.get("error"))
    if error:
        yield f"error: {line(text(error, 'message') or str(error))}"


def _run(printer: Printer, id: str, entity: Plain) -> Iterator[str]:
    from .runs import outcome, steps_of

    yield from _head(printer, id, entity)
    for step in steps_of(entity):
        yield f"  {line(text(step, 'id'))}  {line(text(step, 'status'))}  {line(outcome(step))}".rstrip()


HEADS: dict[str, Callable[[Printer, str, Plain], Iterator[str]]] = {"action": _action, "run": _run}


ALONE = "  nothing else: it came from outside, or was typed"


def lines_of_tree(printer: Printer, found: Plain, tree: Tree | None = None, *, none: str = ALONE) -> Iterator[str]:
    """Yield a provenance answer as an indented tree; `none` when there is nothing but its root."""
    children = _children(record(found.get("tree")) or found)
    if not children:
        yield none
    yield from (tree or Tree(printer)).level(children, 1)


def _children(node: Plain) -> list[Plain]:
    for name in ("parents", "items"):
        found = node.get(name)
        if isinstance(found, list | tuple) and found:
            return records(found)
    return []


class Tree:
    """Prints nodes. What was merely looked at is named on one line, so that what counts stands out.

    cited: ids that the evidence names.  everything: print all nodes in full.
    """

    def __init__(self, printer: Printer, *, cited: frozenset[str] = frozenset(), everything: bool = False) -> None:
        self.printer = printer
        self.cited = cited
        self.everything = everything

    def level(self, nodes: list[Plain], depth: int) -> Iterator[str]:
        seen: list[str] = []
        for node in nodes:
            if self._in_full(node):
                yield from self._branch(node, depth)
            elif not node.get("repeated"):
                seen.append(_name(node).removeprefix("fact:").removeprefix("asset:"))
        if seen:
            yield f"{'  ' * depth}looked at as well: {line(', '.join(seen))}"

    def _in_full(self, node: Plain) -> bool:
        name = _name(node)
        if node.get("repeated"):
            return self.everything
        return self.everything or name in self.cited or not (self.cited and name.startswith(("fact:", "asset:")))

    def _branch(self, node: Plain, depth: int) -> Iterator[str]:
        indent = "  " * max(depth, number(node, "depth"))
        relation = text(node, "relation")
        head = f"{relation + ' ' if relation else ''}{_name(node)}  {text(node, 'title', 'summary', 'name')}"
        trust = text(record(node.get("labels")), "integrity")
        yield f"{indent}{line(head)}" + (f"  {self.printer.paint(f'[{line(trust)}]', 'dim')}" if trust else "")
        where = place_of(node)
        if where:
            yield f"{indent}  {where}"
        quote = text(node, "quote", "value")
        if quote:
            yield f'{indent}  "{cut(line(quote), QUOTE_COLUMNS)}"'
        if depth < DEPTH_MAX:
            yield from self.level(_children(node), depth + 1)


def root_lines(printer: Printer, found: Plain) -> Iterator[str]:
    """Yield what a provenance answer is about: its name, its place down to the line, its words."""
    root = record(found.get("tree"))
    yield line(f"{_name(root).removeprefix('memory:')}  {printer.paint(line(text(root, 'title')), 'bold')}").rstrip()
    where = place_of(root) or text(root, "source")
    if where:
        yield f"  source: {line(where)}"
    if text(root, "quote"):
        yield f"  | {cut(line(text(root, 'quote')), QUOTE_COLUMNS)}"


def place_of(node: Plain) -> str:
    """Where its words stand, who brought it, and whether it still counts, in a few words."""
    place = record(node.get("place"))
    first, last = number(place, "line"), number(place, "to_line")
    parts = [text(place, "source")]
    parts += [f"line {first}" if first == last else f"lines {first}-{last}"] if first else []
    parts += [f"p. {text(place, 'page')}"] if text(place, "page") else []
    parts += [f"brought by {text(node, 'origin')}"] if text(node, "origin") else []
    parts += [text(node, "standing")]
    return line(", ".join(part for part in parts if part))


def _name(node: Plain) -> str:
    return text(node, "entity") or text(node, "id")


@verb("why", examples=("quarterdeck why a17", "quarterdeck why client/northwind", "quarterdeck why m12 --json"))
@click.argument("id")
@click.option("--all", "everything", is_flag=True, help="Also all that was merely looked at, in full.")
@reads
def why(session: Session, id: str, everything: bool) -> None:
    """Show where ID comes from: an action, run, fact, memory, document, dead letter or event."""
    found = collect(session, id)
    session.show(found, lines(session.printer, found, everything=everything))
