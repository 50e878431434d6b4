"""Model hosts as real processes under a real hub: what crashes, hangs or lies costs one request, never the daemon."""

from __future__ import annotations

import asyncio
import signal
import time

import psutil
import pytest

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Failed, Failure, ModelReply, ModelRequest
from quarterdeck_daemon.service import hub as hub_module
from quarterdeck_daemon.service import roster

from .host_rig import DRAFT, LONG, SCRIPT, host_rig, scripted

PACED = f"pace: 100\n{SCRIPT}"
SCHEMA: Plain = {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]}


# --- answers --------------------------------------------------------------------------------------


async def test_a_host_says_what_it_has_and_answers() -> None:
    async with host_rig() as rig:
        known = await rig.up("small", scripted(rig))
        assert (known.name, known.ready, known.remote, known.at_once, known.loaded) == (
            "small",
            True,
            False,
            1,
            False,
        )
        assert known.id.startswith("small-")
        reply = await rig.reply("small", DRAFT)
        assert (reply.model, reply.text, reply.finish) == (known.id, "Dear Ana, thank you for your message.", "stop")
        assert reply.tokens_in > 0
        assert reply.tokens_out > 0
        assert rig.hub.models["small"].loaded


async def test_a_schema_gives_a_valid_value_and_choices_give_likelihoods() -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig))
        value = await rig.reply("small", ModelRequest(purpose="extract", prompt="about invoice 17", schema=SCHEMA))
        assert value.value == {"number": "17"}
        asked = ModelRequest(purpose="classify", prompt="about invoice 17", choices=("mail", "invoice"))
        scores = (await rig.reply("small", asked)).scores
        assert list(scores) == ["invoice", "mail"]
        assert sum(scores.values()) == pytest.approx(1)


async def test_a_streamed_answer_comes_in_pieces_that_join_to_the_reply() -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        heard: list[tuple[float, str]] = []
        asked = rig.ask(
            "small",
            ModelRequest(purpose="draft", prompt="x"),
            hear=lambda piece: heard.append((time.monotonic(), piece)),
        )
        reply = await asked
        assert isinstance(reply, ModelReply)
        assert "".join(piece for _, piece in heard) == reply.text
        assert len(heard) > 1, "more than one piece"
        assert heard[0][0] < heard[-1][0], "over time"


async def test_nobody_is_told_pieces_of_what_nobody_listens_to() -> None:
    """The twin of streaming: without `stream` the host says nothing but the answer."""
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        heard: list[str] = []
        rig.hub.listen("ask/1", heard.append)
        await rig.reply("small", DRAFT)
        assert heard == []


# --- cancel and time ------------------------------------------------------------------------------


async def test_a_cancelled_answer_ends_soon_and_the_next_one_comes() -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        heard: list[str] = []
        asked = rig.ask("small", LONG, id="long", hear=heard.append)
        await rig.until(lambda: heard)
        rig.hub.cancel("long")
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await rig.reply("small", DRAFT)
        assert time.monotonic() - began < 2.0, "four seconds of the long answer were left"
        assert rig.killed == []


