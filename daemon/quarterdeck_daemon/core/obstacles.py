"""What came between a permission and its effect (R0): a connector that offers something else, a budget that is gone.

With each permission is kept what it rested on: what the connector offered then, and which spent budgets the operator knew of. If
there is more by the time it would leave, it goes back to the operator with the reason; a yes to that covers it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .budgets import open_reservation
from .entities import Action, Plain
from .room import effect_work, first_block, places_of
from .turn import Turn
from .verbs import VERBS


def offered(name: str) -> Plain:
    """What the connector says of this verb: its class, where it goes, what takes it back."""
    rule = VERBS.get(name)
    fields = msgspec.structs.asdict(rule) if rule is not None else {}
    return {field: list(value) if isinstance(value, tuple) else value for field, value in fields.items()}


def rests(turn: Turn, action: Action) -> Plain:
    """What a yes to the action as it stands rests on."""
    spent = _spent(turn, action)
    return {"offers": offered(_name(action)), **({"spent": sorted(spent)} if spent else {})}


def obstacles(turn: Turn, action: Action) -> tuple[str, ...]:
    """Why it may not leave as it was permitted, in words; () when nothing came between. Logs from before know of nothing."""
    if not action.rests:
        return ()
    known = action.rests.get("spent", ())
    assert isinstance(known, list | tuple), "a list of limits"
    return (*_otherwise(action), *(why for limit, why in _spent(turn, action).items() if limit not in known))


def _otherwise(action: Action) -> Iterator[str]:
    then, now = action.rests["offers"], offered(_name(action))
    assert isinstance(then, dict), "what was offered is a map"
    changed = [
        f"{field}: {then.get(field) or 'nothing'} became {now[field] or 'nothing'}"
        for field in now
        if then.get(field) != now[field]
    ]
    if changed:
        yield f"the connector offers another {_name(action)} than the one that was permitted ({'; '.join(changed)})"


def _spent(turn: Turn, action: Action) -> dict[str, str]:
    """The budget that bars it and that only the operator can raise -> why. What a new span gives back is only waited for."""
    work = effect_work(turn, action)
    if open_reservation(turn, work.id) is not None:
        return {}  # It was called from a line.
    block = first_block(turn, places_of(turn, work), work)
    if block is None or block.over != "escalate":
        return {}
    raise_it = f"quarterdeck budget raise {block.scope} --per {block.per} --calls 10"
    return {f"{block.scope}/{block.per}": f"its budget is gone: {block.why}; to let it leave: {raise_it}"}


def _name(action: Action) -> str:
    return f"{action.connector}.{action.verb}"
