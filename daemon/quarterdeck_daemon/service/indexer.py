"""The indexer: the process that holds the search index, so that a crash of it cannot take the kernel along.

Owns     the folder `.quarterdeck/index/`, the connection to the daemon's `orders` socket, its own limits.
Promises questions are answered while rows are taken in; what cannot be trusted on disk is not used, and Hello and
         every answer say how far the index goes, so that the daemon feeds what is missing.
Leaves   which rows there are to the daemon, hangs and deaths to the supervisor.

Three threads: this one speaks and searches, one takes in rows and tidies files, one builds graphs over vectors.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import msgspec
import zmq

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.orders import (
    Answer,
    DaemonMessage,
    Failed,
    Failure,
    FailureClass,
    Hello,
    Order,
    OrderMessage,
    Outcome,
    PutRows,
    RowsFound,
    RowsPut,
    SearchRows,
)
from ..embedders.api import Embedder
from ..embedders.table import open_embedder
from ..recall.api import Feed, Question
from ..recall.hybrid import HybridIndex
from ..recall.sealed import Doubt
from .launch import Launch, end_with_parent, receive_launch
from .logs import fields, hide, set_up_logging
from .workspace import CONFIG_NAME, Config, load_config

MESSAGE_BYTES_MAX = 96 * 1024 * 1024
OPEN_FILES_MAX = 1_024
MEMORY_BYTES_MIN = 1 << 30  # With less it could not even load its libraries.
PUTS_MAX = 64  # Waiting; the daemon sends one at a time.
QUIET_S = 0.5  # Without rows for so long, files are tidied and graphs built.
SWITCH_S = 0.001  # How long the thread that takes in rows may keep a search waiting.
LOOK_S = 2.0  # How often to see whether somebody removed the folder.
GOING_S = 0.3  # Removing a workspace takes less than that between its first file and its last.
BEGUN_ANEW = b""  # Between the threads: say Hello again.
RETRY_S = 5.0  # After the disk was full.
CLOSE_S = 0.4

_QUESTIONS = msgspec.msgpack.Decoder(list[Question])
_MESSAGE: msgspec.msgpack.Decoder[DaemonMessage] = msgspec.msgpack.Decoder(DaemonMessage)

log = logging.getLogger("quarterdeck.indexer")


class Shelf:
    """The index with its folder; opened anew when it belongs to another log."""

    def __init__(self, launch: Launch, config: Config) -> None:
        self._folder = launch.home / "index"
        self._home, self._config = launch.home, config
        self.index = self._opened()

    def begin_anew(self) -> None:
        """Start with nothing. Searches meanwhile are answered from what was there."""
        self.index.abandon()
        shutil.rmtree(self._folder, ignore_errors=True)
        self.index = self._opened()

    def after_removal(self) -> None:
        """Somebody removed the folder; begin anew, unless the whole workspace is going: nothing is made in there then."""
        time.sleep(GOING_S)
        if not (self._home.parent / CONFIG_NAME).exists():
            log.warning("the workspace was removed; ending")
            os._exit(0)
        log.warning("the index was removed; it is built anew")
        self.begin_anew()

    def applied(self) -> bytes:
        return msgspec.msgpack.encode(self.index.applied)

    def _opened(self) -> HybridIndex:
        self._folder.mkdir(mode=0o700, exist_ok=True)  # The folder around it is not ours to make.
        _clear_others(self._folder)
        return HybridIndex.open(
            self._folder / HybridIndex.VERSION,
            self._embedder(),
            former=self._former,
            weights=self._config.recall,
            language=self._config.workspace.language,
        )

    def _embedder(self) -> Embedder | None:
        """None when it cannot be opened: words alone are better than nothing."""
        try:
            return open_embedder(self._config.embedder, self._home)
        except QuarterdeckError as error:
            log.error("no vectors: %s", error.message, extra=fields(code=error.code, hint=error.hint))
            return None

    def _former(self, id: str) -> Embedder | None:
        """The embedder whose vectors are there, opened so that they go on answering."""
        for name in ("static", "minilm", "endpoint"):
            try:
                made = open_embedder(msgspec.structs.replace(self._config.embedder, name=name), self._home)
            except QuarterdeckError as error:
                log.info("%s is not there: %s", name, error.message)
                continue
            if made.id == id:
                return made
        return None


class Indexer:
    """Serves until the process ends; the connection is opened anew when the daemon went away."""

    def __init__(self, launch: Launch, shelf: Shelf) -> None:
        self._launch, self._shelf = launch, shelf
        self._context = zmq.Context()
        self._puts: queue.Queue[tuple[str, bytes]] = queue.Queue(PUTS_MAX)
        self._done = self._context.socket(zmq.PULL)
        self._done.bind("inproc://done")
        self._ripe = threading.Event()
        self._quiet = False  # No rows came for a while.

    def run(self) -> None:
        self._ripe.set()
        for work in (self._write, self._build):
            threading.Thread(target=_vital, args=(work,), name=work.__name__, daemon=True).start()
        while True:
            self._serve_connection()

    def end(self, number: int, frame: FrameType | None) -> None:
        """Close the files if that is quick, and go; what was not saved is in their logs."""
        threading.Timer(CLOSE_S, os._exit, (0,)).start()
        self._shelf.index.close()
        os._exit(0)

    def _serve_connection(self) -> None:
        socket = self._context.socket(zmq.DEALER)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            socket.connect(self._launch.orders)
            self._greet(socket)
            self._receive(socket, monitor)
        finally:
            socket.disable_monitor()
            socket.close()

    def _greet(self, socket: zmq.Socket[bytes]) -> None:
        hello = Hello(role="indexer", pid=os.getpid(), token=self._launch.token, applied=self._shelf.applied())
        socket.send_multipart([b"", msgspec.msgpack.encode(hello)])

    def _receive(self, socket: zmq.Socket[bytes], monitor: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        for one in (socket, self._done, monitor):
            poller.register(one, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._done in ready:
                answer = self._done.recv()
                if answer == BEGUN_ANEW:
                    self._greet(socket)
                else:
                    socket.send_multipart([b"", answer])
            if socket in ready:
                self._take(socket)
            elif monitor in ready:
                log.info("the daemon went away")
                return

    def _take(self, socket: zmq.Socket[bytes]) -> None:
        order = _order_in(socket.recv_multipart()[-1])
        if order is None:
            return
        if isinstance(order.work, PutRows):
            self._puts.put((order.id, order.work.body))
        elif isinstance(order.work, SearchRows):
            socket.send_multipart([b"", _encoded(order.id, self._search(order.work.body))])
        else:
            failed = _failed("contract", "wrong_role", f"an indexer does no {type(order.work).__name__}")
            socket.send_multipart([b"", _encoded(order.id, failed)])

    def _search(self, body: bytes) -> Outcome:
        try:
            questions = _QUESTIONS.decode(body)
            found = self._shelf.index.search(questions)
            return RowsFound(body=msgspec.msgpack.encode(found), words_only=self._shelf.index.words_only)
        except QuarterdeckError as error:
            return _failed("permanent", error.code, error.message, error.hint)
        except msgspec.DecodeError as error:
            return _failed("contract", "schema", str(error))
        except Exception as error:
            # A mistake of ours in one question must not take the answers to all others along.
            log.exception("a question broke the search")
            return _failed("permanent", "internal", f"{type(error).__name__}: {error}", "quarterdeck logs")

    # --- the thread that takes in rows ---

    def _write(self) -> None:
        done = self._context.socket(zmq.PUSH)
        done.connect("inproc://done")
        tidied = True
        while True:
            try:
                id, body = self._puts.get(timeout=LOOK_S if tidied else QUIET_S)
            except queue.Empty:
                if not self._shelf.index.stands:
                    self._shelf.after_removal()
                    done.send(BEGUN_ANEW)
                tidied = tidied or self._tidy()
                continue
            done.send(_encoded(id, self._put(body)))
            tidied = False

    def _put(self, body: bytes) -> Outcome:
        try:
            feed = msgspec.msgpack.decode(body, type=Feed)
            if feed.anew or self._shelf.index.holds(feed.erased):
                self._shelf.begin_anew()  # What is forgotten must be in no file, and files are not written over.
            self._shelf.index.put(
                feed.rows, seq=feed.seq, after=feed.after, at=feed.at, erased=feed.erased, anchor=feed.anchor
            )
        except OSError as error:
            log.error("rows could not be taken in", extra=fields(error=str(error)))
            return _failed("transient", "no_space", str(error))
        except (ValueError, RuntimeError, QuarterdeckError) as error:
            log.exception("rows could not be taken in")
            return _failed("transient", "unavailable", str(error))
        self._quiet = False
        if self._shelf.index.ripe():
            self._ripe.set()
        return RowsPut(body=self._shelf.applied())

    def _tidy(self) -> bool:
        """Returns whether it is done; a full disk is tried again."""
        try:
            self._shelf.index.tidy()
        except OSError as error:
            log.error("the index could not be tidied", extra=fields(error=str(error)))
            return False
        self._quiet = True
        self._ripe.set()
        return True

    # --- the thread that builds ---

    def _build(self) -> None:
        while True:
            self._ripe.wait()
            self._ripe.clear()
            try:
                while self._shelf.index.ripe(quiet=self._quiet):
                    self._shelf.index.fold(quiet=self._quiet)
            except (OSError, RuntimeError, ValueError, Doubt) as error:
                log.error("vectors could not be folded in", extra=fields(error=str(error)))
                time.sleep(RETRY_S)
                self._ripe.set()


def _vital(work: Callable[[], None]) -> None:
    """Without this thread the process is of no use: its successor finds on disk what can be trusted."""
    try:
        work()
    finally:
        wanted = isinstance(sys.exc_info()[1], MemoryError)
        hint = "It needs more memory than [workers] indexer_bytes allows." if wanted else ""
        log.critical("a thread of the indexer ended", exc_info=True, extra=fields(hint=hint))
        os._exit(1)


def _order_in(body: bytes) -> Order | None:
    try:
        message: DaemonMessage = _MESSAGE.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        log.error("an order does not parse", extra=fields(error=str(error)))
        return None
    return message.order if isinstance(message, OrderMessage) else None


def _encoded(id: str, outcome: Outcome) -> bytes:
    return msgspec.msgpack.encode(Answer(id=id, outcome=outcome))


def _failed(failure: FailureClass, code: str, message: str, hint: str = "") -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message=message, hint=hint))


def _clear_others(folder: Path) -> None:
    """Indexes of other versions of ours are of no use to anybody."""
    for path in folder.iterdir():
        if path.name != HybridIndex.VERSION:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def harden(memory_bytes: int) -> None:
    """Limit what a bug in a library could cost. memory_bytes: of addresses, mapped files among them; 0 is no limit."""
    limits = {resource.RLIMIT_NOFILE: OPEN_FILES_MAX, resource.RLIMIT_CORE: 0}
    if memory_bytes:
        limits[resource.RLIMIT_AS] = max(memory_bytes, MEMORY_BYTES_MIN)
    for what, wanted in limits.items():
        _, hard = resource.getrlimit(what)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(what, (value, value))
        except (ValueError, OSError) as error:  # macOS refuses some of them.
            log.warning("a limit could not be set", extra=fields(limit=what, error=str(error)))


def main() -> None:
    launch = receive_launch()
    set_up_logging("indexer")
    hide(launch.token)
    end_with_parent()
    config = load_config(Path(launch.workspace))
    harden(config.workers.indexer_bytes)
    sys.setswitchinterval(SWITCH_S)
    indexer = Indexer(launch, Shelf(launch, config))
    gc.freeze()  # What is loaded stays; no search waits while it is looked through for garbage.
    signal.signal(signal.SIGTERM, indexer.end)
    indexer.run()


if __name__ == "__main__":
    main()
