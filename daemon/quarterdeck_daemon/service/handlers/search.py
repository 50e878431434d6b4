"""memory.search and memory.search_many: questions in, explained hits out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from quarterdeck_protocol import params as p

from ...core.entities import Plain
from ...recall.api import Find, Question
from ..hits import hits
from ..house import House, time_us
from ..rpc import Asked, Handler


def handlers(house: House) -> dict[str, Handler]:
    async def search(asked: Asked, params: p.MemorySearch) -> object:
        question = question_of(house, params, params.query)
        answers = await house.recall.search([question])
        items = _items(house, question, answers.finds[0])
        return {"items": items, "behind": answers.behind, "words_only": answers.words_only}

    async def search_many(asked: Asked, params: p.MemorySearchMany) -> object:
        questions = [question_of(house, params, query) for query in params.queries]
        answers = await house.recall.search(questions)
        found: Sequence[tuple[Question, list[Find]]] = list(zip(questions, answers.finds, strict=True))
        return {
            "answers": [{"items": _items(house, question, finds)} for question, finds in found],
            "behind": answers.behind,
            "words_only": answers.words_only,
        }

    return {"memory.search": search, "memory.search_many": search_many}


def question_of(house: House, params: p.Filters, query: str) -> Question:
    """Raises QuarterdeckError `bad_value` for no time, `out_of_range` for a position outside the log."""
    asked = Question(
        query=query,
        limit=params.limit,
        as_of=house.position(params.as_of),
        past=params.past,
        floor=params.floor,
        mode=params.mode,
        tags=params.tags,
        since_us=time_us(params.since) if params.since else None,
        until_us=time_us(params.until) + 1 if params.until else None,
    )
    return msgspec.structs.replace(
        asked,
        tiers=(params.tier,) if params.tier else (),
        kinds=(params.kind,) if params.kind else (),
        namespaces=(params.namespace,) if params.namespace else (),
        sources=(params.source,) if params.source else (),
    )


def _items(house: House, question: Question, finds: Sequence[Find]) -> list[Plain]:
    items = hits(house.store, question, finds, house.engine.now_us())
    asyncio.get_running_loop().call_soon(
        house.note_shown, items
    )  # The answer goes first; what comes next finds it noted.
    return items
