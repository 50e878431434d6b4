"""One scripted story through the core, the same on every machine: for determinism and for the golden history.

`python recorded_story.py` prints the hash of the events it led to. `python recorded_story.py write` records them anew as
`tests/golden/run_history.msgpack`; do that only beside the old file, under a new name, when a meaning has changed.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import msgspec

from quarterdeck_daemon.core.commands import (
    AssetFile,
    Attach,
    Capture,
    Captured,
    Choice,
    Command,
    CompressMemories,
    Configure,
    ConfigureLimits,
    CountUses,
    CreateSnapshot,
    DecideApprovals,
    DecideProposal,
    DecideReplan,
    DecideTask,
    DeclareScopes,
    DocumentAnswered,
    EditMemory,
    EditStep,
    EffectAnswered,
    EffectStarted,
    Endorse,
    EngageStop,
    ExamineRuns,
    ExpireMemories,
    GivePermission,
    LetGo,
    LoadAssets,
    MakeLink,
    MoveMemory,
    NoteUpkeep,
    PinMemory,
    PutFact,
    PutObjective,
    PutSchedule,
    PutTask,
    RaiseBudget,
    ReassignStep,
    RecallAnswered,
    ReceiveDocument,
    ReleaseStop,
    Remember,
    RemoveSnapshot,
    ResolveAlert,
    ResolveDeadLetter,
    RetractFact,
    RevokePermission,
    SetAutonomy,
    SetBudget,
    SettleAction,
    SignalRun,
    StartRun,
    SteerRun,
    SteerSchedule,
    StepAnswered,
    SupersedeMemory,
    Undo,
    Wake,
    WithdrawMemories,
)
from quarterdeck_daemon.core.declared import Declared
from quarterdeck_daemon.core.entities import Action, Amounts, Cap, DeadLetter, Evidence, Limit, Plain, Run
from quarterdeck_daemon.core.gates import gate_of
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.kernel import all_needs, decide
from quarterdeck_daemon.core.orders import (
    EffectAbsent,
    EffectDone,
    Failed,
    Failure,
    FailureClass,
    Finding,
    Parsed,
    ParsedChunk,
    ParsedFact,
    ProposedAction,
    ProposedFact,
    StepDone,
)
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

GOLDEN = Path(__file__).parents[2] / "golden" / "run_history.msgpack"
SECOND = 1_000_000
PLAYBOOK = """
name: lead
on: [{event: mail.received, when: 'doc.meta.auto == ""'}]
inputs: {document: {type: string}}
steps:
  - id: extract
    agent: extractor
    reads: {mail: {document: "${inputs.document}"}, known: {facts: client}}
  - id: draft
    needs: [extract]
    agent: composer
    when: "steps.extract.output.lead"
    reads: {template: {template: reply}, recalled: {recall: "${steps.extract.output.need}", limit: 2}}
    in: {person: "${steps.extract.output.person}", size: "${size(steps.extract.output.person)}"}
    retry: {times: 1, backoff: 1s}
  - {id: send, needs: [draft], agent: outreach, in: {text: "${steps.draft.output.text}"}}
  - {id: answered, needs: [send], wait: {signal: answered, for: 1h}}
"""
WHOLE = """
name: whole
inputs: {names: {type: list}}
outputs: {n: "${steps.each.output.count}"}
sla: 1m
deadline: 300d
stalls_after: 3d
window: "22:00-06:00"
steps:
  - {id: each, agent: composer, each: "inputs.names", as: who, in: {to: "${who}"}}
  - {id: send, needs: [each], agent: outreach}
  - {id: heard, needs: [send], wait: {reply_to: send, for: 30d}}
  - {id: ask, needs: [heard], wait: {approval: "Go on?"}}
  - {id: call, needs: [ask], playbook: part}
