"""What a run asked models is forgotten with it, and so is whoever was given its answers."""

from __future__ import annotations

from tests.daemon.core.model_bench import SMALL, ModelBench, asks, reply

from quarterdeck_daemon.core.entities import KnownAnswer, ModelCall, Run
from quarterdeck_daemon.core.orders import StepDone
from quarterdeck_daemon.core.subjects import subject_of, subject_of_entity
from quarterdeck_daemon.service.forget_plan import Wanted, make_plan


def asked(bench: ModelBench, run: str, prompt: str) -> None:
    bench.start(run)
    bench.tell(asks(prompt), run)
    call = bench.calls()[-1]
    if call.live:
        bench.answer(call.id, reply("Dear Ines"))
    bench.tell(StepDone(output={}), run)


async def test_a_person_is_found_in_questions_and_in_answers_and_whoever_reused_them_goes_too() -> None:
    bench = ModelBench(SMALL)
    asked(bench, "q", "write to Ines Moreau")
    asked(bench, "r", "write to Ines Moreau")
    asked(bench, "s", "write to nobody")
    plan = await make_plan(bench.store, Wanted(identifiers=("Ines Moreau",)))
    gone = set(plan.removal.entities)
    assert {"run:q", "run:r", "model_call:c1", "model_call:c2"} <= gone
    assert not gone & {"run:s", "model_call:c3"}


def test_question_answer_and_the_key_to_it_are_sealed_with_the_run() -> None:
    bench = ModelBench(SMALL)
    asked(bench, "q", "write to Ines")
    told = [event for event in bench.store.events() if event.kind.startswith("model.")]
    assert {subject_of(event) for event in told} == {"run:q"}
    values = [*bench.store.scan(ModelCall), *bench.store.scan(KnownAnswer), *bench.store.scan(Run)]
    assert {subject_of_entity(one) for one in values} == {"run:q"}
    assert len(values) == 4  # The key by the name of the model, too, from before its content was known.
