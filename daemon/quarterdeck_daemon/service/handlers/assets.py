"""playbook.*, policy.*, template.*, agent.*, connector.*: what steers the house."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.entities import Asset, Plain
from ...core.playbook import parse_playbook
from ...core.rules import parse_policy, slips_in
from ...core.verbs import VERBS
from ..agents import agents_in
from ..house import House
from ..playbook_files import FIRST_LINE, checked_text, playbook_schema
from ..rpc import Asked, Handler
from ..views import asset_view
from .pages import only_now


def handlers(house: House) -> dict[str, Handler]:
    async def playbooks(asked: Asked, params: p.Listing) -> object:
        return _listed(house, params, "playbook")

    async def templates(asked: Asked, params: p.Listing) -> object:
        return _listed(house, params, "template")

    async def policies(asked: Asked, params: p.Listing) -> object:
        return _listed(house, params, "policy", "preset")

    async def connectors(asked: Asked, params: p.Listing) -> object:
        only_now("connector.list", params.as_of)
        return {"items": _connectors(house), "next": None}

    async def schema(asked: Asked, params: p.Nothing) -> object:
        return {"schema": playbook_schema(), "first_line": FIRST_LINE}

    async def validate(asked: Asked, params: p.PlaybookValidate) -> object:
        return _validated(house, params)

    return {
        "playbook.list": playbooks,
        "playbook.validate": validate,
        "playbook.schema": schema,
        "template.list": templates,
        "policy.list": policies,
        "connector.list": connectors,
    }


def _listed(house: House, params: p.Listing, *kinds: str) -> Plain:
    as_of = house.position(params.as_of)
    found = [asset for kind in kinds for asset in house.store.scan(Asset, prefix=f"{kind}/", as_of=as_of)]
    assets = [one for one in found if "@" not in one.id and not (one.removed and not _unread(one))]
    return {"items": [_row(asset) for asset in assets[: params.limit]], "next": None}


def _unread(asset: Asset) -> bool:
    """A policy that could never be read: it is not in use, and everything asks because of it."""
    return asset.asset_kind == "policy" and bool(asset.refused)


def _row(asset: Asset) -> Plain:
    details: Plain = {}
    if asset.asset_kind == "playbook":
        playbook = parse_playbook(asset.text)
        details = {
            "steps": [step.id for step in playbook.steps],
            "inputs": list(playbook.inputs),
            "on": [trigger.event for trigger in playbook.triggers],
        }
        return {
            **asset_view(asset),
            "version": str(playbook.version),
            "description": playbook.description,
            "details": details,
        }
    if asset.asset_kind in ("policy", "preset"):
        rules = parse_policy(asset.text).rule
        details = {
            "rules": [
                {
                    "id": r.id,
                    "match": r.pattern,
                    "when": r.when,
                    "verdict": r.verdict,
                    "risk": r.risk,
                    "firm": r.firm,
                    "reason": r.reason,
                    "problem": "; ".join(slips_in(r)),
                }
                for r in rules
            ]
        }
    return {**asset_view(asset), "error": asset.refused, "details": details}


def _connectors(house: House) -> list[Plain]:
    present = {str(row["role"]) for row in house.hub.processes()}
    healthy = "effector" in present
    rows: dict[str, dict[str, str]] = {}
    for name, rule in VERBS.items():
        connector, _, verb = name.partition(".")
        rows.setdefault(connector, {})[verb] = rule.effect_class
    detail = "" if healthy else "the effector is not running"
    return [{"id": id, "healthy": healthy, "detail": detail, "verbs": verbs} for id, verbs in rows.items()]


def _validated(house: House, params: p.PlaybookValidate) -> Plain:
    text = params.text
    if params.name:
        path = house.workspace / "playbooks" / f"{params.name}.yaml"
        if path.parent != house.workspace / "playbooks" or not path.is_file():
            raise QuarterdeckError(
                "not_found", f"there is no playbook {params.name!r}", hint="quarterdeck playbooks list"
            )
        text = path.read_text("utf-8", "replace")
    agents = frozenset(agent.name for agent in agents_in(house.store))
    known = [one for one in house.store.scan(Asset, prefix="playbook/") if not one.removed and "@" not in one.id]
    found = checked_text(text, agents, frozenset(one.name for one in known))
    errors = [one for one in found if one["level"] == "error"]
    name = params.name if errors else parse_playbook(text).name
    return {"ok": not errors, "name": name, "errors": errors, "warnings": [one for one in found if one not in errors]}
