"""init, config, demo: folders are made with care and deleted with more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck_daemon.cli import demo
from quarterdeck_daemon.cli.init import OWN_POLICY, machine_zone, make_workspace
from quarterdeck_daemon.cli.session import Session
from quarterdeck_daemon.core.policy import parse_policy
from quarterdeck_daemon.service.presets import preset_text
from quarterdeck_daemon.service.workspace import DEFAULT_CONFIG_TEXT, Config, load_config
from quarterdeck_protocol.codes import QuarterdeckError

if TYPE_CHECKING:
    from .conftest import House, Shell


def test_init_makes_a_workspace_that_reads_and_asks_about_everything(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    ran = shell("init", str(folder))
    assert ran.status == 0
    assert (folder / "quarterdeck.toml").read_text() == DEFAULT_CONFIG_TEXT
    assert load_config(folder) == Config()
    assert ".quarterdeck/" in (folder / ".gitignore").read_text()
    assert load_config(folder).policy.preset == "cautious"
    assert {rule.verdict for rule in parse_policy(preset_text("cautious")).rule} == {"ask"}
    commented = [line.removeprefix("# ") for line in OWN_POLICY.splitlines() if line.startswith("# ") or not line]
    examples = "\n".join(commented[commented.index("[[rule]]") if "[[rule]]" in commented else 0 :])
    assert [rule.id for rule in parse_policy(examples).rule] == ["mail.night"]
    assert parse_policy(OWN_POLICY).rule == ()
    assert shell("config", "check", "-w", str(folder)).status == 0


def test_init_makes_nothing_that_everybody_may_write(tmp_path: Path) -> None:
    """The daemon would refuse such settings, and a policy must not be anybody's to add."""
    umask = os.umask(0)
    try:
        make_workspace(tmp_path / "new")
    finally:
        os.umask(umask)
    made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert [path for path in made if path.stat().st_mode & 0o002] == []


def test_init_of_no_name_is_refused(shell: Shell) -> None:
    """`init "$DIR"` with no DIR must not make a workspace of whatever folder one stands in."""
    ran = shell("init", "")
    assert (ran.status, ran.out) == (2, "")


def test_init_quotes_the_command_to_type_next(shell: Shell, tmp_path: Path) -> None:
    ran = shell("init", str(tmp_path / "my company"))
    assert f"-w '{tmp_path}/my company' up`" in ran.err


