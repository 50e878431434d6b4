"""Random keys, while the list changes and the connection comes and goes: no exception, no unseen yes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tests.tui import company
from tests.tui.fake import fake_app, thorough
from tests.tui.studio import MORNING, QUIET, STOPPED

from quarterdeck_tui.app import QuarterdeckApp

KEYS = [
    *"jkgGaerswxz/?@12345678itmhqpcRMDbun+-", "enter", "escape", "escape", "tab", "shift+tab", "ctrl+r", "ctrl+g", "ctrl+s",
    "ctrl+d", "ctrl+u", "up", "down", "home", "end", "backspace", "space", "ctrl+p", "f1", "ctrl+down", "pagedown",
]  # fmt: skip
NAMES = {"/": "slash", "?": "question_mark", "@": "at", "+": "plus", "-": "minus"}
PRESSES = thorough(90, 1_000)
VIEWS = [
    MORNING,
    MORNING,
    QUIET,
    STOPPED,
    replace(MORNING, approvals=()),
    replace(MORNING, approvals=tuple(reversed(MORNING.approvals))),
    replace(MORNING, approvals=tuple(replace(one, shown_hash=one.shown_hash + "x") for one in MORNING.approvals)),
    replace(MORNING, link="lost", note="gone"),
    replace(MORNING, unreadable=2),
]
SIZES = [(80, 24), (60, 16), (40, 10), (160, 48), (100, 30)]


async def stay(app: QuarterdeckApp) -> None:
    """Leaving is tested elsewhere."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12, 13])
async def test_random_keys_never_break_the_screen(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(QuarterdeckApp, "action_quit", stay)  # The palette offers it.
    chance = random.Random(seed)
    app, session, clock = fake_app(MORNING)
    session.answers |= company.ANSWERS
    async with app.run_test() as pilot:
        await pilot.pause()
        for _ in range(PRESSES):
            clock.pass_ms(chance.choice((10, 100, 300, 900)))
            roll = chance.random()
            if roll < 0.05:
                session.push(chance.choice(VIEWS))
            elif roll < 0.06:
                await pilot.resize_terminal(*chance.choice(SIZES))
            key = chance.choice(KEYS)
            app.simulate_key(NAMES.get(key, key))
            await pilot._wait_for_screen()
        assert app.is_running
        assert app._exception is None
    for one in session.decided:
        assert one.items, "a decision names what it decides"
        assert len(set(one.items)) == len(one.items)
