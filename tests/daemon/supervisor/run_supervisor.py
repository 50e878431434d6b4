"""A supervisor over stand-in children: `python run_supervisor.py OPTIONS WORKSPACE`, OPTIONS a JSON map.

commands  habit by role (see stand_ins.py)      workers   how many
patience  fields of Patience                    without   names of protections to switch off, for the twins
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import msgspec

from quarterdeck_daemon.service import child, control, run_folder, supervisor, team
from quarterdeck_daemon.service.child import Patience
from quarterdeck_daemon.service.run_folder import Lock, Places
from quarterdeck_protocol.codes import QuarterdeckError

STAND_INS = Path(__file__).with_name("stand_ins.py")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    commands: dict[str, str] = {}
    workers: int = 1
    patience: dict[str, float] = {}
    without: tuple[str, ...] = ()


def without_lock() -> None:
    """Everybody wins."""
    supervisor.take_lock = lambda path: Lock(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def without_kernel_lock() -> None:
    """The classic: the lock is a file that must not exist, so a killed owner leaves it for ever."""

    def take(path: Path) -> Lock:
        with contextlib.suppress(FileExistsError):
            return Lock(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        raise run_folder.already_running(None)

    supervisor.take_lock = take


def without_restart() -> None:
    team.Team._succeed = lambda self, child, life: None  # type: ignore[method-assign]  # the twin


def without_kill_at_end() -> None:
    """Ask politely and hope."""

    async def end(self: team.Team) -> None:
        await team.ended(team._signal(self._children, team.signal.SIGTERM), 0.3)

    team.Team.end = end  # type: ignore[method-assign]  # the twin


def without_fence_file() -> None:
    """The stop lives in memory only."""
    supervisor.write_fence = lambda path, fence: None


def without_guard() -> None:
    """The naive server: unpack what arrives, and let errors fly."""

    async def serve(self: control.Control) -> None:
        while True:
            route, _, body = await self._socket.recv_multipart()
            envelope = msgspec.msgpack.decode(body, type=control.Envelope)
            await self._socket.send_multipart([route, b"", msgspec.msgpack.encode({"id": envelope.id, "ok": True})])

    control.Control.serve = serve  # type: ignore[method-assign]  # the twin


def without_group_kill() -> None:
    child._signal_group = lambda pid, number: os.kill(pid, number)


SWITCHES = {
    "lock": without_lock,
    "kernel_lock": without_kernel_lock,
    "restart": without_restart,
    "kill_at_end": without_kill_at_end,
    "fence_file": without_fence_file,
    "guard": without_guard,
    "group_kill": without_group_kill,
}


async def run(options: Options, places: Places, lock: Lock) -> None:
    habits = {"daemon": "daemon", "effector": "quiet", "worker": "quiet", **options.commands}
    commands = {role: [sys.executable, str(STAND_INS), habit] for role, habit in habits.items()}
    patience = Patience(**options.patience)
    await supervisor.Supervisor(places, lock, workers=options.workers, commands=commands, patience=patience).run()


def main() -> int:
    options = msgspec.json.decode(sys.argv[1], type=Options)
    for name in options.without:
        SWITCHES[name]()
    supervisor._run = lambda places, lock, make: run(options, places, lock)
    try:
        supervisor.supervise(Path(sys.argv[2]))
    except QuarterdeckError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_status
    except asyncio.CancelledError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
