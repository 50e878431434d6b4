"""`run` and `runs`: start a playbook, look at its runs, steer them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .budget import budget_of
from .plain import Plain, record, records, strings, text
from .session import Session
from .text import line
from .times import local, span
from .undoing import take_back
from .values import pairs
from .words import changes, confirms, noun, past, reads, verb, verb_of

ENDED = frozenset(("succeeded", "failed", "cancelled", "timed_out", "blocked", "no_op", "exhausted", "stalled"))
GOOD = frozenset(("succeeded", "no_op"))
POLL_S = 0.2
WAIT_S_DEFAULT = 60.0
WAITING_FOR_APPROVAL = 5

ELSEWHERE = {"start": "run", "run": "run", "undo": "undo", "approve": "approve", "reject": "reject", "why": "why"}
runs = noun("runs", "Look at runs and steer them.", default="list", elsewhere=ELSEWHERE)


@verb(
    "run", examples=("quarterdeck run lead-to-outreach document=doc3", "quarterdeck run weekly-report days:=7 --wait")
)
@click.argument("playbook")
@click.argument("inputs", nargs=-1, metavar="[NAME=VALUE]…")
@click.option("--run-id", metavar="ID", help="Yours; a second start under it is refused.")
@click.option(
    "--namespace", metavar="NAME", default="", help="Whose work it is; else that of the documents it is given."
)
@click.option("--for", "objective", metavar="ID", default="", help="The objective that it serves.")
@click.option(
    "--budget",
    metavar="NAME=N,…",
    default="",
    help="The most that it may use: calls=20,minutes=5,tokens=…,money=…,over=stop.",
)
@click.option(
    "--mode",
    type=click.Choice(("deterministic", "exploratory", "creative")),
    default=None,
    help="How far models take part, in place of what its playbook says.",
)
@click.option("--wait", is_flag=True, help="Until it ends (0, or 1) or waits for approval (5).")
@click.option("--timeout", metavar="TIME", default="60s", show_default=True, help="With --wait; then 124.")
@changes
@click.pass_context
def run(
    ctx: click.Context, session: Session, playbook: str, inputs: tuple[str, ...], run_id: str | None,
    namespace: str, objective: str, budget: str, mode: str | None, wait: bool, timeout: str,
) -> None:  # fmt: skip
    """Start PLAYBOOK with inputs: name=text, name:=JSON, name=@FILE."""
    params: Plain = {"playbook": playbook, "inputs": pairs(inputs)}
    if run_id:
        params["run_id"] = run_id
    if namespace:
        params["namespace"] = namespace
    if objective:
        params["objective"] = objective
    if budget:
        params["budget"] = budget_of(budget)
    if mode:
        params["mode"] = mode
    if session.dry_run:
        _show_plan(session, session.ask("run.start", params | {"dry_run": True}))
        return
    result = session.change("run.start", params, does=f"start {playbook}")
    assert result is not None, "a dry run has returned before"
    id = text(result.result, "run_id")
    if not wait:
        shown = session.command(f"runs show {id}")
        session.done(result, id, f"started {id}", then=shown, undo=session.command(f"runs cancel {id}"))
        return
    ctx.exit(follow(session, id, timeout))


def _show_plan(session: Session, plan: Plain) -> None:
    session.show(plan, _plan_lines(plan))


def _plan_lines(plan: Plain) -> Iterator[str]:
    yield line(f"would start {text(plan, 'playbook')}")
    for step in records(plan.get("plan")) or records(plan.get("steps")):
        needs = text(step, "needs")
        yield line(f"  {text(step, 'id')}  {text(step, 'agent')}" + (f"  after {needs}" if needs else ""))


Said = Callable[[Session, Plain], list[str] | None]


def follow(session: Session, id: str, timeout: str, say: Said = lambda session, found: None) -> int:
    """Poll until the run ends or waits for approval; print it, or what `say` has to say; return the exit status."""
    length = span(timeout)
    give_up = time.monotonic() + (length.total_seconds() if length else WAIT_S_DEFAULT)
    while True:
        found = session.ask("run.get", {"id": id})
        status = text(found, "status")
        if status in ENDED or waits_for_approval(found):
            session.show(found, say(session, found) or lines_of(session, found))
            return _status_of(status)
        if time.monotonic() > give_up:
            raise QuarterdeckError(
                "deadline", f"{id} is still {status} after {timeout}.", hint="It goes on by itself."
            )
        time.sleep(POLL_S)


def _status_of(status: str) -> int:
    if status not in ENDED:
        return WAITING_FOR_APPROVAL
    return 0 if status in GOOD else 1


def steps_of(found: Plain) -> list[Plain]:
    """Return the steps, whether they came as a list or by id."""
    steps = found.get("steps")
    if isinstance(steps, dict):
        return [record(step) | {"id": id} for id, step in steps.items()]
    return records(steps)


def waits_for_approval(found: Plain) -> bool:
    """Return whether nothing moves until the operator decides: a waiting step with actions, none under way."""
    steps = steps_of(found)
    waiting = any(one.get("status") == "waiting" and (one.get("actions") or one.get("gate")) for one in steps)
    return waiting and not any(one.get("status") in ("started", "asking", "recalling", "backoff") for one in steps)


def _asked(step: Plain) -> Iterator[str]:
    """What a step asked models, and what came of it."""
    for call in records(step.get("calls")):
        who = f"{text(call, 'model')}: " if text(call, "model") else ""
        came = "known answer" if text(call, "reused") else text(call, "status")
        why = f" ({text(call, 'why')})" if text(call, "status") in ("refused", "failed") else ""
        yield line(f"{text(step, 'id')} asked {who}{text(call, 'purpose')}, {came}{why}")


def lines_of(session: Session, found: Plain) -> Iterator[str]:
    id = line(text(found, "run_id", "id"))
    reason = text(found, "reason")
    mode = f"  {line(text(found, 'mode'))}" if text(found, "mode") else ""
    yield f"{id}  {line(text(found, 'playbook'))}  {line(text(found, 'status'))}{mode}" + (
        f"  ({line(reason)})" if reason else ""
    )
    if text(found, "trouble"):
        yield line(f"  in quarantine: {text(found, 'trouble')}")
        yield from (line(f"  {remedy}") for remedy in strings(found.get("remedies")))
    rows = [
        (
            ("  " if text(one, "parent") else "") + text(one, "id"), text(one, "status"), text(one, "attempts"),
            text(one, "agent"), outcome(one),
        )
        for one in steps_of(found)
    ]  # fmt: skip
    yield from session.printer.table(("STEP", "STATUS", "TRIES", "AGENT", "OUTCOME"), rows)
    yield from (asked for one in steps_of(found) for asked in _asked(one))
    for gate in records(found.get("gates")):
        yield line(f"asks you: {text(gate, 'text')}")
        words = f"approve {text(gate, 'id')}"
        yield line(f"  {session.command(words)}  (or reject, snooze)")
    if outputs := record(found.get("outputs")):
        yield line(f"gave back: {', '.join(f'{name}={value}' for name, value in outputs.items())}")


def outcome(step: Plain) -> str:
    """Return in a few words what came of a step."""
    error = record(step.get("error"))
    if text(error, "message"):
        return text(error, "message")
    if text(step, "queued_for"):
        return f"waits for room: {text(step, 'queued_for')}"
    if text(step, "gate"):
        return f"asks: {text(step, 'gate')}"
    if text(step, "run"):
        return f"run {text(step, 'run')}"
    actions = text(step, "actions")
    if actions:
        return f"proposed {actions}"
    output = record(step.get("output"))
    return ", ".join(f"{name}={value}" for name, value in output.items() if _says_something(value))


def _says_something(value: object) -> bool:
    """Lists and maps are for `--json`; a row of a table has room for words and numbers."""
    return isinstance(value, str | int | float) and value != ""


@verb_of(runs, "list", examples=("quarterdeck runs", "quarterdeck runs list --status failed --json"))
@click.option("--status", metavar="WORD", help="running, paused, succeeded, failed …")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@reads
def list_runs(session: Session, status: str | None, limit: int) -> None:
    """List runs, the newest first."""
    params: Plain = {"limit": limit}
    if status:
        params["status"] = status
    items = records(session.ask("run.list", params).get("items"))
    rows = [(text(one, "id"), text(one, "status"), when(one), text(one, "playbook"), _why(one)) for one in items]
    headers = ("ID", "STATUS", "BEGAN", "PLAYBOOK", "REASON")
    session.show_items(items, session.printer.table(headers, rows), none="No runs.")


def _why(row: Plain) -> str:
    """Why it stands as it does: its trouble, what it asks, or how it ended."""
    asked = [f"asks: {text(gate, 'text')}" for gate in records(row.get("gates"))]
    return text(row, "trouble") or "; ".join(asked) or text(row, "reason")


def when(row: Plain) -> str:
    return local(row.get("at") or row.get("at_us"))


@verb_of(runs, "show", examples=("quarterdeck runs show r7",))
@click.argument("id")
@reads
def show(session: Session, id: str) -> None:
    """Show where run ID stands, step by step."""
    found = session.ask("run.get", {"id": id})
    session.show(found, lines_of(session, found))


def _steer(session: Session, method: str, params: Plain, does: str, so: str, undo: str) -> None:
    """so: what came of it, in words."""
    id = str(params["id"])
    result = session.change(f"run.{method}", params, does=does)
    if result is not None:
        session.done(result, id, f"{past(does)}; {so}", then=session.command(f"runs show {id}"), undo=undo)


@verb_of(runs, "pause")
@click.argument("id")
@changes
def pause(session: Session, id: str) -> None:
    """Let run ID begin no further step."""
    _steer(
        session, "pause", {"id": id}, f"pause {id}", "no further step begins", session.command(f"runs resume {id}")
    )


@verb_of(runs, "resume")
@click.argument("id")
@changes
def resume(session: Session, id: str) -> None:
    """Let run ID go on."""
    undo = session.command(f"runs pause {id}")
    _steer(session, "resume", {"id": id}, f"resume {id}", "its steps go on", undo)


@verb_of(runs, "cancel")
@click.argument("id")
@changes
def cancel(session: Session, id: str) -> None:
    """End run ID; what it proposed and nobody approved is withdrawn."""
    so = "what it proposed and has not left is withdrawn"
    _steer(session, "cancel", {"id": id}, f"cancel {id}", so, "start its playbook again")


@verb_of(runs, "rollback", examples=("quarterdeck runs rollback r7 --dry-run",))
@click.argument("id")
@click.option(
    "--plan", "plan_hash", metavar="HASH", default="", help="Only if the plan is still the one of this dry run."
)
@confirms
@changes
def rollback(session: Session, id: str, plan_hash: str) -> None:
    """Take back what run ID did, newest first; what cannot be taken back is said first."""
    take_back(session, "run.rollback", {"id": id}, plan_hash)


@verb_of(runs, "retry")
@click.argument("id")
@click.argument("step")
@changes
def retry(session: Session, id: str, step: str) -> None:
    """Try the failed STEP of run ID again."""
    undo = session.command(f"runs cancel {id}")
    _steer(session, "retry_step", {"id": id, "step": step}, f"retry {step} of {id}", "it is tried once more", undo)


@verb_of(runs, "skip")
@click.argument("id")
@click.argument("step")
@changes
def skip(session: Session, id: str, step: str) -> None:
    """Go on without STEP of run ID."""
    undo = "a skipped step stays skipped; start the playbook again"
    _steer(session, "skip_step", {"id": id, "step": step}, f"skip {step} of {id}", "the run goes on without it", undo)


@verb_of(runs, "signal", examples=("quarterdeck runs signal r7 answered text='yes, Tuesday'",))
@click.argument("id")
@click.argument("name")
@click.argument("payload", nargs=-1, metavar="[NAME=VALUE]…")
@changes
def signal(session: Session, id: str, name: str, payload: tuple[str, ...]) -> None:
    """Send the signal NAME that run ID waits for, or will wait for."""
    params: Plain = {"id": id, "signal": name, "payload": pairs(payload)}
    so = "it is kept until a step takes it"
    _steer(session, "signal", params, f"signal {name} to {id}", so, "a signal cannot be taken back")


from . import run_edits  # noqa: E402, F401 - it adds its verbs to the noun above
