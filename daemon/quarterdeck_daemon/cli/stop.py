"""`stop` and `resume`: the emergency stop. Three ways lead to it, so that one is always open.

1 the supervisor's own socket, which answers also when the daemon hangs
2 the daemon, in case only the supervisor's socket is gone
3 the file `.quarterdeck/STOP`, which stops everything outward by being there, now or at the next start
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, strings, text
from .session import Session
from .text import line
from .words import changes, verb

DEADLINE_MS = 2_000
PROMISED_MS, PROMISED_LOADED_MS = 50, 150
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


@verb("stop", examples=(
    "quarterdeck stop", "quarterdeck stop --reason 'wrong price list' --kill", "quarterdeck stop --show",
    "quarterdeck stop --practice",
))  # fmt: skip
@click.option("--kill", is_flag=True, help="End the working processes too, not only what sends.")
@click.option("--show", is_flag=True, help="Change nothing: what the last stop met, and what still waits.")
@click.option("--practice", is_flag=True, help="Stop, measure how long that took, open again at once.")
@changes
def stop(session: Session, kill: bool, show: bool, practice: bool) -> None:
    """Stop everything outward, now. Works also when the daemon hangs. No question is asked."""
    if show:
        show_stop(session)
        return
    if practice:
        practise(session)
        return
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
    if way != "file":
        session.printer.talk(f"see: {session.command('stop --show')} for what was under way")
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


@verb("resume", examples=(
    "quarterdeck resume --reason 'price list corrected'", "quarterdeck resume r7 a17 --reason checked",
))  # fmt: skip
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option(
    "--run", "--runs", "runs", multiple=True, metavar="ID", help="The same as naming it; r1,r2 for several."
)
@changes
def resume(session: Session, ids: tuple[str, ...], runs: tuple[str, ...]) -> None:
    """Open again after a stop: everything, or only the runs and actions that are named.

    The other runs are paused then and the other actions held back; name them later to let them go on one by one.
    """
    chosen_runs, actions = _chosen(ids, runs)
    params: Plain = {"reason": session.reason or "resumed from the command line"}
    if chosen_runs:
        params["runs"] = chosen_runs
    if actions:
        params["actions"] = actions
    if session.dry_run:
        session.show({"dry_run": True, "params": params}, ["would open again"])
        return
    undo = session.command("stop")
    try:
        found = release(session, params)
    except QuarterdeckError as error:
        if error.code != "conflict" or not (chosen_runs or actions):
            raise
        _let_go(session, params)
        return
    kept = strings(found.get("paused_runs")) + strings(found.get("held_back"))
    said = f"open again; kept back: {', '.join(kept)}" if kept else "open again"
    session.show({"id": "stop", "stopped": False, **found, "undo": undo}, [line(said)])
    later = session.command("resume ID") + " lets one more go" if kept else "see `quarterdeck status`"
    session.printer.talk(f"next: what was held goes out after its hold; {later}")
    session.printer.talk(f"undo: {undo}")


def _chosen(ids: tuple[str, ...], runs: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Runs and actions. An action's id is `a` and a number; everything else names a run."""
    named = [one for given in (*ids, *runs) for one in given.split(",") if one]
    actions = [one for one in named if one[:1] == "a" and one[1:].isdecimal()]
    return [one.removeprefix("run:") for one in named if one not in actions], actions


def _let_go(session: Session, params: Plain) -> None:
    """Nothing is stopped any more: let go on what an earlier resume of some kept back."""
    result = session.client.call("stop.let_go", params, request_id=session.request_id)
    gone = [*strings(result.result.get("actions")), *strings(result.result.get("runs"))]
    undo = session.command("stop")
    session.done(result, "stop", f"goes on: {', '.join(gone)}", then=session.command("stop --show"), undo=undo)


def show_stop(session: Session) -> None:
    """What the last stop met, then and now, and what is still kept back."""
    found = session.ask("stop.state")
    session.show(found, stop_lines(session, found))


def stop_lines(session: Session, found: Plain) -> Iterator[str]:
    if not number(found, "epoch"):
        yield "nothing was stopped yet"
        return
    state = "stopped" if found.get("stopped") else "open again"
    yield line(f"{state} (epoch {number(found, 'epoch')}): {text(found, 'reason')}, by {text(found, 'by')}")
    rows = records(found.get("actions"))
    if found.get("stopped") and rows:
        cells = [(text(one, "id"), text(one, "then"), text(one, "now"), text(one, "summary")) for one in rows]
        yield from session.printer.table(("ACTION", "AT THE STOP", "NOW", "WHAT"), cells)
    if number(found, "unlisted"):
        yield f"… and {number(found, 'unlisted')} more"
    kept = records(found.get("held_back"))
    for one in kept:
        yield line(f"{text(one, 'id')}  kept back, {text(one, 'held_back')}  {text(one, 'summary')}")
    for run in strings(found.get("paused_runs")):
        yield line(f"{run}  paused")


def practise(session: Session) -> None:
    """Engage, measure, release. A stop that is in force already is left alone."""
    state = session.client.call_control("supervisor.status", {}, deadline_ms=DEADLINE_MS).result
    if record(state.get("fence")).get("stopped"):
        raise QuarterdeckError(
            "conflict", "It is stopped already; a practice would open it.", hint="quarterdeck resume"
        )
    began = time.perf_counter()
    found = _by_supervisor(session, {"reason": "practice", "by": "practice"})
    taken_ms = (time.perf_counter() - began) * 1_000
    epoch = number(found, "epoch")
    session.client.call_control(
        "stop.release", {"reason": "practice over", "by": "practice", "epoch": epoch}, deadline_ms=DEADLINE_MS
    )
    value: Plain = {"id": "stop", "practice": True, "ms": round(taken_ms, 1), **found, "stopped": False}
    killed = len(strings(found.get("killed")))
    session.show(
        value, [f"stopped in {taken_ms:.0f} ms, {killed} process{'' if killed == 1 else 'es'} ended; open again"]
    )
    session.printer.talk(f"promised: under {PROMISED_MS} ms at rest, {PROMISED_LOADED_MS} ms on a busy machine")
    session.printer.talk("What was on the wire at that moment is looked for and goes on by itself.")


def release(session: Session, params: Plain) -> Plain:
    """Open again through the daemon; while it is down, through the supervisor, or by taking the file away.

    Only the daemon can pause runs, so a release of some runs waits for it.
    """
    try:
        result = session.client.call("stop.release", params, request_id=session.request_id)
        return {"seq": result.seq, **result.result}
    except QuarterdeckError as error:
        if error.code not in ("unavailable", "deadline") or "runs" in params or "actions" in params:
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
