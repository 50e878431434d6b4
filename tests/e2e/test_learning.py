"""On the practice company: an edit teaches, the next draft is made with the lesson and says so, and the record tells its worth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quarterdeck_protocol.client import Client
from quarterdeck_protocol.codes import QuarterdeckError

from .quarters import Plain, Quarters, approvals, listed, running, settle, studio, until

# One house for all of the file, and each test goes on from the one before.
pytestmark = pytest.mark.xdist_group("learning")

LESSON = "We never say sorry for the wait."


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarters]:
    with running(studio(tmp_path_factory.mktemp("learning"), hold="60s")) as quarters:
        (quarters.folder / "AGENTS.md").write_text("# Tone\nShort sentences.\n\n# Agent: outreach\nNo attachments.\n")
        with quarters.client() as client:
            settle(client, 90_000)
        yield quarters


@pytest.fixture
def client(house: Quarters) -> Iterator[Client]:
    with house.client() as client:
        yield client


def replies(client: Client) -> list[Plain]:
    return [one for one in approvals(client) if one["agent"] == "outreach" and one["run"]]


def args_of(action: Plain) -> Plain:
    deed = action["action"]
    assert isinstance(deed, dict)
    args = deed["args"]
    assert isinstance(args, dict)
    return args


def decide(client: Client, action: Plain, **how: object) -> Plain:
    items = [{"id": action["id"], "shown_hash": action["shown_hash"]}]
    found = client.call("approval.decide", {"items": items, "decision": "approve", **how}).result["items"]
    assert isinstance(found, list)
    assert found[0]["ok"], found
    return dict(found[0])


def edited(action: Plain) -> Plain:
    """The greeting in the operator's way."""
    _, _, rest = str(args_of(action)["body"]).partition("\n")
    return {"body": f"Good day,\n{rest}"}


def again(client: Client, action: Plain) -> Plain:
    """The same mail answered once more, by another run."""
    run = client.call("run.get", {"id": action["run"]}).result
    started = str(client.call("run.start", {"playbook": run["playbook"], "inputs": run["inputs"]}).result["run_id"])
    found: list[Plain] = []

    def drafted() -> bool:
        found[:] = [one for one in replies(client) if one["run"] == started]
        return bool(found)

    assert until(drafted, 40), f"{started} drafted nothing"
    return found[0]


def parts(client: Client, run: object, agent: str) -> dict[str, list[str]]:
    """What the agent's step was shown, by part: the ids."""
    shown: dict[str, list[str]] = {}
    steps = [one for one in listed(client.call("run.get", {"id": run}).result["steps"]) if one["agent"] == agent]
    for context in [step["context"] for step in steps]:
        for value in context.values() if isinstance(context, dict) else ():
            for piece in value.get("pieces", ()) if isinstance(value, dict) else ():
                shown.setdefault(piece["part"], []).append(piece["id"])
    return shown


def test_an_edit_teaches_the_next_draft_shows_it_and_the_record_tells_its_worth(client: Client) -> None:
    first, second, *_ = replies(client)
    assert str(first["basis"]).startswith("not enough data")
    lesson = str(decide(client, first, edits=edited(first), lesson={"text": LESSON})["lesson"])
    draft = again(client, second)
    assert lesson in str(parts(client, draft["run"], "composer")["lessons"])
    assert f"memory:{lesson}" in str(draft["made_with"])
    assert f"memory:{lesson}" in str(draft["used"])
    decide(client, draft)
    found = client.call("lesson.get", {"id": lesson}).result["lesson"]
    assert isinstance(found, dict)
    assert "+body: Good day," in found["diff"]
    assert [found["effect"][name]["edited"] for name in ("before", "since", "given")] == [1, 0, 0]
    assert [found["effect"][name]["unchanged"] for name in ("before", "since", "given")] == [0, 1, 1]
    records = listed(client.call("agent.record").result["items"])
    (standing,) = [one["standing"] for one in records if one["id"] == "outreach/mail.send"]
    assert isinstance(standing, dict)
    assert (standing["edited"], standing["unchanged"]) == (1, 1)
    client.call("memory.withdraw", {"id": lesson})
    assert lesson not in str(parts(client, again(client, second)["run"], "composer"))


def test_the_third_like_edit_asks_whether_it_shall_be_a_lesson(client: Client) -> None:
    waiting = replies(client)
    for action in waiting[:2]:
        decide(client, action, edits=edited(action))
    asked = client.call("lesson.suggested").result["items"]
    assert isinstance(asked, list)
    told = [str(one["text"]) for one in asked]
    assert any('to "Good day' in text for text in told), told
    suggested = listed(client.call("digest.get").result["suggested"])
    assert [one["id"] for one in suggested] == [one["id"] for one in asked]
    one = next(one for one in asked if "Good day" in str(one["text"]))
    kept = client.call("lesson.decide", {"id": one["id"], "decision": "keep", "shown_hash": one["shown_hash"]}).result
    assert kept["status"] == "kept"
    lessons = listed(client.call("lesson.list").result["items"])
    assert kept["lesson"] in [item["id"] for item in lessons]


def test_instructions_of_a_file_reach_the_drafts_with_their_place(client: Client, house: Quarters) -> None:
    (one, *_) = replies(client)
    shown = parts(client, one["run"], "composer")["instructions"]
    found = [client.call("memory.get", {"id": id}).result for id in shown]
    assert [(item["source"], item["tier"]) for item in found] == [("AGENTS.md:1", "instructions")]
    (house.folder / "AGENTS.md").unlink()

    def gone() -> bool:
        left = client.call("memory.list", {"tier": "instructions"}).result["items"]
        return left == []

    assert until(gone, 20), "the file is gone and its instructions are not"


def test_an_approved_mail_becomes_a_template_with_its_fields_and_never_over_another(
    client: Client, house: Quarters
) -> None:
    action = replies(client)[0]
    decide(client, action)
    path = house.folder / "templates" / "kept.md"
    params: Plain = {"id": action["id"], "name": "kept"}
    shown = client.call("template.keep", {**params, "dry_run": True}).result
    assert (shown["written"], path.exists()) == (False, False)
    fields = {str(one["field"]) for one in listed(shown["turned"])}
    assert fields & {"lead.person", "lead.first_name", "lead.need", "operator.name", "lead.amount_text"}, shown
    assert client.call("template.keep", params).result["written"] is True
    assert path.read_text("utf-8") == shown["text"]
    with pytest.raises(QuarterdeckError) as refused:
        client.call("template.keep", params)
    assert refused.value.code == "conflict"
    assert until(lambda: "kept" in str(client.call("template.list").result), 10)
