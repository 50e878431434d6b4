"""What an executor is: three calls. It gets a work order, gives its outcome, and keeps nothing."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ...core.entities import Priority
from ...core.orders import Order, Outcome


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """places: how many orders can be done at once.  running: how many are.  detail: one line for people."""

    ready: bool
    places: int
    running: int
    detail: str


class Executor(Protocol):
    """Does steps somewhere.

    name    as it stands in the settings
    remote  whether what it gets leaves this machine's own processes, and what it says is a stranger's word
    """

    name: str
    remote: bool

    async def submit(self, order: Order, priority: Priority) -> Outcome:
        """Return the outcome; never raises for what goes wrong there. The same id while under way joins the first.

        A place that is lost midway is a failure of the class `crash`, no answer within the order's deadline `timeout`,
        an executor that cannot be reached `transient`: the playbook says what is tried again.
        """
        ...

    def cancel(self, id: str) -> None:
        """Forget an order; whoever waits for it is cancelled. Work that has begun may go on to its end, unheard."""
        ...

    def health(self) -> Health: ...


class RemoteExecutor(Executor, Protocol):
    async def run(self) -> None:
        """Keep the connection until cancelled."""
        ...