async def test_without_the_cancel_the_next_one_waits_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: the hub forgets the order and does not tell the host."""
    monkeypatch.setattr(hub_module.Hub, "_call_off", lambda self, process, id: None)
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        heard: list[str] = []
        asked = rig.ask("small", LONG, id="long", hear=heard.append)
        await rig.until(lambda: heard)
        rig.hub.cancel("long")
        began = time.monotonic()
        await asyncio.gather(asked, return_exceptions=True)
        await rig.reply("small", DRAFT)
        assert time.monotonic() - began > 2.0


async def test_an_answer_beyond_its_time_is_a_timeout_and_the_host_lives_on() -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        failure = await rig.failure("small", LONG, deadline_ms=1_000)
        assert (failure.failure, failure.code) == ("timeout", "deadline")
        assert rig.killed == []
        await rig.reply("small", DRAFT)


async def test_a_host_that_hangs_is_ended_at_the_deadline_and_costs_one_request() -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        await rig.reply("small", DRAFT)
        rig.inner("small").suspend()
        pid = rig.hosts["small"].pid
        failure = await rig.failure("small", DRAFT, deadline_ms=1_000)
        assert failure.failure == "timeout"
        await rig.until(lambda: rig.killed == [pid])
        rig.start_again("small")
        await rig.reply("small", DRAFT)


async def test_a_host_that_does_not_end_what_was_cancelled_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CANCEL_S", 0.5)
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        heard: list[str] = []
        asked = rig.ask("small", LONG, id="long", hear=heard.append)
        await rig.until(lambda: heard)
        rig.inner("small").suspend()
        rig.hub.cancel("long")
        await asyncio.gather(asked, return_exceptions=True)
        await rig.until(lambda: rig.killed)


# --- death ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
async def test_a_crash_costs_one_request_and_says_how(number: signal.Signals) -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        heard: list[str] = []
        asked, waiting = rig.ask("small", LONG, hear=heard.append), rig.ask("small", DRAFT)
        await rig.until(lambda: heard)
        rig.inner("small").send_signal(number)
        outcome = await asked
        assert isinstance(outcome, Failed)
        assert (outcome.failure.failure, outcome.failure.code) == ("crash", "model_died")
        assert number.name in outcome.failure.message
        rig.hosts["small"].wait(10)
        rig.start_again("small")
        assert isinstance(await waiting, ModelReply), "what had not begun goes to the next host"


async def test_the_outer_half_dies_and_the_inner_one_with_it() -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        await rig.reply("small", DRAFT)
        inner = rig.inner("small")
        heard: list[str] = []
        asked = rig.ask("small", LONG, hear=heard.append)
        await rig.until(lambda: heard)
        rig.end("small")
        outcome = await asked
        assert isinstance(outcome, Failed)
        assert outcome.failure.failure == "crash"
        await rig.until(lambda: not inner.is_running() or inner.status() == psutil.STATUS_ZOMBIE)


async def test_questions_to_a_model_without_a_host_are_answered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "HOST_WAIT_S", 0.3)
    async with host_rig() as rig:
        failure = await rig.failure("nobody", DRAFT)
        assert (failure.failure, failure.code) == ("transient", "unavailable")


# --- files ----------------------------------------------------------------------------------------


async def test_a_broken_file_is_told_and_asked_for_and_ends_nothing() -> None:
    async with host_rig() as rig:
        known = await rig.up("small", scripted(rig, "answers: {"))
        assert not known.ready
        assert "no script" in known.problem
        failure = await rig.failure("small", DRAFT)
        assert (failure.failure, failure.code) == ("permanent", "not_ready")
        assert rig.hosts["small"].poll() is None


async def test_a_file_with_another_hash_is_not_loaded() -> None:
    async with host_rig() as rig:
        known = await rig.up("small", scripted(rig, sha256="0" * 64))
        assert not known.ready
        assert "SHA-256" in known.problem
        assert (await rig.failure("small", DRAFT)).code == "not_ready"


async def test_a_mended_file_is_taken_up_by_itself() -> None:
    async with host_rig() as rig:
        setting = scripted(rig, "answers: {")
        assert not (await rig.up("small", setting)).ready
        setting.path(rig.folder).write_text(SCRIPT)
        await rig.until(lambda: rig.hub.models["small"].ready)
        await rig.reply("small", DRAFT)


async def test_a_file_that_ended_its_process_twice_while_loading_is_told_instead_of_loaded() -> None:
    async with host_rig() as rig:
        setting = scripted(rig)
        path = setting.path(rig.folder)
        found = path.stat()
        note = rig.home / "scratch" / "model-small"
        note.mkdir(parents=True)
        (note / "loading").write_text(f"{found.st_size}.{found.st_mtime_ns}.{found.st_ino} 2")
        known = await rig.up("small", setting)
        assert not known.ready
        assert "2 times" in known.problem
        path.write_text(SCRIPT)
        await rig.until(lambda: rig.hub.models["small"].ready)


async def test_an_idle_model_is_unloaded_and_loaded_again() -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, idle="100ms", load="start"))
        await rig.until(lambda: any(told.loaded for told in rig.told))
        await rig.until(lambda: not rig.hub.models["small"].loaded)
        await rig.reply("small", DRAFT)


# --- order ----------------------------------------------------------------------------------------


async def test_what_somebody_waits_for_goes_before_the_batch() -> None:
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        ended: list[str] = []

        def note(name: str, task: asyncio.Task[object]) -> None:
            task.add_done_callback(lambda _: ended.append(name))

        batch = [rig.ask("small", DRAFT, priority="batch") for _ in range(4)]
        for task in batch:
            note("batch", task)
        person = rig.ask("small", DRAFT, priority="interactive")
        note("person", person)
        await asyncio.gather(*batch, person)
        assert ended.index("person") <= 1, "after the one that had begun"


async def test_a_host_cannot_pass_for_another() -> None:
    async with host_rig() as rig:
        rig.start("small", scripted(rig), token="t" * 64)
        await rig.up("other", scripted(rig))
        await asyncio.sleep(0.5)
        assert list(rig.hub.models) == ["other"]


async def test_the_stop_answers_what_waits_for_a_model_elsewhere() -> None:
    """Those of this machine go on: nothing leaves the house for them."""
    async with host_rig() as rig:
        await rig.up("small", scripted(rig, PACED))
        near = rig.ask("small", DRAFT)
        rig.hub.refuse_outward_models(Failure(failure="stopped", code="stopped", message="stopped"))
        assert isinstance(await near, ModelReply)
