"""memory.forget and backup.*: what goes for good, and copies that must follow."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from quarterdeck_protocol import params as p
from quarterdeck_protocol import privacy_params as pp
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.entities import Action, Erasure, Plain, Receipt
from ...core.hashing import same_request
from ...core.traces import Traces
from ...recall.api import Question
from ...store.backup import Manifest
from ...store.rocks import RocksStore
from ..contacts import contacts_of
from ..copies import MANIFEST, Checked, backups_in, check, create, folder_of, forget_in
from ..forget_plan import Plan, Wanted, make_plan
from ..house import House
from ..residue import files_with, needles_of
from ..rpc import Asked, Handler
from ..views import iso
from ..workspace import STATE_NAME
from .pages import only_now

SHOWN_MAX = 500  # Items of a plan that are listed; all are counted.
FOUND_MAX = 1_000  # Things that a query may name.
_IDS = (("memory", r"m\d+"), ("document", r"doc\d+"), ("run", r"r\d+"), ("action", r"a\d+"), ("alert", r"alert\d+"))


def handlers(house: House) -> dict[str, Handler]:
    home = house.workspace / STATE_NAME

    async def forget(asked: Asked, params: pp.MemoryForget) -> object:
        async with house.forgetting.lock:
            return await _forget(house, asked, params)

    async def verify(asked: Asked, params: pp.VerifyForgotten) -> object:
        await house.engine.settled()
        return await _verify(house, params.words)

    async def make(asked: Asked, params: pp.BackupName) -> object:
        await house.engine.settled()
        if next(house.store.live(Erasure), None) is not None:
            raise QuarterdeckError("conflict", "something is being forgotten", hint="Try again when it is done.")
        name = params.name or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{house.store.head.seq}"
        folder = folder_of(home, name)
        store = house.engine.store  # The whole one; what handlers see otherwise is narrowed to their caller.
        assert isinstance(store, RocksStore), "a daemon's store is on disk"
        manifest = create(store, folder)
        return _backup_view(folder, manifest)

    async def listing(asked: Asked, params: p.Listing) -> object:
        found = [folder for folder in backups_in(home) if (folder / MANIFEST).is_file()]
        only_now("backup.list", params.as_of)
        views = [_backup_view(folder, _manifest(folder)) for folder in found if folder.name > (params.cursor or "")]
        return {
            "items": views[: params.limit],
            "next": views[params.limit - 1]["id"] if views[params.limit :] else None,
        }

    async def examine(asked: Asked, params: pp.BackupName) -> object:
        folder = folder_of(home, params.name)
        found = await asyncio.to_thread(check, home, folder)
        return _backup_view(folder, _manifest(folder), found)

    async def reach(asked: Asked, params: pp.BackupForget) -> object:
        folder = Path(params.path)
        if not folder.is_absolute() or not folder.is_dir():
            raise QuarterdeckError("not_found", f"there is no folder {folder}", hint="Give its full path.")
        removed = await asyncio.to_thread(forget_in, home, folder)
        counts: Plain = msgspec.to_builtins(removed) if removed is not None else {}
        return {"path": str(folder), "changed": removed is not None, **counts}

    return {
        "memory.forget": forget,
        "memory.verify_forgotten": verify,
        "backup.create": make,
        "backup.list": listing,
        "backup.verify": examine,
        "backup.forget": reach,
    }


# --- forgetting -----------------------------------------------------------------------------------


async def _forget(house: House, asked: Asked, params: pp.MemoryForget) -> object:
    if (known := _answered(house, asked)) is not None:
        return await house.forgetting.finish(known) | _EMPTY, house.store.head.seq
    await house.engine.settled()
    plan = await make_plan(house.store, await _wanted(house, params))
    view = await _plan_view(house, plan)
    if params.dry_run:
        return view | {"dry_run": True}
    if params.plan != plan.hash and (params.plan or not params.id):  # An id says by itself what is meant.
        raise QuarterdeckError(
            "conflict",
            "what would be forgotten is not what was shown" if params.plan else "nothing was shown yet",
            hint="Look at it with dry_run first, then hand its plan in.",
            details={"plan": plan.hash},
        )
    reply, _ = await house.change(asked, house.forgetting.command_for(plan, reason=params.reason))
    done = await house.forgetting.finish(str(reply["id"]))
    return view | done, house.store.head.seq


_EMPTY: Plain = {"plan": "", "items": [], "kept": [], "outside": []}


def _answered(house: House, asked: Asked) -> str | None:
    """The erasure that this very request began, when it is sent again."""
    known = house.store.get(Receipt, asked.request_id) if asked.request_id else None
    repeated = known is not None and same_request(known.body_hash, asked.body_hash)
    return str(known.reply.get("id")) if known is not None and repeated else None


async def _wanted(house: House, params: pp.MemoryForget) -> Wanted:
    given = [name for name in ("id", "person", "source", "query") if getattr(params, name)]
    if len(given) != 1:
        raise QuarterdeckError(
            "schema", "say what to forget: exactly one of id, person, source and query", hint="A person's name, say."
        )
    identifiers = params.identifiers
    if params.person:
        identifiers = tuple(dict.fromkeys((*await contacts_of(house.store, params.person), *identifiers)))
    if identifiers and not Traces(identifiers):
        raise QuarterdeckError("bad_value", f"{identifiers[0]!r} is too short to be told from other words")
    entities: tuple[str, ...] = (entity_of(params.id),) if params.id else ()
    if params.query:
        answers = await house.recall.search([Question(query=params.query, limit=FOUND_MAX, past=True)])
        entities = tuple(dict.fromkeys(find.entity for find in answers.finds[0]))
        if not entities:
            raise QuarterdeckError("not_found", "nothing is found by this query", hint="quarterdeck recall QUERY")
        if len(answers.finds[0]) == FOUND_MAX:
            limit = f"a query finds at most {FOUND_MAX:,} things at once"
            raise QuarterdeckError("out_of_range", limit, hint="Use words that fewer have, or --source or --person.")
    return Wanted(
        identifiers=identifiers,
        entities=entities,
        source=params.source,
        keep=tuple(map(entity_of, params.keep)),
        keep_kinds=() if params.include_kept else house.config.privacy.keep,
    )


def entity_of(text: str) -> str:
    """Return `kind:id` for an id as people write it. Raises QuarterdeckError `bad_value`."""
    if ":" in text.partition("/")[0]:
        return text
    if "/" in text:
        return f"fact:{text}"
    kind = next((kind for kind, pattern in _IDS if re.fullmatch(pattern, text)), "")
    if not kind:
        raise QuarterdeckError("bad_value", f"{text!r} is no id", hint="Like m12, doc3, client/acme or run:r1.")
    return f"{kind}:{text}"


async def _plan_view(house: House, plan: Plan) -> Plain:
    files = await house.forgetting.files_of_the_operator(plan.identifiers)
    outside: list[Plain] = [{"path": name, "why": "your own file; it is not read in again"} for name in files]
    outside += [
        {"entity": id, "why": "it has left the house; whoever received it has it"} for id in _sent(house, plan)
    ]
    outside += [{"entity": f"event:{seq}", "why": "said in clear, in a reason or a setting"} for seq in plan.clear]
    outside += [
        {"entity": f"event:{seq}", "why": "from before content was sealed"} for seq in plan.unsealed[:SHOWN_MAX]
    ]
    return {
        "plan": plan.hash,
        "counts": plan.counts,
        "items": plan.shown[:SHOWN_MAX],
        "kept": plan.kept[:SHOWN_MAX],
        "outside": outside[:SHOWN_MAX],
        "identifiers": list(plan.identifiers),
    }


def _sent(house: House, plan: Plan) -> list[str]:
    ids = [name for name in plan.removal.entities if name.startswith("action:")]
    actions = [house.store.get(Action, name.partition(":")[2]) for name in ids]
    gone = ("succeeded", "compensated", "compensation_failed", "unknown")
    return [
        f"action:{one.id}" for one in actions if one is not None and one.connector == "mail" and one.status in gone
    ]


async def _verify(house: House, words: tuple[str, ...]) -> Plain:
    in_log, in_records = await house.forgetting.look(words)
    home = house.workspace / STATE_NAME
    files = await asyncio.to_thread(files_with, home, needles_of(words))
    verified = await asyncio.to_thread(house.store.verify)
    erasures = [
        {"id": one.id, "at": iso(one.at_us), "stage": one.stage, "counts": one.counts, "proof": one.proof}
        for one in house.store.scan(Erasure)
    ]
    chain = verified.broken_at is None
    ok = chain and not (in_log or in_records or files)
    return {
        "ok": ok, "events": in_log, "records": in_records, "files": files[:SHOWN_MAX], "chain": chain,
        "erasures": erasures,
    }  # fmt: skip


# --- backups --------------------------------------------------------------------------------------


def _manifest(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise QuarterdeckError(
            "not_found", f"there is no backup {folder.name!r}", hint="List them: quarterdeck backup list"
        ) from error


def _backup_view(folder: Path, manifest: Manifest, found: Checked | None = None) -> Plain:
    return {
        "id": folder.name,
        "path": str(folder),
        "seq": manifest.seq,
        "ok": found is None or not found.faults,
        "faults": list(found.faults) if found is not None else [],
        "events": found.events if found is not None else 0,
        "files": len(manifest.files),
        "size_bytes": sum(one.size_bytes for one in manifest.files),
    }
