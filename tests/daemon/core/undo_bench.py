"""A run whose effects are done, and can be taken back: what the tests of undoing share."""

from __future__ import annotations

import msgspec

from quarterdeck_daemon.core.commands import (
    AssetFile,
    Choice,
    DecideApprovals,
    EffectAnswered,
    EffectStarted,
    LoadAssets,
    StartRun,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import Action, AssetKind, Plain, Undoing
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import EffectDone, Failed, Failure, ProposedAction, StepDone

from .core_bench import Bench

SECOND = 1_000_000
PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: x}\n"
ALLOW = '[[rule]]\nid = "all"\nmatch = "*"\nverdict = "allow"\nhold = "1s"\n'
ASK_REFUNDS = '[[rule]]\nid = "back"\nmatch = "practice.refund"\nverdict = "ask"\nhold = "1s"\n' + ALLOW
RESULTS: dict[str, Plain] = {
    "practice.book": {"booking": "b-1", "day": "2026-12-01"},
    "practice.cancel": {"booking": "b-1", "day": "2026-12-01"},
    "files.write": {"path": "notes/a.md", "hash": "new", "previous": "old"},
    "mail.send": {"message_id": "<m1@q.example>"},
    "files.restore": {"path": "notes/a.md", "hash": "old", "previous": "new"},
}


def wanted(name: str, args: Plain, **changed: Plain) -> ProposedAction:
    connector, _, verb = name.partition(".")
    made = ProposedAction(connector=connector, verb=verb, args=args, targets=(), summary=f"do {name}", why="w")
    return msgspec.structs.replace(made, **changed)


PAY = wanted("practice.pay", {"to": "printer", "amount": 4_200, "currency": "EUR"})
BOOK = wanted("practice.book", {"room": "big", "day": "2026-12-01"})
POST = wanted("practice.post", {"channel": "news", "text": "We are open on Sunday."})
WRITE = wanted("files.write", {"path": "notes/a.md", "text": "new"})


def house(*actions: ProposedAction, policy: str = ALLOW, playbook: str = PLAYBOOK) -> Bench:
    """A run whose only step asked for these."""
    bench = Bench(playbook=playbook, policy=policy)
    bench.do(StartRun(playbook="lead", run_id="q"))
    bench.do(StepAnswered(run="q", step="a", attempt=1, outcome=StepDone(output={}, actions=actions)))
    return bench


def get(bench: Bench, id: str) -> Action:
    action = bench.store.get(Action, id)
    assert action is not None
    return action


def carry_out(bench: Bench, *, fail: tuple[str, ...] = (), but: str = "") -> list[str]:
    """Say yes to all but one verb, let holds end and effects happen until nothing moves.

    Returns the names in the order in which they left.
    """
    left: list[str] = []
    for _ in range(20):
        for action in list(bench.store.live(Action)):
            if action.status == "proposed" and f"{action.connector}.{action.verb}" != but:
                approve(bench, action.id)
        bench.pass_time(10 * SECOND)
        orders = bench.needs("effect")
        if not orders:
            return left
        for need in orders:
            action = get(bench, need.entity)
            name = f"{action.connector}.{action.verb}"
            left.append(name)
            bad = Failed(failure=Failure(failure="permanent", code="refused", message="the other side says no"))
            bench.do(EffectStarted(action=action.id))
            outcome = bad if name in fail else EffectDone(result=RESULTS.get(name, {"ok": True}))
            bench.do(EffectAnswered(action=action.id, outcome=outcome))
    raise AssertionError("it never comes to rest")


def send(bench: Bench) -> None:
    """Put everything on the wire and leave it there."""
    for action in list(bench.store.live(Action)):
        if action.status == "proposed":
            approve(bench, action.id)
    bench.pass_time(10 * SECOND)
    for need in bench.needs("effect"):
        bench.do(EffectStarted(action=need.entity))


def undoing(bench: Bench, id: str = "u1") -> Undoing:
    found = bench.store.get(Undoing, id)
    assert found is not None
    return found


def states(bench: Bench, id: str = "u1") -> dict[str, str]:
    return {item.action: item.state for item in undoing(bench, id).items}


def rows(reply: Plain) -> list[Plain]:
    items = reply["items"]
    assert isinstance(items, list)
    return items


def approve(bench: Bench, id: str, decision: str = "approve") -> None:
    choice = Choice(id=id, shown_hash=get(bench, id).shown_hash)
    bench.do(DecideApprovals(items=(choice,), decision=decision, reason="no"))


def load(bench: Bench, *more: AssetFile, playbook: str = PLAYBOOK, policy: str = ALLOW, correction: str = "") -> None:
    """Put other files in the place of those that the bench began with."""
    files = [steering("playbook", "lead", playbook), steering("policy", "mail", policy), *more]
    files += [steering("playbook", "correction", correction)] if correction else []
    bench.do(LoadAssets(files=tuple(files)))


def steering(kind: AssetKind, name: str, text: str) -> AssetFile:
    return AssetFile(asset_kind=kind, name=name, path=f"{kind}/{name}", text=text, hash=text_hash(text))
