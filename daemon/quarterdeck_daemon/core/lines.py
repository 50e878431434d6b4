"""Lines: who waits for room in a limit or for a breaker to close, in which order they are called.

Each limit has one line for each priority. Interactive work goes before normal, normal before batch, but of every
`TURNS` calls one goes to the last class that waits and two to the one before, so that nobody waits for ever: whoever
waits at the head of the batch line is called after at most `TURNS` others. What is a part of work under way goes before
all: they may be waiting for that work to end. A line is a chain of waiters, so joining
and calling cost the same however long it is.
"""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.events import Event

from .entities import Line, LineClass, Meter, Plain, Priority, Waiter, Work
from .table import Draft
from .turn import Applier, Turn, take_number

replace = msgspec.structs.replace
ORDER: tuple[Priority, ...] = ("interactive", "normal", "batch")
TURNS = 8  # Of so many calls, ...
SECOND_TURNS = frozenset((3, 6))  # ... these go to the second class that waits, if there is one,
LAST_TURN = 7  # ... and this to the last.
WAITING_MAX = 100_000  # In all lines of one limit.


def next_of(waiting: list[Priority], turn: int) -> Priority:
    """Which class is called at this turn; waiting: those that have somebody, in ORDER. Not empty."""
    place = turn % TURNS
    if place == LAST_TURN:
        return waiting[-1]
    if place in SECOND_TURNS and len(waiting) > 1:
        return waiting[1]
    return waiting[0]


def join_line(turn: Turn, scope: str, work: Work) -> str:
    """Put the work at the end of its line. Returns the waiter's id."""
    id = f"w{turn.number('w')}"
    turn.emit("line.joined", {"waiter": id, "scope": scope, "work": msgspec.to_builtins(work)})
    return id


def first_of(turn: Turn, meter: Meter) -> Waiter:
    """Who is called next. The meter has somebody waiting."""
    waiting = [priority for priority in ORDER if priority in meter.lines]
    line: LineClass = "inside" if "inside" in meter.lines else next_of(waiting, meter.turns)
    waiter = turn.draft.get(Waiter, meter.lines[line].head)
    assert waiter is not None, "a line leads to its waiters"
    return waiter


def leave_line(turn: Turn, waiter: Waiter, why: str) -> None:
    """Take the first of a line out of it. why: `called`, `moved` to ask anew, or `gone`."""
    turn.emit("line.left", {"waiter": waiter.id, "scope": waiter.scope, "priority": waiter.work.priority, "why": why})


def look_again(turn: Turn, meter: Meter, until_us: int | None) -> None:
    """Note when it is worth looking at the lines again; None: when something ends."""
    if meter.until_us != until_us:
        turn.emit("line.waits", {"scope": meter.id, "until_us": until_us})


# --- events ---------------------------------------------------------------------------------------


def _joined(draft: Draft, event: Event) -> None:
    id, scope = str(event.body["waiter"]), str(event.body["scope"])
    work = msgspec.convert(event.body["work"], Work)
    draft.put(Waiter(id=id, seq=event.seq, scope=scope, work=work, at_us=event.at_us))
    take_number(draft, id, event.seq)
    meter = draft.get(Meter, scope) or Meter(id=scope)
    line = meter.lines.get(work.priority)
    if line is not None:
        last = draft.get(Waiter, line.tail)
        assert last is not None, "a line leads to its waiters"
        draft.put(replace(last, seq=event.seq, next=id))
    line = Line(head=line.head if line else id, tail=id)
    lines = {**meter.lines, work.priority: line}
    draft.put(replace(meter, seq=event.seq, lines=lines, waiting=meter.waiting + 1))


def _left(draft: Draft, event: Event) -> None:
    waiter = draft.get(Waiter, str(event.body["waiter"]))
    meter = draft.get(Meter, str(event.body["scope"]))
    assert waiter is not None, "somebody left"
    assert meter is not None, "it left a line"
    lines = dict(meter.lines)
    priority = waiter.work.priority
    assert lines[priority].head == waiter.id, "only the first leaves a line"
    if waiter.next:
        lines[priority] = replace(lines[priority], head=waiter.next)
    else:
        del lines[priority]
    turns = meter.turns + (event.body["why"] == "called")
    until: Plain = {} if lines else {"until_us": None}
    draft.put(replace(meter, seq=event.seq, lines=lines, waiting=meter.waiting - 1, turns=turns, **until))


def _waits(draft: Draft, event: Event) -> None:
    meter = draft.get(Meter, str(event.body["scope"]))
    assert meter is not None, "a line that waits exists"
    draft.put(replace(meter, seq=event.seq, until_us=event.body["until_us"]))


APPLY: dict[str, Applier] = {"line.joined": _joined, "line.left": _left, "line.waits": _waits}
