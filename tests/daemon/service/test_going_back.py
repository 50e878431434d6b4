"""Snapshots, differences and rewinds through the handlers, over a real engine and store."""

from __future__ import annotations

from typing import TypeVar

import msgspec
import pytest

from quarterdeck_daemon.core.commands import Endorse, MakeLink, PutFact, Remember
from quarterdeck_daemon.core.entities import Entity, Fact, Memory
from quarterdeck_daemon.core.time_travel import is_current
from quarterdeck_daemon.service.handlers import time_travel
from quarterdeck_protocol import params as p
from quarterdeck_protocol import time_params as t
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR, Labels

from .reading_house import ASKED, Reading, plain, reading

E = TypeVar("E", bound=Entity)
SECOND = 1_000_000


async def call(on: Reading, method: str, params: p.Params, request_id: str | None = None) -> dict[str, object]:
    asked = msgspec.structs.replace(ASKED, request_id=request_id, body_hash=repr(params))
    handler = time_travel.handlers(on.house)[method]
    answer = await handler(asked, params)
    return plain(answer[0] if isinstance(answer, tuple) else answer)


async def put(on: Reading, key: str, value: object, **more: object) -> int:
    """One fact `k/key`; the clock moves on, so that each command has a time of its own."""
    on.now_us += SECOND
    command = msgspec.convert({"fact_kind": "k", "key": key, "value": {"n": value}, **more}, PutFact)
    return (await on.do(command)).seq


async def note(on: Reading, text: str, labels: Labels = OPERATOR) -> str:
    on.now_us += SECOND
    done = await on.do(Remember(text=text, labels=labels))
    return str(done.reply["id"])


def found(on: Reading, cls: type[E], id: str) -> E:
    entity = on.store.get(cls, id)
    assert entity is not None
    return entity


def bare(entity: Entity) -> Entity:
    """Without what counts changes: that goes up, whichever way one goes."""
    entity = msgspec.structs.replace(entity, seq=0)
    return msgspec.structs.replace(entity, version=0) if isinstance(entity, Fact) else entity


def records(on: Reading) -> dict[str, Entity]:
    return {f"{cls.kind}:{one.id}": bare(one) for cls in (Fact, Memory) for one in on.store.scan(cls)}


async def rewind(on: Reading, to: object, **more: object) -> dict[str, object]:
    on.now_us += SECOND
    return await call(on, "rewind", msgspec.convert({"to": to, **more}, t.Rewind))


async def test_a_rewind_gives_values_back_and_its_undo_gives_back_what_was_there_before() -> None:
    async with reading() as on:
        await put(on, "a", 1)
        old = await note(on, "the old price is 100")
        then, point = records(on), on.store.head.seq
        await put(on, "a", 2)
        await put(on, "new", 1)
        await note(on, "the new price is 200")
        now = records(on)
        done = await rewind(on, point)
        assert {"total": done["total"], "id": done["id"], "to": done["to_seq"], "undo": done["undo"]} == {
            "total": 3, "id": "rw1", "to": point, "undo": {"to": point + 3, "scope": "rewind:rw1"},
        }  # fmt: skip
        after = records(on)
        assert {name: one for name, one in after.items() if name in then} == then
        assert all(name in then or not is_current(one) for name, one in after.items())
        assert found(on, Fact, "k/a").version == 3, "a new version with the old value"
        assert found(on, Memory, old).withdrawn is False
        await rewind(on, point + 3)
        assert records(on) == now
        undo = msgspec.convert(done["undo"], t.Rewind)
        assert (await call(on, "rewind", undo))["total"] == 0, "it is undone already"


async def test_the_undo_by_the_rewinds_own_name_keeps_what_came_later() -> None:
    async with reading() as on:
        point = await put(on, "a", 1)
        await put(on, "a", 2)
        done = await rewind(on, point)
        await put(on, "b", 7)
        await call(on, "rewind", msgspec.convert(done["undo"], t.Rewind))
        assert found(on, Fact, "k/a").value == {"n": 2}
        assert (found(on, Fact, "k/b").value, found(on, Fact, "k/b").withdrawn) == ({"n": 7}, False)


async def test_the_dry_run_says_what_would_happen_and_its_hash_holds_the_real_one_to_it() -> None:
    async with reading() as on:
        point = await put(on, "a", 1)
        await put(on, "a", 2)
        head = on.store.head.seq
        plan = await rewind(on, point, dry_run=True)
        assert plan["changes"] == [
            {"id": "fact:k/a", "what": "restored", "title": "", "fields": [{"name": "n", "before": 2, "after": 1}]}
        ]
        assert (plan["dry_run"], plan["commits"], on.store.head.seq) == (True, 1, head)
        await put(on, "a", 3)
        with pytest.raises(QuarterdeckError) as refused:
            await rewind(on, point, plan_hash=plan["plan_hash"])
        assert refused.value.code == "conflict"
        again = await rewind(on, point, dry_run=True)
        assert (await rewind(on, point, plan_hash=again["plan_hash"]))["total"] == 1


