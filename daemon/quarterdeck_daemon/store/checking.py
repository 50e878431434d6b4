"""Checking a log that is nobody's to change: a state folder whose daemon is down, or a backup on whatever disk.

Opens read-only and writes nothing. Says where the chain breaks; raises only when there is nothing to check with.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path

from .anchor import head_in
from .api import Head, Verification
from .chain import EMPTY, Chain
from .codec import SEQ_MAX, seq_key, seq_of
from .database import Database
from .errors import LogCorrupt
from .opening import verified


def check_log(folder: Path, chain_key: bytes, heads: Mapping[int, bytes]) -> Verification:
    """Walk the whole chain of the log in `folder`, and compare it with its anchor and with heads noted elsewhere.

    heads: keyed hash by sequence. Raises LogCorrupt when the log cannot be opened at all.
    """
    if not (folder / "log" / "CURRENT").is_file():
        raise LogCorrupt(folder / "log", "the log or its CURRENT file is missing")
    chain = Chain(chain_key)
    database = Database(folder / "log", read_only=True)
    try:
        last = database.rows("events", seq_key(0), seq_key(SEQ_MAX), limit=1, reverse=True)
        head = Head(seq=seq_of(last[0][0]), mac=chain.mac(last[0][1])) if last else EMPTY
        found = verified(database, chain, head, 0)
        if found.broken_at is not None:
            return found
        known = _anchored(folder / "anchor", chain)
        for noted, where in ((known, "its anchor"), (heads, "the heads that were noted")):
            for seq, mac in sorted(noted.items()):
                reason = _differs(database, chain, seq, mac)
                if reason:
                    return Verification(
                        checked=found.checked, head=head, broken_at=seq, reason=f"{reason} by {where}"
                    )
        return found
    finally:
        database.close()


def _anchored(path: Path, chain: Chain) -> dict[int, bytes]:
    """What the anchor says. Raises LogCorrupt when it cannot be trusted: then the end of the log is not known."""
    try:
        head = head_in(path, chain)
    except FileNotFoundError as error:
        raise LogCorrupt(path, "the head anchor is missing") from error
    if head is None:
        raise LogCorrupt(path, "it does not verify against this chain key")
    return {head.seq: head.mac} if head.seq else {}


def _differs(database: Database, chain: Chain, seq: int, mac: bytes) -> str:
    stored = database.get("events", seq_key(seq))
    if stored is None:
        return f"the log ends before event {seq}, which is named"
    return "" if hmac.compare_digest(chain.mac(stored), mac) else "another event stood here, as is said"
