"""Commands about permissions, autonomy and scopes."""

from __future__ import annotations

from ..declared import Declared
from .base import Command


class GivePermission(Command, frozen=True, kw_only=True):
    """A standing permission of the operator's; see grants.py. to: patterns of targets, or `known`."""

    agent: str
    action: str
    to: tuple[str, ...]
    uses_max: int
    expires_us: int
    per_day: int = 0
    amount_max: int | None = None
    reason: str = ""


class RevokePermission(Command, frozen=True, kw_only=True):
    id: str
    reason: str = ""


class SetAutonomy(Command, frozen=True, kw_only=True):
    """How far an agent may go in one kind of action. decline: it stays as it is, in spite of what was proposed."""

    agent: str
    action: str
    level: str = ""
    decline: bool = False
    reason: str = ""


class DeclareScopes(Command, frozen=True, kw_only=True):
    """Who may read and write what: "agent:composer", "connector:mail", "editor", "script", "observer"."""

    declared: dict[str, Declared]


class NoteRefusal(Command, frozen=True, kw_only=True):
    """A client looked at something out of its scope. entity: `kind:id`, never its content."""

    who: str
    entity: str
    rule: str
    verb: str = "read"
