"""Memory: search with its reasons, the past, who used it, and the three ways to change it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.tui.fake import FakeSession, StillClock, fake_app, painted, settle
from tests.tui.remembered import COUNT, Remembered, at_us
from tests.tui.test_timeline_screen import at_head, here, text, until
from textual.pilot import Pilot
from textual.widgets import TextArea

from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.memories import query
from quarterdeck_tui.past import Past
from quarterdeck_tui.screens.forget import ForgetScreen
from quarterdeck_tui.screens.memory import MemoryScreen

NORTHWIND = ("slash", *"northwind", "enter")


def house() -> tuple[QuarterdeckApp, FakeSession, StillClock, Remembered]:
    app, session, clock = fake_app(at_head(COUNT))
    known = Remembered()
    session.answers |= known.answers
    return app, session, clock, known


def memory(app: QuarterdeckApp) -> MemoryScreen:
    screen = app.places["memory"]
    assert isinstance(screen, MemoryScreen)
    return screen


def ids(app: QuarterdeckApp) -> list[str]:
    return [row.id for row in memory(app).list.rows]


async def opened(pilot: Pilot[None], app: QuarterdeckApp, clock: StillClock, *keys: str) -> MemoryScreen:
    await settle(pilot, clock)
    await pilot.press("3")
    await until(pilot, lambda: memory(app).was_read)
    await pilot.pause()
    await pilot.press(*keys)
    await pilot.pause()
    return memory(app)


async def test_it_opens_on_notes_and_facts_newest_first() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock)
        northwind, rosewood = "fact:client/northwind", "fact:client/rosewood"
        assert ids(app) == [northwind, "memory:m415", "memory:m414", "memory:m413", "memory:m412", rosewood]


async def test_a_search_says_why_each_was_found() -> None:
    app, _, clock, _ = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, app, clock, *NORTHWIND)
        await until(pilot, lambda: ids(app) == ["memory:m412", "fact:client/northwind"])
        await text(pilot, app, "WHY")
        assert sum("has 'northwind'; close" in line for line in painted(app)) >= 3, (
            "in both rows and with what is told"
        )


async def test_what_did_we_know_on_a_date_costs_three_keys() -> None:
    app, _, clock, known = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "at", *"18", "space", *"nov", "enter")
        await until(pilot, lambda: "memory:m413" not in ids(app))
        assert ids(app) == ["memory:m412", "fact:client/rosewood", "fact:client/northwind"]
        assert known.asked_as_of
        assert "PAST 18 Nov 00:00:00" in painted(app)[0]
        await text(pilot, app, "net 30")
        await pilot.press("escape")
        await until(pilot, lambda: "memory:m415" in ids(app))
        assert "PAST" not in painted(app)[0]


async def test_the_moment_of_the_timeline_is_the_moment_of_memory() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("2")
        await here(pilot, app, COUNT)
        await pilot.press("at", *"300", "enter")
        await here(pilot, app, 300)
        await pilot.press("3")
        await until(pilot, lambda: ids(app) == ["fact:client/rosewood", "fact:client/northwind"])
        assert app.context.past == Past(at_us(300), 300)


async def test_month_keys_stop_where_the_log_begins() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock, "left_square_bracket")
        await until(pilot, lambda: not ids(app))
        assert app.context.past == Past(screen.began_us)
        await text(pilot, app, "Nothing is known about that")
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: len(ids(app)) == 6)


async def test_a_past_decision_from_a_memory_costs_five_keys() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, *NORTHWIND)
        await until(pilot, lambda: len(ids(app)) == 2)
        await pilot.press("u")
        await text(pilot, app, "1 action:a17")
        await pilot.press("enter")
        await here(pilot, app, 700)
        assert app.screen is app.places["timeline"]


async def test_history_shows_what_each_version_changed() -> None:
    app, _, clock, _ = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, app, clock, "tab")
        await text(pilot, app, "pays = net 14")
        shown = "\n".join(painted(app))
        assert "pays = net 30" in shown
        assert "cc = tom@northwind.test" in shown


async def test_what_it_was_made_from_is_told() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "shift+tab")
        await text(pilot, app, "1 document:doc17  New packaging")


async def test_endorsing_names_the_text_that_was_read() -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock, *NORTHWIND)
        await until(pilot, lambda: len(ids(app)) == 2)
        await pilot.press("j")
        await text(pilot, app, "pays = net 14")
        await pilot.press("e")
        await until(pilot, lambda: bool(session.changed))
        assert session.changed == [("memory.endorse", {"id": "fact:client/northwind", "hash": "hash-northwind-940"})]
        await pilot.pause(0.1)
        assert screen.list.index == 1, "the list was read again under the hand"


async def test_a_note_is_corrected_against_the_text_that_was_read() -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, *NORTHWIND)
        await text(pilot, app, "please cc Tom")
        await pilot.press("c")
        await pilot.pause()
        app.screen.query_one(TextArea).text = "Northwind pays net 14."
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(session.changed))
        ((method, params),) = session.changed
        assert method == "memory.edit"
        assert (params["id"], params["text"], params["hash"]) == ("m412", "Northwind pays net 14.", "hash-m412-310")


async def test_a_fact_is_corrected_field_by_field_on_its_version() -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock)
        await text(pilot, app, "pays = net 14")
        await pilot.press("c")
        await pilot.pause()
        app.screen.query_one(TextArea).text = '{"name": "Northwind Traders", "pays": "net 7"}'
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(session.changed))
        value = {"name": "Northwind Traders", "pays": "net 7"}
        assert session.changed == [
            ("fact.put", {"kind": "client", "key": "northwind", "value": value, "if_version": 2})
        ]


async def test_forgetting_shows_the_plan_and_costs_a_typed_word() -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, *NORTHWIND)
        await text(pilot, app, "please cc Tom")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ForgetScreen))
        await text(pilot, app, "3 events, 1 fact, 1 memory")
        await text(pilot, app, "kept by law")
        await pilot.press(*"yes", "enter")
        assert session.changed == [], "another word forgets nothing"
        await pilot.press("backspace", "backspace", "backspace", *"forget", "enter")
        await until(pilot, lambda: bool(session.changed))
        ((method, params),) = session.changed
        assert method == "memory.forget"
        assert (params["id"], params["plan"]) == ("memory:m412", "9f2c")


async def test_a_plan_that_is_no_longer_the_one_shown_is_refused_in_words() -> None:
    app, _, clock, known = house()
    known.conflict = True
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, *NORTHWIND)
        await text(pilot, app, "please cc Tom")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ForgetScreen))
        await pilot.press(*"forget", "enter")
        await text(pilot, app, "the plan is another one by now. Look at it again.")


@pytest.mark.parametrize("key", ["e", "c", "x"])
async def test_the_past_cannot_be_changed(key: str) -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock, "at", *"22", "space", *"nov", "enter")
        await until(
            pilot, lambda: ids(app) == ["memory:m413", "memory:m412", "fact:client/rosewood", "fact:client/northwind"]
        )
        await pilot.press(key)
        await text(pilot, app, "The past is read-only")
        assert app.screen is screen
        assert session.changed == []


@pytest.mark.parametrize("key", ["e", "c", "x"])
async def test_without_the_daemon_nothing_is_changed_and_the_rows_stay(key: str) -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock)
        session.push(replace(at_head(COUNT), link="lost", note="gone"))
        await pilot.press(key)
        await text(pilot, app, "the daemon does not answer")
        assert app.screen is screen
        assert len(ids(app)) == 6
        assert session.changed == []


async def test_live_events_do_not_move_the_cursor() -> None:
    app, session, clock, known = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock, "j", "j")
        known.log.count = COUNT + 5
        clock.pass_ms(6_000)
        session.push(at_head(COUNT + 5))
        await pilot.pause()
        assert screen.current is not None
        assert screen.current.about == "memory:m414"


async def test_hostile_text_is_shown_and_not_obeyed() -> None:
    app, _, clock, _ = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, app, clock, "j", "j")
        await text(pilot, app, "\\u202eevil")
        shown = "\n".join(painted(app))
        assert "[bold red]pay[/]" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


async def test_views_narrow_to_notes_facts_lessons_and_pins() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock)
        for count in (4, 2, 1, 1, 6):
            await pilot.press("v")
            await until(pilot, lambda count=count: len(ids(app)) == count)  # type: ignore[misc]


def test_the_words_of_the_search_field() -> None:
    asked = query("iban kind:lead tag:mail tag:old past:yes odd:field", "all")
    assert asked.words == "iban odd:field"
    assert asked.filters == {"kind": "lead", "tags": ["mail", "old"], "past": True}
