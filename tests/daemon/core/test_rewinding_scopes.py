"""Rewinds of the whole story: what runs and agents wrote, what has left, what began, and that undo is exact."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from quarterdeck_daemon.core.commands import PutFact, Remember, Restored, RewindRecords
from quarterdeck_daemon.core.entities import Action, Document, Entity, Fact, Memory, Run
from quarterdeck_daemon.core.orders import ProposedFact, StepDone
from quarterdeck_daemon.core.time_travel import is_current
from quarterdeck_daemon.service.changes import Scope
from quarterdeck_daemon.service.rewinding import Plan, make_plan, plan_view, scope_of
from quarterdeck_protocol.codes import QuarterdeckError

from .recorded_story import Story, tell_all
from .recorded_story import _prepare as prepare


async def plan(story: Story, scope: str, to_seq: int) -> Plan:
    return await make_plan(story.store, scope_of(story.store, scope), to_seq, story.store.head.seq)


async def go_back(story: Story, scope: str, to_seq: int, *, cancel: bool = False) -> Plan:
    made = await plan(story, scope, to_seq)
    for changes, edges in made.slices():
        runs = tuple(run.id for run in made.runs) if cancel else ()
        story.tell(
            RewindRecords(
                to_seq=to_seq, scope=scope, changes=changes, edges=edges, cancel=runs, total=made.total
            )
        )  # fmt: skip
    return made


def current(story: Story, as_of: int | None = None) -> dict[str, Entity]:
    """What counts, without the numbers that only go up."""
    found: dict[str, Entity] = {}
    for cls in (Fact, Memory, Document):
        for one in story.store.scan(cls, as_of=as_of):
            if is_current(one):
                same = msgspec.structs.replace(one, seq=0)
                found[f"{cls.kind}:{one.id}"] = (
                    msgspec.structs.replace(same, version=0) if isinstance(same, Fact) else same
                )
    return found


def seq_of(story: Story, kind: str, number: int = 0) -> int:
    return [event.seq for event in story.events() if event.kind == kind][number]


async def test_at_every_command_of_the_story_the_workspace_goes_back_to_what_counted_then() -> None:
    """For every position between two commands: what counts after the rewind is what counted at it; the undo is exact."""
    events = tell_all().events()
    ends = [a.seq for a, b in itertools.pairwise(events) if a.at_us != b.at_us]
    for to_seq in ends[::7]:
        story = tell_all()
        before, head = current(story), story.store.head.seq
        then = current(story, to_seq)
        await go_back(story, "workspace", to_seq)
        assert names_and_contents(current(story)) == names_and_contents(then), to_seq
        await go_back(story, "workspace", head)
        assert current(story) == before, to_seq


def names_and_contents(found: dict[str, Entity]) -> dict[str, tuple[object, ...]]:
    """Documents keep what was read of them since; everything else is compared whole."""
    return {
        name: (one.blob, one.labels, one.superseded_by) if isinstance(one, Document) else (one,)
        for name, one in found.items()
    }


async def test_what_has_left_is_listed_with_a_way_back_and_is_never_sent_again() -> None:
    story = tell_all()
    began = seq_of(story, "run.started") - 1
    made = await plan(story, "workspace", began)
    left = {one.id: one.status for one in made.left}
    gone = ("succeeded", "unknown", "compensated")
    assert left == {one.id: one.status for one in story.store.scan(Action) if one.status in gone}
    rows = plan_view(made, limit=100, content=True)["already_done"]
    assert isinstance(rows, list)
    assert rows[0]["undo"] == "quarterdeck undo a1 (a correction will wait for your approval)"
    operations = {one.id: (one.operation_id, one.status) for one in story.store.scan(Action)}
    await go_back(story, "workspace", began)
    assert {one.id: (one.operation_id, one.status) for one in story.store.scan(Action)} == operations


async def test_a_run_takes_back_what_it_wrote_and_what_others_built_on_it_stays() -> None:
    story = tell_all()
    assert is_current(story_fact(story, "client/ines"))
    began = seq_of(story, "run.started") - 1
    made = await plan(story, "run:r1", began)
    # The operator endorsed what the run had found out: that is the operator's word now.
    assert [name for name, _ in made.kept] == ["fact:client/ines"]
    assert "changed since by operator" in made.kept[0][1]
    assert made.total == 0


async def test_an_agents_writes_are_found_though_its_answers_came_through_a_worker() -> None:
    story = Story()
    prepare(story)
    before_run = story.store.head.seq
    story.mail("one.eml")
    believed = ProposedFact(fact_kind="client", key="ines", value={"email": "ines@x.test"})
    output: dict[str, object] = {"lead": True, "person": "Ines", "need": "design"}
    story.step("r1", "extract", StepDone(output=output, facts=(believed,)))
    for scope in ("agent:extractor", "run:r1"):
        made = await plan(story, scope, before_run)
        assert [(one.change.entity, one.what) for one in made.records] == [("fact:client/ines", "withdrawn")], scope
    assert (await plan(story, "agent:composer", before_run)).records == []
    done = await go_back(story, "agent:extractor", before_run)
    assert done.total == 1
    assert story_fact(story, "client/ines").withdrawn
    await go_back(story, "rewind:rw1", before_run)
    assert not story_fact(story, "client/ines").withdrawn


def story_fact(story: Story, id: str) -> Fact:
    fact = story.store.get(Fact, id)
    assert fact is not None
    return fact


async def test_runs_that_began_since_are_listed_and_ended_only_on_demand() -> None:
    story = Story()
    prepare(story)
    point = story.store.head.seq
    story.mail("one.eml")
    made = await go_back(story, "workspace", point)
    run = story.store.get(Run, "r1")
    assert run is not None
    assert ([one.id for one in made.runs], run.status) == (["r1"], "running")
    await go_back(story, "workspace", point, cancel=True)
    run = story.store.get(Run, "r1")
    assert run is not None
    assert (run.status, run.reason) == ("cancelled", "rw2 went back to before it began")


async def test_a_record_that_changed_since_the_plan_is_a_conflict_and_nothing_happens() -> None:
    story = Story()
    story.tell(PutFact(fact_kind="k", key="a", value={"n": 1}))
    point = story.store.head.seq
    story.tell(PutFact(fact_kind="k", key="a", value={"n": 2}))
    story.tell(Remember(text="later"))
    made = await plan(story, "workspace", point)
    story.tell(PutFact(fact_kind="k", key="a", value={"n": 3}))
    head = story.store.head.seq
    changes = tuple(one.change for one in made.records)
    with pytest.raises(QuarterdeckError) as refused:
        story.tell(RewindRecords(to_seq=point, scope="workspace", changes=changes))
    assert refused.value.code == "conflict"
    assert story.store.head.seq == head


async def test_a_command_that_asks_for_more_than_a_commit_holds_is_refused() -> None:
    story = Story()
    story.tell(Remember(text="x"))
    change = Restored(entity="memory:m1", expected_seq=1, then_seq=0, fields={"withdrawn": True})
    with pytest.raises(QuarterdeckError) as refused:
        story.tell(RewindRecords(to_seq=0, scope="workspace", changes=(change,) * 501))
    assert refused.value.code == "out_of_range"


def test_scopes_are_words_that_name_something() -> None:
    story = tell_all()
    assert str(scope_of(story.store, "workspace")) == "workspace"
    assert scope_of(story.store, "fact:client/acme") == Scope("fact", "client/acme")
    assert scope_of(story.store, "agent:nobody") == Scope("agent", "nobody")
