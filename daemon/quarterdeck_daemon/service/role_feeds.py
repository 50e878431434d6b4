"""Events for lesser roles: each has a socket and a connection file of its own, on which it hears what it may see.

Owns     the sockets `events-ROLE` and the files `run/ROLE.json`, which name them together with the role's token.
Promises an event about something out of scope has the body that `timeline.read` gives it; positions have no gaps. Scopes
         are those of the moment. Nobody is looked up for a role to which nobody listens.
Leaves   the operator's own socket to rpc.py: who can reach that one can read the operator's token beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import zmq
import zmq.asyncio

from quarterdeck_protocol.connection import ConnectionFile, write_connection
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.frames import event_frames
from quarterdeck_protocol.messages import ROLES, Role

from ..core.scopes import declared_for
from ..store.api import Store
from ..store.scoped import ScopedStore

LESSER: tuple[Role, ...] = ROLES[:-1]
QUEUE_MAX = 10_000
SUBSCRIPTION_BYTES_MAX = 65_536
SUBSCRIPTIONS_AT_ONCE = 1_000  # Taken in before events go out; more wait for the next ones.


class RoleFeeds:
    """Made with the endpoint of the operator's events; `publish` what has become durable."""

    def __init__(self, context: zmq.asyncio.Context, store: Store, events: str) -> None:
        self._store = store
        self.endpoints = {role: _endpoint(events, role) for role in LESSER}
        self._feeds = {role: _Feed(context, endpoint) for role, endpoint in self.endpoints.items()}

    def publish(self, events: Sequence[Event]) -> None:
        for role, feed in self._feeds.items():
            wanted = feed.wanted(events)
            if wanted:
                scoped = ScopedStore(self._store, declared_for(self._store, role).read, role)
                feed.send([scoped.shown(event) for event in wanted])

    def close(self) -> None:
        for feed in self._feeds.values():
            feed.close()


class _Feed:
    """One socket. XPUB tells who listens to what; to subscribers it is a PUB."""

    def __init__(self, context: zmq.asyncio.Context, endpoint: str) -> None:
        self._topics: set[bytes] = set()
        # Without waiting: no task reads it.
        self._socket: zmq.Socket[bytes] = zmq.Context.shadow(context.underlying).socket(zmq.XPUB)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.SNDHWM, QUEUE_MAX)
        self._socket.set(zmq.MAXMSGSIZE, SUBSCRIPTION_BYTES_MAX)
        if sys.platform == "linux":
            self._socket.setsockopt(zmq.IPC_FILTER_UID, os.getuid())
        self._socket.bind(endpoint)

    def wanted(self, events: Sequence[Event]) -> list[Event]:
        """Those of the events that somebody subscribed to."""
        self._hear()
        if not self._topics:
            return []
        return [event for event in events if any(event.kind.encode().startswith(topic) for topic in self._topics)]

    def send(self, events: Sequence[Event]) -> None:
        for event in events:
            self._socket.send_multipart(event_frames(event), flags=zmq.NOBLOCK)

    def _hear(self) -> None:
        for _ in range(SUBSCRIPTIONS_AT_ONCE):
            try:
                said = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if said[:1] == b"\x01":
                self._topics.add(said[1:])
            elif said[:1] == b"\x00":
                self._topics.discard(said[1:])

    def close(self) -> None:
        self._socket.close(0)


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
