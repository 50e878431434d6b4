"""`runs kill|edit|reassign|save`: the stronger ways to take a hand in a run."""

from __future__ import annotations

from collections.abc import Iterator

import click

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, record, records, strings, text
from .runs import runs, steps_of
from .session import Session
from .text import block, line
from .values import pairs
from .words import changes, near, past, verb_of


def _changed(session: Session, method: str, params: Plain, does: str, so: str, undo: str) -> None:
    """Send it; say what follows, and which steps are done again or not."""
    result = session.change(f"run.{method}", params, does=does)
    if result is None:
        return
    id = str(params["id"])
    session.done(result, id, f"{past(does)}; {so}", then=session.command(f"runs show {id}"), undo=undo)
    for told in _about_others(session, id, str(params.get("step", "")), result.result):
        session.printer.talk(told)


def _about_others(session: Session, id: str, step: str, reply: Plain) -> Iterator[str]:
    rerun, kept, used = strings(reply.get("rerun")), records(reply.get("kept")), strings(reply.get("used_by"))
    if rerun:
        yield line(f"done again: {', '.join(rerun)}")
    for one in kept:
        yield line(f"not done again: {text(one, 'step')}: {text(one, 'because')}")
    if used and not rerun and not kept:
        again = session.command(f"runs edit {id} {step} --rerun-after …")
        yield line(f"used the old value: {', '.join(used)}; to have them done again: {again}")


@verb_of(runs, "kill", examples=("quarterdeck runs kill r7 --reason 'wrong client'",))
@click.argument("id")
@changes
def kill(session: Session, id: str) -> None:
    """End run ID at once: a worker that is at it is ended, held actions are withdrawn, runs within it end too."""
    _changed(session, "kill", {"id": id}, f"kill {id}", "its workers are ended, too", "start its playbook again")


@verb_of(runs, "edit", examples=(
    "quarterdeck runs edit r7 draft subject='Your enquiry' --reason 'too stiff'",
    "quarterdeck runs edit r7 extract --output person=Ines need:='[\"site\"]' --rerun-after",
))  # fmt: skip
@click.argument("id")
@click.argument("step")
@click.argument("values", nargs=-1, required=True, metavar="NAME=VALUE…")
@click.option("--output", is_flag=True, help="The values are the step's output, not its input.")
@click.option("--rerun-after", is_flag=True, help="Do again what used the old value, as far as nothing has left.")
@changes
def edit(session: Session, id: str, step: str, values: tuple[str, ...], output: bool, rerun_after: bool) -> None:
    """Give STEP of run ID other input before it works, or another output in place of its own."""
    given = pairs(values)
    if output:
        given = {**_output_of(session, id, step), **given}
    params: Plain = {"id": id, "step": step, "output" if output else "input": given, "rerun_after": rerun_after}
    does = f"edit the {'output' if output else 'input'} of {step} of {id}"
    so = "later steps see it" if output else "its next try gets it"
    _changed(session, "edit_step", params, does, so, "edit it back; every value it had is in the timeline")


def _output_of(session: Session, id: str, step: str) -> Plain:
    """What the step has given so far: fields that are not named stay."""
    return record(_step(session, id, step).get("output"))


def _step(session: Session, id: str, step: str) -> Plain:
    steps = steps_of(session.ask("run.get", {"id": id}))
    found = next((one for one in steps if one.get("id") == step), None)
    if found is None:
        hint = near(step, [text(one, "id") for one in steps]).strip() or f"quarterdeck runs show {id}"
        raise QuarterdeckError("not_found", f"Run {id} has no step {step!r}.", hint=hint)
    return found


@verb_of(runs, "reassign", examples=("quarterdeck runs reassign r7 draft composer",))
@click.argument("id")
@click.argument("step")
@click.argument("agent")
@changes
def reassign(session: Session, id: str, step: str, agent: str) -> None:
    """Have AGENT do STEP of run ID; one that is under way or failed begins anew."""
    params: Plain = {"id": id, "step": step, "agent": agent}
    does, so = f"reassign {step} of {id} to {agent}", "an answer of the agent before is not taken"
    _changed(session, "reassign", params, does, so, "reassign it back")


@verb_of(runs, "save", examples=("quarterdeck runs save r7 weekly-outreach --inputs client,month",))
@click.argument("id")
@click.argument("name")
@click.option("--inputs", metavar="A,B", help="Those that must be given; the others keep the values of this run.")
@changes
def save(session: Session, id: str, name: str, inputs: str | None) -> None:
    """Write the plan of run ID, with your edits, to playbooks/NAME.yaml. Nothing is overwritten."""
    params: Plain = {"id": id, "name": name, "dry_run": session.dry_run}
    if inputs is not None:
        params["inputs"] = [one.strip() for one in inputs.split(",") if one.strip()]
    found = session.client.call("run.save", params).result
    path = text(found, "path")
    session.show(found, [block(text(found, "text"))] if session.dry_run else [line(f"wrote {path}")])
    for one in strings(found.get("left_out")):
        session.printer.talk(line(f"left out: {one}"))
    if not session.dry_run:
        session.printer.talk(line(f"next: look it over, then {session.command(f'run {name}')}"))
        session.printer.talk(line(f"undo: delete {path}"))
