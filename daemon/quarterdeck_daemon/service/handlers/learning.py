"""agent.record, lesson.*, template.*: what was learned, and what it was worth."""

from __future__ import annotations

import asyncio

import msgspec

from quarterdeck_protocol import learning_messages as le
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.calibration import standing, table_of_bins
from ...core.commands import DecideHabit, LessonDraft
from ...core.entities import Action, Habit, Memory, Plain, Record
from ...core.track import confidence_of
from ..house import House, time_us
from ..learned import diff_of, is_lesson, lesson_view, lessons_in, suggested_in, suggested_view, template_records
from ..rpc import Asked, Handler
from ..steering import load
from ..template_keeping import kept, path_for, write
from ..waiting import table_of
from .pages import offset_of


def handlers(house: House) -> dict[str, Handler]:
    async def records(asked: Asked, params: le.RecordList) -> object:
        found = [_record(one) for one in house.store.scan(Record, as_of=house.position(params.as_of))]
        return paged([one for one in found if params.agent in (None, one["agent"])], params.cursor, params.limit)

    async def lessons(asked: Asked, params: le.LessonList) -> object:
        table = table_of(house, house.position(params.as_of))
        found = lessons_in(table, every=params.all, agent=params.agent)
        return paged([lesson_view(table, one) for one in found], params.cursor, params.limit)

    async def suggested(asked: Asked, params: le.SuggestedList) -> object:
        table = table_of(house, house.position(params.as_of))
        return paged(list(suggested_in(table, every=params.all)), params.cursor, params.limit)

    async def lesson(asked: Asked, params: p.ReadOne) -> object:
        table, id = table_of(house, house.position(params.as_of)), params.id.removeprefix("memory:")
        habit, memory = table.get(Habit, id), table.get(Memory, id)
        if habit is not None:
            return {"suggested": suggested_view(table, habit)}
        if memory is None or not is_lesson(memory):
            raise QuarterdeckError("not_found", f"there is no lesson {params.id!r}", hint="quarterdeck lessons")
        return {"lesson": {**lesson_view(table, memory), "diff": diff_of(table, memory)}}

    async def decide(asked: Asked, params: le.LessonDecide) -> object:
        lesson = LessonDraft(text="") if params.lesson is None else lesson_draft(params.lesson, "")
        command = DecideHabit(id=params.id, decision=params.decision, shown_hash=params.shown_hash, lesson=lesson)
        return await house.change(asked, command)

    async def templates(asked: Asked, params: p.Listing) -> object:
        table = table_of(house, house.position(params.as_of))
        return paged(list(template_records(table)), params.cursor, params.limit)

    async def keep(asked: Asked, params: le.TemplateKeep) -> object:
        return await _kept(house, params)

    return {
        "agent.record": records,
        "lesson.list": lessons,
        "lesson.suggested": suggested,
        "lesson.get": lesson,
        "lesson.decide": decide,
        "template.record": templates,
        "template.keep": keep,
    }


async def _kept(house: House, params: le.TemplateKeep) -> Plain:
    """The template of an approved mail; written when it is no dry run, and never over another."""
    action = house.store.get(Action, params.id.removeprefix("action:"))
    if action is None:
        raise QuarterdeckError("not_found", f"there is no action {params.id!r}", hint="quarterdeck timeline")
    found = await asyncio.to_thread(kept, house.store, action)
    path = path_for(house.workspace, params.name)
    if path.exists():
        raise QuarterdeckError(
            "conflict", f"{path.name} is there already; it is not overwritten", hint="Choose another name."
        )
    if not params.dry_run:
        await asyncio.to_thread(write, path, found.text)
        await load(house)
    return {
        "path": f"templates/{path.name}", "text": found.text, "written": not params.dry_run,
        "turned": list(found.turned), "left": list(found.left),
    }  # fmt: skip


def lesson_draft(lesson: p.Lesson, reason: str) -> LessonDraft:
    """What is to be learned, as the kernel takes it. reason: its words when it has none of its own."""
    return LessonDraft(
        text=lesson.text or reason,
        agents=lesson.agents,
        to=lesson.to,
        everybody=lesson.everybody,
        expires_us=time_us(lesson.until) if lesson.until else None,
    )


def paged(items: list[Plain], cursor: str | None, limit: int) -> Plain:
    start = offset_of(cursor)
    end = start + limit
    return {"items": items[start:end], "next": str(end) if end < len(items) else None}


def _record(record: Record) -> Plain:
    agent, _, action = record.id.partition("/")
    confidence, basis = confidence_of(record)
    return {
        "id": record.id, "agent": agent, "action": action, "confidence": confidence, "basis": basis,
        "standing": standing(record.tally), "bins": [msgspec.to_builtins(one) for one in table_of_bins(record)],
    }  # fmt: skip
