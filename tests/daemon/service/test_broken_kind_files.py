"""A file kinds/NAME.json that is broken: nothing of that kind is written unchecked, and everybody is told."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.commands import AssetFile, LoadAssets, PutFact, RetractFact
from quarterdeck_daemon.core.entities import Fact
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_protocol.codes import QuarterdeckError

from .fact_asking import Bench, asking

SOUND = '{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}'
NO_JSON = '{"type": "object",\n "properties": {"name": }}'
NO_SCHEMA = '{"type": "object", "properties": {"name": {"type": "strng"}}}'


def kind_file(text: str = "", *, name: str = "boat", unread: str = "") -> AssetFile:
    hash = text_hash(text) if text else ""
    return AssetFile(
        asset_kind="kind", name=name, path=f"kinds/{name}.json", text=text, hash=hash, unread=unread
    )  # fmt: skip


def load(bench: Bench, *files: AssetFile) -> None:
    bench.do(LoadAssets(files=files))


def refusal(bench: Bench, kind: str = "boat") -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as refused:
        bench.do(PutFact(fact_kind=kind, key="b1", value={"name": "Argo"}))
    return refused.value


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (kind_file(NO_JSON), "it is no JSON: JSON is malformed: invalid character (line 2)"),
        (kind_file(NO_SCHEMA), "at properties.name.type"),
        (kind_file(unread="a link out of the workspace"), "a link out of the workspace"),
    ],
)
def test_no_fact_of_a_kind_is_written_while_its_file_is_broken(file: AssetFile, reason: str) -> None:
    bench = Bench()
    load(bench, file)
    error = refusal(bench)
    assert (error.code, error.details["file"]) == ("schema", "kinds/boat.json")
    assert reason in error.message
    assert "kinds/boat.json" in error.hint
    assert list(bench.store.scan(Fact)) == []


def test_without_the_kept_refusal_the_fact_would_have_gone_in_unchecked() -> None:
    """The twin: the log of a time when a refusal was only told; the kind is free-form then."""
    bench = Bench()
    assert bench.do(PutFact(fact_kind="boat", key="b1", value={"nonsense": 1}))["version"] == 1


def test_a_file_that_breaks_later_stops_writing_and_a_mended_one_lets_it_go_on() -> None:
    bench = Bench()
    load(bench, kind_file(SOUND))
    bench.do(PutFact(fact_kind="boat", key="b0", value={"name": "Odyssey"}))
    load(bench, kind_file(NO_JSON))
    refusal(bench)
    bench.do(RetractFact(fact_kind="boat", key="b0"))  # What is there can be taken back.
    load(bench, kind_file(SOUND))
    assert bench.do(PutFact(fact_kind="boat", key="b1", value={"name": "Argo"}))["version"] == 1
    with pytest.raises(QuarterdeckError):
        bench.do(PutFact(fact_kind="boat", key="b2", value={}))


def test_a_broken_file_that_is_taken_away_leaves_the_kind_free() -> None:
    bench = Bench()
    load(bench, kind_file(NO_JSON))
    load(bench)
    assert bench.do(PutFact(fact_kind="boat", key="b1", value={"any": 1}))["version"] == 1


def test_a_broken_file_for_a_built_in_kind_stops_that_kind_and_no_other() -> None:
    bench = Bench()
    load(bench, kind_file(NO_SCHEMA, name="client"))
    refusal(bench, "client")
    assert bench.do(PutFact(fact_kind="contact", key="c", value={"name": "Ines"}))["version"] == 1


def test_the_same_refusal_is_recorded_once() -> None:
    bench = Bench()
    for _ in range(3):
        load(bench, kind_file(NO_JSON))
    assert [event.kind for event in bench.store.events()].count("asset.refused") == 1


async def test_a_broken_kind_is_listed_with_the_reason() -> None:
    async with asking() as house:
        await house.on.do(LoadAssets(files=(kind_file(NO_JSON),)))
        listed = await house.ask("fact.kinds", limit=100)
        one = await house.ask("fact.kinds", kind="boat")
    items: list[dict[str, object]] = [*listed["items"]]  # type: ignore[misc]  # A list of maps on the wire.
    refused = {str(item["id"]): str(item["refused"]) for item in items if item["refused"]}
    assert refused == {"boat": one["items"][0]["refused"]}  # type: ignore[index]
    assert "line 2" in refused["boat"]
