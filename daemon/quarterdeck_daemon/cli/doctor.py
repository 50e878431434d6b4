"""`doctor`: what is wrong with the installation or the workspace, each finding with its fix.

Looks by itself at what can be seen without a daemon, then asks the daemon for its own checks.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, records, text
from .session import Session
from .text import line
from .words import reads, verb

FREE_BYTES_MIN = 500 * 1024 * 1024
PYTHON_MIN = (3, 11)
NEEDED = (
    "click",
    "common_expression_language",
    "jinja2",
    "msgpack",
    "msgspec",
    "rocksdict",
    "tantivy",
    "textual",
    "yaml",
    "zmq",
)


def finding(name: str, state: str, detail: str, fix: str = "") -> Plain:
    """Return one row: state is ok, warn or fail."""
    return {"id": name, "ok": state != "fail", "status": state, "detail": detail, "fix": fix}


def _python(_: Session) -> Plain:
    shown = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_MIN:
        return finding("python", "fail", shown, "Install Python 3.11 or later.")
    return finding("python", "ok", shown)


def _packages(_: Session) -> Plain:
    missing = [name for name in NEEDED if importlib.util.find_spec(IMPORT_NAMES.get(name, name)) is None]
    if missing:
        return finding("packages", "fail", f"missing: {', '.join(missing)}", "Install the package again.")
    return finding("packages", "ok", f"{len(NEEDED)} found")


IMPORT_NAMES = {"common_expression_language": "cel"}


def _config(session: Session) -> Plain:
    from .config import load

    try:
        load(session)
    except QuarterdeckError as error:
        return finding("config", "fail", error.message, error.hint)
    return finding("config", "ok", "quarterdeck.toml reads")


def _state(session: Session) -> Plain:
    state = session.folder / ".quarterdeck"
    if not state.exists():
        return finding("state", "ok", "not there yet; made at the first start")
    mode = state.stat().st_mode & 0o777
    if mode & 0o077:
        return finding("state", "fail", f"{state} has mode {mode:04o}", f"chmod 700 {state}")
    return finding("state", "ok", f"private ({mode:04o})")


def _space(session: Session) -> Plain:
    free = shutil.disk_usage(session.folder).free
    shown = f"{free // (1024 * 1024)} MiB free"
    if free < FREE_BYTES_MIN:
        return finding("disk", "warn", shown, "Make room: below the floor no new work is taken.")
    return finding("disk", "ok", shown)


def _fence(session: Session) -> Plain:
    from ..service.fence import read_fence

    fence = read_fence(session.folder / ".quarterdeck" / "fence")
    if fence.stopped or (session.folder / ".quarterdeck" / "STOP").exists():
        return finding(
            "outward", "warn", f"stopped: {fence.reason or 'STOP file'}", "quarterdeck resume --reason TEXT"
        )
    return finding("outward", "ok", "open")


def _editor(_: Session) -> Plain:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    program = (named or "vi").split()[0]
    if shutil.which(program) is None and not Path(program).is_file():
        return finding("editor", "warn", f"{program} is not found", "Set VISUAL or EDITOR.")
    return finding("editor", "ok", program)


CHECKS: tuple[Callable[[Session], Plain], ...] = (_python, _packages, _config, _state, _space, _fence, _editor)


def daemon_findings(session: Session) -> list[Plain]:
    """Return the daemon's own checks, or that it does not run."""
    try:
        found = session.ask("system.doctor")
    except QuarterdeckError as error:
        if error.code not in ("unavailable", "deadline", "unauthorized"):
            raise
        return [finding("daemon", "warn", error.message, error.hint)]
    return [finding("daemon", "ok", "answers"), *records(found.get("items"))]


def _state_of(row: Plain) -> str:
    """The daemon says ok or not; our own rows know a warning as well."""
    return text(row, "status") or ("ok" if row.get("ok") else "fail")


@verb("doctor", examples=("quarterdeck doctor", "quarterdeck doctor --json"))
@reads
@click.pass_context
def doctor(ctx: click.Context, session: Session) -> None:
    """Check installation and workspace. Exit status 1: something fails."""
    rows = [*(check(session) for check in CHECKS), *daemon_findings(session)]
    failed = [row for row in rows if _state_of(row) == "fail"]
    session.show({"ok": not failed, "items": rows}, _lines(session, rows))
    if failed:
        ctx.exit(1)


def _lines(session: Session, rows: list[Plain]) -> Iterator[str]:
    counts = {state: sum(_state_of(row) == state for row in rows) for state in ("ok", "warn", "fail")}
    yield ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    for row in rows:
        state = _state_of(row)
        tone = {"ok": "green", "warn": "yellow", "fail": "red"}.get(state, "")
        fix = text(row, "fix")
        said = line(text(row, "detail")) + (f"  ->  {line(fix)}" if fix else "")
        yield f"{session.printer.paint(f'{state:<4}', tone)}  {line(text(row, 'id')):<12}  {said}"
