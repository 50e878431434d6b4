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
