"""What every command is."""

from __future__ import annotations

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all commands. They carry plain values only."""
