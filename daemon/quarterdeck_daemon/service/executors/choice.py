"""Which executor gets a step: the label check that comes before anything leaves.

What is secret stays here always, and so does what is above the sensitivity that the settings allow outside. During an
emergency stop nothing is sent anywhere. A remote executor that is not ready costs nothing: the step is done here.
"""

from __future__ import annotations

import asyncio

from quarterdeck_protocol.labels import SENSITIVITY_ORDER, Labels, Sensitivity

from .api import Executor, RemoteExecutor


class Executors:
    """here: the workers of this workspace.  there: a remote executor, if the settings name one."""

    def __init__(
        self, here: Executor, there: RemoteExecutor | None = None, *, highest: Sensitivity = "private"
    ) -> None:
        assert highest != "secret", "the settings do not allow it either"
        self.here, self.there, self._highest = here, there, highest

    def for_step(self, labels: Labels, *, stopped: bool) -> Executor:
        if self.there is None or stopped or not self.there.health().ready:
            return self.here
        allowed = SENSITIVITY_ORDER[labels.sensitivity] <= SENSITIVITY_ORDER[self._highest]
        return self.there if allowed else self.here

    async def run(self) -> None:
        """What the remote one needs running, until cancelled."""
        await (self.there.run() if self.there is not None else asyncio.Event().wait())

    def cancel(self, id: str) -> None:
        for executor in (self.here, self.there):
            if executor is not None:
                executor.cancel(id)

    def cancel_there(self, id: str) -> None:
        """Call off what the remote one may be doing."""
        if self.there is not None:
            self.there.cancel(id)
