"""Verifying without a daemon: logs, backups and exports; every kind of change, and what each kind of knowledge finds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import msgspec
import pytest
from rocksdict import Options, Rdict

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.service.audit_files import verify_offline
from quarterdeck_daemon.service.audit_lines import PURPOSE, cloud_event, line_of, plain_line, sealed_part
from quarterdeck_daemon.service.heads import append_head, durable_head
from quarterdeck_daemon.store.anchor import Anchor
from quarterdeck_daemon.store.api import Head
from quarterdeck_daemon.store.chain import Chain, read_key
from quarterdeck_daemon.store.codec import seq_key
from quarterdeck_daemon.store.database import FAMILIES
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.codes import QuarterdeckError

from .sample import commit

EVENTS = 40
NOTED = 25


class Kept:
    """A state folder with a log, a head noted in the middle, and an export of all of it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "ws" / ".quarterdeck"
        self.export = folder / "log.jsonl"
        store = RocksStore.open(self.home)
        for _ in range(EVENTS):
            store.append([commit(store.head.seq + 1)])
        store.sync()
        append_head(self.home / "heads.jsonl", durable_head(store, NOTED), 1)
        self.lines = [self._line(store, seq) for seq in range(1, EVENTS + 1)]
        store.close()
        self.write(self.lines)

    def _line(self, store: RocksStore, seq: int) -> Plain:
        event = store.event(seq)
        assert event is not None
        line = line_of(event, durable_head(store, seq).mac)
        return {**line, "seal": store.seal(PURPOSE, sealed_part(line)).hex()}

    def write(self, lines: list[Plain]) -> None:
        self.export.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))

    def verified(self, target: Path | None = None, *, partial: bool = False) -> Plain:
        return verify_offline(
            target or self.home.parent, workspace=self.home.parent, key=None, heads=None, partial=partial
        )

    def without_key(self) -> Plain:
        """As somebody sees it who has the export and the heads, and nothing else."""
        heads = self.export.parent / "heads-elsewhere.jsonl"
        shutil.copy(self.home / "heads.jsonl", heads)
        return verify_offline(self.export, workspace=None, key=None, heads=heads, partial=False)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def kept(original: Kept, tmp_path: Path) -> Kept:
    """A copy to spoil."""
    made = Kept.__new__(Kept)
    made.home, made.export, made.lines = (
        tmp_path / "ws" / ".quarterdeck",
        tmp_path / "log.jsonl",
        list(original.lines),
    )
    shutil.copytree(original.home, made.home)
    shutil.copy(original.export, made.export)
    return made


def said(found: Plain) -> tuple[object, ...]:
    return found["ok"], found["checked"], found["broken_at"], found["heads"]


def raw(home: Path) -> Rdict:
    options = Options(raw_mode=True)
    return Rdict(
        str(home / "log"), options=options, column_families={name: Options(raw_mode=True) for name in FAMILIES}
    )


def forge(home: Path, seq: int) -> None:
    """Change one event, and with the stolen key everything after it, the anchor too."""
    key = read_key(home / "chain.key")
    assert key is not None
    chain, database = Chain(key), raw(home)
    events = database.get_column_family("events")
    before, stored = b"", b""
    for number in range(1, EVENTS + 1):
        event = msgspec.msgpack.decode(cast(bytes, events[seq_key(number)]), type=dict[str, object])
        event["prev_mac"] = before
        event |= {"actor": "somebody else"} if number == seq else {}
        stored = msgspec.msgpack.encode(
            {name: value for name, value in event.items() if name != "prev_mac" or before}
        )
        events[seq_key(number)] = stored
        before = chain.mac(stored)
    meta = database.get_column_family("meta")
    del meta[b"verified"]
    database.close()
    (home / "anchor").unlink()
    Anchor.create(home / "anchor", chain, Head(seq=EVENTS, mac=before)).close()


def test_a_whole_log_a_backup_and_an_export_verify_without_a_daemon(kept: Kept) -> None:
    assert said(kept.verified()) == (True, EVENTS, None, 1)
    assert said(kept.verified(kept.export)) == (True, EVENTS, None, 1)
    assert said(kept.without_key()) == (True, EVENTS, None, 1)


def test_nothing_is_written_by_looking(kept: Kept) -> None:
    before = {path: path.read_bytes() for path in kept.home.rglob("*") if path.is_file() and path.name != "LOG"}
    kept.verified()
    after = {path: path.read_bytes() for path in kept.home.rglob("*") if path.is_file() and path.name != "LOG"}
    assert {path for path in before if before[path] != after.get(path)} == set()


def test_a_log_that_is_in_use_is_refused_with_the_way_out(kept: Kept) -> None:
    store = RocksStore.open(kept.home)
    try:
        with pytest.raises(QuarterdeckError) as refusal:
            kept.verified()
    finally:
        store.close()
    assert (refusal.value.code, "quarterdeck down" in refusal.value.hint) == ("conflict", True)
    assert said(kept.verified()) == (True, EVENTS, None, 1)


