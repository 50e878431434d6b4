"""The operator is asked by risk, then by money, then by what expires first; never by arrival."""

from __future__ import annotations

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_daemon.core.approval_order import in_order, money_of, order_of
from quarterdeck_daemon.core.entities import Action, Risk, Verdict
from quarterdeck_protocol.labels import OPERATOR

RISKS: list[Risk] = ["low", "medium", "high"]


def waiting(id: str, risk: Risk = "low", amount: int = 0, expires_us: int | None = 100, hash: str = "h") -> Action:
    verdict = Verdict(verdict="ask", rule="r", where="w", risk=risk, hold_us=0)
    return Action(
        id=id, connector="practice", verb="pay", args={"to": "a", "amount": amount, "currency": "EUR"}, targets=("a",),
        summary="s", status="proposed", shown_hash=hash, operation_id=id, agent="x", at_us=0, labels=OPERATOR,
        verdict=verdict, expires_us=expires_us,
    )  # fmt: skip


ACTIONS = st.lists(
    st.builds(
        waiting,
        id=st.uuids().map(str),
        risk=st.sampled_from(RISKS),
        amount=st.integers(0, 3),
        expires_us=st.sampled_from([None, 1, 2, 3]),
        hash=st.sampled_from(["a", "b", "c"]),
    ),
    unique_by=lambda one: one.id,
    max_size=8,
)


def test_risk_comes_before_money_and_money_before_expiry() -> None:
    low_late, low_soon = waiting("a1", expires_us=9), waiting("a2", expires_us=1)
    rich, risky = waiting("a3", amount=5, expires_us=9), waiting("a4", risk="high", expires_us=9)
    assert [one.id for one in in_order([low_late, low_soon, rich, risky])] == ["a4", "a3", "a2", "a1"]


def test_what_never_expires_comes_last_among_its_like() -> None:
    assert [one.id for one in in_order([waiting("a1", expires_us=None), waiting("a2")])] == ["a2", "a1"]


@given(ACTIONS, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_arrival(actions: list[Action], chance: object) -> None:
    shuffled = list(actions)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # A Random of hypothesis.
    later = [msgspec.structs.replace(one, at_us=999 - at, seq=at) for at, one in enumerate(shuffled)]
    assert [one.id for one in in_order(later)] == [one.id for one in in_order(actions)]


@given(ACTIONS)
def test_no_item_stands_before_a_riskier_one(actions: list[Action]) -> None:
    found = in_order(actions)
    risks = [RISKS.index(one.verdict.risk) for one in found]
    assert risks == sorted(risks, reverse=True)
    for one, other in itertools.pairwise(found):
        if one.verdict.risk == other.verdict.risk:
            assert money_of(one) >= money_of(other)
    assert len({order_of(one) for one in found}) == len(found)
