"""A model host: one supervised process for each configured language model, which may crash without harm.

It is two processes: this one has the connection to the daemon's `orders` socket and the token, the inner one
(model_cell.py) has the model. One pipe each way is between them.

Promises every order gets an answer, also when the inner half dies of it: a failure that says how. A file that ended the
         process twice while it was loaded is not loaded again before it has changed.
Leaves   deadlines and unheeded cancels to the hub, which kills; starting again to the supervisor.

Run by the supervisor: python -P -m quarterdeck_daemon.service.model_host
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from pathlib import Path
from typing import NoReturn

import msgspec
import zmq

from ..core.orders import Answer, Cancel, DaemonMessage, Hello, OrderMessage, Said
from .cell import Cell, CellEnded
from .confinement.limits import harden
from .launch import Launch, end_with_parent, receive_launch
from .logs import fields, hide, set_up_logging
from .model_cell import FromCell, Place, State, failed, live
from .model_settings import ModelSetting

MESSAGE_BYTES_MAX = 96 * 1024 * 1024
LAST_WORD_MS = 500  # How long a dying host waits for its last answers to be on their way.
DEATHS_MAX = 2  # Of loading the same file.
DEAD_S = 2.0

log = logging.getLogger("quarterdeck.model")

_FROM_CELL = msgspec.msgpack.Decoder(FromCell)
_FROM_HUB = msgspec.msgpack.Decoder(DaemonMessage)


class LoadNote:
    """A small file that stands while a model is being loaded: whoever finds it knows that loading ended the process."""

    def __init__(self, folder: Path, path: Path) -> None:
        self._file, self._path = folder / "loading", path

    def deaths(self) -> int:
        """How often loading this very file did not end."""
        with contextlib.suppress(OSError, ValueError):
            seen, _, count = self._file.read_text("ascii").rpartition(" ")
            return int(count) if seen == self._looks() else 0
        return 0

    def begin(self) -> None:
        self._file.write_text(f"{self._looks()} {self.deaths() + 1}", "ascii")

    def done(self) -> None:
        self._file.unlink(missing_ok=True)

    def _looks(self) -> str:
        try:
            found = self._path.stat()
        except OSError:
            return "none"
        return f"{found.st_size}.{found.st_mtime_ns}.{found.st_ino}"


class Host:
    """Passes orders inwards and answers outwards. The connection is opened anew when the daemon went away."""

    def __init__(self, launch: Launch, cell: Cell, note: LoadNote, state: State) -> None:
        self._launch, self._cell, self._note, self._state = launch, cell, note, state
        self._context = zmq.Context()
        self._under_way: dict[str, None] = {}

    def run(self) -> NoReturn:
        """Serve until the process ends. Raises CellEnded when its other half did."""
        while True:
            self._serve_connection()

    def _serve_connection(self) -> None:
        socket = self._context.socket(zmq.DEALER)
        socket.set(zmq.LINGER, LAST_WORD_MS)
        socket.set(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            socket.connect(self._launch.orders)
            self._greet(socket)
            self._pass_on(socket, monitor)
        except CellEnded as ended:
            self._last_words(socket, str(ended))
            raise
        finally:
            socket.disable_monitor()
            socket.close()

    def _greet(self, socket: zmq.Socket[bytes]) -> None:
        state = self._state
        hello = Hello(
            role="model", pid=os.getpid(), token=self._launch.token, model=state.model, confined=state.confined
        )
        socket.send_multipart([b"", msgspec.msgpack.encode(hello)])

    def _pass_on(self, socket: zmq.Socket[bytes], monitor: zmq.Socket[bytes]) -> None:
        """Until the connection is lost."""
        poller = zmq.Poller()
        for one in (socket, monitor, self._cell.handle):
            poller.register(one, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._cell.handle in ready:
                self._outwards(socket, self._cell.hear())
            if socket in ready:
                self._inwards(socket.recv_multipart()[-1])
            elif monitor in ready:
                log.info("the daemon went away")
                self._forget()
                return

    def _inwards(self, body: bytes) -> None:
        try:
            message: DaemonMessage = _FROM_HUB.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            log.error("an order does not parse", extra=fields(error=str(error)))
            return
        if isinstance(message, OrderMessage):
            self._under_way[message.order.id] = None
        elif not isinstance(message, Cancel):
            return
        self._cell.tell(body)

    def _outwards(self, socket: zmq.Socket[bytes], body: bytes) -> None:
        """Only what a model has to say is passed on: the inner half is not trusted."""
        try:
            message: FromCell = _FROM_CELL.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise CellEnded(f"it said nonsense: {error}") from error
        if isinstance(message, State):
            self._keep(message)
            self._greet(socket)
            return
        if isinstance(message, Answer):
            self._under_way.pop(message.id, None)
        elif not isinstance(message, Said):
            return
        socket.send_multipart([b"", body])

    def _keep(self, state: State) -> None:
        """The name is ours to say, whatever the inner half calls itself."""
        named = msgspec.structs.replace(state.model, name=self._state.model.name)
        was_loading = self._state.model.loading
        self._state = msgspec.structs.replace(state, model=named)
        if state.model.loading:
            self._note.begin()
        elif was_loading:
            self._note.done()

    def _forget(self) -> None:
        """The daemon that asked is gone; its successor asks again."""
        for id in self._under_way:
            self._cell.tell(msgspec.msgpack.encode(Cancel(id=id)))
        self._under_way.clear()

    def _last_words(self, socket: zmq.Socket[bytes], why: str) -> None:
        how = _death_of(self._cell.pid) or why
        log.error("the model's process is gone", extra=fields(model=self._state.model.name, how=how))
        no_more = msgspec.structs.replace(self._state.model, at_once=0, loading=False, loaded=False)
        self._state = msgspec.structs.replace(self._state, model=no_more)
        self._greet(socket)
        hint = "Another is started; `quarterdeck logs` has its last words."
        for id in self._under_way:
            answer = Answer(id=id, outcome=failed("crash", "model_died", f"the model's process ended: {how}", hint))
            socket.send_multipart([b"", msgspec.msgpack.encode(answer)])


def _death_of(pid: int) -> str:
    """How the inner half ended; "" when that cannot be said."""
    until = time.monotonic() + DEAD_S
    while time.monotonic() < until:
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return ""
        if ended:
            if os.WIFSIGNALED(status):
                return signal.Signals(os.WTERMSIG(status)).name
            return f"exit status {os.waitstatus_to_exitcode(status)}"
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    return "it closed its pipe and lived on"


def _leave(note: LoadNote) -> NoReturn:
    """We were asked to go; that is nobody's fault."""
    note.done()
    os._exit(0)


