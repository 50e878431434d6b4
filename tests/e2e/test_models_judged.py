"""Which model comes nearest to what the operator decides: asked of a whole house, by its wire."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from quarterdeck_protocol.client import Client

from .quarters import Plain, approvals, running, small_house, until
from .test_models_answer import kinds, refused

WRITER = """---
name: writer
purpose: Writes a note into a file.
mode: creative
inputs:
  topic: {type: string}
outputs:
  note: {type: string}
effects: [files.write]
model: {purpose: draft, tokens_max: 200}
---
Write a short note about the topic.
"""
NOTE = """name: note
inputs:
  topic: {type: string, required: true}
steps:
  - {id: w, agent: writer, in: {topic: "${inputs.topic}"}}
"""
ASK = '[[rule]]\nid = "files.ask"\nmatch = "files.write"\nverdict = "ask"\nrisk = "low"\n'
SCRIPT = """answers:
  - purpose: draft
    match: '"topic":"(\\w+)"'
    value: {note: x, actions: [{do: files.write, args: {path: "out/{1}.md", text: "%s"}, summary: Write, why: asked}]}
  - {purpose: long, text: "one two three four five six seven eight nine ten"}
"""
GOOD = "We will talk about {1} on Tuesday at ten, with everybody who is on the team."
POOR = "Nothing to say."
SETTINGS = """
[models.good]
backend = "scripted"
file = "good.yaml"
[models.poor]
backend = "scripted"
file = "poor.yaml"
[models.slow]
backend = "scripted"
file = "slow.yaml"
[routes]
draft = "good"
long = "slow"
"""
TOPICS = ("tea", "ivy", "jam", "oak", "elm", "fig", "ash", "yew", "bay", "sky", "sea", "rye")


def house(tmp_path: Path) -> Path:
    folder = small_house(tmp_path)
    files = {
        "agents/writer.md": WRITER, "playbooks/note.yaml": NOTE, "policies/files.toml": ASK,
        "good.yaml": SCRIPT % GOOD, "poor.yaml": SCRIPT % POOR, "slow.yaml": f"pace: 1\n{SCRIPT % GOOD}",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    with (folder / "quarterdeck.toml").open("a") as config:
        config.write(SETTINGS)
    return folder


def items(found: Plain, name: str = "items") -> list[Plain]:
    rows = found[name]
    assert isinstance(rows, list)
    return rows


def decide_all(client: Client) -> None:
    """Ten as they stand, one edited, one rejected."""
    for number, topic in enumerate(TOPICS):
        client.call("run.start", {"playbook": "note", "inputs": {"topic": topic}})
        assert until(lambda: len(approvals(client)) == 1, 30), "the note waits"
        (one,) = approvals(client)
        wanted = [{"id": one["id"], "shown_hash": one["shown_hash"]}]
        if number == 0:
            client.call("approval.decide", {"items": wanted, "decision": "reject", "reason": "not that"})
        else:
            text = GOOD.replace("{1}", topic)
            edits = {"edits": {"text": f"{text} Bring cake."}} if number == 1 else {}
            client.call("approval.decide", {"items": wanted, "decision": "approve", **edits})
        assert until(lambda: not approvals(client), 30)


def test_models_are_asked_anew_and_the_nearest_to_the_decisions_is_told(tmp_path: Path) -> None:
    with running(house(tmp_path)) as quarters, quarters.client() as client:
        decide_all(client)
        proposed = kinds(client, "action.proposed")
        foreseen = client.call("model.judge", {"ids": ["poor"], "foresee": True}).result
        assert foreseen["cases"] == {"unchanged": 10, "edited": 1, "rejected": 1}
        assert (items(foreseen), items(foreseen, "foreseen")[0]["questions"]) == ([], 12)
        judged = client.call("model.judge", {"ids": ["good", "poor"]}, deadline_ms=60_000).result
        good, poor = items(judged)
        assert (good["id"], good["n"], good["own"], good["repeated"], good["rejected"]) == ("good", 11, 11, 1, 1)
        assert 0.95 < float(str(good["agreement"])) < 1.0, "one was edited"
        assert (poor["n"], poor["own"], poor["repeated"]) == (11, 0, 0)
        assert float(str(poor["agreement"])) < 0.3
        assert kinds(client, "action.proposed") == proposed, "nothing comes of it"
        assert {row["id"]: len(items(row, "quality")) for row in items(client.call("model.list").result)
                if row["kind"] == "language"} == {"good": 1, "poor": 1, "slow": 0}  # fmt: skip
        assert refused(lambda: client.call("model.judge", {"ids": ["none"]})).code == "not_found"
        client.call("stop.engage", {"reason": "test"})
        assert refused(lambda: client.call("model.judge", {"ids": ["poor"]})).code == "stopped"


def test_who_asks_and_is_killed_leaves_no_model_answering(tmp_path: Path) -> None:
    with running(house(tmp_path)) as quarters, quarters.client() as client:
        command = [sys.executable, "-m", "quarterdeck_daemon.cli", "-w", str(quarters.folder), "models", "ask"]
        asking = subprocess.Popen([*command, "Say much.", "--for", "long"], stdout=subprocess.DEVNULL)
        assert until(lambda: kinds(client, "model.routed") == ["model.routed"], 30)
        os.kill(asking.pid, signal.SIGKILL)
        asking.wait()
        began = time.monotonic()
        assert until(lambda: kinds(client, "model.cancelled") == ["model.cancelled"], 8), (
            "ten seconds of it were left"
        )
        assert time.monotonic() - began < 8
        assert kinds(client, "model.answered") == []
