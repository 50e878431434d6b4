"""Forgetting for good: the plan is shown, then carried out step by step, and proven.

Owns     the order of the steps, and going on with them after a restart.
Promises what was shown is what goes: another plan than the one whose hash is handed in is a `conflict`. The keys go
         first, so from then on nobody can read it whatever happens; every later step can be done again. The proof in
         the log was made by looking: through all content that still opens, and all files of the state folder.
Leaves   what goes to forget_plan.py, how rows and keys go to the store, backups to copies.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from ..core.commands import BeginErasure, CloseErasure, ProveErasure
from ..core.entities import Erasure, Plain
from ..core.erasure import identifiers_of, removal_of
from ..core.subjects import erased, subject_of_entity
from ..core.traces import Traces
from ..core.turn import strings
from ..store.api import Removal, Store
from .copies import backups_in, forget_in
from .engine import Engine
from .forget_plan import Plan, all_values, sliced
from .recall import Recall
from .residue import OWN_FILE_BYTES_MAX, blacken, files_with, needles_of
from .workspace import STATE_NAME

AGAIN_S = 10.0  # After a step failed, a full disk say.
INDEX_WAIT_S = 30.0
OWN_FOLDERS = frozenset((STATE_NAME, ".git", ".venv", "node_modules"))

log = logging.getLogger("quarterdeck.forgetting")


class Forgetting:
    """One erasure at a time. `run` goes on with one that was cut short, at the start or later.

    trouble: why the one that has begun is not finished yet; "" when nothing holds it up.
    """

    def __init__(
        self, store: Store, engine: Engine, recall: Recall, workspace: Path, *, on_erased: Callable[[], None]
    ) -> None:
        self._store, self._engine, self._recall = store, engine, recall
        self._workspace, self._home = workspace, workspace / STATE_NAME
        self._on_erased = on_erased
        self._work: dict[str, asyncio.Task[Plain]] = {}
        self._left = asyncio.Event()  # Something was cut short.
        self._left.set()
        self.trouble = ""
        self.lock = asyncio.Lock()  # From the plan until it is begun, nobody else plans.

    # --- beginning ---

    @staticmethod
    def command_for(plan: Plan, *, reason: str) -> BeginErasure:
        """What begins it. Raises QuarterdeckError `conflict` for what cannot be forgotten, `bad_value` for a reason
        that would outlive what it names.
        """
        if Traces(plan.identifiers).in_text(reason):
            raise QuarterdeckError("bad_value", "the reason names whom it is about", hint="It stays: say it without.")
        if plan.unsealed:
            raise QuarterdeckError(
                "conflict",
                f"{len(plan.unsealed)} event(s) are from before content was sealed and cannot be forgotten in place",
                hint="Export the memory without it, import that into a fresh workspace, and remove this one.",
            )
        return BeginErasure(
            removal=plan.removal,
            counts=plan.counts,
            identifiers=(*plan.identifiers, *plan.probes),
            names=plan.names,
            operations=plan.operations,
            reason=reason,
        )

    async def finish(self, id: str) -> Plain:
        """Carry out what was begun, or wait for whoever does. Goes on also when nobody waits any more."""
        if id not in self._work:
            self._work[id] = asyncio.create_task(self._carry_out(id))
            self._work[id].add_done_callback(lambda task: self._ended(id, task))
        try:
            return await asyncio.shield(self._work[id])
        except (QuarterdeckError, OSError) as error:
            raise _cut_short(id, error) from error

    def _ended(self, id: str, task: asyncio.Task[Plain]) -> None:
        self._work.pop(id, None)
        error = None if task.cancelled() else task.exception()
        self.trouble = "" if error is None else f"{id} has begun and is not finished: {error}"
        if error is not None:
            log.error("%s", self.trouble)
            self._left.set()

    async def run(self) -> None:
        """Finish what was cut short, by the end of the last life or by a full disk; try again until it is done."""
        while True:
            await self._left.wait()
            self._left.clear()
            if self.trouble:
                await asyncio.sleep(AGAIN_S)
            for erasure in list(self._store.live(Erasure)):
                log.info("going on with %s", erasure.id)
                with contextlib.suppress(QuarterdeckError):  # `_ended` has told of it and asked for another try.
                    await self.finish(erasure.id)

    # --- carrying out ---

    async def _carry_out(self, id: str) -> Plain:
        store = self._store
        erasure = store.get(Erasure, id)
        assert erasure is not None, "it was begun"
        if erasure.stage == "planned":
            await self._erase(erasure)
        await self._close(erasure)
        done = store.get(Erasure, id)
        assert done is not None, "it was begun"
        return {"id": id, "stage": done.stage, "counts": done.counts, "proof": done.proof}

    async def _erase(self, erasure: Erasure) -> None:
        store = self._store
        planned = store.event(erasure.list_seq)
        names = removal_of(planned)
        assert planned is not None, "the list is the last that is forgotten"
        assert names is not None, "and so are the names in it"
        removal = msgspec.convert(names, Removal)
        await self._in_steps(removal)
        self._on_erased()
        await self._recall.purge(INDEX_WAIT_S)
        await asyncio.to_thread(store.scour)
        copies = await asyncio.to_thread(self._reach_copies)
        words = identifiers_of(planned)
        needles = needles_of(words)
        blackened = await asyncio.to_thread(self._tidy, needles, strings(planned.body.get("operations")))
        proof = await self._proof(erasure, words, needles)
        proof |= {"copies": copies, "log_lines": blackened}
        await self._engine.execute(ProveErasure(id=erasure.id, proof=proof))

    async def _close(self, erasure: Erasure) -> None:
        store = self._store
        planned = store.event(erasure.list_seq)
        if planned is not None and not erased(planned):
            subject = f"erasure:{erasure.id}"
            await self._in_steps(Removal(epoch=store.epoch, subjects=(subject,), events=(erasure.list_seq,)))
            await asyncio.to_thread(self._reach_copies)
        await self._engine.execute(CloseErasure(id=erasure.id))

    async def _in_steps(self, removal: Removal) -> None:
        """Erase without keeping others waiting: only what belongs to the writer's thread is done in it."""
        for step in self._store.erasing(removal):
            if step.aside:
                await asyncio.to_thread(step.do)
            else:
                step.do()

    def _reach_copies(self) -> int:
        """Make every backup in the state folder forget it as well. Returns how many there are."""
        folders = backups_in(self._home)
        for folder in folders:
            forget_in(self._home, folder)
        return len(folders)

    def _tidy(self, needles: tuple[bytes, ...], operations: tuple[str, ...]) -> int:
        """What the processes wrote beside the log: their own lines, and the effector's notes of what it did."""
        for operation in operations:
            (self._home / "effects" / Path(operation).name).unlink(missing_ok=True)
        logs = sorted((self._home / "logs").glob("*"))
        return sum(blacken(path, needles) for path in logs if path.is_file())

    # --- proving ---

    async def _proof(self, erasure: Erasure, words: tuple[str, ...], needles: tuple[bytes, ...]) -> Plain:
        """Look for it everywhere. Counts only: the proof stays in the log, in clear."""
        in_log, in_records = await self.look(words, without=erasure.list_seq)
        files = await asyncio.to_thread(files_with, self._home, needles)
        verified = await asyncio.to_thread(self._store.verify)
        return {
            "events": in_log,
            "records": in_records,
            "files": len(files),
            "chain": verified.broken_at is None,
            "checked": verified.checked,
        }

    async def look(self, words: tuple[str, ...], *, without: int = 0) -> tuple[int, int]:
        """How many events and how many values, of those that can be opened, say one of the words."""
        traces, store = Traces(words), self._store
        in_log = in_records = 0
        async for event in sliced(store.events()):
            in_log += event.seq != without and traces.in_value(
                (event.body, event.cause, event.run, event.labels.sources)
            )
        async for entity in sliced(all_values(store)):
            subject = subject_of_entity(entity)
            in_records += subject is not None and traces.in_value(msgspec.to_builtins(entity))
        return in_log, in_records

    async def files_of_the_operator(self, identifiers: tuple[str, ...]) -> list[str]:
        """Files of the workspace, outside the state folder, that say one of them: the operator's own to change."""
        needles = needles_of(identifiers)
        return await asyncio.to_thread(
            files_with, self._workspace, needles, without=OWN_FOLDERS, bytes_max=OWN_FILE_BYTES_MAX
        )


def _cut_short(id: str, error: QuarterdeckError | OSError) -> QuarterdeckError:
    """What who waits for it is told: it has begun, and need not be asked for again."""
    hint = "It goes on by itself as soon as that is mended; `quarterdeck alerts` says when it is not."
    said = f"{id} has begun and is not finished: {error}"
    if isinstance(error, QuarterdeckError):
        return QuarterdeckError(error.code, said, hint=hint, details={**error.details, "erasure": id})
    return QuarterdeckError("no_space" if error.errno == errno.ENOSPC else "unavailable", said, hint=hint)
