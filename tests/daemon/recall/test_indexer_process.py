"""The indexer as a real process, with a real ROUTER on our side: rows, questions, nonsense, kills, a full disk."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from quarterdeck_daemon.core.orders import (
    Answer,
    Failed,
    Hello,
    Order,
    OrderMessage,
    Outcome,
    ParseDocument,
    ProcessMessage,
    PutRows,
    RowsFound,
    RowsPut,
    SearchRows,
    Work,
)
from quarterdeck_daemon.recall.api import Applied, Feed, Find, Question, Row
from quarterdeck_daemon.service.launch import Launch

WAIT_MS = 60_000  # Far beyond what is needed on a busy machine.


class IndexerRig:
    """The daemon's side: binds, starts the indexer with its launch line, speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = folder / ".quarterdeck" / "index"
        self.context = zmq.Context()
        self.endpoint = f"ipc://{folder}/orders"
        self.router = self.context.socket(zmq.ROUTER)
        self.router.set(zmq.LINGER, 0)
        self.router.set(zmq.RCVTIMEO, WAIT_MS)
        self.router.bind(self.endpoint)
        self.identity = b""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Applied:
        (self.folder / ".quarterdeck").mkdir(exist_ok=True)
        (self.folder / "quarterdeck.toml").write_text("", "utf-8")
        launch = Launch(
            role="indexer", workspace=str(self.folder), orders=self.endpoint, control="ipc:///unused", token="t0"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "quarterdeck_daemon.service.indexer"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(launch) + b"\n")
        self.process.stdin.flush()
        return self.hello()

    def hello(self) -> Applied:
        hello = self.receive()
        assert isinstance(hello, Hello)
        assert (hello.role, hello.token) == ("indexer", "t0")
        return msgspec.msgpack.decode(hello.applied, type=Applied)

    def receive(self) -> ProcessMessage:
        self.identity, empty, body = self.router.recv_multipart()
        assert empty == b""
        message: ProcessMessage = msgspec.msgpack.decode(body, type=ProcessMessage)
        return message

    def send(self, id: str, work: Work) -> None:
        body = msgspec.msgpack.encode(OrderMessage(order=Order(id=id, work=work, deadline_ms=WAIT_MS)))
        self.router.send_multipart([self.identity, b"", body])

    def ask(self, work: Work, id: str = "o1") -> Outcome:
        self.send(id, work)
        answer = self.receive()
        assert isinstance(answer, Answer)
        assert answer.id == id
        return answer.outcome

    def put(self, *rows: Row, seq: int, after: int = 0, anew: bool = False, erased: tuple[str, ...] = ()) -> Applied:
        feed = Feed(rows=rows, seq=seq, after=after, at=seq, anew=anew, erased=erased)
        outcome = self.ask(PutRows(body=msgspec.msgpack.encode(feed)))
        assert isinstance(outcome, RowsPut), outcome
        return msgspec.msgpack.decode(outcome.body, type=Applied)

    def found(self, *queries: str) -> list[list[str]]:
        outcome = self.ask(_search(*queries))
        assert isinstance(outcome, RowsFound), outcome
        return [[find.id for find in finds] for finds in msgspec.msgpack.decode(outcome.body, type=list[list[Find]])]

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        assert self.process.stdin is not None
        os.kill(self.process.pid, number)
        status = self.process.wait(30)
        self.process.stdin.close()
        self.process = None
        return status

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        self.router.close()
        self.context.term()


def _search(*queries: str) -> SearchRows:
    return SearchRows(body=msgspec.msgpack.encode([Question(query=query) for query in queries]))


def row(number: int, text: str) -> Row:
    return Row(id=f"m{number}", entity=f"memory:m{number}", title="", text=text, from_seq=number)


PAPER, LEASE = row(1, "Nordpapier delivers the recycled paper"), row(2, "The lease of the office ends in March")


@pytest.fixture
def rig() -> Iterator[IndexerRig]:
    folder = Path(tempfile.mkdtemp(prefix="qd-")).resolve()  # Short: a socket's path may have 107 bytes.
    rig = IndexerRig(folder)
    yield rig
    rig.close()
    shutil.rmtree(folder, ignore_errors=True)


def test_rows_are_taken_in_and_questions_answered_several_at_once(rig: IndexerRig) -> None:
    assert (rig.start().seq, rig.put(PAPER, LEASE, seq=2).seq) == (0, 2)
    assert rig.found("who delivers paper", "end of the lease", "zeppelin") == [["m1"], ["m2"], []]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_its_successor_has_what_was_acknowledged(rig: IndexerRig, number: signal.Signals) -> None:
    rig.start()
    applied = rig.put(PAPER, LEASE, seq=2)
    rig.kill(number)
    assert rig.start() == applied
    assert rig.found("paper", "lease") == [["m1"], ["m2"]]


