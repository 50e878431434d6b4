"""What leaves recall and how it comes back: withdrawal, expiry, summaries; and that nothing feeds on itself."""

from __future__ import annotations

import random

import pytest

from quarterdeck_daemon.core import retention
from quarterdeck_daemon.core.commands import (
    CompressMemories,
    CountUses,
    Endorse,
    ExpireMemories,
    PinMemory,
    Remember,
    SupersedeMemory,
    WithdrawMemories,
)
from quarterdeck_daemon.core.entities import Alert, Memory, Use
from quarterdeck_daemon.core.keeping import DAY_US, Keep, Rules, bundle_of, outlived, topic_of, usefulness
from quarterdeck_daemon.core.retention import OWN_TIME
from quarterdeck_daemon.core.tiers import may_be_source, standing
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, Labels

from .core_bench import Bench, rebuilt
from .test_tiers import memory, parsed, put, refusal

TALK = (
    "Call {n} with Northwind. They like the draft of the onboarding redesign. The weather was nice again.",
    "Northwind pays EUR {n},500 for the onboarding redesign within 30 days. We laughed a lot about it.",
    "Ines of Northwind sends the brief number {n} on Friday. She is on holiday after that for a while.",
)


def talk(bench: Bench, count: int = 9, **more: object) -> list[str]:
    ids = []
    for number in range(count):
        bench.now_us += DAY_US
        text = TALK[number % len(TALK)].format(n=number)
        ids.append(put(bench, text, source="calls/northwind.md", **more))
    return ids


# --- withdrawn and brought back ---------------------------------------------------------------------


def test_what_is_withdrawn_is_out_of_recall_readable_and_can_come_back() -> None:
    bench = Bench()
    id = put(bench, "No longer so.", tier="core")
    before = bench.store.head.seq
    assert bench.do(WithdrawMemories(ids=(id,), reason="wrong"))["ids"] == [f"memory:{id}"]
    assert (memory(bench, id).current, standing(bench.store).core) == (False, ())
    then = bench.store.get(Memory, id, as_of=before)
    assert then is not None
    assert then.current
    assert bench.do(WithdrawMemories(ids=(id,)))["changed"] == 0
    bench.do(WithdrawMemories(ids=(id,), back=True))
    assert [one.id for one in standing(bench.store).core] == [id]
    assert standing(rebuilt(bench.store)) == standing(bench.store)


def test_a_document_is_withdrawn_and_brought_back_with_its_pieces() -> None:
    bench = Bench()
    id = parsed(bench, "All of the contract.")
    chunk = next(one.id for one in bench.store.scan(Memory))
    bench.do(WithdrawMemories(ids=(id,)))
    assert not memory(bench, chunk).current
    bench.do(WithdrawMemories(ids=(id,), back=True))
    assert memory(bench, chunk).current


def test_what_was_replaced_comes_back_only_when_its_successor_is_gone() -> None:
    bench = Bench()
    old = put(bench, "The old text.")
    new = str(bench.do(SupersedeMemory(id=old, text="The new text."))["id"])
    assert refusal(bench, WithdrawMemories(ids=(old,), back=True)).code == "conflict"
    bench.do(WithdrawMemories(ids=(new,)))
    bench.do(WithdrawMemories(ids=(old,), back=True))
    assert (memory(bench, old).current, memory(bench, old).superseded_by) == (True, "")


# --- expired ----------------------------------------------------------------------------------------


def test_what_has_an_end_goes_when_it_has_come_and_no_sooner() -> None:
    bench = Bench()
    id = put(bench, "Offer until Friday.", expires_us=bench.now_us + DAY_US)
    assert bench.do(ExpireMemories(ids=(id,), rule=OWN_TIME))["expired"] == []
    bench.now_us += DAY_US
    assert bench.do(ExpireMemories(ids=(id,), rule=OWN_TIME))["expired"] == [id]
    assert memory(bench, id).withdrawn
    bench.do(WithdrawMemories(ids=(id,), back=True))
    assert (memory(bench, id).current, memory(bench, id).expires_us) == (True, None)


PROTECTED: dict[str, dict[str, object]] = {
    "pinned": {"pinned": True},
    "core": {"tier": "core"},
    "instructions": {"tier": "instructions"},
    "a reminder that waits": {"tier": "prospective", "when": "invoice"},
}


