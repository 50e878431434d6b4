"""The executors that the settings name."""

from __future__ import annotations

from ..hub import Hub
from ..workspace import Executing
from .choice import Executors
from .dask import DaskExecutor
from .local import LocalExecutor
from .pipe import Open


def executors_for(hub: Hub, said: Executing) -> Executors:
    """said: `[executor]`. A remote one is there, but not ready, before its `run` has connected."""
    here = LocalExecutor(hub)
    if said.kind == "local":
        return Executors(here)
    place = Open(address=said.address, ca=said.tls_ca, cert=said.tls_cert, key=said.tls_key)
    return Executors(here, DaskExecutor(place), highest=said.sensitivity)
