"""`alerts` and `status` show one list: what is kept in the log and what follows from how things are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from quarterdeck_daemon.core.alerts import APPLY, raise_alert
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.turn import Env, Turn
from quarterdeck_daemon.service.handlers import system
from quarterdeck_daemon.service.hub import Hub
from quarterdeck_daemon.store.api import Store
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.params import Nothing

from .fact_asking import Asking, asking
from .reading_house import ASKED, plain

BROKEN: Plain = {"level": "warning", "text": "kinds/boat.json is not in use: line 2", "hint": "Mend the file."}


def _raise(store: Store, topic: str) -> None:
    """What a part of the core does in its own turn."""
    turn = Turn(store, Env(now_us=1), APPLY, head=store.head.seq, actor="kernel", cause=None)
    raise_alert(turn, "critical", topic, f"look at {topic}")
    store.append([turn.commit()])


async def _status(house: Asking) -> list[Plain]:
    house.on.house.hub = cast(Hub, SimpleNamespace(processes=lambda: [], confinement=lambda: []))
    found = await system.handlers(house.on.house)["system.status"](ASKED, Nothing())
    return cast("list[Plain]", plain(found)["alerts"])


async def test_alerts_and_status_show_the_same() -> None:
    async with asking() as house:
        for topic in "abc":
            _raise(house.on.store, topic)
        house.on.house.alerts["asset/kinds/boat.json"] = BROKEN
        listed = cast("list[Plain]", (await house.ask("alert.list"))["items"])
        shown = await _status(house)
    texts = sorted(str(one["text"]) for one in listed)
    assert texts == sorted(str(one["text"]) for one in shown)
    assert texts == [BROKEN["text"], "look at a", "look at b", "look at c"]
    assert [one["id"] for one in listed] == ["", "alert3", "alert2", "alert1"]


async def test_pages_of_alerts_leave_none_out_and_name_none_twice() -> None:
    async with asking() as house:
        for topic in "abc":
            _raise(house.on.store, topic)
        for number in range(3):
            house.on.house.alerts[f"asset/{number}"] = {**BROKEN, "text": f"file {number}"}
        seen: list[str] = []
        cursor: object = None
        for _ in range(10):
            page = await house.ask("alert.list", limit=2, **({"cursor": cursor} if cursor else {}))
            seen += [str(one["text"]) for one in cast("list[Plain]", page["items"])]
            cursor = page["next"]
            if cursor is None:
                break
        warnings = await house.ask("alert.list", level="warning", limit=2)
        with pytest.raises(QuarterdeckError) as refused:
            await house.ask("alert.list", cursor="sx")
    assert seen == ["file 0", "file 1", "file 2", "look at c", "look at b", "look at a"]
    assert [one["text"] for one in cast("list[Plain]", warnings["items"])] == ["file 0", "file 1"]
    assert refused.value.code == "bad_value"


async def test_the_past_shows_what_was_kept_only() -> None:
    async with asking() as house:
        _raise(house.on.store, "a")
        house.on.house.alerts["asset/x"] = BROKEN
        then = await house.ask("alert.list", as_of=house.on.store.head.seq)
    assert [one["id"] for one in cast("list[Plain]", then["items"])] == ["alert1"]
