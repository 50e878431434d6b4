"""Handing many documents in: a few at a time, with a bar, and an account at the end.

Promises what was acknowledged stays, so that running it again goes on where it ended: what is known is passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.document_params import PIECE_BYTES_MAX, STATES_MAX, UPLOAD_BYTES_MAX

from .plain import Plain, record, records, text
from .session import Session
from .sources import Source
from .text import counted

if TYPE_CHECKING:
    from quarterdeck_protocol.async_client import AsyncClient

AT_ONCE = 8  # Documents on their way.
BUSY_WAIT_S = 0.5
READING_WAIT_MS = 2_000
READING_S_MAX = 600.0  # Without one more document read, the rest is left to itself.
OUTCOMES = ("new", "updated", "unchanged", "restored", "unreadable", "failed", "unread")

Step = Callable[[str], None]  # One more is done; its outcome.


@dataclass
class Item:
    """What became of one source. id: of its document. outcome: one of OUTCOMES."""

    source: Source
    id: str = ""
    outcome: str = ""
    error: str = ""
    reason: str = ""
    known: bool = False
    updates: str = ""  # The document whose file it is now.


@dataclass
class Account:
    items: list[Item]
    took_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)

    def close(self, began_s: float) -> None:
        self.took_s = time.monotonic() - began_s
        self.counts = {name: sum(item.outcome == name for item in self.items) for name in OUTCOMES}

    def words(self) -> str:
        """`190 new, 3 unchanged, 2 unreadable (195 documents in 4.1 s, 47.6 a second)`."""
        told = ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count) or "nothing"
        rate = len(self.items) / self.took_s if self.took_s > 0 else 0.0
        return f"{told} ({counted(len(self.items), 'document')} in {self.took_s:.1f} s, {rate:.1f} a second)"


def hand_in(session: Session, sources: Sequence[Source], params: Plain) -> Account:
    """Hand in all sources. A refusal of one costs that one; a daemon that is away ends it with its error."""
    account = Account([Item(source) for source in sources])
    began_s = time.monotonic()
    with _bar(session, len(sources)) as step:
        try:
            asyncio.run(_Intake(session, params, step).run(account.items))
        except* QuarterdeckError as together:
            refused = together.exceptions
        else:
            refused = ()
    if refused:
        raise _first(refused)
    account.close(began_s)
    return account


class _Intake:
    def __init__(self, session: Session, params: Plain, step: Step) -> None:
        self._session, self._params, self._step = session, params, step
        self._free = asyncio.Semaphore(AT_ONCE)

    async def run(self, items: list[Item]) -> None:
        from quarterdeck_protocol.async_client import AsyncClient

        async with AsyncClient(self._session.folder) as client:
            async with asyncio.TaskGroup() as group:
                for number, item in enumerate(items, 1):
                    await self._free.acquire()
                    group.create_task(self._one(client, item, number, len(items)))
            await self._follow(client, [item for item in items if not item.outcome])

    async def _one(self, client: AsyncClient, item: Item, number: int, of: int) -> None:
        try:
            data = await asyncio.to_thread(_bytes_of, item.source)
            asked = self._session.request_id
            request_id = f"{asked}/{number}" if asked and of > 1 else asked  # One id for one change.
            _note(item, await self._send(client, item.source, data, request_id))
        except QuarterdeckError as error:
            if error.code in ("unavailable", "unauthorized", "stopped", "no_space", "deadline"):
                raise  # It would be the same for all others.
            item.outcome, item.error, item.reason = "failed", error.message, error.code
        except OSError as error:
            item.outcome, item.error, item.reason = "failed", str(error.strerror or error), "not_found"
        finally:
            self._free.release()
        if item.outcome:
            self._step(item.outcome)

    async def _send(self, client: AsyncClient, source: Source, data: bytes, request_id: str | None) -> Plain:
        params: Plain = {**self._params, "media_type": source.media_type, "name": source.name}
        if source.path:
            params["path"] = source.path
        if len(data) <= PIECE_BYTES_MAX:
            return (await client.call("memory.remember", {**params, "document": data}, request_id=request_id)).result
        hash = hashlib.blake2b(data, digest_size=32).hexdigest()
        params["upload"] = hash
        with contextlib.suppress(_NotThere):
            return await self._name(client, params, request_id)
        await self._upload(client, hash, data)
        return (await client.call("memory.remember", params, request_id=request_id)).result

    async def _name(self, client: AsyncClient, params: Plain, request_id: str | None) -> Plain:
        """Try with the hash alone: the daemon may know the content already."""
        try:
            return (await client.call("memory.remember", params, request_id=request_id)).result
        except QuarterdeckError as error:
            if error.code == "not_found":
                raise _NotThere from error
            raise

    async def _upload(self, client: AsyncClient, hash: str, data: bytes) -> None:
        at = 0
        while at < len(data):
            piece: Plain = {
                "hash": hash, "size_bytes": len(data), "offset": at, "data": data[at : at + PIECE_BYTES_MAX],
            }  # fmt: skip
            try:
                answer = await client.call("document.upload", piece)
            except QuarterdeckError as error:
                if error.code != "busy":
                    raise
                await asyncio.sleep(BUSY_WAIT_S)
                continue
            at = int(str(answer.result["received_bytes"]))

    async def _follow(self, client: AsyncClient, waiting: list[Item]) -> None:
        """Wait until what was handed in has been read."""
        patience = time.monotonic() + READING_S_MAX
        while waiting:
            batch = waiting[:STATES_MAX]
            asked: Plain = {"ids": [item.id for item in batch], "wait_ms": READING_WAIT_MS}
            answer = (await client.call("document.status", asked)).result
            states = {text(state, "id"): state for state in records(answer.get("items"))}
            for item in batch:
                _settle(item, record(states.get(item.id)))
                if item.outcome:
                    self._step(item.outcome)
                    patience = time.monotonic() + READING_S_MAX
            waiting = [item for item in waiting if not item.outcome]
            if time.monotonic() > patience:
                for item in waiting:
                    item.outcome, item.error = "unread", "it has not been read yet; quarterdeck status"
                return


def _first(errors: Sequence[BaseException]) -> BaseException:
    """The first error of those that tasks ended with, out of its groups."""
    error = errors[0]
    return _first(error.exceptions) if isinstance(error, BaseExceptionGroup) else error


class _NotThere(Exception):
    """The daemon does not have these bytes."""


def _bytes_of(source: Source) -> bytes:
    if source.size_bytes > UPLOAD_BYTES_MAX:
        message = f"{source.size_bytes:,} bytes; a document has at most {UPLOAD_BYTES_MAX:,}"
        raise QuarterdeckError("out_of_range", message, hint="Split it.")
    return source.read()


def _note(item: Item, reply: Plain) -> None:
    item.id = text(reply, "document", "id")
    item.known = bool(reply.get("known")) and not reply.get("again")
    item.updates = text(reply, "updates")
    if reply.get("restored"):
        item.outcome = "restored"


def _settle(item: Item, state: Plain) -> None:
    """Say what became of a document, once it is read."""
    status = text(state, "status")
    if status == "unreadable":
        item.outcome, item.error, item.reason = "unreadable", text(state, "error"), text(state, "reason")
    elif status == "parsed":
        item.outcome = "unchanged" if item.known else "updated" if item.updates else "new"
    elif not state:
        item.outcome, item.error = "failed", "the daemon does not know it any more"


@contextlib.contextmanager
def _bar(session: Session, of: int) -> Iterator[Step]:
    """A bar with counts and rate on stderr, where somebody can see it; else nothing."""
    if session.printer.json or session.printer.quiet or not sys.stderr.isatty() or of < 2:
        yield lambda outcome: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("remembering"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(), TextColumn("{task.fields[told]}"),
    )  # fmt: skip
    counts: dict[str, int] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=of, rate="", told="")

        def step(outcome: str) -> None:
            counts[outcome] = counts.get(outcome, 0) + 1
            speed = progress.tasks[0].speed
            told = ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if name in counts)
            progress.update(task, advance=1, rate=f"{speed:.0f}/s" if speed else "", told=told)

        yield step
