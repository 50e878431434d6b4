"""The recorded settings."""

from __future__ import annotations

from .entities import Settings
from .table import Table


def settings_of(table: Table) -> Settings:
    """The recorded settings, or the defaults before any were recorded."""
    return table.get(Settings, "workspace") or Settings(id="workspace")
