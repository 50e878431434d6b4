"""Links between entities: those of the operator, made and taken back."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, MakeLink
from .edges import KERNEL_RELATIONS, keep_edge
from .entities import ENTITIES, Plain
from .table import Draft
from .turn import Applier, Turn


def make_link(turn: Turn, command: MakeLink) -> Plain:
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
