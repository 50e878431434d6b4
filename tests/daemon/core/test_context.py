"""The context of a step: chosen in a stated order, within its budget, and made again exactly from what the log names."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core import context as contexts
from quarterdeck_daemon.core.commands import (
    Configure,
    DeclareScopes,
    DocumentAnswered,
    EditMemory,
    MoveMemory,
    PutFact,
    RecallAnswered,
    ReceiveDocument,
    Remember,
    StartRun,
    WithdrawMemories,
)
from quarterdeck_daemon.core.context import CUT_TOKENS_MIN, PARTS, SHARES, allotted, cut_at
from quarterdeck_daemon.core.declared import Declared
from quarterdeck_daemon.core.entities import Entity, Fact, Memory, Plain, Run, Tier
from quarterdeck_daemon.core.facts import assert_fact
from quarterdeck_daemon.core.kernel import APPLY
from quarterdeck_daemon.core.orders import Parsed
from quarterdeck_daemon.core.playbook import parse_playbook
from quarterdeck_daemon.core.shown import FORGOTTEN, Rebuilt, rebuild
from quarterdeck_daemon.core.tokens import tokens_of
from quarterdeck_daemon.core.turn import Env, Turn
from quarterdeck_daemon.store.scoped import versions_of
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR

from .core_bench import Bench

PLAYBOOK = """
name: lead
inputs: {document: {type: string, default: ""}}
steps:
  - {id: look, agent: x, reads: {context: {context: {query: "spring", budget: %d}}%s}}
