"""What is known of somebody or something, with its time."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from quarterdeck_protocol.labels import Labels

from .actions import Evidence
from .base import Entity, Plain
from .memory import Tier


class Fact(Entity, frozen=True, kw_only=True, omit_defaults=True):
    """A canonical record. Id `kind/key`. `version` counts changes, for compare-and-set."""

    kind: ClassVar[str] = "fact"
    named_under: ClassVar[tuple[str, ...]] = ("client/", "contact/")
    fact_kind: str
    key: str
    value: Plain
    version: int
    at_us: int
    labels: Labels
    valid_from: str | None = None  # ISO date or time: when it became true, apart from when we learned it.
    valid_to: str | None = None
    source: str = ""  # An entity id (doc3, m12, run id) or a path.
    tier: Tier = "long-term"
    namespace: str = "default"
    withdrawn: bool = False  # Taken back, or rewound to before it was known; its versions stay.
    since_us: int | None = None  # When it was learned, if it changed something without saying since when.
    kind_version: int = 0  # Of the kind's schema when it was written; 0: before kinds were typed.
    refs: tuple[tuple[str, str], ...] = ()  # (relation, fact id) of links that follow from its value.
    evidence: tuple[Evidence, ...] = ()  # Where it was found, when it was captured from a text.
    proposes: str = ""  # The fact that it would become: then it is a proposal, not a canonical fact.
    proposal: Literal["", "open", "accepted", "rejected"] = ""
    ahead: tuple[Standing, ...] = ()  # What earlier versions say about now and later, where this one does not.

    @property
    def live(self) -> bool:
        """A proposal waits for the operator's word."""
        return self.proposal == "open" and not self.withdrawn

    @property
    def canonical(self) -> bool:
        """Whether it counts: neither a proposal nor taken back."""
        return not (self.proposes or self.withdrawn)

    @property
    def names(self) -> tuple[str, ...]:
        """The addresses by which the operator's own facts know somebody: the field `email` and the list `contacts`."""
        of_party = self.fact_kind in ("client", "contact")
        if not (of_party and self.canonical and self.labels.integrity == "operator"):
            return ()
        contacts = self.value.get("contacts")
        said = (self.value.get("email"), *(contacts if isinstance(contacts, list) else ()))
        return tuple(dict.fromkeys(one.lower() for one in said if isinstance(one, str)))


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an earlier version of a fact says about a time that the later ones leave open."""

    version: int
    value: Plain
    valid_from: str | None = None
    valid_to: str | None = None
