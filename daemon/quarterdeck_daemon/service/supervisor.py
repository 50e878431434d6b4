"""The supervisor: starts our processes, starts them again, and owns the stop.

Owns     the lock, the fence file, the `control` socket, the lives of daemon, effector and workers.
Promises one supervisor for a workspace. A stop is answered after the fence is on disk and the effector is dead,
         whatever state the daemon is in. When this process dies, its children die. An end takes less than 5 s.
Leaves   recording stops in the log to the daemon, which watches the fence; every decision to the core.
         No agent code, no model, no parser ever runs here.

Run: python -P -m quarterdeck_daemon.service.supervisor WORKSPACE
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from quarterdeck_protocol import PROTOCOL_VERSION
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import ConnectionFile, write_connection
from quarterdeck_protocol.frames import Plain

from ..outward.address import address_of
from .child import Patience
from .control import Caller, Control
from .fence import Fence, read_fence, write_fence
from .launch import Launch, Role, model_token
from .logs import fields, hide, rotate, set_up_logging
from .model_settings import ModelSetting
from .run_folder import END_S_MAX, Lock, Owner, Places, endpoints_of, places_of, prepare, take_lock
from .team import Seat, Team, ended
from .workspace import CONFIG_NAME, load_config

FLAG_POLL_S = 0.1
REAP_S = 2.0  # How long a killed process may take to die (freeing much memory takes time) before we answer anyway.
TOKEN_BYTES = 32
REASON_CHARACTERS_MAX = 500
ROLES: tuple[Role, ...] = ("daemon", "effector", "worker", "indexer", "model")
OUTWARD: tuple[Role, ...] = ("effector",)
MODULES: dict[Role, str] = {"model": "model_host"}  # Where it is not called as the role is.
RUN_CHILD: dict[str, list[str]] = {
    role: [sys.executable, "-P", "-m", f"quarterdeck_daemon.service.{MODULES.get(role, role)}"] for role in ROLES
}

log = logging.getLogger("quarterdeck.supervisor")


class EngageParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As in the public protocol, and who stopped; `kill` takes the workers along."""

    reason: str = ""
    by: str = "operator"
    kill: bool = False


class ReleaseParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As in the public protocol. `runs` is passed on to the daemon, which knows what runs are.

    epoch: of the stop that is meant; another one stays in force.
    """

    reason: str = ""
    by: str = "operator"
    runs: tuple[str, ...] | None = None
    epoch: int | None = None


class KillParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pid: int
    reason: str


class NoParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A method that takes nothing."""


Params = TypeVar("Params", bound=msgspec.Struct)


