"""A plugin with bad manners, installed as any package is: what it does costs its own step and nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from quarterdeck_daemon.service.confinement import landlock, seccomp
from quarterdeck_protocol.client import Client

from .quarters import Plain, Quarters, running, small_house, until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or landlock.version() < landlock.SCOPE_SINCE or not seccomp.known(),
    reason="agents of strangers run only where Landlock and seccomp shut them in",
)
DEEDS = """
import mmap, os, signal, socket, sys
from pathlib import Path

PRECIOUS, PORT = Path({precious!r}), {port}


def honest():
    return "done"


def hang():
    while True:
        pass


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def hog():
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # Not reserved, never touched.
    return "done" if mmap.mmap(-1, 1 << 36, flags) else ""


def fork():
    child = os.fork()
    if not child:
        os._exit(0)
    return "done"


def read():
    return "done " + PRECIOUS.read_text()


def write():
    PRECIOUS.with_name("planted").write_text("x")
    return "done"


def call():
    with socket.create_connection(("127.0.0.1", PORT), timeout=2):
        return "done"


def shell():
    return "done" if os.system("true") == 0 else "refused by the shell"


def tried(deed):
    try:
        return str(deed())
    except OSError as error:
        return "refused " + type(error).__name__


def agent(deed):
    def run(step):
        from quarterdeck_daemon.core.orders import StepDone

        return StepDone(output={{"said": tried(deed)}})

    return run


if __name__ == "__main__":
    print(tried(globals()[sys.argv[1]]))
"""
CONTRACT = """---
name: {name}
purpose: Tries to {name}.
inputs: {{}}
outputs:
  said: {{type: string}}
effects: []
sla: 3s
---
"""
PLAYBOOK = "name: {name}\nsteps:\n  - {{id: s, agent: {name}, retry: {{times: 0}}}}\n"
REFUSED = ("call", "fork", "hog", "read", "shell", "write")  # It is told no, and goes on.
ENDED = {"hang": "timeout", "crash": "crash"}  # Its process does not outlive that.
NAMES = ("honest", *REFUSED, *ENDED)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A folder of installed packages with one in it, and a server that waits to be called."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        site = tmp_path / "site"
        (site / "manners").mkdir(parents=True)
        (tmp_path / "precious").write_text("gold")
        text = DEEDS.format(precious=str(tmp_path / "precious"), port=server.getsockname()[1])
        (site / "manners" / "deeds.py").write_text(text)
        (site / "manners" / "__init__.py").write_text("")
        for name in NAMES:
            (site / "manners" / f"{name}.py").write_text(f"from .deeds import agent, {name}\nrun = agent({name})\n")
            (site / "manners" / f"{name}.md").write_text(CONTRACT.format(name=name))
        info = site / "manners-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: manners\nVersion: 1.0\n")
        points = "".join(f"{name} = manners.{name}:run\n" for name in NAMES)
        (info / "entry_points.txt").write_text(f"[quarterdeck.agents]\n{points}")
        yield site


def ended(client: Client, name: str) -> Plain:
    """Run it to its end; give its only step."""
    run = str(client.call("run.start", {"playbook": name}).result["run_id"])

    def over() -> bool:
        return client.call("run.get", {"id": run}).result["status"] not in ("running", "waiting")

    assert until(over, 60), f"{name} goes on"
    steps = client.call("run.get", {"id": run}).result["steps"]
    assert isinstance(steps, list)
    return dict(steps[0])


def test_what_a_plugin_tries_costs_its_own_step(tmp_path: Path, site: Path) -> None:
    folder = small_house(tmp_path)
    for name in NAMES:
        (folder / "playbooks" / f"{name}.yaml").write_text(PLAYBOOK.format(name=name))
    with running(folder, {"PYTHONPATH": str(site)}) as quarters, quarters.client() as client:
        daemon = _daemon(quarters)
        for name in ("honest", *REFUSED):
            step = ended(client, name)
            output = step["output"]
            assert isinstance(output, dict), (name, step)
            assert str(output["said"]).startswith("done" if name == "honest" else "refused"), (name, step)
        for name, failure in ENDED.items():
            step = ended(client, name)
            error = step["error"]
            assert isinstance(error, dict), (name, step)
            assert (step["status"], error["failure"]) == ("failed", failure), (name, step)
            after = ended(client, "honest")
            assert after["status"] == "succeeded", f"after {name} others work"
        assert daemon.is_running()
        assert client.call("system.status").result
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("name", REFUSED)
def test_the_same_code_does_it_when_nothing_shuts_it_in(name: str, site: Path, tmp_path: Path) -> None:
    """The twin: what is refused above works on this machine."""
    command = [sys.executable, str(site / "manners" / "deeds.py"), name]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert told.stdout.startswith("done"), told


def _daemon(quarters: Quarters) -> psutil.Process:
    return next(one for one in quarters.processes() if "service.daemon" in " ".join(one.cmdline()))
