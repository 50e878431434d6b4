"""The session against a toy daemon that speaks the real protocol over ipc, as a process that can be killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.tui.fake import painted
from tests.tui.toy_daemon import Plain, item

from quarterdeck_protocol.client import Client
from quarterdeck_tui.app import QuarterdeckApp
from quarterdeck_tui.live_session import LiveSession
from quarterdeck_tui.views import BenchView, LessonView, Shown

TOY = Path(__file__).with_name("toy_daemon.py")
WAIT_S = 20.0
A1 = Shown("a1", "hash-1")


class Toy:
    """Starts, kills and asks the toy daemon of one workspace."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        self.process = subprocess.Popen([sys.executable, str(TOY), str(self.workspace), *options])
        self.ask("system.hello", {})

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, method: str, params: Plain) -> Plain:
        assert self.process is not None, "the toy runs"
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with Client(self.workspace, timeout_ms=2_000) as client:
                    if client.connection.pid == self.process.pid:
                        return client.call(method, params).result
            except Exception as error:
                if getattr(error, "code", "") not in ("unavailable", "deadline"):
                    raise
            time.sleep(0.05)
        raise AssertionError("the toy daemon did not come up")

    def look(self) -> Plain:
        return self.ask("toy.look", {})


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    daemon = Toy(tmp_path)
    daemon.start()
    yield daemon
    daemon.kill()


class Watched:
    """A running session and the last view it gave."""

    def __init__(self, workspace: Path) -> None:
        self.session = LiveSession(workspace)
        self.view = BenchView()
        self.task = asyncio.ensure_future(self.session.run(self._changed))

    def _changed(self, view: BenchView) -> None:
        self.view = view

    async def until(self, wanted: Callable[[BenchView], bool]) -> BenchView:
        await until(lambda: self.task.done() or wanted(self.view))
        if self.task.done():
            self.task.result()
        return self.view


async def until(wanted: Callable[[], bool]) -> None:
    """Poll, with a limit that only a failure reaches."""
    async with asyncio.timeout(WAIT_S):
        while not wanted():
            await asyncio.sleep(0.02)


@pytest.fixture
async def watched(toy: Toy) -> AsyncIterator[Watched]:
    one = Watched(toy.workspace)
    await one.until(lambda view: view.link == "live")
    yield one
    one.task.cancel()
    await asyncio.gather(one.task, return_exceptions=True)


async def test_the_view_holds_what_the_daemon_lists(watched: Watched) -> None:
    view = watched.view
    assert [one.id for one in view.approvals] == ["a1", "a2", "a3"]
    assert (view.status.running, view.status.cost_today, view.status.waiting) == (1, "$0.02", 3)
    assert [(run.playbook, run.done, run.total, run.moving) for run in view.runs] == [
        ("lead-to-outreach", 1, 2, True)
    ]
    first = view.approvals[0]
    assert (first.act, first.hold_s, first.integrity, first.rule) == ("mail.send", 8.0, "external", "mail.reply")


async def test_a_new_item_arrives_by_its_event(toy: Toy, watched: Watched) -> None:
    await asyncio.to_thread(toy.ask, "toy.put", {"item": item(9)})
    view = await watched.until(lambda view: len(view.approvals) == 4)
    assert view.approvals[-1].id == "a9"


async def test_an_approval_is_held_and_can_be_taken_back(toy: Toy, watched: Watched) -> None:
    (verdict,) = await watched.session.decide((A1,), "approve", edits={"body": "Dear Ines"})
    assert verdict.ok
    last = watched.view.last
    assert last is not None
    assert (last.id, last.done, last.status) == ("a1", "approved", "held")
    assert [one.id for one in watched.view.approvals] == ["a2", "a3"]
    undone = await watched.session.undo()
    assert undone.message == "It was not sent and never will be."
    done = (await asyncio.to_thread(toy.look))["done"]
    assert isinstance(done, dict)
    assert (done["a1"]["status"], done["a1"]["edits"]) == ("withdrawn", {"body": "Dear Ines"})