"""
PART = "name: part\nsteps: [{id: work, agent: composer, retry: {times: 0}}]\n"
POLICY = '[[rule]]\nid = "reply"\nmatch = "mail.*"\nverdict = "ask"\nrisk = "low"\nhold = "8s"\n'


class History(msgspec.Struct, frozen=True):
    """What is recorded: the events as stored, and the hash of the state they fold to."""

    events: list[Event]
    state: dict[str, str]


class Story:
    """Tells commands to the core at fixed times."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.now_us = 1_790_000_000_000_000

    def tell(self, command: Command, actor: str = "operator", request_id: str | None = None) -> Plain:
        self.now_us += 1_000
        decision = decide(
            self.store, command, Env(now_us=self.now_us, chance=0.25), head=self.store.head.seq, actor=actor,
            request_id=request_id, body_hash="b",
        )  # fmt: skip
        if decision.commit.events:
            self.store.append([decision.commit])
            self.store.sync()
        return decision.reply

    def pass_time(self, us: int) -> None:
        self.now_us += us
        while due := [need for need in all_needs(self.store) if need.kind == "wake" and need.at_us <= self.now_us]:
            self.tell(Wake(entity=due[0].entity, due_us=due[0].at_us), "clock")

    def mail(self, name: str, **meta: str) -> str:
        received = ReceiveDocument(
            connector="mail", external_id=name, media_type="message/rfc822", name=name, blob=f"blob of {name}",
            size_bytes=9, trigger=True,
        )  # fmt: skip
        id = str(self.tell(received, "connector:mail")["id"])
        text = "Grüße — we look for a designer."
        parsed = Parsed(
            title="Onboarding", text=text, meta={"auto": "", "from_address": "ines@x.test", **meta},
            chunks=(ParsedChunk(text=text, span=(0, 5)), ParsedChunk(text=text, span=(8, 31))),
            facts=(ParsedFact(fact_kind="lead", key="ines", value={"b": 1, "a": [True, None, 0.5]}),),
        )  # fmt: skip
        self.tell(DocumentAnswered(document=id, outcome=parsed), "worker")
        return id

    def run_of(self, id: str) -> Run:
        run = self.store.get(Run, id)
        assert run is not None, f"there is a run {id}"
        return run

    def step(self, run: str, name: str, outcome: StepDone | Failed) -> None:
        found = self.store.get(Run, run)
        assert found is not None
        if found.steps[name].status == "recalling":
            hits: list[Plain] = [{"id": "m1", "title": "t", "text": "blue", "score": 0.5, "source": "operator"}]
            self.tell(RecallAnswered(run=run, step=name, hits={"recalled": hits}), "kernel")
            found = self.store.get(Run, run)
            assert found is not None
        self.tell(StepAnswered(run=run, step=name, attempt=found.steps[name].attempts, outcome=outcome), "worker")

    def decide(self, id: str, decision: str, **more: object) -> None:
        action = self.store.get(Action, id)
        assert action is not None
        plain: Plain = {"items": [{"id": id, "shown_hash": action.shown_hash}], "decision": decision, **more}
        self.tell(msgspec.convert(plain, DecideApprovals), request_id=f"decide-{id}-{decision}")

    def answer_gate(self, id: str) -> None:
        gate = gate_of(self.store, id)
        assert gate is not None
        self.tell(DecideApprovals(items=(Choice(id=id, shown_hash=gate.shown_hash),), decision="approve"))

    def events(self) -> list[Event]:
        return list(self.store.events())


def failed(failure: FailureClass) -> Failed:
    return Failed(failure=Failure(failure=failure, code="internal", message="broken", hint="look"))


def mail_to(address: str) -> ProposedAction:
    args: Plain = {"to": [address], "subject": "Re: Onboarding", "body": "Dear Ines, …"}
    return ProposedAction(
        connector="mail",
        verb="send",
        args=args,
        targets=(),
        summary="Reply",
        why="asked",
        confidence=0.9,
        risks=("r",),
    )


def tell_all() -> Story:
    """The whole story: a lead answered, a mail undone, a step that gave up, a stop, an unknown outcome, a tidy house."""
    story = Story()
    _prepare(story)
    _answer_a_lead(story)
    _give_up_and_retry(story)
    _stop_and_settle(story)
    _take_it_back(story)
    _work_in_runs(story)
    _keep_memory(story)
    _tidy_up(story)
    _run_into_limits(story)
    _plan_ahead(story)
    _trust(story)
    return story


