"""Who answers what: a pure function of the question, the settings and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_daemon.core.entities import Models, ModelSpec
from quarterdeck_daemon.core.prices import PER, Price, money_of, price_of
from quarterdeck_daemon.core.routing import Wanted, open_purposes, route
from quarterdeck_daemon.service.model_rules import Asking, models_command
from quarterdeck_daemon.service.model_settings import ModelSetting, spec_of
from quarterdeck_protocol.labels import Labels, Sensitivity

SMALL = ModelSpec(name="small", backend="scripted")
OTHER = ModelSpec(name="other", backend="scripted")
NEAR = ModelSpec(name="near", backend="openai", tier=2)
FAR = ModelSpec(name="far", backend="openai", tier=2, remote=True, price_in=200, price_out=800, context_tokens=9_999)
ALL = (SMALL, OTHER, NEAR, FAR)


def free(spec: ModelSpec) -> str:
    return ""


def models(*specs: ModelSpec, **routes: str) -> Models:
    return Models(id="workspace", specs=specs or ALL, routes=routes)


def chosen(found: Models, wanted: Wanted, closed: str = "", full: str = "") -> str:
    def at(name: str, why: str) -> Callable[[ModelSpec], str]:
        return lambda spec: why if spec.name == name else ""

    model = route(found, wanted, at(closed, "keeps failing"), at(full, "is used up")).model
    return model.name if model is not None else ""


DRAFT = Wanted(purpose="draft", tokens_in=100, tokens_out=100)


def wanted(**more: object) -> Wanted:
    return Wanted(**{**{"purpose": "draft", "tokens_in": 100, "tokens_out": 100}, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "question", "who"),
    [
        (models(), DRAFT, "other"),
        (models(draft="small"), DRAFT, "small"),
        (models(draft="tier:2"), DRAFT, "near"),
        (models(draft="none"), DRAFT, ""),
        (models(draft="far"), DRAFT, "far"),
        (models(draft="none"), wanted(purpose="judge"), "other"),
        (models(), wanted(again=1), "near"),
        (models(), wanted(again=2), ""),
        (models(SMALL, FAR), wanted(value_minor=10), "far"),
        (models(SMALL, FAR), wanted(value_minor=9), "small"),
        (models(SMALL, NEAR), wanted(value_minor=1), "near"),
        (models(SMALL), wanted(tokens_in=2_000), ""),
        (models(SMALL, NEAR, FAR), wanted(tokens_in=2_000, value_minor=100), "far"),
        (models(ModelSpec(name="judge", backend="x", purposes=("judge",))), DRAFT, ""),
        (models(ModelSpec(name="away", backend="x", ready=False, problem="no file")), DRAFT, ""),
    ],
)
def test_the_purpose_the_worth_and_how_often_it_was_too_weak_name_the_model(
    found: Models, question: Wanted, who: str
) -> None:
    assert chosen(found, question) == who


@pytest.mark.parametrize(
    ("closed", "full", "who"),
    [("small", "", "other"), ("", "small", "other"), ("small", "other", "other"), ("", "", "small")],
)
def test_a_model_that_fails_or_is_used_up_is_passed_over_while_another_has_room(
    closed: str, full: str, who: str
) -> None:
    found = models(SMALL, OTHER, draft="small")
    assert chosen(found, DRAFT, closed, full) == who


def test_when_all_are_used_up_the_first_is_waited_for() -> None:
    found = route(models(SMALL, OTHER, draft="small"), DRAFT, free, lambda spec: "is used up")
    assert (found.model, found.waits) == (SMALL, True)


def test_a_tier_that_is_down_falls_to_lower_ones_and_upwards_only_where_it_costs_nothing() -> None:
    down = models(SMALL, FAR, draft="tier:2")
    assert chosen(down, DRAFT, closed="far") == "small"
    assert chosen(models(SMALL, FAR), DRAFT, closed="small") == ""
    assert chosen(models(SMALL, NEAR), DRAFT, closed="small") == "near"


def test_the_record_says_who_was_passed_over_and_why() -> None:
    found = route(models(SMALL, OTHER, draft="small"), DRAFT, lambda spec: "keeps failing" * (spec is SMALL), free)
    assert found.why == "the routes say small for draft; small keeps failing"
    assert found.alternatives == ("small keeps failing",)


SENSITIVITIES: tuple[Sensitivity, ...] = ("public", "private", "secret")
specs = st.builds(
    ModelSpec,
    name=st.sampled_from(("a", "b", "c", "d")),
    backend=st.just("scripted"),
    tier=st.integers(1, 2),
    remote=st.booleans(),
    price_in=st.integers(0, 10_000),
    price_out=st.integers(0, 10_000),
    ready=st.booleans(),
    sensitivity=st.sampled_from(SENSITIVITIES),
)


@given(
    st.lists(specs, max_size=4, unique_by=lambda spec: spec.name),
    st.sampled_from(("", "a", "tier:1", "tier:2", "none")),
    st.sampled_from(SENSITIVITIES),
    st.integers(0, 10_000),
    st.integers(0, 2),
    st.sets(st.sampled_from("abcd")),
    st.sets(st.sampled_from("abcd")),
)
def test_whatever_the_settings_secrets_stay_here_and_the_choice_is_one_that_may_answer(
    found: list[ModelSpec],
    rule: str,
    sensitivity: Sensitivity,
    value: int,
    again: int,
    closed: set[str],
    full: set[str],
) -> None:
    known = Models(id="workspace", specs=tuple(found), routes={"draft": rule} if rule else {})
    question = wanted(labels=Labels(sensitivity=sensitivity), value_minor=value, again=again)
    got = route(known, question, lambda s: "x" if s.name in closed else "", lambda s: "y" if s.name in full else "")
    if got.model is None:
        assert got.why
        return
    spec = got.model
    assert spec.ready
    assert spec.name not in closed
    assert not (spec.remote and sensitivity == "secret")
    assert SENSITIVITIES.index(sensitivity) <= SENSITIVITIES.index(spec.sensitivity)
    assert got.waits == (spec.name in full)
    assert (
        "draft" in open_purposes(known, question.labels, lambda s: "x" if s.name in closed else "") or value or again
    )


# --- prices ---------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5))
def test_money_is_whole_and_never_too_little(tokens_in: int, tokens_out: int, price_in: int, price_out: int) -> None:
    spec = ModelSpec(name="a", backend="x", price_in=price_in, price_out=price_out)
    exact = tokens_in * price_in + tokens_out * price_out
    assert exact <= money_of(spec, tokens_in, tokens_out) * PER < exact + PER


LISTED = (("gpt-4o", 250, 1000), ("gpt-4o-mini", 15, 60))


def test_the_longest_name_that_fits_has_the_price() -> None:
    table = [Price(match=name, price_in=low, price_out=high) for name, low, high in LISTED]
    found = [price_of(table, name) for name in ("gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", "of-our-own")]
    assert [(one.price_in, one.price_out) if one else None for one in found] == [(15, 60), (250, 1000), None]


# --- what the core is told ------------------------------------------------------------------------


def test_the_core_is_told_what_the_settings_say_with_prices_of_the_table() -> None:
    far = ModelSetting(backend="openai", url="https://models.example.com/v1", model="gpt-4o-mini", tier=2)
    own = ModelSetting(backend="openai", url="https://models.example.com/v1", model="gpt-4o", price_in=1, price_out=2)
    near = ModelSetting(backend="ctransformers", file="small.gguf")
    settings = {"far": far, "own": own, "near": near}
    specs = {name: spec_of(name, setting, "no key" if name == "own" else "") for name, setting in settings.items()}
    prices = (Price(match="gpt-4o-mini", price_in=15, price_out=60), Price(match="gpt-4o", price_in=9, price_out=9))
    told = models_command(Asking(mode="exploratory", currency="USD"), prices, specs, settings, {"draft": "far"})
    by_name = {spec.name: spec for spec in told.specs}
    assert (by_name["far"].price_in, by_name["far"].price_out) == (15, 60)
    assert (by_name["own"].price_in, by_name["own"].ready, by_name["own"].problem) == (1, False, "no key")
    assert (by_name["near"].price_in, by_name["near"].remote, by_name["near"].ready) == (0, False, True)
    assert (told.mode, told.routes, told.prices) == ("exploratory", {"draft": "far"}, "USD")