@pytest.mark.parametrize("case", PROTECTED)
def test_no_rule_takes_out_what_is_protected_and_a_pinned_one_is_told(case: str) -> None:
    bench = Bench()
    id = put(bench, "Keep this.", **PROTECTED[case])
    bench.now_us += 10_000 * DAY_US
    for rule in (OWN_TIME, "long-term is kept 1 d", "anything"):
        assert bench.do(ExpireMemories(ids=(id,), rule=rule))["expired"] == []
    assert memory(bench, id).current
    told = [alert.topic for alert in bench.store.live(Alert)]
    assert told == ([f"retention/{id}"] if case == "pinned" else [])


def test_the_twin_without_protection_loses_what_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_may_expire", lambda *_: True)
    with pytest.raises(AssertionError):
        test_no_rule_takes_out_what_is_protected_and_a_pinned_one_is_told("pinned")


# --- compressed -------------------------------------------------------------------------------------


def test_a_summary_stands_for_old_notes_which_stay_readable_and_come_back_with_its_withdrawal() -> None:
    bench = Bench()
    ids = talk(bench)
    before = bench.store.head.seq
    reply = bench.do(CompressMemories(ids=tuple(ids), topic="calls/northwind.md"))
    id = str(reply["id"])
    summary = memory(bench, id)
    originals = [memory(bench, one) for one in ids]
    assert (summary.stands_for, summary.depth, summary.memory_kind, summary.current) == (
        tuple(ids),
        1,
        "summary",
        True,
    )
    assert summary.at_us == originals[-1].at_us
    assert all(sentence in "\n".join(one.text for one in originals) for sentence in summary.text.splitlines())
    assert len(summary.text) * 3 < sum(len(one.text) for one in originals)
    assert {(one.withdrawn, one.superseded_by) for one in originals} == {(True, id)}
    parents = bench.store.links_from(f"memory:{id}", "derived_from")
    assert [link.target for link in parents] == [f"memory:{one}" for one in ids]
    assert all(bench.store.get(Memory, one, as_of=before).current for one in ids)  # type: ignore[union-attr]
    bench.do(WithdrawMemories(ids=(id,)))
    assert [memory(bench, one).current for one in (*ids, id)] == [True] * len(ids) + [False]


def test_a_summary_is_trusted_and_guarded_as_what_it_stands_for() -> None:
    bench = Bench()
    secret = talk(bench, 6, labels=Labels(integrity="external", sensitivity="secret"))
    summary = memory(bench, str(bench.do(CompressMemories(ids=tuple(secret), topic="t"))["id"]))
    assert (summary.tier, summary.labels.integrity, summary.labels.sensitivity) == ("review", "external", "secret")


def test_notes_of_different_trust_are_never_put_together() -> None:
    bench = Bench()
    mixed = (*talk(bench, 4), *talk(bench, 4, labels=EXTERNAL))
    assert "skipped" in bench.do(CompressMemories(ids=mixed, topic="t"))
    assert bench.kinds().count("memory.compressed") == 0


def test_what_is_protected_is_left_out_of_a_summary() -> None:
    bench = Bench()
    ids = talk(bench)
    bench.do(PinMemory(id=ids[0]))
    reply = bench.do(CompressMemories(ids=tuple(ids), topic="t"))
    assert ids[0] not in str(reply["stands_for"])
    assert memory(bench, ids[0]).current


def test_what_would_save_nothing_is_left_alone() -> None:
    bench = Bench()
    ids = [put(bench, f"Note {n} of few words.", source="s") for n in range(5)]
    assert "skipped" in bench.do(CompressMemories(ids=tuple(ids), topic="t"))


# --- nothing feeds on itself ------------------------------------------------------------------------


def go_round(bench: Bench, rounds: int) -> tuple[int, int]:
    """Recall, note what came out, summarise, again: as an eager assistant would. Returns (sources, summaries)."""
    chance = random.Random(5)
    talk(bench, 12)
    for number in range(rounds):
        bench.now_us += DAY_US
        there = [one for one in bench.store.scan(Memory) if one.current]
        shown = chance.sample(there, min(4, len(there)))
        noted = f"Noted in round {number}. " + " ".join(one.text for one in shown)
        made_from = tuple(f"memory:{one.id}" for one in shown)
        bench.do(Remember(text=noted, source="calls/northwind.md", made_from=made_from))
        old = [one.id for one in bench.store.scan(Memory) if one.current]
        bench.do(CompressMemories(ids=tuple(old), topic="calls/northwind.md"))
    sources = sum(one.depth == 0 and not one.stands_for for one in bench.store.scan(Memory))
    return sources, bench.kinds().count("memory.compressed")


