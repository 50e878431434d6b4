"""What is alike is decided together, with a tick of its own for each; what stands out is unticked, in words."""

from __future__ import annotations

from quarterdeck_daemon.core import groups
from quarterdeck_daemon.core.groups import Card, grouped, outliers_of, shape_of
from quarterdeck_protocol.labels import EXTERNAL, Labels

from .approval_desk import RULES, Desk

NAMES = ("ana@x.test", "bo@x.test", "cy@x.test", "di@x.test")


def known_desk() -> Desk:
    """Everybody has been written to before, and the agent has been decided about."""
    desk = Desk()
    for name in NAMES:
        desk.send(desk.propose(name))
    return desk


def test_proposals_that_are_alike_form_one_group_with_every_tick_on() -> None:
    desk = known_desk()
    ids = {desk.propose(name) for name in NAMES}
    (group,) = desk.groups()
    assert {one.id for one in group.items} == ids
    assert (group.outliers, set(group.ticked)) == ({}, ids)


def test_an_outlier_is_unticked_with_the_reason_in_words() -> None:
    desk = known_desk()
    for name in NAMES[:3]:
        desk.propose(name)
    new = desk.propose("max@new.test")
    long = desk.propose("di@x.test", body="word " * 200)
    (group,) = desk.groups()
    assert group.outliers == {
        new: "new recipient: max@new.test",
        long: "its text has 1000 characters, the others about 6",
    }


def test_text_from_outside_and_stricter_labels_untick() -> None:
    desk = known_desk()
    public = Labels(sensitivity="public")
    actions = [desk.action(desk.propose(name, labels=public)) for name in NAMES]
    tainted = desk.action(desk.propose("ana@x.test", labels=EXTERNAL))
    private = desk.action(desk.propose("bo@x.test", labels=Labels(sensitivity="private")))
    found = outliers_of([*actions, tainted, private])
    assert found[tainted.id].startswith("text from outside shaped it")
    assert "it is private, others are not" in found[private.id]


def test_an_amount_far_from_the_others_an_attachment_and_a_warning_untick() -> None:
    desk = known_desk()
    amounts = (10_000, 11_000, 9_000, 90_000)
    offers = [desk.action(desk.propose("ana@x.test", amount=amount, currency="EUR")) for amount in amounts]
    assert outliers_of(offers) == {offers[3].id: "its amount is 900.00, the others are about 100.00"}
    mails = [desk.action(desk.propose(name, attachments=[])) for name in NAMES]
    odd = desk.action(desk.propose("ana@x.test", attachments=["offer.pdf"], risks=("answered yesterday",)))
    found = outliers_of([*mails, odd])
    assert found == {odd.id: "it has 1 attachments, the others 0; beware: answered yesterday"}


def test_the_first_of_its_kind_is_in_no_group() -> None:
    desk = Desk()
    desk.propose("ana@x.test")
    desk.propose("bo@x.test")
    assert desk.groups() == []


def test_money_and_what_nothing_takes_back_are_in_no_group() -> None:
    desk = Desk(cooling_us=0)
    for to in ("a", "b"):
        desk.send(desk.pay(to=to))
        desk.send(desk.propose_action("practice.post", {"channel": to, "text": "t"}))
    for to in ("a", "b"):
        desk.pay(to=to)
        desk.propose_action("practice.post", {"channel": to, "text": "t"})
    assert desk.groups() == []


def test_a_high_risk_and_a_target_named_from_outside_are_in_no_group() -> None:
    risky = Desk(RULES.replace('risk = "low"', 'risk = "high"'))
    risky.send(risky.propose())
    named = Desk()
    named.send(named.propose())
    for desk, labels in ((risky, Labels()), (named, EXTERNAL)):
        desk.propose("ana@x.test", labels=labels)
        desk.propose("bo@x.test", labels=labels)
        assert desk.groups() == []


def test_the_twin_without_the_exceptions_groups_money() -> None:
    """Grouping by likeness alone would put payments on one sheet with all ticks on."""
    desk = Desk(cooling_us=0)
    for to in ("a", "b"):
        desk.send(desk.pay(to=to))
    actions = [desk.action(desk.pay(to=to)) for to in ("a", "b")]
    (group,) = grouped(Card(action=one, alone=False) for one in actions)
    assert set(group.ticked) == {one.id for one in actions}


def test_the_name_of_a_group_changes_with_its_members_and_ticks() -> None:
    desk = known_desk()
    first, second = desk.propose("ana@x.test"), desk.propose("bo@x.test")
    (before,) = desk.groups()
    desk.propose("cy@x.test")
    (more,) = desk.groups()
    desk.decided(first)
    (fewer,) = desk.groups()
    assert len({before.id, more.id, fewer.id}) == 3
    assert before.id.startswith("mail.send-")
    assert second in {one.id for one in fewer.items}


def test_what_is_over_the_limit_of_a_sheet_stands_by_itself() -> None:
    desk = Desk()
    action = desk.action(desk.propose())
    (group,) = grouped(Card(action=action) for _ in range(groups.GROUP_MAX + 5))
    assert len(group.items) == groups.GROUP_MAX


def test_a_summary_without_names_and_numbers_is_its_template() -> None:
    assert shape_of("Reply to Ana Ruiz (Rosewood): website, EUR 900") == shape_of(
        "Reply to Bo Li (Tidewater): app, EUR 12"
    )
    assert shape_of("Reply to Ana: x") != shape_of("Remind Ana: x")
