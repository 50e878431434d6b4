"""What runs on a Dask worker: one top-level function from bytes to bytes.

Dask sends the function by its name and the bytes as they are. The package must be installed there, in the same version.
"""

from __future__ import annotations

import msgspec

from ...core.orders import OrderMessage, RunStep
from ..worker import carry_out, encoded


def run_order(order: bytes) -> bytes:
    """Carry out the step in an OrderMessage; return the bytes of its Answer. Never raises for what the step does.

    Raises ValueError for anything but a step: nothing else is ever sent here.
    """
    message = msgspec.msgpack.decode(order, type=OrderMessage)
    if not isinstance(message.order.work, RunStep):
        raise ValueError("only steps are done here")
    return encoded(message.order.id, carry_out(message.order.work))
