"""snapshot.*, rewind and fork: names for positions, what differs between two, and ways back."""

from __future__ import annotations

import asyncio

from quarterdeck_protocol import time_params as t
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import CreateSnapshot, NoteFork, RemoveSnapshot, RewindRecords
from ...core.entities import Plain, Receipt, Rewind, Snapshot
from .. import diff
from ..changes import Scope
from ..fork import Fork, make_fork
from ..house import House
from ..rewinding import Plan, make_plan, plan_view, scope_of
from ..rpc import Asked, Handler
from ..views import iso

TRIES_MAX = 3  # Plans that are made anew because a record changed while they were.


def handlers(house: House) -> dict[str, Handler]:
    _tell_of_interrupted(house)
    forks = asyncio.Lock()

    async def create(asked: Asked, params: t.SnapshotCreate) -> object:
        command = CreateSnapshot(name=params.name, at_seq=house.position(params.at), note=params.note)
        reply, seq = await house.change(asked, command)
        return {**_snapshot_view(house, _snapshot(house, params.name)), **reply}, seq

    async def listing(asked: Asked, params: t.SnapshotList) -> object:
        as_of = house.position(params.as_of)
        found = [one for one in house.store.scan(Snapshot, as_of=as_of) if params.all or not one.removed]
        found.sort(key=lambda one: (-one.at_seq, one.id))
        start = int(params.cursor) if params.cursor and params.cursor.isdigit() else 0
        end = start + params.limit
        items = [_snapshot_view(house, one) for one in found[start:end]]
        return {"items": items, "next": str(end) if end < len(found) else None}

    async def remove(asked: Asked, params: t.SnapshotRemove) -> object:
        reply, seq = await house.change(asked, RemoveSnapshot(name=params.name, reason=params.reason))
        undo = f"quarterdeck snapshot create {params.name} --at {reply['at_seq']}"
        return {**reply, "undo": undo}, seq

    async def compare(asked: Asked, params: t.SnapshotDiff) -> object:
        await house.engine.settled()
        return await _diff(house, params)

    async def rewind(asked: Asked, params: t.Rewind) -> object:
        async with house.rewind_lock:
            return await _rewind(house, asked, params)

    async def fork(asked: Asked, params: t.Fork) -> object:
        async with forks:  # One after the other: a request that is sent again finds the answer of the first.
            return await _fork(house, asked, params)

    return {
        "snapshot.create": create,
        "snapshot.list": listing,
        "snapshot.remove": remove,
        "snapshot.diff": compare,
        "rewind": rewind,
        "fork": fork,
    }


# --- snapshots and differences ------------------------------------------------------------------------


def _snapshot(house: House, name: str) -> Snapshot:
    snapshot = house.store.get(Snapshot, name)
    assert snapshot is not None, "it was just recorded"
    return snapshot


def _snapshot_view(house: House, snapshot: Snapshot) -> Plain:
    return {
        "id": snapshot.id,
        "at_seq": snapshot.at_seq,
        "seq": snapshot.seq,
        "at": iso(snapshot.at_us),
        "at_time": iso(house.positions.at_us(snapshot.at_seq)),
        "note": snapshot.note,
        "removed": snapshot.removed,
    }


async def _diff(house: House, params: t.SnapshotDiff) -> Plain:
    """One page. The cursor carries the later position, so that all pages are of the same two."""
    a = house.position(params.a)
    b = house.position(params.b)
    offset = 0
    if params.cursor:
        b, offset = _cursor(params.cursor)
    b = house.store.head.seq if b is None else b
    assert a is not None, "it is required"
    if a > b:
        raise QuarterdeckError(
            "bad_value", f"{params.a} ({a}) is later than {params.b or 'now'} ({b})", hint="The earlier one first."
        )
    found = await diff.differences(house.store, a, b, kinds=params.kinds, chunks=params.chunks)
    end = offset + params.limit
    return {
        "a": a,
        "b": b,
        "a_at": iso(house.positions.at_us(a)),
        "b_at": iso(house.positions.at_us(b)),
        "events": b - a,
        "counts": diff.counts(found),
        "items": [diff.item(one) for one in found[offset:end]],
        "next": f"{b}.{end}" if end < len(found) else None,
    }


def _cursor(text: str) -> tuple[int, int]:
    b, dot, offset = text.partition(".")
    if not (dot and b.isdecimal() and offset.isdecimal()):
        raise QuarterdeckError("bad_value", f"{text!r} is no cursor", hint="Hand back the `next` of a page.")
    return int(b), int(offset)


# --- rewinding ----------------------------------------------------------------------------------------