async def test_a_rewind_raises_no_trust_that_was_taken_away() -> None:
    """A fact was private and the operator made it secret: going back to its value does not make it private again."""
    async with reading() as on:
        point = await put(on, "a", 1)
        await put(on, "a", 1, labels={"sensitivity": "secret"})
        await put(on, "a", 2, labels={"sensitivity": "secret"})
        await rewind(on, point)
        assert found(on, Fact, "k/a").value == {"n": 1}
        assert found(on, Fact, "k/a").labels.sensitivity == "secret"


async def test_trust_that_came_after_the_point_is_gone_and_comes_back_by_the_undo() -> None:
    async with reading() as on:
        id = await note(on, "we pay within 14 days", EXTERNAL)
        point = on.store.head.seq
        on.now_us += SECOND
        await on.do(Endorse(id=id))
        endorsed = bare(found(on, Memory, id))
        done = await rewind(on, point, scope=f"memory:{id}")
        assert (found(on, Memory, id).labels.integrity, found(on, Memory, id).tier) == ("external", "review")
        await rewind(on, None, **{"scope": f"rewind:{done['id']}"})
        assert bare(found(on, Memory, id)) == endorsed


async def test_links_go_back_too_and_provenance_does_not() -> None:
    async with reading() as on:
        await put(on, "a", 1)
        await put(on, "b", 1)
        link = MakeLink(source="fact:k/a", relation="knows", target="fact:k/b")
        on.now_us += SECOND
        await on.do(link)
        linked = on.store.head.seq
        on.now_us += SECOND
        await on.do(msgspec.structs.replace(link, remove=True))
        await rewind(on, linked)
        assert [one.relation for one in on.store.links_from("fact:k/a")] == ["knows"]
        await rewind(on, linked - 1)
        assert on.store.links_from("fact:k/a") == []


async def test_a_large_rewind_is_several_commits_under_one_name_and_can_be_resumed() -> None:
    async with reading() as on:
        point = await put(on, "a", 0)
        for n in range(1_201):
            await put(on, f"x{n}", n)
        plan = await rewind(on, point, dry_run=True)
        assert (plan["total"], plan["commits"]) == (1_201, 3)
        done = await rewind(on, point)
        assert (done["id"], done["total"], on.house.alerts) == ("rw1", 1_201, {})
        assert all(one.withdrawn for one in on.store.scan(Fact, prefix="k/x"))
        kinds = [event.kind for event in on.store.events_of("rewind:rw1")]
        assert kinds == ["rewind.begun", "rewind.finished"]


async def test_an_interrupted_rewind_says_so_and_goes_on_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    async with reading() as on:
        point = await put(on, "a", 0)
        for n in range(1_100):
            await put(on, f"x{n}", n)
        calls = 0
        execute = on.engine.execute

        async def dying(command: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise QuarterdeckError("unavailable", "the power is gone")
            return await execute(command, **more)  # type: ignore[arg-type]  # As it was called.

        monkeypatch.setattr(on.engine, "execute", dying)
        with pytest.raises(QuarterdeckError):
            await rewind(on, point)
        monkeypatch.undo()
        assert str(on.house.alerts["rewind"]["hint"]) == "quarterdeck rewind --resume rw1"
        with pytest.raises(QuarterdeckError) as refused:
            await rewind(on, point, scope="fact:k/a")
        assert refused.value.code == "conflict", "another one has to wait"
        done = await call(on, "rewind", t.Rewind(resume="rw1"))
        assert (done["id"], done["total"]) == ("rw1", 1_100)
        assert all(one.withdrawn for one in on.store.scan(Fact, prefix="k/x"))
        assert "rewind" not in on.house.alerts


async def test_the_same_request_twice_is_one_rewind_with_one_answer() -> None:
    async with reading() as on:
        point = await put(on, "a", 1)
        await put(on, "a", 2)
        first = await call(on, "rewind", t.Rewind(to=point), "once")
        head = on.store.head.seq
        assert await call(on, "rewind", t.Rewind(to=point), "once") == first
        assert on.store.head.seq == head


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"to": 99}, "out_of_range"), ({"to": "no-such-name"}, "bad_value"), ({}, "schema"),
        ({"to": 1, "scope": "everything"}, "bad_value"), ({"to": 1, "scope": "run:r9"}, "not_found"),
        ({"to": 1, "scope": "fact:k/none"}, "not_found"), ({"resume": "rw7"}, "not_found"),
        ({"to": 1, "scope": "planet:mars"}, "bad_value"),
    ],
)  # fmt: skip
async def test_nonsense_is_refused_with_a_hint(wanted: dict[str, object], code: str) -> None:
    async with reading() as on:
        await put(on, "a", 1)
        with pytest.raises(QuarterdeckError) as refused:
            await call(on, "rewind", msgspec.convert(wanted, t.Rewind))
        assert refused.value.code == code
        assert refused.value.hint
