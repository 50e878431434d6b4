"""A real GGUF file, made here, in a real host: the confined process, its memory, its corruption, its death."""

from __future__ import annotations

import random
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Failed, ModelReply, ModelRequest
from quarterdeck_daemon.service import model_bench
from quarterdeck_daemon.service.model_figures import figures
from quarterdeck_daemon.service.model_settings import ModelSetting
from quarterdeck_daemon.service.workspace import CONFIG_NAME

from .host_rig import HostRig, host_rig
from .tiny_gguf import write_tiny

pytest.importorskip("ctransformers")
ASK = ModelRequest(purpose="draft", prompt="Dear Ana,", tokens_max=16)
SCHEMA: Plain = {
    "type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False,
}  # fmt: skip


def tiny(rig: HostRig, name: str = "tiny.gguf", **settings: object) -> ModelSetting:
    path = write_tiny(rig.folder / name, "Q4_0")
    return msgspec.convert(
        {"backend": "ctransformers", "file": str(path), "context_tokens": 512, "threads": 1, **settings}, ModelSetting
    )


async def test_a_real_model_answers_from_a_confined_process() -> None:
    async with host_rig() as rig:
        known = await rig.up("tiny", tiny(rig))
        assert known.ready, known.problem
        heard: list[str] = []
        reply = await rig.ask("tiny", ASK, hear=heard.append)
        assert isinstance(reply, ModelReply), reply
        assert (reply.model, reply.tokens_out > 0, "".join(heard)) == (known.id, True, reply.text)
        value = await rig.reply("tiny", ModelRequest(purpose="extract", prompt="Well?", schema=SCHEMA, tokens_max=40))
        assert isinstance(value.value, dict)
        assert isinstance(value.value["ok"], bool)
        choice = ModelRequest(purpose="classify", prompt="Well?", choices=("yes", "no"))
        assert sum((await rig.reply("tiny", choice)).scores.values()) == pytest.approx(1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_its_process_can_open_no_socket_and_no_file_of_the_house() -> None:
    """As the kernel tells it of the process that has the model: a filter is in force, and no rights can be gained."""
    async with host_rig() as rig:
        await rig.up("tiny", tiny(rig))
        await rig.reply("tiny", ASK)
        status = Path(f"/proc/{rig.inner('tiny').pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
        assert rig.inner("tiny").net_connections() == []


async def test_more_memory_than_allowed_costs_one_request_and_the_host_says_so() -> None:
    """Room for the interpreter and its libraries, none for the memory of a long context."""
    async with host_rig() as rig:
        setting = tiny(rig, context_tokens=1 << 20, memory_mb=700)
        known = await rig.up("tiny", setting)
        outcome = await rig.ask("tiny", ASK)
        if isinstance(outcome, ModelReply):  # The file's own context is what is taken: then less room is needed.
            await rig.up("small", msgspec.structs.replace(setting, memory_mb=60))
            outcome = await rig.ask("small", ASK)
        assert isinstance(outcome, Failed), known
        assert outcome.failure.failure in ("crash", "permanent")


async def test_a_real_model_that_is_killed_comes_back_with_the_same_answer() -> None:
    async with host_rig() as rig:
        await rig.up("tiny", tiny(rig))
        before = await rig.reply("tiny", ASK)
        rig.inner("tiny").send_signal(signal.SIGSEGV)
        rig.hosts["tiny"].wait(10)
        rig.start_again("tiny")
        assert (await rig.reply("tiny", ASK)).text == before.text


async def test_corrupt_files_are_told_by_the_host_and_end_no_process() -> None:
    """Heads with a few wrong bytes each: refused, or loaded and answering; never a death."""
    async with host_rig() as rig:
        setting = tiny(rig)
        whole = setting.path(rig.folder).read_bytes()
        chance = random.Random(3)
        told = 0
        for number in range(6):
            data = bytearray(whole)
            at = chance.randrange(4, 4_000)
            data[at : at + 8] = chance.randbytes(8)
            path = rig.folder / f"bad{number}.gguf"
            path.write_bytes(bytes(data if number else whole[: len(whole) // 2]))
            name = f"bad{number}"
            known = await rig.up(name, msgspec.structs.replace(setting, file=str(path)))
            told += not known.ready
            outcome = await rig.ask(name, ASK)
            assert isinstance(outcome, ModelReply | Failed)
            assert rig.hosts[name].poll() is None, "the host lives"
            assert not known.ready or isinstance(outcome, ModelReply)
            rig.end(name)
        assert told >= 3


def test_the_bench_measures_and_keeps_its_figures(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", "Q4_0")
    (tmp_path / CONFIG_NAME).write_text(
        f'[models.tiny]\nbackend = "ctransformers"\nfile = "{path}"\ncontext_tokens = 1024\nthreads = 1\n'
    )
    (tmp_path / CONFIG_NAME).chmod(0o600)
    (tmp_path / ".quarterdeck").mkdir()
    told: list[str] = []
    found = model_bench.bench(tmp_path, "tiny", told.append)
    assert found.tokens_s > 0
    assert found.reads_s > 0
    assert found.first_ms > 0
    assert 10 < found.memory_mb < 2_000
    assert found.id.startswith("tiny-")
    assert figures(tmp_path / ".quarterdeck") == {"tiny": found}
    assert told[0] == "loading"
