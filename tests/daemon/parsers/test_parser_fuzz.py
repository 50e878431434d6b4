"""Damaged files of every kind: a refusal in words or some text, never an exception and never endless."""

from __future__ import annotations

import random

import pytest

from quarterdeck_daemon.core.orders import ParseDocument
from quarterdeck_daemon.parsers.table import parse
from quarterdeck_protocol.media import media_type_of

from .papers import read, samples

ROUNDS = 120
SAMPLES = samples()


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut off, with bits flipped, a piece doubled, or a piece of noise."""
    at = chance.randrange(len(data))
    length = chance.randrange(1, 64)
    changed = bytearray(data)
    kind = chance.randrange(4)
    if kind == 0:
        return data[:at]
    if kind == 1:
        for _ in range(chance.randrange(1, 12)):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        return bytes(changed)
    if kind == 2:
        return data[:at] + data[max(0, at - length) :]
    changed[at : at + length] = chance.randbytes(length)
    return bytes(changed)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_document_is_read_or_refused(name: str) -> None:
    media_type = media_type_of(name, SAMPLES[name])
    for seed in range(ROUNDS):
        data = damaged(SAMPLES[name], random.Random(f"{name}/{seed}"))
        parsed = read(name, data, media_type)
        assert parsed.text or parsed.unreadable, f"seed {seed}"
        assert parsed.text or parsed.meta.get("unreadable"), f"seed {seed} has no reason in a word"


@pytest.mark.parametrize("name", SAMPLES)
def test_one_kind_under_the_name_of_another_is_read_or_refused(name: str) -> None:
    for other, data in SAMPLES.items():
        parsed = parse(ParseDocument(document="d", media_type=media_type_of(name, b""), data=data, name=other))
        assert parsed.text or parsed.unreadable
