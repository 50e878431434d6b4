"""What serves which objective: an index by the objective, kept with every change of it."""

from __future__ import annotations

from .entities import Part
from .table import Draft, Table


def move_part(draft: Draft, entity: str, before: str, now: str, seq: int) -> None:
    """`entity` (`run:r3`) served `before` and serves `now`; "" is none."""
    if before and before != now:
        draft.puts["part", f"{before}/{entity}"] = Part(id=f"{before}/{entity}", seq=seq, gone=True)
    if now and before != now:
        draft.puts["part", f"{now}/{entity}"] = Part(id=f"{now}/{entity}", seq=seq)


def parts_of(table: Table, objective: str) -> list[str]:
    """Return what serves it itself, as `kind:id`, in order of kind and id."""
    prefix = f"{objective}/"
    return [part.id.removeprefix(prefix) for part in table.scan(Part, prefix=prefix) if not part.gone]
