"""The health of memory as numbers: counted one memory after the other, so that a walk may pause wherever it likes.

Near duplicates are found by sketches: the smallest hashes of a text's runs of three words. Texts that share one of
the few smallest are compared by their whole sketches, whose overlap estimates that of the texts.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from .entities import Memory
from .tokens import tokens_of

CHARS_MIN = 12
WORDS_MIN = 3
LETTERS_SHARE_MIN = 0.5
SHINGLE_WORDS = 3
SKETCH = 32  # Hashes kept of a text; the estimate of an overlap errs by about 1 / sqrt of it.
BANDS = 6  # Of two texts with an overlap of .8, some four of the smallest six are the same;
BANDS_SHARED = 3  # three of them in 99 of 100 cases. So few others are looked at more closely.
BAND_MAX = 20  # Texts that one text is compared with.
NEAR: Final = 0.8
SKETCHED_CHARS_MAX = 20_000
SKETCHES_MAX = 200_000
EXAMPLES_MAX = 5
SETTLED_US = 30 * 86_400_000_000
BOILERPLATE: Final = re.compile(
    r"unsubscribe|abbestellen|view (?:this (?:e?mail )?)?in (?:your )?browser|all rights reserved|cookie policy"
    r"|confidential(?:ity)? notice|intended (?:only|solely) for the|privacy policy|do not reply to this|accept all cookies",
    re.IGNORECASE,
)
BOILERPLATE_CHARS_MAX = 400  # A long text that mentions its unsubscribe link is no junk.
_WORD = re.compile(r"\w+")


class Size(msgspec.Struct):
    """What a tier or kind holds."""

    items: int = 0
    bytes: int = 0
    tokens: int = 0

    def add(self, size_bytes: int, tokens: int) -> None:
        self.items += 1
        self.bytes += size_bytes
        self.tokens += tokens


def junk_in(text: str) -> str:
    """Why a text is not worth keeping; empty when it is."""
    bare = text.strip()
    words = _WORD.findall(bare)
    if len(bare) < CHARS_MIN or len(words) < WORDS_MIN:
        return "too short"
    signs = sum(map(len, bare.split()))
    if sum(map(len, words)) - bare.count("_") < signs * LETTERS_SHARE_MIN:
        return "hardly any words"
    if len(bare) <= BOILERPLATE_CHARS_MAX and BOILERPLATE.search(bare):
        return "boilerplate"
    return ""


class Census:
    """Hand it every memory with `count`; then read the numbers."""

    def __init__(self) -> None:
        self.tiers: dict[str, Size] = {}
        self.kinds: dict[str, Size] = {}
        self.looked_at = 0
        self.current = 0
        self.gone = Size()
        self.junk: Counter[str] = Counter()
        self.junk_ids: list[str] = []
        self.without_origin: list[str] = []
        self.settled = 0  # Old enough that one may ask whether anybody ever saw them.
        self.never_used = 0
        self.unused_since: list[int] = []
        self.twins = Twins()

    def count(self, memory: Memory, *, used_us: int | None, with_parents: bool, now_us: int) -> None:
        """Take in one memory. used_us: when it was last shown to anybody, None for never."""
        self.looked_at += 1
        size = len(memory.text.encode())
        if not memory.current:
            if not memory.forgotten:
                self.gone.add(size, 0)
            return
        self.current += 1
        tokens = tokens_of(memory.text)
        self.tiers.setdefault(memory.tier, Size()).add(size, tokens)
        self.kinds.setdefault(memory.memory_kind, Size()).add(size, tokens)
        reason = junk_in(memory.text)
        if reason:
            self.junk[reason] += 1
            _remember(self.junk_ids, memory.id)
        if not (memory.document or with_parents or memory.labels.integrity == "operator" or _named(memory)):
            self.without_origin.append(memory.id)
        if now_us - memory.at_us > SETTLED_US:
            self.settled += 1
            self.never_used += used_us is None
        self.unused_since.append(used_us if used_us is not None else memory.at_us)
        self.twins.add(memory.id, memory.text, exact_only=bool(reason))


def _named(memory: Memory) -> bool:
    return memory.source not in ("", "operator")


def _remember(ids: list[str], id: str) -> None:
    if len(ids) < EXAMPLES_MAX:
        ids.append(id)


class Twins:
    """Texts that are the same, or nearly."""

    def __init__(self) -> None:
        self.exact: list[tuple[str, str]] = []
        self.near: list[tuple[str, str]] = []
        self.unsketched = 0
        self._texts: dict[int, str] = {}
        self._sketches: dict[str, tuple[int, ...]] = {}
        self._bands: dict[int, list[str]] = {}

    def add(self, id: str, text: str, *, exact_only: bool = False) -> None:
        words = _WORD.findall(text[:SKETCHED_CHARS_MAX].casefold())
        same = zlib.crc32(" ".join(words).encode()) << 32 | len(text) & 0xFFFFFFFF
        twin = self._texts.setdefault(same, id)
        if twin != id:
            self.exact.append((twin, id))
        elif not exact_only and len(self._sketches) < SKETCHES_MAX:
            self._sketch(id, words)
        elif not exact_only:
            self.unsketched += 1

    def _sketch(self, id: str, words: list[str]) -> None:
        runs = {" ".join(words[at : at + SHINGLE_WORDS]) for at in range(max(1, len(words) - SHINGLE_WORDS + 1))}
        sketch = tuple(sorted({zlib.crc32(run.encode()) for run in runs})[:SKETCH])
        twin = self._twin(sketch)
        if twin:
            self.near.append((twin, id))
        self._sketches[id] = sketch
        for band in sketch[:BANDS]:
            others = self._bands.setdefault(band, [])
            if len(others) < BAND_MAX:
                others.append(id)

    def _twin(self, sketch: tuple[int, ...]) -> str:
        bands = Counter(id for band in sketch[:BANDS] for id in self._bands.get(band, ()))
        least = min(len(sketch), BANDS_SHARED)
        candidates = (id for id, shared in bands.items() if shared >= least)
        return next((id for id in candidates if overlap(sketch, self._sketches[id]) >= NEAR), "")


def overlap(one: Iterable[int], other: Iterable[int]) -> float:
    """The share of runs of words that two texts have in common, estimated from their sketches."""
    mine, theirs = set(one), set(other)
    smallest = sorted(mine | theirs)[:SKETCH]
    return sum(hash in mine and hash in theirs for hash in smallest) / max(1, len(smallest))
