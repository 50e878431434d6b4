"""A list whose rows are given as texts: for whatever needs no list of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ..text import visible
from .row_list import Column, RowList

CURSOR = Column("", 1)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One text for each column, raw. `style`: a component class of the list."""

    id: str
    cells: tuple[str, ...]
    style: str = "list--row"


class TableList(RowList[TableRow]):
    """Assign `table`, the columns after the cursor's, and `rows`."""

    table: tuple[Column, ...] = ()

    def columns(self) -> tuple[Column, ...]:
        return (CURSOR, *(column for column in self.table if self.size.width >= column.shown_from))

    def values(self, index: int, row: TableRow) -> list[str]:
        shown = zip(self.table, row.cells, strict=True)
        return [visible(cell) for column, cell in shown if self.size.width >= column.shown_from]

    def style_of(self, row: TableRow) -> str:
        return row.style

    def find(self, id: str) -> None:
        """Put the cursor on the row with this id, where there is one."""
        found = next((index for index, row in enumerate(self.rows) if row.id == id), None)
        if found is not None:
            self.go(found)
