"""system.*, stop.*, ingest.*: how the house stands, and the big switches."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from importlib.metadata import version

from quarterdeck_protocol import PROTOCOL_VERSION
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import EngageStop, ReleaseStop
from ...core.entities import Action, Breaker, Counter, DeadLetter, Document, Meter, Plain, Run, Stop
from ...core.modes import models_of
from ..costs import money_today
from ..failure_checks import CHECKS as FAILURE_CHECKS
from ..fence import read_fence
from ..house import House
from ..open_alerts import open_alerts
from ..rpc import Asked, Handler
from ..waiting import waiting

FREE_BYTES_WARN = 1024**3
SETTLE_POLL_S = 0.05
LEVELS = ("critical", "warning", "info")
LEVELS_OF_CONFINEMENT = ("none", "limits", "partial", "full")
ALERTS_MAX = 20  # Shown in a status; the rest is counted.
QUIET_S = 0.6  # Nothing new for this long counts as settled.


def handlers(house: House) -> dict[str, Handler]:
    ours = version("quarterdeck")

    async def hello(asked: Asked, params: p.Nothing) -> object:
        return {
            "protocol": PROTOCOL_VERSION,
            "version": ours,
            "workspace": str(house.workspace),
            "seq": house.engine.durable_seq,
            "stopped": house.stopped,
        }

    async def status(asked: Asked, params: p.Nothing) -> object:
        return _status(house)

    async def doctor(asked: Asked, params: p.Nothing) -> object:
        items = [check(house) for check in CHECKS]
        return {"ok": all(item["ok"] for item in items), "items": items}

    async def shutdown(asked: Asked, params: p.Change) -> object:
        asyncio.get_running_loop().call_later(0.05, house.end)
        return {"stopping": True}

    async def engage(asked: Asked, params: p.StopEngage) -> object:
        by = asked.actor
        async with house.fence_lock:
            fence = await house.link.call("stop.engage", {"reason": params.reason, "by": by, "kill": params.kill})
            house.hub.drop("effector")
            command = EngageStop(epoch=int(str(fence["epoch"])), reason=params.reason, by=by)
            done = await house.engine.execute(command, actor=by)
        return {**done.reply, "stopped": True, "seq": done.seq}, done.seq

    async def release(asked: Asked, params: p.StopRelease) -> object:
        by = asked.actor
        if not house.stopped:
            raise QuarterdeckError("conflict", "nothing is stopped", hint="See how things stand: quarterdeck status")
        _refuse_unknown(house, params)
        async with house.fence_lock:
            fence = await house.link.call("stop.release", {"reason": params.reason, "by": by})
            command = ReleaseStop(
                epoch=int(str(fence["epoch"])), reason=params.reason, by=by, runs=params.runs, actions=params.actions
            )
            done = await house.engine.execute(command, actor=by)
        return {**done.reply, "paused_runs": done.reply["paused"], "seq": done.seq}, done.seq

    async def wait(asked: Asked, params: p.IngestWait) -> object:
        return await _wait_for_ingest(house, params.timeout_ms / 1000)

    return {
        "system.hello": hello,
        "system.status": status,
        "system.doctor": doctor,
        "system.shutdown": shutdown,
        "stop.engage": engage,
        "stop.release": release,
        "ingest.wait": wait,
    }


def _refuse_unknown(house: House, params: p.StopRelease) -> None:
    """Before the fence opens: once it is open it is too late to find that a name was mistyped."""
    names: list[tuple[type[Run] | type[Action], str]] = [(Run, id) for id in params.runs or ()]
    names += [(Action, id) for id in params.actions or ()]
    for cls, id in names:
        if house.store.get(cls, id) is None:
            raise QuarterdeckError(
                "not_found", f"there is no {cls.kind} {id!r}; it stays stopped", hint="quarterdeck stop --show"
            )


def _status(house: House) -> Plain:
    stop = house.store.get(Stop, "stop")
    runs = list(house.store.live(Run))
    letters = sum(1 for _ in house.store.live(DeadLetter))
    models = models_of(house.store)
    return {
        "running": True,
        "stopped": stop is not None and stop.engaged,
        "stop_reason": stop.reason if stop is not None and stop.engaged else "",
        "seq": house.engine.durable_seq,
        "pending_approvals": len(waiting(house)),
        "active_runs": len(runs),
        "dead_letters": letters,
        "cost_today": money_today(house.store, house.engine.now_us()),
        "mode": models.mode,
        "models_ready": sum(spec.ready for spec in models.specs),
        "open_breakers": sum(breaker.state != "closed" for breaker in house.store.scan(Breaker)),
        "queued": sum(meter.waiting for meter in house.store.live(Meter)),
        "alerts": _alerts(house),
        "memories": _count(house, "m"),
        "facts": house.tally.facts,
        "documents": _count(house, "doc"),
        "waiting_documents": sum(1 for _ in house.store.live(Document)),
        "workers": sum(row["role"] == "worker" for row in house.hub.processes()),
        "confinement": min(
            (one.level for one in house.hub.confinement()), key=LEVELS_OF_CONFINEMENT.index, default="none"
        ),
        "uptime_s": int(time.monotonic() - house.started_s),
        "pid": os.getpid(),
    }


def _count(house: House, prefix: str) -> int:
    counter = house.store.get(Counter, prefix)
    return counter.value if counter is not None else 0


def _alerts(house: House) -> list[Plain]:
    """The list of `alert.list`, the worst first; what is beyond the limit is counted."""
    found = sorted(open_alerts(house), key=lambda alert: LEVELS.index(str(alert["level"])))
    alerts: list[Plain] = [{name: one[name] for name in ("id", "level", "text", "hint", "runbook")} for one in found]
    if len(alerts) > ALERTS_MAX:
        rest = len(alerts) - ALERTS_MAX
        alerts[ALERTS_MAX:] = [{"level": "info", "text": f"more alerts: {rest:,}", "hint": "quarterdeck alerts"}]
    return alerts


async def _wait_for_ingest(house: House, timeout_s: float) -> Plain:
    """Until connectors brought nothing new for a while, nothing is being parsed and no run moves by itself."""
    deadline = time.monotonic() + timeout_s
    quiet_since, seen = time.monotonic(), -1
    while time.monotonic() < deadline:
        unsettled = _unsettled(house)
        if unsettled or house.store.head.seq != seen:
            quiet_since, seen = time.monotonic(), house.store.head.seq
        if not unsettled and time.monotonic() - quiet_since >= QUIET_S:
            break
        await asyncio.sleep(SETTLE_POLL_S)
    return {"documents": _count(house, "doc"), "runs": _count(house, "r"), "waiting": _unsettled(house)}


def _unsettled(house: House) -> int:
    documents = sum(1 for _ in house.store.live(Document))
    moving = ("recalling", "started", "asking", "backoff")
    runs = sum(any(step.status in moving for step in run.steps.values()) for run in house.store.live(Run))
    capturing = house.capturing.waiting if house.capturing is not None else 0
    return documents + runs + capturing + (0 if house.offered else 1)


# --- doctor ---------------------------------------------------------------------------------------


def _check(id: str, ok: bool, detail: str, fix: str = "") -> Plain:
    return {"id": id, "ok": ok, "detail": detail, "fix": "" if ok else fix}


def _private(house: House) -> Plain:
    mode = (house.workspace / ".quarterdeck").stat().st_mode & 0o777
    return _check("permissions", mode == 0o700, f".quarterdeck has mode {mode:04o}", "chmod 700 .quarterdeck")


def _space(house: House) -> Plain:
    free = shutil.disk_usage(house.workspace).free
    return _check(
        "disk",
        free > FREE_BYTES_WARN,
        f"{free >> 20:,} MiB free",
        "Free some space; below 64 MB nothing is taken in.",
    )


def _processes(house: House) -> Plain:
    roles = [str(row["role"]) for row in house.hub.processes()]
    ok = "effector" in roles and "worker" in roles
    return _check(
        "processes", ok, f"{roles.count('worker')} worker(s), {roles.count('effector')} effector", "quarterdeck logs"
    )


def _confinement(house: House) -> Plain:
    """How far workers are shut in: the one that is least so counts."""
    found = sorted(house.hub.confinement(), key=lambda one: LEVELS_OF_CONFINEMENT.index(one.level))
    if not found:
        return _check("confinement", True, "no worker is there yet")
    least = found[0]
    parts = f"{least.level}: {', '.join(least.parts)}"
    if least.level == "full":
        return _check("confinement", True, parts)
    said = f"{parts}; lacks {'; '.join(least.missing)}" if least.missing else parts
    fix = "agents that did not come with Quarterdeck are not run here; Linux 6.12 or later offers all layers"
    return {**_check("confinement", True, said), "status": "warn", "fix": fix}


def _executor(house: House) -> Plain:
    """Where steps are done. A remote one that is away costs nothing: they are done here."""
    executors = house.doing.executors
    if executors.there is None:
        return _check("executor", True, f"local: {executors.here.health().detail}")
    health = executors.there.health()
    row = _check("executor", True, f"{executors.there.name}: {health.detail}")
    fix = "steps are done here meanwhile; see [executor] in quarterdeck.toml, and whether the cluster runs"
    return row if health.ready else {**row, "status": "warn", "fix": fix}


def _fence(house: House) -> Plain:
    fence = read_fence(house.workspace / ".quarterdeck" / "fence")
    agrees = fence.stopped == house.stopped
    return _check(
        "fence", agrees, "stopped" if fence.stopped else "open", "quarterdeck stop, then quarterdeck resume"
    )


def _assets(house: House) -> Plain:
    refused = [key for key in house.alerts if key.startswith("asset/")]
    fix = "`quarterdeck alerts` says what is wrong with each"
    return _check(
        "files",
        not refused,
        ", ".join(key.removeprefix("asset/") for key in refused) or "all steering files are in use",
        fix,
    )


def _recall(house: House) -> Plain:
    """Whether both parts of the index answer: words, and the vectors of the embedder that the settings name."""
    applied, wanted = house.recall.applied, house.config.embedder.name
    if applied is None:
        return _check("recall", False, "the search index does not answer", "quarterdeck logs --role indexer")
    if not applied.embedder:
        said = f"the embedder {wanted} cannot be opened; recall goes by words alone"
        return _check("recall", False, said, "quarterdeck models list")
    if house.recall.words_only:
        said = f"the embedder {wanted} does not answer; recall goes by words alone"
        return _check("recall", False, said, "quarterdeck logs --role indexer")
    if applied.migrating_to:
        return _check("recall", True, f"{applied.embedder} answers while {applied.migrating_to} is prepared")
    if applied.feed_from < applied.fed:
        said = f"a part of the index lacks rows; {house.recall.behind} events behind"
        return _check("recall", False, said, "wait; if it stays so: quarterdeck logs --role indexer")
    return _check("recall", True, f"words and vectors of {applied.embedder}")


def _models(house: House) -> Plain:
    """Whether the language models of the settings could answer now. None is well: everything works without."""
    found = models_of(house.engine.store).specs
    away = [f"{one.name}: {one.problem}" for one in found if not one.ready]
    said = "; ".join(away) or ", ".join(one.name for one in found) or "none; everything works without"
    return _check("models", not away, said, "quarterdeck models list")


CHECKS = (_private, _space, _processes, _confinement, _executor, _fence, _assets, _recall, _models, *FAILURE_CHECKS)
