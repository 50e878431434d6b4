"""What a connector is: verbs that act (with a class that says how safely they repeat), sources that are read.

Promises execute() is called once for each try, after every check; it raises EffectFailed and nothing else for what
         the world did. lookup() never changes anything.
Leaves   permission, the journal of operations and the emergency stop to the effector; only the last look at the
         fence, `gate`, is the connector's, who calls it at the last moment before the irreversible byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, Protocol

import msgspec

from ..core.entities import Plain
from ..core.orders import Arrived, Failure, FailureClass
from ..core.verbs import VERBS, VerbRule

ArgKind = Literal["addresses", "line", "text", "message_id", "message_ids", "path", "amount"]
Finding = Literal["done", "absent", "uncertain"]
Gate = Callable[[], None]


class EffectFailed(Exception):
    """An effect did not happen, or (class `uncertain`) nobody knows. Carries the failure for the daemon."""

    def __init__(self, failure: FailureClass, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.failure = Failure(failure=failure, code=code, message=message, hint=hint)


class Arg(msgspec.Struct, frozen=True):
    """One argument of a verb: its kind, and whether it must be there."""

    kind: ArgKind
    required: bool = False


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """A verb and its arguments. Class, outward, reversible and targets stand in `rule`, which policy reads too."""

    name: str
    rule: VerbRule
    args: dict[str, Arg]


def declare(connector: str, name: str, args: dict[str, Arg]) -> Verb:
    """Return the declaration of a verb; its rule is the one that policy knows by the same name."""
    rule = VERBS[f"{connector}.{name}"]
    missing = [arg for arg in rule.target_args if arg not in args]
    assert not missing, f"{connector}.{name} lacks the target arguments {missing}"
    return Verb(name=name, rule=rule, args=args)


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One operation to carry out. The operation id is the same for every try."""

    operation_id: str
    verb: str
    args: Plain


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the other side says about an operation that was begun."""

    finding: Finding
    result: Plain = {}
    message: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a connector can work, for people; `counts` of what it did, left out or refused."""

    ok: bool
    detail: str = ""
    counts: dict[str, int] = {}


class Present(msgspec.Struct, frozen=True):
    """All names that lie below `roots` now, complete or still being written."""

    names: frozenset[str]
    roots: tuple[str, ...]


class Connector(Protocol):
    """Acts on the outside."""

    @property
    def verbs(self) -> Mapping[str, Verb]: ...

    def check(self, effect: Effect) -> None:
        """Raise EffectFailed `contract` when the arguments mean nothing sendable. Touches nothing outside."""
        ...

    def execute(self, effect: Effect, gate: Gate) -> Plain:
        """Do it and return the result, which goes into the log. `gate()` raises when the stop was engaged."""
        ...

    def lookup(self, effect: Effect) -> Found:
        """Say whether an operation that was begun took place."""
        ...

    def health(self) -> Health: ...


class Source(Protocol):
    """Is read. Never written to."""

    def scan(self) -> Iterator[str]:
        """Yield the external id of everything that is complete now. Blocks; run it in a thread."""
        ...

    def fetch(self, external_id: str) -> Arrived | None:
        """Return one thing; None when it is gone or changed since the scan."""
        ...

    def present(self) -> Present | None:
        """Return what the last scan met, when it was complete; None when nothing can be said about what is gone."""
        ...

    def watched(self) -> tuple[str, ...]:
        """Return the paths whose changes are worth a scan before the next poll."""
        ...

    def unsettled(self) -> bool:
        """Whether the last scan left out something that is still being written."""
        ...

    def health(self) -> Health: ...
