"""Every benchmark, one after the other; prints one JSON line per figure (see lines.py).

Method   each script runs as a process of its own, so that none leaves memory or threads to the next. The load of
         the machine before and after is told on standard error: with other work on it, trust ratios, not times.
Run      python bench/run.py --quick | --full [--save FILE] [--only NAME]...
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from lines import Line, parse, text_of

FOLDER = Path(__file__).parent
QUICK = ("log_append", "rpc", "events", "kernel", "start_idle", "memory")  # The kernel calls five more, models three.
BENCHES = (*QUICK, "recall_quality", "time_travel", "context", "embedders", "models")
PARTS = ("runs", "approval", "recovery", "stop", "policy", "model_loop", "model_host", "model_calls")
BENCH_S_MAX = {"--quick": 240.0, "--full": 3_600.0}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def lines_of(bench: str, size: str) -> Iterator[Line]:
    """Run one script and yield its figures as they come. Raises CalledProcessError when it fails."""
    command = [sys.executable, str(FOLDER / f"{bench}.py"), size]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "it is a pipe"
        too_long = threading.Timer(BENCH_S_MAX[size], process.terminate)
        too_long.start()
        try:
            yield from map(parse, process.stdout)
        except msgspec.ValidationError:
            process.terminate()
            raise
        finally:
            status = process.wait()
            too_long.cancel()
    if status:
        raise subprocess.CalledProcessError(status, command)


def run(benches: list[str], size: str) -> tuple[list[Line], list[str]]:
    """Return the figures, and the names of the scripts that failed."""
    found: list[Line] = []
    failed: list[str] = []
    for bench in benches:
        start = time.monotonic()
        try:
            for one in lines_of(bench, size):
                print(text_of(one), flush=True)
                found.append(one)
        except (subprocess.SubprocessError, msgspec.ValidationError) as error:
            failed.append(bench)
            say(f"{bench}: {error}")
        say(f"{bench}: {time.monotonic() - start:.0f} s, load {os.getloadavg()[0]:.1f}")
    return found, failed


def main() -> None:
    parser = argparse.ArgumentParser(description="Run all benchmarks.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_const", dest="size", const="--quick", help="under three minutes")
    size.add_argument("--full", action="store_const", dest="size", const="--full", help="the default")
    parser.add_argument("--save", type=Path, metavar="FILE", help="also write the lines here, for compare.py")
    parser.add_argument(
        "--only", action="append", choices=(*BENCHES, *PARTS), help="this one; may be given several times"
    )
    parser.set_defaults(size="--full")
    asked = parser.parse_args()
    say(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}")
    usual = QUICK if asked.size == "--quick" else BENCHES
    found, failed = run(asked.only or list(usual), asked.size)
    if asked.save:
        asked.save.write_text("".join(f"{text_of(one)}\n" for one in found), "utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
