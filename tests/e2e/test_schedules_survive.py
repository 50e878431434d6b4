"""A schedule over a kill -9 of everything: its time is run once, whether it comes before, during or after."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quarterdeck_protocol.client import Client

from .quarters import Quarters, running, small_house, until

Plain = dict[str, object]
PLAYBOOK = "name: pause\nsteps:\n  - {id: a, wait: {for: 100ms}}\n"


def _house(tmp_path: Path) -> Path:
    folder = small_house(tmp_path)
    (folder / "playbooks").mkdir(exist_ok=True)
    (folder / "playbooks" / "pause.yaml").write_text(PLAYBOOK, "utf-8")
    return folder


def _kill_all(quarters: Quarters) -> None:
    for process in quarters.processes():
        quarters.kill(process)


def _fired(client: Client) -> list[Plain]:
    items = client.call("timeline.read", {"limit": 1_000}).result["items"]
    assert isinstance(items, list)
    return [one for one in items if one["kind"] == "schedule.fired"]


def _runs(client: Client) -> list[Plain]:
    items = client.call("run.list", {"playbook": "pause"}).result["items"]
    assert isinstance(items, list)
    return items


def test_a_schedule_in_two_seconds_runs_once_over_a_kill(tmp_path: Path) -> None:
    """Killed before its time: it is made up for at the start. Killed after it: nothing comes again."""
    with running(_house(tmp_path)) as quarters:
        client = quarters.client()
        at = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
        client.call("schedule.put", {"playbook": "pause", "id": "soon", "at": at})
        client.close()
        _kill_all(quarters)
        time.sleep(2)  # Its time passes while nobody is there.
        quarters.start()
        client = quarters.client()
        assert until(lambda: len(_runs(client)) == 1, 20)
        assert until(lambda: _runs(client)[0]["status"] in ("succeeded", "no_op"), 20)
        assert [_body(one)["id"] for one in _fired(client)] == ["soon"]
        client.close()
        _kill_all(quarters)
        quarters.start()
        client = quarters.client()
        again = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        client.call("schedule.put", {"playbook": "pause", "id": "later", "at": again})
        assert until(lambda: len(_runs(client)) == 2, 20)
        assert sorted(str(_body(one)["id"]) for one in _fired(client)) == ["later", "soon"]
        schedules = client.call("schedule.list", {"all": True}).result["items"]
        assert isinstance(schedules, list)
        assert {one["id"]: (one["state"], one["fired"]) for one in schedules} == {
            "soon": ("over", 1),
            "later": ("over", 1),
        }
        client.close()


def _body(event: Plain) -> Plain:
    body = event["body"]
    assert isinstance(body, dict)
    return body


def test_a_repeated_schedule_runs_each_of_its_times_at_most_once_over_kills(tmp_path: Path) -> None:
    with running(_house(tmp_path)) as quarters:
        client = quarters.client()
        client.call(
            "schedule.put",
            {
                "playbook": "pause",
                "id": "often",
                "every": "1s",
                "missed": "all",
                "missed_max": 100,
                "overlap": "allow",
            },
        )
        for _ in range(2):
            assert until(lambda: len(_fired(client)) > 0, 20)  # noqa: B023  # The client of this round.
            client.close()
            _kill_all(quarters)
            quarters.start()
            client = quarters.client()
        client.call("schedule.pause", {"id": "often"})
        times = [_body(one)["nominal_us"] for one in _fired(client)]
        assert len(times) == len(set(times))
        assert len(_runs(client)) == len(times)
        gaps = {
            int(str(b)) - int(str(a))
            for a, b in zip(sorted(map(str, times)), sorted(map(str, times))[1:], strict=False)
        }
        assert gaps <= {1_000_000}, "within the most that is made up for, none is left out"
        client.close()
