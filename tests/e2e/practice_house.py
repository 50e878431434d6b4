"""A small house whose clerk pays, books and posts at a practice server that counts, and whose processes die on demand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from quarterdeck_protocol.codes import QuarterdeckError

from ..practice_server import PracticeServer
from .patient_quarters import PatientQuarters
from .quarters import Plain, approve, until

CONFIG = """
[workspace]
name = "Practice"
operator = "Mara <mara@small.test>"

[actions]
hold = "{hold}"
cooling_off = "0s"
high_per_minute = 0

[workers]
count = 1

[practice]
url = "{url}"
timeout = "2s"
"""
PLAYBOOK = """
name: act
inputs:
  actions: {type: list, required: true}
steps:
  - id: do
    agent: clerk
    in: {actions: "${inputs.actions}"}
"""
POLICY = '[[rule]]\nid = "practice"\nmatch = "*"\nverdict = "allow"\nrisk = "low"\n'
ARGS: dict[str, Plain] = {
    "practice.pay": {"to": "printer", "amount": 4_200, "currency": "EUR"},
    "practice.book": {"room": "big", "day": "2026-12-01"},
    "practice.post": {"channel": "news", "text": "We are open on Sunday."},
    "files.write": {"path": "notes/plan.md", "text": "new"},
}
WAIT_S = 40.0


class PracticeHouse(PatientQuarters):
    """`fault` arms one point; whoever passes it next fails there, once."""

    def __init__(self, folder: Path, server: PracticeServer, env: dict[str, str], *, hold: str = "0ms") -> None:
        self.fault_file = folder / "fault"
        super().__init__(folder, {**env, "QUARTERDECK_FAULT_FILE": str(self.fault_file)})
        self.server = server
        for part in ("playbooks", "policies", "notes"):
            (folder / part).mkdir(parents=True)
        (folder / "playbooks/act.yaml").write_text(PLAYBOOK)
        (folder / "policies/all.toml").write_text(POLICY)
        (folder / "quarterdeck.toml").write_text(CONFIG.format(hold=hold, url=server.url))

    def fault(self, point: str) -> None:
        fresh = self.fault_file.with_suffix(".new")
        fresh.write_text(point)
        fresh.rename(self.fault_file)

    def fault_has_struck(self) -> bool:
        return not self.fault_file.exists()

    def act(self, *names: str) -> list[str]:
        """Have these done, in one run; say yes where it is asked for. Returns the actions' ids."""
        wanted = [{"do": name, "args": ARGS[name]} for name in names]
        with self.client() as client:
            run = str(client.call("run.start", {"playbook": "act", "inputs": {"actions": wanted}}).result["run_id"])
            ids: list[str] = []

            def proposed() -> bool:
                rows = client.call("action.list", {"run": run}).result["items"]
                assert isinstance(rows, list)
                ids[:] = sorted((str(row["id"]) for row in rows), key=lambda id: int(id[1:]))
                return len(ids) == len(names)

            assert until(proposed, WAIT_S), f"{run} proposed only {ids}"
            waiting = client.call("approval.list", {"run": run, "limit": 100}).result["items"]
            assert isinstance(waiting, list)
            if waiting:
                assert all(one["ok"] for one in approve(client, waiting)), "an approval was refused"
        return ids

    def action(self, id: str) -> Plain:
        """The action, asked for until the daemon answers."""
        found: list[Plain] = []

        def asked() -> bool:
            with contextlib.suppress(QuarterdeckError), self.client(timeout_ms=3_000) as client:
                found.append(client.call("action.get", {"id": id}).result)
            return bool(found)

        assert until(asked, WAIT_S), "the daemon did not come back"
        return found[-1]

    def ends_as(self, id: str, *statuses: str) -> str:
        """Wait until the action has one of these statuses; return it."""
        seen = ""

        def there() -> bool:
            nonlocal seen
            seen = str(self.action(id)["status"])
            return seen in statuses

        assert until(there, WAIT_S), f"{id} is {seen}"
        return seen


@contextlib.contextmanager
def practice_house(
    tmp_path: Path, env: dict[str, str] | None = None, *, hold: str = "0ms"
) -> Iterator[PracticeHouse]:
    server = PracticeServer(tmp_path / "server")
    house = PracticeHouse(tmp_path / "house", server, env or {}, hold=hold)
    try:
        house.start()
        yield house
    finally:
        house.stop()
        server.close()
