"""The daemon: kernel and store in one process, the only writer of the log.

Start    launch line -> store opened and verified -> sockets -> settings and steering files -> work of the last
         life taken up -> connection file. From then on it answers.
End      SIGTERM or system.shutdown: no new requests, the queue written, the log closed, the connection file gone.
         A kill at any moment is as good, only slower to start from.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

import msgspec

from quarterdeck_protocol import PROTOCOL_VERSION
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile, daemon_file, write_connection
from quarterdeck_protocol.messages import ROLES, Role

from ..store.rocks import RocksStore
from .launch import Launch, end_with_parent, receive_launch
from .logs import fields, set_up_logging
from .parts import Parts
from .role_feeds import announce, withdraw
from .workspace import load_config

LOCK_WAIT_S = 5.0  # The daemon before us may still be dying.
DRAIN_S = 2.0
DOOR_POLL_S = 1.0

log = logging.getLogger("quarterdeck.daemon")


def role_tokens(operator_token: str) -> dict[str, Role]:
    """Return role by token. Lesser tokens are derived from the operator's, one way."""
    assert operator_token, "an empty token would let everybody in"
    tokens: dict[str, Role] = {operator_token: "operator"}
    for role in ROLES[:-1]:
        tokens[hmac.new(operator_token.encode(), role.encode(), hashlib.sha256).hexdigest()] = role
    return tokens


class Daemon:
    """Lets the parts live: `run` does until told to end, or until one of their loops has ended."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._workspace = Path(launch.workspace)
        self._config = load_config(self._workspace)
        self._ended = asyncio.Event()
        self._failure: BaseException | None = None
        self._tokens = role_tokens(launch.operator_token)
        self._events_of: dict[Role, str] = {}

    async def run(self) -> None:
        store = RocksStore.open(self._launch.home, lock_wait_s=LOCK_WAIT_S)
        try:
            await self._live(store)
        finally:
            daemon_file(self._workspace).unlink(missing_ok=True)
            withdraw(daemon_file(self._workspace).parent)
            store.close()
        if self._failure is not None:
            raise self._failure

    async def _live(self, store: RocksStore) -> None:
        parts = Parts(self._launch, self._config, store, role_of=self._role_of, end=self._ended.set)
        self._events_of = parts.feeds.endpoints
        parts.hub.bind(parts.context)
        tasks = [self._guarded(loop) for loop in parts.first_loops()]
        await parts.take_up()
        tasks += [self._guarded(loop) for loop in parts.loops()]
        self._announce()
        tasks.append(self._guarded(self._keep_door()))
        log.info("ready", extra={"fields": {"seq": store.head.seq}})
        await self._ended.wait()
        await parts.recall.note_position()
        if self._failure is None:
            await parts.drain(DRAIN_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        parts.close()

    def _role_of(self, token: str) -> Role | None:
        found: Role | None = None
        for known, role in self._tokens.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = role
        return found

    def _guarded(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run one of the daemon's own loops; if it ends, so does the daemon."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._loop_ended)
        return task

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a loop of the daemon ended", exc_info=error)
            self._failure = error
            self._ended.set()

    def _announce(self) -> None:
        """Say where we are, for whoever may read our files."""
        lesser = {role: token for token, role in self._tokens.items() if role != "operator"}
        _write_private(self._launch.home / "run" / "tokens.json", msgspec.json.encode(lesser))
        connection = ConnectionFile(
            protocol=PROTOCOL_VERSION,
            pid=os.getpid(),
            workspace=str(self._workspace),
            rpc=self._launch.rpc,
            events=self._launch.events,
            token=self._launch.operator_token,
            control=self._launch.control,
            supervisor=self._launch.supervisor_pid,
        )
        announce(daemon_file(self._workspace).parent, connection, self._tokens, self._events_of)
        write_connection(daemon_file(self._workspace), connection)

    async def _keep_door(self) -> None:
        """Stay reachable: write a removed connection file again; for a removed socket, end, to be bound anew.

        Raises QuarterdeckError `unavailable` when a socket's file is gone: nobody new could connect.
        """
        sockets = [Path(address.removeprefix("ipc://")) for address in (self._launch.rpc, self._launch.events)]
        while True:
            await asyncio.sleep(DOOR_POLL_S)
            for path in sockets:
                if not path.exists():
                    raise QuarterdeckError("unavailable", f"{path} was removed", hint="It is bound again at once.")
            if not daemon_file(self._workspace).exists():
                log.warning("the connection file was removed; written again")
                self._announce()

    def end(self) -> None:
        self._ended.set()


def _write_private(path: Path, content: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)


async def _main(launch: Launch) -> None:
    daemon = Daemon(launch)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.end)
    await daemon.run()


def main() -> None:
    launch = receive_launch()
    set_up_logging("daemon")
    end_with_parent()
    gc.freeze()  # What is loaded stays; no request waits while it is looked through for garbage.
    try:
        asyncio.run(_main(launch))
    except QuarterdeckError as error:
        # Refused, not broken: a locked or damaged log, say. `up` reads this line and shows it.
        log.critical(error.message, extra=fields(code=error.code, hint=error.hint))
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
