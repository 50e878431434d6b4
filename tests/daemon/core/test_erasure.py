"""Forgetting in the core: what is ended first, what stays as a tombstone, and that the log still folds to the state."""

from __future__ import annotations

import msgspec
import pytest

from quarterdeck_daemon.core.commands import (
    BeginErasure,
    CloseErasure,
    Command,
    Names,
    ProveErasure,
    Remember,
    SupersedeMemory,
)
from quarterdeck_daemon.core.commit import Commit
from quarterdeck_daemon.core.entities import ENTITIES, Action, Alias, Counter, Erasure, Memory, Receipt, Run
from quarterdeck_daemon.core.erasure import bury, forgotten_alias, removal_of
from quarterdeck_daemon.core.kernel import decide, fold
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store.api import Removal
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .recorded_story import tell_all


def do(store: InMemoryStore, command: Command, *, request_id: str | None = None) -> dict[str, object]:
    env = Env(now_us=1_000 + store.head.seq)
    done = decide(store, command, env, head=store.head.seq, actor="operator", request_id=request_id, body_hash="h")
    store.append([done.commit])
    store.sync()
    return done.reply


def notes() -> InMemoryStore:
    store = InMemoryStore()
    for text in ("Ines is ill", "Buy paper"):
        do(store, Remember(text=text), request_id=f"ask {text[:4]}")
    return store


INES = Names(epoch=0, subjects=("memory:m1",), entities=("memory:m1", "receipt:ask Ines"), events=(2,))


def forget(store: InMemoryStore, names: Names, *, names_outside: tuple[str, ...] = ()) -> None:
    """Everything the rim does, one thing after the other."""
    do(store, BeginErasure(removal=names, counts={"memory": 1}, identifiers=("Ines",), names=names_outside))
    erasure = next(store.live(Erasure))
    removal = removal_of(store.event(erasure.list_seq))
    assert removal is not None
    store.erase(Removal(**{name: getattr(names, name) for name in names.__struct_fields__}))
    do(store, ProveErasure(id=erasure.id, proof={"found": 0}))
    store.erase(Removal(epoch=store.epoch, subjects=(f"erasure:{erasure.id}",)))
    do(store, CloseErasure(id=erasure.id))


def folded(store: InMemoryStore) -> Draft:
    draft = Draft(InMemoryStore())
    bury(draft, store.events())
    fold_all(draft, store)
    return draft


def fold_all(draft: Draft, store: InMemoryStore) -> None:
    for event in store.events():
        fold(draft, event)


def state(store: InMemoryStore) -> dict[tuple[str, str], object]:
    return {(kind, one.id): one for kind, cls in ENTITIES.items() for one in store.scan(cls)}


def test_what_is_left_is_a_tombstone_and_a_record_of_the_erasure() -> None:
    store = notes()
    forget(store, INES)
    memory, erasure = store.get(Memory, "m1"), store.get(Erasure, "er1")
    assert memory is not None
    assert erasure is not None
    assert (memory.text, memory.title, memory.forgotten, store.history(Memory, "m1")) == ("", "", True, [memory])
    assert (erasure.stage, erasure.counts, erasure.proof) == ("closed", {"memory": 1}, {"found": 0})
    assert "Ines" not in str([event.body for event in store.events()])
    assert store.verify().broken_at is None


def test_a_fold_of_the_log_without_what_was_erased_gives_the_state() -> None:
    store = notes()
    do(store, SupersedeMemory(id="m2", text="Buy much paper"))
    do(store, Remember(text="Ines was here"))
    forget(store, Names(epoch=0, subjects=("memory:m2", "memory:m4"), entities=("memory:m2", "memory:m4")))
    assert folded(store).puts == state(store)


def test_without_the_tombstones_such_a_fold_trips_over_what_is_not_there() -> None:
    """The twin: a later event speaks of a memory that was erased."""
    store = notes()
    do(store, SupersedeMemory(id="m2", text="Buy much paper"))
    forget(store, Names(epoch=0, subjects=("memory:m2",), entities=("memory:m2",)))
    draft = Draft(InMemoryStore())
    with pytest.raises(AssertionError):
        fold_all(draft, store)


def test_a_number_is_never_given_again_also_after_a_fold() -> None:
    """The last note goes; the next one must not get its id, whose key is gone."""
    store = notes()
    forget(store, Names(epoch=0, subjects=("memory:m2",), entities=("memory:m2",)))
    assert folded(store).puts["counter", "m"] == store.get(Counter, "m")
    assert do(store, Remember(text="Next"))["id"] == "m3"


def test_a_request_stays_answered_without_what_was_said() -> None:
    store = notes()
    forget(store, INES)
    assert store.get(Receipt, "ask Ines") is None  # The id itself would tell.
    do(store, Remember(text="Secret"), request_id="q7")
    forget(store, Names(epoch=store.epoch, subjects=("memory:m3",), entities=("memory:m3", "receipt:q7")))
    before = store.head.seq
    assert do(store, Remember(text="Secret"), request_id="q7") == {"erased": True}
    assert store.head.seq == before


def test_a_name_outside_is_known_as_forgotten_without_being_kept() -> None:
    store = notes()
    forget(store, INES, names_outside=("mail:inbox/ines.eml",))
    assert store.get(Alias, forgotten_alias("mail:inbox/ines.eml")) is not None
    assert "ines.eml" not in str([event.body for event in store.events()])


def test_one_thing_is_forgotten_at_a_time() -> None:
    store = notes()
    do(store, BeginErasure(removal=INES, counts={}))
    with pytest.raises(QuarterdeckError, match="er1 is still being forgotten"):
        do(store, BeginErasure(removal=INES, counts={}))


def everything_of_runs(store: InMemoryStore) -> Names:
    kinds = ("run", "action", "deadletter", "thread", "part")
    every = (one for kind in kinds for one in store.scan(ENTITIES[kind]))
    entities = tuple(f"{one.kind}:{one.id}" for one in every if one.kind != "part" or "/run:" in one.id)
    subjects = tuple(name for name in entities if name.startswith("run:"))
    return Names(epoch=0, subjects=subjects, entities=entities)


def test_what_may_be_leaving_right_now_is_not_forgotten_and_nothing_else_is() -> None:
    store = tell_all().store
    action = next(store.scan(Action))
    store.append([moved(store, msgspec.structs.replace(action, status="sent"))])
    with pytest.raises(QuarterdeckError, match=f"{action.id} is sent"):
        forget(store, everything_of_runs(store))
    assert (store.epoch, list(store.live(Erasure))) == (0, [])


def moved(store: InMemoryStore, action: Action) -> Commit:
    seq = store.head.seq + 1
    event = Event(
        seq=seq,
        id=f"e{seq}",
        at_us=1,
        kind="effect.sent",
        actor="kernel",
        body={"action": action.id},
        run=action.run or None,
    )
    return Commit(
        events=(event,), touched=((f"action:{action.id}",),), puts=(msgspec.structs.replace(action, seq=seq),)
    )


def test_runs_are_cancelled_and_actions_withdrawn_before_they_are_forgotten() -> None:
    """A whole story: afterwards nothing of it is under way, and the log folds to what is left.

    A time that waited for one of the runs to end begins its own run then; that is new, and was not asked about.
    """
    store = tell_all().store
    before = store.head.seq
    forget(store, everything_of_runs(store))
    left = [one for kind in ("run", "action", "deadletter") for one in store.scan(ENTITIES[kind])]
    assert [one for one in left if not (isinstance(one, Run) and one.origin and one.seq > before)] == []
    assert folded(store).puts == state(store)
    assert store.verify().broken_at is None
