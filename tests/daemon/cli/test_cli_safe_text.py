"""Text from outside cannot act on the terminal it is printed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quarterdeck_daemon.cli.text import block, cut, line, width

if TYPE_CHECKING:
    from .conftest import House, Shell

HOSTILE = "pay\x1b[2K\x1b[1A now\u202e evil\u2066\u200b \x07\x9b31m\r\nnext\x00 \U000e0041 \ue000"


@pytest.mark.parametrize("shown", [block(HOSTILE), line(HOSTILE)])
def test_nothing_hidden_is_left(shown: str) -> None:
    assert all(one == "\n" or one.isprintable() for one in shown)
    for escape in ("\\x1b", "\\u202e", "\\u2066", "\\u200b", "\\x07", "\\x9b", "\\x00", "\\U000e0041", "\\ue000"):
        assert escape in shown


def test_a_line_is_one_line_and_a_block_keeps_its_lines() -> None:
    assert line("a\r\n\tb   c\u2028d  e ") == "a b c d  e"
    assert line("safe" + " " * 500 + "hidden") == "safe hidden"
    assert block("a\r\n\tb\n") == "a\n\tb\n"


def test_other_scripts_stay_as_they_are() -> None:
    for text in ("Łódź, Zürich, 東京, Ελλάδα", "עברית", "naïve café 12 000 €"):
        assert line(text) == text


def test_cutting_counts_columns_not_characters() -> None:
    assert width("東京") == 4
    assert cut("東京都庁", 5) == "東京…"
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcde…"


def test_a_hostile_mail_is_harmless_in_lists_and_in_the_whole_view(with_approvals: House, shell: Shell) -> None:
    item = {"id": "a9", "summary": HOSTILE, "risk": "low", "shown_hash": "h", "why": HOSTILE,
            "action": {"connector": "mail", "verb": "send", "args": {"subject": HOSTILE, "body": HOSTILE}, "targets": [HOSTILE]},
            "evidence": [{"claim": HOSTILE, "source": HOSTILE, "quote": HOSTILE}]}  # fmt: skip
    with_approvals.answers["approval.list"] = {"items": [item]}
    with_approvals.answers["action.get"] = {**item, "status": "proposed"}
    with_approvals.answers["memory.why"] = {
        "id": "action:a9",
        "kind": "action",
        "parents": [{"id": "doc:1", "title": HOSTILE, "quote": HOSTILE}],
    }
    for words in (("approvals",), ("why", "a9"), ("review",), ("approve", "a9")):
        ran = shell(*words, stdin="q\n")
        shown = ran.out + ran.err
        assert ran.status == 0
        assert "pay\\x1b[2K\\x1b[1A now\\u202e evil" in shown
        assert all(one == "\n" or one.isprintable() for one in shown), words


def test_json_carries_the_hostile_text_whole_but_escaped(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["approval.list"] = {"items": [{"id": "a9", "summary": HOSTILE}]}
    ran = shell("approvals", "--json")
    assert ran.json == {"items": [{"id": "a9", "summary": HOSTILE}]}
    assert ran.out.isascii()


def test_an_error_with_hostile_text_is_harmless(house: House, shell: Shell) -> None:
    ran = shell("runs", "show\x1b[2J")
    assert ran.status == 2
    assert "\x1b" not in ran.err


def test_a_file_name_that_is_no_text_does_not_break_the_output(shell: Shell) -> None:
    ran = shell("config", "get", "caf\udce9")
    assert ran.status == 3
    assert "\\udce9" in ran.err


def test_colour_follows_the_flag_then_the_variables(with_approvals: House, shell: Shell) -> None:
    assert "\x1b[" not in shell("approvals").out
    assert "\x1b[32mlow" in shell("approvals", "--color", "always").out
    assert "\x1b[32mlow" in shell("approvals", env={"FORCE_COLOR": "1"}).out
    assert "\x1b[" not in shell("approvals", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out
    assert "\x1b[" not in shell("--color", "never", "approvals", env={"FORCE_COLOR": "1"}).out