def test_nonsense_is_answered_or_passed_over_and_the_next_order_is_done(rig: IndexerRig) -> None:
    rig.start()
    rig.put(PAPER, seq=1)
    rig.router.send_multipart([rig.identity, b"", b"\xff\x00 nonsense"])
    assert isinstance(rig.ask(SearchRows(body=b"\xc1")), Failed)
    assert isinstance(rig.ask(PutRows(body=b"\x93\x01")), Failed)
    assert isinstance(rig.ask(ParseDocument(document="doc1", media_type="text/plain", data=b"x")), Failed)
    wide = rig.ask(SearchRows(body=msgspec.msgpack.encode([Question(query="a", limit=10**6)])))
    assert isinstance(wide, Failed)
    assert (wide.failure.failure, wide.failure.code) == ("permanent", "out_of_range")
    assert rig.found("paper") == [["m1"]]


def test_a_question_does_not_wait_for_the_rows_before_it(rig: IndexerRig) -> None:
    """Many rows are sent, then a question: its answer comes first."""
    rig.start()
    rig.put(PAPER, seq=1)
    many = tuple(row(number, f"note {number} " + "about this and that " * 40) for number in range(10, 3_000))
    rig.send("rows", PutRows(body=msgspec.msgpack.encode(Feed(rows=many, seq=3_000, after=1, at=3_000))))
    rig.send("question", _search("recycled paper"))
    answers = [rig.receive(), rig.receive()]
    assert [answer.id for answer in answers if isinstance(answer, Answer)] == ["question", "rows"]


def test_begun_anew_it_has_nothing_and_no_file_of_before(rig: IndexerRig) -> None:
    rig.start()
    rig.put(PAPER, LEASE, seq=2)
    assert rig.put(seq=0, anew=True).rows == 0
    assert rig.found("paper") == [[]]
    assert rig.put(LEASE, seq=2).rows == 1
    assert rig.found("paper", "lease") == [[], ["m2"]]


def test_of_what_is_erased_no_word_stays_in_any_file(rig: IndexerRig) -> None:
    """Files of the index are not written over, so it begins anew, and asks for its rows."""
    rig.start()
    rig.put(msgspec.structs.replace(PAPER, source="letters/nordpapier.txt"), LEASE, seq=2)
    assert "letters/nordpapier" in _words_in(rig.index)
    applied = rig.put(seq=3, after=2, erased=("memory:m1",))
    assert (applied.fed, applied.feed_from) == (0, 0)
    rig.put(LEASE, seq=3)
    assert rig.found("nordpapier", "lease") == [[], ["m2"]]
    assert "nordpapi" not in _words_in(rig.index)


def _words_in(folder: Path) -> str:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).decode("latin-1")


def test_an_index_that_somebody_removed_is_begun_anew_and_said_so(rig: IndexerRig) -> None:
    rig.start()
    rig.put(PAPER, seq=1)
    shutil.rmtree(rig.index)
    assert rig.hello() == Applied(seq=0, embedder=rig_embedder(rig), anchor="")
    rig.put(PAPER, seq=1)
    assert rig.found("paper") == [["m1"]]


def rig_embedder(rig: IndexerRig) -> str:
    return next((rig.index).rglob("vectors-*")).name.removeprefix("vectors-").rpartition("-")[0]


def test_indexes_of_other_versions_are_cleared_away(rig: IndexerRig) -> None:
    left = rig.index / "keyword-v1"
    left.mkdir(parents=True)
    (left / "meta.json").write_text("{}")
    rig.start()
    assert not left.exists()


def test_a_full_disk_is_said_and_what_was_there_goes_on_answering(rig: IndexerRig) -> None:
    """The limit on the size of a file stands in for the disk: every write beyond it fails."""
    rig.start()
    rig.put(PAPER, seq=1)
    assert rig.process is not None
    _limit(rig.process.pid, 4_096)
    text = " ".join(f"w{number}" for number in range(4_000))
    feed = Feed(rows=(row(2, text),), seq=2, after=1, at=2)
    outcome = rig.ask(PutRows(body=msgspec.msgpack.encode(feed)))
    assert isinstance(outcome, Failed)
    assert outcome.failure.failure == "transient"
    assert rig.found("paper") == [["m1"]]
    _limit(rig.process.pid, resource.RLIM_INFINITY)
    applied = rig.put(row(2, text), seq=2, after=1)
    if applied.feed_from < 2:  # A part may have stayed behind; it is fed again as the daemon would do it.
        applied = rig.put(PAPER, row(2, text), seq=2, after=applied.feed_from)
    assert applied.seq == 2
    assert rig.found("paper", "w17 w3999") == [["m1"], ["m2"]]
    rig.kill()
    assert rig.start().seq == 2
    assert rig.found("paper", "w17 w3999") == [["m1"], ["m2"]]


def _limit(pid: int, most: int) -> None:
    if sys.platform != "linux":
        pytest.skip("prlimit is there on Linux only")
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))


def test_it_uses_no_processor_while_nothing_is_asked(rig: IndexerRig) -> None:
    rig.start()
    rig.put(PAPER, seq=1)
    assert rig.process is not None
    time.sleep(1.0)  # Over its tidying.
    before = _cpu_s(rig.process.pid)
    time.sleep(2.0)
    assert _cpu_s(rig.process.pid) - before < 0.1


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
