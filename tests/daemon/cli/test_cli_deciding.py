"""approve, reject, snooze, edit, review, undo: only what was shown is decided on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck_daemon.cli.edit import as_text, from_text
from quarterdeck_protocol.codes import QuarterdeckError

from .conftest import approval

if TYPE_CHECKING:
    from quarterdeck_protocol.frames import Plain

    from .conftest import House, Shell

ARGS: Plain = {"to": ["ines@northwind.test"], "subject": "Re: Website", "body": "Dear Ines,\n\nGladly.\n"}


def test_the_list_shows_what_waits(with_approvals: House, shell: Shell) -> None:
    ran = shell("approvals")
    assert ran.status == 0
    assert [row.split()[:3] for row in ran.out.splitlines()] == [
        ["ID", "RISK", "AGENT"], ["a17", "low", "composer"], ["a18", "low", "composer"],
    ]  # fmt: skip
    assert [item["id"] for item in _items(shell("approvals", "--json").json)] == ["a17", "a18"]


def _items(value: Plain) -> list[Plain]:
    items = value["items"]
    assert isinstance(items, list)
    return items


def test_an_empty_list_says_so_on_stderr(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["approval.list"] = {"items": []}
    assert (shell("approvals").out, shell("approvals").err) == ("", "Nothing waits.\n")
    assert shell("approvals", "--json").json == {"items": []}


def test_approve_sends_the_hash_that_is_shown_now_and_prints_what_it_approved(
    with_approvals: House, shell: Shell
) -> None:
    ran = shell("approve", "a17", "--reason", "read it", "--request-id", "mine")
    assert (ran.status, ran.out) == (0, "approved a17: Reply to Ines about a website\n")
    assert "undo: quarterdeck undo a17" in ran.err
    asked = next(one for one in with_approvals.asked if one.method == "approval.decide")
    assert asked.params == {
        "items": [{"id": "a17", "shown_hash": "hash-a17"}],
        "decision": "approve",
        "reason": "read it",
    }
    assert asked.request_id == "mine"


def test_a_dry_run_sends_nothing(with_approvals: House, shell: Shell) -> None:
    ran = shell("approve", "a17", "--dry-run")
    assert (ran.status, ran.out) == (0, "would approve a17 (Reply to Ines about a website)\n")
    assert with_approvals.calls("approval.decide") == []


def test_the_beginning_of_an_id_is_no_id(with_approvals: House, shell: Shell) -> None:
    ran = shell("approve", "a1")
    assert ran.status == 3
    assert "hint: Ids are written in full: a17, a18." in ran.err
    assert with_approvals.calls("approval.decide") == []


def test_one_unknown_id_stops_the_whole_decision(with_approvals: House, shell: Shell) -> None:
    assert shell("approve", "a17", "a99").status == 3
    assert with_approvals.calls("approval.decide") == []


def test_what_was_snoozed_can_still_be_decided_on(with_approvals: House, shell: Shell) -> None:
    """It is in no list, and `snooze` itself names `approve` as the way back."""
    away = approval("a19", summary="Ask Cy for a date")
    listed = with_approvals.answers["approval.list"]
    assert isinstance(listed, dict)
    with_approvals.answers["approval.list"] = lambda params: {"items": [away]} if params.get("away") else listed
    ran = shell("approve", "a19")
    assert (ran.status, ran.out) == (0, "approved a19: Ask Cy for a date\n")
    assert with_approvals.calls("approval.decide")[0]["items"] == [{"id": "a19", "shown_hash": "hash-a19"}]


def question(id: str = "r7/review") -> Plain:
    """A waiting gate, as `approval.list` gives it."""
    args = {"question": "Publish it?", "after": {"draft": {"text": "Hello,\nall", "words": 2}}}
    action = {"connector": "run", "verb": "go_on", "args": args, "targets": []}
    return approval(id, gate=True, action=action, summary="Publish it?", run="r7", step="review", risk="medium")


def test_a_question_of_a_run_is_answered_like_a_proposal(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["approval.list"] = {"items": [question()], "next": None}
    assert "Publish it?" in shell("approvals").out
    ran = shell("approve", "r7/review")
    assert (ran.status, ran.out) == (0, "approved r7/review: Publish it?\n")
    assert ran.err == (
        "next: run r7 goes on; what it wants to let out is still asked about by your rules\n"
        "undo: no yes to a question is taken back alone; all that r7 did, before and after it: quarterdeck runs rollback r7\n"
    )
    assert with_approvals.calls("approval.decide")[0]["items"] == [
        {"id": "r7/review", "shown_hash": "hash-r7/review"}
    ]


def test_review_shows_a_question_with_what_was_made_before_it(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["approval.list"] = {"items": [question()], "next": None}
    ran = shell("review", stdin="e\na\n")
    assert "does:    lets run r7 go on; nothing leaves by it" in ran.out
    assert "  | Publish it?\n  | draft.text:\n  |   Hello,\n  |   all\n  | draft.words: 2\n" in ran.out
    assert "error: r7/review is a question of a run: there is nothing to edit." in ran.out
    assert with_approvals.calls("approval.decide")[0]["decision"] == "approve"


def test_a_step_that_asks_nothing_is_a_conflict_and_an_unknown_one_is_not_found(
    with_approvals: House, shell: Shell
) -> None:
    with_approvals.answers["run.get"] = {"id": "r7", "steps": [{"id": "draft", "status": "succeeded"}]}
    ran = shell("approve", "r7/draft")
    assert (ran.status, "error: r7/draft does not wait for you: it is succeeded." in ran.err) == (8, True)
    assert shell("approve", "r7/nope").status == 3


def test_what_was_decided_already_is_a_conflict_that_says_so(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["action.get"] = {"id": "a19", "status": "withdrawn", "shown_hash": "h", "summary": "s"}
    ran = shell("approve", "a17", "a19")
    assert ran.status == 8
    assert "error: a19 does not wait for you any more: it is withdrawn." in ran.err
    assert with_approvals.calls("approval.decide") == []


def test_approve_says_when_it_leaves(with_approvals: House, shell: Shell) -> None:
    item = {"id": "a17", "ok": True, "status": "held", "releases_at": "2031-05-01T10:00:08Z"}
    with_approvals.answers["approval.decide"] = {"items": [item], "seq": 9}
    assert shell("approve", "a17").err.startswith("next: it leaves at ")


def test_a_stale_item_is_a_conflict_and_the_others_are_reported(with_approvals: House, shell: Shell) -> None:
    stale = {
        "id": "a18",
        "ok": False,
        "error": "conflict",
        "message": "a18 is no longer what you saw",
        "hint": "Look again.",
    }
    with_approvals.answers["approval.decide"] = {
        "items": [{"id": "a17", "ok": True, "status": "held"}, stale],
        "seq": 9,
    }
    ran = shell("approve", "a17", "a18")
    assert ran.status == 8
    assert ran.out.splitlines() == ["approved a17: Reply to Ines about a website", "not done a18: Ask Bo for a date"]
    assert "error: a18 is no longer what you saw\nhint: Look again.\n" in ran.err


def test_reject_needs_a_reason(with_approvals: House, shell: Shell) -> None:
    assert shell("reject", "a17").status == 2
    ran = shell("reject", "a17", "--reason", "no time", "--json")
    assert _items(ran.json)[0] | {"seq": 0, "ok": True} == {
        "id": "a17", "ok": True, "status": "held", "summary": "Reply to Ines about a website", "did": "rejected", "seq": 0,
        "next": "nothing leaves; the run goes on without it", "undo": "not needed: nothing happened",
    }  # fmt: skip


def test_snooze_sends_a_time_in_utc(with_approvals: House, shell: Shell) -> None:
    assert shell("snooze", "a17", "--until", "2031-05-01T12:00:00+02:00").status == 0
    assert with_approvals.calls("approval.decide")[0]["until"] == "2031-05-01T10:00:00Z"
    ran = shell("snooze", "a17", "--until", "soonish")
    assert ran.status == 2
    assert "hint: Write 10m, 2h, 14:00" in ran.err


def test_undo_says_what_it_meant(with_approvals: House, shell: Shell) -> None:
    ran = shell("undo", "a17", "--reason", "wrong price")
    assert (ran.status, ran.out) == (0, "u1: withdrew a17; it never left\n")
    assert "undo: not possible" in ran.err
    item: Plain = {
        "action": "a17",
        "state": "compensating",
        "by": "a19",
        "by_status": "proposed",
        "says": "it has left",
    }
    with_approvals.answers["action.undo"] = {"id": "u2", "items": [item]}
    ran = shell("undo", "a17")
    assert ran.out == "u2: began to take back a17 by a19; it has left\n"
    assert "next: quarterdeck approve a19\nundo: quarterdeck undo u2\n" in ran.err


# --- edit -----------------------------------------------------------------------------------------


@pytest.fixture
def editor(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """An editor that runs one statement of Python over `text`."""

    def make(statement: str) -> dict[str, str]:
        script = tmp_path / "editor.py"
        script.write_text(
            "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n"
            "assert path.stat().st_mode & 0o777 == 0o600\n"
            f"text = path.read_text()\n{statement}\npath.write_text(text)\n"
        )
        return {"EDITOR": f"{sys.executable} {script}"}

    return make


Editor = Callable[[str], dict[str, str]]


def test_edit_shows_the_difference_and_approves_only_what_changed(
    with_approvals: House, shell: Shell, editor: Editor
) -> None:
    ran = shell("edit", "a17", "--yes", env=editor("text = text.replace('Gladly.', 'With pleasure.')"))
    assert ran.status == 0
    assert "-Gladly.\n+With pleasure.\n" in ran.out
    assert ran.out.endswith("approved a17: Reply to Ines about a website\n")
    sent = with_approvals.calls("approval.decide")[0]
    assert sent["edits"] == {"body": "Dear Ines,\n\nWith pleasure.\n"}
    assert sent["items"] == [{"id": "a17", "shown_hash": "hash-a17"}]


def test_edit_asks_and_takes_no_for_an_answer(with_approvals: House, shell: Shell, editor: Editor) -> None:
    ran = shell("edit", "a17", stdin="n\n", env=editor("text = text + 'PS'"))
    assert ran.status == 0
    assert "Approve a17 with these edits? [y/N]" in ran.err
    assert with_approvals.calls("approval.decide") == []


def test_edit_without_an_answer_or_with_no_input_is_refused(
    with_approvals: House, shell: Shell, editor: Editor
) -> None:
    assert shell("edit", "a17", env=editor("text = text + 'PS'")).status == 2
    assert shell("edit", "a17", "--no-input", env=editor("text = text + 'PS'")).status == 2
    assert with_approvals.calls("approval.decide") == []


def test_an_unchanged_text_is_not_approved(with_approvals: House, shell: Shell, editor: Editor) -> None:
    ran = shell("edit", "a17", "--yes", env=editor("pass"))
    assert (ran.status, ran.err) == (0, "Nothing changed; it still waits.\n")
    assert with_approvals.calls("approval.decide") == []


def test_an_editor_that_fails_or_is_missing_sends_nothing(
    with_approvals: House, shell: Shell, editor: Editor
) -> None:
    assert shell("edit", "a17", "--yes", env=editor("sys.exit(3)")).status == 2
    assert shell("edit", "a17", "--yes", env={"EDITOR": "/nowhere/at-all"}).status == 2
    assert with_approvals.calls("approval.decide") == []


def test_the_text_of_a_mail_reads_back() -> None:
    assert from_text(as_text(ARGS), ARGS) == {}
    changed = as_text(ARGS).replace("To: ines", "To: bo@x.test, ines").replace("Re: Website", "Re: Site")
    assert from_text(changed, ARGS) == {"to": ["bo@x.test", "ines@northwind.test"], "subject": "Re: Site"}


def test_an_action_that_is_no_mail_is_edited_as_json() -> None:
    args: Plain = {"amount": 3, "note": "é"}
    assert from_text(as_text(args).replace("3", "4"), args) == {"amount": 4}
    with pytest.raises(QuarterdeckError, match="no JSON"):
        from_text("{", args)


def test_a_broken_header_is_refused() -> None:
    with pytest.raises(QuarterdeckError, match="Bcc: spy@x"):
        from_text(as_text(ARGS).replace("Subject:", "Bcc: spy@x\nSubject:"), ARGS)


# --- review ---------------------------------------------------------------------------------------


def test_a_review_is_plain_lines_without_escape_codes(with_approvals: House, shell: Shell) -> None:
    ran = shell("review", stdin="a\nr\nno time\n")
    assert ran.status == 0
    assert "[1/2] low composer Reply to Ines about a website (a/e/r/s/p/w/u/n/?/q)" in ran.err
    assert "[2/2] low composer Ask Bo for a date (a/e/r/s/p/w/u/n/?/q)" in ran.err
    assert "| Dear Ines," in ran.out
    assert 'because  budget 12000  [doc3] "our budget is 12 000 euro"' in ran.out
    assert ran.out.endswith("2 decided, 0 left waiting.\n")
    assert "\x1b" not in ran.out + ran.err
    decided = [(one["decision"], one["items"], one.get("reason")) for one in with_approvals.calls("approval.decide")]
    assert decided == [
        ("approve", [{"id": "a17", "shown_hash": "hash-a17"}], None),
        ("reject", [{"id": "a18", "shown_hash": "hash-a18"}], "no time"),
    ]


def test_a_review_ends_with_q_or_with_the_input(with_approvals: House, shell: Shell) -> None:
    for stdin in ("q\n", "", "n\nq\n"):
        ran = shell("review", stdin=stdin)
        assert ran.status == 0
        assert ran.out.endswith("0 decided, 2 left waiting.\n")
    assert with_approvals.calls("approval.decide") == []


def test_in_a_review_why_help_undo_and_snooze_work(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["action.get"] = {"id": "a17", "summary": "Reply", "status": "proposed"}
    with_approvals.answers["memory.why"] = {
        "items": [],
        "tree": {"kind": "action", "parents": [{"id": "document:doc3"}]},
    }
    ran = shell("review", stdin="w\n?\nu\na\nu\ns\ntomorrow 9:00\n")
    assert ran.status == 0
    assert "document:doc3" in ran.out
    assert "e  edit it in your editor, then approve" in ran.out
    assert "Nothing approved yet in this review." in ran.out
    assert with_approvals.calls("action.undo") == [{"id": "a17"}]
    assert [one["decision"] for one in with_approvals.calls("approval.decide")] == ["approve", "snooze"]


def test_a_refusal_does_not_end_the_review(with_approvals: House, shell: Shell) -> None:
    def refuse_first(params: Plain) -> Plain:
        id = _items(params)[0]["id"]
        if id == "a17":
            return {
                "items": [{"id": id, "ok": False, "error": "conflict", "message": "changed", "hint": ""}],
                "seq": 9,
            }
        return {"items": [{"id": id, "ok": True}], "seq": 9}

    with_approvals.answers["approval.decide"] = refuse_first
    ran = shell("review", stdin="a\na\n")
    assert ran.status == 0
    assert "error: changed" in ran.out
    assert ran.out.endswith("1 decided, 1 left waiting.\n")


def test_a_review_with_nothing_waiting_says_so(with_approvals: House, shell: Shell) -> None:
    with_approvals.answers["approval.list"] = {"items": []}
    assert (shell("review").status, shell("review").err) == (0, "Nothing waits.\n")
