"""Steering files and settings: recorded when they change, so that every decision can name what it followed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from . import instruction_files
from .agent_files import parse_agent
from .commands import AssetFile, Command, Configure, LoadAssets
from .entities import Asset, AssetKind, Plain, Settings
from .kind_schema import compiled
from .playbook import parse_playbook
from .policy import parse_policy
from .table import Draft
from .turn import Applier, Turn

REFUSALS_KEPT = frozenset(("kind", "policy"))


def load(turn: Turn, command: LoadAssets) -> Plain:
    """Take in what changed. A file that does not parse is refused, and what it replaced stays in force."""
    refused: list[Plain] = []
    loaded: list[str] = []
    present = {f"{file.asset_kind}/{file.name}": file for file in command.files}
    for id, file in present.items():
        known = turn.draft.get(Asset, id)
        if known is not None and known.hash == file.hash and not (known.removed or known.refused):
            continue
        try:
            _check(turn, file)
        except QuarterdeckError as error:
            refused.append(_refuse(turn, id, file, error.message))
            continue
        turn.emit("asset.loaded", {**msgspec.to_builtins(file), "id": id})
        loaded.append(id)
    for asset in list(turn.draft.scan(Asset)):
        counts = asset.refused or not asset.removed
        if "@" not in asset.id and counts and asset.id not in present:
            turn.emit("asset.removed", {"id": asset.id, "path": asset.path})
    return {"loaded": loaded, "refused": refused}


def _refuse(turn: Turn, id: str, file: AssetFile, reason: str) -> Plain:
    """Record it, once. Of a kind and a policy the refusal is kept: no fact is written as if nothing described it, and
    nothing is done as if a rule that cannot be read were not there."""
    body: Plain = {"id": id, "path": file.path, "hash": file.hash, "reason": reason}
    known = turn.draft.get(Asset, id)
    if known is None or known.refused != reason:
        kept: Plain = {"name": file.name, "bars_kind": True} if file.asset_kind in REFUSALS_KEPT else {}
        if kept and file.asset_kind != "kind":
            kept["asset_kind"] = file.asset_kind
        turn.emit("asset.refused", body | kept)
    return body


def _check(turn: Turn, file: AssetFile) -> None:
    if file.unread:
        raise QuarterdeckError("schema", file.unread)
    if file.asset_kind == "playbook":
        playbook = parse_playbook(file.text)
        if playbook.name != file.name:
            raise QuarterdeckError(
                "schema", f"{file.path} names its playbook {playbook.name!r}; name and file must agree"
            )
    elif file.asset_kind == "agent":
        agent = parse_agent(file.text)
        if agent.name != file.name:
            raise QuarterdeckError("schema", f"{file.path} names its agent {agent.name!r}; name and file must agree")
    elif file.asset_kind in ("policy", "preset"):
        parse_policy(file.text)
    elif file.asset_kind == instruction_files.ASSET_KIND:
        instruction_files.check(turn, file.path, file.text, file.name)
    elif file.asset_kind == "kind":
        compiled(file.text, file.path)


def _loaded(draft: Draft, event: Event) -> None:
    body = event.body
    asset = Asset(
        id=str(body["id"]),
        seq=event.seq,
        asset_kind=msgspec.convert(body["asset_kind"], AssetKind),
        name=str(body["name"]),
        path=str(body["path"]),
        hash=str(body["hash"]),
        text=str(body["text"]),
        at_us=event.at_us,
    )
    draft.put(asset)
    # A second copy under its hash: runs keep the text that they began with.
    draft.put(msgspec.structs.replace(asset, id=f"{asset.id}@{asset.hash[:16]}"))


def _pinned(draft: Draft, event: Event) -> None:
    """The text of a run that no file has; it stands under its hash alone, as those of files do for runs that began."""
    asset = msgspec.convert({**event.body, "path": "", "at_us": event.at_us}, Asset)
    draft.put(msgspec.structs.replace(asset, seq=event.seq))


def _removed(draft: Draft, event: Event) -> None:
    asset = draft.get(Asset, str(event.body["id"]))
    assert asset is not None, "only what was loaded is removed"
    draft.put(msgspec.structs.replace(asset, seq=event.seq, removed=True, refused=""))


def _refused(draft: Draft, event: Event) -> None:
    if not event.body.get("bars_kind"):
        return  # What it replaced stays in force; so it was with kinds, too, before this was kept.
    id, path, reason = (str(event.body[name]) for name in ("id", "path", "reason"))
    kind = msgspec.convert(event.body.get("asset_kind", "kind"), AssetKind)
    name, at_us = str(event.body["name"]), event.at_us
    never = Asset(id=id, asset_kind=kind, name=name, path=path, hash="", text="", at_us=at_us, removed=True)
    asset = draft.get(Asset, id) or never
    draft.put(msgspec.structs.replace(asset, seq=event.seq, path=path, refused=reason))


def configure(turn: Turn, command: Configure) -> Plain:
    known = turn.draft.get(Settings, "workspace")
    plain: Plain = msgspec.to_builtins(command)
    if known is None or any(getattr(known, name) != value for name, value in plain.items()):
        turn.emit("workspace.configured", plain)
    return plain


def _configured(draft: Draft, event: Event) -> None:
    settings = msgspec.convert({**event.body, "id": "workspace", "seq": event.seq}, Settings)
    draft.put(settings)


DECIDE: dict[type[Command], Callable[..., Plain]] = {LoadAssets: load, Configure: configure}
APPLY: dict[str, Applier] = {
    "asset.loaded": _loaded,
    "asset.pinned": _pinned,
    "asset.removed": _removed,
    "asset.refused": _refused,
    "workspace.configured": _configured,
}
