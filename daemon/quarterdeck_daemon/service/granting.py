"""Grants and limits while the daemon runs: read again whenever quarterdeck.toml changes; other settings wait for the next start.

Settings that cannot be read change nothing: what was granted before holds, and an alert says so until they are mended.
"""

from __future__ import annotations

import asyncio
import logging

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.commands import DeclareScopes
from .agents import agent_limits, agents_in, declared_agents
from .grants import declared_scopes
from .house import House
from .limit_settings import limits_command
from .workspace import CONFIG_NAME, Config, load_config

POLL_S = 1.0
ALERT = "config"

log = logging.getLogger("quarterdeck.granting")


async def watch_grants(house: House) -> None:
    """Declare the scopes anew whenever the settings change, until cancelled."""
    seen: tuple[int, int] | None = None  # The first look reads them again: they may have changed since the start.
    while True:
        now = await asyncio.to_thread(_signature, house)
        if now != seen:
            seen = now
            await regrant(house)
        await asyncio.sleep(POLL_S)


async def regrant(house: House) -> None:
    """Read the grants and put them into force; what is asked from then on is served by them."""
    try:
        config = await asyncio.to_thread(_load, house)
    except (QuarterdeckError, OSError) as error:
        log.warning("%s is not in use: %s", CONFIG_NAME, error)
        house.alerts[ALERT] = {
            "level": "warning",
            "text": f"{CONFIG_NAME} is not in use as it is now, what was granted before holds: {error}",
            "hint": "Mend the file; its grants are read again at once, the rest at the next start.",
        }
        return
    house.alerts.pop(ALERT, None)
    house.in_force = config
    await declare(house)


async def declare(house: House) -> None:
    """Put scopes and limits into force: of the settings as they were read last, and of the agents as they are."""
    config, agents = house.in_force, agents_in(house.store)
    scopes = DeclareScopes(declared=declared_scopes(config.grants, declared_agents(agents)))
    limits = limits_command(config.limits, config.budgets, config.failures, agent_limits(agents))
    await house.engine.execute(scopes, actor="operator")
    await house.engine.execute(limits, actor="operator")
    if house.models is not None:
        await house.models.configure()


def _load(house: House) -> Config:
    return load_config(house.workspace)


def _signature(house: House) -> tuple[int, int]:
    try:
        stat = (house.workspace / CONFIG_NAME).stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
