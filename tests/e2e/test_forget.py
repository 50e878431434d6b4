"""A person is forgotten in a real house: mail, run, drafts, notes, facts, index and backups; others stay."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.core.entities import Fact
from quarterdeck_daemon.store.chain import read_key
from quarterdeck_daemon.store.rocks import RocksStore
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

from ..daemon.store.test_store_forgetting import rows
from .quarters import Plain, Quarters, approvals, lead_mail, running, settle, small_house, until

PERSON = "Ines Duarte"
WORDS = ("Ines Duarte", "ines7@north7.test", "Head of Product, North7")
LONG_MS = 120_000


def forget(client: Client, wish: Plain, **more: object) -> Plain:
    """Look at the plan, then carry exactly it out."""
    plan = client.call("memory.forget", wish | {"dry_run": True}, deadline_ms=LONG_MS).result["plan"]
    return client.call("memory.forget", wish | {"plan": plan} | more, deadline_ms=LONG_MS).result


def files_that_say(folder: Path, words: tuple[str, ...]) -> list[str]:
    """Files of the state folder in which one of the words stands, in any of its usual forms."""
    forms = {form.encode() for word in words for form in (word, word.lower(), word.replace(" ", "-").lower())}
    files = [path for path in sorted((folder / ".quarterdeck").rglob("*")) if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if any(form in path.read_bytes() for form in forms)]


def rows_that_say(home: Path, words: tuple[str, ...], to: Path) -> list[str]:
    """What RocksDB gives when a copy of the folder is read row by row: keys are not compressed away there."""

    shutil.copytree(home / "log", to / "log")
    forms = {form.encode() for word in words for form in (word, word.replace(" ", "-").lower())}
    return [f"{family} {key!r}" for family, key, value in rows(to) if any(form in key + value for form in forms)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Quarters]:
    """One lead from Ines, one from somebody else, notes and facts about both, and a backup of it all."""
    with running(small_house(tmp_path)) as quarters:
        quarters.lay_mail("ines.eml", lead_mail(7))
        quarters.lay_mail("rosa.eml", lead_mail(8).replace(PERSON, "Rosa Lind").replace("ines8", "rosa8"))
        with quarters.client() as client:
            settle(client)
            assert until(lambda: len(approvals(client)) == 2, 60)
            client.call("memory.remember", {"text": f"{PERSON} prefers to be called in the morning"})
            client.call("memory.remember", {"text": "Rosa Lind prefers mails"})
            value: Plain = {"name": PERSON, "email": "ines7@north7.test"}
            client.call("fact.put", {"kind": "client", "key": "ines-duarte", "value": value})
            client.call("fact.put", {"kind": "client", "key": "rosa-lind", "value": {"name": "Rosa Lind"}})
            client.call(
                "fact.put", {"kind": "invoice", "key": "2026-7", "value": {"number": "2026-7", "total": 8000}}
            )
            client.call("backup.create", {"name": "monday"})
        yield quarters


def test_nothing_of_a_person_is_left_and_everything_else_is(house: Quarters, tmp_path: Path) -> None:
    with house.client(timeout_ms=LONG_MS) as client:
        done = forget(client, {"person": PERSON}, reason="asked by mail")
        assert done["stage"] == "closed"
        proof = done["proof"]
        assert isinstance(proof, dict)
        assert {name: proof[name] for name in ("events", "records", "files", "chain", "copies")} == {
            "events": 0, "records": 0, "files": 0, "chain": True, "copies": 1,
        }  # fmt: skip
        found = client.call("memory.verify_forgotten", {"words": list(WORDS)}).result
        assert (found["ok"], found["files"]) == (True, [])
        assert client.call("audit.verify", {}).result["ok"]
        assert client.call("backup.verify", {"name": "monday"}).result["ok"]
        assert [str(item["summary"]).count("Rosa") > 0 for item in approvals(client)] == [True]
        clients = client.call("fact.query", {"kind": "client"}).result["items"]
        assert "rosa-lind" in str(clients)
        assert "ines-duarte" not in str(clients)
    assert files_that_say(house.folder, WORDS) == []
    assert rows_that_say(house.folder / ".quarterdeck", WORDS, tmp_path / "rows") == []
    assert rows_that_say(house.folder / ".quarterdeck" / "backup" / "monday", WORDS, tmp_path / "backup-rows") == []


def test_her_mail_still_lies_in_the_inbox_and_does_not_come_in_again(house: Quarters) -> None:
    with house.client(timeout_ms=LONG_MS) as client:
        plan = client.call("memory.forget", {"person": PERSON, "dry_run": True}, deadline_ms=LONG_MS).result
        assert "mail/inbox/ines.eml" in str(plan["outside"])
        forget(client, {"person": PERSON})
        before = client.call("system.status", {}).result["memories"]
    house.stop()
    inbox = house.folder / "mail" / "inbox"
    (inbox / "ines.eml").rename(inbox / "moved.eml")  # Under another name neither.
    house.start()
    with house.client(timeout_ms=LONG_MS) as client:
        settle(client)
        time.sleep(1.0)  # Several polls of the inbox.
        settle(client)
        assert client.call("system.status", {}).result["memories"] == before
        assert client.call("memory.verify_forgotten", {"words": list(WORDS)}).result["ok"]


def test_a_backup_that_was_reached_gives_back_everything_else(house: Quarters, tmp_path: Path) -> None:
    home = house.folder / ".quarterdeck"
    elsewhere = tmp_path / "stick"
    shutil.copytree(home / "backup" / "monday", elsewhere)
    with house.client(timeout_ms=LONG_MS) as client:
        forget(client, {"person": PERSON})
        assert facts_in(elsewhere, home) == {"client/ines-duarte", "client/rosa-lind", "invoice/2026-7"}
        changed = client.call("backup.forget", {"path": str(elsewhere)}, deadline_ms=LONG_MS).result
        assert changed["changed"]
    for backup in (elsewhere, home / "backup" / "monday"):
        assert facts_in(backup, home) == {"client/rosa-lind", "invoice/2026-7"}


def facts_in(backup: Path, home: Path) -> set[str]:
    """Which of the facts that the test put can be read from a restored copy."""
    store = RocksStore.open(backup, key=read_key(home / "chain.key"))
    try:
        assert store.verify().broken_at is None
        return {id for id in ("client/ines-duarte", "client/rosa-lind", "invoice/2026-7") if store.get(Fact, id)}
    finally:
        store.close()


def test_what_was_not_shown_is_not_erased(house: Quarters) -> None:
    with house.client(timeout_ms=LONG_MS) as client:
        plan = client.call("memory.forget", {"person": PERSON, "dry_run": True}, deadline_ms=LONG_MS).result["plan"]
        client.call("memory.remember", {"text": f"One more thing about {PERSON}"})
        for given in (plan, "", "0" * 64):
            with pytest.raises(QuarterdeckError) as refused:
                client.call("memory.forget", {"person": PERSON, "plan": given}, deadline_ms=LONG_MS)
            assert refused.value.code == "conflict"
        assert not client.call("memory.verify_forgotten", {"words": [PERSON]}).result["ok"]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({}, "schema"), ({"id": "m1", "person": "x y"}, "schema"), ({"id": "m999"}, "not_found"), ({"id": "?"}, "bad_value"),
        ({"person": "Nobody Anywhere"}, "not_found"), ({"person": "a"}, "bad_value"), ({"source": "no/such/file"}, "not_found"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_and_changes_nothing(house: Quarters, wish: Plain, code: str) -> None:
    with house.client(timeout_ms=LONG_MS) as client:
        seq = client.call("system.hello", {}).result["seq"]
        with pytest.raises(QuarterdeckError) as refused:
            client.call("memory.forget", wish | {"dry_run": True}, deadline_ms=LONG_MS)
        assert (refused.value.code, client.call("system.hello", {}).result["seq"]) == (code, seq)


def test_a_reason_that_names_the_person_is_refused(house: Quarters) -> None:
    with house.client(timeout_ms=LONG_MS) as client, pytest.raises(QuarterdeckError, match="names whom"):
        forget(client, {"person": PERSON}, reason=f"{PERSON} wrote to us")


@pytest.mark.parametrize("wait_ms", [0, 60, 200, 500])
def test_killed_in_the_middle_it_goes_on_by_itself(house: Quarters, wait_ms: int) -> None:
    """kill -9 of the daemon some time after the plan was handed in; the next life finishes it, unless none had begun."""
    with house.client(timeout_ms=LONG_MS) as client:
        plan = client.call("memory.forget", {"person": PERSON, "dry_run": True}, deadline_ms=LONG_MS).result["plan"]
    request: Plain = {"person": PERSON, "plan": plan}
    asker = threading.Thread(target=ask_and_lose, args=(house, request))
    asker.start()
    time.sleep(wait_ms / 1000)
    daemon = next(one for one in house.processes()[1:] if "service.daemon" in " ".join(one.cmdline()))
    house.kill(daemon)
    asker.join(60)
    with connected(house) as client:
        begun = client.call("memory.verify_forgotten", {"words": [PERSON]}, deadline_ms=LONG_MS).result["erasures"]
        if not begun:
            client.call("memory.forget", request, deadline_ms=LONG_MS)
        assert until(lambda: closed(client), 60)
        found = client.call("memory.verify_forgotten", {"words": list(WORDS)}, deadline_ms=LONG_MS).result
        assert (found["ok"], found["files"]) == (True, [])
    assert files_that_say(house.folder, WORDS) == []


def closed(client: Client) -> bool:
    erasures = client.call("memory.verify_forgotten", {"words": [PERSON]}, deadline_ms=LONG_MS).result["erasures"]
    assert isinstance(erasures, list)
    return [one["stage"] for one in erasures] == ["closed"]


def ask_and_lose(house: Quarters, request: Plain) -> None:
    with contextlib.suppress(QuarterdeckError), house.client(timeout_ms=3_000) as client:
        client.call("memory.forget", request, request_id="forget-ines", deadline_ms=3_000)


@contextlib.contextmanager
def connected(house: Quarters) -> Iterator[Client]:
    """A client of the next life of the daemon."""

    def answers() -> bool:
        with contextlib.suppress(QuarterdeckError), house.client(timeout_ms=1_000) as client:
            return bool(client.call("system.hello", {}).result)
        return False

    assert until(answers, 60)
    with house.client(timeout_ms=LONG_MS) as client:
        yield client


def map_of(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def test_an_id_says_by_itself_what_is_meant(house: Quarters) -> None:
    with house.client(timeout_ms=LONG_MS) as client:
        id = client.call("memory.remember", {"text": "The heron stands in the reeds"}).result["id"]
        with pytest.raises(QuarterdeckError, match="not what was shown"):
            client.call("memory.forget", {"id": id, "plan": "0" * 64}, deadline_ms=LONG_MS)
        done = client.call("memory.forget", {"id": id}, deadline_ms=LONG_MS).result
        counts, proof = map_of(done["counts"]), map_of(done["proof"])
        assert (counts["memory"], proof["records"]) == (1, 0)
        assert map_of(client.call("memory.get", {"id": id}).result["fields"])["forgotten"]
