"""Words for moments, and how going back asks before it does anything."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from quarterdeck_daemon.cli import times
from quarterdeck_protocol.codes import QuarterdeckError

from .conftest import House, Shell

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))  # A Saturday.
PLAN: dict[str, object] = {
    "id": "", "dry_run": True, "scope": "workspace", "to_seq": 6, "to_at": "2026-11-20T14:05:12Z", "from_seq": 9, "total": 1,
    "commits": 1, "plan_hash": "abc", "counts": {"restored": 1},
    "changes": [{"id": "fact:client/acme", "what": "restored", "title": "", "fields": [{"name": "n", "before": 2, "after": 1}]}],
    "kept": [{"id": "memory:m3", "why": "forgotten: it does not come back"}],
    "already_done": [
        {"id": "a1", "status": "succeeded", "summary": "Reply", "targets": ["i@x.test"], "at": None, "undo": "undo a1"}
    ],
    "runs": [], "waiting": [], "cancelled": [], "undo": {}, "undo_words": "",
    "files": [
        {"path": "policies/a.toml", "change": "changed", "text": "then\n", "hash": "h"},
        {"path": "policies/new.toml", "change": "added", "text": None, "hash": ""},
    ],
}  # fmt: skip
DONE = {
    **PLAN,
    "id": "rw1",
    "dry_run": False,
    "undo": {"to": 9, "scope": "rewind:rw1"},
    "undo_words": "quarterdeck rewind --undo rw1",
}


@pytest.fixture
def saturday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "zone", lambda: NOW.tzinfo)
    monkeypatch.setattr(times, "now", lambda: NOW)


@pytest.mark.usefixtures("saturday")
@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("812", 812), ("0", 0),
        ("2026-11-17", "2026-11-16T23:00:00Z"), ("2026-11-17T10:00", "2026-11-17T09:00:00Z"),
        ("2026-11-17T10:00:00Z", "2026-11-17T10:00:00Z"), ("2h", "2026-11-21T09:00:00Z"), ("1d12h", "2026-11-19T23:00:00Z"),
        ("yesterday 14:00", "2026-11-20T13:00:00Z"), ("last tuesday", "2026-11-16T23:00:00Z"),
        ("tuesday", "2026-11-16T23:00:00Z"), ("3 days ago", "2026-11-18T11:00:00Z"), ("17 nov 14:00", "2026-11-17T13:00:00Z"),
        ("before-import", "before-import"), ("snapshot:q3", "snapshot:q3"), ("vorher", "vorher"),
    ],
)  # fmt: skip
def test_a_moment_is_a_number_a_time_words_or_a_name(words: str, meant: int | str) -> None:
    assert times.position(words) == meant


@pytest.mark.usefixtures("saturday")
@pytest.mark.parametrize("words", ["", " ", "25:00", "-5", "9 o'clock in the never", "a/b", "x" * 300 + " y"])
def test_what_is_no_moment_is_refused(words: str) -> None:
    with pytest.raises(QuarterdeckError) as refused:
        times.position(words)
    assert refused.value.code == "bad_value"


def test_the_workspaces_zone_counts(house: House, shell: Shell) -> None:
    (house.workspace / "quarterdeck.toml").write_text('[workspace]\ntimezone = "Asia/Tokyo"\n', encoding="utf-8")
    house.answers["fact.get"] = {"id": "client/a", "value": {}, "version": 1, "labels": {}}
    assert shell("at", "2026-11-17T09:00", "fact", "get", "client", "a").status == 0
    assert house.calls("fact.get")[0]["as_of"] == "2026-11-17T00:00:00Z"


def rewinding(params: dict[str, object]) -> dict[str, object]:
    return PLAN if params.get("dry_run") else DONE


def test_a_rewind_shows_its_plan_and_asks_before_it_does_anything(house: House, shell: Shell) -> None:
    house.answers["rewind"] = rewinding
    ran = shell("rewind", "before-import", stdin="n\n")
    assert "  restored     fact:client/acme" in ran.out
    assert "      n: 2 → 1" in ran.out
    assert "memory:m3: forgotten: it does not come back" in ran.out
    assert "a1  succeeded  Reply  i@x.test" in ran.out
    assert "nothing was changed" in ran.err
    assert [one.get("dry_run") for one in house.calls("rewind")] == [True]
    ran = shell("rewind", "before-import", "--yes", "--reason", "wrong")
    assert ran.status == 0
    assert "undo: " in ran.err
    assert house.calls("rewind")[-1] == {
        "to": "before-import",
        "scope": "workspace",
        "plan_hash": "abc",
        "reason": "wrong",
    }


def test_where_nobody_can_be_asked_nothing_happens(house: House, shell: Shell) -> None:
    house.answers["rewind"] = rewinding
    assert shell("rewind", "6", "--no-input").status == 2
    assert shell("rewind").status == 2
    assert [one.get("dry_run") for one in house.calls("rewind")] == [True]


def test_undo_and_resume_are_words_of_their_own(house: House, shell: Shell) -> None:
    house.answers["rewind"] = rewinding
    shell("rewind", "--undo", "rw7", "--yes")
    assert house.calls("rewind")[-1]["scope"] == "rewind:rw7"
    shell("rewind", "--resume", "rw7", "--yes")
    assert house.calls("rewind")[-1]["resume"] == "rw7"


def test_files_are_written_only_on_demand_and_what_lay_there_is_kept(house: House, shell: Shell) -> None:
    house.answers["rewind"] = rewinding
    policies = house.workspace / "policies"
    policies.mkdir()
    (policies / "a.toml").write_text("now\n", encoding="utf-8")
    (policies / "new.toml").write_text("new\n", encoding="utf-8")
    shell("rewind", "6", "--yes")
    assert (policies / "a.toml").read_text("utf-8") == "now\n"
    ran = shell("rewind", "6", "--yes", "--write-files", "--json")
    assert ran.json["files_written"] == ["policies/a.toml", "policies/new.toml"]
    assert (policies / "a.toml").read_text("utf-8") == "then\n"
    assert (policies / "a.toml.before-rewind").read_text("utf-8") == "now\n"
    assert not (policies / "new.toml").exists()
    assert (policies / "new.toml.before-rewind").read_text("utf-8") == "new\n"


def test_a_file_outside_of_the_workspace_is_never_written(house: House, shell: Shell) -> None:
    evil = [{"path": "../evil", "change": "changed", "text": "x", "hash": "h"}]
    house.answers["rewind"] = lambda params: {**rewinding(params), "files": evil}
    assert shell("rewind", "6", "--yes", "--write-files").status == 2
    assert not (house.workspace.parent / "evil").exists()


def test_a_fork_tells_what_is_to_be_known_of_it(house: House, shell: Shell) -> None:
    made = {
        "id": "f", "path": "/srv/what-if", "at_seq": 6, "events": 6, "files": 2, "blobs": 0, "verified": True,
        "paused": ["r1"], "withdrawn": ["a1"], "unknown": [], "notes": ["It is stopped."], "chunks": [{"phase": "copy"}],
    }  # fmt: skip
    house.answers["fork"] = made
    ran = shell("fork", "what-if", "--at", "6", "--reason", "try")
    assert ran.out.startswith("made /srv/what-if: 6 events up to 6, verified\n")
    assert "note: It is stopped." in ran.err
    assert house.calls("fork") == [{"reason": "try", "progress": True, "name": "what-if", "at": 6}]


def test_the_past_does_not_go_on(house: House, shell: Shell) -> None:
    house.answers["timeline.read"] = {"items": [], "next": None}
    assert shell("at", "6", "timeline").status == 0
    assert shell("at", "6", "timeline", "-f").status == 2
    assert house.calls("timeline.read")[0]["as_of"] == 6