async def test_who_learns_a_no_goes_with_it(toy: Toy, watched: Watched) -> None:
    await watched.session.decide((A1,), "reject", reason="no discount", lesson=LessonView(to="ines@northwind.test"))
    done = (await asyncio.to_thread(toy.look))["done"]
    assert isinstance(done, dict)
    assert done["a1"]["lesson"] == {"to": "ines@northwind.test", "everybody": False}
    assert "--lesson --lesson-to ines@northwind.test" in watched.session.log[-1].text


async def test_the_answer_to_a_run_is_not_taken_back_nor_is_what_was_decided_before_it(
    toy: Toy, watched: Watched
) -> None:
    await watched.session.decide((A1,), "approve")
    question = {**item(5), "id": "r7/ask", "gate": True, "run": "r7", "step": "ask"}
    await asyncio.to_thread(toy.ask, "toy.put", {"item": question})
    await watched.until(lambda view: any(one.gate for one in view.approvals))
    (answered,) = await watched.session.decide((Shown("r7/ask", "hash-5"),), "approve")
    assert answered.ok
    refused = await watched.session.undo()
    assert (refused.id, refused.code, refused.hint.endswith("runs rollback r7")) == ("r7/ask", "bad_value", True)
    assert (await asyncio.to_thread(toy.look))["done"]["a1"]["status"] == "held"  # type: ignore[index]  # Plain.
    assert (await watched.session.undo()).id == "a1"


async def test_a_stale_hash_is_a_conflict_and_changes_nothing(toy: Toy, watched: Watched) -> None:
    changed = {**item(1), "shown_hash": "another"}
    await asyncio.to_thread(toy.ask, "toy.put", {"item": changed})
    (verdict,) = await watched.session.decide((A1,), "approve")
    assert (verdict.id, verdict.code) == ("a1", "conflict")
    assert (await asyncio.to_thread(toy.look))["done"] == {}


async def test_a_killed_daemon_is_seen_and_a_restarted_one_found_again(toy: Toy, watched: Watched) -> None:
    toy.kill()
    view = await watched.until(lambda view: view.link == "lost")
    assert [one.id for one in view.approvals] == ["a1", "a2", "a3"], "the old list stays readable"
    (verdict,) = await watched.session.decide((A1,), "approve")
    assert verdict.code == "unavailable"
    toy.start()
    view = await watched.until(lambda view: view.link == "live")
    (verdict,) = await watched.session.decide((A1,), "approve")
    assert verdict.ok
    done = (await asyncio.to_thread(toy.look))["done"]
    assert isinstance(done, dict)
    assert list(done) == ["a1"]


async def test_undoing_a_snooze_brings_the_item_back_instead_of_withdrawing_it(toy: Toy, watched: Watched) -> None:
    await watched.session.decide((A1,), "snooze", until="2099-01-01T08:00:00+00:00")
    await watched.session.undo()
    done = (await asyncio.to_thread(toy.look))["done"]
    assert isinstance(done, dict)
    assert done["a1"]["status"] == "proposed", "action.undo would have withdrawn it"


async def test_a_decision_made_elsewhere_is_shown_and_can_be_taken_back(toy: Toy, watched: Watched) -> None:
    """Somebody types `quarterdeck approve a2`; `z` in this window takes it back."""
    choice: Plain = {"id": "a2", "shown_hash": "hash-2"}
    await asyncio.to_thread(toy.ask, "approval.decide", {"items": [choice], "decision": "approve"})
    view = await watched.until(lambda view: view.held != ())
    assert [(one.id, one.done, one.status) for one in view.deeds] == [("a2", "approved", "held")]
    assert (await watched.session.undo()).id == "a2"
    await watched.until(lambda view: view.held == ())
    assert watched.view.deeds[0].done == "undone"


