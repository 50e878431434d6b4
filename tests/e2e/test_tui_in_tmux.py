"""The real screen before the real daemon, in a real terminal: a lead comes in, keys alone send the answer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.service.fence import read_fence
from quarterdeck_protocol.client import Client

from .quarters import Quarters, lead_mail, running, settle, small_house, until

COLUMNS, ROWS = 80, 24
SEEN_S = 20.0
HELD_S = 5.0
TMUX = shutil.which("tmux")

pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is NOT installed: nobody has looked at the real screen")


class Terminal:
    """A tmux server of its own with one window; keys in, lines out."""

    def __init__(self) -> None:
        assert TMUX is not None, "skipped otherwise"
        self._tmux = [TMUX, "-u", "-L", f"quarterdeck-{uuid.uuid4().hex[:12]}", "-f", os.devnull]

    def open(self, workspace: Path) -> None:
        command = [sys.executable, "-m", "quarterdeck_tui", "--workspace", str(workspace)]
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        self._run("new-session", "-d", "-s", "deck", *size, "--", *command)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self._run("send-keys", "-t", "deck", key)

    def approve(self) -> None:
        """A row that came under the cursor by itself can't be approved at once; one the operator went to can."""
        for key, row in (("j", ">  2"), ("k", ">  1")):
            self.keys(key)
            assert self.shows(row), "\n".join(self.lines())
        self.keys("a")

    def type(self, text: str) -> None:
        self._run("send-keys", "-t", "deck", "-l", text)

    def lines(self) -> list[str]:
        return self._run("capture-pane", "-t", "deck", "-p").splitlines()

    def shows(self, text: str) -> bool:
        return self.wait_for(lambda lines: any(text in line for line in lines))

    def press_until(self, key: str, text: str) -> bool:
        """Press as an operator would: again, when nothing happened because the screen was still being filled."""

        def pressed() -> bool:
            self.keys(key)
            return until(lambda: any(text in line for line in self.lines()), 1.0)

        return until(pressed, SEEN_S)

    def wait_for(self, wanted: Callable[[list[str]], bool]) -> bool:
        return until(lambda: wanted(self.lines()), SEEN_S)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True, timeout=10)
        return done.stdout


@pytest.fixture
def risk() -> str:
    return "low"


@pytest.fixture
def house(tmp_path: Path, risk: str) -> Iterator[Quarters]:
    folder = small_house(tmp_path, hold=f"{int(HELD_S * 1000)}ms")
    policy = folder / "policies" / "mail.toml"
    policy.write_text(policy.read_text("utf-8").replace('risk = "low"', f'risk = "{risk}"'), "utf-8")
    with running(folder) as quarters:
        for number in (1, 2):
            quarters.lay_mail(f"lead-{number}.eml", lead_mail(number))
        with quarters.client() as client:
            settle(client)
        yield quarters


@pytest.fixture
def terminal(house: Quarters) -> Iterator[Terminal]:
    screen = Terminal()
    screen.open(house.folder)
    try:
        assert screen.shows("2 waiting"), "\n".join(screen.lines())
        yield screen
    finally:
        screen.close()


def stopped(house: Quarters) -> bool:
    return read_fence(house.folder / ".quarterdeck" / "fence").stopped


def statuses(client: Client) -> list[object]:
    items = client.call("action.list", {"limit": 100}).result["items"]
    assert isinstance(items, list)
    return sorted(item["status"] for item in items)


def test_keys_alone_read_why_and_send_exactly_one_message(house: Quarters, terminal: Terminal) -> None:
    terminal.keys("w")
    assert terminal.shows("| Why")
    assert terminal.shows("why   ")
    terminal.keys("1")
    assert terminal.shows("Evidence: the mail that is answered")
    terminal.keys("Escape")
    assert terminal.wait_for(lambda lines: not any("Evidence:" in line for line in lines))
    terminal.keys("q")
    assert terminal.shows("| 1 Bench")
    terminal.approve()
    assert terminal.shows("1 waiting"), "\n".join(terminal.lines())
    assert house.sent() == [], "it is held first"
    assert until(lambda: len(house.sent()) == 1, SEEN_S)
    assert terminal.shows("has left")
    with house.client() as client:
        assert statuses(client) == ["proposed", "succeeded"]


