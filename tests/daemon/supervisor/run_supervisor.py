"""A supervisor over stand-in children: `python run_supervisor.py OPTIONS WORKSPACE`, OPTIONS a JSON map.

commands  habit by role (see stand_ins.py)      workers   how many
models    settings of each by name              patience  fields of Patience
                                                without   names of protections to switch off, for the twins
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from quarterdeck_daemon.service import child, control, run_folder, supervisor, team
from quarterdeck_daemon.service.child import Patience
from quarterdeck_daemon.service.model_settings import ModelSetting
from quarterdeck_daemon.service.run_folder import Lock, Places
from quarterdeck_protocol import frames
from quarterdeck_protocol.codes import QuarterdeckError

STAND_INS = Path(__file__).with_name("stand_ins.py")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    commands: dict[str, str] = {}
    workers: int = 1
    patience: Patience = Patience()
    without: tuple[str, ...] = ()
    models: dict[str, ModelSetting] = {}


def switch(place: object, name: str, replacement: object) -> None:
    """Put `replacement` where a protection was; the name must have been there."""
    assert hasattr(place, name), name
    setattr(place, name, replacement)


def without_lock() -> None:
    """Everybody wins."""
    switch(supervisor, "take_lock", lambda path: Lock(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)))


def without_kernel_lock() -> None:
    """The classic: the lock is a file that must not exist, so a killed owner leaves it for ever."""

    def take(path: Path) -> Lock:
        with contextlib.suppress(FileExistsError):
            return Lock(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        raise run_folder.already_running(None)

    switch(supervisor, "take_lock", take)


def without_restart() -> None:
    switch(team.Team, "_succeed", lambda self, child, life: None)


def without_kill_at_end() -> None:
    """Ask politely and hope."""

    async def end(self: team.Team) -> None:
        await team.ended(team._signal(self._children, signal.SIGTERM), 0.3)

    switch(team.Team, "end", end)


def without_fence_file() -> None:
    """The stop lives in memory only."""
    switch(supervisor, "write_fence", lambda path, fence: None)


def without_guard() -> None:
    """The naive server: unpack what arrives, and let errors fly."""

    async def serve(self: control.Control) -> None:
        while True:
            route, _, body = await self._socket.recv_multipart()
            request = msgspec.msgpack.decode(body, type=frames.Request)
            await self._socket.send_multipart([route, *frames.ok_frames(request.id, {}, seq=0, durable=True)])

    switch(control.Control, "serve", serve)


def without_group_kill() -> None:
    switch(child, "_signal_group", os.kill)


def without_uid_filter() -> None:
    switch(control.Control.__init__, "__kwdefaults__", {"same_user": False})


def without_outward() -> None:
    """The stop knows roles alone, and who may start is nobody's concern."""
    kill = team.Team.kill
    switch(team.Team, "kill", lambda self, roles, outward=False: kill(self, roles))
    switch(supervisor.Supervisor, "may_start", lambda self, launch: not self._ending.is_set())


SWITCHES = {
    "outward": without_outward,
    "uid_filter": without_uid_filter,
    "lock": without_lock,
    "kernel_lock": without_kernel_lock,
    "restart": without_restart,
    "kill_at_end": without_kill_at_end,
    "fence_file": without_fence_file,
    "guard": without_guard,
    "group_kill": without_group_kill,
}


async def run(options: Options, places: Places, lock: Lock) -> None:
    habits = {
        "daemon": "daemon",
        "effector": "quiet",
        "indexer": "quiet",
        "worker": "quiet",
        "model": "quiet",
        **options.commands,
    }
    commands = {role: [sys.executable, str(STAND_INS), habit] for role, habit in habits.items()}
    await supervisor.Supervisor(
        places, lock, workers=options.workers, commands=commands, patience=options.patience, models=options.models
    ).run()


def main() -> int:
    options = msgspec.json.decode(sys.argv[1], type=Options)
    for name in options.without:
        SWITCHES[name]()
    switch(supervisor, "_run", lambda places, lock, make: run(options, places, lock))
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
