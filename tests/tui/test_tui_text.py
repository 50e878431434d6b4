"""Hostile text: what a mail may contain must not reach the terminal as anything but letters."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from tests.tui.fake import fake_app, painted, settle
from tests.tui.studio import INES, NOW_US, STATUS

from quarterdeck_tui.text import cut, fit, is_hidden, visible, visible_lines, without_hidden, wrap
from quarterdeck_tui.views import AlertView, BenchView, DeedView, EvidenceView, RunView, SourceView

HOSTILE = (
    "\x1b]52;c;QUJD\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\u200b\ufeff\U000e0041[bold red]x[/] [@click=app.quit]y[/]"
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("a\ufe0f\U000e0100", "a\\ufe0f\\U000e0100"),
        ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
        ("Zürich, 東京, naïve", "Zürich, 東京, naïve"),
        ("a\xa0b", "a b"),
        ("e" + "\u0301" * 5, "e\u0301\u0301\u0301\\u0301\\u0301"),
        ("\ud800", "\\ud800"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
    ],
)
def test_hidden_characters_are_written_out(raw: str, shown: str) -> None:
    assert visible(raw) == shown


@given(st.text())
def test_nothing_hidden_survives_and_plain_text_is_untouched(raw: str) -> None:
    shown = visible(raw)
    assert not any(is_hidden(char) for char in shown)
    if raw.isascii() and raw.isprintable():
        assert shown == raw
    assert not any(is_hidden(char) for line in visible_lines(raw) for char in line)
    kept, removed = without_hidden(raw)
    assert len(kept) + removed == len(raw.replace("\r\n", "\n"))


@given(st.text(), st.integers(0, 60))
def test_cells_are_counted_not_characters(raw: str, width: int) -> None:
    shown = visible(raw)
    assert cell_len(cut(shown, width)) <= width
    assert cell_len(fit(shown, width)) == width
    assert all(cell_len(line) <= max(width, 2) for line in wrap(shown, width))


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Zs"]), max_size=200), st.integers(4, 30))
def test_wrapping_loses_no_letter(raw: str, width: int) -> None:
    shown = visible(raw)
    assert re.sub(r"\s", "", "".join(wrap(shown, width))) == re.sub(r"\s", "", shown)


def hostile_view() -> BenchView:
    evil = replace(
        INES,
        summary=HOSTILE,
        agent=HOSTILE,
        connector="mail",
        verb=HOSTILE,
        why=HOSTILE,
        targets=(HOSTILE,),
        args={"to": [HOSTILE], "subject": HOSTILE, "body": f"{HOSTILE}\n{HOSTILE}", HOSTILE: HOSTILE},
        evidence=(EvidenceView(HOSTILE, HOSTILE, HOSTILE),),
        risks=(HOSTILE,),
        undo=HOSTILE,
        rule=HOSTILE,
        rule_where=HOSTILE,
        sources=(HOSTILE,),
        integrity=HOSTILE,
        sensitivity=HOSTILE,
    )
    runs = (RunView(HOSTILE, HOSTILE, "running", 1, 2, waits_for=(HOSTILE,)), RunView(HOSTILE, HOSTILE, "paused"))
    deeds = (DeedView("a1", HOSTILE, "approved", NOW_US, "held", NOW_US, HOSTILE, HOSTILE, HOSTILE),)
    alerts = (AlertView(HOSTILE, HOSTILE, HOSTILE),)
    return BenchView("live", "", replace(STATUS, workspace=HOSTILE), (evil,), runs, alerts, deeds=deeds)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
@pytest.mark.parametrize(
    "keys", [(), ("w",), ("w", "1"), ("r",), ("e",), ("s",), ("at",), ("ctrl+g",), ("ctrl+g", "3")]
)
async def test_no_screen_lets_hostile_text_through(size: tuple[int, int], keys: tuple[str, ...]) -> None:
    view = hostile_view()
    app, session, clock = fake_app(view)
    session.sources[HOSTILE] = SourceView(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    async with app.run_test(size=size) as pilot:
        await settle(pilot, clock)
        await pilot.press(*keys)
        await pilot.pause()
        lines = painted(app)
        assert [char for line in lines for char in line if is_hidden(char)] == []
        assert all(cell_len(line) == size[0] for line in lines)
        if not keys:
            assert any("\\x1b" in line for line in lines)
            assert "hidden characters inside" in "\n".join(lines)


async def test_a_high_risk_with_hostile_target_can_be_confirmed_by_what_is_shown() -> None:
    app, session, clock = fake_app(
        BenchView("live", "", STATUS, (replace(INES, risk="high", targets=("x@a\u200bb",)),))
    )
    async with app.run_test() as pilot:
        await settle(pilot, clock)
        await pilot.press("a", *"a\\u200bb", "enter")
        await pilot.pause()
        assert len(session.decided) == 1
