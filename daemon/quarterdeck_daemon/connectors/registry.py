"""Which connectors and sources a workspace has, by name."""

from __future__ import annotations

from pathlib import Path

from ..core.durations import duration_us
from . import credentials
from .base import Connector, Source
from .files import FilesOut
from .mail_in import build_mail_in
from .mail_out import build_mail_out
from .paths import inside
from .practice import Practice
from .settings import Settings
from .watched_files import WatchedFiles

STATE_NAME = ".quarterdeck"


def build_connectors(config: Settings, workspace: Path) -> dict[str, Connector]:
    """Return what can act, by connector name.

    Raises ValueError when `workspace.operator` is no address or `practice.url` not on this machine,
    EffectFailed `path_denied` when a configured folder lies outside the workspace.
    """
    home = workspace / STATE_NAME
    outbox = _folder(workspace, config.mail.out.path)
    connectors: dict[str, Connector] = {
        "mail": build_mail_out(config.workspace, config.mail.out, outbox, home),
        "files": FilesOut(workspace, home),
    }
    if config.practice.url:
        practice = config.practice
        timeout_s = duration_us(practice.timeout) / 1e6
        connectors["practice"] = Practice(practice.url, timeout_s, lambda: _secret(practice.token, home))
    return connectors


def _secret(handle: str, home: Path) -> str:
    return credentials.resolve(handle, home) if handle else ""


def build_sources(config: Settings, workspace: Path) -> dict[str, Source]:
    """Return what can be read, by connector name. Errors as `build_connectors`."""
    sources: dict[str, Source] = {"files": WatchedFiles(workspace, config.files, workspace / STATE_NAME / "written")}
    if config.mail.inward.kind != "none":
        sources["mail"] = build_mail_in(config.mail.inward, workspace)
    return sources


def _folder(workspace: Path, path: str) -> Path:
    return workspace.joinpath(*inside(workspace, path))