def _prepare(story: Story) -> None:
    texts = (
        ("playbook", "lead", PLAYBOOK), ("policy", "mail", POLICY), ("template", "reply", "Dear {{ person }}"),
        ("template", "reply.de", "Liebe {{ person }}"), ("playbook", "broken", "name: ["), ("playbook", "whole", WHOLE),
        ("playbook", "part", PART),
    )  # fmt: skip
    files = [{"asset_kind": k, "name": n, "path": f"{k}/{n}", "text": t, "hash": text_hash(t)} for k, n, t in texts]
    story.tell(LoadAssets(files=tuple(msgspec.convert(files, list[AssetFile]))))
    story.tell(
        Configure(name="Studio", operator="Mara <m@x.test>", timezone="Europe/Berlin", hold_us=8 * SECOND,
                  expires_us=7 * 86_400 * SECOND, step_deadline_ms=30_000)
    )  # fmt: skip
    story.tell(Remember(text="Ines likes blue.", tags=("z", "a")), request_id="remember-1")
    story.tell(
        PutFact(fact_kind="client", key="acme", value={"email": "boss@acme.test", "ü": 1}, valid_from="2026-01-01")
    )
    story.tell(PutFact(fact_kind="client", key="acme", value={"email": "new@acme.test"}, if_version=1))
    story.tell(MakeLink(source="fact:client/acme", relation="knows", target="memory:m1"))


def _answer_a_lead(story: Story) -> None:
    story.mail("one.eml")
    believed = ProposedFact(fact_kind="client", key="ines", value={"email": "ines@x.test"})
    refused = ProposedFact(fact_kind="client", key="acme", value={"email": "enemy@x.test"})
    extracted: Plain = {"lead": True, "person": "Ines", "need": "design"}
    story.step("r1", "extract", StepDone(output=extracted, facts=(believed, refused)))
    story.step("r1", "draft", failed("crash"))
    story.pass_time(5 * SECOND)
    story.step("r1", "draft", StepDone(output={"text": "Dear Ines, …"}))
    unknown = ProposedAction(connector="bank", verb="pay", args={}, targets=("x",), summary="", why="")
    story.step("r1", "send", StepDone(output={}, actions=(mail_to("ines@x.test"), mail_to("b@x.test"), unknown)))
    story.decide("a1", "snooze", until_us=story.now_us + 3600 * SECOND)
    story.decide("a1", "approve", edits={"body": "Better words."}, reason="kinder")
    story.decide("a2", "reject", reason="no")
    story.pass_time(8 * SECOND)
    story.tell(EffectStarted(action="a1"), "effector")
    story.tell(EffectAnswered(action="a1", outcome=failed("transient")), "effector")
    story.pass_time(60 * SECOND)
    story.tell(EffectAnswered(action="a1", outcome=EffectDone(result={"message_id": "<1@x>"})), "effector")
    story.tell(SignalRun(id="r1", signal="answered", payload={"yes": True}))
    story.tell(Undo(scope="action:a1", reason="wrong price"))
    story.tell(Endorse(id="client/ines"))


def _give_up_and_retry(story: Story) -> None:
    story.mail("two.eml")
    story.step("r2", "extract", failed("permanent"))
    story.tell(ResolveDeadLetter(id="dead1", remedy="retry"))
    story.step("r2", "extract", StepDone(output={"lead": False}))
    story.tell(StartRun(playbook="lead", run_id="mine", inputs={"document": "doc1"}), request_id="start-mine")
    story.tell(SteerRun(id="mine", verb="pause", reason="lunch"))
    story.tell(SteerRun(id="mine", verb="resume"))
    story.tell(SteerRun(id="mine", verb="cancel", reason="enough"))