def test_init_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    assert ".gitignore" not in make_workspace(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    with pytest.raises(QuarterdeckError) as refused:
        make_workspace(tmp_path)
    assert refused.value.code == "conflict"


def test_a_dry_init_writes_nothing(shell: Shell, tmp_path: Path) -> None:
    assert shell("init", str(tmp_path / "new"), "--dry-run").status == 0
    assert not (tmp_path / "new").exists()


def test_config_names_the_line_and_the_nearest_key(shell: Shell) -> None:
    (shell.folder / "quarterdeck.toml").write_text("[actions]\nhlod = '8s'\n")
    ran = shell("config", "check")
    assert ran.status == 2
    assert "line 2" in ran.err
    assert "hint: Did you mean `hold`?" in ran.err


def test_config_gets_a_setting_default_or_not(shell: Shell) -> None:
    assert shell("config", "get", "actions.hold").out == "8s\n"
    assert shell("config", "get", "actions.hlod").status == 3
    assert shell("config", "get", "--json").json["workers.count"] == 2
    assert shell("config", "path", "--json").json["workspace"] == str(shell.folder)


def test_up_down_and_logs_without_a_daemon(shell: Shell) -> None:
    assert shell("up", "--dry-run").status == 0
    assert shell("down").out == "it was not running\n"
    logs = shell.folder / ".quarterdeck" / "logs"
    logs.mkdir(parents=True)
    (logs / "daemon.log").write_text(
        '{"at":"2026-03-01T10:00:00.000000Z","level":"info","role":"daemon","pid":1,"message":"up\\u001b[2J","fields":{"n":1}}\n'
    )
    assert shell("logs").out.endswith("info      daemon      up\\x1b[2J  n=1\n")
    assert shell("logs", "--level", "error").out == ""
    assert shell("logs", "--json").json["message"] == "up\x1b[2J"


# --- demo -----------------------------------------------------------------------------------------


def test_reset_refuses_a_folder_that_is_not_ours(tmp_path: Path, shell: Shell) -> None:
    """The twin of the next test: the marker alone decides."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "quarterdeck.toml").write_text("")
    (precious / "work.txt").write_text("years")
    ran = shell("demo", str(precious), "--reset", "--no-tui")
    assert ran.status == 8
    assert "was not made by `quarterdeck demo`" in ran.err
    assert (precious / "work.txt").read_text() == "years"
    assert shell("demo", str(precious), "--no-tui").status == 8


def test_reset_empties_a_folder_with_our_marker_and_follows_no_link_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "a.md").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "work.txt").write_text("years")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / demo.MARKER).write_text(demo.MARKER_TEXT)
    demo.clear(Session(), folder)
    assert list(folder.iterdir()) == []
    assert (tmp_path / "elsewhere" / "work.txt").read_text() == "years"


def test_reset_does_not_follow_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / demo.MARKER).write_text(demo.MARKER_TEXT)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(QuarterdeckError):
        demo.clear(Session(), tmp_path / "link")
    assert folder.exists()


def test_the_company_is_copied_once_and_kept_the_second_time(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert demo.lay_out(folder)
    assert (folder / "quarterdeck.toml").is_file()
    (folder / "quarterdeck.toml").write_text("# changed\n")
    assert not demo.lay_out(folder)
    assert (folder / "quarterdeck.toml").read_text() == "# changed\n"


def test_waiting_is_over_when_every_file_is_read_and_nothing_waits() -> None:
    settling = demo.Settling(files=3, now=0.0)
    assert not settling.over({"documents": 0, "runs": 0, "waiting": 0}, 0.1), "the connectors have not looked yet"
    assert not settling.over({"documents": 3, "runs": 1, "waiting": 1}, 0.2)
    assert settling.over({"documents": 3, "runs": 2, "waiting": 0}, 0.3)


def test_waiting_ends_when_a_file_never_comes() -> None:
    settling = demo.Settling(files=3, now=0.0)
    assert not settling.over({"documents": 2, "runs": 2, "waiting": 0}, 1.0)
    assert settling.over({"documents": 2, "runs": 2, "waiting": 0}, 1.0 + demo.STILL_S)


def test_the_end_of_the_demo_says_what_was_done_and_what_to_type(
    with_approvals: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(with_approvals.workspace)
    runs = [{"id": f"r{n}", "status": "no_op" if n > 1 else "running", "playbook": "p"} for n in range(1, 4)]
    outputs = {
        "r2": {"kind": "lead", "reasons": [{"text": "Asks for work."}, {"text": "The budget is below the minimum."}]},
        "r3": {"kind": "invoice", "reasons": []},
    }
    with_approvals.answers["run.list"] = {"items": runs}
    with_approvals.answers["run.get"] = lambda params: {
        "id": params["id"], "steps": [{"id": "qualify", "output": outputs[str(params["id"])]}],
    }  # fmt: skip
    with_approvals.answers["action.list"] = {
        "items": [{"id": "a17", "status": "proposed"}, {"id": "a18", "status": "proposed"}]
    }
    session = Session()
    done = demo.summary(session, {"documents": 9, "runs": 3, "waiting": 0})
    shown = list(demo.lines(session, done))
    session.close()
    assert shown[:4] == [
        "9 documents read, 0 of them mail",
        "3 leads found, 2 answers drafted, 2 wait for your yes",
        "  not answered: The budget is below the minimum.",
        "left alone: 1 invoice",
    ]
    assert any(row.startswith("  quarterdeck approve a17 ") for row in shown)


@pytest.mark.parametrize(
    ("named", "file", "zone"),
    [
        ("", "usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
        ("", "usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo"),
        (":America/New_York", "usr/share/zoneinfo/Europe/Berlin", "America/New_York"),
        ("CET-1CEST", "usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
        ("../../etc/passwd", "", "UTC"),
        ("", "usr/share/zoneinfo/Etc/UTC", "UTC"),
        ("", "usr/share/zoneinfo/Mars/Olympus", "UTC"),
        ("", "", "UTC"),
    ],
)
def test_init_writes_the_time_zone_of_the_machine(
    named: str, file: str, zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", named)
    link = tmp_path / "localtime"
    if file:
        link.symlink_to(tmp_path / file)
    assert machine_zone(link) == zone


def test_a_new_workspace_has_that_time_zone_in_its_settings(shell: Shell, tmp_path: Path) -> None:
    assert shell("init", str(tmp_path / "new"), env={"TZ": "Asia/Tokyo"}).status == 0
    assert load_config(tmp_path / "new").workspace.timezone == "Asia/Tokyo"