class Supervisor:
    """One workspace's team. `run` returns when the team has ended."""

    def __init__(
        self,
        places: Places,
        lock: Lock,
        *,
        workers: int,
        commands: dict[str, list[str]] | None = None,
        patience: Patience | None = None,
        models: Mapping[str, ModelSetting] | None = None,
    ) -> None:
        """commands: what to start for each role, in place of our own modules.  models: each gets a host of its own."""
        self.places = places
        self.lock = lock
        self.fence = read_fence(places.fence)
        self._fence_saved = True
        self._endpoints = endpoints_of(places)
        self._tokens = {name: secrets.token_urlsafe(TOKEN_BYTES) for name in ("operator", *ROLES)}
        hide(*self._tokens.values())
        self._ending = asyncio.Event()
        self._indexer_asks_outside = False  # By the settings that it started with.
        self._commands = {**RUN_CHILD, **(commands or {})}
        seats = [*self._seats(workers, self._commands), *self._hosts(models or {})]
        self._team = Team(seats, patience or Patience(), self)
        self._control: Control | None = None

    def _seats(self, workers: int, commands: dict[str, list[str]]) -> list[Seat]:
        seats: list[tuple[str, Role]] = [("daemon", "daemon"), ("effector", "effector"), ("indexer", "indexer")]
        seats += [(f"worker-{number}", "worker") for number in range(1, workers + 1)]
        return [Seat(name, commands[role], self._launch(role), self.places.log_of(role)) for name, role in seats]

    def _hosts(self, models: Mapping[str, ModelSetting]) -> list[Seat]:
        """A seat for each model. Each token is derived from the model's name and hidden from the logs like the others."""
        seats: list[Seat] = []
        for name, setting in models.items():
            launch = msgspec.structs.replace(
                self._launch("model"),
                token=model_token(self._tokens["model"], name),
                model={"name": name, "setting": msgspec.to_builtins(setting)},
                outward=setting.remote,
            )
            hide(launch.token)
            seats.append(Seat(f"model-{name}", self._commands["model"], launch, self.places.log_of("model")))
        return seats

    def _launch(self, role: Role) -> Launch:
        common = Launch(
            role=role,
            workspace=str(self.places.workspace),
            orders=self._endpoints.of("orders"),
            control=self._endpoints.of("control"),
            token=self._tokens[role],
            supervisor_pid=os.getpid(),
        )
        if role != "daemon":
            return common
        return msgspec.structs.replace(
            common,
            rpc=self._endpoints.of("rpc"),
            events=self._endpoints.of("events"),
            operator_token=self._tokens["operator"],
            process_tokens={name: self._tokens[name] for name in ROLES if name != "daemon"},
        )

    # --- life ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until a shutdown is asked for; then end everything, cleanly where possible, within END_S_MAX."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._team.reap)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        self._clear_leftovers()
        self._control = Control(
            self._endpoints.of("control"),
            {"operator": self._tokens["operator"], "daemon": self._tokens["daemon"]},
            {
                "stop.engage": self._engage_asked,
                "stop.release": self._release_asked,
                "supervisor.status": self._status_asked,
                "supervisor.kill": self._kill_asked,
                "supervisor.models": self._models_asked,
                "supervisor.watch": self._watch_asked,
                "system.shutdown": self._shutdown_asked,
            },
        )
        self._announce()
        self._team.start()
        tasks = [loop.create_task(self._control.serve()), loop.create_task(self._watch_flag())]
        ending = loop.create_task(self._ending.wait())
        await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
        self._ending.set()
        await self._team.end()
        for task in (*tasks, ending):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self._control.close()
        if self.lock.stands_at(self.places.lock):  # Else what lies there may be a successor's.
            self._clear_leftovers()
        self.lock.release()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _announce(self) -> None:
        info = ConnectionFile(
            protocol=PROTOCOL_VERSION,
            pid=os.getpid(),
            workspace=str(self.places.workspace),
            token=self._tokens["operator"],
            control=self._endpoints.of("control"),
            supervisor=os.getpid(),
        )
        write_connection(self.places.control, info)
        log.info("supervisor up", extra=fields(workspace=info.workspace, control=info.control))

    def _clear_leftovers(self) -> None:
        """Remove what a dead team left: only ever called by the holder of the lock."""
        for path in [*self._endpoints.folder.glob("*.sock"), self.places.connection, self.places.control]:
            path.unlink(missing_ok=True)

    def may_start(self, launch: Launch) -> bool:
        """No start while ending; nobody who reaches outside while the disk does not say "stopped" though it should. The
        host of a model on another machine has nothing to do while everything is stopped, and stays away."""
        role = launch.role
        if launch.outward and self.fence.stopped:
            return False
        if self._ending.is_set() or self._fence_saved:
            return not self._ending.is_set()
        return role not in OUTWARD and not (role == "indexer" and embeds_outside(self.places.workspace))

    def has_started(self, role: Role, pid: int) -> None:
        if role == "daemon":
            self.lock.record(Owner(pid=os.getpid(), daemon=pid))
        elif role == "indexer":
            self._indexer_asks_outside = embeds_outside(self.places.workspace)

    def _asking_outside(self) -> tuple[Role, ...]:
        """The indexer, when it may be sending texts to an embedder on another machine right now.

        By the settings that it started with, which are known: a stop waits for no disk. Its successor looks at the fence
        before each request, and words alone are searched meanwhile.
        """
        return ("indexer",) if self._indexer_asks_outside else ()

    # --- the stop -----------------------------------------------------------------------------------

    async def engage(self, asked: EngageParams) -> Plain:
        """Stop everything outward. Twice is once: the same epoch comes back, but the kill is done again.

        The signal goes out before the fence is written: it costs nothing, and a slow disk can't delay it.
        Nobody is told "stopped" before both are done.
        """
        roles: tuple[Role, ...] = (*OUTWARD, *(("worker",) if asked.kill else ()), *self._asking_outside())
        dying = self._team.kill(roles, outward=True)
        killed = [life.pid for life in dying]
        if not self.fence.stopped:
            self._set_fence(self._next_fence(stopped=True, reason=asked.reason, by=asked.by))
        fence = self.fence
        all_ended = await ended(dying, REAP_S)
        log.warning("stopped", extra=fields(epoch=fence.epoch, reason=asked.reason, by=asked.by, killed=killed))
        await self._tell_fence()
        result: Plain = {"epoch": fence.epoch, "stopped": True, "at_us": fence.at_us, "killed": killed}
        if not all_ended:
            result["dying"] = [life.pid for life in dying if not life.ended.is_set()]
        if not self._fence_saved:
            result["warning"] = "the stop is not on disk yet; the effector stays down until it is"
        return result

    async def release(self, asked: ReleaseParams) -> Plain:
        """Open again, with a new epoch: no order from before can pass. Not stopped: nothing changes.

        Raises QuarterdeckError `conflict` when the flag file can't be removed, `no_space` when the fence can't be
        written; both leave everything stopped.
        """
        if not self.fence.stopped:
            return {"epoch": self.fence.epoch, "stopped": False, "at_us": self.fence.at_us, "changed": False}
        if asked.epoch is not None and asked.epoch != self.fence.epoch:
            raise QuarterdeckError(
                "conflict", f"the stop in force is another one (epoch {self.fence.epoch})", hint="quarterdeck resume"
            )
        self._remove_flag()
        fence = self._next_fence(stopped=False, reason=asked.reason, by=asked.by)
        try:
            write_fence(self.places.fence, fence)
        except OSError as error:
            raise QuarterdeckError(
                "no_space", f"the fence could not be written: {error}", hint="Free some space; it stays stopped."
            ) from error
        self.fence, self._fence_saved = fence, True
        log.warning("released", extra=fields(epoch=fence.epoch, reason=asked.reason, by=asked.by))
        self._team.start()
        await self._tell_fence(runs=asked.runs)
        return {"epoch": fence.epoch, "stopped": False, "at_us": fence.at_us, "changed": True}

    def _next_fence(self, *, stopped: bool, reason: str, by: str) -> Fence:
        now_us = time.time_ns() // 1_000
        # An unreadable fence hides how far we had counted; seconds since 1970 are beyond any count.
        epoch = self.fence.epoch + 1 if self.fence.epoch >= 0 else now_us // 1_000_000
        return Fence(epoch=epoch, stopped=stopped, reason=reason[:REASON_CHARACTERS_MAX], by=by[:100], at_us=now_us)

    def _set_fence(self, fence: Fence) -> None:
        """Take the fence into force, on disk if the disk lets us. Without it the effector is kept down."""
        self.fence = fence
        try:
            write_fence(self.places.fence, fence)
        except OSError as error:
            self._fence_saved = False
            log.error("the fence could not be written; the effector stays down", extra=fields(error=str(error)))
        else:
            self._fence_saved = True

    def _remove_flag(self) -> None:
        try:
            self.places.stop_flag.unlink(missing_ok=True)
        except OSError as error:
            raise QuarterdeckError(
                "conflict", f"{self.places.stop_flag} could not be removed: {error}", hint="Remove it by hand first."
            ) from error

    async def _watch_flag(self) -> None:
        """Look for the flag file, and see to what an event may have missed: the dead, an unsaved fence, a lost folder.

        A supervisor whose lock file is gone could no longer keep a second one out, so it ends.
        """
        while True:
            self._team.reap()
            if not self.lock.stands_at(self.places.lock):
                log.error("the workspace was removed or moved; ending", extra=fields(lock=str(self.places.lock)))
                self._ending.set()
                return
            if not self.fence.stopped and os.path.lexists(self.places.stop_flag):
                await self.engage(EngageParams(reason="STOP file", by="file"))
            if not self._fence_saved:
                self._save_again()
            await asyncio.sleep(FLAG_POLL_S)

    def _save_again(self) -> None:
        with contextlib.suppress(OSError):  # Recorded when it first failed; tried until it works.
            write_fence(self.places.fence, self.fence)
            self._fence_saved = True
            log.warning("the fence is on disk now", extra=fields(epoch=self.fence.epoch))
            self._team.start()

    async def _tell_fence(self, runs: tuple[str, ...] | None = None) -> None:
        """Watchers get `{fence}`, and `runs` when a release was for these only."""
        chunk: Plain = {"fence": msgspec.to_builtins(self.fence)}
        if runs is not None:
            chunk["runs"] = list(runs)
        if self._control is not None:
            await self._control.tell(chunk)

    # --- control ------------------------------------------------------------------------------------

    async def _engage_asked(self, caller: Caller, params: Plain) -> Plain:
        return await self.engage(_params(params, EngageParams))

    async def _release_asked(self, caller: Caller, params: Plain) -> Plain:
        return await self.release(_params(params, ReleaseParams))

    async def _status_asked(self, caller: Caller, params: Plain) -> Plain:
        _params(params, NoParams)
        fence = msgspec.to_builtins(self.fence)
        return {"pid": os.getpid(), "fence": fence, "fence_saved": self._fence_saved, "children": self._team.report()}

    async def _kill_asked(self, caller: Caller, params: Plain) -> Plain:
        """For the daemon alone: end a child that hangs. Its successor starts at once."""
        _daemon_only(caller)
        asked = _params(params, KillParams)
        life = self._team.kill_one(asked.pid)
        if life is None:
            raise QuarterdeckError("not_found", f"process {asked.pid} is no child of the supervisor")
        log.warning("killed on demand", extra=fields(child_pid=asked.pid, reason=asked.reason))
        return {"pid": asked.pid, "ended": await ended([life], REAP_S)}

    async def _models_asked(self, caller: Caller, params: Plain) -> Plain:
        """For the daemon alone: the settings name other models now."""
        _daemon_only(caller)
        _params(params, NoParams)
        models = load_config(self.places.workspace).models
        self._team.reseat("model", self._hosts(models))
        log.info("models seated", extra=fields(models=list(models)))
        return {"models": list(models)}

    async def _watch_asked(self, caller: Caller, params: Plain) -> None:
        _daemon_only(caller)
        _params(params, NoParams)
        assert self._control is not None, "it handed us the request"
        self._control.watch(caller)
        await self._control.tell({"fence": msgspec.to_builtins(self.fence)}, only=caller)

    async def _shutdown_asked(self, caller: Caller, params: Plain) -> Plain:
        """Answered at once, because whoever relays it may be the first to go. The released lock says "done"."""
        _params(params, NoParams)
        self._ending.set()
        return {"stopping": True, "pid": os.getpid(), "wait_ms": int(END_S_MAX * 1_000)}


