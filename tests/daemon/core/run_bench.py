"""Runs on a bench: several playbooks, answers of agents, and a look at how things stand."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import AssetFile, Choice, DecideApprovals, LoadAssets, StartRun, StepAnswered
from quarterdeck_daemon.core.entities import Plain, Run, Step
from quarterdeck_daemon.core.gates import gate_of
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.orders import Failed, Failure, FailureClass, Outcome, ProposedAction, StepDone

from .core_bench import POLICY, Bench, rebuilt

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


class RunBench(Bench):
    """Each text is a playbook; the first one is called `lead`, the others by their names."""

    def __init__(self, *texts: str, policy: str = POLICY) -> None:
        super().__init__(playbook=texts[0], policy=policy)
        self.load(*texts)

    def load(self, *texts: str) -> None:
        playbooks = [_file("playbook", _name(text), text) for text in texts]
        self.do(LoadAssets(files=(*playbooks, _file("policy", "mail", POLICY))))

    def start(self, playbook: str = "lead", run: str = "q", **inputs: object) -> None:
        self.do(StartRun(playbook=playbook, run_id=run, inputs=inputs))

    def run(self, id: str = "q") -> Run:
        run = self.store.get(Run, id)
        assert run is not None, f"there is a run {id}"
        return run

    def step(self, step: str, run: str = "q") -> Step:
        return self.run(run).steps[step]

    def states(self, run: str = "q") -> dict[str, str]:
        found = self.run(run)
        return {"run": found.status, **{id: step.status for id, step in found.steps.items()}}

    def answer(self, step: str, outcome: Outcome | None = None, *, run: str = "q", **output: object) -> Plain:
        attempt = self.step(step, run).attempts
        outcome = outcome or StepDone(output=output)
        return self.do(StepAnswered(run=run, step=step, attempt=attempt, outcome=outcome), actor="worker")

    def word(self, step: str, decision: str, *, run: str = "q", shown: str = "", **more: object) -> Plain:
        """The operator's word on a gate as it stands, or as `shown`. Returns its item of the answer."""
        gate = gate_of(self.store, f"{run}/{step}")
        choice = Choice(id=f"{run}/{step}", shown_hash=shown or (gate.shown_hash if gate is not None else "none"))
        return self.do(DecideApprovals(items=(choice,), decision=decision, **more))["items"][0]  # type: ignore[arg-type,index,no-any-return]  # One item.

    def input_of(self, step: str, run: str = "q") -> object:
        event = self.store.event(self.step(step, run).input_seq)
        assert event is not None, f"step {step} was started"
        return event.body["input"]

    def check_refold(self) -> None:
        """The state is the fold of the log."""
        folded = rebuilt(self.store)
        assert {key: self.store.get(type(one), one.id) for key, one in folded.puts.items()} == folded.puts


def playbook(*steps: str, name: str = "lead", **top: str) -> str:
    heads = "".join(f"{key}: {value}\n" for key, value in top.items())
    return f"name: {name}\n{heads}steps:\n" + "".join(f"  - {step}\n" for step in steps)


def failed(failure: FailureClass = "permanent", code: str = "internal") -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message="broken"))


def mail(to: str = "a@example.test", **output: object) -> StepDone:
    args: Plain = {"to": [to], "subject": "s", "body": "b"}
    action = ProposedAction(connector="mail", verb="send", args=args, targets=(), summary="", why="")
    return StepDone(output=output, actions=(action,))


def _name(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("name:")).removeprefix("name:").strip()


def _file(kind: str, name: str, text: str) -> AssetFile:
    return AssetFile(asset_kind=kind, name=name, path=f"{kind}/{name}", text=text, hash=text_hash(text))
