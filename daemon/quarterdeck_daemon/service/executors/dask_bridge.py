"""The bridge to a Dask cluster: takes steps from the daemon over its standard input, has them done there, sends answers back.

Holds nothing that lasts and no token. It ends when the daemon does. Needs `pip install 'quarterdeck[dask]'`.

Run by service/executors/dask.py, not by hand.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from concurrent.futures import CancelledError

import msgspec

from ..cell import CellEnded, read_frame, write_frame
from ..logs import set_up_logging
from .dask_step import run_order
from .pipe import Answered, Cancel, FromBridge, Lost, Open, State, Submit, ToBridge

CONNECT_S = 5
STATE_S = 2.0
PR_SET_PDEATHSIG = 1


class Bridge:
    """One client of one cluster."""

    def __init__(self, write: int) -> None:
        self._write = write
        self._writing = threading.Lock()
        self._futures: dict[str, object] = {}
        self._client: object = None

    def tell(self, message: FromBridge) -> None:
        """From any thread. Ends this process when nobody listens."""
        with self._writing:
            try:
                write_frame(self._write, msgspec.msgpack.encode(message))
            except CellEnded:
                os._exit(0)

    def open(self, asked: Open) -> None:
        """Connect. Raises OSError when nobody answers."""
        from distributed import Client, Security

        security = None
        if asked.address.startswith("tls://"):
            security = Security(  # type: ignore[no-untyped-call]
                tls_ca_file=asked.ca, tls_client_cert=asked.cert, tls_client_key=asked.key, require_encryption=True
            )
        self._client = Client(asked.address, timeout=CONNECT_S, security=security, set_as_default=False)  # type: ignore[no-untyped-call]
        threading.Thread(target=self._report, name="state", daemon=True).start()

    def _report(self) -> None:
        pause = threading.Event()
        while True:
            try:
                threads = self._client.nthreads()  # type: ignore[attr-defined]  # distributed has no types.
                places = sum(threads.values())
                self.tell(State(ready=places > 0, places=places, detail=f"{len(threads)} Dask worker(s)"))
            except (OSError, TimeoutError, ValueError) as error:
                self.tell(State(ready=False, places=0, detail=f"the scheduler does not answer: {error}"))
            pause.wait(STATE_S)

    def submit(self, asked: Submit) -> None:
        # pure=False: the same bytes again are another try, not a cached result.
        future = self._client.submit(run_order, asked.order, pure=False, retries=0)  # type: ignore[attr-defined]
        self._futures[asked.id] = future
        future.add_done_callback(lambda done: self._done(asked.id, done))

    def cancel(self, asked: Cancel) -> None:
        future = self._futures.pop(asked.id, None)
        if future is not None:
            future.cancel()  # type: ignore[attr-defined]

    def _done(self, id: str, future: object) -> None:
        if self._futures.pop(id, None) is None:
            return  # Cancelled: nobody waits for it.
        self.tell(_outcome(id, future))


def _outcome(id: str, future: object) -> FromBridge:
    from distributed import KilledWorker

    try:
        answer = future.result(timeout=CONNECT_S)  # type: ignore[attr-defined]
    except KilledWorker as error:
        return Lost(id=id, failure="crash", message=f"the Dask worker died: {str(error)[:200]}")
    except (OSError, TimeoutError, CancelledError) as error:
        return Lost(
            id=id, failure="transient", message=f"the cluster lost it: {type(error).__name__} {str(error)[:200]}"
        )
    except Exception as error:  # noqa: BLE001  # Whatever the cluster raised is its failure, and it is told on.
        return Lost(id=id, failure="crash", message=f"{type(error).__name__}: {str(error)[:200]}")
    if not isinstance(answer, bytes):
        return Lost(id=id, failure="crash", message="what came back is no answer")
    return Answered(id=id, answer=answer)


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    set_up_logging("worker")
    # Nothing that a library prints may get between the frames.
    write = os.dup(1)
    os.dup2(2, 1)
    bridge = Bridge(write)
    while True:
        try:
            message: ToBridge = msgspec.msgpack.decode(read_frame(0), type=ToBridge)
        except CellEnded:
            os._exit(0)
        if isinstance(message, Open):
            try:
                bridge.open(message)
            except (OSError, ValueError, ImportError, TimeoutError) as error:
                bridge.tell(State(ready=False, places=0, detail=f"{type(error).__name__}: {str(error)[:200]}"))
                os._exit(1)
        elif isinstance(message, Submit):
            bridge.submit(message)
        else:
            bridge.cancel(message)


if __name__ == "__main__":
    main()
