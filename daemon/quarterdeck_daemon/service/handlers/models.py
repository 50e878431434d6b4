"""model.*: which models there are, choosing among them, asking one."""

from __future__ import annotations

import asyncio
from collections import Counter

from quarterdeck_protocol import model_messages as m
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import Code, QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import OPERATOR, Labels

from ...core.commands import AskModelNow, CancelCall
from ...core.entities import ModelCall, Plain
from ...core.modes import models_of
from ...core.orders import ModelRequest
from ..house import House
from ..model_calls import recorded_reply
from ..model_desk import ModelDesk, while_there
from ..model_errand import errand
from ..model_judging import Judging
from ..model_shelf import language_rows
from ..models import model_rows, use_model
from ..rpc import Asked, Handler
from .pages import only_now


def handlers(house: House) -> dict[str, Handler]:
    async def listed(asked: Asked, params: p.Listing) -> object:
        only_now("model.list", params.as_of)
        index = _index(house)
        hosted = house.hub.models
        rows = await asyncio.to_thread(model_rows, house.workspace, str(index["embedder"]))
        rows += await asyncio.to_thread(language_rows, house.workspace, dict(hosted))
        for row in rows:  # The kernel may keep one from answering that its host calls ready.
            _add_problem(house, row)
        return {"items": rows, "next": None, "index": index}

    async def use(asked: Asked, params: m.ModelUse) -> object:
        changed = await asyncio.to_thread(use_model, house.workspace, params.id)
        if changed:
            await _restart_indexer(house)
        return {"id": params.id, "changed": changed}

    async def ask(asked: Asked, params: m.ModelAsk) -> object:
        return await _answer(house, asked, params)

    async def cancel(asked: Asked, params: m.ModelCancel) -> object:
        told, seq = await house.change(asked, CancelCall(call=params.id, reason=params.reason))
        return {"id": params.id, "status": told["status"], "seq": seq}, seq

    async def reload(asked: Asked, params: m.ModelReload) -> object:
        desk = _desk(house)
        await desk.reload()
        return {"models": list(desk.settings)}

    async def add(asked: Asked, params: m.ModelAdd) -> object:
        options = {"from": params.source, "sha256": params.sha256, "url": params.url, "model": params.model}
        return await _taken_in(house, "add", params.id, {**options, "key": params.key, "tier": str(params.tier)})

    async def pull(asked: Asked, params: m.ModelPull) -> object:
        if house.stopped:
            raise QuarterdeckError("stopped", "everything is stopped; nothing is fetched", hint="quarterdeck resume")
        options = {"from": params.source, "hub": params.hub, "sha256": params.sha256, "key": params.key}
        return await _taken_in(house, "pull", params.id, {**options, "tier": str(params.tier)})

    async def bench(asked: Asked, params: m.ModelBench) -> object:
        return await errand(house.workspace, "bench", params.id, {})

    async def judge(asked: Asked, params: m.ModelJudge) -> object:
        return await _judged(house, asked, params)

    return {
        "model.judge": judge,
        "model.add": add,
        "model.pull": pull,
        "model.bench": bench,
        "model.list": listed,
        "model.reload": reload,
        "model.use": use,
        "model.ask": ask,
        "model.cancel": cancel,
    }


# --- asking ---------------------------------------------------------------------------------------

REFUSALS: dict[str, Code] = {
    "budget_exceeded": "budget_exceeded",
    "mode": "policy_denied",
    **dict.fromkeys(("bad_request", "bad_schema", "too_long"), "bad_value"),  # What was asked is the reason.
}
HINTS: dict[str, str] = {
    "budget_exceeded": "quarterdeck budget; quarterdeck budget raise",
    "bad_value": "Ask otherwise.",
}
FAILURES: dict[str, Code] = {"timeout": "deadline"}


async def _answer(house: House, asked: Asked, params: m.ModelAsk) -> object:
    """Have the kernel record and route it, pass the pieces on, and tell what is in the log at its end."""
    desk = _desk(house)
    if house.stopped:
        raise QuarterdeckError("stopped", "everything is stopped; no model is asked", hint="quarterdeck resume")
    labels = Labels(sensitivity="secret") if params.secret else OPERATOR
    request = ModelRequest(
        purpose=params.purpose, prompt=params.prompt, system=params.system, schema=params.schema,
        choices=params.choices, tokens_max=params.tokens_max, temperature=params.temperature, seed=params.seed,
        labels=labels,
    )  # fmt: skip
    begun, _ = await house.change(asked, AskModelNow(request=request))
    call = str(begun["call"])
    pieces = _Pieces(asked)
    with desk.waiting(call, pieces.add) as end:
        sending = asyncio.create_task(pieces.send())
        try:
            event = await while_there(end, pieces.nothing)
            await pieces.end(sending)
        except (asyncio.CancelledError, QuarterdeckError) as error:
            reason = "nobody waits for it" if isinstance(error, QuarterdeckError) else "its time was over"
            await house.engine.execute(CancelCall(call=call, reason=reason), actor=asked.actor)
            raise
        finally:
            sending.cancel()
    return _told(house, call, event), event.seq


