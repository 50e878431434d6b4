"""What models cost is added up from the log, by whom it was for; and what known answers saved."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.entities import Amounts, ModelDay, Plain
from quarterdeck_daemon.core.orders import StepDone
from quarterdeck_daemon.service.costs import Account, forecast, models_report, money_today

from .core_bench import rebuilt
from .model_bench import BIG, ModelBench, asks, failed, reply

DAY = 86_400_000_000


def paid(bench: ModelBench, run: str, prompt: str, tokens: int = 100_000) -> None:
    """One run that asks once: 100,000 tokens in and out cost 20 + 80."""
    bench.start(run)
    bench.tell(asks(prompt, tokens_max=1_000), run)
    call = bench.calls()[-1]
    if call.live:
        bench.answer(call.id, reply(model="big-1", tokens_in=tokens, tokens_out=tokens))
    bench.tell(StepDone(output={}), run)


def lines(bench: ModelBench) -> dict[str, tuple[int, int, str]]:
    account = Account(bench.store)
    for event in bench.store.events(reverse=True):
        account.take(event)
    found = account.report(complete=True)
    items = found["items"]
    assert isinstance(items, list)
    rows: list[Plain] = [{"id": "", **found}, *items]
    return {str(row["id"]): (row["calls"], row["tokens"], row["money"]) for row in rows}  # type: ignore[misc]


@pytest.fixture
def bench() -> ModelBench:
    return ModelBench(BIG, routes={"draft": "big"})


def test_a_call_is_told_by_agent_run_model_purpose_and_outcome(bench: ModelBench) -> None:
    paid(bench, "q", "one")
    paid(bench, "r", "two")
    assert lines(bench) == {
        "": (4, 400_000, "2.00"),
        "agent:x": (4, 400_000, "2.00"),
        "run:q": (2, 200_000, "1.00"),
        "run:r": (2, 200_000, "1.00"),
        "model:big": (2, 400_000, "2.00"),
        "purpose:draft": (2, 400_000, "2.00"),
        "outcome:succeeded": (4, 400_000, "2.00"),
    }


def test_a_known_answer_costs_nothing_and_says_what_it_saved(bench: ModelBench) -> None:
    paid(bench, "q", "the same")
    paid(bench, "r", "the same")
    told = models_report(bench.store, bench.now_us, bench.now_us)
    assert (told["calls"], told["reused"], told["hit_rate"], told["money"]) == (1, 1, 0.5, "1.00")
    assert told["saved"] == {"tokens": 200_000, "seconds": 0.012, "money": "1.00"}
    assert lines(bench)["run:r"] == (1, 0, "0")


def test_the_forecast_is_what_was_used_times_the_rest_of_the_month(bench: ModelBench) -> None:
    """The bench begins on 22 September; after two more days 24 of 30 days have passed at its end."""
    from quarterdeck_daemon.core.limits import began, ends

    paid(bench, "q", "one")
    passed, end = bench.now_us - began("month", bench.now_us), ends("month", bench.now_us)
    assert end is not None
    length = end - began("month", bench.now_us)
    told = forecast(bench.store, bench.now_us)
    assert told["money"] == f"{round(100 * length / passed) / 100:.2f}"
    assert "times the length of the month" in str(told["method"])
    bench.pass_time(40 * DAY)
    assert forecast(bench.store, bench.now_us)["money"] == "0"


def test_today_is_today_in_utc(bench: ModelBench) -> None:
    paid(bench, "q", "one")
    assert money_today(bench.store, bench.now_us) == "1.00"
    bench.pass_time(DAY)
    assert money_today(bench.store, bench.now_us) == "0"


def test_what_failed_is_counted_and_the_days_follow_from_the_log(bench: ModelBench) -> None:
    bench.start()
    bench.tell(asks("one", tokens_max=1_000))
    for _ in range(2):
        bench.answer("c1", failed())
    day = next(bench.store.scan(ModelDay))
    assert (day.failed, day.calls) == (1, 0)
    assert rebuilt(bench.store).get(ModelDay, day.id) == day


def test_a_step_that_asked_is_not_charged_again_for_what_its_models_used() -> None:
    from quarterdeck_daemon.core.entities import Cap, Limit, Meter

    playbook = "name: lead\nsteps:\n  - {id: a, agent: x, uses: {tokens: 5000}}\n"
    limit = Limit(of="workspace", caps=(Cap(per="day", most=Amounts(tokens=1_000_000)),))
    bench = ModelBench(BIG, routes={"draft": "big"}, limits=(limit,), playbook=playbook)
    paid(bench, "q", "one", tokens=500)
    meter = bench.store.get(Meter, "workspace")
    assert meter is not None
    assert meter.spans["day"].used.tokens == 1_000
