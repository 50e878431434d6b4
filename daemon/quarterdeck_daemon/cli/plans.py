"""`ask` and `plan`: say what is to be done, read how it would be done, then start it, change it, or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, number, record, records, strings, text
from .runs import follow
from .session import Session
from .text import counted, line
from .values import pairs, read_file
from .words import changes, noun, reads, verb, verb_of

MODES = click.Choice(("deterministic", "exploratory", "creative"))
USED_SHOWN = 8
WAITS = 5  # Exit status: something waits for a word.
ABOUT = "How something would be done: plan TEXT, then list, show, edit, approve, reject, save."
plan = noun("plan", ABOUT, default="work-out", free=True)


@verb("ask", examples=(
    "quarterdeck ask 'when does Halden have to pay?'", "quarterdeck ask 'answer the mail doc12'",
    "quarterdeck ask --plan plan3 'the second one'",
))  # fmt: skip
@click.argument("words", nargs=-1, required=True, metavar="TEXT…")
@click.option("--plan", "answers", metavar="ID", default="", help="TEXT answers what this plan asked.")
@click.option("--mode", type=MODES, default=None, help="How far models take part.")
@click.option(
    "--yes", "start", is_flag=True, help="Start the plan at once. What it proposes still waits for your yes."
)
@click.option("--timeout", metavar="TIME", default="60s", show_default=True, help="For an answer; then 124.")
@changes
@click.pass_context
def ask(
    ctx: click.Context,
    session: Session,
    words: tuple[str, ...],
    answers: str,
    mode: str | None,
    start: bool,
    timeout: str,
) -> None:
    """Ask a question, or say what is to be done.

    What has no effect, such as a question, is answered at once. Anything else becomes a plan, which waits for your word
    (exit status 5).
    """
    found = _submit(session, " ".join(words), answers, mode)
    harmless = not record(found.get("foreseen")).get("effects") and not record(found.get("foreseen")).get("unknown")
    if text(found, "status") != "ready" or not (start or harmless) or session.dry_run:
        ctx.exit(_show(session, found))
    result = session.change(
        "plan.approve",
        {"id": text(found, "id"), "shown_hash": text(found, "shown_hash")},
        does=f"start {text(found, 'id')}",
    )
    assert result is not None, "a dry run has returned before"
    ctx.exit(follow(session, text(result.result, "run_id"), timeout, _answer))


def _submit(session: Session, said: str, answers: str, mode: str | None) -> Plain:
    params: Plain = {"text": said, "dry_run": session.dry_run}
    if answers:
        params["plan"] = answers
    if mode:
        params["mode"] = mode
    kept, session.dry_run = session.dry_run, False  # Working a plan out does nothing; the rehearsal is in the answer.
    try:
        result = session.change("intent.submit", params, does="work out a plan")
    finally:
        session.dry_run = kept
    assert result is not None, "it is no dry run of the command line"
    return record(result.result.get("plan"))


def _answer(session: Session, found: Plain) -> list[str] | None:
    """The words of an answer, when the run gave some."""
    for step in reversed(records(found.get("steps"))):
        output = record(step.get("output"))
        if said := text(output, "answer"):
            sources = [
                f"  {text(one, 'title') or text(one, 'id')}  {text(one, 'id')}"
                for one in records(output.get("sources"))
            ]
            return [*(line(one) for one in said.splitlines()), *map(line, sources)]
    return None


@verb_of(plan, "work-out", examples=("quarterdeck plan 'write to Ines that the draft is late'",))
@click.argument("words", nargs=-1, required=True, metavar="TEXT…")
@click.option("--mode", type=MODES, default=None, help="How far models take part.")
@changes
@click.pass_context
def work_out(ctx: click.Context, session: Session, words: tuple[str, ...], mode: str | None) -> None:
    """Work out how TEXT would be done. With --dry-run also what its agents would propose."""
    ctx.exit(_show(session, _submit(session, " ".join(words), "", mode)))


@verb_of(plan, "list")
@click.option("--open", "only_open", is_flag=True, help="Only those that wait.")
@reads
def list_plans(session: Session, only_open: bool) -> None:
    """List plans, newest first."""
    items = session.items("plan.list", {"open": only_open})
    rows = [
        (text(one, "id"), text(one, "status"), text(one, "playbook"), text(one, "run"), text(one, "intent"))
        for one in items
    ]
    table = session.printer.table(("ID", "STATE", "PLAYBOOK", "RUN", "ASKED"), rows)
    session.show_items(items, table, none=f"There are no plans. Make one: {session.command('plan TEXT')}")


@verb_of(plan, "show", examples=("quarterdeck plan show plan3", "quarterdeck plan show plan3 --dry-run"))
@click.argument("id")
@click.option("--playbook", "whole", is_flag=True, help="The whole playbook, as text.")
@changes
@click.pass_context
def show(ctx: click.Context, session: Session, id: str, whole: bool) -> None:
    """Show plan ID. With --dry-run also what its agents would propose."""
    found = session.ask("plan.get", {"id": id, "dry_run": session.dry_run})
    if whole:
        session.show(found, text(found, "text").splitlines())
        return
    _show(session, found)
    ctx.exit(0)


@verb_of(
    plan,
    "edit",
    examples=("quarterdeck plan edit plan3 to=nora-vik", "quarterdeck plan edit plan3 --file better.yaml"),
)
@click.argument("id")
@click.argument("inputs", nargs=-1, metavar="[NAME=VALUE]…")
@click.option("--playbook", metavar="NAME", default="", help="Another playbook of the workspace.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A playbook in its place.")
@changes
@click.pass_context
def edit(
    ctx: click.Context, session: Session, id: str, inputs: tuple[str, ...], playbook: str, file: Path | None
) -> None:
    """Change inputs of plan ID, or what it runs; it is shown again."""
    seen = session.ask("plan.get", {"id": id})
    params: Plain = {"id": id, "inputs": pairs(inputs), "playbook": playbook, "seq": seen.get("seq", 0)}
    if file is not None:
        params["text"] = read_file(file)
    if session.change("plan.edit", params, does=f"change {id}") is not None:
        _show(session, session.ask("plan.get", {"id": id}))
    ctx.exit(0)


@verb_of(plan, "approve", examples=("quarterdeck plan approve plan3",))
@click.argument("id")
@click.option("--run-id", metavar="ID", default="", help="Yours; a second start under it is refused.")
@changes
def approve(session: Session, id: str, run_id: str) -> None:
    """Start plan ID as it stands. What it proposes still waits for your yes."""
    seen = session.ask("plan.get", {"id": id})
    params: Plain = {"id": id, "shown_hash": text(seen, "shown_hash"), "run_id": run_id}
    result = session.change("plan.approve", params, does=f"start {id}: {text(seen, 'intent')}")
    if result is not None:
        run = text(result.result, "run_id")
        undo = session.command(f"runs rollback {run}")
        session.done(result, run, f"started {run}", then=session.command(f"runs show {run}"), undo=undo)


@verb_of(plan, "reject", examples=("quarterdeck plan reject plan3 --reason 'not now'",))
@click.argument("id")
@changes
def reject(session: Session, id: str) -> None:
    """Say that plan ID is not to be done."""
    result = session.change("plan.reject", {"id": id}, does=f"reject {id}")
    if result is not None:
        session.done(result, id, f"rejected {id}", then="it stays on record", undo=session.command("plan TEXT"))


@verb_of(plan, "save", examples=("quarterdeck plan save plan3 write-to-client",))
@click.argument("id")
@click.argument("name")
@changes
def save(session: Session, id: str, name: str) -> None:
    """Write plan ID to playbooks/NAME.yaml."""
    found = session.ask("plan.save", {"id": id, "name": name, "dry_run": session.dry_run})
    if session.dry_run:
        session.show(found, text(found, "text").splitlines())
        return
    path = text(found, "path")
    session.show(found, [line(f"wrote {path}")])
    session.printer.talk(line(f"undo: delete {path}"))


# --- a plan as people read it ---------------------------------------------------------------------


def _show(session: Session, found: Plain) -> int:
    """Print the plan; return the exit status."""
    session.show(found, list(lines_of(session, found)))
    status = text(found, "status")
    if status == "failed":
        said = f"no plan could be worked out: {text(found, 'reason')}"
        raise QuarterdeckError("unavailable", said, hint="Say it in other words.")
    return WAITS if status in ("asks", "ready", "drafting") else 0


def lines_of(session: Session, found: Plain) -> Iterator[str]:
    id, status, foreseen = text(found, "id"), text(found, "status"), record(found.get("foreseen"))
    yield line(f"{id}  {text(found, 'intent')}")
    yield line(f"  {_state(found)}")
    for step in records(found.get("steps")):
        yield from _step_lines(step)
    for name, value in record(found.get("inputs")).items():
        yield line(f"  with {name} = {value}")
    if foreseen:
        yield line(f"  {_sum(foreseen)}")
        for risk in strings(foreseen.get("risks")):
            yield line(f"  ! {risk}")
    yield from _reasons(found)
    yield from _would(record(found.get("would")))
    if question := text(found, "question"):
        yield line(f"  ? {question}")
        for one in records(found.get("missing")):
            yield "    " + line(f"{session.command('plan edit')} {id} {text(one, 'name')}=…")
        if not found.get("missing"):
            yield "    " + line(f"{session.command('ask')} --plan {id} '…'")
    elif status == "ready":
        start, change = session.command(f"plan approve {id}"), session.command(f"plan edit {id} NAME=VALUE")
        yield line(f"  start it: {start}   change it: {change}")


def _reasons(found: Plain) -> Iterator[str]:
    """How sure, what it rests on, what else there was, how it is undone."""
    if text(found, "source"):
        stated = found.get("confidence")
        share = f"{round(stated * 100)} %: " if isinstance(stated, int | float) else ""
        yield line(f"  sure: {share}{text(found, 'basis')}")
    for one in records(found.get("evidence"))[1:]:  # The first is what was asked, which stands above.
        yield line(f"  because {text(one, 'claim')}: {text(one, 'quote')}  [{text(one, 'source')}]")
    if used := strings(found.get("used")):
        yield line(f"  read: {', '.join(used[:USED_SHOWN])}{' …' if len(used) > USED_SHOWN else ''}")
    for one in records(found.get("alternatives")):
        about = f": {text(one, 'about')}" if text(one, "about") else ""
        yield line(f"  or: the {text(one, 'kind')} {text(one, 'name')} (score {text(one, 'score')}){about}")
    if text(found, "source") and text(found, "undo"):
        yield line(f"  undo: {text(found, 'undo')}")


SOURCES = {
    "composed": "composed of agents whose contracts fit",
    "model": "composed of agents that a model chose",
    "operator": "as you wrote it",
}


def _state(found: Plain) -> str:
    why, status = record(found.get("why")), text(found, "status")
    source = SOURCES.get(
        text(found, "source"), f"by the playbook {text(found, 'playbook')}" if found.get("source") else ""
    )
    by = f", found by {text(why, 'rule')}: {text(why, 'words')}" if text(why, "words") else ""
    run = f", run {text(found, 'run')}" if text(found, "run") else ""
    return f"{status}{run}" + (f", {source}{by}" if source else "")


def _step_lines(step: Plain) -> Iterator[str]:
    needs = ", ".join(strings(step.get("needs")))
    who = text(step, "agent") or text(step, "playbook") or "wait"
    mode = f" · {text(step, 'mode')}" if text(step, "mode") else ""
    after = f" · after {needs}" if needs else ""
    yield line(f"  {text(step, 'id')}  {who}{mode}{after}  {text(step, 'does')}")
    for effect in records(step.get("effects")):
        word = {"allow": "does it", "ask": "asks you first", "deny": "is denied"}.get(text(effect, "word"), "")
        yield "      " + line(
            f"may propose {text(effect, 'do')}: {word} ({text(effect, 'risk')}; {text(effect, 'undo')})"
        )


def _sum(foreseen: Plain) -> str:
    asks, most, typical = number(foreseen, "asks"), number(foreseen, "most_ms"), foreseen.get("typical_ms")
    took = (
        f"usually {int(str(typical)) / 1000:.1f} s" if typical is not None else f"at most {most / 1000:.0f} s of work"
    )
    models = ", ".join(strings(foreseen.get("models")))
    cost = f"a model for {models}, at most {number(foreseen, 'tokens')} tokens" if models else "no model"
    return f"{counted(asks, 'question')} to you, {took}, {cost}"


def _would(would: Plain) -> Iterator[str]:
    for action in records(would.get("actions")):
        name, word = (
            f"{text(action, 'connector')}.{text(action, 'verb')}",
            text(record(action.get("verdict")), "verdict"),
        )
        yield line(f"  would propose {name}: {text(action, 'summary')} [{word}]")
        for name, value in record(action.get("args")).items():
            yield "      " + line(f"{name}: {value}")
    for stop in strings(would.get("stops")):
        yield line(f"  would stop: {stop}")
    for note in strings(would.get("notes")):
        yield line(f"  note: {note}")
