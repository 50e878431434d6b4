"""models for those that answer: add, use, measure, remove, fetch; the settings keep the operator's own lines."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck_daemon.cli.demo import lay_out, with_scripted_model
from quarterdeck_daemon.core.judging import Mark
from quarterdeck_daemon.core.orders import ModelRequest
from quarterdeck_daemon.models.scripted import ScriptedBackend
from quarterdeck_daemon.service.model_figures import Figures, Judged, judged, keep, keep_judged
from quarterdeck_daemon.service.workspace import load_config

from ..models.hub_server import HubServer
from ..models.tiny_gguf import write_tiny

if TYPE_CHECKING:
    from .conftest import House, Shell

MINE = "# my own words\n[workers]\ncount = 3   # three\n"


def begin(workspace: Path, text: str = MINE) -> Path:
    config = workspace / "quarterdeck.toml"
    config.write_text(text, encoding="utf-8")
    return config


def test_a_file_is_taken_in_with_its_hash_and_given_work(shell: Shell, workspace: Path, tmp_path: Path) -> None:
    config = begin(workspace)
    source = write_tiny(tmp_path / "tiny.gguf", "Q4_0")
    added = shell("models", "add", "small", "--from", str(source), "--json")
    assert added.status == 0, added.err
    model = load_config(workspace).models["small"]
    assert (model.backend, model.sha256) == ("ctransformers", hashlib.sha256(source.read_bytes()).hexdigest())
    assert model.path(workspace).read_bytes() == source.read_bytes()
    assert model.path(workspace).is_relative_to(workspace / ".quarterdeck" / "models" / "small")
    used = shell("models", "use", "small", "--for", "draft", "--for", "extract", "--json")
    assert used.json["changed"] == ["draft", "extract"]
    assert load_config(workspace).routes == {"draft": "small", "extract": "small"}
    listed = shell("models").out
    assert "small" in listed
    assert "draft, extract" in listed
    removed = shell("models", "remove", "small")
    assert removed.status == 0, removed.err
    left = load_config(workspace)
    assert (left.models, left.routes) == ({}, {})
    assert not (workspace / ".quarterdeck" / "models" / "small").exists()
    assert config.read_text().startswith(MINE)
    assert source.exists()


def test_what_cannot_be_loaded_is_not_taken_in(shell: Shell, workspace: Path, tmp_path: Path) -> None:
    begin(workspace)
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\xff" * 100)
    assert shell("models", "add", "small", "--from", str(bad)).status == 2
    good = write_tiny(tmp_path / "tiny.gguf", "Q4_0")
    wrong = shell("models", "add", "small", "--from", str(good), "--sha256", "0" * 64)
    assert (wrong.status, "SHA-256" in wrong.err) == (2, True)
    assert shell("models", "add", "a b", "--from", str(good)).status == 2
    assert shell("models", "add", "small", "--from", str(tmp_path / "none.gguf")).status == 3
    assert shell("models", "add", "small").status == 2
    assert load_config(workspace).models == {}
    assert list((workspace / ".quarterdeck" / "models").glob("*")) == []


def test_a_name_is_taken_once(shell: Shell, workspace: Path, tmp_path: Path) -> None:
    begin(workspace)
    source = write_tiny(tmp_path / "tiny.gguf", "Q4_0")
    assert shell("models", "add", "small", "--from", str(source)).status == 0
    assert shell("models", "add", "small", "--from", str(source)).status == 8
    assert shell("models", "add", "static", "--url", "https://api.example.com/v1", "--model", "m").status == 8


def test_a_service_is_named_and_the_operator_is_asked_before_it_gets_anything(shell: Shell, workspace: Path) -> None:
    begin(workspace)
    words = ("--url", "https://api.example.com/v1", "--model", "large", "--key", "secret://models/key")
    assert shell("models", "add", "far", *words).status == 0
    model = load_config(workspace).models["far"]
    assert (model.backend, model.tier, model.key) == ("openai", 2, "secret://models/key")
    shell("models", "use", "far", "--for", "draft")
    assert load_config(workspace).routes == {}, "nobody said yes"
    assert shell("models", "use", "far", "--for", "draft", "--yes").status == 0
    assert load_config(workspace).routes == {"draft": "far"}
    assert shell("models", "add", "clear", "--url", "http://far.example/v1", "--model", "m").status == 2


def test_the_fastest_here_is_found_by_its_figures(shell: Shell, workspace: Path, tmp_path: Path) -> None:
    begin(workspace)
    assert shell("models", "use", "fastest").status == 3, "nothing is measured"
    for name, speed in (("slow", 3.0), ("quick", 30.0)):
        assert shell("models", "add", name, "--from", str(write_tiny(tmp_path / f"{name}.gguf", "Q4_0"))).status == 0
        made = Figures(id=f"{name}-1", tokens_s=speed, reads_s=9, first_ms=5, load_ms=1, memory_mb=100, at_us=1)
        keep(workspace / ".quarterdeck", name, made)
    assert shell("models", "use", "fastest", "--for", "route").status == 0
    assert load_config(workspace).routes == {"route": "quick"}
    assert "30.0" in shell("models").out


def test_a_file_is_pulled_from_a_hub_and_pinned(shell: Shell, workspace: Path, tmp_path: Path) -> None:
    begin(workspace)
    data = write_tiny(tmp_path / "tiny.gguf", "Q4_0").read_bytes()
    with HubServer(data) as hub:
        pulled = shell("models", "pull", "small", "--from", "owner/repo/tiny.gguf", "--hub", hub.url)
        assert pulled.status == 0, pulled.err
        assert shell("models", "pull", "other", "--from", "owner/repo/none.gguf", "--hub", hub.url).status == 3
    model = load_config(workspace).models["small"]
    assert model.sha256 == hashlib.sha256(data).hexdigest()
    assert model.path(workspace).name == "tiny.gguf"
    assert list((workspace / ".quarterdeck" / "models" / ".pulling").iterdir()) == []


def test_trying_changes_nothing(shell: Shell, workspace: Path, tmp_path: Path) -> None:
    config = begin(workspace)
    source = write_tiny(tmp_path / "tiny.gguf", "Q4_0")
    assert "would" in shell("models", "add", "small", "--from", str(source), "--dry-run").out
    assert config.read_text() == MINE
    assert not (workspace / ".quarterdeck" / "models").exists()


def test_the_daemon_is_told_when_one_runs(shell: Shell, house: House, workspace: Path, tmp_path: Path) -> None:
    begin(workspace)
    house.answers["model.reload"] = {"models": ["small"]}
    assert shell("models", "add", "small", "--from", str(write_tiny(tmp_path / "t.gguf", "Q4_0"))).status == 0
    assert house.calls("model.reload") == [{}]


def test_the_practice_company_can_have_a_model_that_says_what_its_script_says(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    lay_out(folder)
    assert load_config(folder).models == {}, "none without the switch"
    assert with_scripted_model(folder)
    config = load_config(folder)
    assert config.models["scripted"].backend == "scripted"
    assert set(config.routes.values()) == {"scripted"}
    assert not with_scripted_model(folder), "once is enough"
    backend = ScriptedBackend(config.models["scripted"].path(folder), "scripted")
    said = backend.answer(ModelRequest(purpose="draft", prompt="an invoice"), lambda piece: None, lambda: False)
    assert said.text.startswith("Thank you for the invoice.")


def test_the_best_here_is_the_one_that_is_nearest_to_what_was_decided(
    shell: Shell, workspace: Path, tmp_path: Path
) -> None:
    begin(workspace)
    assert "not judged" not in shell("models").out
    marks = {"few": Mark(n=9, agreed=9.0), "near": Mark(n=20, agreed=16.0), "far": Mark(n=40, agreed=20.0)}
    for name, mark in marks.items():
        assert shell("models", "add", name, "--from", str(write_tiny(tmp_path / f"{name}.gguf", "Q4_0"))).status == 0
        keep_judged(workspace / ".quarterdeck", name, Judged(id=f"{name}-1", at_us=1, marks={"draft": mark}))
    assert shell("models", "use", "best", "--for", "route").status == 3, "nothing was judged for that"
    assert shell("models", "use", "best", "--for", "draft").status == 0
    assert load_config(workspace).routes == {"draft": "near"}
    listed = shell("models").out
    assert "80 % of 20" in listed
    assert "not enough data (9 of 10 decisions)" in listed


def test_marks_of_another_purpose_stay_and_those_of_another_file_go(workspace: Path) -> None:
    home = workspace / ".quarterdeck"
    for id, purpose in (("a-1", "draft"), ("a-1", "route"), ("a-2", "judge")):
        keep_judged(home, "a", Judged(id=id, at_us=1, marks={purpose: Mark(n=1)}))
        if id == "a-1":
            first = judged(home)["a"].marks
    assert list(first) == ["draft", "route"]
    assert list(judged(home)["a"].marks) == ["judge"]


def test_models_are_held_against_decisions_after_it_was_said_what_that_takes(shell: Shell, house: House) -> None:
    foreseen: dict[str, object] = {"cases": {"unchanged": 2}, "foreseen": [_seen("far", remote=True)], "items": []}
    house.answers["model.judge"] = foreseen
    assert "would leave this machine" in shell("models", "judge", "far").err
    assert [call["foresee"] for call in house.calls("model.judge")] == [True], "nobody said yes"
    assert "far: 2 questions, at most 900 tokens" in shell("models", "judge", "far", "--dry-run").out


def test_nobody_is_asked_when_nothing_has_been_decided(shell: Shell, house: House) -> None:
    house.answers["model.judge"] = {"cases": {}, "foreseen": [_seen("near", questions=0)], "items": []}
    told = shell("models", "judge")
    assert (told.status, len(house.calls("model.judge"))) == (0, 1)
    assert "When you have approved" in told.out


def _seen(id: str, *, remote: bool = False, questions: int = 2) -> dict[str, object]:
    return {"id": id, "remote": remote, "questions": questions, "tokens": 900, "money": "0"}


def test_a_name_that_is_none_is_told_with_those_there_are(shell: Shell, workspace: Path, tmp_path: Path) -> None:
    begin(workspace)
    assert shell("models", "add", "tiny", "--from", str(write_tiny(tmp_path / "tiny.gguf", "Q4_0"))).status == 0
    for verb in ("use", "remove"):
        told = shell("models", verb, "tyni")
        assert told.status == 3
        assert "static, minilm, endpoint, tiny" in told.err
