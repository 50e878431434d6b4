"""Kinds: what a fact must look like, from the built-in models and from the operator's own schemas, in one way."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core import kind_versions
from quarterdeck_daemon.core.commands import AssetFile, LoadAssets, PutFact
from quarterdeck_daemon.core.entities import Fact, Plain
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.kind_schema import built_in, check_value, compiled, remarks_on
from quarterdeck_daemon.core.kinds import BUILT_IN, VERSIONS
from quarterdeck_daemon.store.codec import pack_entity
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import OPERATOR

from .fact_asking import Asking, Bench, asking

ROOT = Path(__file__).parents[3]
SUPPLIER = """{
  "type": "object", "x-version": 3, "additionalProperties": false, "required": ["name"],
  "properties": {"name": {"type": "string"}, "iban": {"type": "string", "format": "iban"},
                 "client": {"type": "string", "x-ref": ["client"]}}
}"""


def refusal(kind: str, value: Plain) -> QuarterdeckError | None:
    try:
        check_value([built_in(kind)], kind, value)
    except QuarterdeckError as error:
        return error
    return None


@pytest.mark.parametrize("kind", BUILT_IN)
def test_nothing_is_required_and_fields_of_ones_own_are_kept(kind: str) -> None:
    assert refusal(kind, {}) is None
    assert refusal(kind, {"something of my own": {"a": [1, None]}, "x": True}) is None
    assert refusal(kind, {"name": None}) is None


@pytest.mark.parametrize(
    ("kind", "value", "path", "said"),
    [
        ("contact", {"email": "ines.northwind"}, "email", "an e-mail address"),
        ("organisation", {"iban": "DE89370400440532013001"}, "iban", "check digits"),
        ("organisation", {"iban": "DE8937040044053201300"}, "iban", "IBAN"),
        ("client", {"currency": "EURO"}, "currency", "currency code"),
        ("client", {"contacts": "a@b.test"}, "contacts", "array"),
        ("client", {"contacts": ["a@b.test", 7]}, "contacts[1]", "string"),
        ("client", {"payment_days": -1}, "payment_days", "minimum"),
        ("client", {"since": "2026-02-30"}, "since", "a date or time"),
        ("client", {"since": "2026-02-03", "until": "2026-02-01"}, "until", "before since"),
        ("invoice", {"amount": "12o0"}, "amount", "not an amount"),
        ("invoice", {"amount": {"minor": 1.5}}, "amount", "not an amount"),
        ("invoice", {"amount": -1}, "amount", "below zero"),
        ("invoice", {"total": {"minor": -100, "currency": "EUR"}}, "total", "below zero"),
        ("invoice", {"issued": "2026-10-02", "due": "2026-10-01"}, "due", "before issued"),
        ("invoice", {"type": "bill"}, "type", "credit note"),
        ("contract", {"starts": "2026-01-01", "ends": "2025-12-31"}, "ends", "before starts"),
        ("client", {"name": b"bytes"}, "", "JSON"),
    ],
)  # fmt: skip
def test_a_known_field_has_its_type_and_form(kind: str, value: Plain, path: str, said: str) -> None:
    refused = refusal(kind, value)
    assert refused is not None
    assert (refused.code, refused.details["path"], said in f"{refused.message} {refused.hint}") == (
        "schema",
        path,
        True,
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("invoice", {"amount": 1200.5, "currency": "EUR"}),
        ("invoice", {"amount": "1200.50"}),
        ("invoice", {"amount": {"minor": 120050, "currency": "EUR"}}),
        ("invoice", {"amount": -1, "type": "credit note"}),
        ("invoice", {"issued": "2026-10-01", "due": "2026-10-01"}),
        ("invoice", {"issued": "2026-10-01T23:30:00+02:00", "due": "2026-10-01"}),
        ("organisation", {"iban": "de89 3704 0044 0532 0130 00", "phone": "+49 (30) 123-456"}),
    ],
)  # fmt: skip
def test_real_values_pass(kind: str, value: Plain) -> None:
    assert refusal(kind, value) is None


def test_the_practice_company_passes_without_a_remark() -> None:
    seen = 0
    for path in sorted((ROOT / "examples/studio/facts").glob("*.toml")):
        for kind, facts in tomllib.loads(path.read_text("utf-8")).items():
            for fact in facts:
                value = _plain({name: item for name, item in fact.items() if name != "key"})
                check_value([built_in(kind)], kind, value)
                assert remarks_on([built_in(kind)], kind, value) == []
                seen += 1
    assert seen > 30


def _plain(value: object) -> Plain:
    """As the parser of facts files hands them over."""
    found: Plain = msgspec.json.decode(msgspec.json.encode(value, enc_hook=datetime.date.isoformat))
    return found


def load(bench: Bench, text: str, name: str = "supplier") -> Plain:
    file = AssetFile(asset_kind="kind", name=name, path=f"kinds/{name}.json", text=text, hash=text_hash(text))
    return bench.do(LoadAssets(files=(file,)))


@pytest.mark.parametrize(
    ("value", "path", "hint"),
    [
        ({"nam": "Nordpapier"}, "nam", "Did you mean `name`?"),
        ({"name": 7}, "name", "The field name takes string."),
        ({}, "", "See its fields: quarterdeck fact kinds supplier"),
        ({"name": "N", "iban": "DE00"}, "iban", "Compare it digit by digit with where it is from."),
    ],
)
def test_the_operators_own_kind_is_checked_like_a_built_in_one(value: Plain, path: str, hint: str) -> None:
    bench = Bench()
    load(bench, SUPPLIER)
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(PutFact(fact_kind="supplier", key="n", value=value))
    assert (refused.value.code, refused.value.details["path"], refused.value.hint) == ("schema", path, hint)


MANY = '{"properties": {"state": {"enum": ["draft", "sent", "paid", "late", null, 7]}, "tags": {"items": {"enum": ["a", "b"]}}}}'


@pytest.mark.parametrize(
    ("kind", "value", "path", "hint"),
    [
        ("supplier", {"state": "payed"}, "state", "Did you mean `paid`? Allowed: draft, sent, paid, late, 7."),
        ("supplier", {"tags": ["a", "zz"]}, "tags[1]", "Allowed: a, b."),
        ("invoice", {"type": "bill"}, "type", "Allowed: credit note, invoice."),
        ("payment", {"direction": "sideways"}, "direction", "Allowed: in, out."),
    ],
)
def test_a_refused_choice_names_all_that_is_allowed(kind: str, value: Plain, path: str, hint: str) -> None:
    bench = Bench()
    load(bench, MANY)
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(PutFact(fact_kind=kind, key="n", value=value))
    assert (refused.value.details["path"], refused.value.hint) == (path, hint)
    assert "is none of those allowed" in refused.value.message


def test_a_fact_says_by_which_version_of_its_kind_it_was_written() -> None:
    bench = Bench()
    bench.do(PutFact(fact_kind="supplier", key="free", value={"anything": 1}))
    load(bench, SUPPLIER)
    bench.do(PutFact(fact_kind="supplier", key="typed", value={"name": "N"}))
    bench.do(PutFact(fact_kind="client", key="c", value={}))
    versions = [fact.kind_version for fact in bench.store.scan(Fact)]
    assert versions == [VERSIONS["client"], 0, 3]  # client/c, supplier/free, supplier/typed


def test_a_schema_for_a_built_in_kind_is_added_to_it() -> None:
    bench = Bench()
    load(bench, '{"required": ["vat_number"]}', "client")
    wrong: list[Plain] = [{"name": "no number"}, {"vat_number": "DE1", "email": "nonsense"}]
    for value in wrong:
        with pytest.raises(QuarterdeckError):
            bench.do(PutFact(fact_kind="client", key="a", value=value))
    assert bench.do(PutFact(fact_kind="client", key="a", value={"vat_number": "DE1"}))["version"] == 1


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "7", '{"type": "array"}', '{"type": "objekt"}', '{"$ref": "http://127.0.0.1:9/x.json"}',
     '{"$ref": "file:///etc/passwd"}', '{"properties": {"a": {"pattern": "("}}}', '{"x-version": 0}', '{"x-version": "1"}',
     '{"properties":' * 40 + "{}" + "}" * 40],
)  # fmt: skip
def test_what_is_no_schema_is_refused_and_the_kind_stays_as_it_was(text: str) -> None:
    """Nothing is fetched either: a reference to somewhere else is a refusal, not a request."""
    bench = Bench()
    load(bench, SUPPLIER)
    refused = load(bench, text)["refused"]
    assert isinstance(refused, list)
    assert [one["path"] for one in refused] == ["kinds/supplier.json"]
    with pytest.raises(QuarterdeckError):
        bench.do(PutFact(fact_kind="supplier", key="n", value={}))


def test_a_pattern_that_is_made_to_hurt_takes_no_time() -> None:
    """Patterns are matched in linear time; a backtracking matcher would not end within this test."""
    described = compiled('{"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}', "kinds/x.json")
    with pytest.raises(QuarterdeckError):
        check_value([described], "x", {"a": "a" * 5_000 + "b"})


async def test_kinds_are_listed_with_their_schema() -> None:
    async with asking() as house:
        await _load(house, SUPPLIER)
        await house.put("supplier/n", {"name": "N"})
        await house.put("mood/today", {"is": "good"})
        listed = await house.ask("fact.kinds", limit=100)
        one = await house.ask("fact.kinds", kind="supplier")
        with pytest.raises(QuarterdeckError) as unknown:
            await house.ask("fact.kinds", kind="unheard")
    items = {item["id"]: (item["origin"], item["facts"]) for item in listed["items"]}  # type: ignore[attr-defined]
    assert set(BUILT_IN) < set(items)
    assert (items["supplier"], items["mood"]) == (("kinds/supplier.json", 1), ("", 1))
    assert one["items"][0]["fields"] == ["name", "iban", "client"]  # type: ignore[index]
    assert unknown.value.code == "not_found"


async def _load(house: Asking, text: str) -> None:
    file = AssetFile(asset_kind="kind", name="supplier", path="kinds/supplier.json", text=text, hash=text_hash(text))
    await house.on.do(LoadAssets(files=(file,)))


async def test_a_slip_in_a_name_is_kept_and_remarked_on() -> None:
    async with asking() as house:
        put = await house.put("client/a", {"emial": "a@b.test", "mascot": "owl"})
    assert put["remarks"] == ["emial is kept as a field of your own; client has a field email"]


# --- facts of earlier versions --------------------------------------------------------------------

GOLDEN = ROOT / "tests" / "golden" / "facts-v0.json"


def test_facts_of_every_earlier_version_are_read_as_they_are_said_today() -> None:
    """Recorded before kinds were typed. Never change it: a new version of a kind gets a file of its own."""
    for one in msgspec.json.decode(GOLDEN.read_bytes()):
        assert kind_versions.lifted(one["kind"], one["kind_version"], one["value"]) == one["today"], one
    assert {(one["kind"], one["kind_version"]) for one in msgspec.json.decode(GOLDEN.read_bytes())} >= set(
        kind_versions.LIFTS
    )


def test_the_twin_without_the_steps_reads_old_facts_as_they_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind_versions, "LIFTS", {})
    with pytest.raises(AssertionError):
        test_facts_of_every_earlier_version_are_read_as_they_are_said_today()


async def test_an_old_fact_is_lifted_on_reading_and_in_queries_and_its_value_stays() -> None:
    async with asking() as house:
        old = Fact(
            id="invoice/R1", fact_kind="invoice", key="R1", version=1, at_us=1, labels=OPERATOR, seq=1,
            value={"due_date": "2026-05-01", "invoice_number": "R1"},
        )  # fmt: skip
        await house.put("invoice/R2", {"due": "2026-06-01"})
        house.on.store._put(msgspec.structs.replace(old, seq=0), _packed(old))
        got = await house.get("invoice/R1")
        found = await house.ask("fact.query", kind="invoice", where={"due": {"<": "2026-06-01"}})
    assert got["value"] == {"due": "2026-05-01", "number": "R1"}
    assert [one["id"] for one in found["items"]] == ["invoice/R1"]  # type: ignore[attr-defined]


def _packed(fact: Fact) -> bytes:
    return pack_entity(fact)
