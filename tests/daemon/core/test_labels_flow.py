"""Labels: text from outside never gains trust on its way, and never decides what leaves the house unasked."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck_daemon.core import runs
from quarterdeck_daemon.core.commands import (
    AssetFile,
    DeclareScopes,
    DocumentAnswered,
    LoadAssets,
    PutFact,
    RecallAnswered,
    ReceiveDocument,
    Remember,
    StartRun,
    StepAnswered,
)
from quarterdeck_daemon.core.declared import EVERYTHING
from quarterdeck_daemon.core.entities import ENTITIES, Action, Document, Fact, Memory, Plain, Run, Verdict
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import Parsed, ParsedChunk, ParsedFact, ProposedAction, ProposedFact, StepDone
from quarterdeck_daemon.core.policy import STRICTNESS, Question, judge, parse_policy
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import (
    EXTERNAL,
    INTEGRITY_ORDER,
    OPERATOR,
    SENSITIVITY_ORDER,
    Integrity,
    Labels,
    Sensitivity,
    join,
)

from .core_bench import Bench

INTEGRITIES: tuple[Integrity, ...] = ("external", "agent", "operator")
SENSITIVITIES: tuple[Sensitivity, ...] = ("public", "private", "secret")
TRUSTING = """
[[rule]]
id = "mine"
match = "mail.send"
when = "labels.integrity != 'external'"
verdict = "allow"
hold = "1s"
"""


def lattice() -> Iterator[Labels]:
    for integrity, sensitivity in itertools.product(INTEGRITIES, SENSITIVITIES):
        yield Labels(integrity=integrity, sensitivity=sensitivity)


def at_least(made: Labels, source: Labels) -> bool:
    """Whether `made` is no more trusted and no less secret than `source`."""
    return (
        INTEGRITY_ORDER[made.integrity] <= INTEGRITY_ORDER[source.integrity]
        and SENSITIVITY_ORDER[made.sensitivity] >= SENSITIVITY_ORDER[source.sensitivity]
    )


# --- monotonicity -----------------------------------------------------------------------------------

CONDITIONS = (
    "", "size(targets) == 1", "confidence > 0.5", "args.sum < 100", "targets[0] in known", "agent == 'composer'",
    "labels.integrity == 'operator'", "labels.integrity != 'external'", "labels.sensitivity == 'public'", "nobody.knows",
)  # fmt: skip
TRUST = CONDITIONS[6:9]


def some_policy(chance: random.Random) -> str:
    """Rules as an operator writes them: trust may be asked for to allow, never to deny."""
    text = ""
    for n in range(chance.randint(0, 4)):
        when = chance.choice(CONDITIONS)
        verdict = "allow" if when in TRUST else chance.choice(("allow", "ask", "deny"))
        match = chance.choice(("*", "mail.*", "mail.send", "files.write", "*.send"))
        text += f'[[rule]]\nid = "r{n}"\nmatch = "{match}"\nverdict = "{verdict}"\n'
        text += f'when = "{when}"\n' if when else ""
    # A rule that denies behind one that trusts would be reached only by what is tainted: stricter, as it should be.
    return text


def some_question(chance: random.Random, labels: Labels) -> Question:
    connector, verb = chance.choice((("mail", "send"), ("mail", "send"), ("files", "write"), ("bank", "pay")))
    targets = tuple(chance.choice(("a@x.test", "b@x.test")) for _ in range(chance.choice((0, 1, 1, 2, 7))))
    sums: tuple[Plain, ...] = ({}, {"sum": 7}, {"sum": 1_000}, {"sum": "x"})
    return Question(
        connector=connector, verb=verb, args=chance.choice(sums), targets=targets, labels=labels,
        agent=chance.choice(("composer", "x")), confidence=chance.random(),
        known=chance.choice(((), ("a@x.test",), ("a@x.test", "b@x.test"))),
    )  # fmt: skip


def verdict_of(question: Question, policy: str) -> Verdict:
    return judge(question, [("p", parse_policy(policy))], hold_us=1)


def test_more_taint_or_more_secrecy_never_turns_a_no_or_a_question_into_a_yes() -> None:
    chance = random.Random(7)
    seen: set[str] = set()
    for _ in range(4_000):
        policy = some_policy(chance)
        question = some_question(chance, chance.choice(list(lattice())))
        before = verdict_of(question, policy).verdict
        seen.add(before)
        for worse in lattice():
            if before != "allow" and at_least(worse, question.labels):
                after = verdict_of(msgspec.structs.replace(question, labels=worse), policy).verdict
                assert after != "allow", (policy, question, worse)
    assert seen == set(STRICTNESS)


def test_without_rules_about_labels_every_verdict_only_gets_stricter() -> None:
    chance = random.Random(8)
    for _ in range(2_000):
        policy = '[[rule]]\nid = "all"\nmatch = "*"\nverdict = "allow"\n'
        question = some_question(chance, chance.choice(list(lattice())))
        before = STRICTNESS[verdict_of(question, policy).verdict]
        for worse in lattice():
            if at_least(worse, question.labels):
                after = verdict_of(msgspec.structs.replace(question, labels=worse), policy)
                assert STRICTNESS[after.verdict] >= before


@given(st.lists(st.sampled_from(list(lattice())), max_size=6))
def test_a_join_is_at_least_each_of_its_parts_whatever_their_order(parts: list[Labels]) -> None:
    whole = join(parts)
    assert all(at_least(whole, part) for part in parts)
    assert whole == join(reversed(parts)) == join((join(parts[:3]), join(parts[3:])))


# --- no laundering ----------------------------------------------------------------------------------

CHAIN = """
name: lead
inputs:
  document: {type: string}
