"""The table of methods, its params and the specification made from it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_protocol import params, reference, results
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.messages import METHODS, ROLES, Role, may_call, method_of, parse_params, role_of

WHOLE_WORKSPACE = ("rewind", "fork")  # They are about everything, so no noun stands before them.
README = Path(__file__).parents[2] / "protocol" / "README.md"
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def refusal(method: str, value: dict[str, object]) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as caught:
        parse_params(method_of(method), value)
    return caught.value


def test_the_specification_holds_the_table_as_generated() -> None:
    text = README.read_text(encoding="utf-8")
    between = text.split(reference.BEGIN)[1].split(reference.END)[0]
    assert between.strip() == reference.reference().strip()


def test_every_params_struct_refuses_unknown_fields_and_every_result_ignores_them() -> None:
    for name, method in METHODS.items():
        assert method.params.__struct_config__.forbid_unknown_fields, name
        assert not method.result.__struct_config__.forbid_unknown_fields, name


def test_every_method_is_a_noun_and_a_verb_with_a_sentence() -> None:
    for name, method in METHODS.items():
        assert method.doc.endswith("."), name
        if name in WHOLE_WORKSPACE:
            continue
        noun, dot, verb = name.partition(".")
        assert noun.isalpha(), name
        assert dot, name
        assert verb.replace("_", "").isalpha(), name


def test_reads_of_state_take_as_of_and_lists_are_paged() -> None:
    for name in ("memory.get", "memory.search", "fact.get", "fact.query", "run.get", "run.list", "action.get"):
        assert issubclass(METHODS[name].params, params.Read), name
    for name, method in METHODS.items():
        if name.endswith(".list"):
            assert issubclass(method.params, params.Listing), name
            assert issubclass(method.result, results.Page), name


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        ("observer", "memory.search", "memory.remember"),
        ("script", "memory.search", "memory.remember"),
        ("editor", "memory.remember", "approval.decide"),
        ("editor", "stop.engage", "stop.release"),
        ("operator", "system.shutdown", None),
    ],
)
def test_a_role_may_do_what_the_specification_says(role: Role, allowed: str, refused: str | None) -> None:
    assert may_call(role, METHODS[allowed])
    assert refused is None or not may_call(role, METHODS[refused])


def test_no_role_may_do_more_than_the_next_one() -> None:
    for method in METHODS.values():
        allowed = [may_call(role, method) for role in ROLES]
        assert allowed == sorted(allowed)
        assert allowed[-1]


def test_observers_and_scripts_change_nothing() -> None:
    assert [name for name, method in METHODS.items() if method.changes and may_call("script", method)] == []


def test_a_word_that_is_no_role_is_refused() -> None:
    assert role_of("editor") == "editor"
    with pytest.raises(QuarterdeckError):
        role_of("root")


def test_an_unknown_method_is_answered_with_the_nearest() -> None:
    with pytest.raises(QuarterdeckError) as caught:
        method_of("memory.serch")
    assert (caught.value.code, caught.value.hint) == ("unknown_method", "Did you mean memory.search?")


@pytest.mark.parametrize(
    ("method", "value", "word"),
    [
        ("memory.search", {}, "query"),
        ("memory.search", {"query": "x", "colour": "red"}, "colour"),
        ("memory.search", {"query": "x", "limit": 0}, "limit"),
        ("memory.search", {"query": "x", "limit": 1001}, "limit"),
        ("memory.search", {"query": "x", "as_of": 1.5}, "as_of"),
        ("memory.search", {"query": "x", "as_of": True}, "as_of"),
        ("memory.remember", {"text": "x", "tier": "cellar"}, "tier"),
        ("memory.remember", {"text": "x", "labels": {"integrity": "root"}}, "integrity"),
        ("memory.remember", {"text": "x" * 500_001}, "text"),
        ("approval.decide", {"items": [], "decision": "approve"}, "items"),
        ("approval.decide", {"items": [{"id": "a1"}], "decision": "approve"}, "shown_hash"),
        ("approval.decide", {"items": [{"id": "a1", "shown_hash": "x"}], "decision": "yes"}, "decision"),
        ("fact.put", {"kind": "client", "key": "k", "value": []}, "value"),
        ("timeline.read", {"filter": {"kind": "x"}}, "kind"),
    ],
)
def test_params_that_do_not_fit_are_named(method: str, value: dict[str, object], word: str) -> None:
    error = refusal(method, value)
    assert error.code == "schema"
    assert word in error.message


def test_a_document_is_taken_as_bytes() -> None:
    value: dict[str, object] = {"document": b"\x00raw", "media_type": "text/plain", "name": "a.txt"}
    assert parse_params(METHODS["memory.remember"], value) == params.MemoryRemember(
        document=b"\x00raw", media_type="text/plain", name="a.txt"
    )


@given(st.sampled_from(sorted(METHODS)), st.dictionaries(st.text(max_size=8), PLAIN, max_size=4))
def test_any_params_are_typed_or_refused(name: str, value: dict[str, object]) -> None:
    try:
        typed = parse_params(METHODS[name], value)
    except QuarterdeckError as error:
        if error.code == "schema":
            return
        raise
    assert msgspec.to_builtins(typed).keys() <= set(METHODS[name].params.__struct_fields__)