"""


def bench_with(budget: int = 2_000, more: str = "", *memories: Remember) -> Bench:
    bench = Bench(playbook=PLAYBOOK % (budget, more))
    for memory in memories:
        bench.now_us += 1_000_000
        bench.do(memory)
    return bench


def begin(bench: Bench, *found: str, run: str = "q", **inputs: object) -> Rebuilt:
    """Start the run, let the index find these memories, return what the step was shown."""
    bench.do(StartRun(playbook="lead", run_id=run, inputs=dict(inputs)))
    hits: list[Plain] = [{"id": id, "score": 1 - n / 10} for n, id in enumerate(found)]
    if bench.needs("recall"):
        bench.do(RecallAnswered(run=run, step="look", hits={"context": hits}))
    return again(bench, run)


def again(bench: Bench, run: str = "q") -> Rebuilt:
    event = started(bench, run)
    return rebuild(event.body, event.at_us, versions_of(bench.store))


def started(bench: Bench, run: str = "q") -> Event:
    found = bench.store.get(Run, run)
    assert found is not None
    event = bench.store.event(found.steps["look"].input_seq)
    assert event is not None, found
    return event


def reads_of(body: Plain) -> dict[str, dict[str, Any]]:
    return msgspec.convert(body["reads"], dict[str, dict[str, Any]])


def pieces(rebuilt: Rebuilt) -> list[Plain]:
    context = rebuilt.context["context"]
    assert isinstance(context, dict)
    return list(context["pieces"])


def texts(rebuilt: Rebuilt) -> list[tuple[object, object]]:
    return [(piece["part"], piece["text"]) for piece in pieces(rebuilt)]


# --- what is in it, and in which order ------------------------------------------------------------


def test_the_parts_come_in_their_stated_order_each_thing_once() -> None:
    bench = bench_with(
        2_000, "",
        Remember(text="Spring is when they buy."),
        Remember(text="We never work on Sundays.", tier="core"),
        Remember(text="Prices are net.", pinned=True),
        Remember(text="Answer in their language.", tier="instructions"),
        Remember(text="Name no price before the call.", memory_kind="lesson"),
    )  # fmt: skip
    bench.do(StartRun(playbook="lead", run_id="other"))
    bench.do(Remember(text="Half way through.", tier="working", run="q"))
    bench.do(Remember(text="Of another run.", tier="working", run="other"))
    assert texts(begin(bench, "m1", "m3")) == [
        ("pinned", "Prices are net."),
        ("core", "We never work on Sundays."),
        ("instructions", "Answer in their language."),
        ("working", "Half way through."),
        ("recalled", "Spring is when they buy."),
        ("lessons", "Name no price before the call."),
    ]


def test_a_reminder_comes_back_with_what_the_step_reads() -> None:
    bench = bench_with(
        2_000, ', mail: {document: "${inputs.document}"}',
        Remember(text="Ask Acme about the late invoice.", tier="prospective", when="acme invoice"),
    )  # fmt: skip
    letter(bench, "acme wrote about an invoice")
    assert texts(begin(bench, document="doc1")) == [("reminders", "Ask Acme about the late invoice.")]


def letter(bench: Bench, text: str) -> None:
    command = ReceiveDocument(
        connector="mail", external_id=text, media_type="text/plain", name="d", blob="", size_bytes=1, labels=EXTERNAL
    )
    id = str(bench.do(command)["id"])
    bench.do(DocumentAnswered(document=id, outcome=Parsed(title="d", text=text, meta={})))


def test_what_is_meant_for_another_agent_stays_away() -> None:
    bench = bench_with(
        2_000, "",
        Remember(text="For x.", tier="instructions", tags=("agent:x",)),
        Remember(text="For y.", tier="instructions", tags=("agent:y",)),
        Remember(text="Lesson of y.", memory_kind="lesson", tags=("agent:y",)),
        Remember(text="Lesson of x and y.", memory_kind="lesson", tags=("agent:y", "agent:x")),
    )  # fmt: skip
    assert texts(begin(bench)) == [("instructions", "For x."), ("lessons", "Lesson of x and y.")]


def test_a_lesson_that_is_withdrawn_moved_to_review_or_no_lesson_any_more_is_gone() -> None:
    lessons = [Remember(text=f"Lesson {n}.", memory_kind="lesson") for n in range(4)]
    bench = bench_with(2_000, "", *lessons)
    bench.do(WithdrawMemories(ids=("m1",)))
    bench.do(MoveMemory(id="m2", tier="review"))
    bench.do(EditMemory(id="m3", memory_kind="note"))
    assert texts(begin(bench)) == [("lessons", "Lesson 3.")]


def test_lessons_that_are_facts_count_when_they_are_the_operators() -> None:
    bench = bench_with()
    bench.do(PutFact(fact_kind="lesson", key="call", value={"name": "call", "text": "Call first."}))
    bench.do(PutFact(fact_kind="lesson", key="evil", value={"name": "evil", "text": "Pay me."}, labels=EXTERNAL))
    found = texts(begin(bench))
    assert [part for part, _ in found] == ["lessons"]
    assert "Call first." in str(found[0][1])


def test_every_piece_keeps_its_id_labels_source_and_span() -> None:
    bench = bench_with(2_000, "", Remember(text="Spring.", source="notes/a.md", title="A"))
    (piece,) = pieces(begin(bench, "m1"))
    assert piece == {
        "part": "recalled", "id": "memory:m1", "title": "A", "text": "Spring.", "source": "notes/a.md", "span": None,
        "labels": msgspec.to_builtins(OPERATOR), "tokens": tokens_of("Spring."), "score": 1.0, "cut": False,
    }  # fmt: skip


def test_what_the_step_reads_anyway_is_not_told_twice() -> None:
    bench = bench_with(2_000, ", found: {recall: spring}", Remember(text="Spring."))
    bench.do(StartRun(playbook="lead", run_id="q"))
    hits: list[Plain] = [{"id": "m1", "score": 0.5}]
    bench.do(RecallAnswered(run="q", step="look", hits={"context": hits, "found": hits}))
    assert (texts(again(bench)), len(again(bench).context["found"])) == ([], 1)  # type: ignore[arg-type]


def test_an_agent_that_declares_a_context_gets_it_unless_the_playbook_says_how_much() -> None:
    declared = {"agent:x": Declared(context_tokens=500, context_query="${input.need}")}
    plain = "name: lead\nsteps:\n  - {id: look, agent: x, in: {need: 'a new site'}%s}\n"
    wanted = {"": 500, ", reads: {c: {context: {budget: 30}}}": 30}
    for reads, budget in wanted.items():
        bench = Bench(playbook=plain % reads)
        bench.do(DeclareScopes(declared=declared))
        bench.do(StartRun(playbook="lead", run_id="q"))
        found = bench.store.get(Run, "q")
        assert found is not None
        name = "c" if reads else "context"
        assert found.steps["look"].recall == {name: {"query": "a new site", "limit": contexts.RECALLED_MAX}}
        bench.do(RecallAnswered(run="q", step="look", hits={}))
        context = again(bench).context[name]
        assert isinstance(context, dict)
        assert context["budget"] == budget


def test_a_query_that_looks_like_an_expression_is_a_text() -> None:
    """It came out of a mail. It is asked for as it is, and not resolved again."""
    read = '{c: {context: {query: "${inputs.t}"}}}'
    steps = f"steps:\n  - {{id: look, agent: x, reads: {read}}}\n"
    bench = Bench(playbook=f"name: lead\ninputs: {{t: {{type: string}}}}\n{steps}")

    bench.do(StartRun(playbook="lead", run_id="q", inputs={"t": "${run.id} ${1/0}"}))
    bench.do(RecallAnswered(run="q", step="look", hits={}))
    context = again(bench).context["c"]
    assert isinstance(context, dict)
    assert context["query"] == "${run.id} ${1/0}"


# --- the budget -----------------------------------------------------------------------------------


def test_what_a_part_does_not_need_flows_on_to_those_that_need_more() -> None:
    assert allotted(dict.fromkeys(PARTS, 1_000), 1_000) == {part: share * 10 for part, share in SHARES.items()}
    needs = {**dict.fromkeys(PARTS, 0), "recalled": 900, "lessons": 900}
    assert allotted(needs, 1_000) == {**dict.fromkeys(PARTS, 0), "recalled": 900, "lessons": 100}
    assert sum(SHARES.values()) == 100


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 5_000), min_size=len(PARTS), max_size=len(PARTS)), st.integers(0, 5_000))
def test_room_is_given_out_once_and_nobody_gets_less_than_the_smaller_of_share_and_need(
    sizes: list[int], budget: int
) -> None:
    needs = dict(zip(PARTS, sizes, strict=True))
    room = allotted(needs, budget)
    assert sum(room.values()) == min(budget, sum(sizes))
    assert all(min(needs[part], budget * SHARES[part] // 100) <= room[part] <= needs[part] for part in PARTS)


SENTENCES = st.lists(
    st.text(alphabet="abc éß 日本 12 \n.!?", max_size=60).map(lambda text: text.strip() + "."),
    min_size=1,
    max_size=12,
).map(" ".join)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(SENTENCES, st.sampled_from(["core", "long-term", "lesson", "working"])), max_size=8),
    st.integers(0, 300),
)
def test_no_context_passes_its_budget_and_each_is_made_again_exactly(
    said: list[tuple[str, str]], budget: int
) -> None:
    bench = bench_with(budget)
    ids = []
    for n, (text, where) in enumerate(said):
        tiers: dict[str, Tier] = {"core": "core", "working": "working"}
        command = Remember(
            text=f"{n} {text}", memory_kind="lesson" if where == "lesson" else "note",
            tier=tiers.get(where, "long-term"),
            run="q" if where == "working" else "",
        )  # fmt: skip
        ids.append(str(bench.do(command)["id"]))
    rebuilt = begin(bench, *ids)
    assert rebuilt.differs == rebuilt.forgotten == ()
    shown = pieces(rebuilt)
    assert sum(tokens_of(str(piece["text"])) for piece in shown) <= budget
    stored = {f"memory:{one.id}": one.text for one in bench.store.scan(Memory)}
    assert all(stored[str(piece["id"])].startswith(str(piece["text"])) for piece in shown)


TEXT = (
    "First we met. Then we spoke for a long while about Dr. Meier and the prices of this year. "
    "At last we signed the contract for the spring."
)


def test_a_text_is_cut_at_the_end_of_a_sentence() -> None:
    whole = tokens_of(TEXT)
    end = cut_at(TEXT, whole - 2)
    assert TEXT[:end].endswith("of this year.")
    assert "Dr." not in (TEXT[: cut_at(TEXT * 3, CUT_TOKENS_MIN)].rsplit(" ", 1)[-1],)


def test_a_sentence_that_is_longer_than_the_room_is_cut_between_words() -> None:
    text = "word " * 200
    end = cut_at(text, 50)
    assert 0 < end < len(text)
    assert (text[:end].endswith("word"), tokens_of(text[:end]) <= 50) == (True, True)


def test_too_little_room_is_not_worth_a_piece() -> None:
    assert cut_at(TEXT, CUT_TOKENS_MIN - 1) == 0


def test_a_cut_piece_says_so_and_its_span_ends_where_it_was_cut() -> None:
    bench = bench_with(
        60, "", Remember(text=" ".join(f"Sentence number {n} is about the spring." for n in range(40)))
    )
    (piece,) = pieces(begin(bench, "m1"))
    assert (piece["cut"], str(piece["text"]).endswith("spring.")) == (True, True)
    assert again(bench).differs == ()


@pytest.mark.parametrize("wanted", ["{budget: -1}", "{budget: many}", "{budget: 1000000}", "{querry: x}", "7"])
def test_a_context_that_makes_no_sense_is_refused_with_its_step(wanted: str) -> None:
    with pytest.raises(QuarterdeckError, match="'a'"):
        parse_playbook(f"name: p\nsteps:\n  - {{id: a, agent: x, reads: {{c: {{context: {wanted}}}}}}}\n")


# --- kept by reference, made again ----------------------------------------------------------------


def test_a_step_is_shown_what_was_there_then_whatever_happens_after() -> None:
    """The note is changed, the fact too; the step still reads what it was given, and its hash says so."""
    bench = bench_with(2_000, ", all: {facts: client}, one: {fact: client, key: acme}", Remember(text="Old words."))
    bench.do(PutFact(fact_kind="client", key="acme", value={"name": "Acme"}))
    before = begin(bench, "m1")
    bench.do(EditMemory(id="m1", text="New words."))
    bench.do(PutFact(fact_kind="client", key="acme", value={"name": "Umbrella"}))
    bench.do(PutFact(fact_kind="client", key="more", value={"name": "More"}))
    assert again(bench) == before
    assert "Old words." in repr(before.context)
    assert "Umbrella" not in repr(before.context)


def test_the_event_names_versions_and_holds_no_text_of_them() -> None:
    bench = bench_with(2_000, ", all: {facts: client}", Remember(text="Words that stand once."))
    bench.do(PutFact(fact_kind="client", key="acme", value={"name": "Acme and sons"}))
    begin(bench, "m1")
    body = started(bench).body
    assert "stand once" not in repr(body)
    assert "Acme and sons" not in repr(body)
    context = reads_of(body)["context"]
    assert (context["parts"], [(one["of"], one["seq"]) for one in context["pieces"]]) == (
        {"recalled": tokens_of("Words that stand once.")}, [("memory:m1", 3)],
    )  # fmt: skip


def test_what_has_been_forgotten_reads_so_and_is_told_apart_from_damage() -> None:
    bench = bench_with(2_000, ", all: {facts: client}", Remember(text="To be forgotten."), Remember(text="To stay."))
    bench.do(PutFact(fact_kind="client", key="acme", value={"name": "Acme"}))
    begin(bench, "m1", "m2")
    event = started(bench)
    found = versions_of(bench.store)

    def without(cls: type[Entity], id: str, seq: int) -> Entity | None:
        return None if id in ("m1", "client/acme") else found(cls, id, seq)

    rebuilt = rebuild(event.body, event.at_us, without)
    assert [text for _, text in texts(rebuilt)] == [FORGOTTEN, "To stay."]
    assert rebuilt.context["all"] == [
        {"id": "client/acme", "key": "acme", "value": {"text": FORGOTTEN}, "version": 0}
    ]
    assert (set(rebuilt.forgotten), rebuilt.differs) == ({"memory:m1", "fact:client/acme"}, ())


def test_a_version_that_is_not_what_it_was_is_found_by_its_hash() -> None:
    bench = bench_with(2_000, ", all: {facts: client}", Remember(text="What was said."))
    begin(bench, "m1")
    event = started(bench)
    found = versions_of(bench.store)

    def damaged(cls: type[Entity], id: str, seq: int) -> Entity | None:
        entity = found(cls, id, seq)
        return msgspec.structs.replace(entity, text="What was never said.") if isinstance(entity, Memory) else entity

    assert rebuild(event.body, event.at_us, damaged).differs == ("context",)


def test_the_twin_without_hashes_does_not_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = bench_with(2_000, "", Remember(text="What was said."))
    begin(bench, "m1")
    event = started(bench)
    monkeypatch.setattr(
        "quarterdeck_daemon.core.shown.value_hash", lambda value: reads_of(event.body)["context"]["hash"]
    )
    found = versions_of(bench.store)

    def damaged(cls: type[Entity], id: str, seq: int) -> Entity | None:
        entity = found(cls, id, seq)
        return msgspec.structs.replace(entity, text="Never said.") if isinstance(entity, Memory) else entity

    assert rebuild(event.body, event.at_us, damaged).differs == ()


def test_an_event_from_before_contexts_were_named_is_read_as_it_stands() -> None:
    body: Plain = {"context": {"workspace": {"name": "W"}, "mail": {"text": "hello"}}, "input": {}}
    rebuilt = rebuild(body, 0, lambda cls, id, seq: None)
    assert (rebuilt.context, rebuilt.forgotten, rebuilt.differs) == (body["context"], (), ())


def in_one_command(*, keeping: bool) -> tuple[list[int], Plain | None]:
    """A fact is written, shown, and written again before the command is over. (versions kept, what the step saw)."""
    bench = Bench()
    turn = Turn(bench.store, Env(now_us=bench.now_us), APPLY, head=bench.store.head.seq, actor="kernel", cause=None)
    assert_fact(turn, PutFact(fact_kind="said", key="k", value={"n": 1}))
    seen = turn.draft.get(Fact, "said/k")
    assert seen is not None
    if keeping:
        turn.keep([seen])
    assert_fact(turn, PutFact(fact_kind="said", key="k", value={"n": 2}))
    bench.store.append([turn.commit()])
    then = bench.store.get(Fact, "said/k", as_of=seen.seq)
    return [fact.version for fact in bench.store.history(Fact, "said/k")], then.value if then else None


def test_a_version_that_was_shown_is_kept_though_the_same_command_changes_it_again() -> None:
    assert in_one_command(keeping=True) == ([1, 2], {"n": 1})


def test_the_twin_that_does_not_keep_it_has_lost_what_the_step_saw() -> None:
    assert in_one_command(keeping=False) == ([2], None)


def test_replaying_the_same_commands_gives_the_same_events() -> None:
    def story() -> list[object]:
        bench = bench_with(
            300, ", all: {facts: client}", Remember(text=TEXT), Remember(text="Learn.", memory_kind="lesson")
        )
        bench.do(PutFact(fact_kind="client", key="acme", value={"name": "Acme"}))
        begin(bench, "m1")
        return [msgspec.to_builtins(event) for event in bench.store.events()]

    assert story() == story()


def test_many_facts_cost_the_event_no_more_than_their_names() -> None:
    """The same 200 facts read by ten runs are in the log once."""
    bench = bench_with(0, ", all: {facts: client}")
    for n in range(200):
        bench.do(PutFact(fact_kind="client", key=f"c{n}", value={"name": f"Client {n}", "note": "words " * 40}))
    sizes = []
    for n in range(10):
        rebuilt = begin(bench, run=f"q{n}")
        sizes.append(
            (len(msgspec.msgpack.encode(started(bench, f"q{n}").body)), len(msgspec.msgpack.encode(rebuilt.context)))
        )
    assert all(kept * 8 < shown for kept, shown in sizes)


def test_working_memory_of_a_run_is_there_newest_first_when_room_is_short() -> None:
    bench = bench_with(24)
    settings_of_a_small_house = Configure(
        name="W", operator="o", timezone="UTC", hold_us=1, expires_us=10**12, step_deadline_ms=1_000
    )
    bench.do(settings_of_a_small_house)
    for n in range(6):
        bench.do(Remember(text=f"Note {n} of this run is eight tokens long.", tier="working", run="q"))
    shown = [str(text) for _, text in texts(begin(bench))]
    assert shown == sorted(shown)
    assert shown[-1].startswith("Note 5")
    assert not any(text.startswith("Note 0") for text in shown)
