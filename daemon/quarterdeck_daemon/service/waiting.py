"""What waits for the operator: in the order of asking, with the groups that can be decided together."""

from __future__ import annotations

from ..core.approval_order import awaits, in_order
from ..core.cooling import cooling_us
from ..core.entities import Action, Plain
from ..core.groups import Group, cards_of, grouped
from ..core.table import Table
from .changes import Then
from .house import House
from .views import action_view


def waiting_actions(house: House, as_of: int | None = None) -> list[Action]:
    """What waits for a decision now, or waited then: not what was put away. Risk first, then money, then expiry."""
    now_us = moment_of(house, as_of)
    found = house.store.live(Action) if as_of is None else house.store.scan(Action, as_of=as_of)
    return in_order(action for action in found if awaits(action, now_us))


def moment_of(house: House, as_of: int | None) -> int:
    return house.engine.now_us() if as_of is None else house.positions.at_us(as_of) or 0


def table_of(house: House, as_of: int | None) -> Table:
    return house.store if as_of is None else Then(house.store, as_of)


def groups_of(house: House, actions: list[Action], as_of: int | None = None) -> list[Group]:
    return grouped(cards_of(table_of(house, as_of), actions))


def approval_views(house: House, as_of: int | None = None) -> list[Plain]:
    """Every waiting action as it is put before the operator."""
    actions = waiting_actions(house, as_of)
    table = table_of(house, as_of)
    by_id = {id: group for group in groups_of(house, actions, as_of) for id in (one.id for one in group.items)}
    return [{**action_view(one), **_wait(table, one), **_place(one, by_id.get(one.id))} for one in actions]


def _wait(table: Table, action: Action) -> Plain:
    """How long it would wait after a yes, to be read again."""
    return {"cools_ms": cooling_us(table, action, action.verdict) // 1_000}


def _place(action: Action, group: Group | None) -> Plain:
    if group is None:
        return {"group": action.group, "group_items": [], "ticked": False, "outlier": ""}
    outlier = group.outliers.get(action.id, "")
    return {
        "group": group.id,
        "group_items": [one.id for one in group.items],
        "ticked": not outlier,
        "outlier": outlier,
    }
