"""The trail: from intent to outcome and compensation, for an action, its run and the document that began it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quarterdeck_daemon.core.entities import Action, Document, Plain, Run
from quarterdeck_daemon.service.trail import trail
from quarterdeck_protocol.codes import QuarterdeckError

from .recorded_story import Story, tell_all


@pytest.fixture(scope="module")
def story() -> Story:
    return tell_all()


def nodes(node: Plain) -> Iterator[Plain]:
    yield node
    children = node["children"]
    assert isinstance(children, list)
    for child in children:
        yield from nodes(child)


def test_a_sent_action_leads_from_intent_to_outcome_in_the_order_of_the_log(story: Story) -> None:
    store = story.store
    action = next(one for one in store.scan(Action) if one.status == "succeeded" and one.run and one.approval)
    found = list(nodes(trail(store, action.id)))
    assert found[0]["id"] == action.run
    own = next(node for node in found if node["id"] == action.id)
    below = list(nodes(own))[1:]
    stages = list(dict.fromkeys(str(node["stage"]) for node in below if node["kind"] != "action"))
    assert stages[:6] == ["action", "verdict", "approval", "hold", "effect", "outcome"]
    sequences = [int(str(node["seq"])) for node in below if str(node["kind"]).count(".")]
    assert sequences == sorted(sequences)
    assert own["hash"] == action.shown_hash
    assert {str(node["stage"]) for node in found} >= {"run", "intent", "plan", "step", "action"}


def test_each_event_is_named_with_the_hash_that_the_chain_has_over_it(story: Story) -> None:
    store = story.store
    run = next(iter(store.scan(Run)))
    for node in nodes(trail(store, run.id)):
        following = store.event(int(str(node["seq"])) + 1)
        if node["mac"] and following is not None:
            assert node["mac"] == following.prev_mac.hex()


def test_the_trail_of_an_action_leaves_out_the_others_of_its_run(story: Story) -> None:
    store = story.store
    action = next(one for one in store.scan(Action) if one.run)
    ids = {str(node["id"]) for node in nodes(trail(store, action.id)) if node["kind"] == "action"}
    assert action.id in ids
    others = {one.id for one in store.scan(Action) if one.run == action.run and one.step != action.step}
    assert ids & others == set()


def test_a_taken_back_action_shows_what_took_it_back(story: Story) -> None:
    store = story.store
    taken_back = [one for one in store.scan(Action) if one.compensated_by]
    assert taken_back, "the story takes something back"
    for action in taken_back:
        ids = [node["id"] for node in nodes(trail(store, action.id))]
        assert action.compensated_by in ids


def test_every_action_run_and_document_of_the_story_has_a_finite_trail(story: Story) -> None:
    store = story.store
    for entity in (*store.scan(Action), *store.scan(Run), *store.scan(Document)):
        assert len(list(nodes(trail(store, entity.id)))) < 1_000


@pytest.mark.parametrize(("id", "code"), [("nothing", "not_found"), ("m1", "bad_value")])
def test_other_ids_are_refused_with_a_hint(story: Story, id: str, code: str) -> None:
    with pytest.raises(QuarterdeckError) as refusal:
        trail(story.store, id)
    assert refusal.value.code == code
    assert refusal.value.hint
