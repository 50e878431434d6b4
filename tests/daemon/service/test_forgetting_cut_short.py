"""A forgetting that the disk had no room for: it is told, and goes on by itself in the same life of the daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from quarterdeck_daemon.core.commands import BeginErasure, Names, Remember
from quarterdeck_daemon.core.entities import Erasure
from quarterdeck_daemon.service import forgetting
from quarterdeck_daemon.service.forgetting import Forgetting
from quarterdeck_daemon.service.open_alerts import open_alerts
from quarterdeck_daemon.service.recall import Recall
from quarterdeck_daemon.store.errors import NoSpace
from quarterdeck_protocol.codes import QuarterdeckError

from .reading_house import Reading, reading


class Case:
    """A note that is being forgotten in a house whose disk is full for the first `full` tries, after the keys went."""

    def __init__(self, on: Reading, folder: Path, full: int) -> None:
        self.on, self.full = on, full
        recall = cast(Recall, SimpleNamespace(purge=self.purge))
        self.forgetting = Forgetting(on.store, on.engine, recall, folder, on_erased=lambda: None)
        on.house.forgetting = self.forgetting

    async def purge(self, _: float) -> bool:
        self.full -= 1
        if self.full >= 0:
            raise NoSpace(Path(), "0 MiB are free", free_bytes=0)
        return True

    async def begun(self) -> str:
        await self.on.do(Remember(text="Ines called"))
        removal = Names(
            epoch=self.on.store.epoch, subjects=("memory:m1",), entities=("memory:m1",), events=(1,)
        )  # fmt: skip
        done = await self.on.do(BeginErasure(removal=removal, counts={"memory": 1}, identifiers=("Ines",)))
        return str(done.reply["id"])

    def stages(self) -> list[str]:
        return [erasure.stage for erasure in self.on.store.scan(Erasure)]

    def alerts(self) -> list[str]:
        return [str(one["text"]) for one in open_alerts(self.on.house) if one["topic"] == "forgetting"]


async def test_a_forgetting_that_ran_out_of_room_is_told_and_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "AGAIN_S", 0.01)
    async with reading() as on:
        case = Case(on, tmp_path, full=3)
        id = await case.begun()
        with pytest.raises(QuarterdeckError) as refused:
            await case.forgetting.finish(id)
        assert (refused.value.code, refused.value.details["erasure"]) == ("no_space", id)
        assert "has begun and is not finished" in refused.value.message
        assert "by itself" in refused.value.hint
        assert (case.stages(), len(case.alerts())) == (["planned"], 1)
        keeping_on = asyncio.create_task(case.forgetting.run())
        async with asyncio.timeout(20):
            while case.stages() != ["closed"]:
                await asyncio.sleep(0.01)
            while case.forgetting.trouble:
                await asyncio.sleep(0.01)
        keeping_on.cancel()
        assert (case.alerts(), case.full) == ([], -1)  # Three in vain, and one more.


async def test_without_going_on_it_would_stay_half_done_for_ever(tmp_path: Path) -> None:
    """The twin: nobody runs `run`, so there is room again and nothing happens."""
    async with reading() as on:
        case = Case(on, tmp_path, full=1)
        id = await case.begun()
        with pytest.raises(QuarterdeckError):
            await case.forgetting.finish(id)
        await on.do(Remember(text="there is room again"))
        assert case.stages() == ["planned"]
