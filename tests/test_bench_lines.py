"""The figures of the benchmarks can be read by machines, and compare.py tells what moved. No figure is measured here."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
LINES = runpy.run_path(str(BENCH / "lines.py"))


def made_up(bench: str, figure: str, value: float, unit: str = "ms", floor: float | None = None) -> str:
    one = LINES["line"](bench, figure, value, unit, floor=floor, n=10)
    return str(LINES["text_of"](one))


def compared(tmp_path: Path, old: list[str], new: list[str], *options: str) -> str:
    """What compare.py prints about two saved runs."""
    files = [tmp_path / "old", tmp_path / "new"]
    for path, texts in zip(files, (old, new), strict=True):
        path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    command = [sys.executable, str(BENCH / "compare.py"), *map(str, files), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_figure_is_one_line_of_json_with_seven_fields() -> None:
    text = made_up("rpc", "read_p50", 0.30004, floor=0.2)
    assert "\n" not in text
    assert json.loads(text) == {
        "bench": "rpc", "figure": "read_p50", "value": 0.3, "unit": "ms", "floor": 0.2, "ratio": 1.5, "n": 10,
    }  # fmt: skip


def test_a_figure_without_a_floor_says_so() -> None:
    found = json.loads(made_up("events", "gaps", 0, "events"))
    assert (found["floor"], found["ratio"]) == (None, None)


def test_a_floor_of_zero_has_no_ratio() -> None:
    found = json.loads(made_up("runs", "p50", 3, floor=0))
    assert (found["floor"], found["ratio"]) == (0, None)


def test_a_line_is_read_as_it_was_written_and_another_shape_is_refused() -> None:
    text = made_up("stop", "idle_p99", 11.5, floor=21)
    assert LINES["text_of"](LINES["parse"](text)) == text
    with pytest.raises(ValueError, match="unknown field `colour`"):
        LINES["parse"](text.replace('"unit"', '"colour"'))


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(1, 0.5, 1), (1, 0.99, 1), (4, 0.5, 2), (100, 0.99, 99), (100, 1.0, 100)]
)
def test_a_percentile_is_one_of_the_values(count: int, share: float, expected: int) -> None:
    assert LINES["percentile"](range(count, 0, -1), share) == expected


def test_compare_tells_what_moved_most_first_then_what_came_and_went(tmp_path: Path) -> None:
    old = [
        made_up("rpc", "read_p50", 0.3, floor=0.2),
        made_up("rpc", "rate", 100, "requests/s", floor=200),
        made_up("stop", "idle_p99", 10),
        made_up("stop", "loaded_p99", 10),
    ]
    new = [
        made_up("rpc", "read_p50", 0.6, floor=0.4),
        made_up("rpc", "rate", 100, "requests/s", floor=100),
        made_up("stop", "idle_p99", 12),
        made_up("start", "ready", 900),
    ]
    assert compared(tmp_path, old, new).splitlines() == [
        "rpc rate  ratio 0.5 -> 1  x2.00  (100 -> 100 requests/s)",
        "stop idle_p99  value 10 -> 12  x1.20  ms",
        "start ready  new: 900 ms",
        "stop loaded_p99  gone",
    ]


def test_compare_is_quiet_about_the_same_run(tmp_path: Path) -> None:
    run = [made_up("rpc", "read_p50", 0.3, floor=0.2), made_up("events", "gaps", 0, "events")]
    assert compared(tmp_path, run, run) == "nothing moved by more than 10%\n"


def test_a_figure_that_was_nothing_is_told_when_it_becomes_something(tmp_path: Path) -> None:
    found = compared(tmp_path, [made_up("events", "gaps", 0, "events")], [made_up("events", "gaps", 3, "events")])
    assert found == "events gaps  value 0 -> 3  xinf  events\n"


def test_every_benchmark_that_run_names_is_there_and_says_what_it_asks_and_how_to_run_it() -> None:
    sys.path.insert(0, str(BENCH))
    try:
        names = runpy.run_path(str(BENCH / "run.py"))["BENCHES"]
    finally:
        sys.path.remove(str(BENCH))
    for name in names:
        text = (BENCH / f"{name}.py").read_text("utf-8")
        assert text.startswith('"""'), name
        assert all(word in text for word in ("Method ", "Excludes ", f"Run      python bench/{name}.py")), name
