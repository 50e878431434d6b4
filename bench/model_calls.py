"""What does the kernel cost around a model: choosing one, recording a question, and an answer that is known already?

Method   route: the pure choice among eight models, one of them barred. record: a question decided, recorded, routed and
         reserved for in the core over the store in memory. known: `model.ask` over the wire of a real house, for a question
         that a scripted model has answered before; floor: a note, as durable, the same way there and back. The wire's figures take
         turns with their floor; median of each.
Excludes what a model takes to answer (models.py).
Run      python bench/model_calls.py [--quick]
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

from house import CONFIG, running_house
from lines import is_quick, report

from quarterdeck_daemon.core.commands import AskModelNow, ConfigureModels
from quarterdeck_daemon.core.entities import Models, ModelSpec
from quarterdeck_daemon.core.kernel import decide
from quarterdeck_daemon.core.orders import ModelRequest
from quarterdeck_daemon.core.routing import Wanted, route
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store.in_memory import InMemoryStore

SPECS = tuple(ModelSpec(name=f"model{n}", backend="scripted", tier=1 + n % 2, price_in=n) for n in range(8))
SCRIPT = "answers:\n  - purpose: draft\n    text: Dear Ana, thank you.\n"
SETTINGS = f"""{CONFIG}
[models.small]
backend = "scripted"
file = "script.yaml"
"""
PROMPT = "Answer this mail. " * 100


def measured(work: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1_000)
    return took


def routing(times: int) -> None:
    models = Models(id="workspace", specs=SPECS)
    wanted = Wanted(purpose="draft", tokens_in=500, tokens_out=500, value_minor=3)
    took = measured(
        lambda: route(models, wanted, lambda spec: "keeps failing" * (spec.name == "model2"), lambda spec: ""), times
    )
    report("model_calls", "route_p50", statistics.median(took), "ms", n=times)


def recording(times: int) -> None:
    store = InMemoryStore()

    def do(command: ConfigureModels | AskModelNow) -> None:
        now_us = 1_790_000_000_000_000 + store.head.seq
        decision = decide(store, command, Env(now_us=now_us), head=store.head.seq, actor="operator")
        store.append([decision.commit])

    do(ConfigureModels(specs=SPECS))
    questions = iter(range(times))
    took = measured(
        lambda: do(AskModelNow(request=ModelRequest(purpose="draft", prompt=f"{PROMPT}{next(questions)}"))), times
    )
    report("model_calls", "record_p50", statistics.median(took), "ms", n=times)


def known(times: int) -> None:
    with running_house({"quarterdeck.toml": SETTINGS, "script.yaml": SCRIPT}) as house, house.client() as client:
        params = {"purpose": "draft", "prompt": PROMPT}
        assert not client.call("model.ask", params).result["cached"], "the first is computed"
        numbers = itertools.count()
        asked: list[float] = []
        there: list[float] = []
        for _ in range(times // 20):
            there += measured(lambda: client.call("memory.remember", {"text": f"note {next(numbers)}"}), 20)
            asked += measured(lambda: client.call("model.ask", params), 20)
        assert client.call("model.ask", params).result["cached"], "all others are known"
    floor = statistics.median(there)
    report("model_calls", "known_p50", statistics.median(asked), "ms", floor=floor, n=len(asked))


def main() -> None:
    quick = is_quick("What the kernel costs around a model.")
    routing(2_000 if quick else 20_000)
    recording(200 if quick else 1_000)
    known(200 if quick else 1_000)


if __name__ == "__main__":
    main()