def _stop_and_settle(story: Story) -> None:
    story.mail("three.eml")
    story.step("r3", "extract", StepDone(output={"lead": True, "person": "Ada", "need": "logo"}))
    story.step("r3", "draft", StepDone(output={"text": "Dear Ada"}))
    story.step("r3", "send", StepDone(output={}, actions=(mail_to("ada@x.test"),)))
    action = max(story.store.scan(Action), key=lambda one: one.seq).id
    story.decide(action, "approve")
    story.pass_time(8 * SECOND)
    story.tell(EngageStop(epoch=1, reason="wait"))
    story.tell(ReleaseStop(epoch=2, reason="go on"))
    story.tell(EffectAnswered(action=action, outcome=EffectAbsent()), "effector")
    story.pass_time(SECOND)
    story.tell(EffectAnswered(action=action, outcome=failed("uncertain")), "effector")
    story.tell(SettleAction(id=action, happened=True, reason="I looked"))
    story.pass_time(3600 * SECOND)
    try:
        story.tell(SteerRun(id="nobody", verb="cancel"))
    except QuarterdeckError:
        return
    raise AssertionError("a refusal is part of the story")


def _keep_memory(story: Story) -> None:
    """Tiers, a reminder, and what leaves recall by itself or by somebody's word."""
    day = 86_400 * SECOND
    story.tell(Remember(text="Write in British English.", tier="instructions"))
    story.tell(Remember(text="Ask for the discount.", tier="prospective", when="invoice"))
    core = str(story.tell(Remember(text="We make logos, and invoice by the month.", tier="core"))["id"])
    story.tell(ResolveAlert(id="alert1", reason="asked"))
    story.tell(EditMemory(id=core, text="We make logos and web sites.", tags=("us",)))
    story.tell(MoveMemory(id=core, tier="project"))
    story.tell(PinMemory(id=core))
    story.tell(SupersedeMemory(id=core, text="We make web sites only."))
    story.tell(WithdrawMemories(ids=("m1",), reason="no longer"))
    story.tell(WithdrawMemories(ids=("m1",), back=True))
    offer = story.tell(Remember(text="The offer stands for a day.", expires_us=story.now_us + day))["id"]
    texts = [f"Call {number}: Ines asks for {number}00 euro less. {'It rained again. ' * 9}" for number in range(6)]
    calls = [str(story.tell(Remember(text=text, source="c.md"))["id"]) for text in texts]
    story.pass_time(2 * day)
    story.tell(NoteUpkeep(step="began", phase="age"), "keeper")
    story.tell(ExpireMemories(ids=(str(offer),), rule="its time has come"), "keeper")
    story.tell(NoteUpkeep(step="advanced", phase="age", cursor="m9"), "keeper")
    story.tell(CompressMemories(ids=tuple(calls), topic="c.md"), "keeper")
    story.tell(NoteUpkeep(step="ended", counts={"expired": 1}), "keeper")
    story.tell(CountUses(counts={"m1": 2}), "keeper")


def _tidy_up(story: Story) -> None:
    """Names of positions, facts and links taken back, scopes, steering files that are gone."""
    story.tell(CreateSnapshot(name="before", note="of the tidying"))
    story.tell(PutFact(fact_kind="client", key="gone", value={"name": "Gone"}))
    story.tell(RetractFact(fact_kind="client", key="gone"))
    said = Finding(
        fact_kind="client", key="x", value={"email": "other@acme.test", "phone": "030 1234567"}, party=True,
        known=("client/acme",), evidence=(Evidence(claim="email", source="memory:m1", quote="blue", span=(11, 15)),),
    )  # fmt: skip
    story.tell(Capture(upto=9, items=(Captured(source="memory:m1", findings=(said,)),)), "capture")
    story.tell(DecideProposal(id="p1", accept=True))
    story.tell(MakeLink(source="fact:client/acme", relation="knows", target="memory:m1", remove=True))
    story.tell(DeclareScopes(declared={"agent:composer": Declared()}))
    story.tell(RemoveSnapshot(name="before"))
    story.tell(LoadAssets(files=()))


