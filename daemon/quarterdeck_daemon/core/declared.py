"""Declared scopes: what an agent, a connector or a client may read and write of memory. Plain data.

`*` stands for anything. Kinds of facts, kinds of memories, tiers and namespaces are named exactly, so that a search
can be told them before it ranks. See scopes.py for what they mean and docs/scopes.md for who has which.
"""

from __future__ import annotations

from typing import Final

import msgspec

from quarterdeck_protocol.labels import Integrity, Sensitivity

ANY: Final = "*"


class ReadScope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be seen. `records` are kinds of state values: memory, document, fact, action, run, asset …"""

    namespaces: tuple[str, ...] = ("default",)
    facts: tuple[str, ...] = (ANY,)
    memories: tuple[str, ...] = (ANY,)
    tiers: tuple[str, ...] = (ANY,)
    records: tuple[str, ...] = (ANY,)
    sensitivity: Sensitivity = "private"  # The highest.


class WriteScope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be changed. integrity: what is written is at most this trusted, whatever it says of itself.

    effects  `connector.verb` that may be proposed
    """

    namespaces: tuple[str, ...] = ("default",)
    facts: tuple[str, ...] = (ANY,)
    memories: tuple[str, ...] = (ANY,)
    tiers: tuple[str, ...] = (ANY,)
    sensitivity: Sensitivity = "private"  # The highest.
    integrity: Integrity = "agent"
    effects: tuple[str, ...] = (ANY,)


class Declared(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Both scopes of one party, and the context that an agent wants without asking.

    context_tokens  budget of that context, 0 for none      context_query  what is recalled for it: an expression
    """

    read: ReadScope = ReadScope()
    write: WriteScope = WriteScope()
    context_tokens: int = 0
    context_query: str = ""
    version: str = ""  # Of an agent's code, as it was when the daemon began.
    mode: str = ""  # How far models may take part in an agent's work; "": it sets no limit of its own.


EVERYTHING: Final = Declared(
    read=ReadScope(namespaces=(ANY,), sensitivity="secret"),
    write=WriteScope(namespaces=(ANY,), sensitivity="secret", integrity="operator"),
)
