"""One figure of a benchmark is one JSON line; every script prints its figures this way.

    {"bench": "rpc", "figure": "read_p50", "value": 0.31, "unit": "ms", "floor": 0.19, "ratio": 1.63, "n": 2000}

floor  the least code that does the same, measured in the same run, in turns; null where there is none
ratio  value / floor as measured, not of the rounded numbers; null without a floor
n      how many measurements stand behind the value
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import msgspec

DIGITS = 4


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bench: str
    figure: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    n: int

    @property
    def name(self) -> tuple[str, str]:
        return self.bench, self.figure


def line(bench: str, figure: str, value: float, unit: str, *, floor: float | None = None, n: int) -> Line:
    """Return the figure, rounded. A floor of 0 gives no ratio."""
    return Line(
        bench=bench,
        figure=figure,
        value=round(float(value), DIGITS),
        unit=unit,
        floor=None if floor is None else round(float(floor), DIGITS),
        ratio=round(value / floor, 3) if floor else None,
        n=n,
    )


def report(bench: str, figure: str, value: float, unit: str, *, floor: float | None = None, n: int) -> None:
    """Print one figure at once, so that a run that is cut short has told what it knew."""
    print(text_of(line(bench, figure, value, unit, floor=floor, n=n)), flush=True)


def text_of(one: Line) -> str:
    return msgspec.json.format(msgspec.json.encode(one), indent=0).decode()


def parse(text: str) -> Line:
    """Raises msgspec.ValidationError for what is no figure, with the place."""
    return msgspec.json.decode(text, type=Line)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0..1) of them do not exceed. Needs one value or more."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1))]


def is_quick(about: str) -> bool:
    """Read the command line that all scripts share: --quick, or --full (the default)."""
    parser = argparse.ArgumentParser(description=about)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="fewer rounds; for a first look")
    size.add_argument("--full", action="store_true", help="all rounds (the default)")
    return bool(parser.parse_args().quick)