def _take_it_back(story: Story) -> None:
    """A booking in doubt is looked for; a stop is released item by item; what was done is taken back, and that again."""
    story.mail("four.eml")
    run = max(story.store.live(Run), key=lambda one: one.at_us).id
    story.step(run, "extract", StepDone(output={"lead": True, "person": "Eve", "need": "room"}))
    story.step(run, "draft", StepDone(output={"text": "Dear Eve"}))
    args: Plain = {"room": "big", "day": "2026-12-01"}
    book = ProposedAction(connector="practice", verb="book", args=args, targets=(), summary="Book", why="asked")
    story.step(run, "send", StepDone(output={}, actions=(book, mail_to("eve@x.test"))))
    booked, mailed = sorted(story.store.live(Action), key=lambda one: one.seq)[-2:]
    for action in (booked, mailed):
        story.decide(action.id, "approve")
    story.tell(EngageStop(epoch=3, reason="look"))
    story.tell(ReleaseStop(epoch=4, reason="only this", actions=(booked.id,)))
    story.pass_time(9 * SECOND)
    story.tell(EffectAnswered(action=booked.id, outcome=failed("uncertain")), "effector")
    story.pass_time(2 * SECOND)
    there = EffectDone(result={"booking": "b1", "day": "2026-12-01"}, already=True)
    story.tell(EffectAnswered(action=booked.id, outcome=there), "effector")
    story.tell(LetGo(actions=(mailed.id,)))
    story.tell(Undo(scope=f"run:{run}", reason="wrong week"))
    (back,) = [one.id for one in story.store.live(Action) if one.compensates == booked.id]
    story.decide(back, "approve")
    story.pass_time(9 * SECOND)
    story.tell(EffectAnswered(action=back, outcome=there), "effector")


LIMITED = """
name: limited
budget: {tokens: 100, over: escalate}
steps:
  - {id: a, agent: x, retry: {times: 0}, uses: {tokens: 40}, on_failure: {reroute: y}}
  - {id: b, agent: x, needs: [a], uses: {tokens: 40}}
"""


def _run_into_limits(story: Story) -> None:
    """An agent fails until its breaker opens, one waits for another, a budget is used up and raised, nobody looks."""
    file = AssetFile(asset_kind="playbook", name="limited", path="l", text=LIMITED, hash=text_hash(LIMITED))
    story.tell(LoadAssets(files=(file,)))
    rules = (Limit(of="agent:*", at_once=1, caps=(Cap(per="hour", most=Amounts(calls=50)),)),)
    story.tell(ConfigureLimits(rules=rules, breaker_failures=3, escalate_us=3_600 * SECOND))
    for id in ("l1", "l2"):
        story.tell(StartRun(playbook="limited", run_id=id))
    story.step("l1", "a", failed("crash"))
    story.step("l2", "a", StepDone(output={}, used=Amounts(tokens=70)))
    story.step("l1", "a", failed("permanent"))
    for id in ("l3", "l4", "l5"):
        story.tell(StartRun(playbook="limited", run_id=id))
        story.step(id, "a", failed("crash"))
    story.tell(RaiseBudget(scope="run:l2", per="ever", more=Amounts(tokens=20), reason="worth it"))
    story.pass_time(31 * SECOND)
    story.step("l2", "b", StepDone(output={}))
    story.tell(SetBudget(run="l3", caps=()))
    story.pass_time(2 * 3_600 * SECOND)
    (letter,) = [one.id for one in story.store.live(DeadLetter) if one.run == "l1"]
    story.tell(ResolveDeadLetter(id=letter, remedy="edit", input={"to": "Ines"}))


def _work_in_runs(story: Story) -> None:
    """A run with children, an answer, a question and a run within it: late, deferred, edited, failed and opened again."""
    story.tell(StartRun(playbook="whole", run_id="w", inputs={"names": ["Ada", "Bob"]}))
    opens_us = story.run_of("w").opens_us
    story.pass_time((opens_us or 0) - story.now_us)  # Its promise passes, its window opens.
    story.tell(ReassignStep(id="w", step="each[0]", agent="qualifier", reason="knows her"))
    story.step("w", "each[0]", StepDone(output={}))
    story.step("w", "each[1]", StepDone(output={}))
    story.step("w", "send", StepDone(output={}, actions=(mail_to("ada@x.test"),)))
    (sent,) = [action.id for action in story.store.live(Action) if action.run == "w"]
    story.decide(sent, "approve")
    story.pass_time(9 * SECOND)
    story.tell(EffectAnswered(action=sent, outcome=EffectDone(result={"message_id": "<w@x.test>"})), "effector")
    story.pass_time(6 * 86_400 * SECOND)  # Nothing moves, but the wait for an answer has its own end.
    story.mail("answer.eml", in_reply_to="<w@x.test>")
    story.tell(ExamineRuns())
    story.answer_gate("w/ask")
    child = story.run_of("w").steps["call"].child
    story.step(child, "work", failed("permanent"))
    story.tell(EditStep(id=child, step="work", output={"made": 1}, reason="made it myself"))
    story.tell(StartRun(playbook="part", run_id="idle"))
    story.tell(SteerRun(id="idle", verb="kill"))


