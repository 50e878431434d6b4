"""A run belongs to a namespace: its steps see that one and the house's own, and who may not see it sees no run."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core.commands import (
    DeclareScopes,
    DocumentAnswered,
    PutFact,
    ReceiveDocument,
    StartRun,
    StepAnswered,
)
from quarterdeck_daemon.core.declared import Declared, ReadScope, WriteScope
from quarterdeck_daemon.core.entities import Action, DeadLetter, Fact, Plain, Run
from quarterdeck_daemon.core.orders import (
    Failed,
    Failure,
    Parsed,
    ParsedChunk,
    ProposedAction,
    ProposedFact,
    StepDone,
)
from quarterdeck_daemon.core.scopes import confined, rule_against, scoped
from quarterdeck_daemon.store.scoped import ScopedStore

from .core_bench import Bench, rebuilt

READS = """
name: lead
on: [{event: mail.received, when: "true"}]
inputs: {document: {type: string}}
steps:
  - {id: look, agent: x, reads: {known: {facts: client}}}
"""
BOTH = ("default", "acme", "north")
WIDE = Declared(read=ReadScope(namespaces=BOTH), write=WriteScope(namespaces=BOTH))
HOUSE = ReadScope()
ACME = ReadScope(namespaces=("acme",))
ACME_AND_HOUSE = ReadScope(namespaces=("default", "acme"))


def bench(*facts: str) -> Bench:
    """One fact of each of these namespaces, and an agent that may see all of them."""
    bench = Bench(playbook=READS)
    bench.do(DeclareScopes(declared={"agent:x": WIDE}))
    for namespace in facts:
        bench.do(PutFact(fact_kind="client", key=namespace, value={"name": namespace}, namespace=namespace))
    return bench


def run_of(bench: Bench, id: str = "q") -> Run:
    found = bench.store.get(Run, id)
    assert found is not None
    return found


def started(bench: Bench, namespace: str = "") -> Run:
    bench.do(StartRun(playbook="lead", run_id="q", namespace=namespace))
    return run_of(bench)


def saw(bench: Bench) -> list[str]:
    return sorted(source.rpartition("/")[2] for source in run_of(bench).steps["look"].sources)


def receive(bench: Bench, namespace: str, *, trigger: bool = False) -> None:
    command = ReceiveDocument(
        connector="remember", external_id=namespace, media_type="text/plain", name="d", blob="", size_bytes=1,
        namespace=namespace, trigger=trigger,
    )  # fmt: skip
    id = str(bench.do(command)["id"])
    meta: Plain = {"trigger": True} if trigger else {}
    parsed = Parsed(title="d", text="d", meta=meta, chunks=(ParsedChunk(text="d", span=(0, 1)),))
    bench.do(DocumentAnswered(document=id, outcome=parsed), actor="worker")


@pytest.mark.parametrize(
    ("namespace", "seen"), [("", ["default"]), ("acme", ["acme", "default"]), ("north", ["default", "north"])]
)
def test_a_step_sees_its_runs_namespace_and_the_houses_own(namespace: str, seen: list[str]) -> None:
    house = bench("default", "acme", "north")
    started(house, namespace)
    assert saw(house) == seen


def test_the_twin_without_the_bound_carries_one_customer_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "quarterdeck_daemon.core.runs.scoped"
    monkeypatch.setattr(name, lambda table, who, *, within: scoped(table, who))
    house = bench("default", "acme", "north")
    started(house, "acme")
    assert saw(house) == ["acme", "default", "north"]


def test_a_run_about_a_document_has_its_namespace() -> None:
    house = bench()
    receive(house, "acme")
    receive(house, "north")
    house.do(StartRun(playbook="lead", run_id="q", inputs={"document": "doc1"}))
    house.do(StartRun(playbook="lead", run_id="p", inputs={"document": "doc2"}, namespace="acme"))
    house.do(StartRun(playbook="lead", run_id="o", inputs={"document": "no document"}))
    assert [run_of(house, id).namespace for id in "qpo"] == ["acme", "acme", "default"]


def test_a_run_that_news_began_has_the_namespace_of_the_news() -> None:
    house = bench()
    receive(house, "acme", trigger=True)
    assert [(run.inputs, run.namespace) for run in house.store.scan(Run)] == [({"document": "doc1"}, "acme")]


def test_who_may_not_see_what_a_run_saw_sees_neither_it_nor_its_actions_nor_its_failures() -> None:
    house = bench("default", "acme")
    started(house, "acme")
    action = ProposedAction(
        connector="mail",
        verb="send",
        args={"to": ["a@b.test"], "subject": "s", "body": "b"},
        targets=(),
        summary="",
        why="",
    )
    house.do(
        StepAnswered(run="q", step="look", attempt=1, outcome=StepDone(output={}, actions=(action,))), actor="worker"
    )
    proposed = next(iter(house.store.scan(Action)))
    assert (run_of(house).namespaces, proposed.namespaces) == (("acme", "default"), ("acme", "default"))
    for entity in (run_of(house), proposed):
        hidden = [rule_against(scope, entity) for scope in (HOUSE, ACME, ACME_AND_HOUSE)]
        assert hidden == ["the namespace acme", "the namespace default", ""]
    shown = ScopedStore(house.store, HOUSE, "script")
    about = [event for event in shown.events() if event.run == "q"]
    assert about, "positions stay"
    assert all(event.body == {"hidden": "out of scope"} for event in about)


def test_a_failure_has_the_namespaces_of_its_run() -> None:
    house = bench("acme")
    started(house, "acme")
    failure = Failure(failure="permanent", code="x", message="Acme is unknown")
    house.do(StepAnswered(run="q", step="look", attempt=1, outcome=Failed(failure=failure)), actor="worker")
    letter = next(iter(house.store.scan(DeadLetter)))
    assert (letter.namespaces, rule_against(HOUSE, letter)) == (("acme",), "the namespace acme")


def test_a_fact_of_a_run_belongs_to_its_namespace_and_to_no_other() -> None:
    """Also one that names another, or that stands in another: what was seen there would be carried over."""
    house = bench("default", "north")
    started(house, "acme")
    facts = (
        ProposedFact(fact_kind="lead", key="new", value={}),
        ProposedFact(fact_kind="lead", key="elsewhere", value={}, namespace="north"),
        ProposedFact(fact_kind="client", key="default", value={"name": "of acme"}),
    )
    house.do(StepAnswered(run="q", step="look", attempt=1, outcome=StepDone(output={}, facts=facts)), actor="worker")
    new, old = house.store.get(Fact, "lead/new"), house.store.get(Fact, "client/default")
    assert new is not None
    assert old is not None
    assert (new.namespace, old.value) == ("acme", {"name": "default"})
    assert house.store.get(Fact, "lead/elsewhere") is None
    assert run_of(house).steps["look"].output["facts_refused"] == ["lead/elsewhere", "client/default"]


def test_an_agents_own_scope_stays_the_limit() -> None:
    house = Bench(playbook=READS)
    house.do(PutFact(fact_kind="client", key="acme", value={}, namespace="acme"))
    started(house, "acme")
    assert saw(house) == []
    assert confined(HOUSE, "acme").namespaces == ("default",)
    assert confined(ReadScope(namespaces=BOTH), "*").namespaces == ("default",), "it is the name of none"
    assert confined(ReadScope(namespaces=("*",)), "acme").namespaces == ("acme", "default")


def test_logs_from_before_read_as_the_houses_own() -> None:
    """Neither field is in them; and a run of the house writes what it always wrote."""
    house = bench("default")
    started(house)
    events = list(house.store.events())
    assert not any("namespace" in event.body or "namespaces" in event.body for event in events if event.run == "q")
    found = rebuilt(house.store).get(Run, "q")
    assert found == run_of(house)
    assert found is not None
    assert found.namespaces == ("default",)
    assert "namespace" not in msgspec.to_builtins(found)
