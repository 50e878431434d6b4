"""Trying models on what the operator has decided: `model.judge`. What agrees with what stands in core/judging.py.

Promises each question is a call of the kernel's record, of the purpose `trial`: routed to that model alone, reserved for in its
         budgets, withheld from it by its labels, ended by the stop. Nothing is proposed, nothing done with an answer; one that
         is known already costs nothing. The marks are kept after each model.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from quarterdeck_protocol.codes import Code, QuarterdeckError

from ..core.commands import CancelCall, TryModel
from ..core.entities import Action, ModelCall, ModelSpec, Plain, Plan
from ..core.judging import Case, Mark, cases_of, marked
from ..core.modes import models_of
from ..core.orders import ModelReply
from ..core.prices import money_of
from ..core.routing import withheld
from .house import House
from .model_calls import recorded_reply, recorded_request
from .model_desk import ModelDesk, while_there
from .model_figures import Judged, keep_judged, quality_rows
from .views import money_text
from .workspace import STATE_NAME

Tell = Callable[[Plain], Awaitable[bool]]
REFUSED: Final[dict[str, Code]] = {"budget_exceeded": "budget_exceeded", "cancelled": "unavailable"}
NOT_ITS_FAULT: Final = frozenset(("transient", "stopped"))


class Judging:
    """One call of `model.judge`. actor: who asked for it."""

    def __init__(self, house: House, desk: ModelDesk, actor: str, tell: Tell) -> None:
        self._house, self._desk, self._actor, self._tell = house, desk, actor, tell
        self._store = house.store

    async def cases(self, purposes: Sequence[str], most: int) -> list[Case]:
        return await asyncio.to_thread(self._cases, purposes, most)

    def _cases(self, purposes: Sequence[str], most: int) -> list[Case]:
        calls = (
            call
            for call in self._store.scan(ModelCall)
            if not call.only and (not purposes or call.purpose in purposes)
        )
        return cases_of(
            calls,
            self._store.scan(Action),
            self._store.scan(Plan),
            lambda call: recorded_reply(self._store, call),
            most,
        )

    def models(self, names: Sequence[str]) -> list[ModelSpec]:
        """Raises QuarterdeckError `not_found` for one that is not in the settings, `unavailable` for one that is not ready."""
        specs = {spec.name: spec for spec in models_of(self._store).specs}
        if unknown := next((name for name in names if name not in specs), None):
            hint = f"There are: {', '.join(specs)}." if specs else "quarterdeck models add"
            raise QuarterdeckError("not_found", f"there is no language model {unknown[:64]!r}", hint=hint)
        wanted = [specs[name] for name in dict.fromkeys(names)] or [one for one in specs.values() if one.ready]
        if not wanted:
            raise QuarterdeckError("not_found", "no language model is ready", hint="quarterdeck models")
        if (lame := next((spec for spec in wanted if not spec.ready), None)) is not None:
            raise QuarterdeckError(
                "unavailable", f"{lame.name} is not ready: {lame.problem}", hint="quarterdeck models"
            )
        return wanted

    def foreseen(self, spec: ModelSpec, cases: Sequence[Case]) -> Plain:
        """What it will be shown, and what that uses at most."""
        shown = [call for case in cases if not withheld(spec, case.labels) and (call := self._call(case)) is not None]
        tokens = sum(call.most_in + call.most_out for call in shown)
        money = sum(money_of(spec, call.most_in, call.most_out) for call in shown)
        return {
            "id": spec.name,
            "remote": spec.remote,
            "questions": len(shown),
            "tokens": tokens,
            "money": money_text(money),
        }

    def _call(self, case: Case) -> ModelCall | None:
        return self._store.get(ModelCall, case.call)

    async def judge(self, spec: ModelSpec, cases: Sequence[Case]) -> list[Plain]:
        """Ask it everything it may be shown; keep and return its marks."""
        marks: dict[str, Mark] = {}
        id = spec.id
        for number, case in enumerate(cases, start=1):
            mark = marks.get(case.purpose, Mark())
            if withheld(spec, case.labels):
                marks[case.purpose] = msgspec.structs.replace(mark, withheld=mark.withheld + 1)
                continue
            progress: Plain = {"id": spec.name, "done": number - 1, "of": len(cases)}
            reply = await self._try(spec, case, functools.partial(self._tell, progress))
            id = reply.model if reply is not None else id
            marks[case.purpose] = await asyncio.to_thread(marked, mark, case, reply)
            await self._tell({**progress, "done": number})
        home = self._house.workspace / STATE_NAME
        found = Judged(id=id, at_us=time.time_ns() // 1_000, marks=marks)
        await asyncio.to_thread(keep_judged, home, spec.name, found)
        return quality_rows(spec.name, found)

    async def _try(self, spec: ModelSpec, case: Case, present: Callable[[], Awaitable[bool]]) -> ModelReply | None:
        """The answer; None when the model has none to this. Raises QuarterdeckError when it cannot be asked at all."""
        first = self._call(case)
        request = recorded_request(self._store, first) if first is not None else None
        if first is None or request is None:
            raise QuarterdeckError("conflict", f"{case.call} was forgotten meanwhile", hint="Judge again.")
        command = TryModel(call=case.call, request=request, model=spec.name)
        begun = await self._house.engine.execute(command, actor=self._actor)
        id = str(begun.reply["call"])
        with self._desk.waiting(id, lambda tried, piece: None) as end:
            try:
                await while_there(end, present)
            except (asyncio.CancelledError, QuarterdeckError):
                await self._house.engine.execute(CancelCall(call=id, reason="nobody waits"), actor=self._actor)
                raise
        call = self._store.get(ModelCall, id)
        assert call is not None, "its end was told"
        reply = recorded_reply(self._store, call)
        if reply is None:
            self._check(call, spec)
        return reply

    def _check(self, call: ModelCall, spec: ModelSpec) -> None:
        """A question that is too long for a model, or that it fails at, counts; what keeps it from being asked does not."""
        code = str(call.error.get("code"))
        too_long = call.most_in + call.most_out > spec.context_tokens
        if call.status == "failed" and call.error.get("failure") not in NOT_ITS_FAULT:
            return
        if call.status == "refused" and code == "no_model" and too_long:
            return
        message = f"{spec.name} was asked no further: {call.error.get('message') or call.status}"
        raise QuarterdeckError(
            REFUSED.get(code, "unavailable"), message, hint="What it answered is known: go on later."
        )
