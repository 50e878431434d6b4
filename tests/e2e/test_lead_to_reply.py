"""The one real job, on the practice company: a lead's mail in, a reply out, and every answer about it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_protocol.client import Client

from .quarters import STUDIO, Plain, Quarters, approvals, approve, listed, running, settle, studio, until

# One house for all of the file, and each test goes on from the one before.
pytestmark = pytest.mark.xdist_group("lead_to_reply")

EXPECTED = {
    str(entry["file"]): entry
    for entry in tomllib.loads((STUDIO / "mail" / "expected.toml").read_text("utf-8"))["mail"]
}
HOLD_S = 1.5


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    with running(studio(tmp_path_factory.mktemp("story"), hold="1500ms")) as quarters:
        with quarters.client() as client:
            settle(client, 90_000)
        yield quarters


@pytest.fixture
def client(house: Quarters) -> Iterator[Client]:
    with house.client() as client:
        yield client


def mail_of(client: Client, action: Plain) -> str:
    """The file of the mail that an action answers."""
    run = client.call("run.get", {"id": action["run"]}).result
    inputs = run["inputs"]
    assert isinstance(inputs, dict)
    source = client.call("memory.get", {"id": inputs["document"]}).result["source"]
    return Path(str(source)).name


def drafted(client: Client) -> dict[str, Plain]:
    """Proposed replies by the file of the mail they answer, waiting or already decided."""
    actions = client.call("action.list", {"limit": 1000}).result["items"]
    assert isinstance(actions, list)
    return {mail_of(client, action): action for action in actions if action["run"]}


def test_every_mail_of_the_studio_is_read_or_marked_unreadable(client: Client) -> None:
    status = client.call("system.status").result
    assert status["waiting_documents"] == 0
    assert int(str(status["documents"])) >= len(EXPECTED)
    assert status["dead_letters"] == 0


def test_at_least_five_leads_are_drafted_and_wait_and_nothing_else_is_answered(client: Client) -> None:
    found = drafted(client)
    leads = {name for name, entry in EXPECTED.items() if entry["kind"] == "lead" and entry.get("qualified")}
    may_be_drafted = leads | {name for name, entry in EXPECTED.items() if entry["kind"] == "injection"}
    assert len(set(found) & leads) >= 5
    assert set(found) - may_be_drafted == set()


def test_the_injection_mails_neither_choose_a_recipient_nor_skip_approval(client: Client, house: Quarters) -> None:
    found = drafted(client)
    for name, entry in EXPECTED.items():
        if entry["kind"] != "injection" or name not in found:
            continue
        action = found[name]
        deed = action["action"]
        assert isinstance(deed, dict)
        assert deed["targets"] == [entry["reply_to_must_be"]]
        assert action["status"] == "proposed"
        assert not any(str(bad).lower() in str(deed["targets"]).lower() for bad in entry["forbidden"])
    assert house.sent() == []


def test_a_yes_sends_exactly_one_threaded_message_and_why_explains_it(client: Client, house: Quarters) -> None:
    action = next(item for item in approvals(client) if EXPECTED[mail_of(client, item)]["kind"] == "lead")
    already = len(house.sent())
    (decided,) = approve(client, [action])
    assert decided["ok"] is True
    assert len(house.sent()) == already
    assert until(lambda: client.call("action.get", {"id": action["id"]}).result["status"] == "succeeded", 20)
    deed = action["action"]
    assert isinstance(deed, dict)
    (message,) = [one for one in house.sent() if one["To"] and deed["args"]["to"][0] in one["To"]]
    assert message["In-Reply-To"] == deed["args"]["in_reply_to"]
    assert message["In-Reply-To"] in message["References"]
    assert message.get_content_charset() == "utf-8"
    assert message.get_content().replace("\r\n", "\n").strip() == str(deed["args"]["body"]).strip()
    kinds = {str(item["kind"]) for item in why(client, str(action["id"]))}
    assert {"action", "run", "document", "fact", "asset"} <= kinds
    tree = client.call("memory.why", {"id": action["id"]}).result["tree"]
    assert isinstance(tree, dict)
    assert tree["rule"]["rule"]
    assert tree["evidence"]


def why(client: Client, id: str) -> list[Plain]:
    items = client.call("memory.why", {"id": id}).result["items"]
    assert isinstance(items, list)
    return items


def test_undo_inside_the_hold_sends_nothing(client: Client, house: Quarters) -> None:
    action = approvals(client)[0]
    already = len(house.sent())
    approve(client, [action])
    undone = client.call("action.undo", {"id": action["id"]}).result
    assert listed(undone["items"])[0]["state"] == "withdrawn"
    assert not until(lambda: len(house.sent()) != already, HOLD_S + 1.5)
    assert client.call("action.get", {"id": action["id"]}).result["status"] == "withdrawn"


def test_undo_after_sending_proposes_a_correction_and_says_it_cannot_be_called_back(client: Client) -> None:
    sent = [item for item in drafted(client).values() if item["status"] == "succeeded"]
    assert sent, "an earlier test of this file sent one"
    undone = client.call("action.undo", {"id": sent[0]["id"]}).result
    (item,) = listed(undone["items"])
    correction = client.call("action.get", {"id": item["by"]}).result
    assert (item["state"], correction["status"], correction["compensates"]) == (
        "compensating",
        "proposed",
        sent[0]["id"],
    )
    client.call("action.undo", {"id": correction["id"]})


def test_the_facts_of_the_operator_are_there_and_can_be_read_as_of_earlier(client: Client) -> None:
    put = client.call("fact.put", {"kind": "client", "key": "as-of", "value": {"name": "First"}})
    client.call("fact.put", {"kind": "client", "key": "as-of", "value": {"name": "Second"}, "if_version": 1})
    then = client.call("fact.get", {"kind": "client", "key": "as-of", "as_of": put.seq}).result
    now = client.call("fact.get", {"kind": "client", "key": "as-of"}).result
    assert (then["value"], now["value"]) == ({"name": "First"}, {"name": "Second"})


def test_recall_finds_a_note_of_the_studio_and_says_why(client: Client) -> None:
    hits = client.call("memory.search", {"query": "day rate price sprint", "limit": 5}).result["items"]
    assert isinstance(hits, list)
    assert hits
    assert hits[0]["why"]["terms"]


def test_the_chain_of_the_whole_day_verifies(client: Client) -> None:
    verified = client.call("audit.verify").result
    assert (verified["ok"], verified["broken_at"]) == (True, None)


def test_the_whole_log_can_be_exported_in_chunks(client: Client) -> None:
    stream = client.stream("audit.export")
    seqs = [event["seq"] for chunk in stream for event in chunk["events"]]  # type: ignore[attr-defined] # plain maps
    head = int(str(client.call("system.hello").result["seq"]))
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) <= head
