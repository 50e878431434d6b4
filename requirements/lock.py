"""Writes base.txt and test.txt: exact versions with the hashes of every file, and no download addresses.

Needs the program `uv` on the path. Run: python requirements/lock.py
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OUTPUTS = {"base.txt": [], "test.txt": ["--all-extras", "--group", "test"]}
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
