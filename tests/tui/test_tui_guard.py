"""Nothing is approved that was not drawn under the cursor when the key was pressed, and nothing twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from rich.segment import Segment
from tests.tui.fake import Decided, FakeSession, StillClock, fake_app, settle, thorough
from tests.tui.studio import NOW_US, STATUS
from textual.pilot import Pilot
from textual.strip import Strip

from quarterdeck_tui import guard as guard_module
from quarterdeck_tui.arrangement import Arrangement
from quarterdeck_tui.guard import WAIT_MS, Guard
from quarterdeck_tui.screens.bench import BenchScreen
from quarterdeck_tui.screens.deciding import DecidingScreen
from quarterdeck_tui.views import ApprovalView, BenchView, Decision, LessonView, Shown, Verdict
from quarterdeck_tui.widgets.approval_list import ApprovalList

PRESSES = thorough(30, 200)
ONE, TWO = Shown("a1", "h1"), Shown("a2", "h2")


# --- the guard by itself


def armed(shown: Shown = ONE) -> Guard:
    guard = Guard()
    guard.drawn(shown, 0)
    return guard


def test_a_row_that_came_by_itself_is_armed_after_half_a_second() -> None:
    guard = armed()
    assert "just come under the cursor" in guard.refusal(ONE, 400)
    assert guard.refusal(ONE, 500) == ""


def test_a_row_the_operator_moved_to_is_armed_at_once() -> None:
    guard = armed()
    guard.moved()
    guard.drawn(TWO, 1_000)
    assert guard.refusal(TWO, 1_001) == ""


def test_a_held_key_approves_once_and_then_nothing_however_long_it_is_held() -> None:
    guard = armed()
    answers = []
    for press in range(40):
        now_ms = 1_000 + press * 30
        refusal = guard.refusal(ONE, now_ms)
        answers.append(refusal)
        if not refusal:
            guard.approved(now_ms)
    assert [not answer for answer in answers] == [True] + [False] * 39


def test_two_approvals_are_a_quarter_of_a_second_apart() -> None:
    guard = armed()
    assert guard.refusal(ONE, 1_000) == ""
    guard.approved(1_000)
    guard.moved()
    guard.drawn(TWO, 1_010)
    assert "too fast" in guard.refusal(TWO, 1_240)
    assert guard.refusal(TWO, 1_340) == ""


def test_another_version_of_the_row_counts_as_another_row() -> None:
    guard = armed()
    changed = Shown("a1", "h1-changed")
    assert "has just changed" in guard.refusal(changed, 1_000)
    guard.drawn(changed, 1_100)
    assert "just come under" in guard.refusal(changed, 1_500)


def presses(guard: Guard, times_ms: list[float]) -> list[float]:
    """Press at these times, as the screen does; return the times of the presses that counted."""
    counted: list[float] = []
    waits: tuple[float, int] | None = None
    for now_ms in [*times_ms, times_ms[-1] + 10_000]:
        if waits and now_ms >= waits[0] + WAIT_MS and guard.due(waits[1]):
            guard.approved(waits[0])
            counted.append(waits[0])
        if now_ms > times_ms[-1]:
            return counted
        waits = None
        if guard.refusal(ONE, now_ms) == "":
            if guard.waiting is None:
                guard.approved(now_ms)
                counted.append(now_ms)
            else:
                waits = (now_ms, guard.waiting)
    return counted


def held_key(begin_ms: float, *, first_ms: float = 500, every_ms: float = 33, repeats: int = 30) -> list[float]:
    """When a held key arrives: at once, after the keyboard's delay, then steadily."""
    return [begin_ms, *(begin_ms + first_ms + number * every_ms for number in range(repeats))]


@pytest.mark.parametrize(("first_ms", "every_ms"), [(500, 33), (250, 33), (660, 40), (500, 92), (1_000, 120)])
def test_a_key_held_as_keyboards_repeat_counts_once(first_ms: float, every_ms: float) -> None:
    assert presses(armed(), held_key(1_000, first_ms=first_ms, every_ms=every_ms)) == [1_000]


def test_honest_presses_all_count_however_they_follow_each_other() -> None:
    assert presses(armed(), [1_000, 1_400, 1_900, 2_300, 4_000]) == [1_000, 1_400, 1_900, 2_300, 4_000]


def test_after_a_held_key_the_next_press_counts_when_the_key_was_up() -> None:
    held = held_key(1_000, repeats=10)
    assert presses(armed(), [*held, held[-1] + 200]) == [1_000]
    assert presses(armed(), [*held, held[-1] + 300]) == [1_000, held[-1] + 300]


def test_without_the_wait_the_first_repeat_would_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin."""
    monkeypatch.setattr(guard_module, "FOLLOWS_MS", 0)
    assert presses(armed(), held_key(1_000)) == [1_000, 1_500]


async def hold_down(session: FakeSession, pilot: Pilot[None], clock: StillClock) -> None:
    """Hold `a` for a second on the screen."""
    await settle(pilot, clock)
    now_ms = 0.0
    for at_ms in held_key(0, repeats=12):
        clock.pass_ms(at_ms - now_ms)
        now_ms = at_ms
        await pilot.pause()
        await pilot.press("a")
    clock.pass_ms(2_000)
    await pilot.pause()


async def test_a_held_key_on_the_screen_approves_the_first_item_alone() -> None:
    """The first row leaves at once and the second comes under the cursor; it is not approved by the same finger."""
    app, session, clock = fake_app(BenchView("live", "", STATUS, tuple(item(number) for number in range(6))))
    async with app.run_test() as pilot:
        await hold_down(session, pilot, clock)
        assert [one.items for one in session.decided] == [(Shown("a0", "hash-0-0"),)]
        await pilot.press("a")
        clock.pass_ms(WAIT_MS)
        await pilot.pause()
        assert len(session.decided) == 2, "after the key was up, a press counts again"


async def test_without_the_wait_a_held_key_approves_the_second_item_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin."""
    monkeypatch.setattr(guard_module, "FOLLOWS_MS", 0)
    app, session, clock = fake_app(BenchView("live", "", STATUS, tuple(item(number) for number in range(6))))
    async with app.run_test() as pilot:
        await hold_down(session, pilot, clock)
        assert [one.items[0].id for one in session.decided[:2]] == ["a0", "a1"]


