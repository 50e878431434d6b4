"""A run as it is shown: each step with its place in the plan."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import AssetFile, Command, LoadAssets, StartRun
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.service.handlers import runs
from quarterdeck_protocol.params import ReadOne

from .reading_house import ASKED, plain, reading

PLAYBOOK = """
name: month
steps:
  - {id: fetch, agent: echo, description: Fetch the mails, retry: {times: 1}, timeout: 30s}
  - {id: sums, agent: echo}
  - {id: ask, needs: [fetch, sums], wait: {approval: "Book it?"}, when: "true"}
"""


def started() -> tuple[Command, ...]:
    file = AssetFile(
        asset_kind="playbook", name="month", path="playbooks/month.yaml", text=PLAYBOOK, hash=text_hash(PLAYBOOK)
    )
    return LoadAssets(files=(file,)), StartRun(playbook="month", run_id="r1")


async def test_a_run_says_of_each_step_what_comes_before_it_and_how_often_it_is_tried() -> None:
    async with reading() as on:
        for command in started():
            await on.do(command)
        found = plain(await runs.handlers(on.house)["run.get"](ASKED, ReadOne(id="r1")))
    steps: list[Plain] = found["steps"]  # type: ignore[assignment]  # As the wire has it.
    shown = {one["id"]: (one["needs"], one["does"], one["tries_max"], one["timeout"], one["when"]) for one in steps}
    assert shown == {
        "fetch": ([], "Fetch the mails", 2, "30s", ""),
        "sums": ([], "", 4, "", ""),
        "ask": (["fetch", "sums"], "", 4, "", "true"),
    }
