"""Events for lesser roles: each has a socket and a connection file of its own, on which it hears what it may see.

Owns     the sockets `events-ROLE` and the files `run/ROLE.json`, which name them together with the role's token.
Promises an event about something out of scope has the body that `timeline.read` gives it; positions have no gaps. Scopes
         are those of the moment. Nobody is looked up for a role to which nobody listens.
Leaves   the operator's own socket to rpc.py: who can reach that one can read the operator's token beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import zmq.asyncio

from quarterdeck_protocol.connection import ConnectionFile, write_connection
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.messages import ROLES, Role

from ..core.scopes import declared_for
from ..store.api import Store
from ..store.scoped import ScopedStore
from .feed import Feed

LESSER: tuple[Role, ...] = ROLES[:-1]


class RoleFeeds:
    """Made with the endpoint of the operator's events; `publish` what has become durable."""

    def __init__(self, context: zmq.asyncio.Context, store: Store, events: str) -> None:
        self._store = store
        self.endpoints = {role: _endpoint(events, role) for role in LESSER}
        self._feeds = {role: Feed(context, endpoint) for role, endpoint in self.endpoints.items()}

    def publish(self, events: Sequence[Event]) -> None:
        for role, feed in self._feeds.items():
            wanted = feed.wanted(events)
            if wanted:
                scoped = ScopedStore(self._store, declared_for(self._store, role).read, role)
                feed.send([scoped.shown(event) for event in wanted])

    def close(self) -> None:
        for feed in self._feeds.values():
            feed.close()


def role_file(folder: Path, role: Role) -> Path:
    """The connection file of a lesser role, in the folder `run`."""
    return folder / f"{role}.json"


def announce(folder: Path, whole: ConnectionFile, tokens: Mapping[str, Role], endpoints: Mapping[Role, str]) -> None:
    """Write each lesser role's connection file: its own token and events, nothing of the operator's."""
    for token, role in tokens.items():
        if role in endpoints:
            own = msgspec.structs.replace(whole, token=token, events=endpoints[role], control="")
            write_connection(role_file(folder, role), own)


def withdraw(folder: Path) -> None:
    """Take the files away: nobody answers any more."""
    for role in LESSER:
        role_file(folder, role).unlink(missing_ok=True)


def _endpoint(events: str, role: Role) -> str:
    return f"{events.removesuffix('.sock')}-{role}.sock"
