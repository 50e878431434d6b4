"""A log with questions to models, recorded once: it is read as it always was.

`python -m tests.daemon.core.test_model_golden` records it under its name; do that only under a new one, when a meaning has
changed.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from quarterdeck_daemon.core.commands import AskModelNow, CancelCall
from quarterdeck_daemon.core.entities import Amounts, Cap, Limit, Plain
from quarterdeck_daemon.core.kernel import fold
from quarterdeck_daemon.core.orders import ModelRequest, StepDone
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.events import Event

from .model_bench import BIG, SECRET, SMALL, ModelBench, asks, failed, reply

GOLDEN = Path(__file__).parents[2] / "golden" / "model_history.msgpack"
KINDS = ("model_call", "known_answer", "model_day", "model_identity", "models", "meter", "reservation", "run")


class Golden(msgspec.Struct):
    """events: the log.  state: each value that it leads to, by `kind:id`, defaults left out."""

    events: list[Event]
    state: dict[str, Plain]


def story() -> ModelBench:
    """Answered, known, waited for, refused, tried elsewhere, failed, cancelled; within a run and outside."""
    day = Cap(per="day", most=Amounts(calls=50, tokens=100_000, money=5_000))
    limits = (Limit(of="workspace", caps=(day,)), Limit(of="model:small", at_once=1))
    bench = ModelBench(SMALL, BIG, routes={"judge": "big"}, limits=limits)
    bench.start("q")
    bench.tell(asks("one", "two"), "q")
    bench.answer("c1")
    bench.answer("c2")
    bench.tell(asks("secret", labels=SECRET), "q")
    bench.answer("c3", failed())
    bench.answer("c3", failed())
    bench.tell(StepDone(output={"text": "done"}), "q")
    bench.start("r", mode="exploratory")
    bench.tell(asks("one"), "r")
    bench.tell(asks("which?", purpose="judge", choices=("a", "b")), "r")
    bench.answer("c5", reply(model="big-9", tokens_in=3_000, tokens_out=0))
    bench.tell(StepDone(output={}), "r")
    bench.start("s")
    bench.tell(asks("one"), "s")
    bench.do(AskModelNow(request=ModelRequest(purpose="draft", prompt="by hand", temperature=1.0)))
    bench.do(CancelCall(call="c7"))
    return bench


def folded(events: list[Event]) -> dict[str, Plain]:
    draft = Draft(InMemoryStore())
    for event in events:
        fold(draft, event)
    return {
        f"{kind}:{id}": msgspec.to_builtins(entity)
        for (kind, id), entity in sorted(draft.puts.items())
        if kind in KINDS
    }


def test_a_recorded_log_leads_to_the_state_that_it_always_led_to() -> None:
    golden = msgspec.msgpack.decode(GOLDEN.read_bytes(), type=Golden)
    found = msgspec.msgpack.decode(msgspec.msgpack.encode(folded(golden.events)), type=dict[str, Plain])
    assert found == golden.state


def test_the_recorded_log_has_every_kind_of_event_about_models() -> None:
    golden = msgspec.msgpack.decode(GOLDEN.read_bytes(), type=Golden)
    kinds = {event.kind for event in golden.events}
    assert kinds >= {
        "models.configured", "model.asked", "model.routed", "model.queued", "model.answered", "model.reused",
        "model.refused", "model.failed", "model.cancelled", "step.asking", "step.replied",
    }  # fmt: skip


def test_the_same_story_is_told_in_the_same_events_today() -> None:
    """A difference means that decisions changed: right, perhaps, but to be seen."""
    golden = msgspec.msgpack.decode(GOLDEN.read_bytes(), type=Golden)
    now = [event.kind for event in story().store.events()]
    assert now == [event.kind for event in golden.events]


if __name__ == "__main__":
    recorded = msgspec.msgpack.encode(list(story().store.events()))
    events = msgspec.msgpack.decode(recorded, type=list[Event])
    GOLDEN.write_bytes(msgspec.msgpack.encode(Golden(events=events, state=folded(events))))
