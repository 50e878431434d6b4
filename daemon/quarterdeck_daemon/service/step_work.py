"""The order for one step, made from what its `step.started` recorded: the same for production, replay and rehearsal."""

from __future__ import annotations

from quarterdeck_protocol.events import Event

from ..core.entities import Plain
from ..core.orders import ModelReply, RunStep
from ..core.shown import Versions, rebuild
from ..core.table import Table
from ..core.turn import strings
from .agents import prompt_file


def step_work(
    table: Table, started: Event, attempt: int, versions: Versions, replies: tuple[ModelReply, ...] = (),
    asked: tuple[str, ...] = (),
) -> RunStep:  # fmt: skip
    """started: the event that holds input and context.  replies: what models answered to the step so far."""
    body = started.body
    return RunStep(
        run=str(body["run"]),
        step=str(body["step"]),
        attempt=attempt,
        agent=str(body["agent"]),
        input=_map(body["input"]),
        context=rebuild(body, started.at_us, versions).context,
        now_us=started.at_us,
        file=prompt_file(table, str(body["agent"]), str(body.get("agent_version", ""))),
        purposes=strings(body.get("purposes", ())),
        replies=replies,
        asked=asked,
        mode=str(body.get("mode", "")),
    )


def _map(value: object) -> Plain:
    assert isinstance(value, dict), "recorded as a map"
    return value