async def test_what_was_held_before_this_window_opened_is_counted_down(toy: Toy) -> None:
    choice: Plain = {"id": "a2", "shown_hash": "hash-2"}
    await asyncio.to_thread(toy.ask, "approval.decide", {"items": [choice], "decision": "approve"})
    late = Watched(toy.workspace)
    view = await late.until(lambda view: view.held != ())
    late.task.cancel()
    await asyncio.gather(late.task, return_exceptions=True)
    assert [(one.id, one.done, one.target) for one in view.held] == [("a2", "approved", "ines@northwind.test")]


async def test_stop_goes_by_the_supervisor_and_release_by_the_daemon(toy: Toy, watched: Watched) -> None:
    verdict = await watched.session.stop("key ctrl+g")
    assert verdict.ok
    stop = watched.view.stop
    assert (stop.engaged, stop.confirmed) == (True, True)
    view = await watched.until(lambda view: view.stop.in_flight != ())
    assert (view.stop.in_flight, view.stop.by) == (("a0",), "you")
    (refused,) = await watched.session.decide((A1,), "approve")
    assert refused.code == "stopped"
    assert (await watched.session.release("again")).ok
    await watched.until(lambda view: not view.stop.engaged)
    assert (await asyncio.to_thread(toy.look))["stopped"] is False


async def test_stop_takes_the_second_path_without_a_supervisor(tmp_path: Path) -> None:
    daemon = Toy(tmp_path)
    daemon.start("--no-control")
    try:
        session = LiveSession(tmp_path)
        assert (await session.stop("key ctrl+g")).ok
        assert [line.failed for line in session.log] == [True, False]
        assert (await asyncio.to_thread(daemon.look))["stopped"] is True
    finally:
        daemon.kill()


async def test_a_stop_that_nobody_answers_lays_the_file_and_says_what_to_type(tmp_path: Path) -> None:
    """The file stops a daemon that hangs or is down; see `.quarterdeck/STOP`."""
    session = LiveSession(tmp_path)
    verdict = await session.stop("key ctrl+g")
    assert not verdict.ok
    assert f"quarterdeck -w {tmp_path} stop" in verdict.hint
    assert (tmp_path / ".quarterdeck" / "STOP").read_text("utf-8") == "key ctrl+g\n"


async def test_a_stop_that_reached_nobody_is_asked_for_again(tmp_path: Path) -> None:
    session = LiveSession(tmp_path)
    await session.stop("key ctrl+g")
    daemon = Toy(tmp_path)
    daemon.start()
    task = asyncio.ensure_future(session.run(lambda view: None))
    try:
        async with asyncio.timeout(WAIT_S):
            while not (await asyncio.to_thread(daemon.look))["stopped"]:
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        daemon.kill()


async def test_the_whole_app_survives_a_killed_daemon(toy: Toy) -> None:
    """On screen: list, banner with the list kept, refusal of a change, then live again and approved."""
    app = QuarterdeckApp(LiveSession(toy.workspace))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: "Answer letter 1" in "\n".join(painted(app)))
        toy.kill()
        await until(lambda: "Connection lost" in "\n".join(painted(app)))
        await pilot.press("a")
        await until(lambda: "does not answer" in "\n".join(painted(app)))
        assert "Answer letter 1" in "\n".join(painted(app))
        toy.start()
        await until(lambda: "Connected again" in "\n".join(painted(app)))
        await pilot.press("a")
        await until(lambda: 'approved a1 "Answer letter 1"' in "\n".join(painted(app)))
    done = toy.look()["done"]
    assert isinstance(done, dict)
    assert list(done) == ["a1"]


async def test_ctrl_g_reaches_the_daemon_from_an_open_field(toy: Toy) -> None:
    app = QuarterdeckApp(LiveSession(toy.workspace))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: "Answer letter 1" in "\n".join(painted(app)))
        await pilot.press("slash", "x", "ctrl+g")
        await until(lambda: "STOPPED" in painted(app)[0])
    assert toy.look()["stopped"] is True
