"""What a judgement reads of the state: what it is about, and no more, however much there is."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import pytest

from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import Asset, Entity, Fact
from quarterdeck_daemon.core.policy import judge
from quarterdeck_daemon.core.questions import Asker, policies, question_of
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR

E = TypeVar("E", bound=Entity)
CONTACTS = 5_000
WANTS_ALL = """
[[rule]]
id = "mine"
match = "mail.send"
when = "known.exists(one, one.endsWith('@c7.test'))"
verdict = "ask"
"""
WANTS_COUNT = WANTS_ALL.replace("known.exists(one, one.endsWith('@c7.test'))", "recipients.unknown == 0")


class Counting(InMemoryStore):
    """Counts the entities that it hands out, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    def get(self, cls: type[E], id: str, *, as_of: int | None = None) -> E | None:
        self.reads[cls.kind] += 1
        return super().get(cls, id, as_of=as_of)


def contact(number: int) -> Fact:
    return Fact(
        id=f"contact/c{number}", fact_kind="contact", key=f"c{number}", version=1, at_us=1, seq=1,
        labels=OPERATOR, value={"email": f"C@c{number}.test"},
    )  # fmt: skip


def rules(name: str, text: str, **changes: object) -> Asset:
    return Asset(
        id=f"policy/{name}", asset_kind="policy", name=name, path=f"policies/{name}.toml", hash=name, text=text, at_us=1,
        seq=1, **changes,  # type: ignore[arg-type]  # Fields of the struct, told apart by each caller.
    )  # fmt: skip


@pytest.fixture(scope="module")
def store() -> Counting:
    """A house with many contacts, a policy, and texts of policies that were in force once."""
    made = Counting()
    of_outside = Fact(
        id="contact/fake", fact_kind="contact", key="fake", version=1, at_us=1, seq=1, labels=EXTERNAL,
        value={"email": "evil@x.test"},
    )  # fmt: skip
    puts = (
        *(contact(number) for number in range(CONTACTS)), of_outside, rules("mine", WANTS_COUNT),
        rules("gone", WANTS_ALL, removed=True), *(rules(f"mine@{number}", WANTS_ALL) for number in range(100)),
    )  # fmt: skip
    event = Event(seq=1, id="e1", at_us=1, kind="note.taken", actor="operator", body={})
    made.append([Commit(events=(event,), touched=((),), puts=puts, links=(), unlinks=())])
    judged(made, "c@c1.test")  # The names of a kind are read when they are first asked for.
    return made


@pytest.fixture
def reads(store: Counting) -> Counter[str]:
    store.reads.clear()
    return store.reads


def judged(store: InMemoryStore, *to: str) -> str:
    table = Draft(store)
    question = question_of(table, "mail", "send", {"to": list(to)}, OPERATOR, Asker(agent="outreach", now_us=5))
    return judge(question, policies(table), hold_us=0).rule


def test_five_thousand_contacts_cost_a_judgement_no_more_than_its_recipients(
    store: Counting, reads: Counter[str]
) -> None:
    assert judged(store, "c@c17.test", "C@C18.test", "nobody@x.test") != "mine"
    assert reads["fact"] <= 10
    assert reads["asset"] <= 2  # The one policy; not what is removed, nor kept texts of it.


def test_who_is_known_is_told_as_a_look_at_all_facts_would(store: Counting) -> None:
    assert judged(store, "c@c17.test", "C@C18.test") == "mine"
    assert judged(store, "c@c17.test", "evil@x.test") != "mine"


def test_the_twin_a_rule_that_wants_the_list_reads_it(store: Counting, reads: Counter[str]) -> None:
    table = Draft(store)
    table.put(rules("mine", WANTS_ALL))
    question = question_of(table, "mail", "send", {"to": ["c@c1.test"]}, OPERATOR, Asker(agent="outreach", now_us=5))
    assert judge(question, policies(table), hold_us=0).rule == "mine"
    assert reads["fact"] >= CONTACTS


def test_what_this_turn_has_written_is_known_at_once(store: Counting) -> None:
    table = Draft(store)
    question = question_of(table, "mail", "send", {"to": ["new@y.test"]}, OPERATOR, Asker(agent="outreach", now_us=5))
    assert question.strangers == ["new@y.test"]
    new = Fact(
        id="client/new", fact_kind="client", key="new", version=1, at_us=1, seq=2, labels=OPERATOR,
        value={"contacts": ["New@y.test"]},
    )  # fmt: skip
    table.put(new)
    assert question.strangers == []
