"""How a process of ours learns who it is: one JSON line on standard input, which then stays open.

Secrets come this way because arguments and environments can be read by others. When the pipe
closes, the parent is gone and the child ends. On Linux the kernel makes sure of that as well.
"""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Literal

import msgspec

Role = Literal["daemon", "effector", "worker", "indexer", "model"]
PR_SET_PDEATHSIG = 1
LAUNCH_BYTES_MAX = 65_536


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells a child.

    orders   endpoint of the daemon's ROUTER for processes (it binds, they connect)
    control  endpoint of the supervisor's ROUTER (it binds; daemon and command line connect)
    token    for a process: what it shows in `Hello`; for the daemon: its own token for `control`
    operator_token   the token in the connection file (daemon only)
    process_tokens   token by role that the daemon accepts on `orders` (daemon only)
    model            the settings of its model (model host only)
    outward          whether it speaks to other machines: the emergency stop ends it
    """

    role: Role
    workspace: str
    orders: str
    control: str
    token: str
    rpc: str = ""
    events: str = ""
    operator_token: str = ""
    process_tokens: dict[str, str] = {}
    supervisor_pid: int = 0
    model: dict[str, object] = {}
    outward: bool = False

    @property
    def home(self) -> Path:
        """The state folder, `.quarterdeck/`."""
        return Path(self.workspace) / ".quarterdeck"


def model_token(root: str, name: str) -> str:
    """What the host of one model shows. root: the token of the role, which no host knows: none can pass for another."""
    return hmac.new(root.encode(), name.encode(), hashlib.sha256).hexdigest()


def receive_launch() -> Launch:
    """Read the line from standard input and tie this process's life to its parent's."""
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    line = sys.stdin.buffer.readline(LAUNCH_BYTES_MAX)
    if not line:
        raise SystemExit("this process is started by `quarterdeck up`, not by hand")
    launch = msgspec.json.decode(line, type=Launch)
    if launch.supervisor_pid and os.getppid() != launch.supervisor_pid:
        raise SystemExit("the supervisor died before this process could tie itself to it")
    return launch


def end_with_parent() -> None:
    """Watch standard input from a thread; when it closes, the parent is gone: terminate this process."""

    def watch() -> None:
        while os.read(0, 4096):
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
