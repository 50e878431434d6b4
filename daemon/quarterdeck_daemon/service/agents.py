"""Which agents there are: those of this package, of plugins and of the workspace; and their scopes and limits.

All are files of one form (core/agent_form.py). What does the work is code that came with the package or a plugin, or the
prompt in the file. A file of the workspace takes the place of one of the same name: that is how an agent of the package
gets another scope, budget or limit. No code of a plugin is loaded here.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from ..core.agent_files import AgentFile, declared_by, limit_by
from ..core.commands import AssetFile
from ..core.contracts import CODE_MARK, contract_of
from ..core.declared import Declared
from ..core.entities import Asset, Limit
from ..core.hashing import text_hash
from ..core.table import Table

FOLDER: Final = Path(__file__).parent.parent / "agents"
TEAM: Final = FOLDER / "team"
PLUGINS: Final = "quarterdeck.agents"
SIGNS: Final = 12

log = logging.getLogger("quarterdeck.agents")


def given_agents() -> list[AssetFile]:
    """The files of all agents that are not of the workspace."""
    return [*_packaged(), *_plugged()]


@functools.cache
def _packaged() -> tuple[AssetFile, ...]:
    return tuple(_file(path, "built in") for path in sorted(TEAM.glob("*.md")))


def _plugged() -> Iterator[AssetFile]:
    """A plugin has the file beside its module: `tally = studio_agents.tally:run` has studio_agents/tally.md."""
    for point in _points():
        try:
            yield _file(_file_of(point), f"plugin {point.dist.name if point.dist else point.value}")
        except OSError as error:
            log.warning(
                "the agent of a plugin is not in use", extra={"fields": {"name": point.name, "why": str(error)}}
            )


def _file_of(point: EntryPoint) -> Path:
    if point.dist is None:
        raise FileNotFoundError("its package is not installed")
    return Path(str(point.dist.locate_file(f"{point.module.replace('.', '/')}.md")))


def _file(path: Path, origin: str) -> AssetFile:
    text = path.read_text("utf-8")
    return AssetFile(
        asset_kind="agent", name=path.stem, path=f"{origin}: {path.stem}", text=text, hash=text_hash(text)
    )


@functools.cache
def _points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=PLUGINS))


@functools.cache
def coded() -> frozenset[str]:
    """Names of the agents whose work is code."""
    return frozenset(one.name for one in _packaged()) | {_file_of(point).stem for point in _points() if point.dist}


@functools.cache
def code_version() -> str:
    """The first signs of the BLAKE2b of all code of agents, in order of their names."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(FOLDER.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    for point in _points():
        digest.update(f"{point.value} {point.dist.version if point.dist else ''}".encode())
    return digest.hexdigest()[:SIGNS]


def agents_in(table: Table) -> list[AgentFile]:
    """Every agent that is in use, by name."""
    names = [one.name for one in table.scan(Asset, prefix="agent/") if not one.removed and "@" not in one.id]
    return [agent for name in names if (agent := contract_of(table, name)) is not None]


def prompt_file(table: Table, name: str, version: str) -> str:
    """The text of the agent's file in that version when its prompt is what does the work; "" when code does."""
    if name in coded():
        return ""
    asset = table.get(Asset, f"agent/{name}@{version}") or table.get(Asset, f"agent/{name}")
    return asset.text if asset is not None else ""


def version_of(agent: AgentFile) -> str:
    return f"{agent.version}{CODE_MARK}{code_version()}" if agent.name in coded() else agent.version


def declared_agents(agents: Iterable[AgentFile]) -> dict[str, Declared]:
    """The scope of each."""
    return {f"agent:{agent.name}": declared_by(agent, version_of(agent)) for agent in agents}


def agent_limits(agents: Iterable[AgentFile]) -> list[Limit]:
    """The limits of those that say something of them."""
    return [limit for agent in agents if (limit := limit_by(agent)) is not None]
