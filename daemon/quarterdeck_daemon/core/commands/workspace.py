"""Commands about the stop, files, settings, alerts and reports."""

from __future__ import annotations

import msgspec

from ..entities import Plain
from .base import Command


class ResolveAlert(Command, frozen=True, kw_only=True):
    id: str
    reason: str = ""


class AnnounceReport(Command, frozen=True, kw_only=True):
    """A report about what agents did can be read. unusual: it says something that is worth a warning."""

    text: str
    hint: str = ""
    unusual: bool = False
    details: Plain = {}


class EngageStop(Command, frozen=True, kw_only=True):
    epoch: int
    reason: str
    by: str = "operator"


class ReleaseStop(Command, frozen=True, kw_only=True):
    """Open again; with `runs` or `actions`, only those go on: other runs are paused, other actions held back."""

    epoch: int
    reason: str
    by: str = "operator"
    runs: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None


class LetGo(Command, frozen=True, kw_only=True):
    """Let go on what a partial release kept back: runs that it paused, actions that it held back."""

    runs: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    reason: str = ""


class AssetFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """unread: why its text could not be read; then `text` and `hash` are empty."""

    asset_kind: str
    name: str
    path: str
    text: str
    hash: str
    unread: str = ""


class LoadAssets(Command, frozen=True, kw_only=True):
    """All steering files as they lie in the workspace now; what is missing from the list was removed."""

    files: tuple[AssetFile, ...]


class Configure(Command, frozen=True, kw_only=True):
    """Settings that decisions depend on; recorded, so that a replay knows them."""

    name: str
    operator: str
    timezone: str
    hold_us: int
    expires_us: int
    step_deadline_ms: int
    core_tokens: int = 2_000
    instructions_tokens: int = 2_000
    pinned_tokens: int = 2_000
    working_tokens: int = 4_000
    working_us: int = 7 * 86_400_000_000
    batch_window: str = ""
    cooling_us: int = 0
    warn_percent: int = 0
    high_per_minute: int = 6
