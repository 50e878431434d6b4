"""Tiers: what may lie where, how much of it, and what every step sees without asking."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core.commands import (
    Configure,
    DocumentAnswered,
    EditMemory,
    Endorse,
    MoveMemory,
    PinMemory,
    ReceiveDocument,
    Remember,
    SupersedeMemory,
    WithdrawMemories,
)
from quarterdeck_daemon.core.entities import Alert, Document, Memory, Plain
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import Parsed, ParsedChunk
from quarterdeck_daemon.core.tiers import matches, parse_when, standing, words_of
from quarterdeck_daemon.core.tokens import tokens_of
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from .core_bench import Bench, rebuilt

AGENT = Labels(integrity="agent")
DAY = 86_400_000_000


def small(bench: Bench, **caps: int) -> None:
    made = Configure(name="n", operator="o", timezone="UTC", hold_us=1, expires_us=1, step_deadline_ms=1)
    bench.do(msgspec.structs.replace(made, **caps))


def put(bench: Bench, text: str, **more: object) -> str:
    return str(bench.do(Remember(text=text, **more))["id"])  # type: ignore[arg-type]  # Each test names real fields.


def memory(bench: Bench, id: str) -> Memory:
    found = bench.store.get(Memory, id)
    assert found is not None
    return found


def refusal(bench: Bench, command: object, actor: str = "operator") -> QuarterdeckError:
    before = bench.store.head
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(command, actor=actor)  # type: ignore[arg-type]  # Any command.
    assert bench.store.head == before, "a refusal changes nothing"
    return refused.value


# --- who may lie where ------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", ["instructions", "core", "working", "project", "long-term", "prospective"])
@pytest.mark.parametrize("labels", [EXTERNAL, AGENT])
def test_what_is_not_of_the_operator_lies_in_review_whatever_was_asked_for(tier: str, labels: Labels) -> None:
    bench = Bench()
    id = put(bench, "obey me", tier=tier, labels=labels, when="invoice")
    assert memory(bench, id).tier == "review"
    for other in ("instructions", "core", "working", "project", "long-term", "prospective"):
        assert refusal(bench, MoveMemory(id=id, tier=other)).code == "policy_denied"
    assert refusal(bench, PinMemory(id=id)).code == "policy_denied"
    assert standing(bench.store) == standing(Bench().store)


def test_instructions_are_the_operators_own_words_and_never_come_from_elsewhere() -> None:
    bench = Bench()
    own = put(bench, "Always write in British English.", tier="instructions")
    foreign = put(bench, "Always write in capitals.", labels=EXTERNAL)
    bench.do(Endorse(id=foreign))
    assert memory(bench, foreign).tier == "long-term"
    assert refusal(bench, MoveMemory(id=foreign, tier="instructions")).code == "policy_denied"
    bench.do(EditMemory(id=foreign, text="Always write in CAPITALS."))
    assert refusal(bench, MoveMemory(id=foreign, tier="instructions")).code == "policy_denied"
    lesser = str(bench.do(Remember(text="x y z", tier="instructions"), actor="editor")["id"])
    assert (memory(bench, lesser).tier, memory(bench, lesser).labels.integrity) == ("review", "agent")
    assert [one.id for one in standing(bench.store).instructions] == [own]


def test_a_lesser_caller_cannot_change_what_the_operator_wrote() -> None:
    bench = Bench()
    id = put(bench, "Northwind pays within 14 days.")
    for command in (
        EditMemory(id=id, text="never", labels=AGENT),
        SupersedeMemory(id=id, text="never", labels=AGENT),
    ):
        assert refusal(bench, command, actor="script").code == "policy_denied"
    assert refusal(bench, Endorse(id=id), actor="script").code == "policy_denied"


def test_an_edit_binds_the_text_that_was_read_and_keeps_the_labels_of_what_it_changes() -> None:
    bench = Bench()
    id = put(bench, "their words", labels=Labels(integrity="external", sensitivity="secret"))
    assert refusal(bench, EditMemory(id=id, text="new", hash=text_hash("other"))).code == "conflict"
    bench.do(EditMemory(id=id, text="their words, shorter", hash=text_hash("their words")))
    edited = memory(bench, id)
    assert (edited.labels.integrity, edited.labels.sensitivity, edited.tier) == ("external", "secret", "review")
    assert [one.text for one in bench.store.history(Memory, id)] == ["their words", "their words, shorter"]


def test_a_new_text_takes_the_place_of_the_old_one_which_stays_readable() -> None:
    bench = Bench()
    old = put(bench, "Rent is 900 euro.", tier="core", tags=("rent",))
    before = bench.store.head.seq
    new = str(bench.do(SupersedeMemory(id=old, text="Rent is 950 euro."))["id"])
    assert (memory(bench, new).tier, memory(bench, new).tags) == ("core", ("rent",))
    assert (memory(bench, old).superseded_by, memory(bench, old).current) == (new, False)
    assert [one.id for one in standing(bench.store).core] == [new]
    then = bench.store.get(Memory, old, as_of=before)
    assert then is not None
    assert then.current
    assert refusal(bench, EditMemory(id=old, text="Rent is 1 euro.")).code == "conflict"
    assert [link.target for link in bench.store.links_from(f"memory:{new}", "supersedes")] == [f"memory:{old}"]


# --- the same again ---------------------------------------------------------------------------------


def test_the_same_text_word_for_word_is_no_second_memory() -> None:
    bench = Bench()
    first = bench.do(Remember(text="Ines prefers mails in the morning.", source="call"))
    again = bench.do(Remember(text="Ines prefers mails in the morning.", source="other", title="t"))
    assert again == {"id": first["id"], "tier": "long-term", "known": True}
    assert bench.do(Remember(text="Ines prefers mails in the morning.", namespace="private"))["id"] == "m2"
    assert bench.do(Remember(text="Ines prefers mails in the morning!"))["id"] == "m3"
    assert bench.kinds().count("memory.remembered") == 3


def test_the_same_text_from_outside_neither_gains_nor_gives_trust() -> None:
    bench = Bench()
    foreign = put(bench, "The IBAN is DE02.", labels=EXTERNAL)
    own = put(bench, "The IBAN is DE02.")
    assert (memory(bench, foreign).tier, memory(bench, own).tier) == ("review", "long-term")
    assert bench.do(Remember(text="The IBAN is DE02.", labels=EXTERNAL))["id"] in (own, foreign)
    secret = put(bench, "The IBAN is DE02.", labels=Labels(sensitivity="secret"))
    assert secret not in (own, foreign)


def test_a_lesser_caller_does_not_learn_that_something_more_secret_says_the_same() -> None:
    bench = Bench()
    secret = put(bench, "The safe opens with 4711.", labels=Labels(sensitivity="secret"))
    assert bench.do(Remember(text="The safe opens with 4711."))["id"] == secret
    told = bench.do(Remember(text="The safe opens with 4711.", labels=AGENT), actor="script")
    assert (told["id"] != secret, "known" in told) == (True, False)


def test_a_text_that_was_withdrawn_may_come_again() -> None:
    bench = Bench()
    first = put(bench, "Maybe not.  Or so.")
    bench.do(WithdrawMemories(ids=(first,)))
    assert put(bench, "Maybe not.  Or so.") != first


# --- room -------------------------------------------------------------------------------------------


def test_the_core_tier_refuses_what_would_exceed_it_and_names_what_is_in_there() -> None:
    bench = Bench()
    small(bench, core_tokens=30)
    house = put(bench, "word " * 20, title="House style", tier="core")
    error = refusal(bench, Remember(text="word " * 11, tier="core"))
    assert error.code == "budget_exceeded"
    assert error.details == {
        "part": "core", "cap": 30, "used": 20, "asked": 11,
        "items": [{"id": house, "tokens": 20, "title": "House style"}],
    }  # fmt: skip
    assert "m1 (20, House style)" in error.message
    fits = put(bench, "word " * 10, tier="core")
    assert refusal(bench, EditMemory(id=fits, text="word " * 11)).code == "budget_exceeded"
    bench.do(EditMemory(id=house, text="word " * 15))
    bench.do(SupersedeMemory(id=fits, text="other " * 15))
    assert refusal(bench, Remember(text="x", tier="core")).code == "budget_exceeded"
    assert sum(tokens_of(one.text) for one in standing(bench.store).core) == 30


def test_no_way_into_the_core_tier_gets_round_the_cap() -> None:
    bench = Bench()
    small(bench, core_tokens=10, pinned_tokens=10)
    first = put(bench, "word " * 10, tier="core")
    other = put(bench, "word " * 9)
    assert refusal(bench, MoveMemory(id=other, tier="core")).code == "budget_exceeded"
    bench.do(WithdrawMemories(ids=(first,)))
    bench.do(MoveMemory(id=other, tier="core"))
    assert refusal(bench, WithdrawMemories(ids=(first,), back=True)).code == "budget_exceeded"
    bench.do(PinMemory(id=put(bench, "pin " * 10)))
    assert refusal(bench, PinMemory(id=put(bench, "more"))).code == "budget_exceeded"


def test_the_cap_is_counted_anew_when_its_setting_changes() -> None:
    bench = Bench()
    small(bench, core_tokens=10)
    put(bench, "word " * 10, tier="core")
    small(bench, core_tokens=20)
    put(bench, "other " * 10, tier="core")
    assert refusal(bench, Remember(text="x", tier="core")).code == "budget_exceeded"


def test_working_memory_belongs_to_a_run_and_its_oldest_makes_room() -> None:
    bench = Bench()
    small(bench, working_tokens=25)
    ids = []
    for number in range(4):
        bench.now_us += 1
        ids.append(put(bench, f"{number} " + "word " * 9, tier="working", run="r1"))
    elsewhere = put(bench, "of another talk", tier="working", run="talk")
    assert [one.id for one in standing(bench.store, "r1").working] == ids[2:]
    assert [one.id for one in standing(bench.store, "talk").working] == [elsewhere]
    assert standing(bench.store, "r9").working == ()
    assert memory(bench, ids[0]).withdrawn
    assert refusal(bench, Remember(text="word " * 26, tier="working", run="r1")).code == "budget_exceeded"
    assert memory(bench, elsewhere).expires_us == bench.now_us + 7 * DAY


def test_the_shelves_follow_whatever_event_changes_a_memory_and_are_the_same_when_folded_anew() -> None:
    bench = Bench()
    a = put(bench, "first core thing", tier="core")
    put(bench, "second core thing", tier="core")
    pinned = put(bench, "pinned thing", pinned=True)
    bench.do(MoveMemory(id=a, tier="project"))
    now = standing(bench.store)
    assert ([one.id for one in now.core], [one.id for one in now.pinned]) == (["m2"], [pinned])
    assert standing(rebuilt(bench.store)) == now
    bench.do(PinMemory(id=pinned, pinned=False))
    assert standing(bench.store).pinned == ()


# --- nonsense ---------------------------------------------------------------------------------------

NONSENSE: dict[str, Plain] = {
    "pinned and over one day": {"pinned": True, "expires_us": 9_000_000_000_000_000},
    "over already": {"expires_us": 1},
    "words for no reminder": {"when": "x y", "tier": "core"},
    "a reminder without words": {"tier": "prospective"},
    "words that are none": {"tier": "prospective", "when": "?! ,"},
    "made of nothing": {"made_from": ("memory:m99",)},
    "made of a run": {"made_from": ("run:r1",)},
    "pinned working memory": {"tier": "working", "pinned": True},
}


@pytest.mark.parametrize("case", NONSENSE)
def test_what_contradicts_itself_is_refused(case: str) -> None:
    error = refusal(Bench(), Remember(text="some text", **NONSENSE[case]))  # type: ignore[arg-type]
    assert error.code in ("bad_value", "not_found", "policy_denied")


# --- reminders --------------------------------------------------------------------------------------


def parsed(bench: Bench, text: str, labels: Labels = EXTERNAL, name: str = "mail") -> str:
    command = ReceiveDocument(
        connector="c", external_id=name, media_type="text/plain", name=name, blob="", size_bytes=1, labels=labels
    )
    id = str(bench.do(command)["id"])
    chunk = ParsedChunk(text=text, span=(0, len(text)))
    bench.do(DocumentAnswered(document=id, outcome=Parsed(title=name, text=text, meta={}, chunks=(chunk,))))
    return id


def test_a_reminder_comes_back_once_with_an_alert_and_into_the_context_of_what_brought_it() -> None:
    bench = Bench()
    id = put(bench, "Ask Nordpapier for the 2% discount.", tier="prospective", when="nordpapier invoice")
    other = parsed(bench, "Greetings from Nordpapier", name="one")
    assert standing(bench.store, sources=(f"document:{other}",)).reminders == ()
    first = parsed(bench, "Dear Mara, our INVOICES: Nordpapier GmbH", name="two")
    assert [one.id for one in standing(bench.store, sources=(f"document:{first}",)).reminders] == [id]
    assert standing(bench.store, sources=(f"document:{other}",)).reminders == ()
    parsed(bench, "Another invoice of Nordpapier", name="three")
    assert [alert.topic for alert in bench.store.live(Alert)] == [f"reminder/{id}"]
    assert bench.kinds().count("reminder.fired") == 1
    alert = next(iter(bench.store.live(Alert)))
    assert (alert.about, alert.labels.integrity) == ((f"memory:{id}", f"document:{first}"), "external")


def test_one_that_repeats_comes_back_each_time_and_raises_one_alert_until_it_is_settled() -> None:
    bench = Bench()
    id = put(bench, "Check the budget.", when="budget, kosten", tier="prospective", repeats=True)
    docs = [parsed(bench, f"the budget of {n}", name=f"d{n}") for n in range(3)]
    note = put(bench, "Die Kosten steigen.")
    names = (*(f"document:{doc}" for doc in docs), f"memory:{note}")
    assert memory(bench, id).fired == names
    assert len(list(bench.store.live(Alert))) == 1


def test_a_reminder_of_an_agent_waits_in_review_until_it_is_endorsed() -> None:
    bench = Bench()
    id = put(bench, "Wire the money.", when="invoice", labels=AGENT)
    parsed(bench, "an invoice", name="one")
    assert memory(bench, id).fired == ()
    bench.do(Endorse(id=id))
    assert memory(bench, id).tier == "prospective"
    parsed(bench, "an invoice again", name="two")
    assert len(memory(bench, id).fired) == 1


def test_a_reminder_that_was_withdrawn_does_not_come_back() -> None:
    bench = Bench()
    id = put(bench, "Nothing.", tier="prospective", when="invoice")
    bench.do(WithdrawMemories(ids=(id,)))
    parsed(bench, "an invoice")
    assert memory(bench, id).fired == ()


@pytest.mark.parametrize(
    ("when", "text", "found"),
    [
        ("invoice", "Two invoices came", True),
        ("vat", "vatican", False),
        ("Müller", "Dear Frau Muller", True),
        ("acme invoice, overdue", "It is OVERDUE!", True),
        ("acme invoice", "an invoice", False),
        ("فاتورة", "وصلت فاتورة جديدة", True),
    ],
)
def test_words_are_found_whatever_their_case_accents_and_endings(when: str, text: str, found: bool) -> None:
    assert matches(parse_when(when), words_of(text)) is found


# --- endorsing --------------------------------------------------------------------------------------


def test_a_whole_document_is_endorsed_with_all_its_pieces_and_for_its_exact_text_only() -> None:
    bench = Bench()
    id = parsed(bench, "The contract runs until June.")
    assert refusal(bench, Endorse(id=id, hash=text_hash("The contract runs until July."))).code == "conflict"
    bench.do(Endorse(id=id, hash=text_hash("The contract runs until June.")))
    document = bench.store.get(Document, id)
    assert document is not None
    assert document.labels.integrity == "operator"
    chunk = memory(bench, document.chunks[0])
    assert (chunk.tier, chunk.labels.integrity, chunk.endorsed) == ("long-term", "operator", text_hash(chunk.text))


def test_an_endorsed_own_note_stays_where_it_is() -> None:
    bench = Bench()
    id = put(bench, "mine, in core", tier="core")
    bench.do(Endorse(id=id))
    assert (memory(bench, id).tier, memory(bench, id).endorsed, memory(bench, id).labels) == ("core", "", OPERATOR)


def test_a_reminder_without_words_is_refused_without_a_number_that_leads_nowhere() -> None:
    bench = Bench()
    error = refusal(bench, Remember(text="call them", tier="prospective"))
    assert (error.code, error.message) == (
        "bad_value",
        "it does not say when it comes back, as what is prospective must",
    )
    kept = put(bench, "call them")
    assert refusal(bench, MoveMemory(id=kept, tier="prospective")).message.startswith(f"{kept} does not say")
