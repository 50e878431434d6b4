"""Writes base.txt and test.txt: exact versions with the hashes of every file, and no download addresses.

The tests take every extra but `llama`, which must be compiled for a quarter of an hour: who has it, tests it.

Needs the program `uv` on the path. Run: python requirements/lock.py
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = [f"--extra={name}" for name in PROJECT["optional-dependencies"] if name != "llama"]
OUTPUTS = {"base.txt": [], "test.txt": [*EXTRAS, "--group", "test"]}
OPTIONS = [
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
]


def main() -> int:
    for name, extra in OUTPUTS.items():
        command = ["uv", "pip", "compile", "--quiet", *OPTIONS, *extra, "pyproject.toml", "requirements/build.in"]
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)
            return done.returncode
        if found := re.search(r"https?://\S+", done.stdout):
            print(f"{name} would name an address: {found.group(0)}", file=sys.stderr)
            return 1
        (HERE / name).write_text(done.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
