"""Logs written by earlier versions stay readable and verifiable for ever.

`tests/golden/log-v1.json` holds the stored bytes of a small log, in hex, with its key and the hash of its head.
Never change it: a new version of the format gets a file of its own beside it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.store.api import Head
from quarterdeck_daemon.store.chain import EMPTY, Chain
from quarterdeck_daemon.store.codec import pack_event, unpack_event
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import EXTERNAL, Labels

GOLDEN = Path(__file__).parents[2] / "golden"


class GoldenLog(msgspec.Struct, frozen=True):
    """A log as it was stored: hex of the chain key, of each event's bytes and of the head's hash."""

    key: str
    events: list[str]
    head_mac: str

    def rows(self) -> list[tuple[int, bytes]]:
        return [(seq, bytes.fromhex(stored)) for seq, stored in enumerate(self.events, 1)]

    def head(self) -> Head:
        return Head(seq=len(self.events), mac=bytes.fromhex(self.head_mac))


def story() -> list[Event]:
    """What the golden log says, without the hashes."""
    return [
        Event(seq=1, id="e1", at_us=1_767_225_600_000_000, kind="note.taken", actor="operator", body={"text": "Grüße"}),
        Event(
            seq=2, id="e2", at_us=1_767_225_600_000_001, kind="mail.received", actor="connector:mail", version=2,
            body={"document": "doc1", "to": ["a@example.test"], "size": 2**40, "ratio": 0.25, "auto": False, "none": None},
            labels=Labels(integrity="external", sensitivity="secret", sources=("doc1", "مصدر")), cause="e1",
        ),
        Event(
            seq=3, id="e3", at_us=1_767_225_600_000_000, kind="step.finished", actor="agent:composer", run="r1",
            task="t1", body={"output": {"deep": [{"bytes": b"\x00\xff"}]}}, labels=EXTERNAL,
        ),
    ]  # fmt: skip


@pytest.fixture(params=sorted(path.name for path in GOLDEN.glob("log-v*.json")))
def golden(request: pytest.FixtureRequest) -> GoldenLog:
    return msgspec.json.decode((GOLDEN / str(request.param)).read_bytes(), type=GoldenLog)


def test_the_golden_log_says_what_it_always_said(golden: GoldenLog) -> None:
    events = [unpack_event(stored) for _, stored in golden.rows()]
    assert [msgspec.structs.replace(event, prev_mac=b"") for event in events] == story()


def test_the_golden_log_verifies(golden: GoldenLog) -> None:
    found = Chain(bytes.fromhex(golden.key)).follow(EMPTY, golden.rows(), golden.head())
    assert (found.checked, found.broken_at) == (3, None)


def test_another_key_does_not_verify_it(golden: GoldenLog) -> None:
    """The twin: the check can fail."""
    assert Chain(b"?" * 32).follow(EMPTY, golden.rows(), golden.head()).broken_at == 1


def test_an_event_is_still_written_in_the_same_bytes(golden: GoldenLog) -> None:
    """A difference here means that the format changed: then it needs a new version and a new golden log."""
    written = [pack_event(unpack_event(stored)) for _, stored in golden.rows()]
    assert written == [stored for _, stored in golden.rows()]
