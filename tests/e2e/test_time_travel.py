"""A user's walk through time with real processes: name a moment, change things, compare, go back, undo, fork, kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.service import lifecycle
from quarterdeck_protocol.codes import QuarterdeckError

from .quarters import Plain, Quarters, approvals, approve, lead_mail, running, settle, small_house, until

# One house for all of the file, and each test goes on from the one before.
pytestmark = pytest.mark.xdist_group("time_travel")


class Words:
    """The command line in one workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "quarterdeck_daemon.cli", "-w", str(self.folder), *words],
            capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words: str) -> Plain:
        value = json.loads(self(*words, "--json"))
        assert isinstance(value, dict)
        return value


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    with running(small_house(tmp_path_factory.mktemp("time"), hold="1h")) as quarters:
        yield quarters


def test_a_walk_back_and_forth(house: Quarters) -> None:
    """What was changed since a named moment is shown, taken back, and given back."""
    run = Words(house.folder)
    run("fact", "put", "client", "walker", "name=Walker", "day_rate:=800")
    run("remember", "Walker pays within 14 days")
    run("snapshot", "create", "before-import", "--note", "all good")
    run("fact", "put", "client", "walker", "name=Walker", "day_rate:=900")
    run("remember", "Walker wants a new price list")
    shown = run("diff", "before-import")
    assert "  ~ client/walker" in shown
    assert "      day_rate: 800 → 900" in shown
    assert "Walker wants a new price list" in shown
    plan = run.json("rewind", "before-import", "--dry-run")
    assert plan["counts"] == {"restored": 1, "withdrawn": 1}
    done = run.json("rewind", "before-import", "--yes", "--reason", "wrong import")
    assert (done["id"], done["total"]) == ("rw1", 2)
    assert "day_rate: 800" in run("fact", "get", "client", "walker")
    assert until(lambda: run("recall", "price list Walker").count("price list") == 0, 10)
    assert "day_rate: 900" in run("at", str(done["from_seq"]), "fact", "get", "client", "walker")
    run("rewind", "--undo", "rw1", "--yes")
    assert "day_rate: 900" in run("fact", "get", "client", "walker")
    assert until(lambda: "price list" in run("recall", "price list Walker"), 10)
    run("rewind", "before-import", "--plan", str(plan["plan_hash"]), status=8)
    run("audit", "verify")


def test_under_at_every_read_of_state_answers_as_of_then(house: Quarters) -> None:
    run = Words(house.folder)
    run("fact", "put", "client", "then", "n:=1")
    seq = str(house_seq(house))
    run("fact", "put", "client", "then", "n:=2")
    assert "n: 1" in run("at", seq, "fact", "get", "client", "then")
    for words in (
        ("fact", "query", "client"), ("approvals",), ("runs", "list"), ("dead", "list"), ("playbooks", "list"),
        ("policies",), ("timeline",), ("why", "client/then"), ("memory", "history", "fact:client/then"),
        ("memory", "used-by", "fact:client/then"), ("snapshot", "list"), ("recall", "anything"),
    ):  # fmt: skip
        run("at", seq, *words)
    assert run("at", seq, "memory", "history", "fact:client/then", "--json").count('"seq"') >= 1
    run("at", seq, "remember", "no", status=2)


def house_seq(house: Quarters) -> int:
    with house.client() as client:
        return client.call("system.hello").seq


def test_a_fork_is_as_the_house_was_stopped_and_sends_nothing_of_its_own_accord(house: Quarters) -> None:
    """A mail is approved and held; forked in that moment, the fork withdraws it and the origin still sends it."""
    house.lay_mail("lead.eml", lead_mail(1))
    with house.client() as client:
        assert until(lambda: bool(settle(client)) and bool(approvals(client)), 60)
        approve(client, approvals(client)[:1])
        before = client.call("system.hello").seq
        made = client.call("fork", {"name": "what-if", "reason": "try it"}, deadline_ms=120_000).result
        assert (made["at_seq"], made["verified"], len(as_list(made["withdrawn"]))) == (before, True, 1)
        with pytest.raises(QuarterdeckError) as taken:
            client.call("fork", {"name": "what-if"}, deadline_ms=120_000)
        assert taken.value.code == "conflict"
    fork = Quarters(Path(str(made["path"])))
    assert not list(fork.folder.parent.glob(".what-if.fork-*"))
    assert (fork.folder / "playbooks").is_dir()
    fork.start()
    try:
        with fork.client() as there, house.client() as here:
            assert there.call("system.status").result["stopped"] is True
            assert there.call("audit.verify").result["ok"] is True
            query = {"kind": "client", "as_of": before}
            assert facts(there.call("fact.query", query).result) == facts(here.call("fact.query", query).result)
            statuses = {one["status"] for one in as_list(there.call("action.list", {}).result["items"])}
            assert "held" not in statuses
            assert any(one["status"] == "held" for one in as_list(here.call("action.list", {}).result["items"]))
            there.call("stop.release", {"reason": "look"})
            there.call("fact.put", {"kind": "client", "key": "only-there", "value": {"n": 1}})
            with pytest.raises(QuarterdeckError):
                here.call("fact.get", {"kind": "client", "key": "only-there"})
        assert fork.sent() == []
    finally:
        fork.stop()


def test_a_kill_in_the_middle_of_a_fork_leaves_no_half_one(house: Quarters) -> None:
    place = house.folder.parent
    with house.client() as client:
        for n in range(50):
            client.call("memory.remember", {"text": f"note {n} " * 200})

    def ask() -> None:
        with house.client() as client:
            try:
                client.call("fork", {"name": "half"}, deadline_ms=30_000)
            except QuarterdeckError as error:
                refused.append(error.code)

    refused: list[str] = []
    owner = lifecycle.is_running(house.folder)
    assert owner is not None
    asking = threading.Thread(target=ask)
    asking.start()
    assert until(lambda: bool(list(place.glob(".half.fork-*"))), 20)
    os.kill(owner.daemon, signal.SIGKILL)
    asking.join(60)
    # The client asked again under the same request id when the daemon was back, so there may be a fork by now; a whole one.
    with house.client() as client:
        if not (place / "half").exists():
            client.call("fork", {"name": "half"}, deadline_ms=120_000)
    assert not list(place.glob(".half.fork-*"))
    with running(place / "half") as fork, fork.client() as there:
        assert there.call("audit.verify").result["ok"] is True
        assert there.call("system.status").result["stopped"] is True


def as_list(value: object) -> list[Plain]:
    assert isinstance(value, list)
    return value


def facts(result: Plain) -> list[object]:
    return [(one["id"], one["value"]) for one in as_list(result["items"])]
