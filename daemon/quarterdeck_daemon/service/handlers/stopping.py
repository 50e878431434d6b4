"""stop.state and stop.let_go: what a stop met, and letting go on one by one what a release of some kept back."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol import undo_messages as u

from ...core.commands import LetGo
from ...core.entities import Action, Plain, Run, Stop
from ..house import House
from ..rpc import Asked, Handler
from ..views import iso


def handlers(house: House) -> dict[str, Handler]:
    async def state(asked: Asked, params: p.Nothing) -> object:
        return stop_detail(house)

    async def let_go(asked: Asked, params: u.LetGo) -> object:
        command = LetGo(runs=params.runs, actions=params.actions, reason=params.reason)
        return await house.change(asked, command)

    return {"stop.state": state, "stop.let_go": let_go}


def stop_detail(house: House) -> Plain:
    """The last stop with every action that it met, then and now."""
    stop = house.store.get(Stop, "stop") or Stop(id="stop", engaged=False, epoch=0, reason="", by="", at_us=0)
    then = stop.states
    actions = [house.store.get(Action, id) for id in then]
    kept = [action for action in house.store.live(Action) if action.held_back]
    paused = [run.id for run in house.store.live(Run) if run.status == "paused"] if kept or not stop.engaged else []
    return {
        "stopped": stop.engaged,
        "epoch": stop.epoch,
        "reason": stop.reason,
        "by": stop.by,
        "at": iso(stop.at_us) if stop.at_us else None,
        "actions": [_row(action, then[action.id]) for action in actions if action is not None],
        "unlisted": stop.unlisted,
        "paused_runs": paused,
        "held_back": [_row(action, then.get(action.id, "")) for action in kept],
    }


def _row(action: Action, then: str) -> Plain:
    return {
        "id": action.id,
        "summary": action.summary,
        "then": then,
        "now": action.status,
        "run": action.run,
        "held_back": action.held_back,
    }
