"""The version of the program. It stands in the installed metadata, and nowhere else."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def version_line() -> str:
    """Return name and version."""
    try:
        return f"quarterdeck {version('quarterdeck')}"
    except PackageNotFoundError:
        return "quarterdeck (not installed)"
