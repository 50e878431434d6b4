"""What one command leaves behind: the unit that the store writes atomically."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.events import Event

from .entities import Entity, Link


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """All effects of one command on the log and the state. Written whole or not at all.

    events   consecutive sequence numbers; `prev_mac` is empty, the store fills it in
    touched  for each event the entities it concerns, as `kind:id`; the index behind "history of X"
    puts     final value of every changed entity, at most one per (kind, id), `seq` set
    links    edges to add; unlinks, edges to remove
    """

    events: tuple[Event, ...]
    touched: tuple[tuple[str, ...], ...]
    puts: tuple[Entity, ...] = ()
    links: tuple[Link, ...] = ()
    unlinks: tuple[Link, ...] = ()
