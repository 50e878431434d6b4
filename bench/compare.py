"""What moved between two runs? Reads two files of run.py --save and prints figures that changed, most first.

A figure with a floor is compared by its ratio to the floor, because that is free of the machine's mood; one
without a floor by its value. Nothing is judged: some figures are better when they grow.

    rpc durable_p50        ratio 1.33 -> 1.10   x0.83   (1.21 -> 0.98 ms)
    start_idle rss_daemon  value 83.1 -> 95.4   x1.15   MiB

Run      python bench/compare.py OLD NEW [--beyond 0.1]
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from lines import Line, parse

BEYOND = 0.1  # A tenth: repeated quick runs on a shared machine differ by as much.

Figures = dict[tuple[str, str], Line]


def read(path: Path) -> Figures:
    """The last line of each figure. Raises msgspec.ValidationError for a line that is none."""
    texts = path.read_text("utf-8").splitlines()
    return {one.name: one for one in (parse(text) for text in texts if text.strip())}


def change(old: Line, new: Line) -> float:
    """How many times as much it is now; infinite when it was nothing."""
    before, after = (old.ratio, new.ratio) if old.ratio and new.ratio else (old.value, new.value)
    if before == after:
        return 1.0
    return after / before if before else math.inf


def told(old: Line, new: Line) -> str:
    times = change(old, new)
    if old.ratio and new.ratio:
        inner = f"({old.value:g} -> {new.value:g} {new.unit})"
        return f"{' '.join(new.name)}  ratio {old.ratio:g} -> {new.ratio:g}  x{times:.2f}  {inner}"
    return f"{' '.join(new.name)}  value {old.value:g} -> {new.value:g}  x{times:.2f}  {new.unit}"


def size_of(times: float) -> float:
    """How far it moved, up or down alike."""
    return abs(math.log(times)) if 0 < times < math.inf else math.inf


def moved(old: Figures, new: Figures, beyond: float = BEYOND) -> list[str]:
    """Lines about what moved by more than `beyond` (a share), then what came and what went."""
    both = [(old[name], new[name]) for name in old if name in new]
    far = [pair for pair in both if size_of(change(*pair)) > math.log1p(beyond)]
    far.sort(key=lambda pair: size_of(change(*pair)), reverse=True)
    came = [f"{' '.join(name)}  new: {new[name].value:g} {new[name].unit}" for name in new if name not in old]
    went = [f"{' '.join(name)}  gone" for name in old if name not in new]
    return [*(told(*pair) for pair in far), *came, *went]


def main() -> None:
    parser = argparse.ArgumentParser(description="What moved between two runs.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--beyond", type=float, default=BEYOND, help="smaller moves are left out (0.1: a tenth)")
    asked = parser.parse_args()
    lines = moved(read(asked.old), read(asked.new), asked.beyond)
    print("\n".join(lines) if lines else f"nothing moved by more than {asked.beyond:.0%}")


if __name__ == "__main__":
    main()