def _trust(story: Story) -> None:
    """Permissions that end in each way, levels given and taken, a place that may receive what is private."""
    ends = story.now_us + 60 * SECOND
    for _ in range(2):
        story.tell(GivePermission(agent="composer", action="mail.send", to=("known",), uses_max=1, expires_us=ends))
    story.tell(RevokePermission(id="g1"))
    story.pass_time(61 * SECOND)
    story.tell(SetAutonomy(agent="composer", action="mail.send", level="suggest"))


def _plan_ahead(story: Story) -> None:
    """A schedule of every policy, a task of every kind of change, an objective that is paused with what is below it."""
    day = 86_400 * SECOND
    text = "name: errand\ninputs: {x: {type: string}}\nsteps: [{id: wait, wait: {signal: go}}]\n"
    file = AssetFile(
        asset_kind="playbook", name="errand", path="playbooks/errand.yaml", text=text, hash=text_hash(text)
    )
    story.tell(LoadAssets(files=(file,)))
    story.tell(PutObjective(title="more clients"))
    story.tell(PutObjective(title="a new site", parent="obj1"))
    story.tell(StartRun(playbook="errand", run_id="for-site", inputs={"x": "1"}))
    story.tell(Attach(entity="run:for-site", objective="obj2"))
    waits: Plain = {"playbook": "errand", "inputs": {"x": "${schedule.date}"}, "zone": "America/New_York"}
    story.tell(PutSchedule(id="skips", every="7h", **waits))  # type: ignore[arg-type]  # Fields by name.
    story.tell(PutSchedule(id="queues", cron="30 2 * * *", overlap="queue", **waits))  # type: ignore[arg-type]
    story.tell(PutSchedule(id="hears", after="task.overdue", playbook="errand", inputs={"x": "${task.nothing}"}))
    story.tell(
        PutTask(title="launch", parent="obj2", accept=True, due_us=story.now_us + 2 * day, criteria=("it is up",))
    )
    for _ in range(3):
        story.pass_time(day)
    story.tell(PutTask(id="t1", state="done"), actor="script")
    story.tell(DecideTask(id="t1", accept=False, reason="not yet"))
    story.tell(PutTask(id="t1", state="done", note="now"))
    story.tell(DecideTask(id="t1", accept=True))
    story.tell(PutObjective(id="obj1", state="paused"))
    story.tell(DecideReplan(id="obj1", confirm=True))
    story.tell(SteerSchedule(id="skips", verb="pause"))
    story.tell(SteerSchedule(id="skips", verb="resume"))
    story.tell(SteerSchedule(id="skips", verb="remove"))
    story.tell(PutObjective(id="obj1", state="open"))
    story.tell(DecideReplan(id="obj1", confirm=False))


def state_of(store: InMemoryStore) -> dict[str, str]:
    """Where things stand, in a word each, in terms that outlive changes of detail."""
    runs = {f"run:{run.id}": run.status for run in store.scan(Run)}
    return runs | {f"action:{action.id}": action.status for action in store.scan(Action)}


def digest(events: list[Event]) -> str:
    return hashlib.blake2b(msgspec.msgpack.encode(events), digest_size=32).hexdigest()


def main() -> None:
    story = tell_all()
    if sys.argv[1:] == ["write"]:
        GOLDEN.write_bytes(msgspec.msgpack.encode(History(events=story.events(), state=state_of(story.store))))
    print(digest(story.events()))


if __name__ == "__main__":
    main()
