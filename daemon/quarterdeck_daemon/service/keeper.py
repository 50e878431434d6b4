"""The keeper: what retention asks for, done in the background.

Owns     when memories are looked through, and how fast: in small slices, between which others are served.
Promises nothing leaves recall but by a command that the kernel decided, so each step stands in the log and a
         restart goes on from there; while work is under way the keeper waits for it.
Leaves   the rules to core/keeping.py, what may go to core/retention.py.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ..core.commands import Command, CompressMemories, CountUses, ExpireMemories, NoteUpkeep
from ..core.durations import length_of
from ..core.entities import Memory, Plain, Upkeep, Use
from ..core.keeping import Keep, Rules, bundle_of, outlived, usefulness
from ..core.retention import GROUP_CHARS_MAX, GROUP_MAX, GROUP_MIN, OWN_TIME
from ..core.tokens import tokens_of
from ..core.turn import strings
from ..store.api import Store
from .originals import prune
from .pace import Pace

TICK_S = 2.0
BATCH = 200  # Memories that one command takes out.
MARK_EVERY = 20_000  # Memories looked at between two marks in the log.
BUNDLES_MAX = 2_000
CANDIDATES_MAX = 100_000  # Of one budget in one pass; a budget that is exceeded by more takes several.
USES_MAX = 10_000
USES_FLUSH_S = 600.0
TOLD_MAX = 100
STIRRING: frozenset[str] = frozenset(
    ("memory.remembered", "memory.edited", "memory.moved", "memory.reinstated", "memory.restored", "reminder.fired")
)

log = logging.getLogger("quarterdeck.keeper")

Execute = Callable[[Command], Awaitable[Plain]]


class Done(msgspec.Struct):
    """What a pass did, or would do."""

    expired: int = 0
    compressed: int = 0
    summaries: int = 0
    saved_bytes: int = 0
    looked_at: int = 0
    pruned: int = 0
    pruned_bytes: int = 0
    by_rule: dict[str, int] = {}
    told: list[Plain] = []

    def tell(self, memories: Iterable[Memory], rule: str) -> None:
        for memory in memories:
            self.by_rule[rule] = self.by_rule.get(rule, 0) + 1
            if len(self.told) < TOLD_MAX:
                self.told.append({"id": memory.id, "rule": rule, "title": memory.title})

    @property
    def counts(self) -> dict[str, int]:
        names = ("expired", "compressed", "summaries", "saved_bytes", "looked_at", "pruned", "pruned_bytes")
        return {name: getattr(self, name) for name in names}


class Keeper:
    """Run `run` as one task; `keep` makes a pass now."""

    def __init__(
        self, store: Store, execute: Execute, rules: Rules, *, every_us: int, now_us: Callable[[], int],
        busy: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._store = store
        self._execute = execute
        self.rules = rules
        self._every_us = every_us
        self._now_us = now_us
        self._busy = busy
        self._passing = asyncio.Lock()
        self._uses: dict[str, int] = {}
        self._flushed_s = time.monotonic()
        self._due_us: int | None = 0
        self._pace = Pace(store, busy)

    # --- for the daemon ---

    def notice(self, events: Sequence[Event]) -> None:
        """Something may expire sooner than was thought."""
        if any(event.kind in STIRRING for event in events):
            self._due_us = 0

    def shown(self, ids: Iterable[str]) -> None:
        """Memories were shown to somebody who searched. Counted here, written rarely; a kill forgets a few."""
        for id in ids:
            if id in self._uses or len(self._uses) < USES_MAX:
                self._uses[id] = self._uses.get(id, 0) + 1

    async def run(self) -> None:
        """Look after memory until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                if time.monotonic() - self._flushed_s > USES_FLUSH_S:
                    await self.flush()
                if self._pass_due():
                    await self.keep()
                elif self._due_us is not None and self._due_us <= self._now_us():
                    async with self._passing:
                        await self._end_times(Done(), dry_run=False)
            except QuarterdeckError as error:
                log.warning("the keeper was refused: %s", error.message, extra={"fields": {"code": error.code}})

    def _pass_due(self) -> bool:
        upkeep = self._store.get(Upkeep, "memory")
        if self.rules.idle:
            return False
        if upkeep is None or upkeep.ended_us is None:
            return True  # Never done, or the one before was cut off.
        return self._now_us() - upkeep.ended_us >= self._every_us

    async def flush(self) -> None:
        """Write how often memories were shown, if any were."""
        self._flushed_s = time.monotonic()
        if self._uses:
            counts, self._uses = self._uses, {}
            await self._execute(CountUses(counts=counts))

    async def keep(self, *, dry_run: bool = False) -> Done:
        """Make one pass; with `dry_run` say what it would do."""
        async with self._passing:
            done = Done(by_rule={}, told=[])
            self._pace = Pace(self._store, self._busy)
            await self._end_times(done, dry_run=dry_run)
            if self.rules.idle:
                return done
            upkeep = self._store.get(Upkeep, "memory")
            cut_off = upkeep if upkeep is not None and upkeep.live and not dry_run else None
            if cut_off is None and not dry_run:
                await self._execute(NoteUpkeep(step="began", phase="age"))
            await self._age(done, after=cut_off.cursor if cut_off and cut_off.phase == "age" else "", dry_run=dry_run)
            await self._budgets(done, dry_run=dry_run)
            await self._originals(done, dry_run=dry_run)
            if not dry_run:
                await self._execute(NoteUpkeep(step="ended", counts=done.counts))
            return done

    # --- what has an end of its own ---

    async def _end_times(self, done: Done, *, dry_run: bool) -> None:
        over: list[Memory] = []
        due_us: int | None = None
        now_us = self._now_us()
        for memory in list(self._store.live(Memory)):
            assert memory.expires_us is not None, "what is live has an end"
            if memory.expires_us <= now_us:
                over.append(memory)
            elif due_us is None or memory.expires_us < due_us:
                due_us = memory.expires_us
            await self._pace.rest()
        if not dry_run:
            self._due_us = due_us
        await self._expire(over, OWN_TIME, done, dry_run=dry_run)

    async def _expire(self, memories: list[Memory], rule: str, done: Done, *, dry_run: bool) -> None:
        for batch in _batches(memories, BATCH):
            gone = [memory for memory in batch if not memory.pinned]
            if not dry_run:
                reply = await self._execute(ExpireMemories(ids=tuple(memory.id for memory in batch), rule=rule))
                names = frozenset(strings(reply["expired"]))
                gone = [memory for memory in batch if memory.id in names]
            done.expired += len(gone)
            done.saved_bytes += sum(len(memory.text.encode()) for memory in gone)
            done.tell(gone, rule)

    # --- by age: expiry and summaries ---

    async def _age(self, done: Done, *, after: str, dry_run: bool) -> None:
        over: dict[str, list[Memory]] = {}
        bundles: dict[tuple[str, ...], list[Memory]] = {}
        now_us = self._now_us()
        async for memory in self._pace.walk(Memory, after=after):
            done.looked_at += 1
            rule = self.rules.of(memory)
            if rule is None or not memory.current:
                continue
            if outlived(memory, rule, now_us):
                over.setdefault(f"{rule.name} is kept {length_of(rule.ttl_us)}", []).append(memory)
            elif (bundle := bundle_of(memory, rule, now_us)) is not None:
                await self._bundle(bundles, bundle, memory, done, dry_run=dry_run)
            for name in [name for name, memories in over.items() if len(memories) >= BATCH]:
                await self._expire(over.pop(name), name, done, dry_run=dry_run)
            if done.looked_at % MARK_EVERY == 0 and not dry_run:
                mark = NoteUpkeep(step="advanced", phase="age", cursor=memory.id, counts=done.counts)
                await self._execute(mark)
        for name, memories in over.items():
            await self._expire(memories, name, done, dry_run=dry_run)
        for bundle, memories in bundles.items():
            await self._compress(bundle, memories, done, dry_run=dry_run)

    async def _bundle(
        self, bundles: dict[tuple[str, ...], list[Memory]], bundle: tuple[str, ...], memory: Memory, done: Done, *,
        dry_run: bool,
    ) -> None:  # fmt: skip
        if bundle not in bundles and len(bundles) >= BUNDLES_MAX:
            return  # The next pass has room again.
        together = bundles.setdefault(bundle, [])
        if sum(len(one.text) for one in together) + len(memory.text) <= GROUP_CHARS_MAX:
            together.append(memory)
        if len(together) >= GROUP_MAX:
            await self._compress(bundle, bundles.pop(bundle), done, dry_run=dry_run)

    async def _compress(self, bundle: tuple[str, ...], memories: list[Memory], done: Done, *, dry_run: bool) -> None:
        if len(memories) < GROUP_MIN:
            return
        rule = f"a summary of {bundle[-1]} stands for it"
        if dry_run:
            done.compressed += len(memories)
            done.summaries += 1
            done.tell(memories, rule)
            return
        reply = await self._execute(CompressMemories(ids=tuple(one.id for one in memories), topic=bundle[-1]))
        stands_for = frozenset(strings(reply.get("stands_for", ())))
        if stands_for:
            done.compressed += len(stands_for)
            done.summaries += 1
            done.saved_bytes += int(str(reply["saved_bytes"]))
            done.tell((one for one in memories if one.id in stands_for), rule)
        await self._pace.rest()

    # --- by room ---

    async def _budgets(self, done: Done, *, dry_run: bool) -> None:
        limited = [rule for rule in self.rules.all if rule.bytes_max or rule.tokens_max]
        if not limited:
            return
        held: dict[str, list[int]] = {rule.name: [0, 0] for rule in limited}
        async for memory in self._pace.walk(Memory):
            rule = self.rules.of(memory)
            if rule is not None and rule.name in held and memory.current:
                held[rule.name][0] += len(memory.text.encode())
                held[rule.name][1] += tokens_of(memory.text) if rule.tokens_max else 0
        for rule in limited:
            size_bytes, tokens = held[rule.name]
            too_many = (
                max(0, size_bytes - rule.bytes_max) if rule.bytes_max else 0,
                max(0, tokens - rule.tokens_max) if rule.tokens_max else 0,
            )
            if any(too_many):
                await self._make_room(rule, too_many, done, dry_run=dry_run)

    async def _make_room(self, rule: Keep, too_many: tuple[int, int], done: Done, *, dry_run: bool) -> None:
        """Take out the least useful until the budget is met."""
        least: list[tuple[float, int, str]] = []  # The most useful on top, to be pushed out of too long a list.
        now_us = self._now_us()
        async for memory in self._pace.walk(Memory):
            if memory.current and not memory.pinned and self.rules.of(memory) is rule:
                item = (-usefulness(memory, rule, now_us, self.uses(memory.id)), -memory.at_us, memory.id)
                (heapq.heappush if len(least) < CANDIDATES_MAX else heapq.heappushpop)(least, item)
        going: list[Memory] = []
        left_bytes, left_tokens = too_many
        for _, _, id in sorted(least, reverse=True):
            if left_bytes <= 0 and left_tokens <= 0:
                break
            found = self._store.get(Memory, id)
            if found is not None:
                going.append(found)
                left_bytes -= len(found.text.encode())
                left_tokens -= tokens_of(found.text)
            await self._pace.rest()
        size = f"{rule.bytes_max:,} bytes" if rule.bytes_max else f"{rule.tokens_max:,} tokens"
        await self._expire(going, f"{rule.name} has room for {size}", done, dry_run=dry_run)

    # --- files of what gave way ---

    async def _originals(self, done: Done, *, dry_run: bool) -> None:
        gone = await prune(
            self._store,
            self._execute,
            self._pace,
            keep_us=self.rules.originals_us,
            now_us=self._now_us(),
            dry_run=dry_run,
        )
        done.pruned, done.pruned_bytes = gone.files, gone.size_bytes
        for document in gone.documents[: max(0, TOLD_MAX - len(done.told))]:
            rule = f"originals are kept {length_of(self.rules.originals_us)}"
            done.told.append({"id": document.id, "rule": rule, "title": document.title})

    def uses(self, id: str) -> int:
        """How often a memory was shown: to steps, and to people who searched."""
        use = self._store.get(Use, id)
        return len(self._store.links_to(f"memory:{id}", "read")) + (use.count if use else 0) + self._uses.get(id, 0)


def _batches(memories: Sequence[Memory], size: int) -> Iterator[Sequence[Memory]]:
    return (memories[at : at + size] for at in range(0, len(memories), size))