# --- the whole screen, while items pour in


def item(number: int, version: int = 0) -> ApprovalView:
    return ApprovalView(
        id=f"a{number}", shown_hash=f"hash-{number}-{version}", summary=f"item {number} version {version}",
        connector="mail", verb="send", risk="low", agent="composer", at_us=NOW_US,
    )  # fmt: skip


class Observer:
    """Sees what the terminal sees: the text of the last cursor row that was painted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.under_cursor = ""
        draw: Callable[[ApprovalList, int], Strip] = ApprovalList.render_line

        def observed(widget: ApprovalList, y: int) -> Strip:
            strip = draw(widget, y)
            text = "".join(segment.text for segment in strip if isinstance(segment, Segment))
            if text.startswith(">"):
                self.under_cursor = text
            return strip

        monkeypatch.setattr(ApprovalList, "render_line", observed)


class WitnessSession(FakeSession):
    """Notes for each approval whether its very version was the painted cursor row at that moment."""

    def __init__(self, view: BenchView, observer: Observer) -> None:
        super().__init__(view)
        self.observer = observer
        self.seen_at_key = ""
        self.unseen: list[Shown] = []

    async def decide(
        self, items: tuple[Shown, ...], decision: Decision, *, edits: object = None, reason: str = "", until: str = "",
        confirm: str = "",
        lesson: LessonView | None = None,
    ) -> tuple[Verdict, ...]:  # fmt: skip
        self.decided.append(Decided(items, decision))
        for one in items:
            _, number, version = one.shown_hash.split("-")
            if f" item {number} version {version} " not in self.seen_at_key:
                self.unseen.append(one)
        verdicts = tuple(self._verdict(one) for one in items)
        gone = {verdict.id for verdict in verdicts if verdict.ok}
        self.push(replace(self.view, approvals=tuple(one for one in self.view.approvals if one.id not in gone)))
        return verdicts


def feed(view: BenchView, chance: random.Random, numbers: Iterable[int]) -> BenchView:
    """Insert above the cursor, change what is under it, or take a row away; as other hands do at any time."""
    items = list(view.approvals)
    what = chance.random()
    if what < 0.6 or len(items) < 3:
        items.insert(0, item(next(iter(numbers))))
    elif what < 0.8:
        place = chance.randrange(min(len(items), 3))
        number, version = items[place].shown_hash.split("-")[1:]
        items[place] = item(int(number), int(version) + 1)
    else:
        items.pop(chance.randrange(min(len(items), 3)))
    return replace(view, approvals=tuple(items))


async def race(monkeypatch: pytest.MonkeyPatch, seed: int) -> WitnessSession:
    """Press `a` again and again; before each press the list changes and the terminal has not yet painted it."""
    chance = random.Random(seed)
    numbers = iter(range(100, 10_000))
    observer = Observer(monkeypatch)
    view = BenchView("live", "", STATUS, tuple(item(number) for number in range(12)))
    app, _, clock = fake_app(view)
    session = WitnessSession(view, observer)
    app.session = session
    async with app.run_test() as pilot:
        await pilot.pause()
        for _ in range(PRESSES):
            clock.pass_ms(chance.choice((20, 60, 120, 300, 700, 1_300)))
            await pilot.pause()  # What waited counts now, and for what was seen at its own key.
            session.seen_at_key = observer.under_cursor
            if chance.random() < 0.7:
                session.push(feed(session.view, chance, numbers))
            await pilot.press("a")
            if chance.random() < 0.3:
                await pilot.press("j")
    return session


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_feeder_never_gets_an_unseen_item_approved(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    session = await race(monkeypatch, seed)
    approved = [one.items[0] for one in session.decided]
    assert session.unseen == []
    assert len(approved) == len(set(approved)), "none twice"
    assert len(approved) > PRESSES // 20, "the guard lets honest presses through"


async def test_without_guard_and_still_rows_the_feeder_gets_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: rows as the daemon orders them, the cursor a line number, the key acts on the newest data."""

    def current(screen: BenchScreen) -> Shown | None:
        row = screen.list.current
        return None if row is None else Shown(row.id, row.shown_hash)

    def unruly(arrangement: Arrangement, views: Iterable[ApprovalView]) -> Arrangement:
        return Arrangement(ids=tuple(view.id for view in views))

    monkeypatch.setattr(BenchScreen, "shown", current)
    monkeypatch.setattr(Guard, "refusal", lambda guard, shown, now_ms: "")
    monkeypatch.setattr(Arrangement, "with_items", unruly)
    monkeypatch.setattr(ApprovalList, "watch_rows", lambda widget, rows: widget._settle())
    assert issubclass(BenchScreen, DecidingScreen)
    session = await race(monkeypatch, seed=1)
    assert session.unseen != []