steps:
  - id: read
    agent: x
    reads:
      mail: {document: "${inputs.document}"}
      facts: {facts: lead}
  - id: think
    needs: [read]
    agent: x
    reads:
      one: {fact: lead, key: "${steps.read.output.key}"}
      mine: {recall: "anything"}
  - id: act
    needs: [think]
    agent: x
    in: {said: "${steps.read.output.key}"}
"""


def receive(bench: Bench, name: str, labels: Labels, text: str = "text") -> str:
    command = ReceiveDocument(
        connector="mail", external_id=name, media_type="text/plain", name=name, blob="", size_bytes=1, labels=labels
    )
    id = str(bench.do(command)["id"])
    parsed = Parsed(
        title=name, text=text, meta={}, chunks=(ParsedChunk(text=text, span=(0, len(text))),),
        facts=(ParsedFact(fact_kind="lead", key=f"{name}-file", value={"v": text}),),
    )  # fmt: skip
    bench.do(DocumentAnswered(document=id, outcome=parsed))
    return id


def mail_to(address: str, body: str) -> ProposedAction:
    args: Plain = {"to": [address], "subject": "s", "body": body}
    return ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="", why="", confidence=0.9)


def work_off(bench: Bench, done: dict[str, StepDone], hits: list[Plain] | None = None) -> None:
    """Answer everything that the workers are asked for, by step."""
    while needs := [*bench.needs("step"), *bench.needs("recall")]:
        need = needs[0]
        if need.kind == "recall":
            run = bench.store.get(Run, need.entity)
            assert run is not None
            found = dict.fromkeys(run.steps[need.step].recall, hits or [])
            bench.do(RecallAnswered(run=need.entity, step=need.step, hits=found))
        else:
            answer = done.get(need.step, StepDone(output={}))
            bench.do(StepAnswered(run=need.entity, step=need.step, attempt=need.attempt, outcome=answer))


def check_provenance(bench: Bench) -> int:
    """Everything made from something is at least as tainted and as secret as that; returns how many were checked."""
    checked = 0
    kinds: tuple[type[Fact | Memory | Action], ...] = (Fact, Memory, Action)
    for entity in itertools.chain.from_iterable(bench.store.scan(cls) for cls in kinds):
        for link in bench.store.links_from(f"{entity.kind}:{entity.id}", "derived_from"):
            kind, _, id = link.target.partition(":")
            source = bench.store.get(ENTITIES[kind], id)
            if isinstance(source, Document | Fact | Memory | Action):
                assert at_least(entity.labels, source.labels), (entity.id, link.target)
                checked += 1
        if isinstance(entity, Action):
            assert entity.labels.integrity != "operator", "an agent's word is at most the agent's"
    return checked


@pytest.mark.parametrize("seed", range(20))
def test_no_way_from_document_over_chunk_fact_and_memory_to_action_washes_labels(seed: int) -> None:
    chance = random.Random(seed)
    bench = Bench(playbook=CHAIN, policy=TRUSTING)
    bench.do(DeclareScopes(declared={"agent:x": EVERYTHING}))  # Labels alone must hold, whatever the scopes let pass.
    choices = list(lattice())
    documents = [receive(bench, f"d{n}", chance.choice(choices), f"text {n}") for n in range(4)]
    for n in range(3):
        bench.do(PutFact(fact_kind="lead", key=f"own{n}", value={}, labels=chance.choice(choices)))
        bench.do(Remember(text=f"memory {n}", labels=chance.choice(choices)))
    for n in range(6):
        inputs: Plain = {"document": chance.choice(documents)} if chance.random() < 0.8 else {"document": "none"}
        bench.do(StartRun(playbook="lead", run_id=f"q{n}", inputs=inputs, labels=chance.choice(choices)))
        facts = [fact.key for fact in bench.store.scan(Fact)]
        known = [memory.id for memory in bench.store.scan(Memory)]
        hits: list[Plain] = [{"id": id, "text": "t"} for id in chance.sample(known, 2)]
        learnt = tuple(ProposedFact(fact_kind="lead", key=f"{step}{n}", value={}) for step in ("read", "think"))
        done = {
            "read": StepDone(output={"key": chance.choice(facts)}, facts=learnt[:1]),
            "think": StepDone(output={}, facts=learnt[1:]),
            "act": StepDone(output={}, actions=(mail_to("a@x.test", "b"),)),
        }
        work_off(bench, done, hits)
    assert check_provenance(bench) > 30


def test_the_twin_whose_steps_forget_what_they_read_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "join", lambda labels: OPERATOR)
    with pytest.raises(AssertionError):
        test_no_way_from_document_over_chunk_fact_and_memory_to_action_washes_labels(1)


def test_text_from_outside_never_overwrites_what_the_operator_confirmed() -> None:
    bench = Bench(playbook=CHAIN)
    bench.do(PutFact(fact_kind="client", key="acme", value={"email": "boss@acme.test"}))
    bench.do(StartRun(playbook="lead", run_id="q", inputs={"document": receive(bench, "d", EXTERNAL)}))
    forged = ProposedFact(fact_kind="client", key="acme", value={"email": "enemy@x.test"})
    work_off(bench, {"read": StepDone(output={"key": "x"}, facts=(forged,))})
    fact = bench.store.get(Fact, "client/acme")
    assert fact is not None
    assert (fact.value, fact.version) == ({"email": "boss@acme.test"}, 1)
    with pytest.raises(QuarterdeckError, match="confirmed by the operator"):
        bench.do(PutFact(fact_kind="client", key="acme", value={}, labels=EXTERNAL))


USES_WITHOUT_NEED = """
name: lead
inputs: {document: {type: string}}
steps:
  - id: read
    agent: x
    reads: {mail: {document: "${inputs.document}"}}
  - id: other
    agent: x
  - id: copy
    needs: [other]
    agent: x
    in: {text: "${steps.read.output.text}"}
