"""Scopes as clients and agents meet them: a real house, lesser tokens, a lead whose draft could know a lesson."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest

from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.connection import daemon_file, read_connection

from .quarters import Plain, Quarters, approvals, lead_mail, running, settle, small_house, until

GRANT = """
[[grants]]
to = "script"
namespaces = ["default", "acme"]
memories = ["note"]
"""
TOLD: dict[str, Plain] = {
    "secret": {"text": "The vault opens with 4711.", "labels": {"sensitivity": "secret"}},
    "acme": {"text": "Acme has a vault in the cellar.", "namespace": "acme"},
    "other": {"text": "Another house has a vault too.", "namespace": "other"},
    "diary": {"text": "Dear diary, the vault is cold.", "kind": "diary"},
    "plain": {"text": "The vault is painted blue."},
}
SEEN = {
    "operator": set(TOLD),
    "script": {"acme", "plain"},
    "editor": {"diary", "plain"},
    "observer": {"diary", "plain"},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    folder = small_house(tmp_path_factory.mktemp("scopes"))
    with (folder / "quarterdeck.toml").open("a", encoding="utf-8") as config:
        config.write(GRANT)
    with running(folder) as quarters:
        with quarters.client() as client:
            settle(client)
        yield quarters


@pytest.fixture(scope="module")
def ids(house: Quarters) -> dict[str, str]:
    with house.client() as client:
        return {name: str(client.call("memory.remember", told).result["id"]) for name, told in TOLD.items()}


def as_role(house: Quarters, role: str) -> Client:
    connection = read_connection(daemon_file(house.folder))
    if role != "operator":
        tokens = json.loads((house.folder / ".quarterdeck" / "run" / "tokens.json").read_text("utf-8"))
        connection = msgspec.structs.replace(connection, token=tokens[role])
    return Client(connection)


@pytest.mark.parametrize("role", list(SEEN))
def test_a_search_finds_what_is_in_scope_and_nothing_else(house: Quarters, ids: dict[str, str], role: str) -> None:
    with as_role(house, role) as client:
        found = client.call("memory.search", {"query": "vault", "limit": 10}).result["items"]
        assert isinstance(found, list)
        assert {name for name, id in ids.items() if id in {hit["id"] for hit in found}} == SEEN[role]
        asked = client.call("memory.search", {"query": "vault", "namespace": "other"}).result["items"]
        assert isinstance(asked, list)
        assert [hit["id"] for hit in asked] == ([ids["other"]] if role == "operator" else [])


@pytest.mark.parametrize("role", list(SEEN))
def test_a_look_by_name_is_refused_and_recorded_when_it_is_out_of_scope(
    house: Quarters, ids: dict[str, str], role: str
) -> None:
    with as_role(house, role) as client:
        for name, id in ids.items():
            for method in ("memory.get", "memory.history", "memory.why"):
                if name in SEEN[role]:
                    client.call(method, {"id": id})
                    continue
                with pytest.raises(QuarterdeckError) as refused:
                    client.call(method, {"id": id})
                assert (refused.value.code, refused.value.details["entity"]) == ("forbidden", f"memory:{id}")
    with house.client() as client:
        events = client.call("timeline.read", {"limit": 200, "filter": {"kinds": ["scope.refused"]}}).result["items"]
        assert isinstance(events, list)
        recorded = {str(event["body"]["entity"]) for event in events if event["body"]["who"] == role}
    assert recorded >= {f"memory:{ids[name]}" for name in set(TOLD) - SEEN[role]}
    assert "4711" not in repr(events)


@pytest.mark.parametrize("role", ["script", "editor", "observer"])
def test_the_log_shows_a_lesser_client_that_something_happened_and_not_what(
    house: Quarters, ids: dict[str, str], role: str
) -> None:
    with as_role(house, role) as client:
        page = client.call("timeline.read", {"after": 0, "limit": 1000}).result["items"]
        assert isinstance(page, list)
        shown = repr(page)
        assert [event["seq"] for event in page] == list(range(1, len(page) + 1))
    assert {name for name, told in TOLD.items() if str(told["text"]) in shown} == SEEN[role]


def test_a_client_that_may_read_a_namespace_may_write_only_its_own(house: Quarters) -> None:
    with as_role(house, "editor") as client:
        with pytest.raises(QuarterdeckError) as refused:
            client.call("memory.remember", {"text": "Planted.", "namespace": "acme"})
        assert (refused.value.code, refused.value.details["verb"]) == ("forbidden", "write")
        assert client.call("memory.remember", {"text": "Mine.", "tier": "core"}).result["tier"] == "review"


def test_a_draft_shows_the_lesson_that_was_at_hand_and_its_context_can_be_read_back(house: Quarters) -> None:
    with house.client() as client:
        lesson = {"text": "Name no date before the first call.", "kind": "lesson", "tags": ["agent:composer"]}
        id = client.call("memory.remember", lesson).result["id"]
        house.lay_mail("lead-1.eml", lead_mail(1))
        assert until(lambda: bool(approvals(client)), 30)
        (action,) = approvals(client)
        evidence = action["evidence"]
        assert isinstance(evidence, list)
        assert {"claim": "a lesson", "source": f"memory:{id}", "quote": lesson["text"], "span": None} in evidence
        draft = step_of(client, str(action["run"]), "draft")
        context = draft["context"]
        assert isinstance(context, dict)
        assert lesson["text"] in [piece["text"] for piece in context["context"]["pieces"]]
        account = draft["context_tokens"]
        assert isinstance(account, dict)
        assert account["context"]["lessons"] > 0
        assert (draft["context_forgotten"], draft["context_differs"]) == ([], [])
        client.call("memory.remember", {"text": "Something else.", "kind": "lesson"})
        assert step_of(client, str(action["run"]), "draft")["context"] == context


def step_of(client: Client, run: str, step: str) -> Plain:
    steps = client.call("run.get", {"id": run}).result["steps"]
    assert isinstance(steps, list)
    return next(one for one in steps if one["id"] == step)
