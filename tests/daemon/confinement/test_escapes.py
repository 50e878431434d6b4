"""What a taken-over parser or agent may try, and its twin: the same try without confinement does the damage.

Where this machine itself refuses a try even to a free process (no IPv6, no right to mount), its twin shows nothing and
is skipped with the reason; the confined half is asserted all the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.agents.contract import AgentFailure
from quarterdeck_daemon.agents.table import allow_strangers, run_agent
from quarterdeck_daemon.core.orders import RunStep, StepDone
from quarterdeck_daemon.service.confinement import landlock, seccomp
from quarterdeck_daemon.service.confinement.confine import readable

from . import attacks
from .attacks import ATTACKS

WAIT_S = 60
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
offered = landlock.version() >= landlock.SCOPE_SINCE and seccomp.known()
needs_all = pytest.mark.skipif(
    not offered, reason="this kernel lacks Landlock (version 6) or seccomp: nothing to show"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home with keys and sockets, somebody else's process, listeners. Removed with all that attacks left."""
    base = Path(tempfile.mkdtemp(prefix="qd-")).resolve()
    for name in ("own", "outside", "home/.ssh", "home/.quarterdeck/log"):
        (base / name).mkdir(parents=True)
    for name in ("home/.ssh/id_ed25519", "home/.quarterdeck/chain.key", "home/.quarterdeck/log/000004.log"):
        (base / name).write_text("secret")
    (base / "outside" / "precious").write_text("x")
    (base / "own" / "link-to-key").symlink_to(base / "home" / ".ssh" / "id_ed25519")
    with contextlib.ExitStack() as stack:
        victim = stack.enter_context(subprocess.Popen(["sleep", str(WAIT_S)]))
        stack.callback(victim.kill)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        control, abstract = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        control.bind(str(base / "home" / ".quarterdeck" / "control.sock"))
        abstract.bind(f"\0{base.name}")
        for listener in (control, abstract):
            listener.listen()
        secret = ctypes.create_string_buffer(b"sixteen letters!")
        told = {"victim": victim.pid, "port": tcp.getsockname()[1], "abstract": base.name}
        for name, value in (told | {"address": ctypes.addressof(secret)}).items():
            (base / name).write_text(str(value))
        yield base
    shutil.rmtree(base)


def attempt(name: str, how: str, folder: Path) -> str:
    command = [sys.executable, attacks.__file__, name, how, str(folder)]
    result = subprocess.run(command, capture_output=True, timeout=WAIT_S, start_new_session=True, check=False)
    return result.stdout.decode().strip() or f"died {result.returncode} {result.stderr[-400:].decode()}"


@needs_all
@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_a_confined_process_does_not_get_out(name: str, folder: Path) -> None:
    told = attempt(name, "confined", folder)
    assert told.startswith("refused"), told
    assert (folder / "outside" / "precious").read_text() == "x"
    assert not (folder / "outside" / "planted").exists()


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_without_confinement_the_damage_is_done(name: str, folder: Path) -> None:
    """The twin: what shows that the test above would notice."""
    told = attempt(name, "free", folder)
    if told.startswith("refused"):
        pytest.skip(f"this machine refuses it to everybody: {told}")
    assert told == "done"


def test_most_attacks_work_on_this_machine_when_nothing_confines_them(folder: Path) -> None:
    """If the machine itself refused them, the suite would prove nothing."""
    some = (
        "read_ssh_key",
        "udp_send",
        "tcp_connect",
        "control_socket",
        "abstract_socket",
        "fork_bomb",
        "fill_disk",
        "run_shell",
    )
    assert [attempt(name, "free", folder) for name in some] == ["done"] * len(some)


@needs_all
def test_the_rules_name_no_folder_that_holds_the_operators_files(folder: Path) -> None:
    private = (Path("~").expanduser(), folder / "home")
    assert [path for path in readable(private) for one in private if one.is_relative_to(path)] == []


def test_an_agent_of_strangers_is_refused_where_it_cannot_be_shut_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its twin: where it can, it runs."""
    (folder / "stray.py").write_text(
        "from quarterdeck_daemon.core.orders import StepDone\ndef run(step): return StepDone(output={'by': step.agent})\n"
    )
    info = folder / "stray-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stray\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[quarterdeck.agents]\nstray = stray:run\n")
    monkeypatch.syspath_prepend(str(folder))
    step = RunStep(run="r1", step="s", attempt=1, agent="stray", input={}, context={}, now_us=0)
    allow_strangers(False)
    with pytest.raises(AgentFailure) as refusal:
        run_agent(step)
    assert (refusal.value.failure.failure, refusal.value.failure.code) == ("contract", "unconfined")
    allow_strangers(True)
    try:
        assert run_agent(step) == StepDone(output={"by": "stray"})
    finally:
        allow_strangers(False)


def test_every_refused_call_has_a_number_on_both_kinds_of_processor() -> None:
    """The filter's jumps are short and its length bounded: 4,096 instructions is the kernel's limit."""
    for machine in seccomp.REFUSED:
        code = seccomp.program(machine, os.getpid())
        assert len(code) % 8 == 0
        assert len(code) // 8 < 4_096
