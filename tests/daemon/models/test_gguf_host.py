"""A real model file through the real host: native code, two processes, a hub, and all that can go wrong with the file."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from quarterdeck_daemon.core.orders import Failed, ModelReply, ModelRequest
from quarterdeck_daemon.service.model_settings import ModelSetting

from .contract import CHOICES, SCHEMA
from .host_rig import HostRig, host_rig
from .test_gguf import DAMAGES
from .tiny_gguf import write_tiny

TEXT = ModelRequest(purpose="draft", prompt="Answer this mail. 日本 😀", tokens_max=60)


def local(rig: HostRig, path: Path, **settings: object) -> ModelSetting:
    asked = {"backend": "ctransformers", "file": str(path), "context_tokens": 512, "threads": 1, **settings}
    return msgspec.convert(asked, ModelSetting)


async def test_a_real_model_streams_keeps_to_a_schema_and_weighs_choices_through_its_host() -> None:
    async with host_rig() as rig:
        known = await rig.up("tiny", local(rig, write_tiny(rig.folder / "tiny.gguf")))
        assert (known.ready, known.problem) == (True, "")
        heard: list[str] = []
        reply = await rig.ask("tiny", TEXT, hear=heard.append)
        assert isinstance(reply, ModelReply), reply
        assert (reply.model, "".join(heard)) == (known.id, reply.text)
        assert len(heard) > 1, "before it was done"
        for seed in range(3):
            asked = ModelRequest(
                purpose="extract", prompt="x", schema=SCHEMA, tokens_max=100, temperature=1.0, seed=seed
            )
            jsonschema_rs.validator_for(SCHEMA).validate((await rig.reply("tiny", asked)).value)
        scores = (await rig.reply("tiny", ModelRequest(purpose="classify", prompt="x", choices=CHOICES))).scores
        assert sum(scores.values()) == pytest.approx(1)
        assert (await rig.failure("tiny", msgspec.structs.replace(TEXT, prompt="word " * 600))).code == "too_long"
        assert (await rig.reply("tiny", TEXT)).text == reply.text


async def test_a_cancel_reaches_the_native_loop() -> None:
    async with host_rig() as rig:
        await rig.up("tiny", local(rig, write_tiny(rig.folder / "tiny.gguf", context=4_096), context_tokens=4_096))
        heard: list[str] = []
        asked = rig.ask("tiny", msgspec.structs.replace(TEXT, tokens_max=3_500), id="long", hear=heard.append)
        await rig.until(lambda: heard)
        rig.hub.cancel("long")
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert isinstance(await rig.reply("tiny", TEXT), ModelReply)
        assert rig.killed == []


async def test_native_code_that_ends_its_process_costs_one_request() -> None:
    async with host_rig() as rig:
        await rig.up("tiny", local(rig, write_tiny(rig.folder / "tiny.gguf", context=4_096), context_tokens=4_096))
        heard: list[str] = []
        asked = rig.ask("tiny", msgspec.structs.replace(TEXT, tokens_max=3_500), hear=heard.append)
        await rig.until(lambda: heard)
        rig.inner("tiny").send_signal(signal.SIGSEGV)
        outcome = await asked
        assert isinstance(outcome, Failed)
        assert (outcome.failure.failure, outcome.failure.code) == ("crash", "model_died")
        rig.hosts["tiny"].wait(10)
        rig.start_again("tiny")
        assert isinstance(await rig.reply("tiny", TEXT), ModelReply)


async def test_damaged_files_are_told_one_after_the_other_and_end_no_process() -> None:
    """The host looks again when the file has changed; the last one is whole, and answers."""
    async with host_rig() as rig:
        path = write_tiny(rig.folder / "tiny.gguf")
        whole = path.read_bytes()
        path.write_bytes(DAMAGES["noise behind the magic"](whole))
        known = await rig.up("tiny", local(rig, path))
        assert not known.ready
        assert "tiny.gguf" in known.problem
        for name in ("cut in the vocabulary", "2^63 tensors", "cut in the weights"):
            path.write_bytes(DAMAGES[name](whole))
            assert (await rig.failure("tiny", TEXT)).failure == "permanent"
        assert rig.hosts["tiny"].poll() is None
        path.write_bytes(whole)
        await rig.until(lambda: rig.hub.models["tiny"].ready)
        assert isinstance(await rig.reply("tiny", TEXT), ModelReply)