def scratch_of(home: Path, name: str) -> Path:
    """The folder of this host: the current one of its inner half, and nearly always empty."""
    folder = home / "scratch" / f"model-{name}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def main() -> None:
    cell = Cell.open(live)  # Before this process learns its token, and before it has a second thread.
    launch = receive_launch()
    set_up_logging("model")
    hide(launch.token)
    end_with_parent()
    harden()
    name = str(launch.model["name"])
    setting = msgspec.convert(launch.model["setting"], ModelSetting)
    path, own = setting.path(Path(launch.workspace)), scratch_of(launch.home, name)
    note = LoadNote(own, path)
    signal.signal(signal.SIGTERM, lambda number, frame: _leave(note))
    deaths = note.deaths()
    broken = f"loading {path.name} ended its process {deaths} times" if deaths >= DEATHS_MAX else ""
    place = Place(
        name=name, setting=setting, home=str(launch.home), path=str(path), own=str(own),
        private=(str(launch.home), os.path.expanduser("~")), broken=broken,
    )  # fmt: skip
    try:
        cell.tell(msgspec.msgpack.encode(place))
        state = msgspec.msgpack.decode(cell.hear(), type=State)
        host = Host(launch, cell, note, state)
        host.run()
    except CellEnded as error:
        log.error("the inner half is gone", extra=fields(why=str(error)))
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
