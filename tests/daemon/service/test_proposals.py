"""Capture as the kernel decides it: proposals beside canonical facts, alerts about what contradicts them."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core import alerts, proposals
from quarterdeck_daemon.core.commands import (
    Capture,
    Captured,
    DecideProposal,
    DocumentAnswered,
    Endorse,
    PutFact,
    ReceiveDocument,
    Remember,
    ResolveAlert,
)
from quarterdeck_daemon.core.entities import Alert, CaptureMark, Document, Evidence, Fact, Memory, Plain
from quarterdeck_daemon.core.hashing import value_hash
from quarterdeck_daemon.core.likeness import Comparison
from quarterdeck_daemon.core.orders import Finding, Parsed
from quarterdeck_daemon.core.turn import Env, Turn
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, Labels

from .fact_asking import Bench, asking

OLD, NEW, OTHER = "DE89370400440532013000", "GB33BUKB20201555555555", "FR1420041010050500013M02606"
SUPPLIER = "supplier/nordpapier"


def bench(iban: str = "DE89 3704 0044 0532 0130 00") -> Bench:
    made = Bench()
    value: Plain = {
        "name": "Nordpapier GmbH",
        "iban": iban,
        "email": "Info@Nordpapier.test",
        "phone": "+49 30 1234567",
    }
    made.do(PutFact(fact_kind="supplier", key="nordpapier", value=value))
    return made


def mail(on: Bench, name: str = "1", labels: Labels = EXTERNAL) -> str:
    received = ReceiveDocument(
        connector="mail", external_id=f"{name}.eml#{name}", media_type="message/rfc822", name=f"{name}.eml", blob=name,
        size_bytes=1, labels=labels,
    )  # fmt: skip
    id = str(on.do(received)["id"])
    on.do(DocumentAnswered(document=id, outcome=Parsed(title="Neue Bank", text=f"Text {name}", meta={})))
    return f"document:{id}"


def found(
    value: Plain, *, known: tuple[str, ...] = (SUPPLIER,), kind: str = "organisation", key: str = "x"
) -> Finding:
    evidence = (Evidence(claim="iban", source="document:doc1", quote="IBAN …", span=(3, 9)),)
    return Finding(fact_kind=kind, key=key, value=value, evidence=evidence, party=True, known=known)


def capture(on: Bench, source: str, *findings: Finding) -> list[str]:
    reply = on.do(
        Capture(upto=on.store.head.seq, items=(Captured(source=source, findings=findings),)), actor="capture"
    )
    proposed = reply["proposed"]
    assert isinstance(proposed, list)
    return proposed


def open_alerts(on: Bench) -> list[Alert]:
    return list(on.store.live(Alert))


def test_another_account_of_a_known_supplier_is_a_critical_alert_and_no_update() -> None:
    on = bench()
    source = mail(on)
    before = on.store.get(Fact, SUPPLIER)
    [id] = capture(on, source, found({"name": "Nordpapier", "iban": NEW}))
    [alert] = open_alerts(on)
    proposal = on.store.get(Fact, id)
    assert on.store.get(Fact, SUPPLIER) == before
    assert proposal is not None
    assert (proposal.value, proposal.tier, proposal.proposal, proposal.labels.integrity) == (
        {"iban": NEW}, "review", "open", "external",
    )  # fmt: skip
    assert proposal.evidence[0].span == (3, 9)
    assert [link.target for link in on.store.links_from(f"fact:{id}", "derived_from")] == [source]
    assert (alert.level, alert.topic) == ("critical", "fact.conflict/supplier/nordpapier/iban")
    assert alert.about == (f"fact:{SUPPLIER}", f"fact:{id}", source)
    assert all(
        said in alert.text for said in (NEW, "DE89 3704 0044 0532 0130 00", "Neue Bank", "Nothing was changed")
    )


def test_the_twin_without_the_comparison_would_pay_the_wrong_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """If every finding counted as news, the contradiction would go by without a word."""
    monkeypatch.setattr(proposals, "compare", lambda held, value: Comparison(value, ()))
    on = bench()
    capture(on, mail(on), found({"iban": NEW}))
    assert open_alerts(on) == []


@pytest.mark.parametrize(
    "value",
    [
        {"iban": "de89 3704 0044 0532 0130 00"},
        {"email": "info@nordpapier.TEST"},
        {"phone": "030 / 123 45 67"},
        {"name": "Nordpapier Vertrieb"},
        {"name": "nordpapier gmbh", "iban": OLD},
    ],
)
def test_what_says_the_same_is_no_news(value: Plain) -> None:
    on = bench()
    assert capture(on, mail(on), found(value)) == []
    assert open_alerts(on) == []


def test_what_is_new_is_proposed_and_what_differs_is_a_warning() -> None:
    on = bench()
    first = capture(on, mail(on), found({"website": "nordpapier.test", "phone": "+49 40 7654321"}))
    proposal = on.store.get(Fact, first[0])
    assert proposal is not None
    assert proposal.value == {"website": "nordpapier.test", "phone": "+49 40 7654321"}
    assert [(alert.level, alert.details["field"]) for alert in open_alerts(on)] == [("warning", "phone")]


def test_a_first_account_is_a_proposal_and_no_alert() -> None:
    on = Bench()
    on.do(PutFact(fact_kind="supplier", key="nordpapier", value={"name": "Nordpapier"}))
    assert len(capture(on, mail(on), found({"iban": NEW}))) == 1
    assert open_alerts(on) == []


def test_an_account_that_stands_deeper_in_the_fact_is_found() -> None:
    on = Bench()
    on.do(PutFact(fact_kind="supplier", key="nordpapier", value={"bank": {"accounts": [OLD, OTHER]}}))
    assert capture(on, mail(on, "1"), found({"iban": OTHER})) == []
    assert len(capture(on, mail(on, "2"), found({"iban": NEW}))) == 1
    assert [alert.level for alert in open_alerts(on)] == ["critical"]


def test_the_same_from_three_mails_is_one_proposal_and_one_alert() -> None:
    on = bench()
    ids = [capture(on, mail(on, str(n)), found({"iban": NEW})) for n in range(3)]
    assert [len(one) for one in ids] == [1, 0, 0]
    assert len(open_alerts(on)) == 1


def test_an_unknown_account_of_nobody_is_left_out() -> None:
    on = bench()
    assert capture(on, mail(on), found({"iban": NEW}, known=())) == []


def test_accepting_lays_the_fields_over_the_fact_and_ends_the_alert() -> None:
    on = bench()
    [id] = capture(on, mail(on), found({"iban": NEW}))
    done = on.do(DecideProposal(id=id, accept=True))
    fact, proposal = on.store.get(Fact, SUPPLIER), on.store.get(Fact, id)
    assert fact is not None
    assert proposal is not None
    assert (fact.value["iban"], fact.value["name"], fact.version) == (NEW, "Nordpapier GmbH", 2)
    assert (fact.labels.integrity, fact.tier, proposal.proposal) == ("operator", "long-term", "accepted")
    assert (done["version"], open_alerts(on)) == (2, [])
    assert [link.target for link in on.store.links_from(f"fact:{SUPPLIER}", "derived_from")] == [f"fact:{id}"]


def test_rejecting_keeps_a_record_and_the_same_does_not_come_again() -> None:
    on = bench()
    [id] = capture(on, mail(on, "1"), found({"iban": NEW}))
    on.do(DecideProposal(id="p1", accept=False, reason="they never changed it"))
    again = capture(on, mail(on, "2"), found({"iban": NEW}))
    other = capture(on, mail(on, "3"), found({"iban": OTHER}))
    kept = on.store.get(Fact, id)
    assert kept is not None
    assert (kept.proposal, again, len(other), len(open_alerts(on))) == ("rejected", [], 1, 1)
    assert [event.body["reason"] for event in on.store.events() if event.kind == "fact.decided"] == [
        "they never changed it"
    ]


def test_endorsing_a_proposal_accepts_it() -> None:
    on = Bench()
    [id] = capture(
        on, mail(on), found({"name": "Ines", "email": "ines@x.test"}, known=(), kind="contact", key="ines")
    )
    proposal = on.store.get(Fact, id)
    assert proposal is not None
    on.do(Endorse(id=id, hash=value_hash(proposal.value)))
    fact = on.store.get(Fact, "contact/ines")
    assert fact is not None
    assert (fact.value, fact.labels.integrity, fact.canonical) == (
        {"name": "Ines", "email": "ines@x.test"},
        "operator",
        True,
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (DecideProposal(id="p9", accept=True), "not_found"),
        (DecideProposal(id="supplier/nordpapier~p1", accept=True, hash="other"), "conflict"),
        (DecideProposal(id="supplier/nordpapier~p1", accept=True, if_version=7), "conflict"),
        (DecideProposal(id=SUPPLIER, accept=True), "bad_value"),
    ],
)
def test_deciding_what_was_not_seen_is_refused(command: DecideProposal, code: str) -> None:
    on = bench()
    capture(on, mail(on), found({"iban": NEW}))
    with pytest.raises(QuarterdeckError) as refused:
        on.do(command)
    assert (refused.value.code, len(open_alerts(on))) == (code, 1)


def test_a_proposal_is_decided_once() -> None:
    on = bench()
    capture(on, mail(on), found({"iban": NEW}))
    on.do(DecideProposal(id="p1", accept=False))
    with pytest.raises(QuarterdeckError) as refused:
        on.do(DecideProposal(id="p1", accept=True))
    assert (refused.value.code, "rejected already" in refused.value.message) == ("conflict", True)


def test_what_breaks_the_rules_of_its_kind_is_not_proposed() -> None:
    on = Bench()
    assert capture(on, mail(on), found({"name": "X", "email": "no address"}, known=(), kind="contact")) == []


def test_there_is_a_limit_to_what_waits_and_it_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "OPEN_MAX", 3)
    on = Bench()
    findings = [
        found({"name": f"N{n}", "email": f"n{n}@x.test"}, known=(), kind="contact", key=f"n{n}") for n in range(6)
    ]
    assert len(capture(on, mail(on), *findings)) == 3
    capture(on, mail(on, "2"), *findings)
    assert [alert.topic for alert in open_alerts(on)] == [proposals.FULL]


# --- no loop --------------------------------------------------------------------------------------


def sources(on: Bench) -> dict[str, str]:
    """Texts that we made ourselves, by what they are."""
    said = str(on.do(Remember(text="Ines sits in Utrecht."))["id"])
    recalled = Labels(integrity="operator", sources=(f"memory:{said}",))
    texts = {
        "written by an agent": Remember(text="draft", labels=Labels(integrity="agent")),
        "made from what was recalled": Remember(text="From what I recall: GB33…", labels=recalled),
        "made of memories": Remember(text="sum of it", made_from=(f"memory:{said}",)),
        "a draft": Remember(text="Dear Ines", memory_kind="draft"),
        "working memory": Remember(text="for now", tier="working"),
    }
    return {name: f"memory:{on.do(command)['id']}" for name, command in texts.items()}


def test_what_we_made_of_our_own_memory_is_no_source() -> None:
    """Recalled text that is read for facts again would come back as its own proof."""
    on = bench()
    for name, source in sources(on).items():
        assert capture(on, source, found({"iban": NEW})) == [], name
    said = f"memory:{on.do(Remember(text='Nordpapier has a new bank.'))['id']}"
    assert len(capture(on, said, found({"iban": NEW}))) == 1


def test_the_twin_that_reads_everything_feeds_on_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "is_source", lambda entity: True)
    on = bench()
    [first, *_] = sources(on).values()
    assert len(capture(on, first, found({"iban": NEW}))) == 1


def test_what_was_forgotten_withdrawn_or_superseded_is_no_source() -> None:
    memory = Memory(id="m1", text="t", at_us=1, labels=EXTERNAL)
    document = Document(
        id="doc1",
        external_id="x",
        media_type="text/plain",
        blob="b",
        size_bytes=1,
        at_us=1,
        labels=EXTERNAL,
        status="parsed",
    )
    for entity in (memory, document):
        assert proposals.is_source(entity)
        changes: tuple[dict[str, object], ...] = ({"forgotten": True}, {"withdrawn": True}, {"superseded_by": "m2"})
        for change in changes:
            assert not proposals.is_source(msgspec.structs.replace(entity, **change))


def test_how_far_the_log_was_read_is_kept_and_never_goes_back() -> None:
    on = bench()
    on.do(Capture(upto=7))
    on.do(Capture(upto=3))
    mark = on.store.get(CaptureMark, "mark")
    assert mark is not None
    assert mark.upto == 7


# --- proposals and alerts over the wire -----------------------------------------------------------


async def test_proposals_are_no_facts_until_they_are_accepted() -> None:
    async with asking() as house:
        said = await house.on.do(Remember(text="Ines: ines@x.test"))
        finding = found({"name": "Ines", "email": "ines@x.test"}, known=(), kind="contact", key="ines")
        item = Captured(source=f"memory:{said.reply['id']}", findings=(finding,))
        await house.on.do(Capture(upto=said.seq, items=(item,)), actor="capture")
        listed = await house.ask("fact.query", kind="contact")
        asked = await house.ask("fact.query", kind="contact", proposed=True)
        waiting = await house.ask("fact.proposed")
        with pytest.raises(QuarterdeckError):
            await house.get("contact/ines")
        accepted = await house.ask("fact.accept", id="p1", hash=waiting["items"][0]["hash"])  # type: ignore[index]
        now = await house.get("contact/ines")
        left = await house.ask("fact.proposed")
        past = await house.ask("fact.proposed", outcome="accepted")
    assert (listed["items"], left["items"]) == ([], [])
    assert [one["id"] for one in asked["items"]] == ["contact/ines~p1"] == [one["id"] for one in waiting["items"]]  # type: ignore[attr-defined]
    assert (accepted["version"], now["value"]) == (1, {"name": "Ines", "email": "ines@x.test"})
    assert [one["number"] for one in past["items"]] == ["p1"]  # type: ignore[attr-defined]


def test_a_topic_is_open_once_and_can_come_again_when_it_was_resolved() -> None:
    on = Bench()
    first, again = raised(on, "a"), raised(on, "a")
    raised(on, "b")
    on.do(ResolveAlert(id=first, reason="called them"))
    third = raised(on, "a")
    assert first == again != third
    assert [(alert.topic, alert.resolved) for alert in on.store.scan(Alert)] == [
        ("a", "called them"),
        ("b", ""),
        ("a", ""),
    ]
    assert on.do(ResolveAlert(id=first, reason="something else"))["resolved"] == "called them"
    with pytest.raises(QuarterdeckError) as unknown:
        on.do(ResolveAlert(id="alert99"))
    assert (unknown.value.code, "quarterdeck alerts" in unknown.value.hint) == ("not_found", True)


def test_there_is_a_limit_to_open_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "OPEN_MAX", 2)
    on = Bench()
    assert [bool(raised(on, topic)) for topic in "abc"] == [True, True, False]


def raised(on: Bench, topic: str) -> str:
    """What another part of the core does in its own turn."""
    turn = Turn(on.store, Env(now_us=on.now_us), alerts.APPLY, head=on.store.head.seq, actor="kernel", cause=None)
    id = alerts.raise_alert(turn, "warning", topic, "look at this")
    if turn.events:
        on.store.append([turn.commit()])
    return id


async def test_alerts_are_listed_newest_first_page_by_page() -> None:
    async with asking() as house:
        on = Bench()
        on.store = house.on.store
        for topic in "abcd":
            on.now_us += 1
            raised(on, topic)
        await house.ask("alert.resolve", id="alert2", reason="done")
        page = await house.ask("alert.list", limit=2)
        rest = await house.ask("alert.list", limit=2, cursor=page["next"])
        everything = await house.ask("alert.list", all=True)
        then = await house.ask("alert.list", as_of=2)
    shown = [[one["id"] for one in found["items"]] for found in (page, rest, everything, then)]  # type: ignore[attr-defined]
    assert shown == [["alert4", "alert3"], ["alert1"], ["alert4", "alert3", "alert2", "alert1"], ["alert2", "alert1"]]
    assert everything["items"][2]["resolved"] == "done"  # type: ignore[index]
