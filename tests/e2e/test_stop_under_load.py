"""The stop when the house is busy: the daemon spins, stands still, or the machine is full; and what it says it met."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.service.fence import read_fence
from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

from .practice_house import ARGS, WAIT_S, PracticeHouse, practice_house
from .quarters import Plain, approvals, approve, until

MANY = 40
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("crash_points")]


@pytest.fixture
def house() -> Iterator[PracticeHouse]:
    with (
        tempfile.TemporaryDirectory(prefix="qd-") as folder,
        practice_house(Path(folder).resolve(), hold="300ms") as house,
    ):
        yield house


def pile_up(house: PracticeHouse, count: int) -> list[str]:
    """That many posts, approved and about to leave one after the other."""
    wanted = [{"do": "practice.post", "args": {**ARGS["practice.post"], "text": f"{n}"}} for n in range(count)]
    with house.client() as client:
        run = str(client.call("run.start", {"playbook": "act", "inputs": {"actions": wanted}}).result["run_id"])
        ids: list[str] = []

        def there() -> bool:
            rows = client.call("action.list", {"run": run, "limit": 1000}).result["items"]
            assert isinstance(rows, list)
            ids[:] = [str(row["id"]) for row in rows]
            return len(ids) == count

        assert until(there, WAIT_S)
        if waiting := approvals(client):
            approve(client, waiting)
    return ids


def engaged(client: Client) -> Plain:
    return client.call_control("stop.engage", {"reason": "enough"}).result


def nothing_more_leaves(house: PracticeHouse) -> bool:
    """What the server has now is what it has a while later."""
    left = len(house.server.effects("post"))
    return not until(lambda: len(house.server.effects("post")) != left, 1.5)


def test_a_daemon_that_spins_does_not_delay_the_stop(house: PracticeHouse) -> None:
    """Its interpreter gives way to nobody for seconds: the answer comes long before it is back."""
    pile_up(house, MANY)
    house.fault("daemon.before_outcome:spin")
    with house.client() as client:
        assert until(house.fault_has_struck, WAIT_S)
        answer = engaged(client)
    with pytest.raises(QuarterdeckError), house.client(timeout_ms=200) as client:
        client.call("system.hello")  # It still spins: it was not waited for.
    assert (answer["stopped"], read_fence(house.folder / ".quarterdeck/fence").stopped) == (True, True)
    assert nothing_more_leaves(house)
    assert 0 < len(house.server.effects("post")) < MANY


def test_a_daemon_that_stands_still_does_not_delay_the_stop(house: PracticeHouse) -> None:
    pile_up(house, MANY)
    assert until(lambda: len(house.server.effects("post")) > 0, WAIT_S)
    with house.client() as client:
        pid = int(str(client.call("system.status").result["pid"]))
        os.kill(pid, signal.SIGSTOP)
        try:
            assert engaged(client)["stopped"] is True
            assert nothing_more_leaves(house)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert until(lambda: client.call("stop.state").result["stopped"] is True, WAIT_S)


def test_a_full_machine_does_not_let_anything_slip_out(house: PracticeHouse) -> None:
    """A busy loop for each core and a pile of work: after the answer nothing leaves."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        pile_up(house, MANY)
        assert until(lambda: len(house.server.effects("post")) > 0, WAIT_S)
        with house.client() as client:
            assert engaged(client)["stopped"] is True
        assert nothing_more_leaves(house)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_the_stop_tells_what_it_met_and_goes_on_item_by_item() -> None:
    """And the twin of all of the above: what is let go does leave."""
    with tempfile.TemporaryDirectory(prefix="qd-") as folder, practice_house(Path(folder), hold="2s") as house:
        ids = pile_up(house, 6)
        with house.client() as client:
            client.call("stop.engage", {"reason": "look"})
            assert statuses(client, "actions", "then") == dict.fromkeys(ids, "held")
            chosen = ids[0]
            client.call("stop.release", {"reason": "this one", "actions": [chosen]})
            house.ends_as(chosen, "succeeded")
            assert statuses(client, "held_back", "now") == dict.fromkeys(set(ids) - {chosen}, "held")
            assert len(house.server.effects("post")) == 1
            runs = client.call("stop.state").result["paused_runs"]
            client.call("stop.let_go", {"runs": runs, "reason": "all is well"})
            for id in ids:
                house.ends_as(id, "succeeded")
        assert len(house.server.effects("post")) == len(ids)


def statuses(client: Client, part: str, when: str) -> dict[str, str]:
    rows = client.call("stop.state").result[part]
    assert isinstance(rows, list)
    return {str(row["id"]): str(row[when]) for row in rows}
