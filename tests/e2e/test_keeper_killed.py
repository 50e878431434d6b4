"""The keeper of memory in a real daemon that is killed while it works: nothing twice, nothing lost, all readable."""

from __future__ import annotations

from pathlib import Path

from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

from .quarters import Plain, Quarters, running, small_house, until

NOTES = 60
TOPICS = 6
KEEPING = """
[memory]
every = "1s"

[memory.long-term]
compress = "1s"
"""


def items(client: Client, **wanted: object) -> list[Plain]:
    found = client.call("memory.list", {"limit": 1000, **wanted}).result["items"]
    assert isinstance(found, list)
    return found


def daemon_pid(client: Client) -> int:
    return int(str(client.call("system.status").result["pid"]))


def kill_daemon(quarters: Quarters) -> None:
    """Kill the daemon, not its supervisor, which starts it again."""
    with quarters.client() as client:
        pid = daemon_pid(client)
    quarters.kill(next(process for process in quarters.processes() if process.pid == pid))


def note(number: int) -> Plain:
    text = (
        f"Call {number} about the garden of house {number % TOPICS}: the fence costs EUR {number},50 and comes in May. "
        "We spoke for a while of this and that, of the weather and of the neighbours, as one does on such days."
    )
    return {"text": text, "source": f"garden/{number % TOPICS}.md"}


def test_a_killed_keeper_goes_on_and_no_note_is_summarised_twice(tmp_path: Path) -> None:
    folder = small_house(tmp_path)
    config = folder / "quarterdeck.toml"
    config.write_text(config.read_text("utf-8").replace("[[files]]", f"{KEEPING}\n[[files]]"), "utf-8")
    with running(folder) as quarters:
        with quarters.client() as client:
            originals = {str(client.call("memory.remember", note(n)).result["id"]) for n in range(NOTES)}
        for _ in range(3):
            kill_daemon(quarters)
            assert until(lambda: bool(_answers(quarters)), 40)
        with quarters.client() as client:
            assert until(lambda: len(items(client)) <= NOTES // 2, 60), "the keeper never came round"
            summaries = items(client, kind="summary")
            stood_for = [id for one in summaries for id in one["stands_for"]]  # type: ignore[attr-defined]
            assert len(stood_for) == len(set(stood_for)), "a note was summarised twice"
            everything = {str(one["id"]) for one in items(client, past=True)}
            assert originals <= everything
            why = client.call("memory.why", {"id": str(summaries[0]["id"])}).result["items"]
            assert isinstance(why, list)
            assert {one["id"] for one in why} >= {f"memory:{id}" for id in summaries[0]["stands_for"]}  # type: ignore[attr-defined]
            assert client.call("audit.verify").result["broken_at"] is None


def _answers(quarters: Quarters) -> int:
    try:
        with quarters.client(timeout_ms=2_000) as client:
            return daemon_pid(client)
    except QuarterdeckError:
        return 0
