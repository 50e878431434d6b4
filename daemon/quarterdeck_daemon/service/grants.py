"""Grants: what the operator allows whom, over what is declared. `[[grants]]` of quarterdeck.toml."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from quarterdeck_protocol.labels import Sensitivity

from ..connectors.scopes import SCOPES as CONNECTORS
from ..core.declared import ANY, Declared, ReadScope, WriteScope

Party = Annotated[
    str, msgspec.Meta(pattern=r"^(editor|script|observer|(agent|connector):[a-z0-9][a-z0-9._-]{0,63})$")
]
Names = tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], ...]


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one party may see of memory, and whether it may write the same."""

    to: Party
    namespaces: Names = ("default",)
    facts: Names = (ANY,)
    memories: Names = (ANY,)
    tiers: Names = (ANY,)
    sensitivity: Sensitivity = "private"
    write: Literal["same", "none"] = "same"


def declared_scopes(grants: Sequence[Grant], agents: dict[str, Declared]) -> dict[str, Declared]:
    """Return the scope of every party that has one: declared in its file or with its code, or granted. A later grant
    replaces."""
    declared = dict(agents)
    declared |= {f"connector:{name}": scope for name, scope in CONNECTORS.items()}
    declared |= {"observer": Declared(write=_nothing(WriteScope()))}
    for grant in grants:
        declared[grant.to] = _granted(grant, declared.get(grant.to))
    return declared


def _granted(grant: Grant, known: Declared | None) -> Declared:
    read = ReadScope(
        namespaces=grant.namespaces,
        facts=grant.facts,
        memories=grant.memories,
        tiers=grant.tiers,
        records=known.read.records if known is not None else (ANY,),
        sensitivity=grant.sensitivity,
    )
    write = known.write if known is not None else WriteScope(facts=grant.facts, memories=grant.memories)
    write = msgspec.structs.replace(write, namespaces=grant.namespaces, sensitivity=grant.sensitivity)
    if grant.write == "none":
        write = _nothing(write)
    return msgspec.structs.replace(known or Declared(), read=read, write=write)


def _nothing(write: WriteScope) -> WriteScope:
    return msgspec.structs.replace(write, namespaces=(), facts=(), memories=(), tiers=(), effects=())
