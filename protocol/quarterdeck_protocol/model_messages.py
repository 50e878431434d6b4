"""What the methods about models take and give."""

from __future__ import annotations

from .params import Change, Name
from .shapes import Page, Shape


class ModelUse(Change, frozen=True, kw_only=True):
    """id: as `model.list` has it."""

    id: Name


class ModelView(Shape, frozen=True, kw_only=True):
    """One model.

    remote     whether texts leave this machine for it
    ready      whether it could be used now; else problem and fix say what is missing and what to do
    used       whether the settings name it
    answering  whether recall's answers come from its vectors; while rows move to another model, the old one answers
    path       where its files belong; empty when it has none
    """

    id: str
    kind: str
    about: str = ""
    dimension: int = 0
    remote: bool = False
    size_bytes: int = 0
    ready: bool = False
    used: bool = False
    answering: bool = False
    problem: str = ""
    fix: str = ""
    path: str = ""


class IndexState(Shape, frozen=True, kw_only=True):
    """embedder: whose vectors answer, by its full id.  migrated: rows that have vectors of `migrating_to`."""

    embedder: str = ""
    rows: int = 0
    migrating_to: str = ""
    migrated: int = 0


class Models(Page, frozen=True, kw_only=True):
    items: list[ModelView]
    index: IndexState = IndexState()


class ModelUsed(Shape, frozen=True, kw_only=True):
    """changed: false when it was used already."""

    id: str
    changed: bool