async def _rewind(house: House, asked: Asked, params: t.Rewind) -> object:
    if asked.request_id is not None and house.store.get(Receipt, asked.request_id) is not None:
        # Answered before: the kernel repeats its words, or says that the id was used for something else.
        reply, seq = await house.change(asked, RewindRecords(to_seq=0, scope="workspace", changes=()))
        return reply, seq
    begun = _interrupted(house, params)
    for _ in range(TRIES_MAX):
        scope, to_seq = _wish(house, params, begun)
        plan = await make_plan(house.store, scope, to_seq, house.store.head.seq)
        if params.plan_hash and params.plan_hash != plan.hash:
            raise QuarterdeckError(
                "conflict",
                "the plan is no longer the one that you saw",
                hint="Look at it again with dry_run, then decide.",
                details={"plan_hash": plan.hash},
            )
        if params.dry_run or not (plan.total or begun or (plan.runs and params.runs == "cancel")):
            return _view(house, plan, params, content=True) | {"dry_run": params.dry_run, "id": ""}
        try:
            return await _write(house, asked, params, plan, begun)
        except QuarterdeckError as error:
            begun = next(house.store.live(Rewind), None)
            if error.code != "conflict" or params.plan_hash:
                raise
    raise QuarterdeckError(
        "conflict",
        f"records of {params.scope} changed each time the plan was made ({TRIES_MAX} times)",
        hint="Pause what writes them, or stop, then try again.",
    )


def _interrupted(house: House, params: t.Rewind) -> Rewind | None:
    """The rewind that this one goes on with. Raises QuarterdeckError when there is none of that name."""
    begun = next(house.store.live(Rewind), None)
    if params.resume and (begun is None or begun.id != params.resume):
        raise QuarterdeckError(
            "not_found", f"no rewind {params.resume!r} was interrupted", hint="quarterdeck timeline --kind rewind"
        )
    if begun is None or params.dry_run or params.resume:
        return begun if params.resume else None
    if begun.scope == params.scope and begun.to_seq == _to_seq(house, params):
        return begun
    raise QuarterdeckError(
        "conflict",
        f"the rewind {begun.id} to {begun.to_seq} was interrupted and is not finished",
        hint=f"First: quarterdeck rewind --resume {begun.id}",
    )


def _wish(house: House, params: t.Rewind, begun: Rewind | None) -> tuple[Scope, int]:
    if begun is not None:
        return scope_of(house.store, begun.scope), begun.to_seq
    return scope_of(house.store, params.scope), _to_seq(house, params)


def _to_seq(house: House, params: t.Rewind) -> int:
    to_seq = house.positions.of(params.to)
    if to_seq is None and params.scope.startswith("rewind:"):
        earlier = house.store.get(Rewind, params.scope.partition(":")[2])
        to_seq = earlier.from_seq if earlier is not None else None
    if to_seq is None:
        raise QuarterdeckError("schema", "params: `to` is missing", hint="A position, a time or a snapshot's name.")
    return house.positions.command_end(to_seq)


def _view(house: House, plan: Plan, params: t.Rewind, *, content: bool) -> Plain:
    return {
        **plan_view(plan, limit=params.limit, content=content),
        "to_at": iso(house.positions.at_us(plan.to_seq)),
        "cancelled": [],
        "undo": {},
        "undo_words": "",
    }


async def _write(house: House, asked: Asked, params: t.Rewind, plan: Plan, begun: Rewind | None) -> tuple[Plain, int]:
    """Write the slices, one commit each; the last one carries the answer."""
    slices = list(plan.slices())
    cancel = tuple(run.id for run in plan.runs) if params.runs == "cancel" else ()
    done = max(0, begun.changes - plan.total) if begun is not None else 0
    rewind = begun.id if begun is not None else ""
    told = _view(house, plan, params, content=False)
    for number, (changes, edges) in enumerate(slices, start=1):
        command = RewindRecords(
            to_seq=plan.to_seq,
            scope=str(plan.scope),
            changes=changes,
            edges=edges,
            cancel=cancel,
            rewind=rewind,
            total=plan.total,
            done=done,
            last=number == len(slices),
            reason=params.reason,
            told=told,
        )
        if command.last:
            reply, seq = await house.change(asked, command)
            house.alerts.pop("rewind", None)
            return reply, seq
        first = await house.engine.execute(command, actor=asked.actor)
        rewind = str(first.reply["rewind"])
        _tell_of_interrupted(house)
        done += len(changes) + len(edges)
    raise AssertionError("the last slice answers")


def _tell_of_interrupted(house: House) -> None:
    begun = next(house.store.live(Rewind), None)
    if begun is not None:
        house.alerts["rewind"] = {
            "level": "warning",
            "text": f"the rewind {begun.id} to {begun.to_seq} is not finished: some records are of then, some of now",
            "hint": f"quarterdeck rewind --resume {begun.id}",
        }


# --- forks --------------------------------------------------------------------------------------------


async def _fork(house: House, asked: Asked, params: t.Fork) -> object:
    if asked.request_id is not None and house.store.get(Receipt, asked.request_id) is not None:
        return await house.change(asked, NoteFork(fork="", path="", at_seq=0))

    async def tell(phase: Plain) -> None:
        if params.progress:
            await asked.send(phase)

    at = house.positions.of(params.at)
    await house.engine.settled()
    at_seq = house.positions.command_end(house.store.head.seq if at is None else at)
    wanted = Fork(origin=house.workspace, at_seq=at_seq, name=params.name, path=params.path, reason=params.reason)
    made = await make_fork(house.engine.store, wanted, tell=tell)
    command = NoteFork(fork=str(made["id"]), path=str(made["path"]), at_seq=at_seq, reason=params.reason, told=made)
    return await house.change(asked, command)
