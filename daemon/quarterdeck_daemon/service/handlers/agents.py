"""agent.*: who does the work, by which contract, and whether their examples come out right."""

from __future__ import annotations

import difflib

import msgspec

from quarterdeck_protocol import agent_messages as ag
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.agent_files import AgentFile, parse_agent, read_agent
from ...core.entities import Asset, Autonomy, Plain, Run
from ..agent_examples import try_example
from ..agent_scaffold import checked_text
from ..agents import agents_in, coded, version_of
from ..house import House
from ..rpc import Asked, Handler
from ..steering import load
from .pages import only_now


def handlers(house: House) -> dict[str, Handler]:
    async def listed(asked: Asked, params: p.Listing) -> object:
        only_now("agent.list", params.as_of)
        return {"items": [_row(house, agent) for agent in agents_in(house.store)[: params.limit]], "next": None}

    async def get(asked: Asked, params: p.ReadOne) -> object:
        only_now("agent.get", params.as_of)
        return _view(house, _found(house, params.id))

    async def validate(asked: Asked, params: ag.AgentValidate) -> object:
        return checked_text(params.text or _asset(house, params.name).text)

    async def reload(asked: Asked, params: ag.AgentReload) -> object:
        return await load(house)

    async def test(asked: Asked, params: ag.AgentTest) -> object:
        return await _tested(house, params)

    return {
        "agent.list": listed,
        "agent.get": get,
        "agent.validate": validate,
        "agent.reload": reload,
        "agent.test": test,
    }


def _asset(house: House, name: str) -> Asset:
    asset = house.store.get(Asset, f"agent/{name}")
    if asset is None or asset.removed:
        near = difflib.get_close_matches(name, [agent.name for agent in agents_in(house.store)], n=1)
        hint = f"Did you mean {near[0]}?" if near else "List them: quarterdeck agents list"
        raise QuarterdeckError("not_found", f"there is no agent {name!r}", hint=hint)
    return asset


def _found(house: House, name: str) -> AgentFile:
    return read_agent(_asset(house, name).text)


def _row(house: House, agent: AgentFile) -> Plain:
    """As the other steering files are listed, with the contract in `details`."""
    contract: Plain = msgspec.to_builtins(agent.form)
    row: Plain = {
        "id": agent.name,
        "name": agent.name,
        "version": version_of(agent),
        "path": _asset(house, agent.name).path,
        "description": agent.form.purpose,
    }
    return {**row, "details": {**contract, "mode": agent.form.mode, "work": _work(agent)}}


def _work(agent: AgentFile) -> str:
    return "code" if agent.name in coded() else "prompt"


def _view(house: House, agent: AgentFile) -> Plain:
    form = agent.form
    prefix = f"{agent.name}/"
    levels = {
        one.id.removeprefix(prefix): one.level for one in house.store.scan(Autonomy, prefix=prefix) if one.level
    }
    running = [step for run in house.store.live(Run) for step in run.steps.values() if step.status == "started"]
    return {
        "id": agent.name,
        "name": agent.name,
        "version": version_of(agent),
        "role": form.role or agent.name,
        "purpose": form.purpose,
        "origin": _asset(house, agent.name).path,
        "work": _work(agent),
        "mode": form.mode,
        "contract": msgspec.to_builtins(form),
        "prompt": agent.prompt,
        "file": _asset(house, agent.name).text,
        "autonomy": levels,
        "examples": len(form.examples),
        "runs_now": sum(step.agent == agent.name for step in running),
    }


async def _tested(house: House, params: ag.AgentTest) -> Plain:
    text = params.text or _asset(house, params.id).text
    agent = parse_agent(text)
    file = "" if agent.name in coded() else text
    now_us = house.engine.now_us()
    items: list[Plain] = []
    for example in agent.form.examples:
        wrong = await try_example(house.hub, agent, example, file, now_us)
        items.append({"name": example.name, "ok": not wrong, "says": wrong})
    return {"id": agent.name, "ok": all(bool(one["ok"]) for one in items), "items": items}
