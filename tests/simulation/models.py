"""The models of the simulation: a near one and one elsewhere, which fail like anything else and count what they see."""

from __future__ import annotations

from quarterdeck_daemon.core.entities import ModelCall, ModelSpec, Step
from quarterdeck_daemon.core.orders import (
    AskModel,
    Failed,
    Failure,
    ModelReply,
    ModelRequest,
    Order,
    Outcome,
    StepAsks,
)
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from .ledger import hold
from .world import Faults

MODELS = (
    ModelSpec(name="near", backend="scripted", call_s=30),
    ModelSpec(name="far", backend="openai", tier=2, remote=True, price_in=20_000, price_out=80_000, call_s=30),
)
ROUTES = {"draft": "far", "judge": "none"}
PROMPTS = ("one", "two", "three")
LABELS = (OPERATOR, OPERATOR, EXTERNAL, Labels(sensitivity="secret"))
TURNS_MAX = 3


class Host:
    """Answers what it is sent. `answered`: what it said to each call."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.said: dict[str, set[str]] = {}

    def do(self, order: Order, call: ModelCall) -> Outcome:
        work = order.work
        assert isinstance(work, AskModel), "only questions come here"
        spec = next(one for one in MODELS if one.name == work.model)
        secret = work.request.labels.sensitivity == "secret"
        hold(not (spec.remote and secret), f"{call.id} is secret and went to {spec.name}")
        if self._faults.hit(0.25):
            kind = self._faults.chance.choice(("crash", "timeout", "transient", "permanent", "contract", "stopped"))
            return Failed(failure=Failure(failure=kind, code="unavailable", message=kind))  # type: ignore[arg-type]
        text = f"{work.request.prompt}, said {self._faults.chance.randint(1, 10**6)}"
        self.said.setdefault(call.id, set()).add(text)
        return ModelReply(
            model=f"{spec.name}-1f0c", text=text, tokens_in=20, tokens_out=self._faults.chance.randint(1, 40), ms=5.0
        )


def questions(faults: Faults, step: Step, purposes: tuple[str, ...]) -> StepAsks | None:
    """What an agent asks in this turn. Now and then one asks though nobody would answer."""
    wants = faults.chance.random() < (0.5 if "draft" in purposes else 0.02)
    if faults.calm or not wants or len(step.calls) >= TURNS_MAX:
        return None
    count = faults.chance.choice((1, 1, 2))
    return StepAsks(requests=tuple(_question(faults) for _ in range(count)))


def _question(faults: Faults) -> ModelRequest:
    return ModelRequest(
        purpose=faults.chance.choice(("draft", "draft", "draft", "judge")),
        prompt=faults.chance.choice(PROMPTS),
        tokens_max=64,
        temperature=faults.chance.choice((0.0, 0.0, 0.0, 1.0)),
        labels=faults.chance.choice(LABELS),
        value_minor=faults.chance.choice((0, 1_000)),
    )