def test_one_changed_event_breaks_the_chain_where_it_stands(kept: Kept) -> None:
    database = raw(kept.home)
    events = database.get_column_family("events")
    events[seq_key(9)] = cast(bytes, events[seq_key(9)]).replace(b"operator", b"someone!")
    database.close()
    found = kept.verified()
    assert (found["ok"], found["broken_at"]) == (False, 9)
    assert "backup" in str(found["fix"])


def test_a_whole_forged_chain_is_found_out_by_the_heads_alone(kept: Kept) -> None:
    """Somebody has the key as well. Without a noted head (the twin) nobody would know."""
    forge(kept.home, 7)
    found = kept.verified()
    assert (found["ok"], found["broken_at"]) == (False, NOTED)
    (kept.home / "heads.jsonl").unlink()
    assert said(kept.verified()) == (True, EVENTS, None, 0)


def test_a_log_that_was_cut_off_does_not_reach_its_anchor(kept: Kept) -> None:
    database = raw(kept.home)
    del database.get_column_family("events")[seq_key(EVENTS)]
    database.close()
    found = kept.verified()
    assert (found["ok"], found["broken_at"]) == (False, EVENTS)


CHANGES = {
    "a word": lambda lines: lines[9].__setitem__("body", {"text": "other"}),
    "an actor": lambda lines: lines[9].__setitem__("actor", "somebody"),
    "a time": lambda lines: lines[9].__setitem__("at_us", 5),
    "a line less": lambda lines: lines.pop(9),
    "two exchanged": lambda lines: lines.insert(9, lines.pop(10)),
    "one twice": lambda lines: lines.insert(9, lines[8]),
    "another seal": lambda lines: lines[9].__setitem__("seal", "00" * 32),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_export_is_found_out_with_the_key(kept: Kept, change: str) -> None:
    lines = [dict(line) for line in kept.lines]
    CHANGES[change](lines)
    kept.write(lines)
    found = kept.verified(kept.export)
    assert (found["ok"], found["broken_at"] in (10, 11)) == (False, True)


def test_without_the_key_order_and_completeness_are_found_and_words_are_not(kept: Kept) -> None:
    """What the heads alone can say, and the twin: what they cannot."""
    lines = [dict(line) for line in kept.lines]
    del lines[9]
    kept.write(lines)
    assert (kept.without_key()["ok"], kept.without_key()["broken_at"]) == (False, 10)
    lines = [dict(line) for line in kept.lines]
    lines[9]["body"] = {"text": "other"}
    kept.write(lines)
    assert kept.without_key()["ok"] is True


def test_an_export_that_stops_before_a_known_head_says_so(kept: Kept) -> None:
    kept.write(kept.lines[: NOTED - 5])
    found = kept.verified(kept.export)
    assert (found["ok"], found["beyond"]) == (True, NOTED)


def test_an_export_of_some_events_verifies_as_such_only(kept: Kept) -> None:
    kept.write(kept.lines[::3])
    assert kept.verified(kept.export)["broken_at"] == 2
    assert said(kept.verified(kept.export, partial=True))[:3] == (True, len(kept.lines[::3]), None)


def test_cloud_events_have_its_names_and_lose_nothing(kept: Kept) -> None:
    told = [cloud_event(line, "my company") for line in kept.lines]
    assert {"specversion", "id", "source", "type", "time", "data"} <= set(told[0])
    assert (told[0]["specversion"], told[0]["type"], told[0]["source"]) == (
        "1.0", "dev.quarterdeck.note.taken", "/quarterdeck/my%20company",
    )  # fmt: skip
    assert all(name.isalnum() and name.islower() for name in told[0])
    assert [sealed_part(plain_line(one)) for one in told] == [sealed_part(line) for line in kept.lines]
    kept.write(told)
    assert said(kept.verified(kept.export)) == (True, EVENTS, None, 1)


def test_what_is_no_log_is_refused(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "nothing", tmp_path / "empty"):
        with pytest.raises(QuarterdeckError) as refusal:
            kept.verified(target)
        assert refusal.value.code == "not_found"
    kept.export.write_bytes(b"\xff\xfe not json\n")
    assert kept.verified(kept.export)["ok"] is False
    kept.export.write_bytes(b"")
    assert kept.verified(kept.export)["reason"] == "it has no events"


def test_a_torn_head_is_said_and_the_others_count(kept: Kept) -> None:
    with (kept.home / "heads.jsonl").open("ab") as file:
        file.write(b'{"at": "2026')
    found = kept.verified()
    assert (found["ok"], found["broken_at"], found["heads"]) == (False, None, 1)
    assert "line 2" in str(found["faults"])
