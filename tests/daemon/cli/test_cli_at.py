"""`at TIME COMMAND`: reads are of then, changes are refused."""

from __future__ import annotations

from .conftest import House, Shell


def test_a_reading_command_is_asked_as_of_then(house: House, shell: Shell) -> None:
    house.answers["fact.get"] = {"id": "client/a", "value": {}, "version": 1, "labels": {}}
    assert shell("at", "600", "fact", "get", "client", "a").status == 0
    assert house.calls("fact.get") == [{"kind": "client", "key": "a", "as_of": 600}]


def test_the_past_is_read_only(house: House, shell: Shell) -> None:
    house.answers["memory.remember"] = {"id": "m1"}
    ran = shell("at", "600", "remember", "something")
    assert (ran.status, house.calls("memory.remember")) == (2, [])
    assert "read-only" in ran.err


def test_what_has_no_past_says_so(house: House, shell: Shell) -> None:
    ran = shell("at", "600", "status")
    assert (ran.status, house.calls("system.status")) == (2, [])
    assert "how things are now" in ran.err


def test_a_time_that_is_none_is_answered_with_examples_of_what_is(house: House, shell: Shell) -> None:
    for words in (("at", "some day", "approvals"), ("recall", "tea", "--as-of", "25:00 maybe")):
        ran = shell(*words)
        assert ran.status == 2
        assert all(one in ran.err for one in ("1200", "2h", "yesterday 14:00", "2026-11-20T14:05", "snapshot's name"))
    assert house.asked == []
