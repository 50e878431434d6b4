"""Steering files: read at start and whenever they change, and handed to the kernel."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from ..core.commands import AssetFile, Configure, ExamineRuns, LoadAssets
from ..core.durations import duration_us
from ..core.entities import Plain
from ..core.kind_schema import said_of
from .agents import given_agents
from .assets import SkippedAsset, scan_assets, steering_files
from .granting import declare
from .house import House
from .presets import preset_file
from .workspace import Config

POLL_S = 1.0

log = logging.getLogger("quarterdeck.steering")

Signature = dict[str, tuple[int, int]]


async def configure(house: House, config: Config) -> None:
    """Record the settings that decisions depend on, if they changed."""
    command = Configure(
        name=config.workspace.name,
        operator=config.workspace.operator,
        timezone=config.workspace.timezone,
        hold_us=duration_us(config.actions.hold),
        expires_us=duration_us(config.actions.expires),
        cooling_us=duration_us(config.actions.cooling_off),
        warn_percent=config.actions.warn_percent,
        high_per_minute=config.actions.high_per_minute,
        step_deadline_ms=duration_us(config.workers.step_deadline) // 1000,
        batch_window=config.schedules.batch_window,
        core_tokens=config.memory.core_tokens,
        instructions_tokens=config.memory.instructions_tokens,
        pinned_tokens=config.memory.pinned_tokens,
        working_tokens=config.memory.working_tokens,
        working_us=duration_us(config.memory.working.ttl) if config.memory.working.ttl else 0,
    )
    await house.engine.execute(command, actor="operator")


async def examine_runs(house: House) -> None:
    """Set apart the runs that cannot be loaded by this version; the others go on."""
    done = await house.engine.execute(ExamineRuns())
    if apart := done.reply["quarantined"]:
        log.warning("runs in quarantine: %s", apart)


async def load(house: House) -> Plain:
    """Hand over all steering files; a refused one becomes an alert until it is mended. Returns {loaded, refused}."""
    files, skipped = await asyncio.to_thread(scan_assets, house.workspace)
    files += [_unread(one) for one in skipped if one.name]
    if house.config.policy.preset:
        files.append(preset_file(house.config.policy.preset))
    own = {(one.asset_kind, one.name) for one in files}
    files += [one for one in given_agents() if ("agent", one.name) not in own]
    done = await house.engine.execute(LoadAssets(files=tuple(files)), actor="operator")
    await declare(house)
    for key in [key for key in house.alerts if key.startswith("asset/")]:
        del house.alerts[key]
    refused = done.reply["refused"]
    assert isinstance(refused, list), "refusals come as a list"
    for path, reason in [(one["path"], one["reason"]) for one in refused] + [
        (one.path, one.reason) for one in skipped if not one.name
    ]:
        log.warning("%s is not in use: %s", path, reason)
        text = f"{path} is not in use: {said_of(str(path), str(reason))}"
        house.alerts[f"asset/{path}"] = {
            "level": "warning",
            "text": text,
            "hint": "Mend the file; it is read again at once.",
        }
    return done.reply


def _unread(skipped: SkippedAsset) -> AssetFile:
    """A file that is there and cannot be read: it replaces nothing and is not gone either."""
    return AssetFile(
        asset_kind=skipped.asset_kind, name=skipped.name, path=skipped.path, text="", hash="", unread=skipped.reason
    )


async def watch(house: House) -> None:
    """Load again whenever a steering file changes, until cancelled."""
    seen = await asyncio.to_thread(_signature, house.workspace)
    while True:
        await asyncio.sleep(POLL_S)
        now = await asyncio.to_thread(_signature, house.workspace)
        if now != seen:
            seen = now
            await load(house)


def _signature(workspace: Path) -> Signature:
    found: Signature = {}
    for _, files in steering_files(workspace):
        for _, path in files:
            try:
                stat = path.stat()
            except OSError:
                continue  # Gone between the listing and the look: the next round sees that.
            found[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return found
