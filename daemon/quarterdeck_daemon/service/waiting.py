"""What waits for the operator: in the order of asking, with the groups that can be decided together."""

from __future__ import annotations

from ..core.approval_order import awaits, in_order
from ..core.cooling import cooling_us
from ..core.entities import Action, Plain, Run
from ..core.gates import Gate, gates_of
from ..core.groups import Group, cards_of, grouped
from ..core.table import Table
from .house import House
from .past_table import PastTable
from .views import action_view, gate_view


def waiting(house: House, as_of: int | None = None, *, away: bool = False) -> list[Action | Gate]:
    """What waits for a decision now, or waited then: risk first, then money, then expiry. away: what was put away, too."""
    now_us = moment_of(house, as_of)
    actions = house.store.live(Action) if as_of is None else house.store.scan(Action, as_of=as_of)
    runs = house.store.live(Run) if as_of is None else house.store.scan(Run, as_of=as_of)
    found: list[Action | Gate] = [one for one in actions if awaits(one, now_us, away=away)]
    found += [gate for run in runs for gate in gates_of(run) if awaits(gate, now_us, away=away)]
    return in_order(found)


def moment_of(house: House, as_of: int | None) -> int:
    return house.engine.now_us() if as_of is None else house.positions.at_us(as_of) or 0


def table_of(house: House, as_of: int | None) -> Table:
    return PastTable(house.store, as_of)


def groups_of(house: House, actions: list[Action], as_of: int | None = None) -> list[Group]:
    return grouped(cards_of(table_of(house, as_of), actions))


def approval_views(house: House, as_of: int | None = None, *, away: bool = False) -> list[Plain]:
    """Everything that waits, as it is put before the operator. Groups take only actions, and none that was put away."""
    found = waiting(house, as_of, away=away)
    table = table_of(house, as_of)
    now_us = moment_of(house, as_of)
    groups = groups_of(house, [one for one in found if isinstance(one, Action) and awaits(one, now_us)], as_of)
    by_id = {one.id: group for group in groups for one in group.items}
    return [_item(table, one, by_id.get(one.id)) for one in found]


def _item(table: Table, one: Action | Gate, group: Group | None) -> Plain:
    if isinstance(one, Gate):
        return gate_view(one)
    return {**action_view(one), **_wait(table, one), **_place(one, group)}


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
