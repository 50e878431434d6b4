"""What `scope.list` gives: who may see and change what of memory."""

from __future__ import annotations

from .shapes import Page, Shape


class Seen(Shape, frozen=True, kw_only=True):
    """A scope for reading; `*` is any. sensitivity: the highest."""

    namespaces: list[str]
    facts: list[str]
    memories: list[str]
    tiers: list[str]
    records: list[str]
    sensitivity: str


class Written(Shape, frozen=True, kw_only=True):
    """A scope for writing. integrity: the most that what is written is believed; effects: what may be proposed."""

    namespaces: list[str]
    facts: list[str]
    memories: list[str]
    tiers: list[str]
    sensitivity: str
    integrity: str
    effects: list[str]


class ScopeView(Shape, frozen=True, kw_only=True):
    """One party.

    by        `built in` (the operator), `declared` with its code, `default` for who has nothing of its own, `granted`
    refusals  different ones of the last hour
    """

    id: str
    by: str
    read: Seen
    write: Written
    refusals: int = 0


class Scopes(Page, frozen=True, kw_only=True):
    items: list[ScopeView]
