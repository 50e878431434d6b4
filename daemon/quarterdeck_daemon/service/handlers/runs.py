"""run.*: start, watch and steer work."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterator

from quarterdeck_protocol import params as p
from quarterdeck_protocol import run_messages as rm
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import (
    Command,
    EditStep,
    ReassignStep,
    SignalRun,
    StartRun,
    SteerRun,
    SteerStep,
)
from ...core.entities import Asset, Plain, Run
from ...core.playbook import Playbook, parse_playbook
from ...core.runs import order_of
from ...core.saved_playbook import saved
from ..agents import agents_in
from ..house import House
from ..playbook_files import path_of, write_new
from ..rpc import Asked, Handler
from ..views import run_row, run_view
from .limits import caps_of_run
from .memory import labels_for
from .pages import newest_first

LIVE_MAX = 10_000


def handlers(house: House) -> dict[str, Handler]:
    return _reading(house) | _steering(house) | _editing(house)


def _reading(house: House) -> dict[str, Handler]:
    async def get(asked: Asked, params: p.ReadOne) -> object:
        run = house.store.get(Run, params.id.removeprefix("run:"), as_of=house.position(params.as_of))
        if run is None:
            raise QuarterdeckError("not_found", f"there is no run {params.id!r}", hint="quarterdeck runs list")
        return _with_plan(house, run, run_view(house.store, run, _step_order(house, run)))

    async def listing(asked: Asked, params: p.RunList) -> object:
        return _list(house, params)

    async def save(asked: Asked, params: rm.RunSave) -> object:
        return await _save(house, params)

    return {"run.get": get, "run.list": listing, "run.save": save}


def _steering(house: House) -> dict[str, Handler]:
    async def start(asked: Asked, params: p.RunStart) -> object:
        if house.stopped and not params.dry_run:
            raise QuarterdeckError("stopped", "everything is stopped; no run begins", hint="quarterdeck resume")
        command = StartRun(
            playbook=params.playbook,
            inputs=params.inputs,
            run_id=params.run_id,
            dry_run=params.dry_run,
            labels=labels_for(asked, None),
            namespace=params.namespace,
            objective=params.objective.removeprefix("objective:"),
            caps=caps_of_run(params.budget),
            mode=params.mode,
        )
        reply, seq = await house.change(asked, command)
        return ({"run_id": "", "plan": reply.pop("steps"), **reply}, seq) if params.dry_run else (reply, seq)

    async def signal(asked: Asked, params: p.RunSignal) -> object:
        command = SignalRun(id=params.id, signal=params.signal, payload=params.payload)
        return await _done(house, asked, params.id, command)

    async def kill(asked: Asked, params: p.ChangeOne) -> object:
        ended = await _done(house, asked, params.id, SteerRun(id=params.id, verb="kill", reason=params.reason))
        for run in _tree(house, params.id):
            await house.hub.abandon(f"step/{run}/")
        return ended

    return {
        "run.start": start,
        "run.kill": kill,
        "run.signal": signal,
        "run.pause": _steerer(house, "pause"),
        "run.resume": _steerer(house, "resume"),
        "run.cancel": _steerer(house, "cancel"),
    }


def _editing(house: House) -> dict[str, Handler]:
    """What changes the steps of a run."""

    async def edit_step(asked: Asked, params: rm.RunEditStep) -> object:
        command = EditStep(
            id=params.id,
            step=params.step,
            input=params.input,
            output=params.output,
            rerun_after=params.rerun_after,
            reason=params.reason,
        )
        return await _done(house, asked, params.id, command)

    async def reassign(asked: Asked, params: rm.RunReassign) -> object:
        known = [agent.name for agent in agents_in(house.store)]
        if params.agent not in known:
            near = difflib.get_close_matches(params.agent, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "List them: quarterdeck agents list"
            raise QuarterdeckError("not_found", f"there is no agent {params.agent!r}", hint=hint)
        command = ReassignStep(id=params.id, step=params.step, agent=params.agent, reason=params.reason)
        return await _done(house, asked, params.id, command)

    return {
        "run.edit_step": edit_step,
        "run.reassign": reassign,
        "run.retry_step": _step_steerer(house, "retry"),
        "run.skip_step": _step_steerer(house, "skip"),
    }


def _steerer(house: House, verb: str) -> Handler:
    async def steer(asked: Asked, params: p.ChangeOne) -> object:
        return await _done(house, asked, params.id, SteerRun(id=params.id, verb=verb, reason=params.reason))

    return steer


def _step_steerer(house: House, verb: str) -> Handler:
    async def steer(asked: Asked, params: p.RunStep) -> object:
        command = SteerStep(id=params.id, step=params.step, verb=verb, reason=params.reason)
        return await _done(house, asked, params.id, command)

    return steer


def _tree(house: House, id: str) -> Iterator[str]:
    """A run and those within it."""
    yield id
    run = house.store.get(Run, id)
    for step in run.steps.values() if run is not None else ():
        if step.child:
            yield from _tree(house, step.child)


async def _done(house: House, asked: Asked, id: str, command: Command) -> object:
    reply, seq = await house.change(asked, command)
    return {**reply, "id": id, "seq": seq}, seq


def _playbook_of(house: House, run: Run) -> Playbook | None:
    """What the run began with; None when that cannot be read any more."""
    asset = house.store.get(Asset, f"playbook/{run.playbook}@{run.playbook_hash[:16]}")
    try:
        return parse_playbook(asset.text) if asset is not None else None
    except QuarterdeckError:
        return None


def _with_plan(house: House, run: Run, view: Plain) -> Plain:
    """Each step with its place in the plan, so that whoever shows the run can draw it."""
    playbook = _playbook_of(house, run)
    specs = {spec.id: spec for spec in playbook.steps} if playbook is not None else {}
    steps: list[Plain] = view["steps"] if isinstance(view["steps"], list) else []
    for step in steps:
        if (spec := specs.get(str(step["id"]))) is not None:
            step |= {
                "needs": list(spec.after),
                "does": spec.description,
                "when": spec.when,
                "tries_max": spec.retry.times + 1,
                "timeout": spec.timeout,
            }
    return view


def _step_order(house: House, run: Run) -> list[str]:
    """Steps in the order of the playbook that the run began with, as far as it is known."""
    playbook = _playbook_of(house, run)
    if playbook is None or any(step.id not in run.steps for step in playbook.steps):
        return list(run.steps)
    return list(order_of(run, playbook))


async def _save(house: House, params: rm.RunSave) -> Plain:
    run = house.store.get(Run, params.id.removeprefix("run:"))
    playbook = _playbook_of(house, run) if run is not None else None
    if run is None or playbook is None:
        what = f"run {params.id} has no playbook that can be read" if run else f"there is no run {params.id!r}"
        raise QuarterdeckError("not_found", what, hint="quarterdeck runs list")
    path = path_of(house.workspace, params.name)
    made = saved(run, playbook, params.name, params.inputs)
    if not params.dry_run:
        await asyncio.to_thread(write_new, path, made.text)
    return {
        "id": run.id,
        "name": params.name,
        "path": f"playbooks/{path.name}",
        "text": made.text,
        "left_out": list(made.left_out),
        "written": not params.dry_run,
    }


def _list(house: House, params: p.RunList) -> Plain:
    as_of = house.position(params.as_of)
    if params.live and as_of is None:
        alive = sorted(house.store.live(Run), key=lambda run: -run.at_us)
        return _page(((0, run) for run in alive if params.playbook in (None, run.playbook)), LIVE_MAX)
    page = newest_first(house.store, Run, "run.started", "run", cursor=params.cursor, as_of=as_of)
    fitting = (
        (seq, run)
        for seq, run in page
        if params.status in (None, run.status)
        and params.playbook in (None, run.playbook)
        and (run.live or not params.live)
    )
    return _page(fitting, params.limit)


def _page(found: Iterator[tuple[int, Run]], limit: int) -> Plain:
    items: list[Plain] = []
    last = 0
    for seq, run in found:
        if len(items) == limit:
            return {"items": items, "next": str(last)}
        items.append(run_row(run))
        last = seq
    return {"items": items, "next": None}
