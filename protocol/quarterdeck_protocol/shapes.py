"""The bases of all results."""

from __future__ import annotations

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all results."""


class Page(Shape, frozen=True, kw_only=True):
    next: str | None = None


class Done(Shape, frozen=True, kw_only=True):
    """A change was recorded. undo: how to take it back, in words."""

    id: str
    seq: int
    undo: str = ""