def embeds_outside(workspace: Path) -> bool:
    """Whether the settings name an embedder on another machine, in use or left over. Unreadable ones may name any."""
    try:
        url = load_config(workspace).embedder.endpoint.url
        return bool(url) and not address_of(url).loopback
    except (QuarterdeckError, OSError) as error:
        if not (workspace / CONFIG_NAME).exists():
            return False  # Then no indexer starts either; what one started with is kept by its start.
        log.warning("the settings cannot be read; the indexer counts as outward", extra=fields(error=str(error)))
        return True


def _params(given: Plain, kind: type[Params]) -> Params:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise QuarterdeckError("schema", str(error), hint="protocol/README.md lists the parameters.") from error


def _daemon_only(caller: Caller) -> None:
    if caller.role != "daemon":
        raise QuarterdeckError("forbidden", "only the daemon may ask this")


# --- the process ------------------------------------------------------------------------------------


def supervise(workspace: Path, make: Callable[[Places, Lock], Supervisor] | None = None) -> None:
    """Become the supervisor of `workspace` until it is ended.

    make: builds the Supervisor inside the running loop; left out, from the workspace's settings.
    Raises QuarterdeckError `conflict` when there is one already, `schema` and others for bad settings,
    `unavailable` when the state folder can't be written.
    """
    os.umask(0o077)
    places = places_of(workspace)
    lock = _move_in(places)
    asyncio.run(_run(places, lock, make or _from_settings))


def _move_in(places: Places) -> Lock:
    try:
        prepare(places)
        lock = take_lock(places.lock)
        rotate(places.log_of("supervisor"))
        set_up_logging("supervisor", path=places.log_of("supervisor"))
    except OSError as error:
        raise QuarterdeckError(
            "unavailable",
            f"{places.home} cannot be written: {error.strerror}",
            hint="Free some space, or see to it that you may write there.",
        ) from error
    return lock


def _from_settings(places: Places, lock: Lock) -> Supervisor:
    config = load_config(places.workspace)
    return Supervisor(places, lock, workers=config.workers.count, models=config.models)


async def _run(places: Places, lock: Lock, make: Callable[[Places, Lock], Supervisor]) -> None:
    await make(places, lock).run()


def main(arguments: list[str]) -> int:
    """Exit status: 0 ended, 2 bad settings or usage, 8 already running; see quarterdeck_protocol.codes."""
    if len(arguments) != 1:
        print("usage: python -P -m quarterdeck_daemon.service.supervisor WORKSPACE", file=sys.stderr)
        return 2
    try:
        supervise(Path(arguments[0]))
    except QuarterdeckError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
