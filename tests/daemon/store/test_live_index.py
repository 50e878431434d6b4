"""Marks find the live ones that have them, as a look at every live one would, and through changes of all kinds."""

from __future__ import annotations

import random

import msgspec
import pytest

from quarterdeck_daemon.core.entities import Alert
from quarterdeck_daemon.store.live_index import LiveIndex
from quarterdeck_protocol.labels import OPERATOR


def alert(id: int, topic: str, resolved: str = "") -> Alert:
    return Alert(id=f"alert{id}", level="info", topic=topic, text="", at_us=0, labels=OPERATOR, resolved=resolved)


@pytest.mark.parametrize("seed", range(5))
def test_a_mark_finds_what_a_look_at_all_would_find(seed: int) -> None:
    """Asked for the first time at any moment; what is changed, ends, or is forgotten is followed."""
    chance = random.Random(seed)
    index, world = LiveIndex(), dict[str, Alert]()
    for _ in range(400):
        one = alert(chance.randrange(20), chance.choice("abc"), chance.choice(("", "", "over")))
        world[one.id] = one
        index.note(one)
        if chance.random() < 0.1:
            gone = chance.choice(sorted(world))
            del world[gone]
            index.forget("alert", gone)
        if chance.random() < 0.1:
            mark = chance.choice(("", "a", "b", "c", "nobody"))
            live = [one for one in world.values() if one.live]
            assert index.ids("alert", mark, lambda live=live: live) == sorted(  # type: ignore[misc]  # Bound per turn.
                one.id for one in live if not mark or mark in one.marks
            )


def test_the_twin_that_is_not_told_of_a_change_still_finds_it_under_its_old_mark() -> None:
    index, one = LiveIndex(), alert(1, "a")
    index.note(one)
    assert index.ids("alert", "a", lambda: [one]) == ["alert1"]
    other = msgspec.structs.replace(one, topic="b")
    assert index.ids("alert", "a", lambda: [other]) == ["alert1"]
    index.note(other)
    assert (index.ids("alert", "a", lambda: [other]), index.ids("alert", "b", lambda: [other])) == ([], ["alert1"])
