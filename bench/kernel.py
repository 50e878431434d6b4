"""The kernel in one go: runs, approval, recovery, policy and stop, each beside its floor, and which goals are met.

Method   calls runs.py, approval.py, recovery.py, policy.py and stop.py as processes of their own, one after the other,
         and passes their lines on under their own names; each takes turns with its floor. Then one line for each goal:
         its figure in parts of what is allowed, so 1 and less is met; the floor of such a line is the goal itself.
Excludes a judgement on absolute times when the machine does other work: those goals that are ratios hold then, too.
Run      python bench/kernel.py [--quick]
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from lines import Line, is_quick, parse, report, text_of

FOLDER = Path(__file__).parent
PARTS = ("policy", "approval", "runs", "stop", "recovery")
PART_S_MAX = 1_200.0


class Goal(msgspec.Struct, frozen=True):
    """What is promised of a figure. at_least: of rates, where more is better."""

    bench: str
    figure: str
    of: Literal["value", "ratio"]
    limit: float
    at_least: bool = False

    def share(self, line: Line) -> float | None:
        """How much of what is allowed is used; None when the figure has no such number."""
        number = line.value if self.of == "value" else line.ratio
        if number is None:
            return None
        return self.limit / max(number, 1e-9) if self.at_least else number / self.limit


GOALS = (
    Goal("runs", "1_step_c1_p50", "ratio", 2.2),
    Goal("runs", "1_step_c50_rate", "ratio", 0.10, at_least=True),
    Goal("runs", "1_step_c50_p99", "value", 40.0),
    Goal("runs", "10_step_c1_rate", "ratio", 0.50, at_least=True),
    Goal("runs", "10_step_c50_rate", "ratio", 0.12, at_least=True),
    Goal("approval", "to_event_p50", "ratio", 2.0),
    Goal("recovery", "half_done_rate", "value", 5_000.0, at_least=True),
    Goal("recovery", "ready_100k", "value", 1_000.0),
    Goal("recovery", "ready_1000k", "value", 2_000.0),
    Goal("policy", "spread_200_p50", "value", 100.0),
    Goal("stop", "idle_p99", "value", 50.0),
    Goal("stop", "loaded_p99", "value", 150.0),
)


def lines_of(part: str, size: str) -> Iterator[Line]:
    """Raises CalledProcessError when the script fails, TimeoutExpired when it takes too long."""
    command = [sys.executable, str(FOLDER / f"{part}.py"), size]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=PART_S_MAX)
    yield from map(parse, done.stdout.splitlines())


def main() -> None:
    size = "--quick" if is_quick("The kernel beside its floors.") else "--full"
    known: dict[tuple[str, str], Line] = {}
    for part in PARTS:
        for line in lines_of(part, size):
            print(text_of(line), flush=True)
            known[line.name] = line
    for goal in GOALS:
        found = known.get((goal.bench, goal.figure))
        share = goal.share(found) if found is not None else None
        if found is not None and share is not None:
            report("kernel", f"{goal.bench}_{goal.figure}", share, "of goal", floor=goal.limit, n=found.n)


if __name__ == "__main__":
    main()