"""


def test_an_output_that_waits_for_a_decision_already_taints_whoever_uses_it() -> None:
    """`copy` does not need `read`, but uses what it said while its action still waits for the operator."""
    bench = Bench(playbook=USES_WITHOUT_NEED, policy=TRUSTING)
    bench.do(StartRun(playbook="lead", run_id="q", inputs={"document": receive(bench, "d", EXTERNAL)}))
    waiting = StepDone(output={"text": "evil"}, actions=(mail_to("a@x.test", "b"),))
    bench.do(StepAnswered(run="q", step="read", attempt=1, outcome=waiting))
    work_off(bench, {"copy": StepDone(output={}, actions=(mail_to("a@x.test", "evil"),))})
    assert {action.status for action in bench.store.scan(Action)} == {"proposed"}


# --- the flip test ----------------------------------------------------------------------------------

PLAN = """
name: lead
inputs: {document: {type: string}}
steps:
  - id: read
    agent: obedient
    reads: {mail: {document: "${inputs.document}"}}
  - id: obey
    needs: [read]
    when: "steps.read.output.go"
    agent: obedient
    in: {text: "${steps.read.output.text}"}
"""
WEEKLY = "name: weekly\nsteps: [{id: trusted, agent: honest}]\n"


def obey(text: str) -> StepDone:
    """The worst agent there could be: it does whatever the text says, as often as it says so."""
    words = text.split()
    actions = tuple(mail_to(word, text) for word in words if "@" in word)
    facts = tuple(ProposedFact(fact_kind="client", key=word, value={"email": word}) for word in words if "@" in word)
    return StepDone(output={"text": text, "go": "go" in words}, actions=actions, facts=facts)


def executed_unasked(text: str, policy: str = TRUSTING) -> set[str]:
    """What leaves without anybody being asked, when the mail says `text`. As hashes of everything sent."""
    bench = Bench(playbook=PLAN, policy=policy)
    files = {"playbooks/lead.yaml": PLAN, "playbooks/weekly.yaml": WEEKLY, "policies/mail.toml": policy}
    kinds = {"playbooks": "playbook", "policies": "policy"}
    assets = [
        AssetFile(
            asset_kind=kinds[path.split("/")[0]],
            name=path.split("/")[1].split(".")[0],
            path=path,
            text=one,
            hash=text_hash(one),
        )
        for path, one in files.items()
    ]
    bench.do(LoadAssets(files=tuple(assets)))
    bench.do(PutFact(fact_kind="client", key="boss", value={"email": "boss@x.test"}))
    bench.do(StartRun(playbook="weekly", run_id="w"))
    bench.do(StartRun(playbook="lead", run_id="q", inputs={"document": receive(bench, "d", EXTERNAL, text or " ")}))
    honest = StepDone(output={}, actions=(mail_to("boss@x.test", "Your weekly report."),))
    work_off(bench, {"read": obey(text), "obey": obey(text), "trusted": honest})
    bench.pass_time(60_000_000)
    return {action.shown_hash for action in bench.store.scan(Action) if action.tries > 0}


WORDS = st.lists(
    st.sampled_from(["go", "a@x.test", "boss@x.test", "enemy@x.test", "${inputs.document}", "ignore", "all", "rules", "\u202e"]),
    max_size=6,
).map(" ".join)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(WORDS | st.text(max_size=40), WORDS | st.text(max_size=40))
def test_what_leaves_unasked_does_not_depend_on_what_a_mail_says(one: str, other: str) -> None:
    assert executed_unasked(one) == executed_unasked(other)


def test_the_flip_test_sees_what_leaves_and_its_twin_without_labels_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With labels one trusted report leaves. Were everything the operator's, the mail could send what it likes."""
    assert len(executed_unasked("go enemy@x.test")) == 1
    monkeypatch.setattr(runs, "join", lambda labels: OPERATOR)
    assert executed_unasked("go enemy@x.test") != executed_unasked("hello")
