"""What scripts and mail programs see: events without gaps, a raw client, a real SMTP server, the index deleted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from quarterdeck_daemon.service import lifecycle
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..daemon.connectors.smtp_server import MailServer
from .quarters import Quarters, approvals, approve, lead_mail, running, settle, small_house, until

ROOT = Path(__file__).parents[2]


def test_a_subscriber_sees_every_event_once_and_in_order_through_kills_of_the_daemon(tmp_path: Path) -> None:
    """Three kills while facts are written; in the end the subscriber's list equals the log."""
    wanted = 120
    with running(small_house(tmp_path)) as quarters:
        seen: list[Event] = []
        reader = threading.Thread(target=follow, args=(quarters, seen, wanted), daemon=True)
        reader.start()
        with quarters.client() as client:
            for number in range(wanted):
                client.call("fact.put", {"kind": "n", "key": str(number), "value": {}})
                if number in (30, 60, 90):
                    os.kill(client.connection.pid, signal.SIGKILL)
            reader.join(60)
            assert not reader.is_alive()
            head = seen[-1].seq
            log = [event for event in read_log(client) if event.seq <= head]
        assert [event.seq for event in seen] == list(range(1, head + 1))
        assert [(event.seq, event.id, event.kind) for event in log] == [(e.seq, e.id, e.kind) for e in seen]


def follow(quarters: Quarters, seen: list[Event], wanted: int) -> None:
    with quarters.client() as client:
        for event in client.events(after=0):
            seen.append(event)
            if sum(one.kind == "fact.asserted" and one.body["kind"] == "n" for one in seen) == wanted:
                return


def read_log(client: Client) -> list[Event]:
    found: list[Event] = []
    for event in client.events(after=0):
        found.append(event)
        if event.seq >= int(str(client.call("system.hello").result["seq"])):
            break
    return found


def test_the_raw_client_of_the_examples_runs_as_it_stands(tmp_path: Path) -> None:
    with running(small_house(tmp_path)) as quarters:
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "raw_client.py"), str(quarters.folder)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()][:3] == ["hello", "status", "remembered"]
    assert "red folder" in done.stdout


def smtp_house(tmp_path: Path, port: int) -> Path:
    folder = small_house(tmp_path)
    config = folder / "quarterdeck.toml"
    text = config.read_text("utf-8").replace(
        'kind = "maildir"\npath', f'kind = "smtp"\nport = {port}\nstarttls = false\npath'
    )
    config.write_text(text, "utf-8")
    return folder


def test_an_approved_reply_reaches_a_real_smtp_server_once_and_a_copy_is_kept(tmp_path: Path) -> None:
    server = MailServer(tmp_path / "smtp")
    try:
        with running(smtp_house(tmp_path, server.port)) as quarters, quarters.client() as client:
            send_one(quarters, client)
            assert until(lambda: not client.call("action.list", {"live": True}).result["items"], 20)
            arrived = sorted((tmp_path / "smtp").glob("*.eml"))
            assert len(arrived) == 1
            assert (tmp_path / "smtp" / "0000.to").read_text() == "ines1@north1.test"
            assert len(quarters.sent()) == 1
    finally:
        server.close()


def test_a_server_that_hangs_up_after_taking_the_mail_leaves_an_unknown_that_is_never_sent_again(
    tmp_path: Path,
) -> None:
    server = MailServer(tmp_path / "smtp")
    server.mode("drop")
    try:
        with running(smtp_house(tmp_path, server.port)) as quarters, quarters.client() as client:
            action = send_one(quarters, client)
            assert until(lambda: client.call("action.get", {"id": action}).result["status"] == "unknown", 20)
            server.mode("accept")
            os.kill(client.connection.pid, signal.SIGKILL)
            assert until(lambda: client.call("action.get", {"id": action}).result["status"] == "unknown", 20)
            assert len(list((tmp_path / "smtp").glob("*.eml"))) == 1
            settled = client.call("action.settle", {"id": action, "happened": True, "reason": "she answered"})
            assert settled.result["status"] == "succeeded"
            assert client.call("system.status").result["alerts"] == []
    finally:
        server.close()


def send_one(quarters: Quarters, client: Client) -> str:
    quarters.lay_mail("one.eml", lead_mail(1))
    assert until(lambda: len(approvals(client)) == 1, 30)
    (decided,) = approve(client, approvals(client))
    return str(decided["id"])


def test_the_index_may_be_deleted_at_any_time_and_costs_only_time(tmp_path: Path) -> None:
    with running(small_house(tmp_path)) as quarters:
        with quarters.client() as client:
            client.call("memory.remember", {"text": "The violet kettle whistles at noon."})
            assert hits(client)
        quarters.stop()
        shutil.rmtree(quarters.folder / ".quarterdeck" / "index")
        quarters.start()
        with quarters.client() as client:
            assert until(lambda: hits(client) != [], 10)


def hits(client: Client) -> list[object]:
    items = client.call("memory.search", {"query": "violet kettle"}).result["items"]
    assert isinstance(items, list)
    return items


def test_a_second_start_is_refused_with_the_owners_pid_and_an_untouched_socket(tmp_path: Path) -> None:
    with running(small_house(tmp_path)) as quarters, quarters.client() as client:
        socket = Path(client.connection.rpc.removeprefix("ipc://"))
        before = socket.stat().st_ino
        with pytest.raises(QuarterdeckError) as refused:
            lifecycle.start(quarters.folder)
        assert refused.value.code == "conflict"
        assert str(client.connection.pid) in refused.value.message
        assert socket.stat().st_ino == before
        assert client.call("system.hello").result["stopped"] is False


def test_a_damaged_playbook_is_refused_with_its_line_and_the_old_one_stays_in_force(tmp_path: Path) -> None:
    with running(small_house(tmp_path)) as quarters, quarters.client() as client:
        path = quarters.folder / "playbooks" / "lead-to-outreach.yaml"
        good = path.read_text("utf-8")
        path.write_text(good.replace("steps:", "steps: ["), "utf-8")
        assert until(lambda: "lead-to-outreach.yaml" in str(client.call("system.status").result["alerts"]), 10)
        quarters.lay_mail("one.eml", lead_mail(1))
        assert until(lambda: len(approvals(client)) == 1, 30)
        path.write_text(good, "utf-8")
        assert until(lambda: client.call("system.status").result["alerts"] == [], 10)
        settle(client)
