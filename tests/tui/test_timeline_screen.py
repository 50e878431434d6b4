"""The Timeline: its daily jobs and their keys, a log of 100,000 events, and a cursor that nothing moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.tui.fake import FakeSession, StillClock, fake_app, painted, settle
from tests.tui.long_log import HOSTILE, LongLog
from tests.tui.studio import MORNING, NOW_US
from textual.pilot import Pilot

from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.past import Past, moment_back
from quarterdeck_tui.screens.timeline import TimelineScreen
from quarterdeck_tui.screens.timeline_diff import DiffScreen
from quarterdeck_tui.timeline import ROWS_MAX, Window, wanted
from quarterdeck_tui.timeline_reads import TimelineReads
from quarterdeck_tui.views import BenchView

WAIT_S = 10.0


def at_head(seq: int) -> BenchView:
    return replace(MORNING, status=replace(MORNING.status, seq=seq))


def house(count: int = 1_000) -> tuple[QuarterdeckApp, FakeSession, StillClock, LongLog]:
    app, session, clock = fake_app(at_head(count))
    log = LongLog(count)
    session.answers |= log.answers
    return app, session, clock, log


def timeline(app: QuarterdeckApp) -> TimelineScreen:
    screen = app.places["timeline"]
    assert isinstance(screen, TimelineScreen)
    return screen


async def until(pilot: Pilot[None], wanted: Callable[[], bool]) -> None:
    """Poll, with a limit that only a failure reaches."""
    async with asyncio.timeout(WAIT_S):
        while not wanted():
            await pilot.pause(0.02)


async def here(pilot: Pilot[None], app: QuarterdeckApp, seq: int) -> None:
    def there() -> bool:
        row = timeline(app).list.current
        return row is not None and row.seq == seq

    await until(pilot, there)


async def opened(pilot: Pilot[None], app: QuarterdeckApp, clock: StillClock, *keys: str) -> TimelineScreen:
    await settle(pilot, clock)
    await pilot.press("2")
    await until(pilot, lambda: timeline(app).was_read)
    await pilot.pause()
    await pilot.press(*keys)
    await pilot.pause()
    return timeline(app)


async def text(pilot: Pilot[None], app: QuarterdeckApp, words: str) -> None:
    await until(pilot, lambda: any(words in line for line in painted(app)))


async def test_it_opens_at_the_end_of_the_log_and_follows_it() -> None:
    app, session, clock, log = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock)
        await here(pilot, app, 1_000)
        log.count = 1_003
        session.push(at_head(1_003))
        await here(pilot, app, 1_003)
        assert screen.following
        assert app.context.past is None


async def test_what_comes_never_moves_the_cursor_once_it_was_moved() -> None:
    app, session, clock, log = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock, "k", "k")
        await here(pilot, app, 998)
        lines = [line for line in painted(app) if line.startswith(">")]
        for head in range(1_001, 1_041):
            log.count = head
            session.push(at_head(head))
            await pilot.pause()
        assert screen.list.current is not None
        assert screen.list.current.seq == 998
        assert [line for line in painted(app) if line.startswith(">")] == lines
        await text(pilot, app, "40 new: G")
        await pilot.press("G")
        await here(pilot, app, 1_040)


async def test_moving_back_shows_the_past_and_escape_comes_back_to_now() -> None:
    app, _, clock, log = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "k")
        await here(pilot, app, 999)
        assert app.context.past == Past(log.at_us(999), 999)
        assert "PAST 24 Nov" in painted(app)[0]
        await pilot.press("escape")
        await here(pilot, app, 1_000)
        assert app.context.past is None
        assert "PAST" not in painted(app)[0]


async def test_100_000_events_leave_the_window_small_in_either_direction() -> None:
    app, _, clock, log = house(100_000)
    async with app.run_test(size=(120, 60)) as pilot:
        screen = await opened(pilot, app, clock)
        await here(pilot, app, 100_000)
        for _ in range(30):
            await pilot.press("ctrl+u")
            await pilot.pause()
            assert len(screen.window.rows) <= ROWS_MAX
        middle = screen.list.current
        assert middle is not None
        assert middle.seq < 99_600, "thirty half pages lead further back than one window holds"
        await pilot.press("g")
        await here(pilot, app, 1)
        for _ in range(30):
            await pilot.press("ctrl+d")
            await pilot.pause()
        later = screen.list.current
        assert later is not None
        assert later.seq > 400
        assert [row.seq for row in screen.window.rows] == list(
            range(screen.window.rows[0].seq, screen.window.rows[-1].seq + 1)
        ), "no event is left out and none is there twice"
        assert len(screen.window.rows) <= ROWS_MAX
        assert log.largest <= 100


async def test_a_past_decision_by_words_costs_four_keys_and_opens_on_its_inputs() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "slash", *"letter", "space", *"750", "enter")
        await here(pilot, app, 750)
        await pilot.press("enter")
        await text(pilot, app, "letter = letter 750")
        assert timeline(app).part == "In"


@pytest.mark.parametrize(
    ("typed", "kinds"), [("kind:effect", ["effect.*", "action.*"]), ("kind:step.failed", ["step.failed"])]
)
async def test_a_filter_by_field_is_the_daemons(typed: str, kinds: list[str]) -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        keys = ["colon" if char == ":" else "full_stop" if char == "." else char for char in typed]
        await opened(pilot, app, clock, "slash", *keys, "enter")
        await until(
            pilot,
            lambda: any(params.get("filter", {}) == {"kinds": kinds} for _, params in session.asked),
        )


async def test_every_part_of_an_event_is_told() -> None:
    app, _, clock, _ = house()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, app, clock, "enter")
        for words in (
            "tone = warm",
            "text = Hello Ines",
            "482",
            "nothing from memory",
            "mail.reply -> ask",
            "$0.011",
        ):
            await text(pilot, app, words)
            await pilot.press("tab")


async def test_cause_and_consequence_are_one_key_away() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "k", "k")
        await text(pilot, app, "letter = letter 998")
        await pilot.press("c")
        await here(pilot, app, 997)
        await text(pilot, app, "letter = letter 997")
        await pilot.press("C")
        await here(pilot, app, 998)


async def test_a_jump_out_of_the_filter_takes_the_filter_off_and_says_so() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock, "slash", *"kind", "colon", *"approval", "enter")
        await here(pilot, app, 1_000)
        await text(pilot, app, "letter = letter 1000")
        await pilot.press("c")
        await here(pilot, app, 999)
        assert not screen.wanted.narrow
        assert any("The filter is off" in line for line in painted(app))


async def test_curly_brackets_go_from_decision_to_decision() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "k", "left_curly_bracket")
        await here(pilot, app, 990)
        await pilot.press("left_curly_bracket")
        await here(pilot, app, 980)
        await pilot.press("right_curly_bracket")
        await here(pilot, app, 990)


async def test_a_time_in_words_leads_there() -> None:
    app, _, clock, _ = house(20_000)
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "at", *"2h", "enter")
        await here(pilot, app, 20_000 - 3_600 + 1)
        await pilot.press("at", *"soon", "enter")
        await text(pilot, app, "No moment gone by")


async def test_h_and_l_go_through_time_and_day_keys_further() -> None:
    app, _, clock, _ = house(100_000)
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock, "H")
        await here(pilot, app, 100_000 - 43_200)
        before = screen.list.current
        await pilot.press("h")
        await until(
            pilot,
            lambda: screen.list.current is not None and before is not None and screen.list.current.seq < before.seq,
        )
        await pilot.press("L", "L")
        await here(pilot, app, 100_000)


async def test_two_marks_are_compared() -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "m", "k", "k", "D")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await text(pilot, app, "pays = net 14")
        assert ("snapshot.diff", {"a": 998, "b": 1_000, "limit": 100}) in session.asked
        await pilot.press("escape")
        assert isinstance(app.screen, TimelineScreen)


async def test_hostile_text_is_shown_and_not_obeyed() -> None:
    app, _, clock, log = house()
    log.bodies[1_000] = {"summary": HOSTILE, "text": HOSTILE}
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, app, clock, "enter", "shift+tab")
        await text(pilot, app, "\\u202eevil")
        shown = "\n".join(painted(app))
        assert "[bold red]pay[/]" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


async def test_without_the_daemon_the_rows_stay_and_the_banner_says_they_are_old() -> None:
    app, session, clock, _ = house()
    async with app.run_test() as pilot:
        screen = await opened(pilot, app, clock, "k")
        await here(pilot, app, 999)
        session.push(replace(at_head(1_000), link="lost", note="gone"))
        await pilot.press("k", "c", "G", "D")
        await pilot.pause()
        assert screen.list.rows
        assert "Connection lost" in painted(app)[0]
        session.push(at_head(1_000))
        await pilot.press("G")
        await here(pilot, app, 1_000)


async def test_a_place_stays_as_it_was_left() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await opened(pilot, app, clock, "k", "k", "k")
        await here(pilot, app, 997)
        await pilot.press("1")
        await pilot.pause()
        assert app.screen is app.bench
        await pilot.press("2")
        await pilot.pause()
        await here(pilot, app, 997)


async def test_a_command_goes_to_a_moment() -> None:
    app, _, clock, _ = house()
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("colon", *"at", "space", "number_sign", *"500", "enter")
        await here(pilot, app, 500)


def test_words_for_moments_gone_by() -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    found = {
        words: moment_back(words, now) for words in ("14:05", "yesterday 14:05", "#17", "2h ago", "saturday", "9:30")
    }
    assert found == {
        "14:05": None,
        "yesterday 14:05": datetime(2026, 11, 20, 14, 5, tzinfo=UTC),
        "#17": 17,
        "2h ago": datetime(2026, 11, 21, 10, 0, tzinfo=UTC),
        "saturday": datetime(2026, 11, 14, tzinfo=UTC),
        "9:30": datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
    }
    assert moment_back("24 dec", now) == datetime(2025, 12, 24, tzinfo=UTC)
    assert moment_back("2026-11-20 08:15", now) == datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
    assert moment_back("next week", now) is None


def test_the_longest_word_is_looked_for_by_the_daemon_and_the_others_here() -> None:
    asked = wanted("ines offer run:r7 agent:composer")
    assert asked.filter == {"run": "r7", "actor": "agent:composer", "text": "offer"}
    assert asked.words == ("ines", "offer")


async def test_a_scale_of_time_counts_every_event_once() -> None:
    log = LongLog(5_000)

    async def ask(method: str, params: dict[str, object]) -> dict[str, object]:
        answer = log.read(params)
        assert isinstance(answer, dict)
        return answer

    density = await TimelineReads(ask).density(log.at_us(1) - 1, NOW_US)
    assert sum(density.counts) == 5_000
    assert max(density.counts) - min(density.counts) <= 2


def test_a_window_that_is_cut_knows_where_to_go_on() -> None:
    rows = wanted("")
    assert not rows.narrow
    window = Window(newer=None, seen=9)
    assert window.with_older((), None) == window
