"""Reads that take `as_of`: they answer as of then, or say that no past is kept. None ignores it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from quarterdeck_daemon.service.handlers import agents, assets, models, privacy, timeline
from quarterdeck_daemon.service.house import House
from quarterdeck_daemon.service.rpc import Handler
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.params import CostReport, Listing

from .reading_house import ASKED, reading


@pytest.mark.parametrize(
    ("method", "handlers"),
    [
        ("agent.list", agents.handlers),
        ("connector.list", assets.handlers),
        ("model.list", models.handlers),
        ("backup.list", privacy.handlers),
    ],
)
async def test_what_has_no_past_refuses_to_be_asked_for_it(
    method: str, handlers: Callable[[House], dict[str, Handler]], tmp_path: Path
) -> None:
    async with reading() as on:
        on.house.workspace = tmp_path
        with pytest.raises(QuarterdeckError) as refused:
            await handlers(on.house)[method](ASKED, Listing(as_of=0))
    assert (refused.value.code, refused.value.hint) == ("bad_value", "Leave as_of out.")
    assert refused.value.message == f"{method} tells how things are now, not how they were"


async def test_costs_are_reported_as_of_a_position_that_exists() -> None:
    async with reading() as on:
        cost = timeline.handlers(on.house)["cost.report"]
        assert await cost(ASKED, CostReport(as_of=0)) == await cost(ASKED, CostReport())
        with pytest.raises(QuarterdeckError) as refused:
            await cost(ASKED, CostReport(as_of=10**9))
    assert refused.value.code == "out_of_range"
