"""memory.list, edit, supersede, move, pin, withdraw, restore: looking through the tiers and changing what lies there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from quarterdeck_protocol import memory_params as mp
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import Labels

from ...core.commands import EditMemory, MoveMemory, PinMemory, SupersedeMemory, WithdrawMemories
from ...core.durations import duration_us
from ...core.entities import Counter, Memory, Plain
from ...store.api import Store
from ..house import House, time_us
from ..rpc import Asked, Handler
from ..views import memory_view

LOOKED_AT_MAX = 20_000  # Memories that one page looks at; then it is handed over as it is, with a cursor.
SLICE = 500
NEVER = "never"


def handlers(house: House) -> dict[str, Handler]:
    async def listing(asked: Asked, params: mp.MemoryList) -> object:
        return await _page(house, params)

    async def edit(asked: Asked, params: mp.MemoryEdit) -> object:
        never = params.expires == NEVER
        command = EditMemory(
            id=_bare(params.id),
            text=params.text,
            title=params.title,
            tags=params.tags,
            memory_kind=params.kind,
            when=params.when,
            repeats=params.repeats,
            expires_us=None if never else expiry_us(house, params.expires or ""),
            forever=never,
            hash=params.hash,
            labels=_own(asked),
        )
        return await house.change(asked, command)

    async def supersede(asked: Asked, params: mp.MemorySupersede) -> object:
        command = SupersedeMemory(
            id=_bare(params.id), text=params.text, title=params.title, hash=params.hash, labels=_own(asked)
        )
        return await house.change(asked, command)

    async def move(asked: Asked, params: mp.MemoryMove) -> object:
        return await house.change(asked, MoveMemory(id=_bare(params.id), tier=params.tier, run=params.run))

    async def pin(asked: Asked, params: mp.MemoryPin) -> object:
        return await house.change(asked, PinMemory(id=_bare(params.id), pinned=params.pinned))

    async def withdraw(asked: Asked, params: p.ChangeOne) -> object:
        return await _recalled(house, asked, params, back=False)

    async def restore(asked: Asked, params: p.ChangeOne) -> object:
        return await _recalled(house, asked, params, back=True)

    return {
        "memory.list": listing,
        "memory.edit": edit,
        "memory.supersede": supersede,
        "memory.move": move,
        "memory.pin": pin,
        "memory.withdraw": withdraw,
        "memory.restore": restore,
    }


def expiry_us(house: House, text: str) -> int | None:
    """Return the moment for `30d` or an ISO time; None for an empty text. Raises QuarterdeckError `bad_value`."""
    if not text:
        return None
    try:
        return house.engine.now_us() + duration_us(text)
    except QuarterdeckError:
        pass  # Then it must be a time.
    try:
        return time_us(text)
    except QuarterdeckError as error:
        raise QuarterdeckError(
            "bad_value", f"{text!r} is neither a length of time nor a time", hint="Like 30d, or 2027-01-31."
        ) from error


def _own(asked: Asked) -> Labels:
    return Labels(integrity="operator" if asked.role == "operator" else "agent")


def _bare(id: str) -> str:
    return id.removeprefix("memory:").removeprefix("document:")


async def _recalled(house: House, asked: Asked, params: p.ChangeOne, *, back: bool) -> object:
    id = _bare(params.id)
    reply, seq = await house.change(asked, WithdrawMemories(ids=(id,), back=back, reason=params.reason))
    return {"id": id, **reply}, seq


# --- listing ----------------------------------------------------------------------------------------


async def _page(house: House, params: mp.MemoryList) -> Plain:
    as_of = house.position(params.as_of)
    items: list[Plain] = []
    for looked_at, number in enumerate(_numbers(house.store, params.cursor), start=1):
        memory = house.store.get(Memory, f"m{number}", as_of=as_of)
        if memory is not None and _fits(memory, params):
            items.append(memory_view(memory))
        if len(items) == params.limit or looked_at == LOOKED_AT_MAX:
            return {"items": items, "next": str(number) if number > 1 else None}
        if looked_at % SLICE == 0:
            await asyncio.sleep(0)
    return {"items": items, "next": None}


def _numbers(store: Store, cursor: str | None) -> Iterator[int]:
    """The numbers of memories, newest first, below the one that the page before ended with."""
    if cursor is not None and not cursor.isdigit():
        raise QuarterdeckError("bad_value", f"{cursor!r} is no cursor", hint="Hand back the `next` of a page.")
    counter = store.get(Counter, "m")
    last = counter.value if counter is not None else 0
    return iter(range(min(last, int(cursor) - 1) if cursor else last, 0, -1))


def _fits(memory: Memory, params: mp.MemoryList) -> bool:
    if memory.forgotten or not (params.past or memory.current):
        return False
    wanted = {
        "tier": params.tier,
        "memory_kind": params.kind,
        "namespace": params.namespace,
        "source": params.source,
        "run": params.run,
        "pinned": params.pinned or None,
    }
    same = all(getattr(memory, name) == value for name, value in wanted.items() if value is not None)
    return same and set(params.tags) <= set(memory.tags)