def test_recall_note_and_summarise_in_a_circle_comes_to_rest_after_one_summary() -> None:
    bench = Bench()
    assert go_round(bench, 12) == (12, 1)
    assert [one.id for one in bench.store.scan(Memory) if may_be_source(one)] == []


def test_the_twin_without_the_mark_summarises_its_own_summaries_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "may_be_source", lambda one: one.current)
    _, summaries = go_round(Bench(), 12)
    assert summaries > 2


def test_what_was_made_from_memories_is_trusted_no_more_than_those() -> None:
    bench = Bench()
    foreign = put(bench, "Pay to DE99.", labels=Labels(integrity="external", sensitivity="secret"))
    note = memory(bench, put(bench, "Pay to DE99, noted.", made_from=(f"memory:{foreign}",)))
    assert (note.tier, note.labels.integrity, note.labels.sensitivity) == ("review", "external", "secret")
    assert (note.depth, may_be_source(note)) == (1, False)
    with pytest.raises(QuarterdeckError):
        bench.do(Remember(text="x", made_from=tuple(f"memory:{foreign}" for _ in range(101))))


# --- rules ------------------------------------------------------------------------------------------


def test_rules_of_a_kind_go_before_those_of_the_tier_and_none_touches_core() -> None:
    rules = Rules(
        tiers={"long-term": Keep(name="long-term", ttl_us=5)}, kinds={"log": Keep(name="kinds.log", ttl_us=1)}
    )
    bench = Bench()
    note, log, core = (
        memory(bench, put(bench, f"text {kind}", memory_kind=kind, tier=tier))
        for kind, tier in (("note", "long-term"), ("log", "long-term"), ("log", "core"))
    )
    assert [rule.name if (rule := rules.of(one)) else None for one in (note, log, core)] == [
        "long-term",
        "kinds.log",
        None,
    ]
    assert not outlived(note, rules.tiers["long-term"], note.at_us + 5)
    assert outlived(note, rules.tiers["long-term"], note.at_us + 6)


def test_the_least_useful_is_old_unused_and_nobody_vouched_for_it() -> None:
    bench = Bench()
    rule = Keep(name="r", half_life_us=30 * DAY_US)
    old = memory(bench, put(bench, "old"))
    endorsed = put(bench, "theirs", labels=EXTERNAL)
    bench.do(Endorse(id=endorsed))
    bench.now_us += 90 * DAY_US
    new = memory(bench, put(bench, "new"))
    now = bench.now_us
    order = [
        usefulness(old, rule, now, 0), usefulness(old, rule, now, 3), usefulness(new, rule, now, 0),
        usefulness(new, rule, now, 1), usefulness(memory(bench, endorsed), rule, now, 0),
    ]  # fmt: skip
    assert order == sorted(order)
    assert len(set(order)) == len(order)


def test_notes_without_a_topic_are_in_no_bundle() -> None:
    bench = Bench()
    rule = Keep(name="r", compress_us=DAY_US)
    loose, tagged, sourced = (
        memory(bench, put(bench, text, **more))
        for text, more in (
            ("a b c", {}),
            ("d e f", {"tags": ("tax",)}),
            ("g h i", {"source": "x.md", "tags": ("tax",)}),
        )
    )
    assert [topic_of(one) for one in (loose, tagged, sourced)] == ["", "tax", "x.md"]
    later = bench.now_us + 2 * DAY_US
    assert [bundle_of(one, rule, later) is None for one in (loose, tagged, sourced)] == [True, False, False]
    assert bundle_of(tagged, rule, bench.now_us) is None


def test_uses_are_added_up() -> None:
    bench = Bench()
    id = put(bench, "often asked for")
    bench.do(CountUses(counts={id: 2}))
    bench.do(CountUses(counts={id: 1, "m99": 1}))
    assert bench.store.get(Use, id) == Use(id=id, seq=bench.store.head.seq, count=3, last_us=bench.now_us)
