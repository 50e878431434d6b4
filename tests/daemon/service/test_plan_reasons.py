"""A plan says how sure it is from how such plans stood, and nothing about too few."""

from __future__ import annotations

from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import Plan, PlanStatus
from quarterdeck_daemon.service.reasons import PlanRecord, plan_reasons
from quarterdeck_daemon.store.in_memory import InMemoryStore


def plan(number: int, status: PlanStatus = "approved", *, playbook: str = "lead", edited: bool = False) -> Plan:
    return Plan(
        id=f"plan{number}", intent="answer doc1", status=status, at_us=number, source="playbook", playbook=playbook,
        edited=edited, why={"rule": "words", "words": "answer a mail"},
    )  # fmt: skip


def told(*plans: Plan) -> dict[str, object]:
    store = InMemoryStore()
    store.append([Commit(events=(), touched=(), puts=plans)])
    return plan_reasons(store, plan(99, "ready"), PlanRecord(store))


def test_nothing_is_said_about_fewer_than_ten_and_other_playbooks_do_not_count() -> None:
    found = told(*(plan(number) for number in range(9)), plan(10, playbook="other"), plan(11, "ready"))
    assert (found["confidence"], found["basis"]) == (None, "not enough data (9 of 10 decisions on such plans)")


def test_what_was_edited_or_rejected_did_not_stand() -> None:
    found = told(*(plan(number) for number in range(8)), plan(8, "rejected"), plan(9, edited=True))
    assert found["confidence"] == 0.8
    assert found["basis"] == "8 of 10 such plans stood as drafted (49 % to 94 %)"


def test_it_says_what_was_asked_and_by_what_it_was_found() -> None:
    evidence = told()["evidence"]
    assert isinstance(evidence, list)
    assert [(one["source"], one["quote"]) for one in evidence] == [
        ("plan:plan99", "answer doc1"),
        ("asset:playbook/lead", "answer a mail"),
    ]
