"""The search index may be killed, removed, cut or flipped at any time: it costs time, never a wrong answer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

from .quarters import Quarters, running, until

CONFIG = '[workspace]\nname = "House"\n[workers]\ncount = 1\n'
NOTES = {
    "Nordpapier delivers the recycled paper on Tuesdays": "when does nordpapier deliver",
    "The lease of the office in Bergen ends in March": "office lease Bergen",
    "Ines prefers to be called before noon": "call Ines",
    "Die Rechnung der Druckerei wurde im Mai bezahlt": "Rechnungen Druckerei",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "quarterdeck.toml").write_text(CONFIG, "utf-8")
    with running(folder) as quarters, quarters.client() as client:
        for text in NOTES:
            client.call("memory.remember", {"text": text})
        client.call("fact.put", {"kind": "venue", "key": "office", "value": {"city": "Bergen", "rent": "900 EUR"}})
        client.call("fact.put", {"kind": "venue", "key": "office", "value": {"city": "Bergen", "rent": "950 EUR"}})
        yield quarters


def found(client: Client, query: str, **filters: object) -> list[str]:
    items = client.call("memory.search", {"query": query, **filters}).result["items"]
    assert isinstance(items, list)
    return [str(item["text"]) for item in items]


def all_is_found(client: Client) -> bool:
    return all(found(client, query)[:1] == [text] for text, query in NOTES.items())


def nothing_wrong_is_found(client: Client) -> None:
    """While it is being built again, an answer may lack something; what it has is right."""
    for text, query in NOTES.items():
        assert found(client, query)[:1] in ([text], []), query
    assert found(client, "office rent 900", kind="venue") in (["city: Bergen\nrent: 950 EUR"], [])


def indexer(quarters: Quarters) -> psutil.Process:
    return next(one for one in quarters.processes() if "quarterdeck_daemon.service.indexer" in one.cmdline())


def index(quarters: Quarters) -> Path:
    return quarters.folder / ".quarterdeck" / "index"


def test_a_killed_indexer_is_succeeded_and_nothing_is_missing(house: Quarters) -> None:
    with house.client() as client:
        assert all_is_found(client)
        for _ in range(3):
            killed = indexer(house)
            house.kill(killed)
            assert until(lambda: _answers(client), 20)
            assert indexer(house).pid != killed.pid
            assert all_is_found(client)


def _answers(client: Client) -> bool:
    try:
        return all_is_found(client)
    except (QuarterdeckError, StopIteration, psutil.NoSuchProcess):
        return False


def test_an_indexer_that_hangs_is_ended_and_the_question_answered_by_its_successor(house: Quarters) -> None:
    with house.client(timeout_ms=60_000) as client:
        assert until(lambda: _answers(client), 20)
        hung = indexer(house)
        hung.suspend()
        client.call("memory.search", {"query": "office lease"})
        assert until(lambda: _answers(client), 20)
        assert not hung.is_running() or hung.status() == psutil.STATUS_ZOMBIE


def test_the_index_may_be_deleted_while_it_is_in_use(house: Quarters) -> None:
    with house.client() as client:
        shutil.rmtree(index(house))
        nothing_wrong_is_found(client)
        client.call("memory.remember", {"text": "The stamps are in the drawer"})
        assert until(lambda: found(client, "stamps drawer") == ["The stamps are in the drawer"], 20)
        assert until(lambda: all_is_found(client), 20)
        assert until(lambda: any(index(house).rglob("*.save")), 20)


def test_the_index_may_be_deleted_while_nothing_runs(house: Quarters) -> None:
    house.stop()
    shutil.rmtree(index(house))
    house.start()
    with house.client() as client:
        nothing_wrong_is_found(client)
        assert until(lambda: all_is_found(client), 20)


@pytest.mark.slow
def test_any_damaged_file_costs_time_only(house: Quarters, tmp_path: Path) -> None:
    """Every file of the index in turn is cut in the middle, then flipped, while the indexer is dead."""
    with house.client() as client:
        assert until(lambda: all_is_found(client), 20)
    house.stop()
    sound = tmp_path / "sound"
    shutil.copytree(index(house), sound)
    files = [path.relative_to(sound) for path in sorted(sound.rglob("*")) if path.is_file() and path.stat().st_size]
    for place in range(0, len(files), 3):
        shutil.rmtree(index(house))
        shutil.copytree(sound, index(house))
        for number, path in enumerate(files[place : place + 3]):
            _harm(index(house) / path, cut=(place + number) % 2 == 0)
        house.start()
        with house.client() as client:
            nothing_wrong_is_found(client)
            assert until(lambda: all_is_found(client), 30), files[place : place + 3]
        house.stop()
    house.start()


def _harm(path: Path, *, cut: bool) -> None:
    raw = bytearray(path.read_bytes())
    if cut:
        os.truncate(path, len(raw) // 2)
        return
    raw[len(raw) // 2] ^= 0x20
    path.write_bytes(raw)


def test_a_search_of_the_past_finds_what_was_known_then(house: Quarters) -> None:
    with house.client() as client:
        before = client.call("system.hello").result["seq"]
        first = client.call("memory.remember", {"text": "The gate code is 4711"}).result["seq"]
        client.call("memory.supersede", {"id": _id(client, "gate code"), "text": "The gate code is 8822"})
        assert found(client, "gate code") == ["The gate code is 8822"]
        assert found(client, "gate code", as_of=first) == ["The gate code is 4711"]
        assert found(client, "gate code", as_of=before) == []
        past = client.call("memory.search", {"query": "gate code", "past": True}).result["items"]
        assert isinstance(past, list)
        assert {item["text"]: item["superseded"] for item in past} == {
            "The gate code is 8822": False,
            "The gate code is 4711": True,
        }


def _id(client: Client, query: str) -> str:
    items = client.call("memory.search", {"query": query, "limit": 1}).result["items"]
    assert isinstance(items, list)
    return str(items[0]["id"])


def test_several_questions_are_answered_at_once(house: Quarters) -> None:
    with house.client() as client:
        answers = client.call("memory.search_many", {"queries": [*NOTES.values(), "quantum zeppelin"]}).result
        assert isinstance(answers["answers"], list)
        firsts = [answer["items"][0]["text"] if answer["items"] else "" for answer in answers["answers"]]
        assert firsts == [*NOTES, ""]
