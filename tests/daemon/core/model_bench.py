"""A bench with models: a playbook whose agents ask, and answers given as the rim would give them."""

from __future__ import annotations

from quarterdeck_daemon.core.commands import (
    ConfigureLimits,
    ConfigureModels,
    ModelAnswered,
    Needs,
    StartRun,
    StepAnswered,
)
from quarterdeck_daemon.core.entities import Limit, Mode, ModelCall, ModelSpec, Plain, Run, Step
from quarterdeck_daemon.core.orders import Failed, Failure, FailureClass, ModelReply, ModelRequest, StepAsks, StepDone
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels

from .core_bench import Bench

PLAYBOOK = "name: lead\nsteps:\n  - {id: a, agent: x, timeout: 10s}\n"
SMALL = ModelSpec(name="small", backend="scripted")
BIG = ModelSpec(
    name="big", backend="openai", tier=2, remote=True, price_in=200, price_out=800, context_tokens=100_000
)
SECRET = Labels(sensitivity="secret")


def asks(*prompts: str, purpose: str = "draft", **more: object) -> StepAsks:
    return StepAsks(
        requests=tuple(ModelRequest(purpose=purpose, prompt=prompt, **more) for prompt in prompts)  # type: ignore[arg-type]
    )


def reply(text: str = "yes", *, model: str = "small-1f0c", tokens_in: int = 10, tokens_out: int = 5) -> ModelReply:
    return ModelReply(model=model, text=text, tokens_in=tokens_in, tokens_out=tokens_out, ms=12.0)


def failed(failure: FailureClass = "crash", code: str = "unavailable") -> Failed:
    return Failed(failure=Failure(failure=failure, code=code, message="it died"))


class ModelBench(Bench):
    """Runs of one step that asks."""

    def __init__(
        self, *specs: ModelSpec, playbook: str = PLAYBOOK, routes: dict[str, str] | None = None,
        mode: Mode = "creative", limits: tuple[Limit, ...] = (), answers_max: int = 10_000,
    ) -> None:  # fmt: skip
        super().__init__(playbook=playbook)
        self.pass_time(-self.now_us % 86_400_000_000)  # A day begins.
        self.do(ConfigureModels(specs=specs, routes=routes or {}, mode=mode, answers_max=answers_max))
        self.do(ConfigureLimits(rules=limits))

    def start(self, id: str = "q", **more: object) -> Run:
        self.do(StartRun(playbook="lead", run_id=id, **more))  # type: ignore[arg-type]
        return self.run(id)

    def run(self, id: str = "q") -> Run:
        found = self.store.get(Run, id)
        assert found is not None
        return found

    def step(self, run: str = "q", step: str = "a") -> Step:
        return self.run(run).steps[step]

    def tell(self, outcome: StepAsks | StepDone | Failed, run: str = "q", step: str = "a") -> Plain:
        one = self.step(run, step)
        command = StepAnswered(run=run, step=step, attempt=one.attempts, outcome=outcome, replies=len(one.calls))
        return self.do(command, actor="worker")

    def calls(self) -> list[ModelCall]:
        return sorted(self.store.scan(ModelCall), key=lambda call: int(call.id[1:]))

    def call(self, id: str) -> ModelCall:
        found = self.store.get(ModelCall, id)
        assert found is not None
        return found

    def answer(self, id: str, outcome: ModelReply | Failed | None = None) -> Plain:
        command = ModelAnswered(call=id, attempt=self.call(id).tries, outcome=outcome or reply())
        return self.do(command, actor="model")

    def orders(self) -> list[Needs]:
        """What the rim would send to models now."""
        return self.needs("ask")

    def events(self, kind: str) -> list[Event]:
        return [event for event in self.store.events() if event.kind == kind]
