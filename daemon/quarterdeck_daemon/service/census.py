"""Surveys of memory: its health, and what each setting of retention holds, saves and costs.

Both walk over everything in small slices; a survey of health stops after a stated time and says so.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec

from ..core.durations import length_of
from ..core.entities import Alert, Document, Fact, Memory, Plain, Receipt, Upkeep, Use
from ..core.health import Census, Size
from ..core.keeping import DAY_US, Keep, Rules
from ..core.pruning import is_past
from ..core.retention import may_compress
from ..core.settings import settings_of
from ..core.tiers import CAPS, tokens_in
from ..core.tokens import tokens_of
from ..store.api import Store
from .keeper import Done, Keeper
from .pace import Pace
from .views import iso, plain

SURVEY_MS_MAX = 60_000
STALE_US = 365 * DAY_US
AGES_DAYS = (30, 90, 365)
EXAMPLES = 5
KIB = 1024


# --- health -----------------------------------------------------------------------------------------


async def health(store: Store, pace: Pace, *, now_us: int, index_behind: int) -> Plain:
    """Return the numbers of memory's health, each with what to do. Looks for at most SURVEY_MS_MAX."""
    census = Census()
    complete = True
    async for memory in pace.walk(Memory):
        census.count(memory, used_us=_used(store, memory), with_parents=_has_parents(store, memory), now_us=now_us)
        if pace.took_ms > SURVEY_MS_MAX:
            complete = False
            break
    over = [fact.id async for fact in pace.walk(Fact) if _is_over(fact, iso(now_us) or "")]
    disputed = [alert for alert in store.live(Alert) if alert.topic.startswith("fact.conflict")]
    proposals = [fact.id for fact in store.live(Fact)]
    items = [*_texts(census), *_ages(census, now_us), *_beliefs(census, over, disputed, proposals)]
    items.append(
        _finding("index lag", index_behind, None, "memories are not searchable yet", "wait, or: quarterdeck doctor")
    )
    settings = settings_of(store)
    caps = {part: cap(settings) for part, cap in CAPS.items()}
    return {
        "items": items,
        "tiers": [_size(name, size, caps.get(name, 0)) for name, size in sorted(census.tiers.items())],
        "kinds": [_size(name, size) for name, size in sorted(census.kinds.items())],
        "looked_at": census.looked_at,
        "complete": complete,
        "took_ms": pace.took_ms,
    }


def _used(store: Store, memory: Memory) -> int | None:
    """When it was last shown to somebody who searched; a step's reading counts from when it was remembered."""
    use = store.get(Use, memory.id) if memory.current else None
    if use is not None:
        return use.last_us
    return memory.at_us if memory.current and store.links_to(f"memory:{memory.id}", "read") else None


def _has_parents(store: Store, memory: Memory) -> bool:
    if memory.labels.integrity == "operator" or memory.document or memory.source not in ("", "operator"):
        return True  # Not asked for: where these come from is told already.
    return bool(store.links_from(f"memory:{memory.id}", "derived_from"))


def _is_over(fact: Fact, now: str) -> bool:
    return fact.valid_to is not None and not fact.withdrawn and fact.valid_to < now[: len(fact.valid_to)]


def _finding(
    id: str, value: float, among: int | None, text: str, todo: str, *, warn_from: float = 0.0,
    examples: tuple[str, ...] = (),
) -> Plain:  # fmt: skip
    """One number. It is a warning when its share exceeds `warn_from`; what is nought is well."""
    share = None if among is None else round(value / among, 4) if among else 0.0
    level = "ok" if not value else "warning" if share is None or share > warn_from else "info"
    found: Plain = {"id": id, "value": value, "text": text, "level": level, "todo": todo if value else ""}
    return found | {"share": share, "examples": list(examples)}


def _texts(census: Census) -> Iterator[Plain]:
    total = census.current
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(census.junk.items()))
    yield _finding(
        "junk", census.junk.total(), total, f"not worth keeping: {why}" if why else "not worth keeping",
        "quarterdeck memory withdraw ID", warn_from=0.02, examples=tuple(census.junk_ids[:EXAMPLES]),
    )  # fmt: skip
    exact, near = census.twins.exact, census.twins.near
    yield _finding(
        "exact duplicates", len(exact), total, "say the same, word for word, as an older one",
        "quarterdeck memory withdraw ID", warn_from=0.01, examples=_pairs(exact),
    )  # fmt: skip
    yield _finding(
        "near duplicates", len(near), total, "say nearly the same as an older one",
        "quarterdeck memory show ID; then withdraw one", warn_from=0.05, examples=_pairs(near),
    )  # fmt: skip


