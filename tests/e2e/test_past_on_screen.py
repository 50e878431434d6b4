"""Timeline and Memory of the terminal screen before the real daemon: seek, compare, correct, forget, and its death."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from textual.pilot import Pilot

from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.live_session import LiveSession

from .quarters import Quarters, running, small_house

WAIT_S = 30.0
OLD, NEW = (
    "The printer wants PDF files with three millimetres of bleed.",
    "The printer wants five millimetres of bleed.",
)


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    with running(small_house(tmp_path_factory.mktemp("past"))) as quarters:
        yield quarters


def lines(app: QuarterdeckApp) -> list[str]:
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await pilot.pause(0.05)


async def shows(pilot: Pilot[None], app: QuarterdeckApp, words: str, *, head: bool = False) -> None:
    await until(pilot, lambda: any(words in line for line in (lines(app)[:2] if head else lines(app))))


def ask(house: Quarters, method: str, **params: object) -> dict[str, object]:
    with house.client() as client:
        return client.call(method, params).result


async def test_a_note_is_found_corrected_seen_as_it_was_and_forgotten(house: Quarters) -> None:
    id = str(ask(house, "memory.remember", text=OLD, title="Bleed")["id"])
    before = ask(house, "system.status")["seq"]
    ask(house, "fact.put", kind="client", key="walker", value={"name": "Walker"})
    app = QuarterdeckApp(LiveSession(house.folder))
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.data.link == "live")
        await pilot.press("3", "slash", *"bleed", "enter")
        await shows(pilot, app, "three millimetres")
        await shows(pilot, app, "found")
        await pilot.press("c")
        await pilot.pause()
        app.screen.query_one("TextArea").text = NEW  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("says" in line and "five milli" in line for line in lines(app)))
        assert ask(house, "memory.get", id=id)["text"] == NEW
        await pilot.press("e")
        await shows(pilot, app, "You vouch for")

        await pilot.press("2", "at", *str(before), "enter")
        await shows(pilot, app, "PAST", head=True)
        await pilot.press("m", "escape")
        await shows(pilot, app, "follow on", head=True)
        await pilot.press("D")
        await shows(pilot, app, "walker")
        await shows(pilot, app, "changed")
        await pilot.press("escape", "at", *str(before), "enter")
        await shows(pilot, app, "PAST", head=True)
        await pilot.press("3")
        await shows(pilot, app, "three millimetres")

        await pilot.press("escape", "escape", "slash", *"bleed", "enter")
        await until(pilot, lambda: app.context.past is None)
        await shows(pilot, app, "five millimetres")
        await pilot.press("x")
        await shows(pilot, app, "To forget, type")
        await pilot.press(*"forget", "enter")
        await shows(pilot, app, "is forgotten")
        await until(pilot, lambda: not any("millimetres" in line for line in lines(app)))


async def test_the_timeline_comes_back_with_the_daemon(house: Quarters) -> None:
    app = QuarterdeckApp(LiveSession(house.folder))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.data.link == "live")
        await pilot.press("2")
        await shows(pilot, app, "follow on", head=True)
        house.stop()
        await shows(pilot, app, "Connection lost")
        await pilot.press("k", "enter", "escape", "G")
        house.start()
        await until(pilot, lambda: app.data.link == "live")
        ask(house, "fact.put", kind="client", key="latecomer", value={"name": "Latecomer"})
        await pilot.press("G")
        await shows(pilot, app, "latecomer")
