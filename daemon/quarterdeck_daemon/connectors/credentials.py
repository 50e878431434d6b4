"""Secrets for connectors: what a handle stands for, or the failure of the effect that needed it."""

from __future__ import annotations

from pathlib import Path

from ..outward import secret_handles
from .base import EffectFailed


def resolve(handle: str, home: Path) -> str:
    """Return the secret behind the handle; `home` is the state folder.

    Raises EffectFailed `permanent`: `secret_missing`, `secret_unreadable`, or `secret_unsafe` when others may read it.
    """
    try:
        return secret_handles.resolve(handle, home)
    except secret_handles.SecretRefused as refused:
        raise EffectFailed("permanent", refused.why, refused.message, refused.hint) from refused
