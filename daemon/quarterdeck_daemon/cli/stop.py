"""`stop` and `resume`: the emergency stop. Three ways lead to it, so that one is always open.

1 the supervisor's own socket, which answers also when the daemon hangs
2 the daemon, in case only the supervisor's socket is gone
3 the file `.quarterdeck/STOP`, which stops everything outward by being there, now or at the next start
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, strings, text
from .session import Session
from .text import line
from .words import changes, verb

DEADLINE_MS = 2_000
UNREACHABLE = frozenset(("unavailable", "deadline", "busy", "unauthorized", "internal"))


def _by_supervisor(session: Session, params: Plain) -> Plain:
    return session.client.call_control("stop.engage", params, deadline_ms=DEADLINE_MS).result


def _by_daemon(session: Session, params: Plain) -> Plain:
    return session.client.call("stop.engage", params, request_id=session.request_id, deadline_ms=DEADLINE_MS).result


def _by_file(session: Session, params: Plain) -> Plain:
    flag = flag_of(session.folder)
    flag.parent.mkdir(mode=0o700, exist_ok=True)
    flag.write_text(f"{params['reason']}\n", encoding="utf-8")
    return {"flag": str(flag)}


WAYS: dict[str, Callable[[Session, Plain], Plain]] = {
    "supervisor": _by_supervisor, "daemon": _by_daemon, "file": _by_file,
}  # fmt: skip


def flag_of(folder: Path) -> Path:
    return folder / ".quarterdeck" / "STOP"


def engage(session: Session, params: Plain) -> tuple[str, Plain]:
    """Stop by the first way that works; return its name and answer. Says on stderr which ones did not."""
    for name, way in WAYS.items():
        try:
            return name, way(session, params)
        except QuarterdeckError as error:
            if error.code not in UNREACHABLE:
                raise
            session.printer.talk(f"not by the {name}: {error.message}")
    raise AssertionError("the last way raises only what is raised on")


@verb("stop", examples=("quarterdeck stop", "quarterdeck stop --reason 'wrong price list' --kill"))
@click.option("--kill", is_flag=True, help="End the working processes too, not only what sends.")
@changes
def stop(session: Session, kill: bool) -> None:
    """Stop everything outward, now. Works also when the daemon hangs. No question is asked."""
    params: Plain = {"reason": session.reason or "stopped from the command line"}
    if kill:
        params["kill"] = True
    if session.dry_run:
        session.show({"dry_run": True, "params": params}, ["would stop everything outward"])
        return
    way, found = engage(session, params)
    undo = session.command("resume")
    value = {"id": "stop", "stopped": True, "by_way_of": way, **found, "next": "nothing leaves", "undo": undo}
    session.show(value, [_said(way, found)])
    session.printer.talk(
        "next: nothing leaves until you resume; work inside goes on" if not kill else "next: nothing leaves"
    )
    session.printer.talk(f"undo: {undo}")


def _said(way: str, found: Plain) -> str:
    if way == "file":
        return line(f"stopped by the file {found['flag']}: nothing leaves, also after a start")
    killed = len(strings(found.get("killed")))
    flying = text(found, "in_flight")
    parts = [f"stopped (epoch {number(found, 'epoch')})"]
    parts += [f"{killed} process{'es' if killed > 1 else ''} ended"] if killed else []
    parts += [f"were on the wire: {flying}"] if flying else []
    return line(", ".join(parts))


@verb(
    "resume",
    examples=("quarterdeck resume --reason 'price list corrected'", "quarterdeck resume --run r7 --reason checked"),
)
@click.option("--run", "runs", multiple=True, metavar="ID", help="Only these runs go on; the others are paused.")
@changes
def resume(session: Session, runs: tuple[str, ...]) -> None:
    """Open again after a stop."""
    params: Plain = {"reason": session.reason or "resumed from the command line"}
    if runs:
        params["runs"] = list(runs)
    if session.dry_run:
        session.show({"dry_run": True, "params": params}, ["would open again"])
        return
    found = release(session, params)
    undo = session.command("stop")
    session.show({"id": "stop", "stopped": False, **found, "undo": undo}, ["open again"])
    session.printer.talk("next: what was held goes out after its hold; see `quarterdeck status`")
    session.printer.talk(f"undo: {undo}")


def release(session: Session, params: Plain) -> Plain:
    """Open again through the daemon; while it is down, through the supervisor, or by taking the file away.

    Only the daemon can pause runs, so a release of some runs waits for it.
    """
    try:
        result = session.client.call("stop.release", params, request_id=session.request_id)
        return {"seq": result.seq, **result.result}
    except QuarterdeckError as error:
        if error.code not in ("unavailable", "deadline") or "runs" in params:
            raise
        refused = error
    try:
        return session.client.call_control("stop.release", params, deadline_ms=DEADLINE_MS).result
    except QuarterdeckError as error:
        flag = flag_of(session.folder)
        # With nothing running and only the file in the way, taking the file away is the whole of it.
        if error.code != "unavailable" or not flag.exists():
            raise refused from error
        flag.unlink()
        return {"flag_removed": str(flag)}
