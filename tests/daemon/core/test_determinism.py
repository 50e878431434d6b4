"""The same story gives the same events, byte for byte; a history of an earlier version folds for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.core import kernel
from quarterdeck_daemon.core.entities import Action, Run
from quarterdeck_daemon.core.kernel import APPLY, FOLLOW, fold
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.store.in_memory import InMemoryStore

from . import recorded_story
from .recorded_story import GOLDEN, History, digest, state_of, tell_all

STORY = Path(recorded_story.__file__)
WORLDS = [
    {"PYTHONHASHSEED": "0", "TZ": "UTC"},
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4294967295", "TZ": "America/St_Johns", "PYTHONUTF8": "1"},
    {"PYTHONHASHSEED": "77", "TZ": "Europe/Berlin", "PYTHONOPTIMIZE": "1"},
]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: str(world["TZ"]))
def test_the_same_story_gives_the_same_bytes_in_every_world(world: dict[str, str]) -> None:
    """Another seed of hashes, another time zone, another locale, asserts off."""
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH", "VIRTUAL_ENV")
    }
    told = subprocess.run(
        [sys.executable, str(STORY)], env=kept | world, capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.strip() == digest(tell_all().events())


def test_the_twin_whose_decisions_know_the_time_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: one applied step later and the bytes are others."""
    first = digest(tell_all().events())
    monkeypatch.setattr(recorded_story, "SECOND", 1_000_001)
    assert digest(tell_all().events()) != first


def test_a_story_tells_of_most_kinds_of_events() -> None:
    told = {event.kind for event in tell_all().events()}
    assert told <= set(APPLY)
    assert len(told) > 0.7 * len(APPLY)


def golden() -> History:
    return msgspec.msgpack.decode(GOLDEN.read_bytes(), type=History)


def test_the_golden_history_still_folds_to_the_state_it_led_to() -> None:
    """Recorded by version 0.1. Never change it: a new meaning is a new version of its event kind."""
    history = golden()
    draft = Draft(InMemoryStore())
    for event in history.events:
        fold(draft, event)
    state: dict[str, str] = {f"run:{run.id}": run.status for run in draft.scan(Run)}
    state |= {f"action:{action.id}": action.status for action in draft.scan(Action)}
    assert state == history.state
    assert [event.seq for event in history.events] == list(range(1, len(history.events) + 1))


def test_an_event_kind_that_was_dropped_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: a kernel that no longer knows a kind of the history cannot fold it."""
    monkeypatch.setattr(kernel, "APPLY", {kind: apply for kind, apply in APPLY.items() if kind != "action.held"})
    with pytest.raises(KeyError):
        test_the_golden_history_still_folds_to_the_state_it_led_to()


def test_the_state_told_equals_the_state_of_the_story() -> None:
    story = tell_all()
    history = msgspec.msgpack.decode(
        msgspec.msgpack.encode(History(events=story.events(), state=state_of(story.store))), type=History
    )
    assert history.events == story.events()


def test_whatever_follows_from_an_event_follows_from_a_kind_that_exists() -> None:
    assert set(FOLLOW) <= set(APPLY)
