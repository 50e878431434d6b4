"""The launch of the practice company: post, review, letters in each recipient's morning, invoice; killed twice, rolled back.

The clock of the letters is real: the launch is today, at an hour that has passed everywhere, so each morning has come.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_protocol.client import Client

from .patient_quarters import PatientQuarters
from .quarters import STUDIO, Plain, approvals, approve, listed, until

WAIT_S = 60.0
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("crash_points")]
RECIPIENTS = {"ines@northwind.test", "tom.ashdown@pellowfinch.test"}


@pytest.fixture
def house() -> Iterator[PatientQuarters]:
    """The studio without its mail: nothing else happens."""
    with tempfile.TemporaryDirectory(prefix="qd-") as base:
        yield from quarters_in(Path(base).resolve() / "w")


def quarters_in(folder: Path) -> Iterator[PatientQuarters]:
    shutil.copytree(STUDIO, folder, ignore=shutil.ignore_patterns("mail", ".quarterdeck"))
    config = (folder / "quarterdeck.toml").read_text().replace('hold = "8s"', 'hold = "100ms"')
    config = config.replace('cooling_off = "10m"', 'cooling_off = "0s"')
    (folder / "quarterdeck.toml").write_text(config)
    (folder / "mail/inbox").mkdir(parents=True)
    (folder / "policies/mail.toml").write_text(FAST)
    quarters = PatientQuarters(folder)
    quarters.start()
    try:
        yield quarters
    finally:
        quarters.stop()


FAST = """
[[rule]]
id = "letters"
match = "mail.send"
verdict = "ask"
risk = "low"
hold = "100ms"

[[rule]]
id = "files"
match = "files.write"
verdict = "allow"
risk = "low"
"""


def run_of(client: Client, id: str) -> Plain:
    return client.call("run.get", {"id": id}).result


def step_of(client: Client, id: str, step: str) -> Plain:
    steps = run_of(client, id)["steps"]
    assert isinstance(steps, list)
    return next(one for one in steps if one["id"] == step)


def reaches(house: PatientQuarters, id: str, step: str, status: str) -> None:
    def there() -> bool:
        if not house.answers():
            return False
        with house.client() as client:
            return step_of(client, id, step)["status"] == status

    assert until(there, WAIT_S), f"{step} did not become {status}"


def kill_all(house: PatientQuarters) -> None:
    for process in house.processes():
        house.kill(process)
    house.start()


def say_yes(house: PatientQuarters, over: str, key: str, *, call: str = "run.get") -> Plain:
    """Approve whatever waits until the thing is over."""
    found: Plain = {}

    def ended() -> bool:
        nonlocal found
        if not house.answers():
            return False
        with house.client() as client:
            if waiting := approvals(client):
                approve(client, waiting)
            found = client.call(call, {"id": over}).result
        return found["status"] not in ("running", "compensating")

    assert until(ended, WAIT_S), found
    assert found["status"] == key, f"{found}"[:4_000]
    return found


def test_the_launch_is_killed_twice_and_each_effect_happens_once_and_it_is_rolled_back(
    house: PatientQuarters,
) -> None:
    post, invoice = house.folder / "posts/launch.md", house.folder / "invoices/launch-draft.md"
    with house.client() as client:
        client.call("ingest.wait", {"timeout_ms": 30_000})
        inputs = {"day": "2026-11-01", "hour": "09:00"}
        id = str(client.call("run.start", {"playbook": "launch-post", "inputs": inputs}).result["run_id"])
    reaches(house, id, "review", "waiting")
    assert "Version 1" in post.read_text()
    kill_all(house)  # While it waits for the operator's word.
    with house.client() as client:
        (gate,) = listed(client.call("approval.list", {"run": id}).result["items"])
        assert (gate["gate"], gate["id"]) == (True, f"{id}/review")
        approve(client, [gate])
    assert until(lambda: len(waiting_letters(house)) == 2, WAIT_S)
    assert house.sent() == []
    with house.client() as client:
        first, _ = waiting_letters(house)
        approve(client, [first])
    kill_all(house)  # While one letter is on its way and the other one waits.
    say_yes(house, id, "succeeded")
    assert {str(one["to"]) for one in house.sent()} == RECIPIENTS
    assert len(house.sent()) == 2
    assert ("Version 2" in post.read_text(), invoice.exists()) == (True, True)
    with house.client() as client:
        begun = client.call("run.rollback", {"id": id, "reason": "the launch moved"}).result
    say_yes(house, str(begun["id"]), "compensated", call="undo.get")
    assert (post.exists(), invoice.exists()) == (False, False)
    corrections = [one for one in house.sent() if "disregard" in str(one.get_content())]
    assert sorted(str(one["to"]) for one in corrections) == sorted(RECIPIENTS)
    assert len(house.sent()) == 4


def waiting_letters(house: PatientQuarters) -> list[Plain]:
    if not house.answers():
        return []
    with house.client() as client:
        return approvals(client)
