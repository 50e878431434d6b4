"""The order of the list: stable while somebody reads it.

Owns     which row stands where. New items go to the end and are counted; nothing moves until the
         operator asks (`sorted_by_risk`), so the row under the cursor is never another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from .text import visible
from .views import RISK_ORDER, ApprovalView

Tab = Literal["all", "outbound", "other"]
TABS: tuple[Tab, ...] = ("all", "outbound", "other")

IN_TAB: dict[Tab, Callable[[ApprovalView], bool]] = {
    "all": lambda _: True,
    "outbound": lambda view: view.outbound,
    "other": lambda view: not view.outbound,
}
FIELDS: dict[str, Callable[[ApprovalView], str]] = {
    "risk": lambda view: view.risk,
    "agent": lambda view: view.agent,
    "act": lambda view: view.act,
    "to": lambda view: " ".join(view.targets),
    "run": lambda view: view.run,
    "id": lambda view: view.id,
}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Ids in drawing order, and those that came since the last sort."""

    ids: tuple[str, ...] = ()
    new: frozenset[str] = frozenset()

    def with_items(self, views: Iterable[ApprovalView]) -> Arrangement:
        """Return the order after the list changed: the known rows keep their order, new ones follow."""
        views = tuple(views)
        if not self.ids:
            return sorted_by_risk(views)
        known = frozenset(self.ids)
        present = {view.id for view in views}
        kept = tuple(id for id in self.ids if id in present)
        fresh = tuple(view.id for view in views if view.id not in known)
        return Arrangement(ids=kept + fresh, new=(self.new & present) | frozenset(fresh))


def sorted_by_risk(views: Iterable[ApprovalView]) -> Arrangement:
    """Highest risk first, then what is due first, then what waits longest."""
    late = 1 << 62
    ordered = sorted(
        views, key=lambda view: (RISK_ORDER[view.risk], view.expires_us or late, view.at_us or 0, view.id)
    )
    return Arrangement(ids=tuple(view.id for view in ordered))


def rows(
    arrangement: Arrangement, views: Iterable[ApprovalView], tab: Tab = "all", query: str = ""
) -> tuple[ApprovalView, ...]:
    """Return the views to draw, in order: those of the tab that fit every word of `query`."""
    by_id = {view.id: view for view in views}
    words = query.lower().split()
    return tuple(
        view
        for view in (by_id[id] for id in arrangement.ids if id in by_id)
        if IN_TAB[tab](view) and all(_fits(view, word) for word in words)
    )


def _fits(view: ApprovalView, word: str) -> bool:
    name, colon, value = word.partition(":")
    if colon and name in FIELDS:
        return value in FIELDS[name](view).lower()
    hay = f"{view.id} {view.agent} {view.act} {view.summary} {' '.join(view.targets)}"
    return word in visible(hay).lower()
