"""What each connector may bring in. It reads nothing of memory: it gets the arguments of one action and no more."""

from __future__ import annotations

from typing import Final

from quarterdeck_daemon.core.declared import Declared, ReadScope, WriteScope

_BLIND: Final = ReadScope(namespaces=(), facts=(), memories=(), tiers=(), records=())

SCOPES: Final[dict[str, Declared]] = {
    # Whoever can write to us can have shaped a mail, however well known the address.
    "mail": Declared(read=_BLIND, write=WriteScope(facts=(), sensitivity="secret", integrity="external", effects=())),
    # How far a folder is believed and where it belongs, the operator says in [[files]].
    "files": Declared(
        read=_BLIND, write=WriteScope(namespaces=("*",), sensitivity="secret", integrity="operator", effects=())
    ),
}
