"""Commits turned into the bytes that a store writes; both stores take them in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from ..core.commit import Commit
from ..core.entities import Entity
from .api import Head
from .chain import Chain
from .codec import joined, link_keys, part, seq_key
from .sealing import Sealing


@dataclass
class Intake:
    """What a sequence of commits changes, in order. A link change with seq None removes the edge.

    events  (sequence, stored bytes)      concerns  keys of the links family
    puts    (entity, record key, value)   links     (key from the source, key from the target, seq)
    """

    head: Head
    events: list[tuple[int, bytes]] = field(default_factory=list)
    concerns: list[bytes] = field(default_factory=list)
    puts: list[tuple[Entity, bytes, bytes]] = field(default_factory=list)
    links: list[tuple[bytes, bytes, int | None]] = field(default_factory=list)


def take_in(chain: Chain, sealing: Sealing, head: Head, commits: Sequence[Commit]) -> Intake:
    """Seal, encode and chain. Within one commit unlinks come after links.

    Raises QuarterdeckError `bad_value`, before anything is changed, for what cannot be stored.
    """
    intake = Intake(head=head)
    for commit in commits:
        _take_events(chain, sealing, intake, commit)
        for entity in commit.puts:
            key = joined(entity.kind, entity.id)
            intake.puts.append((entity, key, sealing.entity(entity, key)))
        intake.links += [(*link_keys(link), link.seq) for link in commit.links]
        intake.links += [(*link_keys(link), None) for link in commit.unlinks]
    return intake


def _take_events(chain: Chain, sealing: Sealing, intake: Intake, commit: Commit) -> None:
    assert len(commit.events) == len(commit.touched), "each event says what it concerns"
    for event, touched in zip(commit.events, commit.touched, strict=True):
        assert event.seq == intake.head.seq + 1, f"event {event.seq} does not follow {intake.head.seq}"
        assert not event.prev_mac, "the store fills in prev_mac"
        stored = sealing.event(msgspec.structs.replace(event, prev_mac=intake.head.mac))
        intake.events.append((event.seq, stored))
        intake.concerns += [b"\0".join((b"e", part(entity), seq_key(event.seq))) for entity in touched]
        intake.head = Head(seq=event.seq, mac=chain.mac(stored))
