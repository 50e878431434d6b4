"""A supervisor that succeeds its dead at once, however often they die: `python patient_supervisor.py WORKSPACE`."""

from __future__ import annotations

import sys
from pathlib import Path

from quarterdeck_daemon.service.child import Patience
from quarterdeck_daemon.service.run_folder import Lock, Places
from quarterdeck_daemon.service.supervisor import Supervisor, supervise

PATIENCE = Patience(first_s=0.01, longest_s=0.05, deaths_max=10_000)


def make(places: Places, lock: Lock) -> Supervisor:
    return Supervisor(places, lock, workers=1, patience=PATIENCE)


if __name__ == "__main__":
    supervise(Path(sys.argv[1]), make)
