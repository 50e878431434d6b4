"""Pages of entities, newest first, by walking the log backwards from where the page before ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from quarterdeck_protocol.codes import QuarterdeckError

from ...core.entities import Entity
from ...store.api import Store

E = TypeVar("E", bound=Entity)


def newest_first(
    store: Store, cls: type[E], kind: str, field: str, *, cursor: str | None, as_of: int | None
) -> Iterator[tuple[int, E]]:
    """Yield (seq of its first event, entity) for entities whose first event is `kind` and names them in `field`."""
    before = store.head.seq + 1 if as_of is None else as_of + 1
    if cursor is not None:
        if not cursor.isdigit():
            raise QuarterdeckError("bad_value", f"{cursor!r} is no cursor", hint="Hand back the `next` of a page.")
        before = min(before, int(cursor))
    for event in store.events(before=before, reverse=True):
        if event.kind == kind:
            entity = store.get(cls, str(event.body[field]), as_of=as_of)
            if entity is not None:
                yield event.seq, entity


def offset_of(cursor: str | None) -> int:
    """Return how many come before the page. Raises QuarterdeckError `bad_value`."""
    if cursor is None:
        return 0
    if not cursor.isdecimal():
        raise QuarterdeckError("bad_value", f"{cursor[:40]!r} is no cursor", hint="Hand back the `next` of a page.")
    return int(cursor)


def only_now(method: str, as_of: int | str | None) -> None:
    """Raise `bad_value` for a list of what runs or lies on disk now, of which no past is kept."""
    if as_of is not None:
        raise QuarterdeckError(
            "bad_value", f"{method} tells how things are now, not how they were", hint="Leave as_of out."
        )
