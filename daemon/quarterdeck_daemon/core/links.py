"""Links between entities: those of the operator, made and taken back."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, MakeLink
from .edges import KERNEL_RELATIONS, edge_ids, keep_edge
from .entities import ENTITIES, Edge, Plain
from .table import Draft
from .turn import Applier, Turn


def make_link(turn: Turn, command: MakeLink) -> Plain:
    """Link two entities, or take the link back. What is linked already is no news; what is not cannot be taken back."""
    for end in (command.source, command.target):
        kind, _, id = end.partition(":")
        cls = ENTITIES.get(kind)
        if cls is None or turn.draft.get(cls, id) is None:
            raise QuarterdeckError(
                "not_found", f"there is no {end!r} to link", hint="Write it as kind:id, e.g. fact:client/acme."
            )
    if command.relation in KERNEL_RELATIONS:
        raise QuarterdeckError("bad_value", f"the relation {command.relation!r} is kept by the kernel itself")
    body: Plain = {"source": command.source, "relation": command.relation, "target": command.target}
    edge = turn.draft.get(Edge, edge_ids(command.source, command.relation, command.target)[0])
    linked = edge is not None and not edge.removed
    if linked and not command.remove:
        return {**body, "known": True}
    if command.remove and not linked:
        raise QuarterdeckError(
            "not_found",
            f"{command.source} is not linked to {command.target} by {command.relation!r}",
            hint=f"See what is: quarterdeck fact near {command.source.removeprefix('fact:')}",
        )
    turn.emit("link.removed" if command.remove else "link.made", body)
    return body


def apply_link(draft: Draft, event: Event) -> None:
    source, relation, target = (str(event.body[part]) for part in ("source", "relation", "target"))
    if event.kind == "link.made":
        draft.link(source, relation, target, event.seq)
    else:
        draft.unlink(source, relation, target)
    keep_edge(draft, source, relation, target, event.seq, removed=event.kind == "link.removed")


DECIDE: dict[type[Command], Callable[..., Plain]] = {MakeLink: make_link}
APPLY: dict[str, Applier] = {"link.made": apply_link, "link.removed": apply_link}
