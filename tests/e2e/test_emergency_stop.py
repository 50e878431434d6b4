"""Stop means stop: nothing leaves after the acknowledgement, it survives a restart, and only the operator ends it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from quarterdeck_protocol.codes import QuarterdeckError

from .quarters import Quarters, approvals, approve, lead_mail, running, settle, small_house, until

PENDING = 200


def lay_leads(quarters: Quarters, count: int) -> None:
    for number in range(count):
        quarters.lay_mail(f"{number:04}.eml", lead_mail(number))


@pytest.mark.slow
def test_stop_during_two_hundred_pending_sends_lets_nothing_leave_after_its_answer(tmp_path: Path) -> None:
    with running(small_house(tmp_path, hold="300ms")) as quarters:
        lay_leads(quarters, PENDING)
        with quarters.client(timeout_ms=60_000) as client:
            assert until(lambda: len(approvals(client)) == PENDING, 150)
            assert all(decided["ok"] for decided in approve(client, approvals(client)))
            assert until(lambda: len(quarters.sent()) > 0, 20)
            client.call("stop.engage", {"reason": "enough"})
            left = len(quarters.sent())
            assert left < PENDING, "all had left before the stop; the test shows nothing"
            assert not until(lambda: len(quarters.sent()) != left, 2)
            with pytest.raises(QuarterdeckError) as refused:
                client.call("run.start", {"playbook": "lead-to-outreach", "inputs": {"document": "doc1"}})
            assert refused.value.code == "stopped"
        quarters.stop()
        quarters.start()
        with quarters.client(timeout_ms=60_000) as client:
            assert client.call("system.status").result["stopped"] is True
            assert not until(lambda: len(quarters.sent()) != left, 2)
            client.call("stop.release", {"reason": "go on"})
            assert until(lambda: len(quarters.sent()) >= PENDING, 60)
            settle(client)
        assert len({str(message["Message-ID"]) for message in quarters.sent()}) == len(quarters.sent()) == PENDING


def test_without_the_fence_the_same_orders_would_have_left(tmp_path: Path) -> None:
    """The twin: approved mails and no stop; they leave by themselves within the same time."""
    with running(small_house(tmp_path, hold="300ms")) as quarters:
        lay_leads(quarters, 3)
        with quarters.client() as client:
            until(lambda: len(approvals(client)) == 3, 60)
            approve(client, approvals(client))
            assert until(lambda: len(quarters.sent()) == 3, 20)


def test_stop_works_while_the_daemon_hangs(tmp_path: Path) -> None:
    with running(small_house(tmp_path, hold="2s")) as quarters:
        lay_leads(quarters, 2)
        with quarters.client() as client:
            until(lambda: len(approvals(client)) == 2, 60)
            approve(client, approvals(client))
            pid = int(str(client.call("system.status").result["pid"]))
            os.kill(pid, signal.SIGSTOP)
            try:
                answer = client.call_control("stop.engage", {"reason": "it hangs"})
            finally:
                os.kill(pid, signal.SIGCONT)
            assert answer.result["stopped"] is True
            assert until(lambda: client.call("system.status").result["stopped"] is True, 10)
            assert not until(lambda: quarters.sent() != [], 3)


def test_resume_is_refused_when_nothing_is_stopped(tmp_path: Path) -> None:
    with running(small_house(tmp_path)) as quarters, quarters.client() as client:
        with pytest.raises(QuarterdeckError) as refused:
            client.call("stop.release", {"reason": "?"})
        assert refused.value.code == "conflict"
