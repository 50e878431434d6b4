"""kill -9 of any process at any moment: what was acknowledged is there, and no message leaves twice."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest

from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

from .patient_quarters import patient
from .quarters import Quarters, approvals, approve, lead_mail, running, settle, small_house, until

ROUNDS = int(os.environ.get("QUARTERDECK_KILL_ROUNDS", "200"))  # 2,000 by `make soak`.
HOUSES = 4  # They share the rounds, and run side by side where there are workers for it.
MAILS_A_ROUND = 2
SEED = int(os.environ.get("QUARTERDECK_SEED", "20261121"))


class Traffic:
    """A client that works all the time: it remembers, and says yes to whatever waits. It notes what was acknowledged."""

    def __init__(self, quarters: Quarters) -> None:
        self._quarters = quarters
        self._ending = threading.Event()
        self.kept: dict[str, int] = {}  # Key of each acknowledged fact -> its number.
        self.approved: set[str] = set()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    def _work(self) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            with contextlib.suppress(QuarterdeckError), self._quarters.client(timeout_ms=3_000) as client:
                while not self._ending.is_set():
                    number += 1
                    self._once(client, number)
            time.sleep(0.02)

    def _once(self, client: Client, number: int) -> None:
        key = f"k{number}"
        client.call("fact.put", {"kind": "note", "key": key, "value": {"n": number}}, request_id=str(uuid.uuid4()))
        self.kept[key] = number
        for decided in approve(client, items) if (items := approvals(client)) else []:
            if decided["ok"]:
                self.approved.add(str(decided["id"]))


def one_round(quarters: Quarters, number: int, chance: random.Random) -> str:
    """Lay new mail, wait a random moment, kill one random process, bring back what must be brought back."""
    for each in range(MAILS_A_ROUND):
        mail = number * MAILS_A_ROUND + each
        quarters.lay_mail(f"{mail:04}.eml", lead_mail(mail))
    time.sleep(chance.uniform(0, 0.6))
    processes = quarters.processes()
    victim = chance.choice(processes)
    quarters.kill(victim)
    if victim == processes[0]:
        quarters.start()
    return "supervisor" if victim == processes[0] else "child"


@pytest.mark.slow
@pytest.mark.parametrize("house", range(HOUSES))
def test_any_kill_at_any_moment_loses_nothing_acknowledged_and_doubles_nothing(tmp_path: Path, house: int) -> None:
    """Any process, any moment, while mail comes in and replies go out."""
    chance = random.Random(SEED + house)
    rounds = -(-ROUNDS // HOUSES)
    killed: Counter[str] = Counter()
    with patient(small_house(tmp_path)) as quarters:
        with Traffic(quarters) as traffic:
            for number in range(rounds):
                killed[one_round(quarters, number, chance)] += 1
            everything = rounds * MAILS_A_ROUND
            assert until(lambda: len(quarters.sent()) >= everything, 120), "a mail that came in was never answered"
        with quarters.client() as client:
            settle(client)
            check_facts(client, traffic.kept)
            check_mail(quarters, client, traffic.approved)
            assert client.call("audit.verify").result["broken_at"] is None
    assert killed["supervisor"] > 0, f"seed {SEED + house} never hit the supervisor: {killed}"
    assert killed["child"] > 0


def check_facts(client: Client, kept: dict[str, int]) -> None:
    assert kept, "the traffic must have been acknowledged something"
    for key, number in kept.items():
        fact = client.call("fact.get", {"kind": "note", "key": key}).result
        assert (fact["value"], fact["version"]) == ({"n": number}, 1)


def check_mail(quarters: Quarters, client: Client, approved: set[str]) -> None:
    """Each approved action has exactly one message, and there is no other message."""
    settled = lambda: all(status(client, id) == "succeeded" for id in approved)  # noqa: E731 - read once, here
    assert until(settled, 60), {id: status(client, id) for id in approved if status(client, id) != "succeeded"}
    operations = [str(client.call("action.get", {"id": id}).result["operation_id"]) for id in approved]
    sent = Counter(str(message["Message-ID"]) for message in quarters.sent())
    assert [id for id, times in sent.items() if times > 1] == []
    assert all(sum(operation in id for id in sent) == 1 for operation in operations)
    to = Counter(str(message["To"]) for message in quarters.sent())
    assert [address for address, times in to.items() if times > 1] == []


def status(client: Client, id: str) -> str:
    return str(client.call("action.get", {"id": id}).result["status"])


def crash_after_the_wire(tmp_path: Path, env: dict[str, str]) -> int:
    """The effector dies right after the message was laid down; count the messages in the end."""
    with running(small_house(tmp_path), env | {"QUARTERDECK_FAULT": "effect.after_wire"}) as quarters:
        quarters.lay_mail("one.eml", lead_mail(1))
        with quarters.client() as client:
            settle(client)
            approve(client, approvals(client))
            until(lambda: len(quarters.sent()) >= 1, 20)
            until(lambda: len(quarters.sent()) > 1, 4)
            quarters.stop()
        quarters.env.pop("QUARTERDECK_FAULT")
        quarters.start()
        with quarters.client() as client:
            until(lambda: not client.call("action.list", {"status": "sent"}).result["items"], 20)
            time.sleep(0.5)
        return len(quarters.sent())


def test_a_crash_between_sending_and_recording_leaves_one_message(tmp_path: Path) -> None:
    assert crash_after_the_wire(tmp_path, {}) == 1


def test_without_looking_before_sending_the_same_crash_doubles_the_message(tmp_path: Path) -> None:
    """The twin: with the look into Sent and the journal switched off, the protection is gone."""
    assert crash_after_the_wire(tmp_path, {"QUARTERDECK_TWIN": "no-lookup"}) > 1
