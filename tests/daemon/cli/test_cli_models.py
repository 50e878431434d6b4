"""models: fetching works on files, choosing tells the daemon when there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck_daemon.service.workspace import load_config
from quarterdeck_protocol.codes import QuarterdeckError

if TYPE_CHECKING:
    from .conftest import House, Shell

ENDPOINT = '[embedder.endpoint]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\ndimension = 3\n'


def test_without_a_daemon_the_list_says_what_is_here(shell: Shell, workspace: Path) -> None:
    ran = shell("models", "--json")
    rows = {row["id"]: (row["used"], row["ready"], row["dimension"]) for row in ran.json["items"]}  # type: ignore[attr-defined]
    assert rows == {"static": (True, True, 256), "minilm": (False, False, 384), "endpoint": (False, False, 0)}
    assert "static" in shell("models").out
    assert not (workspace / ".quarterdeck").exists()


def test_the_list_shows_how_far_a_move_is(shell: Shell, house: House) -> None:
    row = {"id": "minilm", "kind": "embedder", "used": True, "ready": False, "problem": "no library", "fix": "pip …"}
    index = {"embedder": "static-256-1", "rows": 50, "migrating_to": "minilm-384-2", "migrated": 20}
    house.answers["model.list"] = {"items": [row], "next": None, "index": index}
    out = shell("models").out
    assert "moving to minilm-384-2: 20 of 50 rows; until then static-256-1 answers" in out
    assert "minilm is used, but no library: pip …" in out


def test_what_cannot_work_is_not_chosen(shell: Shell, workspace: Path) -> None:
    for name, hint in (
        ("minilm", "models pull minilm"),
        ("endpoint", "[embedder.endpoint]"),
        ("word2vec", "static, minilm"),
    ):
        ran = shell("models", "use", name)
        assert ran.status == 3
        assert hint in ran.err
    assert (workspace / "quarterdeck.toml").read_text() == ""


def test_without_a_daemon_the_settings_are_changed(shell: Shell, workspace: Path) -> None:
    (workspace / "quarterdeck.toml").write_text(f"# mine\n{ENDPOINT}", encoding="utf-8")
    ran = shell("models", "use", "endpoint", "--json")
    assert (ran.status, ran.json["changed"]) == (0, True)
    assert load_config(workspace).embedder.name == "endpoint"
    assert (workspace / "quarterdeck.toml").read_text().startswith(f"# mine\n{ENDPOINT}")
    assert (
        "used it already" in shell("models", "use", "endpoint").err or shell("models", "use", "endpoint").status == 0
    )


def test_with_a_daemon_it_is_told_and_the_way_back_is_named(shell: Shell, house: House, workspace: Path) -> None:
    house.answers["model.use"] = {"id": "minilm", "changed": True}
    ran = shell("models", "use", "minilm", "--reason", "better")
    assert house.calls("model.use") == [{"id": "minilm", "reason": "better"}]
    assert "the old ones answer" in ran.err
    assert "models use static" in ran.err
    assert (workspace / "quarterdeck.toml").read_text() == ""


def test_what_the_daemon_refuses_is_not_done_behind_its_back(shell: Shell, house: House, workspace: Path) -> None:
    house.answers["model.use"] = QuarterdeckError("not_found", "its files are not here")
    (workspace / "quarterdeck.toml").write_text(ENDPOINT, encoding="utf-8")
    assert shell("models", "use", "endpoint").status == 3
    assert load_config(workspace).embedder.name == "static"


def test_before_texts_leave_the_machine_you_are_asked(shell: Shell, workspace: Path) -> None:
    before = ENDPOINT.replace("http://127.0.0.1:9", "https://embeddings.invalid")
    (workspace / "quarterdeck.toml").write_text(before, encoding="utf-8")
    said = "would go to embeddings.invalid"
    for ran, status in (
        (shell("models", "use", "endpoint", "--dry-run"), 0),
        (shell("models", "use", "endpoint", stdin="n\n"), 0),
        (shell("models", "use", "endpoint", "--no-input"), 2),
    ):
        assert (ran.status, said in ran.out + ran.err) == (status, True)
        assert (workspace / "quarterdeck.toml").read_text() == before
    assert shell("models", "use", "endpoint", "--yes").status == 0
    assert load_config(workspace).embedder.name == "endpoint"


def test_a_dry_run_touches_nothing(shell: Shell, workspace: Path) -> None:
    before = sorted(workspace.rglob("*"))
    for words in (
        ("pull", "minilm"),
        ("add", "minilm", "--from", "/nowhere"),
        ("use", "static"),
        ("remove", "minilm"),
    ):
        ran = shell("models", *words, "--dry-run")
        assert (ran.status, ran.out[:6]) == (0, "would ")
    assert sorted(workspace.rglob("*")) == before


def test_wrong_files_are_not_added(shell: Shell, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    ran = shell("models", "add", "minilm", "--from", str(tmp_path))
    assert ran.status == 2
    assert "Nothing was added" in ran.err
    assert list((workspace / ".quarterdeck" / "models").iterdir()) == []


def test_a_model_that_is_used_or_still_answers_is_not_removed(shell: Shell, house: House, workspace: Path) -> None:
    house.answers["model.list"] = {"items": [], "next": None, "index": {"embedder": "minilm-384-53aa"}}
    ran = shell("models", "remove", "minilm")
    assert (ran.status, "still answer" in ran.err) == (8, True)
    (workspace / "quarterdeck.toml").write_text('[embedder]\nname = "minilm"\n', encoding="utf-8")
    ran = shell("models", "remove", "minilm")
    assert (ran.status, "models use static" in ran.err) == (8, True)