@pytest.mark.parametrize("risk", ["high"])
def test_a_high_risk_is_sent_after_the_typed_word_alone(house: Quarters, terminal: Terminal) -> None:
    terminal.approve()
    assert terminal.shows("To approve, type  north")
    (asked,) = [line for line in terminal.lines() if "To approve, type" in line]
    word = asked.split()[4]
    terminal.type(word.removesuffix(".test"))
    terminal.keys("Enter")
    assert terminal.shows("That is not the word")
    terminal.type(".test")
    terminal.keys("Enter")
    assert until(lambda: len(house.sent()) == 1, SEEN_S)
    assert f"@{word}" in house.sent()[0]["To"]


def test_what_was_approved_is_taken_back_before_it_leaves(house: Quarters, terminal: Terminal) -> None:
    terminal.approve()
    assert terminal.shows("z undo")
    terminal.keys("z")
    assert terminal.shows("It was not sent and never will be"), "\n".join(terminal.lines())
    with house.client() as client:
        assert statuses(client) == ["proposed", "withdrawn"]
    assert not until(lambda: house.sent() != [], HELD_S + 0.5)


def test_ctrl_g_closes_the_fence_and_1_opens_it_again(house: Quarters, terminal: Terminal) -> None:
    terminal.approve()
    assert terminal.shows("1 waiting")
    terminal.keys("C-g")
    assert terminal.shows("STOPPED ^g")
    assert stopped(house)
    assert terminal.shows("Held, not sent")
    assert not until(lambda: house.sent() != [], HELD_S + 0.5), "the hold has ended, and still nothing leaves"
    terminal.keys("1")
    assert terminal.shows("RUN ^g")
    assert not stopped(house)
    assert until(lambda: len(house.sent()) == 1, SEEN_S)


def test_a_run_that_is_not_ticked_stays_paused_and_sends_nothing(house: Quarters, terminal: Terminal) -> None:
    terminal.approve()
    assert terminal.shows("1 waiting")
    terminal.keys("C-g")
    assert terminal.shows("STOPPED ^g")
    assert terminal.press_until("3", "Which runs go on?")
    terminal.keys("*")
    assert terminal.wait_for(lambda lines: not any("[x]" in line for line in lines))
    terminal.keys("Enter")
    assert terminal.shows("2 run(s) stay paused")
    assert not until(lambda: house.sent() != [], HELD_S + 1.0)
    assert terminal.shows("its run is paused")


def test_a_dead_house_is_seen_and_found_again(house: Quarters, terminal: Terminal) -> None:
    for process in reversed(house.processes()):
        house.kill(process)
    assert terminal.shows("NO DAEMON ^g"), "\n".join(terminal.lines())
    assert terminal.shows("Connection lost")
    house.start()
    assert terminal.shows("RUN ^g"), "\n".join(terminal.lines())
    assert terminal.wait_for(lambda lines: not any("Connection lost" in line for line in lines))
    terminal.approve()
    assert until(lambda: len(house.sent()) == 1, SEEN_S)


def test_a_daemon_that_is_killed_alone_is_back_before_anybody_misses_it(house: Quarters, terminal: Terminal) -> None:
    """The supervisor starts it again; a yes that was on its way counts once."""
    with house.client() as client:
        pid = client.connection.pid
    os.kill(pid, 9)
    terminal.approve()
    assert terminal.shows("1 waiting"), "\n".join(terminal.lines())
    assert until(lambda: len(house.sent()) == 1, SEEN_S)
    assert not until(lambda: len(house.sent()) > 1, 1.0)
