"""Finding an entity that must exist."""

from __future__ import annotations

from typing import TypeVar

from quarterdeck_protocol.codes import QuarterdeckError

from .entities import Entity
from .turn import Turn

E = TypeVar("E", bound=Entity)

_LISTS = {
    "memory": "`quarterdeck recall QUERY`",
    "document": "`quarterdeck recall QUERY`",
    "fact": "`quarterdeck fact query KIND`",
    "run": "`quarterdeck runs list`",
    "action": "`quarterdeck approvals`",
    "deadletter": "`quarterdeck dead list`",
    "alert": "`quarterdeck alerts`",
    "grant": "`quarterdeck policies grants --all`",
    "schedule": "`quarterdeck schedules list`",
    "task": "`quarterdeck tasks list`",
    "objective": "`quarterdeck objectives list`",
}


def find(turn: Turn, cls: type[E], id: str) -> E:
    """Return the entity or raise `not_found`."""
    entity = turn.draft.get(cls, id)
    if entity is None:
        raise QuarterdeckError(
            "not_found", f"there is no {cls.kind} {id!r}", hint=f"List them first: {_LISTS[cls.kind]}"
        )
    return entity