def _pairs(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{one} {other}" for one, other in pairs[:EXAMPLES])


def _ages(census: Census, now_us: int) -> Iterator[Plain]:
    total = census.current
    ages = [max(0, now_us - since) / DAY_US for since in census.unused_since]
    median = round(statistics.median(ages), 1) if ages else 0.0
    stale = sum(age * DAY_US > STALE_US for age in ages)
    yield _finding(
        "unused for a year", stale, total, f"neither shown nor changed; median of all {median:g} days",
        'set compress or ttl in [memory]: quarterdeck memory retention', warn_from=0.5,
    )  # fmt: skip
    yield _finding(
        "never recalled", census.never_used, census.settled, "of those older than 30 days were never shown to anybody",
        "budgets drop these first: quarterdeck memory retention", warn_from=0.9,
    )  # fmt: skip


def _beliefs(census: Census, over: list[str], disputed: list[Alert], proposals: list[str]) -> Iterator[Plain]:
    total = census.current
    yield _finding(
        "contradictions", len(disputed), None, "facts that a newer text disputes",
        "quarterdeck status; then fact put or endorse", examples=tuple(alert.topic for alert in disputed[:EXAMPLES]),
    )  # fmt: skip
    yield _finding(
        "open proposals", len(proposals), None, "facts that were found in texts wait for your word",
        "quarterdeck memory endorse KIND/KEY", examples=tuple(proposals[:EXAMPLES]),
    )  # fmt: skip
    yield _finding(
        "facts past their time", len(over), None, "were true until a day that has passed",
        "quarterdeck fact put KIND KEY …", examples=tuple(over[:EXAMPLES]),
    )  # fmt: skip
    review = census.tiers.get("review", Size()).items
    yield _finding(
        "review backlog", review, total, "came from elsewhere and are in no context yet",
        "quarterdeck memory list --tier review; endorse what is right", warn_from=0.5,
    )  # fmt: skip
    lost = census.without_origin
    yield _finding(
        "without origin", len(lost), total, "nobody can say where these come from",
        "quarterdeck memory show ID; then withdraw", warn_from=0.01, examples=tuple(lost[:EXAMPLES]),
    )  # fmt: skip


def _size(name: str, size: Size, cap_tokens: int = 0) -> Plain:
    return {"id": name, **plain(size), "cap_tokens": cap_tokens}


# --- retention --------------------------------------------------------------------------------------


class _Held(msgspec.Struct):
    """What one rule governs, and how much of it is older than each of AGES_DAYS."""

    size: Size
    older: dict[int, Size]
    used: dict[int, int]
    shrinkable: Size


async def retention(store: Store, pace: Pace, keeper: Keeper, home: Path, *, now_us: int) -> Plain:
    """Return what each setting of retention holds now, what the next pass takes and what a change would save."""
    would = await keeper.keep(dry_run=True)
    held: dict[str, _Held] = {}
    kept = Size()
    async for memory in pace.walk(Memory):
        if memory.current:
            _hold(held, keeper, memory, now_us)
        elif not memory.forgotten:
            kept.add(len(memory.text.encode()), 0)
    items = [*_caps(store), *_knobs(keeper.rules, held, would.by_rule, settings_of(store).working_us)]
    items.append(await _originals(pace, keeper.rules, would))
    upkeep = store.get(Upkeep, "memory")
    last: Plain = {}
    if upkeep is not None:
        last = {"began_at": iso(upkeep.began_us), "ended_at": iso(upkeep.ended_us), "counts": upkeep.counts}
    return {
        "items": items,
        "kept": _size("withdrawn", kept),
        "disk": {part: _bytes_in(home / part) for part in ("log", "blobs", "index", "backup")},
        "hints": [hint async for hint in _hints(store, pace)],
        "last_pass": last,
        "took_ms": pace.took_ms,
    }


def _hold(held: dict[str, _Held], keeper: Keeper, memory: Memory, now_us: int) -> None:
    rule = keeper.rules.of(memory)
    if rule is None:
        return
    mine = held.setdefault(rule.name, _Held(Size(), {days: Size() for days in AGES_DAYS}, {}, Size()))
    size = len(memory.text.encode())
    mine.size.add(size, tokens_of(memory.text))
    older = [days for days in AGES_DAYS if now_us - memory.at_us > days * DAY_US and not memory.pinned]
    used = bool(older) and keeper.uses(memory.id) > 0
    for days in older:
        mine.older[days].add(size, 0)
        mine.used[days] = mine.used.get(days, 0) + used
    if may_compress(memory) and older:
        mine.shrinkable.add(size, 0)


def _caps(store: Store) -> Iterator[Plain]:
    settings = settings_of(store)
    for part, cap in CAPS.items():
        present = tokens_in(store, part)
        used = sum(present.values())
        yield {
            "id": f"{part}_tokens",
            "setting": f"{cap(settings):,}",
            "items": len(present),
            "bytes": 0,
            "costs": f"{used:,} of {cap(settings):,} tokens of every context",
            "change": "what exceeds it is refused",
        }


def _knobs(rules: Rules, held: dict[str, _Held], going: dict[str, int], working_us: int) -> Iterator[Plain]:
    for rule in rules.all:
        mine = held.get(rule.name, _Held(Size(), {days: Size() for days in AGES_DAYS}, {}, Size()))
        ttl_us = working_us if rule.name == "working" else rule.ttl_us
        for knob in (_ttl(rule, ttl_us, mine), _budget(rule, mine), _compress(rule, mine)):
            would = sum(count for name, count in going.items() if _is_of(name, rule, str(knob["id"])))
            yield {**knob, "items": mine.size.items, "bytes": mine.size.bytes, "would_go": would}


def _is_of(going: str, rule: Keep, knob: str) -> bool:
    sign = {"ttl": " is kept ", "bytes": " has room "}.get(knob.rpartition(".")[2], "")
    return bool(sign) and going.startswith(f"{rule.name}{sign}")


def _ttl(rule: Keep, ttl_us: int, held: _Held) -> Plain:
    days = next((days for days in AGES_DAYS if held.older[days].items), AGES_DAYS[0])
    older = held.older[days]
    change = (
        f"{days}d would take out {older.items:,}, {_kib(older.bytes)}"
        if older.items
        else "nothing is older than 30 days"
    )
    costs = f"{held.used.get(days, 0):,} of those were recalled before" if older.items else ""
    setting = length_of(ttl_us) if ttl_us else "for ever"
    return {
        "id": f"{rule.name}.ttl",
        "setting": setting,
        "saves_bytes": older.bytes,
        "change": change,
        "costs": costs,
    }


def _budget(rule: Keep, held: _Held) -> Plain:
    setting = f"{rule.bytes_max:,}" if rule.bytes_max else "no limit"
    half = held.size.bytes // 2
    change = f"{half:,} would take out the least useful half" if half else ""
    return {"id": f"{rule.name}.bytes", "setting": setting, "saves_bytes": half, "change": change, "costs": ""}


def _compress(rule: Keep, held: _Held) -> Plain:
    setting = f"after {length_of(rule.compress_us)}" if rule.compress_us else "never"
    saved = held.shrinkable.bytes * 3 // 4
    notes = held.shrinkable.items
    change = f"{AGES_DAYS[0]}d would put summaries in the place of up to {notes:,} notes" if notes else ""
    costs = "details are found by `why` of the summary only" if notes else ""
    return {"id": f"{rule.name}.compress", "setting": setting, "saves_bytes": saved, "change": change, "costs": costs}


def _kib(size: int) -> str:
    return f"{size / KIB:,.0f} KiB"


async def _hints(store: Store, pace: Pace) -> AsyncIterator[str]:
    receipts = 0
    async for _ in pace.walk(Receipt):
        receipts += 1
    yield f"{receipts:,} receipts: answers kept so that a request sent twice is done once; they are not pruned."


async def _originals(pace: Pace, rules: Rules, would: Done) -> Plain:
    """The files of documents that are not current any more."""
    count = size = 0
    async for document in pace.walk(Document):
        if is_past(document) and not document.pruned:
            count += 1
            size += document.size_bytes
    return {
        "id": "originals",
        "setting": length_of(rules.originals_us) if rules.originals_us else "for ever",
        "items": count,
        "bytes": size,
        "would_go": would.pruned,
        "saves_bytes": would.pruned_bytes if rules.originals_us else size,
        "change": "a time would remove files of replaced documents when it is over" if not rules.originals_us else "",
        "costs": "the past shows their text, and says that the file was pruned" if count else "",
    }


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # A million files: strings.
            except OSError:
                continue  # Gone meanwhile: compaction does that.
    return total
