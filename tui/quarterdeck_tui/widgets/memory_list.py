"""Memories and facts, one line each; after a search with the reason why each was found."""

from __future__ import annotations

from textual.reactive import reactive

from ..clock import age
from ..memories import MemoryRow
from ..text import visible
from .row_list import Column, RowList

TRUST_WORDS = {"operator": "you", "agent": "agent", "external": "outside"}
COLUMNS = (
    Column("", 1), Column("ID", 7), Column("KIND", 9), Column("WHAT", 0), Column("TRUST", 7), Column("AGE", 4, right=True),
)  # fmt: skip
WITH_WHY = (*COLUMNS[:4], Column("WHY", 32), *COLUMNS[4:])
WHY_FROM = 100  # Narrower, the reason stands only with what is told about the row.


class MemoryList(RowList[MemoryRow]):
    now_us: reactive[int] = reactive(0, repaint=True)

    def columns(self) -> tuple[Column, ...]:
        found = any(row.memory.why.words for row in self.rows)
        return WITH_WHY if found and self.size.width >= WHY_FROM else COLUMNS

    def values(self, index: int, row: MemoryRow) -> list[str]:
        one = row.memory
        gone = f"({one.gone}) " if one.gone else ""
        pinned = f"{self.marks.ticked} " if one.pinned else ""
        said = f"{one.key or one.name}  {one.says}" if one.fact else one.says
        why = [visible(one.why.words)] if self.columns() is WITH_WHY else []
        head = [visible("fact" if one.fact else one.name), visible(one.kind), visible(f"{gone}{pinned}{said}")]
        trust = TRUST_WORDS.get(one.labels.integrity, one.labels.integrity)
        return [*head, *why, visible(trust), age(one.at_us, self.now_us)]

    def style_of(self, row: MemoryRow) -> str:
        return "list--asleep" if row.memory.gone else "list--row"
