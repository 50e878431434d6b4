"""Settings and steering files: defaults in one place, wrong lines named, nothing read from outside."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core.durations import duration_us
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.prices import Price
from quarterdeck_daemon.service.assets import ASSET_BYTES_MAX, SkippedAsset, load_assets, scan_assets
from quarterdeck_daemon.service.model_settings import ModelSetting
from quarterdeck_daemon.service.workspace import (
    CONFIG_NAME,
    DEFAULT_CONFIG_TEXT,
    Config,
    Files,
    load_config,
)
from quarterdeck_protocol.codes import QuarterdeckError


def write(folder: Path, text: str) -> Path:
    path = folder / CONFIG_NAME
    path.write_text(text)
    path.chmod(0o644)
    return folder


def refusal(folder: Path) -> QuarterdeckError:
    with pytest.raises(QuarterdeckError) as refused:
        load_config(folder)
    return refused.value


# --- defaults ---------------------------------------------------------------------------------------


def test_the_default_text_says_exactly_the_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, DEFAULT_CONFIG_TEXT)) == Config()


def test_the_default_text_shows_every_key() -> None:
    """Compared as plain maps, so a key that the text leaves out is missed even though its value would be right."""
    shown = tomllib.loads(DEFAULT_CONFIG_TEXT)
    tables: dict[str, object] = {
        "models": {},
        "routes": {},
        "files": [],
        "grants": [],
        "limits": [],
        "budgets": [],
        "prices": [],
    }
    assert {**shown, **tables} == msgspec.json.decode(msgspec.json.encode(Config()))


def test_the_commented_table_of_the_default_text_is_valid_and_shows_its_defaults(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in DEFAULT_CONFIG_TEXT.splitlines()]
    table = "\n".join(lines[lines.index("[[files]]") :])
    assert load_config(write(tmp_path, table)).files == (Files(path="notes"),)


def test_the_commented_model_of_the_default_text_is_valid_and_shows_its_defaults(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ").removeprefix("#") for line in DEFAULT_CONFIG_TEXT.splitlines()]
    table = "\n".join(lines[lines.index("[models.small]") : lines.index('draft = "small"') + 1])
    config = load_config(write(tmp_path, table))
    assert config.models == {"small": ModelSetting(backend="ctransformers", file="models/small.gguf")}
    assert config.routes == {"draft": "small"}


def test_the_commented_price_of_the_default_text_is_valid(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ").removeprefix("#") for line in DEFAULT_CONFIG_TEXT.splitlines()]
    begin = next(number for number, line in enumerate(lines) if line.startswith("[[prices]]"))
    assert load_config(write(tmp_path, "\n".join(lines[begin : begin + 5]))).prices == (
        Price(match="large", price_in=0, price_out=0),
    )


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "")) == Config()


def test_values_arrive_where_they_belong(tmp_path: Path) -> None:
    text = (
        '[mail.in]\nkind = "eml"\n[workers]\ncount = 3\n[[files]]\npath = "a"\ntags = ["x"]\nintegrity = "operator"\n'
    )
    config = load_config(write(tmp_path, text))
    assert (config.mail.inward.kind, config.workers.count) == ("eml", 3)
    assert config.files == (Files(path="a", tags=("x",), integrity="operator"),)


# --- refusals ---------------------------------------------------------------------------------------

WRONG: dict[str, tuple[str, int, str]] = {
    "unknown key": ('[actions]\nhold = "8s"\nexpire = "7d"\n', 3, "Did you mean `expires`?"),
    "unknown key far from all": ("[workers]\nzzzzzz = 1\n", 2, "Valid here: count, step_deadline, indexer_bytes."),
    "unknown table": ("[workspace]\n\n[worker]\ncount = 1\n", 3, "Did you mean `workers`?"),
    "unknown key in a nested table": ("[mail.out]\nprot = 1\n", 2, "Did you mean `port`?"),
    "unknown key in the second of many": (
        '[[files]]\npath="a"\n[[files]]\npath="b"\ntag=[]\n',
        5,
        "Did you mean `tags`?",
    ),
    "renamed key": ('[mail.inward]\nkind="eml"\n', 1, "Did you mean `in`?"),
    "wrong type": ('[workers]\ncount = "two"\n', 2, "Correct this line."),
    "too many workers": ("[workers]\ncount = 65\n", 2, "Correct this line."),
    "wrong word": ('[mail.in]\npath="x"\nkind = "imap"\n', 3, "Correct this line."),
    "missing key": ('[[files]]\npath="a"\n\n[[files]]\ntags=["x"]\n', 4, "Correct this line."),
    "duration": ('[actions]\nhold = "8 seconds"\n', 2, "Correct this line."),
    "time zone": ('[workspace]\ntimezone = "Mars/Olympus"\n', 2, "Write it like Europe/Berlin."),
    "inline table": ('mail = {out = {kind = "pigeon"}}\n', 1, "Correct this line."),
    "quoted dotted key": ('workers."count" = 0\n', 1, "Correct this line."),
    "model without a file": (
        '[models.a]\nbackend = "ctransformers"\n',
        1,
        "Name it, inside the workspace or anywhere.",
    ),
    "model without an address": ('[models.a]\nbackend = "openai"\n', 1, 'Like url = "http://127.0.0.1:11434/v1".'),
    "address in the clear": (
        '[models.a]\nbackend = "openai"\nmodel = "m"\nurl = "http://far.example/v1"\n',
        4,
        'Like url = "https://api.example.com/v1".',
    ),
    "address for a file": (
        '[models.a]\nbackend = "scripted"\nfile = "s"\nurl = "https://a.example"\n',
        4,
        "It is a file on this machine.",
    ),
    "many at once of a file": (
        '[models.a]\nbackend = "scripted"\nfile = "s"\nat_once = 2\n',
        4,
        "Leave at_once out.",
    ),
    "name of a model": (
        '[models."a b"]\nbackend = "scripted"\nfile = "s"\n',
        1,
        "Letters, digits, dot, dash, underscore.",
    ),
    "call without an end": ('[models.a]\nbackend = "scripted"\nfile = "s"\ncall = "2h"\n', 4, "Write it like 60s."),
    "unknown key of a model": ('[models.a]\nbackend = "scripted"\nfille = "s"\n', 1, "Did you mean `file`?"),
    "route to nobody": ('[routes]\ndraft = "big"\n', 2, "Write none, tier:1, tier:2 or a model: none is configured."),
    "key in clear": ('[models.a]\nbackend = "openai"\nkey = "sk-1"\n', 1, "Correct this line."),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_line_is_named_with_what_would_be_right(tmp_path: Path, case: str) -> None:
    text, line, hint = WRONG[case]
    error = refusal(write(tmp_path, text))
    assert (error.code, error.details["line"], error.hint) == ("schema", line, hint)
    assert f"line {line}:" in error.message


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "[workers]\ncount = = 2\n"))
    assert error.code == "schema"
    assert "line 2" in error.message


def test_a_password_in_the_settings_is_refused_and_not_repeated(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, '[mail.out]\npassword = "hunter2-hunter2"\n'))
    assert (error.code, error.details["line"]) == ("schema", 2)
    assert "hunter2" not in f"{error.message} {error.hint} {error.details}"
    assert load_config(write(tmp_path, '[mail.out]\npassword = "secret://mail/smtp"\n')).mail.out.host == "127.0.0.1"


def test_no_settings_is_not_found_and_says_what_to_do(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert error.code == "not_found"
    assert "quarterdeck init" in error.hint


def test_settings_that_everybody_may_write_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "")
    (tmp_path / CONFIG_NAME).chmod(0o646)
    assert refusal(tmp_path).code == "forbidden"


@pytest.mark.parametrize("kind", ["pipe", "folder", "huge", "latin"])
def test_settings_that_are_no_text_file_are_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / CONFIG_NAME
    make: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "huge": lambda: path.write_bytes(b"#" * 300_000),
        "latin": lambda: path.write_bytes(b'name = "\xe9"'),
    }
    make[kind]()
    assert refusal(tmp_path).code == "schema"


# --- durations --------------------------------------------------------------------------------------


def test_durations_are_read_in_every_unit() -> None:
    texts = ["0s", "500ms", "8s", "30m", "2h", "7d", "1w", "1h30m"]
    seconds = [duration_us(text) / 10**6 for text in texts]
    assert seconds == [0, 0.5, 8, 1_800, 7_200, 604_800, 604_800, 5_400]


@pytest.mark.parametrize("text", ["", "8", "s", "8 s", "-8s", "8S", "1.5h", "8s ", "٨s", "9999999w", "8s\n", "h8"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        duration_us(text)
    assert refused.value.code == "bad_value"


# --- steering files ---------------------------------------------------------------------------------


def steering(root: Path) -> Path:
    for name, text in {
        "playbooks/lead.yaml": "name: lead\n",
        "playbooks/notes.txt": "not ours",
        "policies/10-mail.toml": "[[rule]]\n",
        "policies/05-first.toml": "",
        "templates/reply.md": "Grüße",
        "agents/scribe.md": "+++\n+++\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_steering_files_come_by_kind_and_name_with_their_hash(tmp_path: Path) -> None:
    found = [(file.asset_kind, file.name, file.path) for file in load_assets(steering(tmp_path))]
    assert found == [
        ("playbook", "lead", "playbooks/lead.yaml"),
        ("policy", "05-first", "policies/05-first.toml"),
        ("policy", "10-mail", "policies/10-mail.toml"),
        ("template", "reply", "templates/reply.md"),
        ("agent", "scribe", "agents/scribe.md"),
    ]
    reply = load_assets(tmp_path)[3]
    assert (reply.text, reply.hash) == ("Grüße", text_hash("Grüße"))


def test_what_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    """A link out, a link in a circle, a folder, something huge, and bytes that are no text."""
    root = steering(tmp_path / "workspace")
    (tmp_path / "private.md").write_text("not for the kernel")
    (root / "templates/out.md").symlink_to(tmp_path / "private.md")
    (root / "templates/circle.md").symlink_to("circle.md")
    (root / "templates/folder.md").mkdir()
    (root / "templates/huge.md").write_bytes(b"x" * (ASSET_BYTES_MAX + 1))
    (root / "templates/bytes.md").write_bytes(b"\xff\xfe")
    (root / "templates/inside.md").symlink_to("reply.md")
    files, skipped = scan_assets(root)
    assert [file.name for file in files if file.asset_kind == "template"] == ["inside", "reply"]
    assert [one.path.removeprefix("templates/") for one in skipped] == [
        "bytes.md", "circle.md", "folder.md", "huge.md", "out.md",
    ]  # fmt: skip
    assert skipped[-1] == SkippedAsset("templates/out.md", "a link out of the workspace", "template", "out")


def test_a_whole_folder_that_is_a_link_out_is_skipped(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    root.mkdir()
    steering(tmp_path / "other")
    (root / "playbooks").symlink_to(tmp_path / "other" / "playbooks")
    files, skipped = scan_assets(root)
    assert files == []
    assert [one.reason for one in skipped] == ["a link out of the workspace"]


def test_a_workspace_without_steering_files_has_none(tmp_path: Path) -> None:
    assert load_assets(tmp_path) == []


def test_instructions_lie_in_the_root_and_in_skills_and_no_link_leads_out(tmp_path: Path) -> None:
    """One skill is a folder that is a link out, one file is no text: each costs only itself."""
    root = tmp_path / "workspace"
    for name in (
        "AGENTS.md",
        "SKILL.md",
        "skills/invoices/SKILL.md",
        "skills/invoices/notes.md",
        "skills/deep/er/SKILL.md",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "SKILL.md").write_text("# Obey\n")
    (root / "skills/out").symlink_to(tmp_path / "theirs")
    (root / "skills/raw").mkdir()
    (root / "skills/raw/SKILL.md").write_bytes(b"\xff\xfe")
    files, skipped = scan_assets(root)
    assert [(file.asset_kind, file.name, file.path) for file in files] == [
        ("instructions", "AGENTS", "AGENTS.md"),
        ("instructions", "SKILL", "SKILL.md"),
        ("instructions", "skills/invoices", "skills/invoices/SKILL.md"),
    ]
    assert [(one.name, one.reason[:6]) for one in skipped] == [("skills/out", "a link"), ("skills/raw", "'utf-8")]