class _Pieces:
    """Pieces on their way to who asked: what comes while one is being sent goes with the next."""

    def __init__(self, asked: Asked) -> None:
        self._asked, self._held, self._try = asked, "", 0
        self._there = asyncio.Event()
        self._ended = False

    def add(self, tried: int, piece: str) -> None:
        self._held = piece if tried != self._try else self._held + piece
        self._try = tried
        self._there.set()

    async def nothing(self) -> bool:
        """Tell who asked that there is nothing new. Returns whether somebody is there to be told."""
        return await self._asked.send({"text": "", "try": self._try})

    async def send(self) -> None:
        while not self._ended or self._held:
            await self._there.wait()
            self._there.clear()
            held, self._held = self._held, ""
            if held:
                await self._asked.send({"text": held, "try": self._try})

    async def end(self, sending: asyncio.Task[None]) -> None:
        self._ended = True
        self._there.set()
        await sending


def _told(house: House, id: str, event: Event) -> Plain:
    """The answer as the log has it. Raises QuarterdeckError for a question that got none."""
    call = house.engine.store.get(ModelCall, id)
    assert call is not None, "its end was told"
    reply = recorded_reply(house.engine.store, call)
    if reply is None:
        error = call.error
        code = REFUSALS.get(str(error.get("code")), FAILURES.get(str(error.get("failure")), "unavailable"))
        message = str(error.get("message") or f"the call was {call.status}")
        hint = str(error.get("hint") or HINTS.get(code, "quarterdeck models list"))
        raise QuarterdeckError(code, message, hint=hint, details={"call": id, "status": call.status})
    return {
        "call": id, "seq": event.seq, "model": reply.model, "text": reply.text, "value": reply.value,
        "scores": reply.scores, "finish": reply.finish, "why": call.why, "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out, "first_ms": reply.first_ms, "ms": reply.ms, "money": call.money,
        "cached": reply.cached,
    }  # fmt: skip


async def _judged(house: House, asked: Asked, params: m.ModelJudge) -> Plain:
    if house.stopped:
        raise QuarterdeckError("stopped", "everything is stopped; no model is asked", hint="quarterdeck resume")
    judging = Judging(house, _desk(house), asked.actor, asked.send)
    models = judging.models(params.ids)
    cases = await judging.cases(params.purposes, params.most)
    items = [] if params.foresee else [row for spec in models for row in await judging.judge(spec, cases)]
    return {
        "cases": Counter(case.stood for case in cases),
        "foreseen": [judging.foreseen(spec, cases) for spec in models],
        "items": items,
    }


async def _taken_in(house: House, verb: str, id: str, options: dict[str, str]) -> Plain:
    """The command line tells us itself when it has changed the settings."""
    made = await errand(house.workspace, verb, id, options)
    return {"id": id, "path": made.get("path", ""), "sha256": made.get("sha256", "")}


def _desk(house: House) -> ModelDesk:
    if house.models is None:
        raise QuarterdeckError("unavailable", "this daemon has no models")
    return house.models


def _add_problem(house: House, row: Plain) -> None:
    spec = next((one for one in models_of(house.engine.store).specs if one.name == row["id"]), None)
    if row["kind"] == "language" and spec is not None and row["ready"] and not spec.ready:
        row |= {"ready": False, "problem": spec.problem, "fix": "quarterdeck resume"}


def _index(house: House) -> Plain:
    applied = house.recall.applied
    if applied is None:
        return {"embedder": "", "rows": 0, "migrating_to": "", "migrated": 0}
    return {
        "embedder": applied.embedder,
        "rows": applied.rows,
        "migrating_to": applied.migrating_to,
        "migrated": applied.migrated,
    }


async def _restart_indexer(house: House) -> None:
    """It reads the settings when it starts; the supervisor starts it again, and the old vectors go on answering."""
    for process in house.hub.processes():
        if process["role"] == "indexer":
            await house.link.kill(int(str(process["pid"])), "another embedder was chosen")
