"""Words, exit statuses, errors and help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck_daemon.cli import text
from quarterdeck_daemon.cli.commands import COMMANDS
from quarterdeck_daemon.cli.entry import run
from quarterdeck_daemon.cli.help import EXIT_STATUSES
from quarterdeck_daemon.cli.root import make_root
from quarterdeck_daemon.cli.text import counted
from quarterdeck_protocol.codes import EXIT_STATUS, Code, QuarterdeckError

if TYPE_CHECKING:
    from .conftest import House, Shell


def test_every_command_of_the_table_is_there_and_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert run([name, "--help"]) == 0, name
        assert capsys.readouterr().out.startswith(f"Usage: quarterdeck {name}")


def test_every_verb_of_a_noun_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    import click

    root = make_root()
    for name in COMMANDS:
        command = root.get_command(click.Context(root), name)
        for verb in getattr(command, "commands", {}):
            assert run([name, verb, "--help"]) == 0, (name, verb)
            assert capsys.readouterr().out.startswith(f"Usage: quarterdeck {name} {verb}")


def test_an_unknown_command_is_told_the_nearest_one(shell: Shell) -> None:
    ran = shell("aprove")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        "error: There is no `quarterdeck aprove`. Did you mean `approve` or `approvals`?\nhint: See `quarterdeck --help`.\n"
    )


def test_an_unknown_verb_of_a_noun_is_told_the_nearest_one(shell: Shell) -> None:
    ran = shell("runs", "shwo")
    assert ran.status == 2
    assert "error: There is no `quarterdeck runs shwo`. Did you mean `show`?" in ran.err


@pytest.mark.parametrize(("word", "meant"), [("start", "run"), ("undo", "undo"), ("approve", "approve")])
def test_a_verb_that_stands_elsewhere_is_named_where_it_stands(shell: Shell, word: str, meant: str) -> None:
    """`runs start` is not near any verb of `runs`; what does it is the command `run`."""
    ran = shell("runs", word, "lead-to-outreach")
    assert (ran.status, ran.err.splitlines()[0]) == (
        2, f"error: There is no `quarterdeck runs {word}`. Did you mean `quarterdeck {meant}`?"
    )  # fmt: skip


def test_with_json_a_usage_error_is_json_too(shell: Shell) -> None:
    ran = shell("status", "--shrot", "--json")
    assert ran.status == 2
    assert ran.error["code"] == "bad_value"


@pytest.mark.parametrize(("code", "status"), [*EXIT_STATUS.items(), ("internal", 1), ("busy", 1)])
def test_each_error_of_the_daemon_becomes_its_exit_status(
    house: House, code: Code, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(house.workspace)
    house.answers["run.get"] = QuarterdeckError(code, "the facts", hint="the next step")
    assert run(["runs", "show", "r1"]) == status
    assert capsys.readouterr().err == "error: the facts\nhint: the next step\n"
    assert run(["runs", "show", "r1", "--json"]) == status
    error = json.loads(capsys.readouterr().err)["error"]
    assert error == {"code": code, "message": "the facts", "hint": "the next step"}


def test_every_exit_status_is_explained(shell: Shell) -> None:
    assert set(EXIT_STATUS.values()) <= set(EXIT_STATUSES)
    ran = shell("help", "exit-codes")
    assert ran.status == 0
    assert [int(row.split()[0]) for row in ran.out.splitlines()] == list(EXIT_STATUSES)


def test_help_on_an_unknown_topic_is_not_found(shell: Shell) -> None:
    ran = shell("help", "exitcodes")
    assert ran.status == 3
    assert "Did you mean `exit-codes`" in ran.err


def test_without_a_daemon_it_says_how_to_start_it(shell: Shell) -> None:
    ran = shell("runs", "list", "--json")
    assert ran.status == 6
    assert (ran.error["code"], ran.error["hint"]) == ("unavailable", "Start it with `quarterdeck up`.")


def test_without_a_workspace_it_says_how_to_make_one(tmp_path: Path, shell: Shell) -> None:
    shell.folder = tmp_path
    ran = shell("approvals")
    assert ran.status == 3
    assert "hint: Go to a workspace, name one with -w DIR, or make one with `quarterdeck init`." in ran.err


def test_the_workspace_is_found_upward_by_option_and_by_variable(house: House, shell: Shell, tmp_path: Path) -> None:
    house.answers["run.list"] = {"items": [], "next": None}
    deep = house.workspace / "notes" / "deep"
    deep.mkdir(parents=True)
    shell.folder = deep
    assert shell("runs").status == 0
    shell.folder = tmp_path
    assert shell("runs", "list", "-w", str(house.workspace)).status == 0
    assert shell("-w", str(house.workspace), "runs").status == 0
    assert shell("runs", env={"QUARTERDECK_WORKSPACE": str(house.workspace)}).status == 0


def test_an_interrupt_ends_with_130(house: House, shell: Shell) -> None:
    """Ctrl-C while the daemon thinks."""
    house.mute = True
    words = [sys.executable, "-m", "quarterdeck_daemon.cli", "runs", "show", "r1"]
    process = subprocess.Popen(words, cwd=shell.folder, env=shell.env, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    give_up = time.monotonic() + 30
    while not house.asked and time.monotonic() < give_up:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"interrupted\n")


def test_a_reader_that_goes_away_ends_it_quietly(house: House, shell: Shell) -> None:
    house.answers["fact.query"] = {
        "items": [{"id": f"k/{n}", "version": 1, "value": {"x": "y" * 200}} for n in range(900)]
    }
    words = [sys.executable, "-m", "quarterdeck_daemon.cli", "fact", "query", "k"]
    process = subprocess.Popen(words, cwd=shell.folder, env=shell.env, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=30), err) == (141, b"")


def test_the_programs_two_ways_in_are_the_same(shell: Shell) -> None:
    assert shell("--version").out == shell("version").out.splitlines()[0] + "\n"
    assert shell("version", "--json").json["protocol"] == "1.0"


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_scripts_are_made_for_both_names(shell: Shell, name: str) -> None:
    ran = shell("completion", name)
    assert ran.status == 0
    assert "_QUARTERDECK_COMPLETE" in ran.out
    assert "qd" in ran.out


def test_the_bash_script_is_accepted_by_bash(shell: Shell) -> None:
    checked = subprocess.run(["bash", "-n"], input=shell("completion", "bash").out.encode(), check=False)
    assert checked.returncode == 0


def test_completion_offers_commands_and_verbs(shell: Shell) -> None:
    asked = {"_QUARTERDECK_COMPLETE": "bash_complete", "COMP_WORDS": "quarterdeck appr", "COMP_CWORD": "1"}
    assert shell(env=asked).out.splitlines() == ["plain,approvals", "plain,approve"]
    asked = {"_QUARTERDECK_COMPLETE": "bash_complete", "COMP_WORDS": "quarterdeck runs re", "COMP_CWORD": "2"}
    assert shell(env=asked).out.splitlines() == ["plain,reassign", "plain,resume", "plain,retry"]


def test_alone_and_without_a_terminal_it_prints_the_status(house: House, shell: Shell) -> None:
    house.answers["system.status"] = {"running": True, "stopped": False, "seq": 3, "pending_approvals": 2}
    ran = shell()
    assert ran.status == 0
    assert "waiting    2  (quarterdeck review)" in ran.out


HEAVY = (
    "numpy",
    "textual",
    "pygls",
    "tantivy",
    "rocksdict",
    "dateparser",
    "asyncio",
    "jinja2",
    "yaml",
    "cel",
    "pydantic",
)


@pytest.mark.parametrize("words", [["version"], ["status"], ["approvals"], ["help"]])
def test_nothing_heavy_is_imported(house: House, words: list[str]) -> None:
    """The promise of a fast start, checked by what is loaded rather than by a clock."""
    house.answers["system.status"] = {"running": True, "stopped": False}
    house.answers["approval.list"] = {"items": []}
    code = (
        "import sys\nfrom quarterdeck_daemon.cli.entry import run\n"
        f"status = run({words!r})\n"
        f"print(status, sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=house.workspace, capture_output=True, check=True, env=os.environ
    )
    assert done.stderr.decode().splitlines()[-1] == "0 []"


def test_the_version_needs_no_option_parser(workspace: Path) -> None:
    code = (
        "import sys\nsys.argv[1:] = ['--version']\nfrom quarterdeck_daemon.cli import main\nmain()\n"
        "print(sorted({'click', 'zmq', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=workspace, capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[1] == "[]"


@pytest.mark.parametrize(
    ("count", "word", "said"),
    [
        (1, "record", "1 record"), (0, "record", "0 records"), (1_200, "memory", "1,200 memories"),
        (2, "summary", "2 summaries"), (2, "key", "2 keys"), (1, "steering file", "1 steering file"),
        (3, "steering file", "3 steering files"),
    ],
)  # fmt: skip
def test_one_is_one_record_and_two_are_records(count: int, word: str, said: str) -> None:
    assert counted(count, word) == said


def test_no_command_writes_a_count_with_a_plural_in_brackets() -> None:
    """`file(s)` is what is written by somebody who does not know `counted`."""
    folder = Path(text.__file__).parent
    assert [path.name for path in sorted(folder.glob("*.py")) if "(s)" in path.read_text("utf-8")] == []
